"""One program, run by the command of a sandbox: what it is fed, how long it is waited for, how it ended."""

import contextlib
import json
import os
import secrets
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import IO

from harness.sandbox import view
from harness.types import Failed, Ran

RUNNER = Path(__file__).with_name("runner.py").read_text(encoding="utf-8")
PYTHON = (view.PYTHON, "-s", "-S", "-P", "-B", "-X", "utf8", "-c", RUNNER)
START = 30.0
"""Seconds within which a sandbox has to stand."""
OVER = "time is over"
"""What the runner says where a program has computed for too long."""
GIGABYTE, MEGABYTE = 1024**3, 1024**2


@dataclass(frozen=True, slots=True)
class Confined:
    """A sandbox: ``command`` gives the words before ``python``, from an empty folder that it may use.

    ``seconds``: of computing, which do not pass faster on a busy machine; ``clock``: of waiting in all. Memory is
    limited for each process; what a program prints is lost, and what it writes is gone with the sandbox.
    """

    way: str
    command: Callable[[str], list[str]]
    seconds: int = 3
    clock: float = 8.0

    @property
    def name(self) -> str:
        """The way, the version of Python and the limits."""
        python = ".".join(map(str, view.VERSION))
        return f"{self.way} (Python {python}, {self.seconds} s, 1 GB)"

    def run(self, program: str) -> Ran | Failed:
        """Run a program. What is wrong with the program is a verdict, what is wrong with the sandbox is Failed."""
        word = secrets.token_hex(16)
        asked = {"program": program, "word": word, "user": view.user(), "limits": self._limits()}
        with tempfile.TemporaryFile() as said, tempfile.TemporaryFile() as errors, _folder() as scratch:
            said.write(json.dumps(asked).encode())
            said.seek(0)
            reader, writer = os.pipe()
            with os.fdopen(reader, "rb", buffering=0) as reports:
                try:
                    process = _started([*self.command(scratch), *PYTHON, str(writer)], said, errors, writer)
                except OSError as error:
                    return Failed("sandbox", f"{self.way}: {error}")
                finally:
                    os.close(writer)
                try:
                    return self._heard(reports, word, errors)
                finally:
                    _end(process)

    def _heard(self, reports: IO[bytes], word: str, errors: IO[bytes]) -> Ran | Failed:
        """The verdict, from what the runner reports."""
        heard = _Reports(reports)
        if heard.line(START) != "started":
            errors.seek(0)
            reason = errors.read(2000).decode("utf-8", "replace").strip().rpartition("\n")[2]
            return Failed("sandbox", f"{self.way} does not stand: {reason or 'it said nothing'}")
        end = heard.line(self.clock)
        if end is None:
            return Ran("time-out", f"no end after {self.clock:g} s by the clock")
        if end == OVER:
            return Ran("time-out", f"no end after {self.seconds} s of computing")
        if end == word:
            return Ran("passed")
        return Ran("failed", end or "it ended before its tests did")

    def _limits(self) -> dict[str, int]:
        return {
            "RLIMIT_AS": GIGABYTE,
            "RLIMIT_CPU": self.seconds,
            "RLIMIT_FSIZE": MEGABYTE,
            "RLIMIT_NPROC": 8,
            "RLIMIT_NOFILE": 64,
            "RLIMIT_CORE": 0,
        }


class _Reports:
    """Lines of a pipe, each waited for so long at most."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self._pipe, self._rest = pipe, b""

    def line(self, seconds: float) -> str | None:
        """The next line, what there is of it at the end, None if the time is over."""
        end = monotonic() + seconds
        while b"\n" not in self._rest and len(self._rest) < 4096:
            if not select.select([self._pipe], [], [], max(0.0, end - monotonic()))[0]:
                return None
            new = self._pipe.read(4096)
            if not new:
                break
            self._rest += new
        line, _, self._rest = self._rest.partition(b"\n")
        return line[:400].decode("utf-8", "replace")


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="harness-sandbox-")


def _started(command: Sequence[str], said: IO[bytes], errors: IO[bytes], writer: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command,
        stdin=said,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=(writer,),
        start_new_session=True,
        cwd="/",
        env={},
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End whatever is left: when the first process of the namespace goes, the kernel ends the others."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
