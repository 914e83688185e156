"""Tries mutations of a format one after the other and keeps those that end in neither a result nor one sentence."""

import re
import signal
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fuzzing.formats import BESIDE, Format
from fuzzing.mutate import mutated
from harness.errors import HarnessError

SECONDS = 10
"""Longer than that is a hang."""
CHARACTERS = 1000
"""A message of more is no sentence."""
CRASHED = re.compile(r"unexpected [A-Z]\w*(?:Error|Exception)\b|Traceback")
"""What the command line says of an error that nobody foresaw."""


@dataclass(slots=True)
class Found:
    """What the mutations of one format came to; ``flaws``: (number of the mutation, its content, what was wrong)."""

    used: int = 0
    refused: int = 0
    slowest: float = 0.0
    seconds: float = 0.0
    flaws: list[tuple[int, bytes, str]] = field(default_factory=list)


class Hang(BaseException):
    """No Exception, so that nothing on the way takes it for an error of the file."""


def fuzz(form: Format, count: int, folder: Path) -> Found:
    """The outcome of ``count`` mutations, the same in every process."""
    found = Found()
    path = folder / form.name
    for name, sound in BESIDE.items():
        (folder / name).write_bytes(sound)
    for number in range(max(1, round(count * form.share))):
        rng = Random(f"{form.name}\0{number}")
        content = mutated(rng.choice(form.seeds), rng)
        path.write_bytes(content)
        started = time.perf_counter()
        flaw = flaw_of(form, path, found)
        took = time.perf_counter() - started
        found.slowest, found.seconds = max(found.slowest, took), found.seconds + took
        if flaw:
            found.flaws.append((number, content, flaw))
    return found


def flaw_of(form: Format, path: Path, found: Found | None = None) -> str:
    """What is wrong with how a file is taken; empty where it is used or refused in one sentence."""
    found = found or Found()
    try:
        with deadline(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            form.use(path)
    except HarnessError as error:
        found.refused += 1
        said = str(error)
        if len(said) > CHARACTERS or "\n" in said or CRASHED.search(said):
            return f"no sentence: {said[:300]}"
        return ""
    except Hang:
        return f"more than {SECONDS} s"
    except Exception as error:
        return f"unexpected {type(error).__name__}: {str(error)[:200]}"
    found.used += 1
    return ""


@contextmanager
def deadline(seconds: int) -> Iterator[None]:
    """Raises Hang in the block after so many seconds. For the main thread."""

    def stop(signum: int, frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
