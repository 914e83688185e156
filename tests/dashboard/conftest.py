"""Stores that the pages are opened on: empty, small, large, nothing but unfinished, and unfinished beside finished."""

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
from harness.types import Card, Dataset, Estimate, MetricRecord, Run, Task
from harness_dashboard import context
from harness_dashboard.content import leaderboard, safety

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


def crowd(store: Store, like: Run) -> None:
    """More runs than a list has, of more models and tasks than stand side by side; the newest have gates."""
    probe = MetricRecord(name="prefers", better="ideal", ideal=0.5, interval="wilson")
    harm = [MetricRecord(name=name, better="lower", interval="wilson") for name in safety.BOTH]
    kinds = [like.tasks[0].metrics[:1], (probe,), tuple(harm)]
    tasks = [
        replace(like.tasks[0], name=f"family{i % 4}/task{i}", fingerprint=str(i), metrics=kinds[max(0, i - 18)])
        for i in range(leaderboard.WIDE + 6)
    ]
    for i in range(context.NEWEST + 25):
        asked = tuple(tasks if i % 25 == 0 or i >= context.NEWEST else tasks[i % 3 : i % 3 + 1])
        day = f"2026-{1 + i // 28 % 12:02}-{1 + i % 28:02}T{i // 336:02}:00:00+00:00"
        model = f"runs/seed{i % 8}/checkpoint-100" if i % 2 else f"owner/model-{i % 31}"
        run = replace(like, id=f"{i:04}", model=model, tasks=asked, started=day, finished=day, status="running")
        values = [(task.name, metric.name, (7 * i + 3 * k) % 97 / 97) for k, task in enumerate(asked)
                  for metric in task.metrics]  # fmt: skip
        numbers = [Estimate(t, m, s, x, 0.9 * x, x + 0.1 * (1 - x), 50, 25, 0)
                   for t, m, x in values for s in ("all", "room=0", "room=1")]  # fmt: skip
        store.start(run)
        store.finish(run, {}, numbers)
        if i >= context.NEWEST:
            said = {
                "state": ("FAIL", "PASS", "INCONCLUSIVE")[i % 3],
                "rule": {"metric": "*:acc", "limit": "min", "margin": 0.5},
            }
            said |= {"metric": "acc", "slice": "all", "n": 50, "value": 0.6, "baseline": None, "message": "made"}
            store.save_verdicts(run.id, {"exit_code": 1, "verdicts": [said | {"task": task.name} for task in asked]})
    store.set_baseline("main", f"{context.NEWEST:04}")
    store.close()


@pytest.fixture(scope="session")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], str]:
    """The place of the store "empty", "small", "large", "unfinished" or "broken", made once."""
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
    crowd(open_store(str(folder / "large")), done)
    alone = open_store(str(folder / "unfinished"))
    alone.start(replace(done, id="alone", status="running", finished=None))
    alone.close()
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
