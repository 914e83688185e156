"""What the numbers of runs are evidence for: articles of the EU AI Act, subcategories of NIST's AI RMF."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from harness_reports.topics import TopicRow

NO_STATEMENT = "These numbers can serve as evidence; they are no statement that any rule is met."
NAMED = 4
"""Numbers of one run that a row names; of more it says how many."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """An article or subcategory, what it asks for in short, and the topics that are evidence for it."""

    id: str
    asks: str
    needs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Framework:
    """A framework as one of our versioned files maps it."""

    name: str
    version: int
    measures: tuple[Requirement, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A requirement and the rows that are evidence for it."""

    measure: Requirement
    rows: tuple[TopicRow, ...]

    @property
    def named(self) -> str:
        """The evidence by name; "not measured" where there is none."""
        return _listed(self.rows) or NOTHING

    @property
    def by_run(self) -> str:
        """The same, run by run."""
        runs = dict.fromkeys(row.run for row in self.rows)
        return "; ".join(f"run {run}: {_listed([r for r in self.rows if r.run == run])}" for run in runs) or NOTHING


NOTHING = "not measured"


def read() -> list[Framework]:
    """The mappings to frameworks, one versioned file each."""
    folder = files("harness_reports") / "data"
    pages = [json.loads((folder / name).read_text("utf-8")) for name in ("eu_ai_act.json", "nist_ai_rmf.json")]
    return [
        Framework(
            page["framework"],
            page["version"],
            tuple(Requirement(m["id"], m["asks"], tuple(m["needs"])) for m in page["measures"]),
        )
        for page in pages
    ]


def evidence(framework: Framework, rows: Sequence[TopicRow]) -> list[Evidence]:
    """Every requirement of a framework with its evidence among these rows, which may be none."""
    return [
        Evidence(measure, tuple(row for row in rows if row.topic in measure.needs)) for measure in framework.measures
    ]


def _listed(rows: Sequence[TopicRow]) -> str:
    names = list(dict.fromkeys(f"{row.task} {row.measure}".removeprefix("- ") for row in rows))
    left = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")
