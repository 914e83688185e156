"""Families: tasks too many to list, made when they are asked for by name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from harness.errors import UnknownName
from harness.plugins.entries import load_entry
from harness.plugins.offers import as_tasks
from harness.types import Task

FAMILY = re.compile(r"([^/:]+)[/:](.+)")
"""A family and its member, as they are asked for."""
MEMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:()-]*")
"""The name of a family's member as a stored run may have it."""


@dataclass(frozen=True, slots=True)
class FamilyMember:
    """A task, group or tag of a family as it is listed: whether it can run here, and why not."""

    task: str
    kind: str
    runs: bool
    why: str
    asks: str
    data: str


@runtime_checkable
class Listed(Protocol):
    """A family that can list its members, and takes patterns of their names."""

    def members(self, pattern: str, data: Path | None) -> Sequence[FamilyMember]:
        """The members whose names fit a pattern; ``data`` is a folder of datasets."""
        ...


def members(pattern: str, data: Path | None) -> list[FamilyMember] | None:
    """The members of a family that lists them, by a pattern such as ``lm-eval:*``; None where no such family is meant.

    ``data`` is a folder of datasets. Raises UnknownName where none fits.
    """
    for family, wanted in _meant(pattern):
        if isinstance(family, Listed):
            fitting = list(family.members(wanted, data))
            if not fitting:
                raise UnknownName("task", pattern, [one.task for one in family.members("*", data)])
            return fitting
    return None


def tasks_called(name: str, *, pattern: bool) -> list[Task] | None:
    """The tasks of a family by name, or by pattern where it lists its members; None where no family is meant."""
    for family, wanted in _meant(name):
        if not pattern or isinstance(family, Listed):
            return as_tasks(partial(family, wanted))
    return None


def task_of_run(name: str) -> Task | None:
    """The member of a family that a stored run calls so, if there is one: no file and no pattern is meant."""
    parts = FAMILY.fullmatch(name)
    for family, member in _meant(name) if parts and MEMBER.fullmatch(parts[2]) else ():
        for task in as_tasks(partial(family, member)):
            if task.name == name:
                return task
    return None


def _meant(name: str) -> Iterator[tuple[Any, str]]:
    """The families that a name may mean, and what it asks of them."""
    if parts := FAMILY.fullmatch(name):
        for point in entry_points(group="harness.families", name=parts[1]):
            yield load_entry(point), parts[2]
