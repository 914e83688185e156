"""The page of campaigns: what people said, and which rater to doubt."""

from collections.abc import Callable
from pathlib import Path

from rated import campaign, fill
from scripted_raters import careful, conduct, random
from streamlit.testing.v1 import AppTest

from harness.store import open_store


def test_a_campaign_is_reported(page: Callable[..., AppTest], said: Callable[[AppTest], str], tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    fill(store)
    name = conduct(store, campaign(attention=0.4, repeats=0.3, items=30), [careful, random(3)])
    test = page(str(tmp_path / "store"), "ratings", campaign=f"{name}@1")
    assert not test.exception and not test.error
    assert "preference on toy/letters" in said(test)
    tables = [frame.value for frame in test.dataframe]
    assert tables[0][""].tolist() == ["model-of-amber over model-of-basalt"]
    assert tables[-1]["rater"].tolist() == ["rater-1", "rater-2"]
    assert tables[-1]["doubts"].iloc[0] == "" and "checks of attention" in tables[-1]["doubts"].iloc[1]
