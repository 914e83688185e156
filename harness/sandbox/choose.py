"""Which sandbox holds on this machine: each is tried with programs that must pass, fail, and be kept from things."""

import socket
import sys
import tempfile
from collections.abc import Callable
from functools import cache

from harness.errors import Unsupported
from harness.sandbox import bubblewrap, namespaces
from harness.sandbox.confined import Confined
from harness.types import Failed, Sandbox

Way = tuple[str, Callable[[], str | None], Callable[[str], list[str]]]
WAYS: tuple[Way, ...] = (
    ("bubblewrap", bubblewrap.version, bubblewrap.command),
    ("namespaces", namespaces.version, namespaces.command),
)
"""From best to last resort: a name, what it is called if it is here, and its command."""
PROBE = """
import os, socket
assert not os.path.exists({file!r}), "a file of the user's can be seen"
assert os.environ.keys() <= {{"PYTHONHASHSEED", "LC_CTYPE", "PWD"}}, "variables of the user's can be seen"
assert os.getpid() < 10, "processes of the machine can be seen"
try:
    socket.create_connection(("127.0.0.1", {port}), timeout=1)
except OSError:
    pass
else:
    raise AssertionError("the network can be reached")
try:
    open("/usr/harness-was-here", "w")
except OSError:
    pass
else:
    raise AssertionError("the system can be written to")
open("here", "w").write("x")
"""


@cache
def open_sandbox(ways: tuple[Way, ...] = WAYS) -> Sandbox:
    """The first of ``ways`` that holds. Raises Unsupported, with the reason for each, where none does."""
    reasons = []
    for name, version, command in ways:
        called = version() if sys.platform == "linux" else None
        sandbox = Confined(called or name, command)
        flaw = flaw_of(sandbox) if called else "not installed" if name == "bubblewrap" else "no Landlock"
        if flaw is None:
            return sandbox
        reasons.append(f"{name}: {flaw}")
    raise Unsupported(f"no sandbox holds here, and code that a model wrote is run in none: {'; '.join(reasons)}")


def flaw_of(sandbox: Sandbox) -> str | None:
    """What a sandbox lets through, or why it does not stand; None for one that holds."""
    with tempfile.NamedTemporaryFile() as canary, socket.create_server(("127.0.0.1", 0)) as server:
        probe = PROBE.format(file=canary.name, port=server.getsockname()[1])
        for program, expected in ((probe, "passed"), ("assert 1 == 2", "failed"), ("import os\nos._exit(0)", "failed")):
            ran = sandbox.run(program)
            if isinstance(ran, Failed):
                return ran.message
            if ran.verdict != expected:
                return ran.message or f"a program that should be {expected} is {ran.verdict}"
    return None
