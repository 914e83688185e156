"""The order of layers: a module imports only what stands to its left."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LAYERS = (
    ("types", "errors", "visible", "hidden", "typed"),
    ("reading", "plainyaml", "values", "metrics", "data", "shots", "kinds", "taskfile", "records", "variants", "files"),
    ("engine",),
    ("journal", "cache", "scorers"),
    ("run", "groups", "failures", "notices", "perturb", "counterfactual"),
    ("store", "frames", "finetune"),
    ("compare",),
    ("rules",),
    ("gate",),
    ("verdicts", "selftest"),
    ("plugins",),
    ("api", "suite", "extend"),
    ("cli",),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
OUTSIDE = {"harness_tasks", "harness_reports", "harness_dashboard"}
FOLDERS = {"tasks", "reports", "dashboard"}
"""Names that belong to whoever installs the wheel: no module of ours is imported by them."""


def imports(source: str) -> set[str]:
    """Dotted names of ours that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {
                f"{node.module}.{alias.name}" if node.module == "harness" else node.module for alias in node.names
            }
    return {name for name in found if name.split(".")[0] in OUTSIDE | FOLDERS | {"harness"}}


def violations(module: str, source: str) -> list[str]:
    """What `module` (harness.x... or harness_tasks.x...) imports although it stands to its right."""
    top, _, rest = module.partition(".")
    wrong = []
    for name in sorted(imports(source)):
        other, _, inner = name.partition(".")
        if top == "harness":
            own, theirs = rest.split(".")[0], inner.split(".")[0]
            if other != "harness" or (theirs in RANK and own in RANK and RANK[theirs] > RANK[own]):
                wrong.append(f"{module} imports {name}")
        elif other in FOLDERS | OUTSIDE - {top}:
            wrong.append(f"{module} imports {name}")
    return wrong


def modules() -> list[tuple[str, Path]]:
    files = [file for top in ("harness", *sorted(OUTSIDE)) for file in (ROOT / top).rglob("*.py")]
    return [(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), file) for file in files]


def test_every_module_imports_only_to_its_left() -> None:
    assert [v for name, file in modules() for v in violations(name, file.read_text(encoding="utf-8"))] == []


def test_every_module_of_the_library_has_a_place_in_the_order() -> None:
    tops = {name.split(".")[1] for name, _ in modules() if name.startswith("harness.")}
    assert tops - set(RANK) == set()


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.types", "from harness.errors import X\nimport harness.run"),
        ("harness.run", "def f():\n    from harness.store import open_store"),
        ("harness.engine.load", "from harness import cli"),
        ("harness.kinds", "import harness_tasks.glue"),
        ("harness_dashboard.app", "from harness_reports import html"),
        ("harness_tasks.bbq", "from tasks.probes import X"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1
