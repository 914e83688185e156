"""The command that runs Python in namespaces of our own, behind Landlock."""

import json
import os
from pathlib import Path

from harness.sandbox import launcher, view


def version() -> str | None:
    """What this way is called, with Landlock's version; None where the kernel has none."""
    level = launcher.landlock_version()
    return f"namespaces, Landlock {level}" if level else None


def command(scratch: str) -> list[str]:
    """The words before ``python``: a script that makes the namespaces, with ``scratch`` as the new root."""
    scene = {
        "root": scratch,
        "folders": view.folders(),
        "files": [*view.files(), *view.DEVICES],
        "links": view.links(),
        "work": view.WORK,
        "user": os.geteuid() != 0,
        "becomes": view.user(),
    }
    return [view.PYTHON, "-I", "-S", "-B", str(Path(launcher.__file__).resolve()), json.dumps(scene)]
