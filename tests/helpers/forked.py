"""The command line as a process of its own, forked from one that has imported everything.

A process of Python needs a second before it runs a command, and five where it needs torch; there are hundreds of calls.
Whoever tests what happens at the start, how modules are imported or what a signal does starts a really new process.
"""

import json
import os
import socket
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NoReturn


def command(*words: object, cwd: Path, **changes: str) -> Any:
    """Call ``harness WORDS`` in a folder, with no variable of ours but the changes; gives the completed process."""
    import subprocess

    env = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")} | changes
    line = [*caller(), *map(str, words)]
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=240)


@cache
def caller() -> list[str]:
    """The words that stand for ``harness`` in a line. Starts the server, which ends with this process."""
    import subprocess
    import tempfile

    place = str(Path(tempfile.mkdtemp(prefix="harness-")) / "socket")
    server = subprocess.Popen([sys.executable, __file__, "serve", place], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdout and server.stdout.readline() == b"ready\n"
    kept.append(server)
    return [sys.executable, "-IS", __file__, "call", place]


kept: list[Any] = []
"""The server, whose standard input closes when nobody holds it any more."""


def call(place: str, words: Sequence[str]) -> int:
    """Hand words, folder, environment and the three streams to the server; gives the exit code."""
    message = json.dumps([words, str(Path.cwd()), dict(os.environ)]).encode()
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(place)
        socket.send_fds(server, [len(message).to_bytes(8)], [0, 1, 2])
        server.sendall(message)
        code = server.recv(1)
    return code[0] if code else 1  # it was killed


def serve(place: str) -> None:
    """Fork a process for every call, until standard input ends."""
    import select
    import shutil
    import signal

    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(place)
        listener.listen()
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                answer(connection)
            connection.close()
    shutil.rmtree(Path(place).parent)


def import_all() -> None:
    """Import what commands import as they go; what needs a package that is not there is left out."""
    from contextlib import suppress
    from importlib import import_module
    from pkgutil import walk_packages

    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: F401 - imported at their first use
    from transformers.models.llama import modeling_llama  # noqa: F401

    from harness.errors import HarnessError

    for name in ("harness", "harness_tasks", "harness_reports"):
        for module in walk_packages(import_module(name).__path__, f"{name}."):
            if not module.name.startswith(("harness.bridges.", "harness.__main__", "harness.store.migrations")):
                with suppress(ImportError, HarnessError):
                    import_module(module.name)


def answer(connection: socket.socket) -> NoReturn:
    """Be the process that was called for, and tell its exit code."""
    import atexit
    import traceback

    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as stream:
        words, folder, environment = json.loads(stream.read(int.from_bytes(head)))
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    sys.stdin, sys.stdout, sys.stderr = os.fdopen(0), os.fdopen(1, "w"), os.fdopen(2, "w", 1)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = [part for part in environment.get("PYTHONPATH", "").split(os.pathsep) if part not in sys.path]
    sys.argv = ["harness", *words]
    code = 1
    try:
        from harness.cli.main import main

        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        connection.sendall(bytes([code]))
        os._exit(code)


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        sys.path.pop(0)  # this folder, which the command line does not look into
        serve(sys.argv[2])
    else:
        sys.exit(call(sys.argv[2], sys.argv[3:]))
