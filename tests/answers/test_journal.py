"""A journal cut at any byte reopens to a prefix of its records; one writer at a time; a full disk spoils nothing."""

import os
import resource
import subprocess
import sys
import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.answers.journal import Journal, header, progress
from harness.answers.records import sealed
from harness.errors import RunError
from harness.types import Chosen, Failed, Generated, Response

HEAD = {"identity": "a model and its questions", "total": 7}
BATCHES: list[list[tuple[int, Response]]] = [
    [(0, Chosen(1, (-0.1, -float("inf")), (1, 2))), (3, Generated("line\r\nbreak \u2028 \udc80", 3, "stop"))],
    [(1, Failed("server", "no answer"))],
    [(2, Generated("", 0, "end")), (4, Chosen(0)), (5, Chosen(1))],
]


def write(path: Path) -> bytes:
    with Journal.open(path, HEAD) as journal:
        for batch in BATCHES:
            journal.append(batch)
    return path.read_bytes()


def prefixes() -> list[dict[int, Response]]:
    return [{i: r for batch in BATCHES[:n] for i, r in batch} for n in range(len(BATCHES) + 1)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_crash_prefix_reopens_to_a_prefix_of_the_records(data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "run.journal"
        content = write(path)
        cut = data.draw(st.integers(0, len(content)))
        path.write_bytes(content[:cut])
        whole = content[:cut].count(b"\n")
        with Journal.open(path, HEAD) as journal:
            assert journal.responses == prefixes()[max(whole - 1, 0)]
            assert bool(journal.notice) == (cut > 0 and content[cut - 1 : cut] != b"\n")
            for batch in BATCHES[max(whole - 1, 0) :]:
                journal.append(batch)
        assert path.read_bytes() == content


def surviving(content: bytes, place: int) -> dict[int, Response]:
    """What a journal must still give after one byte at ``place`` was changed: every batch whose line is not touched."""
    starts = [0, *(i + 1 for i, byte in enumerate(content) if byte == 10)]
    lines = list(pairwise(starts))
    kept = [batch for batch, (start, end) in zip(BATCHES, lines[1:], strict=True) if not start <= place < end]
    return {i: r for batch in kept for i, r in batch}


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_a_changed_byte_costs_its_own_record_alone(data: st.DataObject) -> None:
    """Whatever byte it is: the header's, a record's or a line break; the damaged line stays in the file."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "run.journal"
        content = bytearray(write(path))
        where = data.draw(st.integers(0, len(content) - 1))
        expected = surviving(bytes(content), where)
        content[where] ^= data.draw(st.integers(1, 255))
        path.write_bytes(content)
        torn = not content.endswith(b"\n")
        with Journal.open(path, HEAD) as journal:
            assert journal.responses == expected
            assert ("cut off" if torn else "are damaged and left as they are") in journal.notice
            journal.append(BATCHES[1])
        kept = bytes(content[: content.rfind(b"\n") + 1])
        assert path.read_bytes().startswith(kept) and header(path) == HEAD
        with Journal.open(path, HEAD) as journal:
            assert journal.responses == expected | dict(BATCHES[1])


def test_a_record_of_another_shape_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    content = write(path)
    for odd in (
        {"answers": 5, "cached": False},
        {"answers": [["0", {}]], "cached": False},
        {"answers": [[0, None]]},
        {},
    ):
        path.write_bytes(content + sealed(odd) + b"\n")
        with Journal.open(path, HEAD) as journal:
            assert journal.responses == prefixes()[-1] and "are damaged" in journal.notice
        assert progress(path) == (6, 7)


def test_progress_and_header_are_read_while_the_run_writes(tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    with Journal.open(path, HEAD) as journal:
        assert progress(path) == (0, 7)
        journal.append(BATCHES[0])
        assert progress(path) == (2, 7)
        journal.append(BATCHES[2], cached=True)
        assert progress(path) == (5, 7)
        assert header(path) == HEAD
    with Journal.open(path, HEAD) as journal:
        assert journal.cached == {2, 4, 5}


def test_two_runs_cannot_write_one_journal(tmp_path: Path) -> None:
    with Journal.open(tmp_path / "run.journal", HEAD) as journal:
        with pytest.raises(RunError, match="another run is writing"):
            Journal.open(tmp_path / "run.journal", HEAD)
        journal.append(BATCHES[0])
    Journal.open(tmp_path / "run.journal", HEAD).close()


def test_another_header_is_refused_by_the_names_that_differ(tmp_path: Path) -> None:
    content = write(tmp_path / "run.journal")
    with pytest.raises(RunError, match="another run: total differ"):
        Journal.open(tmp_path / "run.journal", {**HEAD, "total": 8})
    assert (tmp_path / "run.journal").read_bytes() == content


FULL = f"""
import resource, sys
from pathlib import Path
from harness.errors import RunError
from harness.answers.journal import Journal
from harness.types import Generated
journal = Journal.open(Path(sys.argv[1]), {HEAD!r})
journal.append([(0, Generated("kept", 1, "end"))])
size = Path(sys.argv[1]).stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 50, resource.RLIM_INFINITY))
try:
    journal.append([(1, Generated("x" * int(sys.argv[2]), 1, "end"))])
except RunError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit on file sizes here")
@pytest.mark.parametrize("size", [60, 200, 20_000])
def test_no_space_left_is_one_line_and_the_file_stays_readable(size: int, tmp_path: Path) -> None:
    path = tmp_path / "run.journal"
    command = [sys.executable, "-c", FULL, str(path), str(size)]
    unmeasured = {k: v for k, v in os.environ.items() if not k.startswith("COV")}  # coverage would need space as well
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=unmeasured)
    assert (done.returncode, done.stderr) == (0, "")
    assert "cannot write the journal" in done.stdout and done.stdout.count("\n") == 1
    with Journal.open(path, HEAD) as journal:
        assert journal.responses == {0: Generated("kept", 1, "end")} and journal.notice == ""
