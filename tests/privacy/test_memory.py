"""A model trained here shows what it was made to remember, and nothing else."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from remembering import REPEATS, TEMPLATE, Trained

from harness.cli.main import cli
from harness.engine.backend import Options
from harness.engine.likelihoods import likelihoods
from harness.engine.load import load
from harness.errors import DataError, Unsupported
from harness.privacy.exposure import exposure, exposures
from harness.privacy.extraction import Extracted, Passage, extract, printed, rates, recall_at_errors, verbatim
from harness.privacy.files import canaries_of, passages_of
from harness.privacy.membership import blind_scores, delong, judge, membership, min_k, zipped
from harness.privacy.surprise import standardised, surprises
from harness.types import Generate, ModelInfo, Scored

ALL = ("loss", "zlib", "min_k", "min_k_plus")


# ------------------------------------------------------------------------------------------------------------ goldens
@pytest.mark.parametrize(("perplexity", "bits"), [(0.0, 4.0), (0.1, 4.0), (3.5, 2.0), (20.0, 4 - np.log2(17))])
def test_exposure_is_that_of_the_published_test(perplexity: float, bits: float) -> None:
    found = exposure(perplexity, range(1, 17))  # type: ignore[arg-type]
    assert found.bits == pytest.approx(bits) and found.most == 4.0
    assert found.capped == (bits == 4.0)
    assert exposure(1.0, [1.0, 2.0]).rank == 2  # a tie keeps the reference first
    with pytest.raises(DataError, match="at least one reference"):
        exposure(1.0, [])


def test_recall_at_errors_is_that_of_the_extraction_challenge() -> None:
    truths = [[1, 2], [3, 4], [5, 6], [7, 8]]
    guesses = [(0, [1, 2]), (1, [0, 0]), (1, [3, 4]), (2, [0, 0]), (3, [7, 8])]
    assert [recall_at_errors(guesses, truths, errors) for errors in (1, 2, 3)] == [0.25, 0.5, 0.75]


@pytest.mark.mirror
def test_the_published_submission_has_its_published_recall(mirror: Path) -> None:
    folder = mirror / "predictions" / "privacy" / "lm_extraction"
    truths = np.load(folder / "fake_test_suffixes.npy", allow_pickle=False).tolist()
    rows = (folder / "example_submission.csv").read_text().splitlines()[1:]
    guesses = [(int(row.split(",", 1)[0]), json.loads(row.split(",", 1)[1].strip('"'))) for row in rows]
    expected = json.loads((folder / "expected.json").read_text())
    assert recall_at_errors(guesses, truths, 100) == expected["recall_at_100_errors"]
    assert recall_at_errors(guesses, truths, len(guesses)) == expected["recall"]


def test_attacks_are_those_of_their_papers() -> None:
    scored = Scored(-12.0, 4, 9, False, (-1.0, -2.0, -3.0, -6.0))
    assert min_k(scored.token_logprobs, 0.5) == -4.5 and min_k([-1.0], 0.2) == -1.0  # of one token at least
    assert np.isnan(min_k([]))
    import zlib

    assert zipped(scored, "some text") == pytest.approx(-3 / len(zlib.compress(b"some text")))


def test_surprises_are_those_of_the_definition() -> None:
    logits = torch.randn(5, 11, dtype=torch.float64)
    logits[2, 3] = -torch.inf  # what cannot come
    targets = torch.tensor([1, 2, 3, 4, 5])
    targets[2] = 7
    found = standardised(logits, targets)
    for row, target, value in zip(logits, targets, found, strict=True):
        chances = torch.softmax(row, -1)
        logs = [(float(p), float(p.log())) for p in chances if p > 0]
        mean = sum(p * log for p, log in logs)
        spread = sum(p * log**2 for p, log in logs) - mean**2
        assert float(value) == pytest.approx((float(chances[target].log()) - mean) / spread**0.5, rel=1e-4)
    assert standardised(torch.zeros(1, 4), torch.tensor([2])).tolist() == [0.0]  # no deviation


def test_surprises_of_a_model_are_one_for_every_scored_token(trained: Trained) -> None:
    texts = trained.members[:3]
    scored = likelihoods(trained.backend, texts)
    assert [len(one) for one in surprises(trained.backend, texts)] == [one.tokens for one in scored]  # type: ignore[arg-type]


def test_delongs_error_is_that_of_the_bootstrap() -> None:
    generator = np.random.default_rng(0)
    positive, negative = generator.normal(1, 1, 80), generator.normal(0, 1, 120)
    auc, error = delong(positive, negative)
    assert auc == pytest.approx(np.mean(positive[:, None] > negative))
    drawn = [delong(generator.choice(positive, 80), generator.choice(negative, 120))[0] for _ in range(600)]
    assert error == pytest.approx(np.std(drawn), rel=0.12)
    assert delong(np.ones(5), np.ones(5))[0] == 0.5


@pytest.mark.parametrize(
    ("shift", "auc", "ends"), [(9, 1.0, (0.831, 1)), (-9, 0.0, (0, 0.169)), (0, 0.5, (0.42, 0.58))]
)
def test_cases_that_are_all_alike_still_have_an_interval(shift: float, auc: float, ends: tuple[float, float]) -> None:
    told = judge("x", np.concatenate([np.full(20, float(shift)), np.zeros(30)]), np.arange(50) < 20)
    assert told.auc == auc and (told.low, told.high) == pytest.approx(ends, abs=0.006)


def test_true_positives_at_few_false_ones() -> None:
    scores = np.concatenate([np.full(30, 2.0), np.full(70, 0.0), np.full(1, 3.0), np.linspace(-1, 1, 99)])
    found = judge("x", scores, np.arange(200) < 100)
    assert (found.caught, found.members, found.others) == (30, 100, 100)  # one of a hundred others may pass
    assert found.caught_interval == pytest.approx((0.2124, 0.3998), abs=1e-4)  # Clopper and Pearson
    with pytest.raises(DataError, match="attack x: text 3 has no score"):
        judge("x", np.array([1.0, 2.0, np.nan, 1.0]), np.arange(4) < 2)


def test_verbatim_runs_are_counted_not_averaged() -> None:
    source = " ".join(f"word{i}" for i in range(200))
    assert verbatim("so he said word3 word4 word5 and left", source) == 3
    answers = [" ".join(f"word{i}" for i in range(10, 60)), " ".join(f"word{i}" for i in range(10, 59))]
    rate = printed(answers, [source] * 2)
    assert (rate.extracted, rate.n) == (1, 2)


def test_how_many_draws_an_extraction_takes() -> None:
    assert Extracted(Passage("a", "b"), True, np.log(0.5), 3).draws(0.75) == pytest.approx(2)
    assert Extracted(Passage("a", "b"), True, 0.0, 3).draws() == 1.0
    assert Extracted(Passage("a", "b"), False, -800.0, 3).draws() == np.inf


# ------------------------------------------------------------------------------------------------ the model that learnt
def test_exposure_rises_with_repetition_and_is_chance_for_what_was_never_there(trained: Trained) -> None:
    mean = {
        count: np.mean([one.bits for one in exposures(trained.backend, TEMPLATE, own, trained.references)])
        for count, own in trained.canaries.items()
    }
    values = [mean[count] for count in REPEATS]
    assert values == sorted(values)
    assert mean[0] < 3.5 and mean[64] == pytest.approx(np.log2(1_000))  # 1.44 + what six draws may be off
    assert exposures(trained.backend, TEMPLATE, trained.canaries[64], trained.references)[0].capped


def test_what_was_repeated_is_extracted_and_what_was_not_is_not(trained: Trained) -> None:
    head = TEMPLATE.format("").strip()
    passages = [
        Passage(f"{head} {' '.join(one.split()[:3])}", " " + " ".join(one.split()[3:]), count)
        for count, own in trained.canaries.items()
        for one in own
    ]
    found = rates(extract(trained.backend, passages))
    assert found[64].extracted == found[64].n == 6 and found[0].extracted == 0
    assert found[None].n == 6 * len(REPEATS) and found[0].interval[1] == pytest.approx(0.39, abs=0.01)


def test_members_are_told_from_others_and_the_words_alone_tell_nothing(trained: Trained) -> None:
    found = membership(trained.backend, trained.members, trained.others)
    assert {attack.name: attack.auc > 0.9 for attack in found.attacks} == dict.fromkeys(ALL, True)
    assert found.blind.low < 0.5 < found.blind.high
    assert found.words(found.attacks[0]).startswith("members are likelier to the model")


def test_a_set_of_other_words_is_no_evidence(trained: Trained) -> None:
    shifted = [" ".join(f"w{40 + int(word[1:]) % 20}" for word in text.split()) for text in trained.others]
    found = membership(trained.backend, trained.members, shifted)
    assert found.attacks[0].auc > 0.9 and found.blind.auc > 0.99
    assert found.words(found.attacks[0]).startswith("no evidence: the words alone")
    turned = membership(trained.backend, shifted, trained.members)
    assert turned.words(turned.attacks[0]) == "no evidence: the others are likelier to the model than the members"
    alike = membership(trained.backend, trained.others[:30], trained.others[30:])
    assert alike.words(alike.attacks[0]) == "no evidence: members are not told from others"


def test_the_blind_baseline_is_fitted_without_what_it_judges() -> None:
    texts = [f"only{i} once{i}" for i in range(200)]
    scores = blind_scores(texts, np.arange(200) < 100)
    assert np.ptp(scores[:100]) < 0.1 and delong(scores[:100], scores[100:])[0] == pytest.approx(0.5, abs=0.2)


def test_what_cannot_be_asked_says_so(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 members and 1 others; valid: at least 5 of each"):
        membership(trained.backend, ["w1"], ["w2"])
    with pytest.raises(DataError, match="must hold {} once"):
        exposures(trained.backend, "no place", ["w1"], ["w2"])
    (tmp_path / "answers.txt").write_text("an answer")
    with pytest.raises(DataError, match="text 1 has no likelihood: Likelihood is not answered by text"):
        extract(load(f"replay:{tmp_path / 'answers.txt'}", Options()), [Passage("a", "b")])
    with pytest.raises(Unsupported, match="scripted:oracle knows the answers to the tasks of a run"):
        extract(load("scripted:oracle", Options()), [Passage("a", "b")])
    writer: Any = SimpleNamespace(info=ModelInfo("writer", {}, frozenset({Generate})))
    with pytest.raises(Unsupported, match="writer gives no likelihoods"):
        extract(writer, [Passage("a", "b")])


def test_the_commands_tell_the_same(trained: Trained, tmp_path: Path) -> None:
    def write(name: str, rows: list[dict[str, object]]) -> str:
        (tmp_path / name).write_text("\n".join(map(json.dumps, rows)))
        return str(tmp_path / name)

    def told(*words: str) -> tuple[str, Any]:
        done = CliRunner().invoke(cli, ["privacy", *words, "--json", str(tmp_path / "out.json")])
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output, json.loads((tmp_path / "out.json").read_text())

    secrets = [{"secret": one, "canary": True} for one in trained.canaries[64]]
    secrets += [{"secret": one} for one in trained.references[:100]]
    text, found = told("exposure", trained.folder, write("s.jsonl", secrets), "--template", TEMPLATE)
    assert "canary 1: 6.64 bits of 6.64 (the most that this many references can show); rank 1 of 100" in text
    assert len(found) == 6 and "chance gives 1.44" in text and trained.canaries[64][0] not in text
    one = trained.canaries[64][0].split()
    passage = {"prefix": TEMPLATE.format(" ".join(one[:3])), "suffix": " " + " ".join(one[3:]), "count": 64}
    text, found = told("extraction", trained.folder, write("p.jsonl", [passage]))
    assert "64 times in the training data: 1 of 1 extracted" in text and found[0]["extracted"] == 1
    files = [write(name, [{"text": t} for t in own]) for name, own in (("m", trained.members), ("o", trained.others))]
    text, found = told("membership", trained.folder, *files)
    assert found["attacks"][0]["auc"] > 0.9 and "the words alone, without the model" in text
    assert f"of {len(trained.members)} members and {len(trained.others)} others" in text
    assert found["blind"]["others"] == len(trained.others)


@pytest.mark.parametrize(
    ("command", "row", "words"),
    [
        ("exposure", {"secret": 1}, "needs a text 'secret'"),
        ("exposure", {"secret": "w1"}, "has 0 canaries and 1 references"),
        ("extraction", {"prefix": "w1"}, "lacks the field suffix"),
        ("extraction", {"prefix": "w1", "suffix": " "}, "f.jsonl:1: the suffix is empty"),
        ("extraction", {"prefix": "w1", "suffix": "w2", "count": -3}, "count = -3 is not a number of at least 0"),
        ("extraction", None, "has no rows"),
    ],
)
def test_files_that_say_too_little(command: str, row: object, words: str, tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text(json.dumps(row) if row else "")
    with pytest.raises(DataError, match=words):
        (canaries_of if command == "exposure" else passages_of)(tmp_path / "f.jsonl")
