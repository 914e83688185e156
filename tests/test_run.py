"""The whole road on scripted models: what is stored, what a failure does, what is shared and what is refused."""

import json
import math
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness import able
from harness import run as running
from harness.answers.journal import Journal
from harness.api import evaluate, rescore
from harness.engine.backend import Batch, Options
from harness.engine.elsewhere.scripted import open_scripted
from harness.errors import DataError, Unsupported
from harness.kinds import About, Data, multiple_choice
from harness.plugins import catalogue, load_model
from harness.store import open_store
from harness.types import (  # fmt: skip
    Card,
    Choose,
    Chosen,
    Dataset,
    Example,
    Failed,
    Judged,
    ModelInfo,
    Question,
    Response,
    Scored,
    Settings,
    Task,
)

CARD = Card(measures="m", limits="l", source="s", licence="Apache-2.0")


def letters(path: Path, count: int = 12) -> Task:
    """A task of `count` questions in three clusters and two slices."""
    rows = [
        {
            "id": str(i),
            "question": f"q{i}",
            "choices": ["a", "b", "c"],
            "answer": i % 3,
            "side": "lr"[i % 2],
            "room": i // 4,
        }
        for i in range(count)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return multiple_choice(
        "letters",
        data=Data(Dataset("letters", path=str(path)), slices=("side",), cluster="room"),
        prompt="{question}:",
        choices="choices",
        target="answer",
        about=About(version=1, card=CARD),
    )


def test_oracle_opposite_and_failures(tmp_path: Path) -> None:
    task = letters(tmp_path / "letters.jsonl")
    found = {}
    for rule in ("oracle", "opposite", "fail-every-3"):
        result = evaluate(f"scripted:{rule}", [task], store=str(tmp_path / rule))
        found[rule] = {(e.metric, e.slice): e for e in result.estimates}
    oracle, opposite, failing = (found[rule]["acc", "all"] for rule in found)
    assert (oracle.value, oracle.n, oracle.failed, oracle.clusters) == (1.0, 12, 0, 3)
    assert (opposite.value, opposite.n, opposite.failed) == (0.0, 12, 0)
    assert (failing.value, failing.n, failing.failed) == (1.0, 8, 4)
    assert {s for m, s in found["oracle"] if m == "acc"} == {"all", "side=l", "side=r"}


def test_a_run_of_failures_has_no_value(tmp_path: Path) -> None:
    result = evaluate("scripted:fail-every-1", [letters(tmp_path / "l.jsonl")], store=str(tmp_path / "s"))
    assert {(e.value, e.low, e.n) for e in result.estimates} == {(None, None, 0)}
    assert next(e.failed for e in result.estimates if e.slice == "all") == 12


def test_stored_equals_returned(tmp_path: Path) -> None:
    result = evaluate("scripted:opposite", [letters(tmp_path / "l.jsonl")], store=str(tmp_path / "s"), limit=5)
    assert result.run.tasks[0].available == 12 and result.run.settings["limit_order"] == "sampled"
    store = open_store(str(tmp_path / "s"))
    assert store.run(result.run.id).status == "finished"
    assert sorted(map(repr, store.results(result.run.id))) == sorted(map(repr, result.estimates))
    samples = store.samples(result.run.id, "letters")
    ids = [int(name) for name in samples["example_id"]]
    assert ids == sorted(set(ids)) and len(ids) == 5 and store.run(result.run.id).tasks == result.run.tasks
    assert not samples["correct"].any()
    assert list(result.frame.columns[:4]) == ["task", "metric", "slice", "value"]


def test_rescoring_judges_the_stored_answers_anew(tmp_path: Path) -> None:
    place = str(tmp_path / "s")
    first = evaluate("scripted:fail-every-3", ["demo/qa"], store=place)
    again = rescore(first.run.id, store=place)
    assert again.run.id != first.run.id and again.run.settings["rescored"] == first.run.id
    assert again.estimates == first.estimates
    assert open_store(place).results(again.run.id) == open_store(place).results(first.run.id)


def test_a_scripted_model_that_is_asked_what_no_task_asks_says_so() -> None:
    with pytest.raises(Unsupported, match="knows the answers to the tasks of a run, and none to 'judge'"):
        open_scripted("oracle").answer([Question("judge", "0", 0, Choose("Good?", ("yes", "no")))])


class Dying:
    """An oracle that stops after some batches, as a killed process does."""

    def __init__(self, task: Task, after: int) -> None:
        self.oracle = open_scripted("oracle", running.exams(running.plan([task], Settings(), None)))
        self.info = self.oracle.info
        self.after = after
        self.computed: list[int] = []

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        for number, batch in enumerate(self.oracle.answer(questions, done)):
            if number == self.after:
                raise KeyboardInterrupt
            self.computed += [i for i, _ in batch]
            yield batch

    def stats(self) -> dict[str, float | str]:
        return {}


def test_an_interrupted_run_resumes_without_computing_anything_twice(tmp_path: Path) -> None:
    task, place = letters(tmp_path / "l.jsonl", 40), str(tmp_path / "s")
    dying, rest = Dying(task, after=2), Dying(task, after=10**6)
    with pytest.raises(KeyboardInterrupt):
        evaluate(dying, [task], store=place)
    store = open_store(place)
    [run] = store.runs()
    assert run.status == "interrupted"
    result = evaluate(rest, [task], store=place, resume=True)
    assert result.run.id == run.id
    assert dying.computed and sorted(dying.computed + rest.computed) == list(range(40))
    undisturbed = evaluate("scripted:oracle", [task], store=str(tmp_path / "t"))
    assert result.estimates == undisturbed.estimates
    assert [r.status for r in store.runs()] == ["finished"]
    assert not list(store.journals.glob("*.journal"))


def test_answers_of_another_kind_of_machine_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their last digits may differ, so that the numbers are not those of a run that was never stopped."""
    task, place = letters(tmp_path / "l.jsonl", 40), str(tmp_path / "s")
    dying, rest = Dying(task, after=2), Dying(task, after=10**6)
    for one in (dying, rest):
        one.info = replace(one.info, pinned=True)
    with pytest.raises(KeyboardInterrupt):
        evaluate(dying, [task], store=place, cache=False)
    monkeypatch.setattr("harness.engine.device.surroundings", lambda: {"device": "CPU of another kind", "torch": "2.0"})
    notices: list[str] = []
    evaluate(rest, [task], store=place, resume=True, cache=False, notice=notices.append)
    [told] = [text for text in notices if "another kind of machine" in text]
    assert "now 'CPU of another kind'" in told


def test_only_machines_that_have_answered_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task, place = letters(tmp_path / "l.jsonl", 40), str(tmp_path / "s")
    notices: list[str] = []
    for machine, after in (("A", 2), ("B", 0), ("A", 10**6)):
        monkeypatch.setattr("harness.engine.device.surroundings", lambda machine=machine: {"device": machine})
        model = Dying(task, after=after)
        model.info = replace(model.info, pinned=True)
        notices.clear()
        with suppress(KeyboardInterrupt):
            evaluate(model, [task], store=place, resume=True, cache=False, notice=notices.append)
    assert not [text for text in notices if "another kind of machine" in text]


def test_nothing_is_left_of_a_run_that_computed_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        task = letters(tmp_path / "l.jsonl")
        evaluate(Dying(task, after=0), [task], store=str(tmp_path / "s"))
    assert not list(open_store(str(tmp_path / "s")).journals.glob("*.journal"))


def test_a_failed_response_never_reaches_the_judge(tmp_path: Path) -> None:
    def judge(example: object, responses: tuple[Response, ...]) -> Failed:
        assert not any(isinstance(r, Failed) for r in responses)
        return Failed("unparsed", "always")

    task = replace(letters(tmp_path / "l.jsonl"), judge=judge)
    planned = running.plan([task], Settings(), None)
    outcomes = running.judge(planned, [Failed("server", "gone")] * 12, {"letters": {}})["letters"]
    assert {o.failure.kind for o in outcomes if o.failure} == {"server"}


def test_a_model_that_cannot_answer_is_refused_with_what_would_work() -> None:
    class Mute:
        info = ModelInfo("mute", {}, frozenset({Choose}))

        def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
            return iter(())

        def stats(self) -> dict[str, float | str]:
            return {}

    tasks = catalogue().tasks
    with pytest.raises(
        Unsupported, match="mute cannot answer Generate, which demo/qa asks; it answers Choose.*demo/sent"
    ):
        able.check(Mute(), running.plan([tasks["demo/sentiment"], tasks["demo/qa"]], Settings(), None))


def test_an_empty_task_is_an_error(tmp_path: Path) -> None:
    task = letters(tmp_path / "l.jsonl", 0)
    with pytest.raises(DataError, match="letters"):
        running.plan([task], Settings(), None)


def test_shots_do_not_depend_on_the_limit(tmp_path: Path) -> None:
    task = letters(tmp_path / "l.jsonl", 12)
    for mode in ("fixed", "per-example"):
        settings = Settings(shots=3, shots_mode=mode)  # type: ignore[arg-type]
        [whole] = running.plan([task], settings, None)
        [part] = running.plan([task], replace(settings, limit=4), None)
        asked = dict(zip((example.id for example in whole.examples), whole.requests, strict=True))
        assert len(part.examples) == 4
        assert part.requests == tuple(asked[example.id] for example in part.examples)
        assert all(
            f"{e.fields['question']}:" in r[0].prompt for e, r in zip(whole.examples, whole.requests, strict=True)
        )  # type: ignore[union-attr]


def test_a_second_run_uses_the_cache_only_for_pinned_models(tmp_path: Path) -> None:
    task, place = letters(tmp_path / "l.jsonl"), str(tmp_path / "s")
    evaluate("scripted:oracle", [task], store=place)
    again = Dying(task, after=10**6)
    evaluate(again, [task], store=place)
    assert len(again.computed) == 12  # a scripted model is not pinned
    pinned = [Dying(task, after=10**6) for _ in range(2)]
    for model in pinned:
        model.info = replace(model.info, name="pinned", fingerprint={"weights": "1"}, pinned=True)
        evaluate(model, [task], store=place)
    assert [len(model.computed) for model in pinned] == [12, 0]
    other = Dying(task, after=10**6)
    other.info = replace(pinned[0].info, fingerprint={"weights": "2"})
    evaluate(other, [task], store=place)
    assert len(other.computed) == 12


def test_two_runs_cannot_share_a_journal(tmp_path: Path) -> None:
    path = tmp_path / "one.journal"
    with Journal.open(path, {"identity": "x"}), pytest.raises(harness_error(), match="one.journal"):
        Journal.open(path, {"identity": "x"})


def harness_error() -> type[Exception]:
    from harness.errors import RunError

    return RunError


def test_unknown_settings_and_models_name_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="unknown setting 'limits'.*limit"):
        harness.evaluate("scripted:oracle", ["demo/qa"], limits=3)
    with pytest.raises(Exception, match="oracle"):
        load_model("scripted:oracel", Options())


@pytest.mark.parametrize(
    "response",
    [Chosen(0, (math.nan, -1.0), (1, 1)), Scored(math.nan, 1, 1, False), Scored(-math.inf, 1, 1, False)],
)
def test_a_log_probability_that_is_no_number_is_a_failure_whatever_the_task_makes_of_it(
    tmp_path: Path, response: Response
) -> None:
    task = replace(letters(tmp_path / "l.jsonl"), judge=lambda example, responses: Judged("0", {}, True))
    outcome = running.judge_one(task, Example("a", {}), (), (Chosen(0, (-math.inf, -1.0), (1, 1)), response))
    assert outcome.judged is None and outcome.failure is not None and outcome.failure.kind == "nan"
    assert running.judge_one(task, Example("a", {}), (), (Chosen(0, (-math.inf, -1.0), (1, 1)),)).judged
