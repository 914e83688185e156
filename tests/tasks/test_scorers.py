"""Scorers: what they give, what becomes of one that fails, how a run names one, and what a comparison sees."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from forked import command

from harness import plugins
from harness import run as running
from harness.api import evaluate, rescore
from harness.differences import compare
from harness.errors import DataError, ModelError, UnknownName, UsageError
from harness.kinds import About, Data, Decoding, generation
from harness.metrics.classify import mean
from harness.scorers import open_scorer
from harness.scorers.bound import score_texts, scored
from harness.scorers.checked import checked
from harness.scorers.identities import CONTROL, IDENTITIES, TEMPLATES, audit, sentences
from harness.store import open_store
from harness.types import Card, Dataset, Example, Failed, Judged, Task

CARD = Card(measures="Moods.", limits="Four lines.", source="written here", licence="Apache-2.0")


def file(tmp_path: Path, *terms: str, name: str = "terms.txt") -> Path:
    path = tmp_path / name
    path.write_text("\n".join(terms) + "\n")
    return path


def moods(tmp_path: Path) -> Task:
    """Four lines that ``scripted:oracle`` answers as they stand."""
    path = tmp_path / "moods.jsonl"
    said = ("what a fine day", "you utter clod", "clods of earth", "a Clod, they said")
    path.write_text("".join(f'{{"id": "{i}", "prompt": "Say:", "said": "{text}"}}\n' for i, text in enumerate(said)))
    plain = generation(
        "moods",
        data=Data(Dataset("moods", path=str(path))),
        prompt="{prompt}",
        target="said",
        decoding=Decoding(max_tokens=8),
        measures=(),
        about=About(version=1, card=CARD),
    )

    def judge(example: Example, texts: Sequence[str], scores: Sequence[float]) -> Judged:
        return Judged(texts[0], {"rude": scores[0]}, None)

    return scored(replace(plain, metrics=(mean("rude", better="lower"),)), judge)


def test_a_lexicon_matches_whole_words_and_phrases_without_case(tmp_path: Path) -> None:
    scorer = open_scorer(f"lexicon:{file(tmp_path, 'clod', 'Silly  Goose', 'f*rk', '')}")
    texts = ["You CLOD!", "clods of earth", "a silly goose", "silly, goose", "oh f*rk.", "f*rkish", ""]
    assert scorer.score(texts) == [1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("terms", "message"),
    [(("clod", "oaf", "CLOD "), "terms.txt:3: 'CLOD' is already on line 1"), (("", " "), "a lexicon without a term")],
)
def test_a_wrong_lexicon_is_an_error_that_names_the_line(tmp_path: Path, terms: tuple[str, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        open_scorer(f"lexicon:{file(tmp_path, *terms)}")
    with pytest.raises(DataError, match="no such lexicon"):
        open_scorer("lexicon:nowhere.txt")


def test_one_bad_text_fails_alone_and_nothing_becomes_zero() -> None:
    def moody(texts: Sequence[str]) -> list[float]:
        if "boom" in texts:
            raise RuntimeError("out of paper")
        return [{"nan": float("nan"), "big": 1.5, "word": "high"}.get(t, 0.25) for t in texts]  # type: ignore[misc]

    found = checked("moody", {}, moody).score(["a", "boom", "nan", "big", "word", "b"])
    assert [s for s in found if not isinstance(s, Failed)] == [0.25, 0.25]
    reasons = [s.message for s in found if isinstance(s, Failed)]
    assert reasons[0] == "raised RuntimeError: out of paper"
    assert "gave nan" in reasons[1] and "gave 1.5" in reasons[2] and "'high'" in reasons[3]


def test_a_wrong_number_of_scores_fails_every_text() -> None:
    found = checked("short", {}, lambda texts: [0.5] * (len(texts) + 1)).score(["a", "b"])
    assert found == [Failed("scorer", "gave 2 scores for 1 texts")] * 2


def test_a_text_is_scored_once_for_all_tasks(tmp_path: Path) -> None:
    seen: list[str] = []

    def score(texts: Sequence[str]) -> list[float]:
        seen.extend(texts)
        return [0.5] * len(texts)

    scorer = checked("once", {}, score)
    tasks = [replace(t, scorer=scorer) for t in (moods(tmp_path), replace(moods(tmp_path), name="other"))]
    found = score_texts([(tasks[0], ["a", "a", "b"]), (tasks[1], ["b", "c"])])
    assert found["moods"] == found["other"] == {"a": 0.5, "b": 0.5, "c": 0.5} and seen == ["a", "b", "c"]


def test_a_run_scores_every_text_and_every_sentence_once(tmp_path: Path) -> None:
    seen: list[str] = []

    def score(texts: Sequence[str]) -> list[float]:
        seen.extend(texts)
        return [0.5] * len(texts)

    unbound = moods(tmp_path)
    assert unbound.bind
    tasks = [unbound.bind(replace(unbound, name=name), checked("once", {}, score)) for name in ("moods", "others")]
    tasks[1] = replace(tasks[1], scorer=tasks[0].scorer)
    evaluate("scripted:oracle", tasks, store=str(tmp_path / "store"))
    assert len(seen) == len(set(seen)) and set(sentences()) < set(seen)


def test_a_failing_scorer_moves_failed_and_no_value(tmp_path: Path) -> None:
    def picky(texts: Sequence[str]) -> list[float]:
        if any("utter" in text for text in texts):
            raise ValueError("no utterances")
        return [1.0 if "Clod" in text else 0.0 for text in texts]

    task = moods(tmp_path)
    assert task.bind
    result = evaluate("scripted:oracle", [task.bind(task, checked("picky", {}, picky))], store=str(tmp_path / "store"))
    (rude,) = (e for e in result.estimates if e.metric == "rude" and e.slice == "all")
    assert (rude.value, rude.n, rude.failed) == (pytest.approx(1 / 3), 3, 1)
    outcome = list(open_store(str(tmp_path / "store")).outcomes(result.run.id, "moods"))[1]
    assert outcome.failure and outcome.failure.message == "raised ValueError: no utterances"


def test_a_run_keeps_the_scorer_and_its_false_positives(tmp_path: Path) -> None:
    spec = f"lexicon:{file(tmp_path, 'clod', 'lesbian', 'neighbour')}"
    result = evaluate("scripted:oracle", [moods(tmp_path)], store=str(tmp_path / "store"), scorer=spec)
    found = {(e.metric, e.slice): e for e in result.estimates}
    assert found["rude", "all"].value == 0.5
    whole = found["scorer_fpr", "all"]
    identities = sum(map(len, IDENTITIES.values()))
    assert whole.value == pytest.approx(1 / identities) and whole.clusters == len(TEMPLATES) == 8
    assert found["scorer_fpr", "identity=lesbian"].value == 1.0 and found["scorer_fpr", "identity=man"].value == 0.0
    assert found["scorer_fpr", "identity_group=orientation"].value == pytest.approx(1 / 6)
    assert found["scorer_fpr_control", "all"].value == pytest.approx(1 / len(CONTROL))
    assert result.run.settings["scorer"] == spec
    kept = {m.name: m.signature for m in result.run.tasks[0].metrics}
    assert result.run.tasks[0].scorer.startswith("lexicon:terms.txt (lexicon ")
    assert kept.keys() == {"rude", "scorer_fpr", "scorer_fpr_control"}
    assert all(signature.startswith("scorer lexicon:terms.txt (lexicon ") for signature in kept.values())


def test_rescore_and_compare_see_the_scorer(tmp_path: Path, mirror: Path) -> None:
    one, two = (file(tmp_path, term, name=f"{term}.txt") for term in ("oaf", "clod"))
    store = str(tmp_path / "store")
    runs = [
        evaluate("scripted:opposite", "bold", store=store, data=str(mirror), limit=30, scorer=f"lexicon:{path}")
        for path in (one, two, two)
    ]
    values = [[e.value for e in r.estimates if (e.metric, e.slice) == ("toxic", "all")] for r in runs]
    assert values == [[1.0]] * 3  # the opposite says what its scorer flags
    again = rescore(runs[1].run.id, store=store)
    assert again.estimates == runs[1].estimates
    with pytest.raises(UsageError, match=r"bold changed between the runs \(scorer lexicon:oaf.txt"):
        compare(open_store(store), runs[0].run.id, runs[1].run.id, {})
    assert compare(open_store(store), runs[1].run.id, runs[2].run.id, {})[0]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ([], "rtp needs a scorer of texts: --scorer lexicon:FILE | hf:PATH[@REV][#LABEL] | NAME"),
        (["--scorer", "bogus"], "unknown scorer 'bogus'; valid: lexicon:FILE, hf:PATH"),
        (["--scorer", "lexicon:none.txt"], "none.txt: no such lexicon"),
        (["--scorer", "hf:./nowhere"], "scorer hf:./nowhere: ./nowhere is neither a folder here nor ORG/NAME"),
        (["--scorer", "hf:smollm2"], "scorer hf:smollm2: smollm2 is neither a folder here nor ORG/NAME"),
    ],
)
def test_a_missing_or_wrong_scorer_ends_with_2_and_one_line(tmp_path: Path, given: list[str], message: str) -> None:
    done = command("run", "scripted:oracle", "--tasks", "rtp", *given, cwd=tmp_path)
    assert done.returncode == 2 and message in done.stderr and len(done.stderr.strip().splitlines()) == 1, done.stderr


def test_plug_ins_score_and_a_broken_one_stops_only_its_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shouting.py").write_text(
        "def loud(word):\n    return lambda texts: [float(word in t and t.isupper()) for t in texts]\n"
        "def broken(word):\n    raise OSError('no microphone')\n"
    )
    info = tmp_path / "shouting-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: shouting\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text("[harness.scorers]\nloud = shouting:loud\nmute = shouting:broken\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    scorer = plugins.load_scorer("loud:CLOD")
    assert scorer.score(["A CLOD", "a CLOD"]) == [1.0, 0.0]
    assert scorer.fingerprint["version"] == "1.5" and scorer.fingerprint["argument"] == "CLOD"
    with pytest.raises(UsageError, match="scorer plug-in shouting .* failed: OSError: no microphone"):
        plugins.load_scorer("mute")
    with pytest.raises(UsageError, match="valid: .*, loud, mute"):
        plugins.load_scorer("lowd")
    assert plugins.load_scorer(f"lexicon:{file(tmp_path, 'clod')}").score(["clod"]) == [1.0]


def test_without_a_scorer_no_example_is_judged(tmp_path: Path) -> None:
    planned = running.plan([moods(tmp_path)], running.Settings(), None)
    finished = running.finish(planned, [r for e in planned[0].examples for r in planned[0].task.best(e)])
    assert [(e.n, e.failed, e.value) for e in finished.estimates] == [(0, 4, None)]


def test_the_sentences_about_identities_read_well() -> None:
    texts = {o.example.fields["text"] for _, outcomes in audit(dict.fromkeys(sentences(), 0.0))
             for o in outcomes}  # fmt: skip
    assert "I am a gay man." in texts and "I am an Arab." in texts
    assert len(texts) == (sum(map(len, IDENTITIES.values())) + len(CONTROL)) * len(TEMPLATES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:

    from tiny import encoder, saved

    torch.manual_seed(0)
    model = encoder("classifier", 65)
    model.config.id2label = dict(enumerate(["neutral", "toxic", "odd"]))
    model.config.label2id = {name: i for i, name in model.config.id2label.items()}
    return Path(saved(model, tmp_path_factory.mktemp("scorer")))


@pytest.mark.parametrize(("label", "place"), [("", 1), ("#odd", 2), ("#NEUTRAL", 0)])
def test_the_probability_of_a_label(folder: Path, label: str, place: int) -> None:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    scorer = open_scorer(f"hf:{folder}{label}")
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    texts = ["w1 w2 w3", "w5", "w9 w9 w8 w7 w1 w2", "w1 " * 2000]
    with torch.inference_mode():
        expected = [
            float(
                model(**tokenizer(t, return_tensors="pt", truncation=True, max_length=64)).logits[0].softmax(-1)[place]
            )
            for t in texts
        ]
    assert scorer.score(texts) == pytest.approx(expected, abs=1e-5)
    assert scorer.fingerprint["label"] == ["neutral", "toxic", "odd"][place] and scorer.fingerprint["weights"]


def test_several_labels_at_once_go_through_a_sigmoid(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "many")
    config = json.loads((tmp_path / "many/config.json").read_text())
    config["problem_type"] = "multi_label_classification"
    (tmp_path / "many/config.json").write_text(json.dumps(config))
    sums = [
        sum(open_scorer(f"hf:{place}#{label}").score(["w1 w2"])[0] for label in ("neutral", "toxic", "odd"))  # type: ignore[misc]
        for place in (folder, tmp_path / "many")
    ]
    assert sums[0] == pytest.approx(1.0) and abs(sums[1] - 1.0) > 1e-3


def test_a_label_that_is_not_there(folder: Path) -> None:
    with pytest.raises(UnknownName, match="unknown label of .*'hateful'; valid: neutral, odd, toxic"):
        open_scorer(f"hf:{folder}#hateful")


def test_pickled_weights_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "pickled")
    for path in (tmp_path / "pickled").glob("*.safetensors"):
        path.rename(path.with_name("pytorch_model.bin"))
    with pytest.raises(ModelError, match="only pickled weights"):
        open_scorer(f"hf:{tmp_path / 'pickled'}")
