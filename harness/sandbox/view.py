"""What a program sees of the file system: the interpreter with its libraries, read only; and which user it is."""

import os
import sys
from itertools import count
from pathlib import Path

PYTHON = str(Path(sys.executable).resolve())
"""The interpreter itself, not the link of a virtual environment: programs have the standard library alone."""
VERSION = sys.version_info[:3]
WORK = "/work"
"""The empty folder that a program is in, in memory."""
DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom")
ROOTS = ("/usr", "/lib", "/lib64", "/lib32", "/bin", "/sbin")
CACHE = "/etc/ld.so.cache"
"""Where the libraries are."""
NOBODY, USERS = 65_534, 1000
"""The last user of those that root makes of itself, and how many there are."""
_turns = count(os.getpid())


def user() -> int:
    """Whom root becomes to run a program: the kernel counts processes by user, so that each has another one."""
    return NOBODY - next(_turns) % USERS


def links() -> dict[str, str]:
    """Folders of the root that are links (/lib to usr/lib on most systems), and where they lead."""
    return {root: str(Path(root).readlink()) for root in ROOTS if Path(root).is_symlink()}


def folders() -> list[str]:
    """Folders that are shown."""
    shown = [root for root in ROOTS if Path(root).is_dir() and not Path(root).is_symlink()]
    base = os.path.realpath(sys.base_prefix)
    return shown if any(Path(base).is_relative_to(root) for root in shown) else [*shown, base]


def files() -> list[str]:
    """Files that are shown."""
    return [CACHE] if Path(CACHE).is_file() else []
