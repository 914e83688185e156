"""The same documents in the runs of two harnesses, which name, order and prompt them differently."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from harness.differences.answers import Answer, answers

if TYPE_CHECKING:
    from harness.store.store import Store
    from harness.types import Run, TaskRecord

BEGINNING = 24
"""Characters of a text by which documents are looked up; whether they are the same is decided by all of them."""
COMMON = 20
"""Documents that begin alike from which on a beginning says nothing of which one is meant."""
LEAST = 0.5
"""Share of the smaller task's documents that the other one has, from which on both are the same task."""


@dataclass(frozen=True, slots=True)
class DocumentTexts:
    """The texts of an example: ``needles`` tell it from others, ``hay`` is everything that it says."""

    needles: frozenset[str]
    hay: str


def comes_from_elsewhere(first: Run, second: Run) -> bool:
    """Whether two runs name their examples differently: one is of another harness, or both of different ones."""
    return first.source.get("format") != second.source.get("format")


def document(fields: Mapping[str, Any]) -> DocumentTexts:
    """The texts of an example's fields.

    A name of an example, a label or a number is no text of several words, and may differ between copies of a dataset:
    such texts count only where there are no others.
    """
    texts = sorted({" ".join(unicodedata.normalize("NFC", text).split()) for text in _texts(fields)} - {""})
    long = [text for text in texts if " " in text or not text.isascii()]
    return DocumentTexts(frozenset(long or texts), "\n".join(texts))


def matches(ours: Mapping[str, DocumentTexts], theirs: Mapping[str, DocumentTexts]) -> dict[str, str]:
    """The example of ``ours`` for each of ``theirs`` that is the same document, by their ids.

    Two are the same if one of them holds all texts of the other. Where several fit, nobody can tell which is meant, and
    none is taken.
    """
    places: dict[str, list[str]] = {}
    for name, one in theirs.items():
        for beginning in {text[:BEGINNING] for text in one.needles}:
            places.setdefault(beginning, []).append(name)
    fits = {name: _fitting(one, theirs, places) for name, one in ours.items()}
    partners: dict[str, list[str]] = {}
    for name, others in fits.items():
        for other in others:
            partners.setdefault(other, []).append(name)
    return {other: names[0] for other, names in partners.items() if len(names) == 1 and len(fits[names[0]]) == 1}


def _fitting(one: DocumentTexts, theirs: Mapping[str, DocumentTexts], places: Mapping[str, Sequence[str]]) -> list[str]:
    """Those of ``theirs`` that are the same document."""
    beginnings = (places.get(text[:BEGINNING], ()) for text in one.needles)
    near = dict.fromkeys(name for names in beginnings if len(names) <= COMMON for name in names)
    return [name for name in near if _holds(one, theirs[name]) or _holds(theirs[name], one)]


def _holds(one: DocumentTexts, other: DocumentTexts) -> bool:
    return all(_stands_in(text, one.hay) for text in other.needles)


def _stands_in(text: str, hay: str) -> bool:
    """Whether a text stands in another as words of its own: "1 + 1" does not stand in "1 + 12"."""
    place = hay.find(text)
    while place >= 0:
        before, after = hay[max(place - 1, 0) : place], hay[place + len(text) : place + len(text) + 1]
        if not (before.isalnum() and text[0].isalnum()) and not (after.isalnum() and text[-1].isalnum()):
            return True
        place = hay.find(text, place + 1)
    return False


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


# ------------------------------------------------------------------------------------------------------- tasks of runs
@dataclass(frozen=True, slots=True)
class MatchedTask:
    """A task of both runs, under the names that each has for it; the answers of the second bear the first's names."""

    first: TaskRecord
    second: TaskRecord
    ours: tuple[Answer, ...]
    theirs: tuple[Answer, ...]


def matched_tasks(store: Store, first: Run, second: Run, wanted: Sequence[str]) -> list[MatchedTask]:
    """The tasks of which both runs asked the same documents; ``wanted``: names in either run, all where it is empty.

    A task of the second run is the first's task of the same name, else the one with which it shares most documents.
    """
    of_first = {task.name: documents(store, first.id, task.name) for task in first.tasks}
    records = {task.name: task for task in first.tasks}
    tasks = []
    for task in second.tasks:
        theirs = documents(store, second.id, task.name)
        names = [task.name] if task.name in of_first else list(of_first)
        fits = ((matches(of_first[name], theirs), name) for name in names)
        same, name = max(fits, key=lambda fit: len(fit[0]), default=({}, ""))
        asked = not wanted or task.name in wanted or name in wanted
        if asked and same and len(same) >= LEAST * min(len(theirs), len(of_first[name])):
            ours = answers(store, first.id, name)
            tasks.append(_matched(records[name], task, ours, answers(store, second.id, task.name), same))
    return tasks


def documents(store: Store, run: str, task: str) -> dict[str, DocumentTexts]:
    """The documents of a task by example; of several answers to one document the first."""
    frame = store.samples(run, task, columns=["example_id", "fields"])
    once: dict[DocumentTexts, str] = {}
    for name, fields in frame.itertuples(index=False, name=None):
        once.setdefault(document(fields), str(name))
    return {name: one for one, name in once.items()}


def _matched(
    first: TaskRecord, second: TaskRecord, ours: Sequence[Answer], theirs: Sequence[Answer], same: Mapping[str, str]
) -> MatchedTask:
    """The second run's answers under the first's names; examples that share a cluster in either run share it."""
    renamed = tuple(replace(a, example=same.get(a.example, f"only there: {a.example}")) for a in theirs)
    clusters = {a.example: a.cluster for a in renamed if a.cluster.startswith("cluster ")}
    joined = tuple(
        a if a.cluster.startswith("cluster ") else replace(a, cluster=clusters.get(a.example, a.cluster)) for a in ours
    )
    return MatchedTask(first, second, joined, renamed)
