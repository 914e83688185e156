"""Rows from a folder in the Hub's layout, and one clear line for whatever is wrong with them."""

import json
import os
from dataclasses import replace
from pathlib import Path

import huggingface_hub
import pytest

from harness.data import at_hand, hub, load, packaged, sha256
from harness.errors import DataError, NotAtHand
from harness.kinds import About, Data, multiple_choice
from harness.run import plan
from harness.types import Card, Dataset, Settings, Task

CARD = Card(measures="m", limits="l", source="s", licence="x")


def place(folder: Path, rows: list[object]) -> Path:
    path = folder / "org" / "name" / "default" / "test.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("".join((r if isinstance(r, str) else json.dumps(r)) + "\n" for r in rows), encoding="utf-8")
    return path


def choosing(path: Path) -> Task:
    return multiple_choice(
        "t",
        data=Data(Dataset("t", path=str(path))),
        prompt="{q}",
        choices="options",
        target="gold",
        about=About(version=1, card=CARD),
    )


def read(task: Task) -> None:
    task.read(load(task.dataset[0]).rows, task.dataset[0])


def test_rows_of_the_folder_and_their_hash(tmp_path: Path) -> None:
    rows = [{"a": 1, "b": "ü"}, {"b": "x", "a": 2}]
    place(tmp_path, list(rows))
    found = load(hub("org/name"), tmp_path)
    assert found.rows == rows
    assert found.sha256 == sha256([{"b": "ü", "a": 1}, {"a": 2, "b": "x"}]) != sha256(reversed(rows))
    assert at_hand(hub("org/name"), tmp_path) and not at_hand(hub("org/other"), tmp_path)


def test_parquet_gives_the_same_rows_and_hash(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = place(tmp_path, [{"a": 1, "b": ["x", "y"]}])
    first = load(hub("org/name"), tmp_path)
    pq.write_table(pa.Table.from_pylist(first.rows), path.with_suffix(".parquet"))
    path.unlink()
    second = load(hub("org/name"), tmp_path)
    assert (second.rows, second.sha256) == (first.rows, first.sha256)


def test_packaged_files_are_at_hand() -> None:
    assert at_hand(packaged("harness_tasks", "data/qa.jsonl"))
    assert not at_hand(packaged("harness_tasks", "data/none.jsonl"))


def test_a_truncated_line_is_named_with_its_file_and_number(tmp_path: Path) -> None:
    path = place(tmp_path, [{"a": 1}])
    path.write_text('{"a": 1}\n{"a": "cut of', encoding="utf-8")
    with pytest.raises(DataError, match=r"test\.jsonl:2: not valid JSON.*truncated"):
        load(hub("org/name"), tmp_path)


def test_neither_data_nor_network_names_the_dataset_the_places_and_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(NotAtHand, match=r"org/none/default/test.*was not found in.*--data") as error:
        load(hub("org/none"), tmp_path)
    assert str(tmp_path) in str(error.value) and "\n" not in str(error.value)


def test_the_hub_is_asked_no_more_than_once_where_it_cannot_be_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And what the process thinks of its network is afterwards what it was."""
    import datasets

    seen = []
    for holder in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(holder, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")

    def load_dataset(*_: object, **__: object) -> None:
        seen.append((datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE))
        raise ConnectionError

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    environment = dict(os.environ)
    with pytest.raises(DataError, match="was not found in"):
        load(hub("org/none"), tmp_path)
    assert seen == [(True, True)] and dict(os.environ) == environment
    assert not datasets.config.HF_HUB_OFFLINE and not huggingface_hub.constants.HF_HUB_OFFLINE


@pytest.fixture
def cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a dataset ``org/cached`` in the cache of `datasets`, which has the split "test"; no network."""
    import datasets
    from datasets.arrow_writer import ArrowWriter

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    for holder in (datasets.config, huggingface_hub.constants):
        monkeypatch.setattr(holder, "HF_HUB_OFFLINE", True)
    folder = tmp_path / "cache/org___cached/default/0.0.0" / ("a" * 40)
    folder.mkdir(parents=True)
    with ArrowWriter(path=str(folder / "cached-test.arrow")) as writer:
        writer.write({"a": 1})
        writer.finalize()
    about = datasets.DatasetInfo(
        features=datasets.Features({"a": datasets.Value("int64")}),
        dataset_name="cached",
        config_name="default",
        version="0.0.0",
        splits=datasets.SplitDict({"test": datasets.SplitInfo("test", 8, 1, dataset_name="cached")}),
    )
    about.write_to_directory(str(folder))
    return folder


def test_what_the_cache_lacks_is_not_at_hand(cached: Path) -> None:
    assert load(hub("org/cached")).rows == [{"a": 1}]
    for absent in (hub("org/cached", split="train"), hub("org/cached", "other")):
        with pytest.raises(NotAtHand, match="was not found in"):
            load(absent)


@pytest.mark.parametrize(
    ("name", "content"),
    [("cached-test.arrow", b"junk"), ("cached-test.arrow", None), ("dataset_info.json", b"{")],
)
def test_few_shot_examples_that_are_there_and_cannot_be_read_come_from_nowhere_else(
    name: str, content: bytes | None, cached: Path, tmp_path: Path
) -> None:
    task = choosing(place(tmp_path, [GOOD, {**GOOD, "id": "2", "q": "!"}]))
    task = replace(task, shots=replace(task.shots, count=1, dataset=(hub("org/cached"),)))
    (cached / name).unlink()
    if content is not None:
        (cached / name).write_bytes(content)
    with pytest.raises(DataError, match="org/cached/default/test is there and cannot be read"):
        plan([task], Settings(), None)
    elsewhere = replace(task, shots=replace(task.shots, dataset=(hub("org/none"),)))
    [planned] = plan([elsewhere], Settings(), None)
    assert planned.record.shots_source == "evaluated split (org/none/default/test is not at hand)"


def test_few_shot_examples_of_a_parallel_corpus_that_cannot_be_read_come_from_nowhere_else(tmp_path: Path) -> None:
    task = choosing(place(tmp_path, [GOOD, {**GOOD, "id": "2", "q": "!"}]))
    for language, ids in (("eng", (1, 2)), ("deu", (1, 3))):
        path = tmp_path / "me/parallel" / language / "dev.jsonl"
        path.parent.mkdir(parents=True)
        path.write_text("".join(f'{{"id": {i}, "sentence": "s"}}\n' for i in ids))
    task = replace(task, shots=replace(task.shots, count=1, dataset=(hub("me/parallel", "eng-deu", "dev"),)))
    with pytest.raises(DataError, match="differ in their ids"):
        plan([task], Settings(), tmp_path)


GOOD = {"id": "1", "q": "?", "options": ["a", "b"], "gold": 0}


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "2", "options": ["a", "b"], "gold": 0}, "no column 'q'; there are id, options, gold"),
        ({**GOOD, "id": "1"}, "example id '1' is used twice"),
        ({**GOOD, "id": "2", "gold": 2}, "label 2 is outside the 2 choices"),
        ({**GOOD, "id": "2", "gold": "c"}, "label 'c' is not among the choices"),
        ({**GOOD, "id": "2", "options": ["a", " "]}, "an empty choice"),
        ({**GOOD, "id": "2", "options": []}, "an empty choice"),
    ],
)
def test_bad_rows_are_named(row: dict[str, object], said: str, tmp_path: Path) -> None:
    task = choosing(place(tmp_path, [GOOD, row]))
    with pytest.raises(DataError, match=r"row 2 of .*test\.jsonl") as error:
        read(task)
    assert said in str(error.value)


def test_two_languages_are_joined_by_id(tmp_path: Path) -> None:
    for language, ids in (("eng_Latn", (1, 2)), ("deu_Latn", (2, 1))):
        place = tmp_path / "me/parallel" / language / "devtest.jsonl"
        place.parent.mkdir(parents=True)
        place.write_text("".join(f'{{"id": {i}, "sentence": "{language}{i}"}}\n' for i in ids))
    both = hub("me/parallel", "eng_Latn-deu_Latn", "devtest")
    assert at_hand(both, tmp_path)
    assert load(both, tmp_path).rows == [
        {"id": i, "sentence_eng_Latn": f"eng_Latn{i}", "sentence_deu_Latn": f"deu_Latn{i}"} for i in (1, 2)
    ]
    place.write_text('{"id": 3, "sentence": "drei"}\n')
    with pytest.raises(DataError, match="differ in their ids"):
        load(both, tmp_path)
