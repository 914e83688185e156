"""The command that runs Python inside of bubblewrap."""

import os
import shutil
import subprocess
from pathlib import Path

from harness.sandbox import view

SIZE = 16 * 1024 * 1024
"""Bytes that a program may write into its folder in all."""


def version() -> str | None:
    """What bubblewrap is called with its version; None where it is not installed."""
    place = shutil.which("bwrap")
    if place is None:
        return None
    done = subprocess.run([place, "--version"], capture_output=True, text=True, check=False, timeout=10)
    return done.stdout.strip() or "bubblewrap"


def command(scratch: str) -> list[str]:
    """The words before ``python``. ``scratch`` is not needed: bubblewrap makes its own root.

    Root keeps its user namespace, so that the program can be another user, whose processes are counted.
    """
    above = dict.fromkeys(str(path) for folder in view.folders() for path in reversed(Path(folder).parents[:-1]))
    made = [word for folder in above for word in ("--perms", "0755", "--dir", folder)]
    shown = [word for folder in (*view.folders(), *view.files()) for word in ("--ro-bind", folder, folder)]
    linked = [word for link, target in view.links().items() for word in ("--symlink", target, link)]
    user = [] if os.geteuid() == 0 else ["--unshare-user", "--uid", "65534", "--gid", "65534"]
    spaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    own = ["--dev", "/dev", "--size", str(SIZE), "--perms", "0777", "--tmpfs", view.WORK, "--chdir", view.WORK]
    ends = ["--die-with-parent", "--new-session", "--clearenv", "--setenv", "PYTHONHASHSEED", "0"]
    return [str(shutil.which("bwrap")), *user, *spaces, *made, *shown, *linked, *own, *ends]
