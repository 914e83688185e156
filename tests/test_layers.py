"""The layers and walls that docs/architecture.md draws: a module imports only from lines above its own, and the store
alone speaks SQL."""

import ast
import re
from pathlib import Path

import pytest
from shape import sql

ROOT = Path(__file__).parents[1]


def drawn() -> dict[str, int]:
    """The line of every module in the tables of the documentation, by its dotted name."""
    ranks: dict[str, int] = {}
    package = ""
    for line in (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8").splitlines():
        if head := re.match(r"\| line \| `(harness[.\w]*)` \|", line):
            package = head[1]
        elif package and (row := re.match(r"\| (\d+) \| ([^|]*) \|", line)):
            ranks |= {f"{package}.{name}": int(row[1]) for name in re.findall(r"`(\w+)`", row[2])}
    return ranks


def walled() -> dict[str, str]:
    """What may be imported only inside one package, and inside which, as the documentation has it."""
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(
        r"\| `(harness[.\w]*)` \| (.*) \|", text.partition("| imported only inside | what |")[2].partition("\n\n")[0]
    )
    return {name: package for package, names in rows for name in re.findall(r"`([\w.]+)`", names)}


RANK = drawn()
WALLS = walled()
OUTSIDE = {"harness_tasks", "harness_reports", "harness_dashboard"}
FOLDERS = {"tasks", "reports", "dashboard"}
"""Names that belong to whoever installs the wheel: no module of ours is imported by them."""


def imports(source: str) -> set[str]:
    """Dotted names of ours, and of what stands behind a wall, that a source imports, inside functions too."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.split(".")[0] in OUTSIDE | FOLDERS | {"harness"} or wall(name)}


def wall(name: str) -> str | None:
    """The package inside of which a dotted name may be imported; None where anybody may."""
    return next((WALLS[part] for part in WALLS if f"{name}.".startswith(f"{part}.")), None)


def inside(module: str, package: str | None) -> bool:
    return package is not None and f"{module}.".startswith(f"{package}.")


def unit(name: str) -> str:
    """The module of the tables that a dotted name lies in."""
    parts = name.split(".")
    return ".".join(parts[: 3 if parts[:2] == ["harness", "engine"] else 2])


def forbidden(module: str, name: str) -> bool:
    """Whether `module` (harness.x... or harness_tasks.x...) may not import `name`."""
    if wall(name):
        return not inside(module, wall(name))
    top, other = module.split(".", maxsplit=1)[0], name.split(".", maxsplit=1)[0]
    if other in FOLDERS or (top == "harness" and other != "harness"):
        return True
    if top == other == "harness":
        own, theirs = unit(module), unit(name)
        if own.startswith("harness.engine.") != theirs.startswith("harness.engine."):
            own, theirs = (".".join(one.split(".")[:2]) for one in (own, theirs))
        return own != theirs and own in RANK and theirs in RANK and RANK[theirs] >= RANK[own]
    return other in OUTSIDE - {top}


def violations(module: str, source: str) -> list[str]:
    """What `module` imports although it does not stand above it."""
    return [f"{module} imports {name}" for name in sorted(imports(source)) if forbidden(module, name)]


def statements(module: str, source: str) -> list[str]:
    """The SQL of a module that is not part of the store."""
    return [] if inside(module, WALLS["sqlalchemy"]) else [f"{module} says {text!r}" for text in sql(source)]


def modules() -> list[tuple[str, Path]]:
    files = [file for top in ("harness", *sorted(OUTSIDE)) for file in (ROOT / top).rglob("*.py")]
    return [(".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"), file) for file in files]


def test_every_module_imports_only_from_lines_above() -> None:
    assert [v for name, file in modules() for v in violations(name, file.read_text(encoding="utf-8"))] == []


def test_the_store_alone_speaks_sql() -> None:
    assert set(WALLS.values()) == {"harness.store"} and {"sqlalchemy", "duckdb", "harness.store.schema"} <= set(WALLS)
    assert [s for name, file in modules() for s in statements(name, file.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize("name", ["harness.run", "harness_dashboard.content.gate", "harness_reports.bias"])
def test_planted_sql_is_found(name: str) -> None:
    assert len(statements(name, "query = 'SELECT name FROM runs'\nnote = 'Select a row from the table'")) == 1
    assert statements("harness.store.queries.runs", "query = 'SELECT name FROM runs'") == []


def test_every_module_of_the_library_has_a_line() -> None:
    units = {unit(name) for name, _ in modules() if name.startswith("harness.")}
    assert units - {"harness.engine"} == set(RANK) - {"harness.engine"}


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("harness.types", "from harness.errors import X\nimport harness.run"),
        ("harness.types", "from harness.reading.text import X"),
        ("harness.engine.causal.scoring.plan", "from harness.engine.encoders.masked import X"),
        ("harness.engine.backend", "from harness.engine.files import X"),
        ("harness.engine.backend", "from harness.kinds import X"),
        ("harness.run", "def f():\n    from harness.store import open_store"),
        ("harness.engine.load", "from harness import cli"),
        ("harness.kinds", "import harness_tasks.glue"),
        ("harness_dashboard.app", "from harness_reports import html"),
        ("harness_tasks.bbq", "from tasks.probes import X"),
        ("harness_dashboard.content.gate", "from harness.store.schema import RUNS"),
        ("harness_dashboard.session", "from harness.store import database"),
        ("harness_reports.facts", "def f():\n    import sqlalchemy as sa"),
        ("harness_reports.facts", "from sqlalchemy.orm import Session"),
        ("harness.differences", "from harness.store.database import reading"),
        ("harness.answers.journal", "import sqlite3"),
    ],
)
def test_a_planted_violation_is_found(module: str, source: str) -> None:
    assert len(violations(module, source)) == 1
