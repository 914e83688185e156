"""Text metrics equal sacrebleu and rouge-score to all digits; SQuAD and GSM8K by the rules of their authors."""

import json
import random
import re
import string
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics import BLEU, CHRF, TER

from harness.metrics import text
from harness.metrics.stats import point

WORDS = ("the", "a", "cat", "dog", "sat", "mat", ",", ".", "quickly", "(home)", "3.5", "it's", "UPPER", "ünïcode", "x")


def corpus(seed: int, size: int, references: int) -> tuple[list[str], list[list[str]]]:
    """Hypotheses [size] and references [size][references] that share many words."""
    rng = np.random.default_rng(seed)
    first = [" ".join(rng.choice(WORDS, rng.integers(1, 14))) for _ in range(size)]
    kept = [" ".join(w for w in line.split() if rng.random() < 0.8) for line in first]
    return kept, [[line, *(" ".join(rng.choice(WORDS, 8)) for _ in range(references - 1))] for line in first]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("references", [1, 3])
def test_corpus_metrics_equal_sacrebleu(seed: int, references: int) -> None:
    ours, theirs = corpus(seed, 30, references)
    streams = [list(stream) for stream in zip(*theirs, strict=True)]
    pairs = list(zip(ours, theirs, strict=True))
    same = [
        (text.bleu(references=references), [text.bleu_row(*pair) for pair in pairs], BLEU()),
        (text.chrf(references=references), [text.chrf_row(*pair) for pair in pairs], CHRF()),
        (
            text.chrf(word_order=2, references=references),
            [text.chrf_row(*pair, 2) for pair in pairs],
            CHRF(word_order=2),
        ),
        (text.ter(references=references), [text.ter_row(*pair) for pair in pairs], TER()),
    ]
    for metric, rows, reference in same:
        score = reference.corpus_score(ours, streams).score
        assert point(metric, np.array(rows)) == pytest.approx(score, rel=1e-13), metric.name
        assert metric.signature == str(reference.get_signature())


@pytest.mark.parametrize("hypothesis", ["", "cat", "the cat", "the cat sat", "dog ran home", "mat cat the sat on"])
def test_short_texts_equal_sacrebleu(hypothesis: str) -> None:
    references = ["the cat sat on the mat"]
    for metric, row, reference in [
        (text.bleu(), text.bleu_row(hypothesis, references), BLEU()),
        (text.chrf(), text.chrf_row(hypothesis, references), CHRF()),
        (text.ter(), text.ter_row(hypothesis, references), TER()),
    ]:
        score = reference.corpus_score([hypothesis], [references]).score
        assert point(metric, np.array([row])) == pytest.approx(score, rel=1e-13, abs=1e-300), metric.name


def test_tokenizers_differ_and_are_named() -> None:
    rows = np.array([text.bleu_row("猫坐在垫子上 今天", ["猫坐在垫子上面 今天"], "zh")])
    reference = BLEU(tokenize="zh")
    score = reference.corpus_score(["猫坐在垫子上 今天"], [["猫坐在垫子上面 今天"]]).score
    assert point(text.bleu(tokenize="zh"), rows) == pytest.approx(score, rel=1e-13)
    assert text.bleu(tokenize="zh").signature == str(reference.get_signature())


def test_bleu_without_case_equals_sacrebleu() -> None:
    ours, theirs = corpus(7, 20, 2)
    ours = [line.title() for line in ours]
    reference = BLEU(lowercase=True)
    metric = text.bleu(references=2, lowercase=True)
    rows = np.array([text.bleu_row(*pair, lowercase=True) for pair in zip(ours, theirs, strict=True)])
    score = reference.corpus_score(ours, [list(stream) for stream in zip(*theirs, strict=True)]).score
    assert point(metric, rows) == pytest.approx(score, rel=1e-13)
    assert metric.signature == str(reference.get_signature())
    assert score > BLEU().corpus_score(ours, [list(stream) for stream in zip(*theirs, strict=True)]).score


def test_references_must_be_a_list() -> None:
    with pytest.raises(ValueError, match="sequence of at least one reference"):
        text.bleu_row("a", "b")


@pytest.mark.parametrize("stemmer", [True, False])
def test_rouge_equals_rouge_score(stemmer: bool) -> None:
    ours, theirs = corpus(1, 20, 2)
    ours = [line.replace(" . ", " .\n") for line in ours]
    scorer = RougeScorer(["rouge1", "rouge2", "rougeL", "rougeLsum"], use_stemmer=stemmer)
    for line, references in zip(ours, theirs, strict=True):
        values = text.rouge_values(line, references, stemmer)
        for name, value in values.items():
            assert value == max(scorer.score(reference, line)[name].fmeasure for reference in references)


@pytest.mark.parametrize(
    ("prediction", "references", "exact", "f1"),
    [
        ("The  Cat!", ["cat"], 1.0, 1.0),
        ("Denver Broncos", ["the Denver Broncos", "Carolina"], 1.0, 1.0),
        ("in 1066", ["1066", "the year 1066"], 0.0, 2 / 3),
        ("cat cat dog", ["cat dog dog"], 0.0, 2 / 3),
        ("theatre", ["atre"], 0.0, 0.0),
        ("", ["a"], 1.0, 1.0),
        ("", ["something"], 0.0, 0.0),
    ],
)
def test_squad_rules(prediction: str, references: list[str], exact: float, f1: float) -> None:
    assert text.squad_values(prediction, references) == (exact, pytest.approx(f1))


def official_squad(prediction: str, reference: str) -> tuple[float, float]:
    """The definition of the official evaluation script (version 2.0), step by step."""

    def words(text: str) -> list[str]:
        bare = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return re.sub(r"\b(a|an|the)\b", " ", bare).split()

    ours, theirs = words(prediction), words(reference)
    same = sum((Counter(ours) & Counter(theirs)).values())
    if not ours or not theirs:
        return float(ours == theirs), float(ours == theirs)
    precision, recall = same / len(ours), same / len(theirs)
    return float(ours == theirs), 2 * precision * recall / (precision + recall) if same else 0.0


@pytest.mark.parametrize("seed", range(30))
def test_squad_equals_the_official_definition(seed: int) -> None:
    draw = random.Random(seed)
    said, *references = (" ".join(draw.choices(WORDS, k=draw.randint(0, 7))) for _ in range(4))
    each = [official_squad(said, reference) for reference in references]
    expected = max(em for em, _ in each), max(f1 for _, f1 in each)
    assert text.squad_values(said, references) == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("so 3*4=12\n#### 12", "12"),
        ("#### -1,234.5", "-1234.5"),
        ("12", None),
        ("####12", None),
        ("A: 5", None),
        ("#### ...", None),
        ("#### 18.00", "18"),
        ("#### 7\n#### 8", "7"),
        ("#### 12.", "12"),
    ],
)
def test_gsm8k_answer(answer: str, number: str | None) -> None:
    assert text.gsm8k_answer(answer) == number


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("He has 3 and then 1,250.", "1250"),
        ("$4.50", "4.5"),
        ("The answer is 18 ...", "18"),
        ("The total is $18.00", "18"),
        ("... and then ...", None),
        ("a range of 10-18", "18"),
        ("-$1,200.0", "-1200"),
        ("it is \u22124", "-4"),
        ("0.0", "0"),
        ("$.25", "0.25"),
        ("9" * 40, "9" * 40),
        ("none", None),
        ("-7", "-7"),
        ("7 apples", "7"),
        ("it is 5, or 6.", "6"),
        ("#### 12 of 24", "24"),
    ],
)
def test_last_number(answer: str, number: str | None) -> None:
    assert text.last_number(answer) == number


@pytest.mark.parametrize("answer", ["1e99999999", "1E+9", "NaN", "Infinity", "1_000", "- 3"])
def test_what_is_written_with_more_than_digits_is_no_plain_number(answer: str) -> None:
    assert text.plain_number(answer) is None


@pytest.mark.parametrize("seed", range(20))
def test_last_number_is_the_peers_flexible_extract_for_whole_numbers(seed: int) -> None:
    """Its filter: the last match of two alternatives, the first that is not empty; then what it ignores is deleted."""
    draw = random.Random(seed)
    parts = [f"{draw.choice(['', '$', '-'])}{draw.randrange(10**6):,}" for _ in range(3)]
    written = " and ".join(parts) + draw.choice([".", "", " apples"])
    found = re.findall(r"(-?[$0-9.,]{2,})|(-?[0-9]+)", written)
    peer = next(part for part in found[-1] if part).strip()
    for ignored in (",", r"\$", r"\.$"):
        peer = re.sub(ignored, "", peer)
    assert text.last_number(written) == peer


def test_diversity() -> None:
    assert text.distinct(["a b a b"], 1, 4) == 0.5
    assert text.distinct(["a b", "a b c d"], 2, 4) == 0.5  # "a b" twice: the budget ends the second text
    assert np.isnan(text.distinct(["a b"], 1, 3))
    assert text.repetition("a b a b a b", 2) == pytest.approx(1 - 2 / 5)
    assert text.repetition("a", 2) == 0.0
    same, other = ["the cat sat on the mat"] * 3, ["one two three four", "five six seven eight", "nine ten to be"]
    assert text.self_bleu(same) == pytest.approx(100.0)
    assert text.self_bleu(other) == 0.0
    assert text.compression(same * 20) > 5 * text.compression(other)


def test_a_published_system_gets_its_published_scores(mirror: Path) -> None:
    folder = mirror / "predictions" / "wmt22" / "de-fr"
    hypotheses = (folder / "LT22.txt").read_text(encoding="utf-8").splitlines()
    references = (folder / "ref.A.txt").read_text(encoding="utf-8").splitlines()
    published = {}
    for line in (folder / "automatic-scores.tsv").read_text(encoding="utf-8").splitlines():
        _, system, _, _, name, score = line.split("\t")
        if system == "LT22":
            published[name] = score
    pairs = [(hypothesis, [reference]) for hypothesis, reference in zip(hypotheses, references, strict=True)]
    for metric, row, name in [
        (text.bleu(), text.bleu_row, "bleu-A"),
        (text.chrf(), text.chrf_row, "chrf-A"),
    ]:
        assert point(metric, np.array([row(*pair) for pair in pairs])) == pytest.approx(
            float(published[name]), rel=1e-14
        )


def test_published_gsm8k_verdicts(mirror: Path) -> None:
    lines = (mirror / "predictions" / "gsm8k" / "6b_finetuning.jsonl").read_text(encoding="utf-8").splitlines()
    answers = [json.loads(line) for line in lines]
    said = [re.sub("^A: ", "#### ", answer["solution"], flags=re.MULTILINE) for answer in answers]
    ours = [
        text.gsm8k_answer(one) == text.gsm8k_answer(re.sub("^A: ", "#### ", answer["ground_truth"], flags=re.MULTILINE))
        for one, answer in zip(said, answers, strict=True)
    ]
    assert ours == [answer["is_correct"] for answer in answers]
    assert round(100 * sum(ours) / len(ours), 2) == 21.68
