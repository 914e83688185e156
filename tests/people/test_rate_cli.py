"""`harness rate` and `harness meta` as a user meets them: made, rated, reported, moved; errors in one line."""

import json
from pathlib import Path
from typing import Any

import pytest
from rated import campaign
from scripted_raters import careful, conduct, random, scored

from harness.cli.main import main
from harness.people import desk
from harness.store import Store, open_store

FILE = """
name = "letters"
kind = "preference"
runs = ["run-a", "run-b"]
task = "toy/letters"
items = 12
instructions = "Which is <b>better</b>?"
"""


@pytest.fixture
def harness(store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs a command over the store; gives (exit code, standard output, standard error)."""
    monkeypatch.setenv("HARNESS_STORE", str(tmp_path / "store"))
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(list(words))
        said = capsys.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    return run


def test_a_campaign_from_its_file_to_its_report(harness: Any, store: Store, tmp_path: Path) -> None:
    (tmp_path / "campaign.toml").write_text(FILE, encoding="utf-8")
    code, out, _ = harness("rate", "new", "campaign.toml", "--address", "https://rate.example/", "--json", "new.json")
    links = json.loads((tmp_path / "new.json").read_text(encoding="utf-8"))["links"]
    assert code == 0 and all(url in out for url in links.values())
    assert links["rater-1"].startswith("https://rate.example/?campaign=letters%401&rater=")
    at = desk.enter(store, "letters@1", links["rater-1"].rpartition("=")[2])
    while (shown := at.next()) is not None:
        at.rate(shown.position, careful(shown))
    code, out, _ = harness("rate", "report", "letters", "--html", "letters.html", "--json", "letters.json")
    assert code == 0 and "model-of-amber over model-of-basalt" in out and "rater-2" in out
    found = json.loads((tmp_path / "letters.json").read_text(encoding="utf-8"))
    assert found["systems"] == {"run-a": "model-of-amber", "run-b": "model-of-basalt"}
    page = (tmp_path / "letters.html").read_text(encoding="utf-8")
    assert "&lt;b&gt;better" in page and "<b>better" not in page and "Bradley-Terry" in page
    code, out, _ = harness("rate", "list")
    assert code == 0 and "letters@1" in out


def test_links_are_renewed_and_revoked(harness: Any, store: Store) -> None:
    made, tokens, _ = desk.create(store, campaign())
    code, out, _ = harness("rate", "link", "letters", "rater-1")
    token = out.strip().rpartition("=")[2]
    assert code == 0 and desk.enter(store, made.id, token).rater == "rater-1" and token != tokens["rater-1"]
    assert harness("rate", "link", "letters", "rater-1", "--revoke")[1] == "rater-1 may no longer rate\n"
    code, _, err = harness("rate", "link", "letters", "rater-9")
    assert code == 2 and "unknown rater 'rater-9'" in err


def test_ratings_move_as_json_lines(harness: Any, store: Store, tmp_path: Path) -> None:
    conduct(store, campaign(items=8), [careful, random(0)])
    store.ratings.undo("letters@1", "rater-1")
    code, out, _ = harness("rate", "export", "letters", "ratings.jsonl")
    rows = [json.loads(row) for row in (tmp_path / "ratings.jsonl").read_text(encoding="utf-8").splitlines()]
    assert code == 0 and len(rows) == len(store.ratings.history("letters@1")) and f"{len(rows)} rows" in out
    before = {(one.rater, one.position): one.answer for one in store.ratings.ratings("letters@1")}
    other = open_store(str(tmp_path / "store"))
    desk.create(other, campaign(items=8, version=2))
    assert harness("rate", "import", "letters@2", "ratings.jsonl")[0] == 0
    assert {(one.rater, one.position): one.answer for one in other.ratings.ratings("letters@2")} == before
    code, _, err = harness("rate", "import", "letters@2", "ratings.jsonl")
    assert code == 2 and "has rated the item at position 0 twice" in err


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ('{"rater": "rater-9", "position": 0, "answer": {"choice": "tie"}}', "is no rater with an item at position 0"),
        ('{"rater": "rater-1", "position": 0, "answer": {"choice": "left"}}', "'left' is none of first, second, tie"),
        ('{"rater": "rater-1", "position": 0}', "a rating has the fields answer, position, rater"),
        ('{"rater": "rater-1", "position": "0", "answer": {}}', "position and revision whole numbers"),
        ('{"rater": "rater-1", "position": 0, "answer": {"choice": "tie"}, "seconds": -1}', "seconds a number"),
    ],
)
def test_a_bad_row_keeps_everything_out(harness: Any, store: Store, tmp_path: Path, row: str, said: str) -> None:
    desk.create(store, campaign())
    good = '{"rater": "rater-2", "position": 0, "answer": {"choice": "tie"}}'
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{row}\n", encoding="utf-8")
    code, _, err = harness("rate", "import", "letters", "rows.jsonl")
    assert code == 2 and "rows.jsonl:2: " in err and said in err and err.count("\n") == 1
    assert store.ratings.history("letters@1") == []


def test_metrics_are_held_against_people(harness: Any, store: Store, tmp_path: Path) -> None:
    conduct(store, campaign("direct", items=20), [scored(0.5, 0, 20, 100), scored(0.5, 1, 20, 100)])
    code, out, _ = harness("meta", "run-a", "run-b", "--human", "letters", "--json", "meta.json")
    assert code == 0 and "20 examples, 40 rated answers of model-of-amber, model-of-basalt" in out
    found = json.loads((tmp_path / "meta.json").read_text(encoding="utf-8"))
    assert {row["metric"] for row in found["rows"]} == {"score"}
    code, out, _ = harness("rate", "report", "letters", "--judge", "score")
    assert code == 0 and "people and score together" in out
    code, _, err = harness("meta", "--human", "letters", "--metric", "bleu")
    assert code == 2 and "unknown metric of toy/letters" in err


def test_ratings_are_gated_and_compared_as_any_number(harness: Any, store: Store, tmp_path: Path) -> None:
    conduct(store, campaign("direct", items=30), [scored(0.3, 0, 20, 100), scored(0.3, 1, 20, 100)])
    code, out, _ = harness("rate", "keep", "letters")
    assert code == 0 and "letters-1-run-a model-of-amber" in out
    shown = harness("show", "letters-1-run-a")[1]
    assert "people/letters" in shown and "rating" in shown
    code, out, _ = harness("compare", "letters-1-run-b", "letters-1-run-a")
    assert code == 0 and "rating" in out
    rule = '[[rule]]\nmetric = "people/letters:rating"\nmin = {}\n'
    for least, verdict in ((20, 0), (99, 1)):
        (tmp_path / "gate.toml").write_text(rule.format(least), encoding="utf-8")
        assert harness("gate", "gate.toml", "letters-1-run-a")[0] == verdict
    code, _, err = harness("rate", "keep", "letters")
    assert code == 2 and "was kept already" in err


def test_errors_are_one_line(harness: Any, store: Store, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text(FILE.replace("12", "0"), encoding="utf-8")
    for words in (("new", "bad.toml"), ("new", "no.toml"), ("report", "nothing"), ("export", "nothing", "f")):
        code, out, err = harness("rate", *words)
        assert (code, out) == (2, "") and err.count("\n") == 1
