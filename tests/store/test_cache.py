"""The cache gives a model its own answers only, bit for bit, and never a failure."""

import math
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from harness.errors import RunError
from harness.store.cache import AnswerCache
from harness.types import Choose, Chosen, Failed, Generate, Generated, Request

MODEL = {"weights": "aa", "dtype": "float32"}
ASKED: list[Request] = [Choose("a", (" b", " c")), Generate("a", 4), Generate("a", 4, seed=1)]


def test_answers_come_back_exactly_and_only_for_the_same_request(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "sub" / "cache.sqlite")
    chosen = Chosen(0, (-0.1 - 0.2, -math.inf), (1, 2))
    cache.put_many(MODEL, [(ASKED[0], chosen), (ASKED[1], Generated("x\udc80", 4, "length"))])
    again = AnswerCache(tmp_path / "sub" / "cache.sqlite")
    assert again.get_many(MODEL, ASKED) == {0: chosen, 1: Generated("x\udc80", 4, "length")}


@pytest.mark.parametrize(
    "other",
    [{**MODEL, "weights": "ab"}, {**MODEL, "dtype": "bfloat16"}, {"weights": "aa"}, {**MODEL, "system": ""}, {}],
)
def test_no_other_model_is_served(other: dict[str, str], tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.put_many(MODEL, [(ASKED[1], Generated("x", 1, "end"))])
    assert cache.get_many(other, ASKED) == {}
    assert cache.get_many(dict(reversed(MODEL.items())), ASKED).keys() == {1}


def test_a_failure_is_asked_again(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.put_many(MODEL, [(ASKED[1], Failed("server", "down"))])
    assert cache.get_many(MODEL, ASKED) == {}
    cache.put_many(MODEL, [(ASKED[1], Generated("up", 1, "end"))])
    assert cache.get_many(MODEL, ASKED) == {1: Generated("up", 1, "end")}


def test_several_writers_lose_nothing(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    asked: list[list[Request]] = [[Generate(f"{w} {i}", 1) for i in range(20)] for w in range(4)]

    def write(mine: list[Request]) -> None:
        for request in mine:
            AnswerCache(cache.path).put_many(MODEL, [(request, Generated("x", 1, "end"))])

    threads = [threading.Thread(target=write, args=(mine,)) for mine in asked]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(cache.get_many(MODEL, mine)) == 20 for mine in asked)


def test_a_file_that_is_no_cache_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "cache.sqlite").write_bytes(b"no database " * 100)
    with pytest.raises(RunError, match="cache.sqlite: cannot open the answer cache"):
        AnswerCache(tmp_path / "cache.sqlite")


def test_a_cache_damaged_later_is_one_line(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.path.write_bytes(b"no database " * 100)
    with pytest.raises(RunError, match="cannot read the answer cache"):
        cache.get_many(MODEL, ASKED)


@pytest.mark.parametrize(
    "kept",
    [
        b"\xff\xfe", b"", 5, None, 2.5, "{}", "[]", "null", "{" * 100_000,
        '{"kind":"failed","failure":"x","message":"y"}',
        '00000000 {"finish":"end","kind":"generated","text":"wrong","tokens":1}',
    ],
)  # fmt: skip
def test_a_damaged_row_is_asked_again_and_replaced(kept: object, tmp_path: Path) -> None:
    """And stops no run of that model."""
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.put_many(MODEL, [(ASKED[1], Generated("x", 1, "end")), (ASKED[2], Generated("y", 1, "end"))])
    with closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("CREATE TABLE loose (key, response)")
        db.execute(
            "INSERT INTO loose SELECT key, CASE response LIKE '%\"x\"%' WHEN 1 THEN ? ELSE response END FROM answers",
            (kept,),
        )
        db.execute("DROP TABLE answers")
        db.execute("CREATE TABLE answers (key TEXT PRIMARY KEY, response)")
        db.execute("INSERT INTO answers SELECT * FROM loose")
    assert cache.get_many(MODEL, ASKED) == {2: Generated("y", 1, "end")}
    cache.put_many(MODEL, [(ASKED[1], Generated("x", 1, "end")), (ASKED[2], Generated("other", 1, "end"))])
    assert cache.get_many(MODEL, ASKED) == {1: Generated("x", 1, "end"), 2: Generated("y", 1, "end")}


def test_a_flipped_bit_is_no_answer_and_an_old_row_is_one(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.put_many(MODEL, [(ASKED[0], Chosen(0, (-1.5, -2.5), (1, 2)))])
    with closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("UPDATE answers SET response = replace(response, '-1.5', '-1.4')")
    assert cache.get_many(MODEL, ASKED) == {}
    with closing(sqlite3.connect(cache.path)) as db, db:
        old = '{"kind":"chosen","logprobs":[-1.4,-2.5],"picked":0,"text":"","tokens":[1,2]}'
        db.execute("UPDATE answers SET response = ?", (old,))
    assert cache.get_many(MODEL, ASKED) == {0: Chosen(0, (-1.4, -2.5), (1, 2))}


def test_an_answer_under_the_key_of_another_question_is_none(tmp_path: Path) -> None:
    cache = AnswerCache(tmp_path / "cache.sqlite")
    cache.put_many(MODEL, [(ASKED[1], Generated("x", 1, "end")), (ASKED[2], Generated("y", 1, "end"))])
    with closing(sqlite3.connect(cache.path)) as db, db:
        db.execute("UPDATE answers SET response = (SELECT max(response) FROM answers)")
    assert len(cache.get_many(MODEL, ASKED)) == 1
