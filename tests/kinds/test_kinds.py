"""What a description of a task makes of rows: prompts, few-shot examples, a judge of one's own, and refusals."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.api import evaluate
from harness.data import hub
from harness.errors import DataError
from harness.kinds import (
    About,
    Data,
    Decoding,
    Extremes,
    Items,
    Template,
    classification,
    generation,
    likelihood,
    multiple_choice,
    pair,
    probe,
)
from harness.metrics.classify import proportion
from harness.metrics.measures import ACC, BITS_PER_BYTE, PAIR_ACC, SQUAD_EM, Measure
from harness.types import (
    Card,
    Dataset,
    Example,
    Failed,
    Generate,
    Generated,
    Judged,
    Request,
    Response,
    Row,
    Shots,
    Task,
)

ABOUT = About(version=1, card=Card(measures="m", limits="l", source="s", licence="none"))
HERE = hub("made/up")
ROWS = [{"id": i, "q": f"q{i}", "a": ["yes", "no"][i % 2], "why": f"because {i}"} for i in range(4)]


def prompt_of(task: Task, shots: int) -> str:
    first, *others = task.read(ROWS, HERE)
    (request,) = task.ask(first, others[:shots])
    assert not isinstance(request, Generate) or request.max_tokens == 5
    return str(request.prompt)  # type: ignore[union-attr]


@pytest.mark.parametrize("answer", [None, "why"])
@pytest.mark.parametrize("kind", ["choice", "text"])
def test_a_few_shot_example_shows_the_target_or_what_the_template_names(kind: str, answer: str | None) -> None:
    template = Template("{q}?", description="D. ", delimiter=" -> ", answer=answer)
    task = (
        multiple_choice("t", data=Data(HERE), prompt=template, choices=("yes", "no"), target="a", about=ABOUT)
        if kind == "choice"
        else generation(
            "t",
            data=Data(HERE),
            prompt=template,
            target="a",
            decoding=Decoding(5),
            measures=(SQUAD_EM,),
            about=ABOUT,
        )
    )
    shown = "because 1" if answer else "no"
    assert prompt_of(task, 0) == "D. q0?"
    assert prompt_of(task, 1) == f"D. q1? -> {shown}\n\nq0?"


def test_labels_are_paired_with_what_a_language_model_scores() -> None:
    task = classification(
        "t",
        data=Data(HERE),
        prompt=Template("{q}", inputs=("q",)),
        labels={"no": " -", "yes": " +"},
        target="a",
        about=ABOUT,
    )
    first = task.read(ROWS, HERE)[0]
    (request,) = task.ask(first, ())
    assert (request.choices, request.labels, request.inputs) == ((" -", " +"), ("no", "yes"), ("q0",))  # type: ignore[union-attr]
    assert first.target == 1  # "yes" by its name, wherever it stands
    with pytest.raises(DataError, match="t: the prompt of a classification needs inputs"):
        classification("t", data=Data(HERE), prompt=Template("{q}"), labels={"no": " -"}, target="a", about=ABOUT)


def test_tasks_of_likelihoods_refuse_few_shot_examples() -> None:
    data = Data(HERE, shots=Shots(count=1))
    with pytest.raises(DataError, match="t: a task of likelihoods shows no few-shot examples"):
        likelihood("t", data=data, text="{q}", measures=(BITS_PER_BYTE,), about=ABOUT)
    with pytest.raises(DataError, match="t: a task of likelihoods shows no few-shot examples"):
        pair("t", data=data, first="{q}", second="{a}", measures=(PAIR_ACC,), about=ABOUT)


def test_several_datasets_stand_before_the_ids() -> None:
    parts = (hub("made/up", "x"), hub("made/up", "y"))
    task = multiple_choice("t", data=Data(parts), prompt="{q}", choices=("yes", "no"), target="a", about=ABOUT)
    assert task.dataset == parts
    assert [example.id for part in parts for example in task.read(ROWS[:1], part)] == ["x/0", "y/0"]


def test_a_measure_under_another_name_is_the_same_measure() -> None:
    renamed = ACC.named("hits")
    assert (renamed.name, renamed.metric) == ("hits", replace(ACC.metric, name="hits"))
    assert renamed.value is ACC.value


# --------------------------------------------------------------------------------------------------------------- probe
def twice(row: Row, dataset: Dataset) -> Example:
    return Example(str(row["id"]), {"word": row["word"]}, cluster=dataset.split)


def ask_twice(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
    return tuple(Generate(f"{example.fields['word']}{mark}", 3) for mark in "?!")


def judge_alike(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
    texts = [response.text for response in responses if isinstance(response, Generated)]
    if not all(texts):
        return Failed("empty", "an empty answer")
    return Judged(" | ".join(texts), {"alike": float(len(set(texts)) == 1)})


def said(*texts: str) -> tuple[Response, ...]:
    return tuple(Generated(text, 1, "end") for text in texts)


def alike(path: Path) -> Task:
    path.write_text("".join(f'{{"id": {i}, "word": "w{i}"}}\n' for i in range(6)), encoding="utf-8")
    return probe(
        "alike",
        items=Items(Dataset("alike", path=str(path)), twice, prepare=lambda rows: rows[1:]),
        ask=ask_twice,
        asks=Generate,
        judge=judge_alike,
        metrics=(proportion("alike"),),
        extremes=Extremes(best=lambda e: said("a", "a"), worst=lambda e: said("a", "b")),
        about=replace(ABOUT, tags=("probing",)),
    )


@pytest.mark.parametrize(("rule", "value"), [("oracle", 1.0), ("opposite", 0.0)])
def test_a_probe_is_judged_by_its_own_function(tmp_path: Path, rule: str, value: float) -> None:
    task = alike(tmp_path / "rows.jsonl")
    assert (task.requests, task.tags) == (frozenset({Generate}), frozenset({"probing"}))
    result = evaluate(f"scripted:{rule}", [task], store=str(tmp_path / "s"))
    (estimate,) = result.estimates
    assert (estimate.metric, estimate.value, estimate.n, estimate.clusters) == ("alike", value, 5, 1)
    (example, *_) = task.read([{"id": 0, "word": "x"}, {"id": 1, "word": "y"}], task.dataset[0])
    assert isinstance(task.judge(example, said("a", "")), Failed)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{}, {"id": 1}], "alike: row 1 of .*no column 'word'"),
        ([{}, {"id": 1, "word": "a"}, {"id": 1, "word": "b"}], "alike: row 2 of .*example id '1' is used twice"),
    ],
)
def test_a_row_that_does_not_fit_a_probe_is_named(tmp_path: Path, rows: list[Row], message: str) -> None:
    task = alike(tmp_path / "rows.jsonl")
    with pytest.raises(DataError, match=message):
        task.read(rows, task.dataset[0])


def test_a_measure_that_does_not_apply_counts_nothing() -> None:
    never: Measure[[Example, str]] = Measure(proportion("never"), lambda example, answer: None)
    infinite: Measure[[Example, str]] = Measure(proportion("odd"), lambda example, answer: float("inf"))
    task = generation(
        "t",
        data=Data(HERE),
        prompt="{q}",
        target="a",
        decoding=Decoding(5),
        measures=(SQUAD_EM, never, infinite),
        about=ABOUT,
    )
    judged = task.judge(task.read(ROWS, HERE)[0], said("yes"))
    assert isinstance(judged, Judged)
    assert (dict(judged.values), dict(judged.failed)) == ({"exact_match": 1.0}, {"odd": "its value is inf"})


def test_the_python_of_the_page_on_tasks_runs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)
    task, measure = names["CAPITALS"], names["WORDS_APART"]
    assert isinstance(task, Task) and isinstance(measure, Measure)
    example, shot = task.read(
        [{"country": c, "capital": a, "continent": "x"} for c, a in (("B", "b"), ("C", "c"))], HERE
    )
    (request,) = task.ask(example, [shot])
    assert request.prompt == "Country: C\nCapital: c\n\nCountry: B\nCapital:"  # type: ignore[union-attr]
    assert measure.value(example, "two words") == 1
