"""Damaged files of every kind end in a result or in one sentence: no trace, no hang, no message of a page."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from fuzzing.formats import FORMATS, Format
from fuzzing.fuzz import BESIDE, flaw_of, fuzz

from harness.errors import DataError

COUNT = 1000


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_damaged_files_are_used_or_refused_in_a_sentence(form: Format, tmp_path: Path) -> None:
    found = fuzz(form, COUNT, tmp_path)
    assert found.flaws == []
    assert found.refused  # else nothing was damaged


@pytest.mark.parametrize("form", FORMATS, ids=[form.name for form in FORMATS])
def test_every_sound_file_is_used(form: Format, tmp_path: Path) -> None:
    for name, content in BESIDE.items():
        (tmp_path / name).write_bytes(content)
    for seed in form.seeds:
        (tmp_path / form.name).write_bytes(seed)
        form.use(tmp_path / form.name)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TypeError("x"), "unexpected TypeError"),
        (KeyError("x"), "unexpected KeyError"),
        (DataError("row 1: unexpected TypeError: x"), "no sentence"),
    ],
)
def test_a_planted_fault_is_found(error: Exception, said: str, tmp_path: Path) -> None:
    def use(path: Path) -> None:
        raise error

    assert said in flaw_of(Format("x", (b"",), use), tmp_path)
