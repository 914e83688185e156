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

    Where torch was imported Python would go on for a second, to take half a million objects apart one by one. A
    profiler or debugger that runs the command writes what it saw on Python's own way out.
    """
    try:
        main()
    except SystemExit as ended:
        if "torch" not in sys.modules or _watched() or not isinstance(ended.code, int | None):
            raise  # Python prints a code that is no number
        _end(ended.code or 0)


def _watched() -> bool:
    """Whether a profiler, debugger or measure of coverage is at work."""
    monitoring = getattr(sys, "monitoring", None)  # of Python 3.12 and later, with six places for tools
    tools = map(monitoring.get_tool, range(6)) if monitoring else ()
    return bool(sys.getprofile() or sys.gettrace() or any(tools))


def _end(code: int) -> NoReturn:
    """What Python does first when it ends: threads, exit handlers, open files. The rest the system frees."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    lost = _unwritten(sys.stdout)
    if lost and sys.stderr is not None:
        with suppress(OSError, ValueError):
            sys.stderr.write(f"harness: standard output cannot be written: {lost}\n")
    untold = _unwritten(sys.stderr)
    for one in gc.get_objects():
        if type(one) in FILES:
            _unwritten(one)
    os._exit(code or (UNWRITTEN if lost or untold else 0))


def _unwritten(file: IO[Any] | None) -> str:
    """Why a file cannot write the last that it has to; empty where nothing is left, as in one that is closed."""
    with suppress(ValueError):
        try:
            if file is not None:
                file.flush()
        except OSError as error:
            return error.strerror or str(error)
    return ""
