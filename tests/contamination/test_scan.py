"""What of a text a corpus holds: against a search word by word, through every kind of file, across every border."""

import gzip
import json
import random
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.contamination import corpus
from harness.contamination.check import Report, contamination
from harness.contamination.items import BenchmarkText
from harness.contamination.rules import RULES, gpt3_length
from harness.contamination.words import grams, plain, word_hashes
from harness.errors import DataError, UsageError

TEXTS = st.lists(st.lists(st.sampled_from("abc"), max_size=20).map(" ".join), min_size=1, max_size=4)
WORDS = [f"w{i}x" for i in range(3_000)]


def text(draw: random.Random, count: int) -> str:
    return " ".join(draw.choice(WORDS) for _ in range(count))


def check(texts: list[str], place: Path | str, **named: object) -> Report:
    return contamination([BenchmarkText("t", str(i), one, "") for i, one in enumerate(texts)], str(place), **named)  # type: ignore[arg-type]


def longest(item: str, documents: list[str]) -> int:
    """The definition: the longest run of words that an item and a document share."""
    best = 0
    for document in documents:
        a, b = plain(item).split(), plain(document).split()
        table = np.zeros((len(a) + 1, len(b) + 1), int)
        for i in range(len(a)):
            for j in range(len(b)):
                table[i + 1, j + 1] = table[i, j] + 1 if a[i] == b[j] else 0
        best = max(best, int(table.max()))
    return best


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_the_longest_shared_run_is_that_of_the_definition(items: list[str], documents: list[str]) -> None:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        file = Path(folder) / "c.jsonl"
        file.write_text("\n".join(json.dumps({"text": one}) for one in documents))
        found = check(items, file)
    for item, one in zip(items, found.checked, strict=True):
        true = longest(item, documents)
        assert one.question.longest == (true if true >= 5 else 0)


def test_case_and_punctuation_do_not_hide_a_text(tmp_path: Path) -> None:
    item = "What is the tallest mountain of the whole wide world, ‘counted’ from its foot — not the sea?"
    (tmp_path / "c.txt").write_text(f"x y z {item.upper().replace(',', ' ;').replace('—', '...')} and so on")
    [found] = check([item], tmp_path / "c.txt").checked
    assert found.question.longest == found.question.words == 16 + 1
    assert set(found.question.verdicts.values()) == {"dirty"}


def test_words_that_differ_have_other_hashes() -> None:
    draw = random.Random(0)
    words = {"".join(draw.choice("ab") for _ in range(draw.randint(1, 30))) for _ in range(30_000)}
    hashes = word_hashes(plain(" ".join(sorted(words))))
    assert len(set(hashes.tolist())) == len(words) == len(hashes)
    assert len(grams(hashes, 5)) == len(hashes) - 4 and len(grams(hashes[:3], 5)) == 0


def write(kind: str, folder: Path, texts: list[str]) -> Path:
    file = folder / f"corpus{kind}"
    lines = "\n".join(json.dumps({"id": 1, "text": one}) for one in texts).encode()
    if kind == ".parquet":
        pq.write_table(pa.table({"text": texts}), file)
    elif kind == ".jsonl.gz":
        file.write_bytes(gzip.compress(lines))
    elif kind == ".jsonl.zst":
        file.write_bytes(pa.compress(lines, "zstd", asbytes=True))
    elif kind == ".jsonl":
        file.write_bytes(lines)
    else:
        file.write_text("\n\n".join(texts))
    return file


@pytest.mark.parametrize("kind", [".txt", ".jsonl", ".parquet", ".jsonl.gz", ".jsonl.zst"])
def test_every_kind_of_file_is_read(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BLOCK", 4_000)  # many borders between blocks
    monkeypatch.setattr(corpus, "OVERLAP", 1_000)
    draw = random.Random(1)
    items = [text(draw, 30) for _ in range(40)]
    documents = [f"{text(draw, 90)} {item if i % 2 else ''} {text(draw, 90)}" for i, item in enumerate(items)]
    found = check(items, write(kind, tmp_path, documents))
    there = [i % 2 == 1 for i in range(40)]
    assert [one.question.longest >= 30 for one in found.checked] == there
    for rule in RULES:
        assert [one.question.verdicts[rule] == "dirty" for one in found.checked] == [i % 2 == 1 for i in range(40)], (
            rule
        )


def test_a_text_does_not_match_across_two_documents(tmp_path: Path) -> None:
    item = text(random.Random(2), 20)
    halves = item.split()[:10], item.split()[10:]
    (tmp_path / "c.jsonl").write_text("\n".join(json.dumps({"text": " ".join(half)}) for half in halves))
    [found] = check([item], tmp_path / "c.jsonl").checked
    assert found.question.longest == 10


def test_changed_words_leave_a_near_duplicate_and_other_texts_are_none(tmp_path: Path) -> None:
    draw = random.Random(3)
    items = [text(draw, draw.randint(30, 60)) for _ in range(200)]
    documents = []
    for item in items[:100]:
        words = item.split()
        for place in draw.sample(range(len(words)), 3):
            words[place] = "other"
        documents.append(f"{text(draw, 50)} {' '.join(words)} {text(draw, 50)}")
    (tmp_path / "c.txt").write_text("\n".join(documents))
    found = check(items, tmp_path / "c.txt")
    assert [one.question.verdicts["near_duplicate"] for one in found.checked] == ["dirty"] * 100 + ["clean"] * 100
    assert found.share("near_duplicate").dirty == 100 and found.share("near_duplicate", part="answer").n == 0


def test_scattered_sequences_are_no_near_duplicate(tmp_path: Path) -> None:
    item = text(random.Random(4), 50)
    words = item.split()
    pieces = [" ".join(words[i : i + 6]) + " " + text(random.Random(i), 300) for i in range(0, 48, 6)]
    (tmp_path / "c.txt").write_text(" ".join(pieces))
    [found] = check([item], tmp_path / "c.txt").checked
    assert found.question.verdicts["near_duplicate"] == "clean" and found.question.longest == 6


def test_rules_by_coverage_and_common_sequences(tmp_path: Path) -> None:
    draw = random.Random(5)
    item = text(draw, 40)
    half = " ".join(item.split()[:20])
    documents = [f"{i} {half} {text(draw, 5)}" for i in range(11)]
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps({"text": one}) for one in documents))
    (tmp_path / "few.jsonl").write_text("\n".join(json.dumps({"text": one}) for one in documents[:10]))
    many, few = (check([item], tmp_path / name).checked[0].question for name in ("many.jsonl", "few.jsonl"))
    assert (few.verdicts["gpt3_ngram"], many.verdicts["gpt3_ngram"]) == ("dirty", "clean")  # 10 documents at most
    assert few.verdicts["palm_8gram_70"] == "clean" and few.verdicts["llama2_10token_80"] == "between"
    assert few.verdicts["longest_match"] == "dirty"


def test_a_long_document_is_one_whatever_its_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(corpus, "BLOCK", 2_000)
    monkeypatch.setattr(corpus, "OVERLAP", 500)
    draw = random.Random(8)
    item = text(draw, 20)
    parts = [f"{item} {text(draw, 300)}" for _ in range(12)]
    (tmp_path / "one.txt").write_text(" ".join(parts))
    (tmp_path / "many.jsonl").write_text("\n".join(json.dumps({"text": one}) for one in parts))
    verdicts = {
        name: check([item], tmp_path / name).checked[0].question.verdicts["gpt3_ngram"]
        for name in ("one.txt", "many.jsonl")
    }
    assert verdicts == {"one.txt": "dirty", "many.jsonl": "clean"}  # in 1 document and in 12


@pytest.mark.parametrize("blank", ["", "\n", " "])
def test_parts_of_a_text_are_short_whatever_stands_between_its_words(
    blank: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(corpus, "BLOCK", 2_000)
    monkeypatch.setattr(corpus, "OVERLAP", 500)
    (tmp_path / "c.txt").write_text(blank.join(f"word{i}" for i in range(4_000)))
    parts = [part for _, part in corpus._documents(tmp_path / "c.txt", None)]
    assert max(map(len, parts)) < 2_600 and sum(map(len, parts)) < 1.5 * (tmp_path / "c.txt").stat().st_size
    assert all(any(f"word{i}" in part for part in parts) for i in range(4_000))


def test_short_texts_are_not_told(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("the capital of France is Paris")
    found = check(["Paris", "the capital of France is Paris"], tmp_path / "c.txt")
    assert [one.question.verdicts["gpt3_ngram"] for one in found.checked] == ["too short"] * 2
    assert (found.share("gpt3_ngram").n, found.share("gpt3_ngram").short, found.share("gpt3_ngram").low) == (0, 2, None)


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    draw = random.Random(6)
    items = [text(draw, 30) for _ in range(20)]
    for i in range(4):
        (tmp_path / f"{i}.txt").write_text(" ".join(f"{text(draw, 40)} {one}" for one in items[i::5]))
    alone, together = check(items, tmp_path), check(items, tmp_path, jobs=2)
    assert alone == together and alone.share("gpt3_ngram").dirty == 16 and alone.files == 4
    assert check(items, str(tmp_path / "[01].txt")).share("gpt3_ngram").dirty == 8


def test_the_length_of_gpt3s_sequences() -> None:
    assert (gpt3_length([]), gpt3_length([3] * 9), gpt3_length([10] * 9), gpt3_length([90] * 9)) == (8, 8, 10, 13)


@pytest.mark.parametrize(
    ("name", "content", "error", "words"),
    [
        ("c.csv", b"a", UsageError, "holds no file that ends in .txt"),
        ("c.jsonl", b"{", DataError, "c.jsonl:1: no JSON"),
        ("c.jsonl", b'{"a": 1}', DataError, "no text in text or content or document; name the key with --field"),
        ("c.jsonl.gz", b"no gzip", DataError, "cannot be read"),
        ("c.parquet", b"no parquet", DataError, "cannot be read"),
    ],
)
def test_files_that_cannot_be_read(
    tmp_path: Path, name: str, content: bytes, error: type[Exception], words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=words):
        check(["a b c d e f g h i"], tmp_path)
