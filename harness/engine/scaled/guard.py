"""Ends what a killed driver leaves of its own Ray cluster: two of Ray's agents would outlive it by a minute.

A process of its own. It reads standard input, whose other end only the driver holds, until that ends. What it has read
is the folder of the cluster's session, to whose logs every process of the cluster writes.
"""

import os
import sys
from collections.abc import Iterator
from time import sleep
from typing import Any

import psutil

GRACE = 2.0
"""Seconds in which Ray's processes may end by themselves."""


def watch(session: str) -> None:
    """Start the guard of this process, on Linux; elsewhere Ray has one of its own."""
    if sys.platform != "linux":
        return
    from_driver, held = os.pipe()  # `held` is closed by the end of this process alone, and no child inherits it
    files = [
        (os.POSIX_SPAWN_DUP2, from_driver, 0),
        (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    command = [sys.executable, "-P", __file__]
    os.posix_spawn(sys.executable, command, os.environ, file_actions=files, setpgroup=0)
    os.close(from_driver)
    os.write(held, session.encode())


def writers(session: str) -> Iterator[psutil.Process]:
    """This user's processes that have a file of the session open to write to it."""
    for process in psutil.process_iter():
        if any(file.path.startswith(f"{session}/") and file.mode != "r" for file in _open_files(process)):
            yield process


def _open_files(process: psutil.Process) -> list[Any]:
    try:
        return list(process.open_files())
    except (psutil.Error, OSError):  # it has ended, or is another user's
        return []


def main() -> None:
    """Wait for the driver's end, then end what is left."""
    session = sys.stdin.read()
    sleep(GRACE)
    for process in writers(session):
        try:
            process.kill()
        except psutil.Error:  # it has ended meanwhile
            continue


if __name__ == "__main__":
    main()
