"""Stores that the pages are opened on: empty, small, and one with an unfinished and a failed run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

import harness_dashboard
from harness.api import evaluate
from harness.kinds import About, Data, Decoding, generation, multiple_choice, pair
from harness.metrics.classify import mean, proportion
from harness.metrics.measures import ACC, Measure, TextMeasure, first_is_likelier
from harness.store import Store, open_store
from harness.types import Card, Dataset, Task

APP = Path(harness_dashboard.__file__).with_name("app.py")
EVIL = "<script>document.title='owned'</script> [link](http://x.invalid) \x1b[31mred \u202etfel " + "z" * 1_000_000
LIMITS = "measures <b>letters</b> only"


def letters(path: Path, name: str = "letters", count: int = 12, version: int = 1) -> Task:
    """Questions in three rooms, each plain and shouted; the first one is hostile."""
    rows = [
        {"question": EVIL if i == 0 else f"q{i}", "choices": ["a", "b", "c"], "answer": i % 3, "room": i // 4,
         "variant": ("original", "shouted")[i % 2], "pair": i // 2}
        for i in range(count)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        name,
        data=Data(Dataset(name, path=str(path)), slices=("variant", "room"), cluster=lambda row: str(row["pair"])),
        prompt="{question}:",
        choices="choices",
        target="answer",
        about=About(version=version, card=Card(measures="m", limits=LIMITS, source="s", licence="Apache-2.0")),
        measures=(ACC,),
    )


def pronouns(path: Path) -> Task:
    """A probe with an ideal: which of two sentences is preferred."""
    rows = [{"a": f"she is {i}", "b": f"he is {i}", "kind": ("x", "y")[i % 2]} for i in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    prefers = replace(mean("prefers"), better="ideal", ideal=0.5)
    return pair(
        "pronouns",
        data=Data(Dataset("pronouns", path=str(path)), slices=("kind",)),
        first="{a}",
        second="{b}",
        measures=(Measure(prefers, first_is_likelier),),
        about=About(
            version=1, card=Card(measures="m", limits="eight <i>sentences</i>", source="s", licence="Apache-2.0")
        ),
    )


def writer(path: Path) -> Task:
    """A task whose perfect answer is hostile: the scripted oracle writes it."""
    rows = [{"q": f"q{i}", "a": EVIL.replace("red", f"red{i}")} for i in range(3)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    exact: TextMeasure = Measure(proportion("exact"), lambda e, answer: float(answer in e.target))
    return generation(
        "writer",
        data=Data(Dataset("writer", path=str(path))),
        prompt="{q}",
        target="a",
        decoding=Decoding(max_tokens=9),
        extract=str,
        measures=(exact,),
        about=About(version=1, card=Card(measures=EVIL[:150], limits=EVIL[:150], source="s", licence="Apache-2.0")),
    )


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The place of the store "empty", "small" or "broken", made once."""
    folder = tmp_path_factory.mktemp("stores")
    task = letters(folder / "letters.jsonl")
    open_store(str(folder / "empty")).close()
    for kind in ("small", "broken"):
        for rule in ("oracle", "opposite", "fail-every-3"):
            evaluate(f"scripted:{rule}", [task], store=str(folder / kind))
    evaluate("scripted:oracle", [pronouns(folder / "pronouns.jsonl")], store=str(folder / "small"))
    evaluate("scripted:oracle", [writer(folder / "writer.jsonl")], store=str(folder / "small"))
    store = open_store(str(folder / "broken"))
    done = store.runs()[0]
    for name, status in (("unfinished", "running"), ("failed", "failed")):
        store.start(replace(done, id=name, finished=None))
        if status == "failed":
            store.fail(name, "failed", "the weights <b>do not</b> load")
    store.close()
    return lambda kind: str(folder / kind)


@pytest.fixture(name="letters", scope="session")
def letters_task() -> Callable[..., Task]:
    """Makes the task ``letters``, with as many questions and of the version that a test wants."""
    return letters


@pytest.fixture
def small(stores: Callable[[str], str]) -> Store:
    return open_store(stores("small"), create=False)


@pytest.fixture
def run_of(small: Store) -> Callable[[str], str]:
    """The id of a run of ``letters`` by the scripted model's rule."""
    return lambda rule: next(run.id for run in small.runs(task="letters") if run.model.endswith(rule))


@pytest.fixture
def page(stores: Callable[[str], str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., AppTest]:
    """A page of the dashboard on one of the stores, or on any folder, with a query in its address."""

    def show(kind: str, name: str, **query: str) -> AppTest:
        monkeypatch.setenv("HARNESS_STORE", kind if "/" in kind else stores(kind))
        test = AppTest.from_file(str(APP), default_timeout=60)
        if name != "overview":
            test.run()
            test.switch_page(f"views/{name}.py")
        for key, value in query.items():
            test.query_params[key] = value
        return test.run()

    return show


@pytest.fixture
def said() -> Callable[[AppTest], str]:
    """Every word of a page that is neither a table nor a chart."""

    def words(test: AppTest) -> str:
        groups = (test.error, test.info, test.warning, test.text, test.code, test.markdown, test.caption)
        return "\n".join(str(element.value) for group in groups for element in group)

    return words
