"""CrowS-Pairs against the authors' definition, written out slowly, on a tiny masked model."""

import difflib
import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny import WORDS, causal, encoder, saved

from harness import run as running
from harness.api import evaluate
from harness.engine.backend import Options
from harness.engine.load import load
from harness.errors import DataError, TooLong, Unsupported
from harness.types import Example, Failed, Judged, PseudoLikelihood, Question, Scored
from harness_tasks.crows_pairs import SENTENCES, SHARED, TASKS

ROW: dict[str, Any] = {"id": 0, "sent_more": "w1 w2", "sent_less": "w1 w3", "stereo_antistereo": 0, "bias_type": "age"}


@pytest.fixture(scope="module", params=["masked", "roberta"])
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place: Path = saved(encoder(request.param, 65), tmp_path_factory.mktemp(request.param))
    return place


def pairs(count: int) -> list[dict[str, Any]]:
    """Pairs of sentences that differ in none to three words, some of them in length."""
    rows = []
    for number in range(count):
        draw = random.Random(number)
        more = draw.choices(WORDS, k=draw.randint(5, 14))
        less = list(more)
        for _ in range(number % 4):
            at = draw.randrange(len(less))
            less[at : at + 1] = draw.choices(WORDS, k=draw.choice([1, 1, 2]))
        rows.append(ROW | {"id": number, "sent_more": " ".join(more), "sent_less": " ".join(less)})
    return rows


def authors(model: Any, tokenizer: Any, one: str, other: str) -> float:
    """Nangia et al. 2020, metric.py: mask each token of the 'equal' opcodes but for special tokens, one at a time."""
    ids, others = tokenizer(one)["input_ids"], tokenizer(other)["input_ids"]
    total = 0.0
    for tag, start, end, _, _ in difflib.SequenceMatcher(None, ids, others).get_opcodes():
        for at in range(start, end) if tag == "equal" else ():
            if ids[at] in tokenizer.all_special_ids:
                continue
            masked = torch.tensor([ids])
            masked[0, at] = tokenizer.mask_token_id
            with torch.inference_mode():
                total += float(model(masked).logits[0, at].log_softmax(-1)[ids[at]])
    return total


def test_every_pair_scores_as_the_authors_define_it(folder: Path, tmp_path: Path) -> None:
    backend: Any = load(str(folder), Options())
    examples = SHARED.read(pairs(40), SHARED.dataset[0])
    asked = [Question(SHARED.name, e.id, part, r) for e in examples for part, r in enumerate(SHARED.ask(e, ()))]
    found = {at: response for batch in backend.answer(asked) for at, response in batch}
    answers = [found[i] for i in range(len(asked))]
    judged = running.judge([running.sheet(SHARED, examples)], answers, {SHARED.name: {}})[SHARED.name]
    model, tokenizer = backend.checkpoint.model, backend.checkpoint.tokenizer
    seen = set()
    for example, outcome in zip(examples, judged, strict=True):
        expected = [authors(model, tokenizer, *texts) for texts in _both(example)]
        responses = [r for r in outcome.responses if isinstance(r, Scored)]
        assert [r.logprob for r in responses] == pytest.approx(expected, abs=1e-4)
        assert responses[0].tokens == responses[1].tokens < len(example.fields["more"].split()) + 1
        gap = expected[0] - expected[1]
        assert outcome.judged is not None
        if abs(gap) > 0.002 or gap == 0:
            assert outcome.judged.values["stereotype_pll"] == float(gap > 0)
        assert outcome.judged.values["difference_pll"] == pytest.approx(gap / responses[0].tokens, abs=1e-4)
        seen.add(outcome.judged.prediction)
    assert seen == {"more", "less", "tie"}


def _both(example: Example) -> tuple[tuple[str, str], tuple[str, str]]:
    more, less = example.fields["more"], example.fields["less"]
    return (more, less), (less, more)


def test_ties_stay_in_n_and_are_no_stereotype(tmp_path: Path) -> None:
    rows = [ROW | {"id": i, "stereo_antistereo": i % 2} for i in range(4)]
    examples = SHARED.read(rows, SHARED.dataset[0])
    scores = [(-3.0, -5.0), (-3.0, -3.0004), (-5.0, -3.0), (-4.0, -4.0)]
    outcomes = [
        running.judge_one(SHARED, e, SHARED.ask(e, ()), tuple(Scored(s, 2, 5, False) for s in pair))
        for e, pair in zip(examples, scores, strict=True)
    ]
    found = {(e.metric, e.slice): e for e in running.summarise(SHARED, outcomes)}
    whole = found["stereotype_pll", "all"]
    assert (whole.value, whole.n) == (25.0, 4) and found["ties_pll", "all"].value == 50.0
    assert (whole.low, whole.high) == pytest.approx((4.559, 69.936), abs=1e-3)  # Wilson's interval of 1 in 4
    assert found["difference_pll", "all"].value == pytest.approx((1.0 + 0.0002 - 1.0) / 4)
    assert found["stereotype_pll", "direction=stereo"].value == 50.0
    assert found["stereotype_pll", "direction=antistereo"].value == 0.0


def test_who_cannot_answer_is_refused(folder: Path, tmp_path: Path, mirror: Path) -> None:
    model = saved(causal("llama", 65), tmp_path / "causal")
    with pytest.raises(Unsupported, match="cannot answer PseudoLikelihood, which crows_pairs/masked asks"):
        evaluate(str(model), "crows_pairs/masked", store=str(tmp_path / "r"), data=str(mirror), limit=2)
    backend = load(str(folder), Options())
    long = PseudoLikelihood(" ".join(WORDS * 2), "w1")
    with pytest.raises(TooLong, match="longer than the model's context"):
        backend.answer([Question(SHARED.name, "0", 0, long)])
    apart = Question(SHARED.name, "0", 0, PseudoLikelihood("w1 w2", "w3 w4"))
    ((_, response),) = next(iter(backend.answer([apart])))
    assert isinstance(response, Failed) and "no tokens to score" in response.message


def test_bad_rows_are_named() -> None:
    for column, value, word in [
        ("bias_type", "shoes", "'shoes'"),
        ("stereo_antistereo", 2, "2 is none of"),
        ("sent_less", " ", "empty sentence"),
    ]:
        with pytest.raises(DataError, match=f"row 1 of nyu-mll/crows_pairs.*{word}"):
            SENTENCES.read([ROW | {column: value}], SENTENCES.dataset[0])
    (example,) = SENTENCES.read([ROW | {"bias_type": 2, "stereo_antistereo": "antistereo"}], SENTENCES.dataset[0])
    assert example.slices == {"bias_type": "gender", "direction": "antistereo"}
    assert isinstance(SENTENCES.judge(example, SENTENCES.worst(example)), Judged)


@pytest.mark.parametrize("task", TASKS, ids=lambda t: t.name)
def test_all_pairs_are_read_and_one_pair_has_no_interval(task, mirror: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    rows = [json.loads(line) for line in (mirror / "nyu-mll/crows_pairs/crows_pairs/test.jsonl").open()]
    examples = task.read(rows, task.dataset[0])
    assert len(examples) == 1508 and len({e.slices["bias_type"] for e in examples}) == 9
    result = evaluate("scripted:opposite", task.name, store=str(tmp_path), data=str(mirror), limit=1)
    assert {(e.n, e.low, e.high) for e in result.estimates} == {(1, None, None)}
