"""The code keeps its shape: short functions, few parameters, one home for each name. SQL: test_layers."""

from pathlib import Path

import pytest
from shape import PACKAGES, Module, cycles, read, speaks_sql, twice

ROOT = Path(__file__).parents[1]
KERNELS = {"harness.engine.causal.attention.kernels", "harness.engine.causal.attention.paged_kernel"}
"""Triton kernels take pointers, strides and sizes one by one."""


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    return read(ROOT, PACKAGES)


def test_no_function_is_longer_than_a_page(modules: list[Module]) -> None:
    long = [f.where for m in modules if ".migrations." not in m.name for f in m.functions if f.lines > 60]
    assert long == []


def test_no_function_takes_more_than_eight_parameters(modules: list[Module]) -> None:
    assert [f.where for m in modules if m.name not in KERNELS for f in m.functions if f.parameters > 8] == []


def test_every_class_name_has_one_home(modules: list[Module]) -> None:
    assert twice(modules) == {}


def test_no_modules_import_each_other(modules: list[Module]) -> None:
    assert cycles(modules) == []


def module(source: str, name: str = "harness.a") -> Module:
    return Module(Path("a.py"), name, source)


def test_what_is_planted_is_counted() -> None:
    body = "\n".join(f"    x = {i}" for i in range(70))
    [function] = module(f"def f(self, a, b: int, *, c=1):\n{body}\n").functions
    assert (function.lines, function.parameters, function.typed) == (71, 3, False)
    [function] = module("def f() -> None:\n  if a:\n    for b in c:\n      pass\n  elif d:\n    pass\n").functions
    assert function.nesting == 2
    one, two = module("import harness.b", "harness.a"), module("def f():\n    import harness.a", "harness.b")
    assert cycles([one, two]) == [{"harness.a", "harness.b"}]
    assert cycles([one, module("if TYPE_CHECKING:\n    import harness.a", "harness.b")]) == []
    assert twice([module("class A: ..."), module("class A: ...", "harness.b")]) == {"A": ["harness.a", "harness.b"]}
    assert speaks_sql(module("text = 'SELECT a FROM b'")) and speaks_sql(module("from sqlalchemy import select"))
    assert not speaks_sql(module("text = 'select a run from the list'"))
