"""Stores that the pages are opened on: empty, small, and one with an unfinished and a failed run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.kinds import multiple_choice
from harness.store import open_store
from harness.types import Card, Dataset, Task

EVIL = "<script>document.title='owned'</script> [link](http://x.invalid) \x1b[31mred \u202etfel " + "z" * 1_000_000


def letters(path: Path, name: str = "letters", count: int = 12) -> Task:
    """Questions in three rooms; the first one is hostile."""
    rows = [
        {"question": EVIL if i == 0 else f"q{i}", "choices": ["a", "b", "c"], "answer": i % 3, "room": i // 4}
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        name, version=1, dataset=Dataset(name, path=str(path)), prompt="{question}:", choices="choices",
        target="answer", cluster="room", card=Card(measures="m", limits="measures letters only", source="s",
        licence="Apache-2.0"),
    )  # fmt: skip


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The place of the store "empty", "small" or "broken", made once."""
    folder = tmp_path_factory.mktemp("stores")
    task = letters(folder / "letters.jsonl")
    open_store(str(folder / "empty")).close()
    for kind in ("small", "broken"):
        for rule in ("oracle", "opposite", "fail-every-3"):
            evaluate(f"scripted:{rule}", [task], store=str(folder / kind))
    store = open_store(str(folder / "broken"))
    done = store.runs()[0]
    for name, status in (("unfinished", "running"), ("failed", "failed")):
        store.start(replace(done, id=name, finished=None))
        if status == "failed":
            store.fail(name, "failed", "the weights <b>do not</b> load")
    store.close()
    return lambda kind: str(folder / kind)
