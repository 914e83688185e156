"""Does a model go on with a text word for word? Models that know all, none and half of them."""

import json
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from harness.api.contamination import items_in
from harness.cli.main import cli
from harness.contamination.completion import MOST, SHORTEST, completion, halves
from harness.engine.backend import Batch
from harness.errors import DataError, Unsupported
from harness.types import Failed, Generate, Generated, Likelihood, ModelInfo, Question


def texts(count: int = 40) -> list[str]:
    draw = Random(0)
    return [" ".join(f"w{draw.randrange(400)}" for _ in range(24)) for _ in range(count)]


@dataclass
class Reader:
    """Goes on with every ``every``-th text word for word (0: none), and fails on the ``fails`` first ones."""

    known: Sequence[str]
    every: int = 1
    fails: int = 0

    info = ModelInfo("reader", {}, frozenset({Generate}))

    def answer(self, questions: Sequence[Question], done: Container[int] = ()) -> Iterator[Batch]:
        yield [(i, self._one(i, q)) for i, q in enumerate(questions)]

    def _one(self, number: int, question: Question) -> Generated | Failed:
        assert isinstance(question.request, Generate)
        if number < self.fails:
            return Failed("timeout", "no answer")
        prompt = question.request.prompt
        whole = next((text for text in self.known if text.startswith(prompt)), "")
        knows = self.every and number % self.every == 0
        return Generated(whole.removeprefix(prompt) + " and more" if knows else " something else said", 9, "end")

    def stats(self) -> dict[str, float | str]:
        return {}


@pytest.mark.parametrize(("every", "exact"), [(1, 40), (2, 20), (0, 0)])
def test_models_that_know_all_half_and_none(every: int, exact: int) -> None:
    told = completion(texts(), Reader(texts(), every))
    assert (told.exact, told.n, told.short, told.failed) == (exact, 40, 0, 0)
    assert told.rouge.value == pytest.approx(exact / 40) and told.rouge.n == 40
    assert "without a reference model nothing follows" in told.words
    assert told.interval[0] <= exact / 40 <= told.interval[1] and "cheat" not in told.words


def test_a_reference_model_that_knows_as_much_leaves_nothing() -> None:
    alike = completion(texts(), Reader(texts()), Reader(texts()))
    assert alike.exact == 40 and alike.against is not None and alike.against.value == 0
    assert "not shown to be nearer to the published text than the reference model's" in alike.words
    more = completion(texts(), Reader(texts()), Reader(texts(), 2))
    assert more.against is not None and more.against.value == pytest.approx(0.5) and (more.against.low or 0) > 0.3
    assert "a sign that it was seen, unless the model is simply the better one" in more.words


def test_what_is_too_short_or_failed_is_counted_and_no_score() -> None:
    told = completion([*texts(10), "two words"], Reader(texts(10), fails=3))
    assert (told.exact, told.n, told.short, told.failed) == (7, 7, 1, 3)
    with pytest.raises(DataError, match="1 of 2 texts have 16 words or more"):
        completion([texts(1)[0], "short"], Reader(texts(1)))
    with pytest.raises(DataError, match="10 of 10 texts got no answer"):
        completion(texts(10), Reader(texts(10), fails=10))
    scorer: Any = SimpleNamespace(info=ModelInfo("scorer", {}, frozenset({Likelihood})))
    with pytest.raises(Unsupported, match="scorer writes no answers"):
        completion(texts(), scorer)


def test_a_text_is_cut_between_words() -> None:
    assert halves("one two") is None and halves(" ".join(["w"] * (SHORTEST - 1))) is None
    long = " ".join(map(str, range(200)))
    cut = halves(long)
    assert cut and cut.first == " ".join(map(str, range(100)))
    assert cut.second == " ".join(map(str, range(100, 100 + MOST)))


def test_the_command_needs_no_corpus_for_it(tmp_path: Path) -> None:
    rows = [{"id": i, "question": text, "answer": "x"} for i, text in enumerate(texts(12))]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    cut = [halves(item.question) for item in items_in(str(tmp_path / "q.jsonl"))]
    ends = [{"id": i, "text": one.second} for i, one in enumerate(cut) if one]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ends))
    words = ["contamination", str(tmp_path / "q.jsonl"), "--complete", f"replay:{tmp_path / 'a.jsonl'}"]
    done = CliRunner().invoke(cli, [*words, "--json", str(tmp_path / "out.json")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert "12 of 12 questions completed word for word" in done.output and "cheat" not in done.output
    told = json.loads((tmp_path / "out.json").read_text())
    assert told["corpus"] is None and told["completion"]["q"]["exact"] == 12
    for wrong in (
        words[:2],
        [*words[:2], "--run", "r"],
        [*words, "--run", "r"],
        [*words[:2], "--complete-reference", "m"],
    ):
        assert CliRunner().invoke(cli, wrong).exit_code == 2
