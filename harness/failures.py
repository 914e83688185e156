"""Why examples failed, counted: printed by the run itself, for every kind of failure."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from harness.types import Failed, Outcome
from harness.visible import line

SHOWN = 5
"""Reasons per task that are printed; the others are only counted."""
WORDS = 200
VARYING = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\d+")
"""Quoted words and numbers: two messages that differ in nothing else give one reason."""


def reasons(outcomes: Mapping[str, Sequence[Outcome]]) -> Iterator[str]:
    """One line per task and reason, the most frequent first, each with the message of its first example."""
    for task, rows in outcomes.items():
        failures = [row.failure for row in rows if row.failure]
        first = {_reason(failure): failure for failure in reversed(failures)}
        counts = Counter(map(_reason, failures)).most_common()
        for reason, count in counts[:SHOWN]:
            message = line(first[reason].message, WORDS)
            yield f"{task}: {count} of {len(rows)} failed: {first[reason].kind}: {message}"
        others = [count for _, count in counts[SHOWN:]]
        if others:
            yield f"{task}: {sum(others)} of {len(rows)} failed for {len(others)} other reasons"


def _reason(failure: Failed) -> tuple[str, str]:
    return failure.kind, VARYING.sub("…", failure.message)
