"""Python in a notebook: what may be given as a model, what is shown, and what is heard while a run goes."""

import copy
import json
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import causal, saved, word_tokenizer

import harness
from harness.api import Listener, Opener, evaluate
from harness.api.records import heard
from harness.api.shown import NotebookBar, notebook_display
from harness.engine.backend import Options
from harness.errors import HarnessError, UsageError
from harness.store.frames import load

HOSTILE = "<img src=x onerror=alert(1)>\x1b[31m|"


@pytest.fixture(scope="module")
def model() -> Any:
    return causal("llama", 65)


def texts(store: str, run: str, task: str) -> list[Any]:
    return list(load(store).samples(run, task)["responses"])


# ------------------------------------------------------------------------------------------------------------- shown
def test_the_api_and_its_version_are_listed() -> None:
    assert {"evaluate", "compare", "table", "report", "Task", "__version__"} <= set(dir(harness))
    assert harness.__version__ == version("rai-harness")


def test_a_result_is_short_and_hostile_names_are_text(tmp_path: Path) -> None:
    result = evaluate("scripted:oracle", ["demo/sentiment", "demo/qa"], limit=4, store=str(tmp_path / "s"))
    text = repr(result)
    assert len(text) < 800 and text.splitlines()[0] == f"<scripted:oracle, run {result.run.id}, finished>"
    assert "demo/sentiment acc 100 % [" in text and "ece" not in text and "brier" not in text
    hostile = replace(result, run=replace(result.run, model=HOSTILE))
    assert "\x1b" not in repr(hostile)
    html = hostile._repr_html_()
    assert "<img" not in html and "\x1b" not in html and "&lt;img" in html
    assert html.count("<tr>") == len(text.splitlines())
    assert "asked 8 of " in html and "sampled" in html


def test_a_comparison_a_table_and_a_gate_are_shown_in_words(tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    first, second = (
        evaluate(f"scripted:{rule}", "demo/sentiment", store=store, name=name).run.id
        for rule, name in (("opposite", "<b>a"), ("oracle", "<i>b"))
    )
    changes = harness.compare(first, second, store=store)
    assert repr(changes) == f"<{changes.sentence}>" and len(repr(changes)) < 400
    table = harness.table([first, second], store=store)
    assert repr(table) == table.text("md")
    rules = tmp_path / "gate.toml"
    rules.write_text('[[rule]]\nmetric = "demo/sentiment:acc"\nmin = 0.5\n')
    gate = harness.check_gate(rules, second, where=harness.Where(store=store))
    assert repr(gate).startswith("<GATE ")
    for html in (changes._repr_html_(), table._repr_html_(), gate._repr_html_()):
        assert html.startswith("<table>") and "<b>" not in html and "<i>" not in html


def test_numbers_of_several_runs_are_told_apart(tmp_path: Path) -> None:
    store = str(tmp_path / "s")
    runs = [
        evaluate("scripted:oracle", "demo/sentiment", store=store, limit=limit, shots=shots).run.id
        for limit, shots in ((4, 0), ("20%", 2), (None, 0))
    ]
    frame = load(store).results(metric="acc", slice="all")
    assert list(frame["run"]) == runs[::-1]
    assert list(frame["shots"]) == [0, 2, 0] and list(frame["limit"]) == [None, "20%", 4]
    assert frame["version"].notna().all() and list(frame["seed"]) == [0, 0, 0]
    newest = load(store).results(newest=True)
    assert set(newest["run"]) == {runs[-1]}
    assert not newest.duplicated(["model", "task", "metric", "slice"]).any()


# ------------------------------------------------------------------------------------------------------------- heard
class Display:
    """What IPython's display does, kept instead of shown."""

    def __init__(self) -> None:
        self.shown: list[str] = []

    def __call__(self, html: Any, display_id: bool) -> "Display":
        self.update(html)
        return self

    def update(self, html: Any) -> None:
        self.shown.append(html._repr_html_())


def test_a_bar_moves_with_every_per_cent() -> None:
    display = Display()
    bar = NotebookBar(HOSTILE, display)
    for done in range(1001):
        bar(done, 1000)
    assert len(display.shown) == 101
    assert '<progress value="1000" max="1000">' in display.shown[-1] and "1,000 of 1,000" in display.shown[-1]
    assert "<img" not in display.shown[0]


def test_outside_of_a_notebook_nothing_is_shown_and_a_callback_is_called(tmp_path: Path) -> None:
    assert notebook_display() is None
    listener = Listener()
    assert heard(listener, "m") is listener
    calls: list[tuple[int, int]] = []
    evaluate(
        "scripted:oracle",
        "demo/qa",
        limit=4,
        store=str(tmp_path),
        progress=lambda done, total: calls.append((done, total)),
    )
    assert calls[0][0] == 0 and calls[-1] == (4, 4)


# ------------------------------------------------------------------------------------------------------------ models
def test_typed_keywords_reach_the_options(tmp_path: Path, model: Any) -> None:
    folder = Path(saved(model, tmp_path / "model"))
    result = evaluate(folder, "demo/sentiment", device="cpu", engine="reference", limit=2, store=str(tmp_path / "s"))
    assert result.run.fingerprint["engine"].startswith("reference")
    assert result.run.recipe["options"]["device"] == "cpu"
    with pytest.raises(HarnessError, match="unknown setting 'devise'; did you mean device"):
        evaluate(folder, "demo/sentiment", devise="cpu")  # type: ignore[call-arg]


def test_a_function_from_text_to_text(tmp_path: Path) -> None:
    asked = []

    def answer(prompt: str) -> str:
        asked.append(prompt)
        return "The answer is B." if prompt.endswith("Letter:") else "Paris\nand more"

    store = str(tmp_path / "s")
    result = evaluate(answer, ["demo/sentiment", "demo/qa"], limit=6, store=store)
    assert result.run.model.endswith("test_a_function_from_text_to_text.<locals>.answer")
    assert len(asked) == 12 and any("A. " in prompt and "B. " in prompt for prompt in asked)
    acc = next(e for e in result.estimates if (e.task, e.metric, e.slice) == ("demo/sentiment", "acc", "all"))
    assert acc.n == 6 and acc.failed == 0
    assert {one[0]["text"] for one in texts(store, result.run.id, "demo/qa")} == {"Paris"}


def test_another_function_of_the_same_name_is_another_model(tmp_path: Path) -> None:
    def made(word: str) -> Any:
        scope: dict[str, Any] = {}
        exec(f"def answer(prompt): return {word!r}", scope)
        return scope["answer"]

    prints = [evaluate(made(word), "demo/qa", limit=1, store=str(tmp_path)).run.fingerprint for word in ("a", "a", "b")]
    assert prints[0] == prints[1] != prints[2]


def test_what_a_function_does_not_answer_has_failed(tmp_path: Path) -> None:
    def answer(prompt: str) -> Any:
        if "Letter:" in prompt:
            raise KeyError("no key")
        return None

    store = str(tmp_path / "s")
    result = evaluate(answer, ["demo/sentiment", "demo/qa"], limit=3, store=store)
    whole = [e for e in result.estimates if e.slice == "all"]
    assert all(e.value is None and e.n == 0 for e in whole)
    reasons = load(store).samples(result.run.id, "demo/qa")["failure_message"]
    assert set(reasons) == {"the function gave None, which is no text"}


def test_more_choices_than_letters_are_no_question_for_a_function(tmp_path: Path) -> None:
    row = {"question": "Which?", "choices": [str(i) for i in range(30)], "answer": 0}
    (tmp_path / "many.jsonl").write_text(json.dumps(row))
    store = str(tmp_path / "s")
    result = evaluate(str.upper, str(tmp_path / "many.jsonl"), store=store)
    reasons = load(store).samples(result.run.id, result.run.tasks[0].name)["failure_message"]
    assert list(reasons) == ["30 choices are too many to be lettered"]


def test_what_a_function_cannot_be_told(tmp_path: Path) -> None:
    for keywords, said in (
        ({"chat": True}, "chat = True means nothing to a function"),
        ({"base_url": "x"}, "base_url"),
    ):
        with pytest.raises(UsageError, match=said):
            evaluate(str.upper, "demo/qa", store=str(tmp_path), **keywords)
    with pytest.raises(HarnessError, match="cannot answer Likelihood"):
        evaluate(str.upper, f"corpus:{__file__}", store=str(tmp_path))
    for wrong in (5, (1, 2, 3), (1, 2)):
        with pytest.raises(HarnessError, match="is no model|is not a pair"):
            evaluate(wrong, "demo/qa", store=str(tmp_path))  # type: ignore[arg-type]


def test_an_opener_is_told_what_will_be_asked(tmp_path: Path) -> None:
    from harness.engine.elsewhere.scripted import open_scripted

    result = evaluate(Opener(lambda exams: open_scripted("oracle", exams)), "demo/qa", limit=2, store=str(tmp_path))
    assert result.run.status == "finished"


def test_a_model_in_memory_answers_as_from_its_folder(tmp_path: Path, model: Any) -> None:
    folder = saved(model, tmp_path / "model")
    store = str(tmp_path / "s")
    own = evaluate((model.train(), word_tokenizer()), "demo/sentiment", limit=6, store=store)
    read = evaluate(str(folder), "demo/sentiment", limit=6, store=store, device="cpu")
    assert [e.value for e in own.estimates] == [e.value for e in read.estimates]
    assert not model.training
    assert own.run.recipe == {}


def test_a_model_in_memory_is_what_its_class_says(tmp_path: Path, model: Any) -> None:
    """The config of a model that is fine-tuned still names the class that it was loaded from."""
    own = copy.copy(model)
    own.config = copy.deepcopy(model.config)
    own.config.architectures = ["LlamaModel"]
    assert evaluate((own, word_tokenizer()), "demo/sentiment", limit=2, store=str(tmp_path)).run.status == "finished"


def test_the_fingerprint_of_a_model_in_memory_has_its_numbers(tmp_path: Path, model: Any) -> None:
    tokenizer = word_tokenizer()
    before = evaluate((model, tokenizer), "demo/qa", limit=1, store=str(tmp_path)).run.fingerprint
    assert evaluate((model, tokenizer), "demo/qa", limit=1, store=str(tmp_path)).run.fingerprint == before
    with torch.no_grad():
        model.lm_head.weight[0, 0] += 1
    changed = evaluate((model, tokenizer), "demo/qa", limit=1, store=str(tmp_path)).run.fingerprint
    assert {key for key in before if before[key] != changed[key]} == {"weights"}


def test_a_model_in_memory_stays_where_it_is(tmp_path: Path, model: Any) -> None:
    with pytest.raises(UsageError, match="stays where and as it is: of the options only chat"):
        evaluate((model, word_tokenizer()), "demo/qa", store=str(tmp_path), options=Options(dtype="bfloat16"))
    with pytest.raises(UsageError, match="no chat template"):
        evaluate((model, word_tokenizer()), "demo/qa", store=str(tmp_path), chat=True)
