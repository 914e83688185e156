"""Ratings as JSON lines: out with what they are of, in with every check that the rating page makes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import DataError, UsageError, listed
from harness.people.answers import checked
from harness.people.campaign import restored
from harness.people.items import restored_item
from harness.reading.text import read_json_lines

if TYPE_CHECKING:
    from harness.store import Store

NEEDED = {"rater", "position", "answer"}
KNOWN = NEEDED | {"seconds", "revision", "at", "example", "runs", "repeated", "swapped", "check"}


def exported(store: Store, name: str) -> list[str]:
    """Every row of a campaign in the order of raters, positions and revisions; ``answer`` is empty where one was taken
    back. "first" is the first of ``runs``, whatever stood first on the screen.
    """
    kept = store.ratings.campaign(name)
    items = [restored_item(item) for item in store.ratings.items(kept.id)]
    places = {(one.rater, one.position): one for one in store.ratings.assignments(kept.id)}
    lines = []
    for row in store.ratings.history(kept.id):
        place = places[row.rater, row.position]
        item = items[place.number]
        record = {
            "rater": row.rater, "position": row.position, "revision": row.revision, "answer": dict(row.answer),
            "seconds": row.seconds, "at": row.at, "example": item.example, "runs": list(item.runs),
            "repeated": place.repeated, "swapped": place.swapped, "check": bool(item.expected),
        }  # fmt: skip
        lines.append(json.dumps(record, ensure_ascii=False))
    return lines


def imported(store: Store, name: str, path: Path) -> int:
    """Add the ratings of a file; gives how many. Of a rating that was taken back the newest revision counts.

    Raises DataError with the line for an unknown rater, an item that is not the rater's, an answer outside of the
    scale or an item rated twice: then nothing is kept.
    """
    kept = store.ratings.campaign(name)
    campaign = restored(kept.definition)
    items = [restored_item(item) for item in store.ratings.items(kept.id)]
    places = {(one.rater, one.position): one for one in store.ratings.assignments(kept.id)}
    rated = {(one.rater, one.position) for one in store.ratings.ratings(kept.id)}
    taken: dict[tuple[str, int], tuple[int, dict[str, Any], float]] = {}
    for number, row in read_json_lines(path, "file of ratings"):
        where = f"{path}:{number}"
        key, revision, seconds = _place(row, where)
        if key not in places:
            raise DataError(f"{where}: {key[0]!r} is no rater with an item at position {key[1]} in campaign {kept.id}")
        if key in rated or (key in taken and taken[key][0] >= revision):
            raise DataError(f"{where}: rater {key[0]} has rated the item at position {key[1]} twice")
        try:
            texts = items[places[key].number].texts
            taken[key] = (revision, checked(campaign, texts, row["answer"]) if row["answer"] else {}, seconds)
        except UsageError as error:
            raise DataError(f"{where}: {error}") from None
    rows = [(*key, answer, seconds) for key, (_, answer, seconds) in taken.items() if answer]
    store.ratings.add_all(kept.id, rows)
    return len(rows)


def _place(row: dict[str, Any], where: str) -> tuple[tuple[str, int], int, float]:
    """((rater, position), revision, seconds) of a row. Raises DataError."""
    if not NEEDED <= set(row) <= KNOWN:
        raise DataError(
            f"{where}: a rating has the fields {listed(sorted(NEEDED))}, and may have {listed(sorted(KNOWN - NEEDED))}"
        )
    rater, position, revision, seconds = row["rater"], row["position"], row.get("revision", 0), row.get("seconds", 0.0)
    if not isinstance(rater, str) or type(position) is not int or type(revision) is not int:
        raise DataError(f"{where}: rater must be a text, position and revision whole numbers")
    if not isinstance(row["answer"], dict) or not isinstance(seconds, int | float) or not 0 <= seconds < 1e9:
        raise DataError(f"{where}: answer must be a table and seconds a number of at least 0")
    return (rater, position), revision, float(seconds)
