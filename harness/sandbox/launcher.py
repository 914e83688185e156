"""Makes namespaces and a root of its own, gives up every right that a program does not need, and becomes COMMAND.

    python -I -S launcher.py SCENE COMMAND...

Run as a script, with the standard library alone: nothing else is to be seen.
"""

import ctypes
import json
import os
import platform
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

NEW_MOUNTS, NEW_NAMES, NEW_QUEUES, NEW_USERS, NEW_PROCESSES, NEW_NETWORK = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
READ_ONLY, NO_SUID, NO_DEVICES, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 32, 4096, 16384, 1 << 18
DETACH, DIE_WITH_PARENT, NOBODY = 2, 1, 65534
PIVOT = {"x86_64": 155, "aarch64": 41}

CREATE, ADD, RESTRICT = 444, 445, 446
"""Numbers of the system calls, the same on every architecture."""
EXECUTE, WRITE, READ, LIST = 1 << 0, 1 << 1, 1 << 2, 1 << 3
FILES = {1: 13, 2: 14, 3: 15, 5: 16}
"""From which version on how many rights to files there are."""
NO_NEW_PRIVILEGES = 38

libc: Any = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


# ----------------------------------------------------------------------------------------------------------- namespaces
def call(name: str, *words: Any) -> None:
    """A function of the C library. Raises OSError."""
    if getattr(libc, name)(*words) != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def mount(source: str | None, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """The system call. Raises OSError."""
    words = [word.encode() if word is not None else None for word in (source, target, kind)]
    call("mount", *words, ctypes.c_ulong(flags), data.encode() if data else None)


def rule_alone() -> None:
    """In a user namespace of its own the process has every right over its namespaces, and none over others."""
    user, group = os.geteuid(), os.getegid()
    call("unshare", NEW_USERS)
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} {group} 1")


def become_user(user: int) -> None:
    """Root is another user from here on, whose processes are counted."""
    os.setgroups([])
    os.setresgid(user, user, user)
    os.setresuid(user, user, user)


def show(scene: dict[str, Any]) -> None:
    """The new root: folders and files that may be seen, an empty folder in memory, and nothing else."""
    root = scene["root"]
    os.umask(0o022)
    mount(None, "/", None, RECURSIVE | PRIVATE)
    mount("tmpfs", root, "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    for folder in scene["folders"]:
        Path(root + folder).mkdir(parents=True)
        mount(folder, root + folder, None, BIND | RECURSIVE)
        mount(None, root + folder, None, BIND | REMOUNT | READ_ONLY | NO_SUID | NO_DEVICES)
    for file in scene["files"]:
        Path(root + file).parent.mkdir(parents=True, exist_ok=True)
        Path(root + file).touch()
        mount(file, root + file, None, BIND)
    for link, target in scene["links"].items():
        Path(root + link).symlink_to(target)
    Path(root + scene["work"]).mkdir(parents=True)
    mount("tmpfs", root + scene["work"], "tmpfs", NO_SUID | NO_DEVICES, "size=16m,nr_inodes=1000,mode=1777")


def enter(root: str, work: str) -> None:
    """Make it the root, and leave nothing of the old one behind."""
    os.chdir(root)
    system(PIVOT[platform.machine()], b".", b".")
    call("umount2", b".", DETACH)
    mount(None, "/", None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)
    os.chdir(work)


# ------------------------------------------------------------------------------------------------------------ Landlock
class Ruleset(ctypes.Structure):
    """What a ruleset speaks of: rights to files, to ports, and to processes outside."""

    _fields_: ClassVar = [("files", ctypes.c_uint64), ("ports", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class Beneath(ctypes.Structure):
    """Rights to everything beneath a folder."""

    _pack_ = 1
    _fields_: ClassVar = [("rights", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def system(number: int, *words: Any) -> int:
    """A system call. Raises OSError."""
    result: int = libc.syscall(number, *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), f"system call {number}: {os.strerror(ctypes.get_errno())}")
    return result


def landlock_version() -> int:
    """The version of Landlock that the kernel has; 0 where it has none."""
    try:
        return system(CREATE, None, 0, 1)
    except OSError:
        return 0


def restrict(readable: Sequence[str], writable: Sequence[str]) -> None:
    """Leave this process reading and executing beneath some folders, and everything beneath others. Raises OSError."""
    level = landlock_version()
    count = max((bits for since, bits in FILES.items() if since <= level), default=13)
    every = (1 << count) - 1
    ports, scoped = (3 if level >= 4 else 0), (3 if level >= 6 else 0)
    rules = Ruleset(every, ports, scoped)
    ruleset = system(CREATE, ctypes.byref(rules), ctypes.sizeof(rules), 0)
    for places, rights in ((readable, EXECUTE | READ | LIST), (writable, every)):
        for place in places:
            folder = os.open(place, os.O_PATH)
            file_rights = EXECUTE | WRITE | READ | (1 << 14 if count > 14 else 0)
            rule = Beneath(rights if Path(place).is_dir() else rights & file_rights, folder)
            system(ADD, ruleset, 1, ctypes.byref(rule), 0)
            os.close(folder)
    if libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs was refused")
    system(RESTRICT, ruleset, 0)
    os.close(ruleset)


def die_with_parent() -> None:
    """Whatever ends the parent ends this process. A change of user, and the program itself, can take it back."""
    call("prctl", DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)


def become(command: list[str], scene: dict[str, Any]) -> None:
    """Give up every right that a program does not need, and be COMMAND."""
    os.setsid()
    restrict(["/"], [scene["work"], "/dev/null"])
    if not scene["user"]:
        become_user(scene["becomes"])
    os.execve(command[0], command, {"PYTHONHASHSEED": "0"})


def wait_for(child: int) -> None:
    """End as a child ends, and hold nothing open meanwhile."""
    os.closerange(3, 1 << 16)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) and 1)


def main() -> None:
    """Fork into the new namespaces, whose first process starts COMMAND, and wait for it.

    When the first process of a namespace ends all others do, so it is one that no program can change or outlive.
    """
    scene, command = json.loads(sys.argv[1]), sys.argv[2:]
    if scene["user"]:
        rule_alone()
    call("unshare", NEW_MOUNTS | NEW_NAMES | NEW_QUEUES | NEW_PROCESSES | NEW_NETWORK)
    die_with_parent()
    first = os.fork()
    if first == 0:
        die_with_parent()
        show(scene)
        enter(scene["root"], scene["work"])
        program = os.fork()
        if program == 0:
            become(command, scene)
        wait_for(program)
    wait_for(first)


if __name__ == "__main__":
    main()
