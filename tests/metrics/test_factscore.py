"""FActScore against the published figures of labelled biographies."""

import json
from pathlib import Path

import pytest

from harness.errors import DataError
from harness.metrics.factscore import factscore


def labels(file: Path) -> list[list[str]]:
    rows = map(json.loads, file.read_text(encoding="utf-8").splitlines())
    return [
        [fact["label"] for sentence in row["annotations"] or () for fact in sentence.get("human-atomic-facts") or ()]
        for row in rows
    ]


@pytest.mark.mirror
@pytest.mark.parametrize(("model", "published", "n"), [("ChatGPT", 58.3, 157), ("InstructGPT", 42.8, 181)])
def test_the_published_figures(model: str, published: float, n: int, mirror: Path) -> None:
    found = factscore(labels(mirror / "predictions" / "factscore" / f"{model}.jsonl"))  # type: ignore[arg-type]
    assert round(100 * found.value, 1) == published
    assert (found.n, found.abstained) == (n, 183 - n)
    assert found.low is not None and found.high is not None and found.low < found.value < found.high


def test_irrelevant_facts_are_not_supported_and_answers_without_facts_are_counted() -> None:
    found = factscore([["S", "NS", "IR", "S"], [], ["S"]])
    assert (found.value, found.n, found.abstained) == (0.75, 2, 1)
    with pytest.raises(DataError, match="an empty result is not a score"):
        factscore([[]])
    with pytest.raises(DataError, match="label 'yes' is none of S, NS, IR"):
        factscore([["S"], ["yes"]])  # type: ignore[list-item]
