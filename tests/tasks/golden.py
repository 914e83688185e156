"""golden.json: the version of every task with a hash of its first five requests, so that no prompt changes silently."""

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.answers.records import request_key
from harness.run import Planned
from harness.types import Task

FILE = Path(__file__).with_name("golden.json")
COMMAND = "python tests/tasks/test_tasks.py"


def fingerprint(task: Task, planned: Planned) -> str:
    """The version, and a sha256 over the first five requests without few-shot examples."""
    keys = [request_key(r) for requests in planned.requests[:5] for r in requests]
    return f"v{task.version} {hashlib.sha256(json.dumps(keys).encode()).hexdigest()[:16]}"


def require(name: str, own: str, file: Path = FILE) -> None:
    """Raises AssertionError, which says what to do, where a task's entry is another one or missing."""
    kept = json.loads(file.read_text(encoding="utf-8")).get(name)
    if kept is None:
        raise AssertionError(f"{name} is not in golden.json; if its prompts are as you want them: {COMMAND} {name}")
    assert kept == own, (
        f"the first requests of {name} are {own}, and golden.json has {kept}; if that is meant, raise its version "
        f"and run: {COMMAND} {name}"
    )


def updated(
    kept: Mapping[str, str], own: Mapping[str, str | None], *, same_version: bool = False
) -> tuple[dict[str, str], list[str], list[str]]:
    """The entries as they should be, what has changed, and which changes were refused.

    ``own``: by task its fingerprint, None where its data is not at hand: such entries stay as they are. Another hash
    under the same version is refused unless ``same_version``: old numbers would be compared with new ones.
    """
    entries, changes, refused = dict(kept), [], []
    for name, new in own.items():
        old = kept.get(name)
        if new is None or new == old:
            continue
        if old is not None and old.split()[0] == new.split()[0] and not same_version:
            refused.append(f"{name}: other requests, and still {old.split()[0]}: raise its version (or --same-version)")
            continue
        entries[name] = new
        changes.append(f"{name}: {old or 'new'} -> {new}")
    return entries, changes, refused


def main(own: Mapping[str, str | None], words: Sequence[str]) -> int:
    """Update the file and say what has changed; gives 1 where a change was refused or a task is unknown."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Bring golden.json up to date; nothing is removed.")
    parser.add_argument("tasks", nargs="*", help="only these [all]")
    parser.add_argument("--same-version", action="store_true", help="accept other requests under the same version")
    parser.add_argument("--file", type=Path, default=FILE)
    asked = parser.parse_args(words)
    unknown = [name for name in asked.tasks if name not in own]
    if unknown:
        print(f"no task that is checked: {', '.join(unknown)}")
        return 1
    chosen = {name: own[name] for name in asked.tasks or own}
    kept = json.loads(asked.file.read_text(encoding="utf-8"))
    entries, changes, refused = updated(kept, chosen, same_version=asked.same_version)
    if changes:
        asked.file.write_text(json.dumps(entries, indent=1) + "\n", encoding="utf-8")
    absent = [name for name, new in chosen.items() if new is None]
    left = [f"{len(absent)} tasks without data here (HARNESS_DATA) stay as they are"] if absent else []
    print("\n".join([*changes, *refused, *left] or ["nothing to change"]))
    return 1 if refused else 0
