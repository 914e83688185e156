"""A stored run with slices and failures, which several exports are read back from."""

import pytest

import harness
from harness.store import open_store
from harness.types import Run


@pytest.fixture(scope="package")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, str]:
    """A run with slices, failures and a gate's verdict, and the place of its store."""
    store = str(tmp_path_factory.mktemp("exports") / "s")
    made = harness.evaluate("scripted:fail-every-7", ["demo/sentiment", "demo/qa"], limit=20, store=store)
    opened = open_store(store)
    rule = {"limit": "min", "margin": 0.5}
    verdicts = [
        {"task": "demo/qa", "metric": "exact_match", "slice": "all", "state": state, "rule": rule, "quarantined": kept}
        for state, kept in (("PASS", False), ("FAIL", False), ("FAIL", True), ("INCONCLUSIVE", False))
    ]
    opened.save_verdicts(made.run.id, {"exit_code": 1, "verdicts": verdicts})
    return made.run, store
