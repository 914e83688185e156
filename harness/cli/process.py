"""The command line as a process, which ends as soon as it is done."""

import atexit
import gc
import io
import os
import sys
import threading
from contextlib import suppress
from typing import IO, Any, NoReturn

from harness.cli.main import main

FILES = (io.TextIOWrapper, io.BufferedWriter, io.BufferedRandom)
UNWRITTEN = 120
"""Python's own exit code where the last of the output could not be written."""


def run() -> None:
    """Run the command line and end with its exit code.

    Where torch was imported Python would go on for a second, to take half a million objects apart one by one.
    """
    try:
        main()
    except SystemExit as ended:
        if "torch" not in sys.modules or not isinstance(ended.code, int | None):  # Python prints any other code
            raise
        _end(ended.code or 0)


def _end(code: int) -> NoReturn:
    """What Python does first when it ends: threads, exit handlers, open files. The rest the system frees."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    written = [_written(one) for one in (sys.stdout, sys.stderr)]
    for one in gc.get_objects():
        if type(one) in FILES:
            _written(one)
    os._exit(code if all(written) else code or UNWRITTEN)


def _written(file: IO[Any] | None) -> bool:
    """Whether a file has no more to write; one that is closed has not."""
    with suppress(ValueError):
        try:
            if file is not None:
                file.flush()
        except OSError:
            return False
    return True
