"""What runs inside of a sandbox: passed as text (`python -c`), it takes on its limits and runs one program."""

import json
import os
import resource
import signal
import sys

write, leave = os.write, os._exit
PLACE = int(sys.argv[1]) if __name__ == "__main__" else -1
"""The descriptor of the pipe to whoever waits outside."""


def report(line: str) -> None:
    """One line to whoever waits outside, and the end."""
    write(PLACE, line.encode("utf-8", "replace") + b"\n")
    leave(0)


def take_on(limits: dict[str, int], user: int) -> None:
    """Be somebody who may do nothing; one second after the limit of computing the kernel ends what does not listen."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, name), (value, value + (name == "RLIMIT_CPU")))
    signal.signal(signal.SIGXCPU, lambda *_: report("time is over"))
    null = os.open("/dev/null", os.O_RDWR)
    for stream in range(3):
        os.dup2(null, stream)


def run(program: str, word: str) -> str:
    """The word if the program's end was reached, else its exception."""
    try:
        exec(compile(program, "<program>", "exec"), {"__name__": "program"})
    except BaseException as error:
        return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]
    return word


if __name__ == "__main__":
    asked = json.loads(sys.stdin.buffer.read())
    take_on(asked["limits"], asked["user"])
    write(PLACE, b"started\n")
    report(run(asked["program"], asked["word"]))
