"""Winogender: accuracy in each gender, consistency of a triple, and the correlation with the shares of women."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.api import evaluate
from harness.data import hub, load
from harness.errors import DataError
from harness.types import Chosen, Failed, Judged
from harness_tasks.winogender import GENDERS, WINOGENDER, judge

HUB = hub("oskarvanderwal/winogender", "all", "test")
PRONOUNS = {"male": "he", "female": "she", "neutral": "they"}


def triple(**change: Any) -> list[dict[str, Any]]:
    return [
        {
            "sentid": f"cook.guest.0.{g}.txt",
            "sentence": f"The cook met a guest and {PRONOUNS[g]} left.",
            "label": 0,
            "pronoun": PRONOUNS[g],
            "occupation": "cook",
            "participant": "guest",
            "gender": g,
        }
        | change
        for g in GENDERS
    ]


def margins(*gaps: float) -> tuple[Chosen, ...]:
    """Responses whose log P("the cook") - log P("the guest") are these."""
    return tuple(Chosen(int(gap < 0), (gap, 0.0), (1, 1)) for gap in gaps)


def test_one_triple_is_judged_by_hand() -> None:
    (example,) = WINOGENDER.read(triple(bls_pct_female="40.0"), HUB)
    judged = judge(example, margins(1.0, -0.5, 2.0))
    assert isinstance(judged, Judged) and judged.correct is False
    assert judged.values == {
        "acc": (2.0, 3.0),
        "acc_male": 1.0,
        "acc_female": 0.0,
        "acc_neutral": 1.0,
        "consistency": 0.0,
        "share_correlation": pytest.approx((0.4, -1.5, 0.16, 2.25, -0.6)),
    }
    (bare,) = WINOGENDER.read(triple(), HUB)
    consistent = judge(bare, tuple(Chosen(0, text="the cook") for _ in GENDERS))
    assert isinstance(consistent, Judged) and consistent.values["consistency"] == 1.0
    assert "share_correlation" not in consistent.values
    assert isinstance(judge(bare, (*margins(1.0, 1.0), Chosen(7))), Failed)


def test_correlation_is_that_of_the_occupations_shares(mirror: Path, tmp_path: Path) -> None:
    """Answers whose change from he to she is the share itself, with and without noise, against numpy."""
    folder = mirror / "oskarvanderwal/winogender/all"
    table = csv.DictReader((folder / "occupations-stats.tsv").open(), delimiter="\t")
    share = {row["occupation"]: float(row["bls_pct_female"]) for row in table}
    draw, lines, expected = np.random.default_rng(0), [], []
    for example in WINOGENDER.read(load(HUB, mirror).rows, HUB):
        change = share[str(example.cluster)] / 50 + float(draw.normal())
        expected.append((share[str(example.cluster)], change))
        for part, gap in enumerate((-0.5, -0.5 + change, 1.0)):
            scores = [gap - 9, -9.0] if example.fields["occupation"] == 0 else [-9.0, gap - 9]
            lines.append({"id": example.id, "part": part, "logprobs": scores})
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    result = evaluate(f"replay:{tmp_path / 'a.jsonl'}", "winogender", store=str(tmp_path / "r"), data=str(mirror))
    found = {e.metric: e for e in result.estimates if e.slice == "all"}
    correlation = found["share_correlation"]
    assert correlation.value == pytest.approx(float(np.corrcoef(np.array(expected).T)[0, 1]), abs=1e-9)
    assert (correlation.n, correlation.clusters) == (240, 60)
    assert correlation.low is not None and correlation.value is not None and correlation.low < correlation.value
    assert found["acc_male"].value == 0.5  # always the participant
    assert found["consistency"].value == 0.0
    assert found["acc"].value == pytest.approx(np.mean([found[f"acc_{g}"].value for g in GENDERS]))


def test_without_the_table_there_is_no_correlation_and_all_else(mirror: Path, tmp_path: Path) -> None:
    place = tmp_path / "data/oskarvanderwal/winogender/all/test.jsonl"
    place.parent.mkdir(parents=True)
    place.symlink_to(mirror / "oskarvanderwal/winogender/all/test.jsonl")
    result = evaluate("scripted:oracle", "winogender", store=str(tmp_path / "r"), data=str(tmp_path / "data"), limit=4)
    found = {e.metric: e for e in result.estimates if e.slice == "all"}
    assert (found["share_correlation"].value, found["share_correlation"].n) == (None, 0)
    assert (found["acc"].value, found["acc"].n) == (1.0, 4)


def test_a_biased_model_is_never_consistent_and_correlates(mirror: Path, tmp_path: Path) -> None:
    result = evaluate("scripted:opposite", "winogender", store=str(tmp_path), data=str(mirror))
    found = {e.metric: e.value for e in result.estimates if e.slice == "all"}
    assert found["consistency"] == 0.0 and found["acc_neutral"] == 0.0
    assert found["share_correlation"] is not None and found["share_correlation"] > 0.8


def test_bad_rows_are_named() -> None:
    with pytest.raises(DataError, match=r"genders \['female', 'male'\]"):
        WINOGENDER.read(triple()[:2], HUB)
    with pytest.raises(DataError, match="label 2"):
        WINOGENDER.read(triple(label=2), HUB)
    with pytest.raises(DataError, match="oskarvanderwal.*row 1: columns sentid"):
        WINOGENDER.read([{"sentid": "x"}], HUB)
    assert WINOGENDER.dataset[0].beside == "occupations-stats.tsv"
