"""Long contexts: lengths are met, the same seed gives the same text, and a model's limit shows in the curve."""

import math
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import harness
from harness import run as running
from harness.errors import DataError, UnknownName
from harness.types import Failed, Generate, Settings
from harness_tasks.ruler import KINDS, effective_length, ruler, ruler_task, ruler_tasks
from harness_tasks.ruler_texts import COMMON_WORDS, fitted

LENGTHS = (512, 1024, 2048)


def count(text: str) -> int:
    """Words and signs, as a small tokenizer would have them."""
    return len(re.findall(r"\w+|[^\w\s]", text))


def prompts(kind: str, seed: int = 0) -> list[tuple[int, str]]:
    [planned] = running.plan([ruler_task(kind, count, LENGTHS, seed=seed, each=5)], Settings(), None)
    asked = [request for (request,) in planned.requests if isinstance(request, Generate)]
    lengths = [int(example.slices["length"]) for example in planned.examples]
    return [(length, one.prompt) for length, one in zip(lengths, asked, strict=True)]


@pytest.mark.parametrize("kind", KINDS)
def test_lengths_are_met_within_two_percent(kind: str) -> None:
    for length, prompt in prompts(kind):
        assert 0.98 * length <= count(prompt) + KINDS[kind].max_tokens <= length


def test_a_list_is_as_long_as_the_longest_models_read() -> None:
    """There are fewer words than a million tokens take: common and other words are repeated more often."""
    scene = COMMON_WORDS.scene(random.Random(0), 1 << 20)
    words = [*scene.hidden, *scene.noise]
    assert len(words) > (1 << 20) / 5  # tokens for a number, its full stop and a word, at the least
    counts = Counter(words)
    assert {counts[word] for word in scene.answers} == {10 * counts[scene.noise[0]]}


def test_a_text_that_cannot_grow_to_its_length_is_no_text_of_that_length() -> None:
    scene = COMMON_WORDS.scene(random.Random(0), 512)
    few = replace(scene, noise=scene.noise[:100])
    with pytest.raises(DataError, match="a text of 5000 tokens cannot be made"):
        fitted(lambda size: COMMON_WORDS.text(few, size, None), count, 5000)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_text_and_another_another(kind: str) -> None:
    assert prompts(kind) == prompts(kind)
    assert not {text for _, text in prompts(kind)} & {text for _, text in prompts(kind, seed=1)}


@pytest.mark.parametrize("kind", KINDS)
def test_a_perfect_model_reaches_every_length_and_a_mute_one_none(kind: str) -> None:
    [planned] = running.plan([ruler_task(kind, count, LENGTHS[:2], each=25)], Settings(), None)
    for respond, recall, effective in ((planned.task.best, 1.0, 1024.0), (planned.task.worst, 0.0, 0.0)):
        answers = [answer for example in planned.examples for answer in respond(example)]
        found = running.finish([planned], answers)
        whole = {e.metric: e.value for e in found.estimates if e.slice == "all"}
        assert whole == {"recall": recall, "effective_length": effective}


def test_a_needle_lies_at_its_depth() -> None:
    [planned] = running.plan([ruler_task("needle", count, (2048,), each=5)], Settings(), None)
    for example, (asked,) in zip(planned.examples, planned.requests, strict=True):
        assert isinstance(asked, Generate)
        prompt = asked.prompt
        place = prompt.index(f"is {example.target[0]}.") / len(prompt)
        assert abs(place - int(example.slices["depth"]) / 100) < 0.06


def test_the_curve_breaks_where_a_model_reads_no_further(tmp_path: Path) -> None:
    def model(prompt: str) -> str:
        """It reads the last thousand tokens of a text at most."""
        key = re.search(r"number of the (\w+ \w+) that", prompt)
        assert key
        seen = prompt[-int(len(prompt) * min(1.0, 1000 / count(prompt))) :]
        hit = re.search(rf"number of the {key[1]} is (\d+)\.", seen)
        return hit[1] if hit else "unknown"

    task = ruler_task("needle", count, LENGTHS, each=25)
    found = harness.evaluate(model, [task], store=str(tmp_path), name="short-sighted")
    recall = {e.slice: e.value for e in found.estimates if e.metric == "recall"}
    assert recall["length=512"] == 1.0 and recall["length=1024"] == 1.0
    assert recall["length=2048"] is not None and recall["length=2048"] < 0.7
    assert recall["depth=100"] == 1.0 and recall["depth=0"] == pytest.approx(2 / 3)
    assert [e.value for e in found.estimates if e.metric == "effective_length" and e.slice == "all"] == [1024.0]


def test_few_examples_reach_no_length() -> None:
    [planned] = running.plan([ruler_task("needle", count, (512,), each=20)], Settings(), None)
    outcomes = running.judge(
        [planned], [r for e in planned.examples for r in planned.task.best(e)], {"ruler/needle": {}}
    )
    assert effective_length(outcomes["ruler/needle"], (512,)) == 0.0


def test_a_length_whose_texts_all_failed_is_not_passed_over() -> None:
    [planned] = running.plan([ruler_task("needle", count, LENGTHS, each=25)], Settings(), None)
    answers = [
        Failed("server", "out of memory") if e.slices["length"] == str(LENGTHS[1]) else r
        for e in planned.examples
        for r in planned.task.best(e)
    ]
    outcomes = running.judge([planned], answers, {"ruler/needle": {}})["ruler/needle"]
    judged = [one for one in outcomes if one.judged]
    assert len(judged) == 25 * (len(LENGTHS) - 1) and math.isnan(effective_length(judged, LENGTHS))


def test_what_cannot_be_made_is_told() -> None:
    with pytest.raises(DataError, match="a text of 18 tokens is too short"):
        running.plan([ruler_task("needle", count, (50,))], Settings(), None)
    with pytest.raises(UnknownName, match="unknown kind of long text 'hay'"):
        ruler_task("hay", count, LENGTHS)
    with pytest.raises(UnknownName, match="unknown model"):
        ruler("needle")
    assert [task.name for task in ruler_tasks(count, LENGTHS)] == [f"ruler/{kind}" for kind in KINDS]
