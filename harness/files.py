"""Files that a user asked for: there as a whole or not at all."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout, suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Any, TextIO

from harness.errors import RunError

_OUTPUT: ContextVar[TextIO | None] = ContextVar("output", default=None)


@contextmanager
def apart() -> Iterator[None]:
    """What is printed meanwhile goes to standard error: standard output holds only what is written to "-"."""
    token = _OUTPUT.set(sys.stdout)
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        _OUTPUT.reset(token)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 beside the place, then rename; a device or pipe is written to, "-" is standard output. RunError.

    Folders on the way are made. Halves of surrogate pairs, which UTF-8 cannot hold, become "?".
    """
    content = text.encode(errors="replace")
    if str(path) == "-":
        with _writing(path):
            (_OUTPUT.get() or sys.stdout).write(content.decode())
    else:
        write_bytes(path, content)


def write_bytes(path: Path, content: bytes) -> None:
    """Write beside the place, then rename; a device or pipe is written to. Folders on the way are made. RunError."""
    with _writing(path):
        if path.exists() and not path.is_file():
            path.write_bytes(content)
            return
        final = Path(os.path.realpath(path))
        final.parent.mkdir(parents=True, exist_ok=True)
        part = final.with_name(f".{final.name[:200]}.{os.getpid()}.part")
        try:
            part.write_bytes(content)
            part.replace(final)
        finally:
            with suppress(OSError):
                part.unlink(missing_ok=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise RunError(f"cannot write {path}: {getattr(error, 'strerror', None) or error}") from error


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON. Raises RunError."""
    write_text(path, json.dumps(value, indent=1) + "\n")
