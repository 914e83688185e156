"""What the numbers of runs are evidence for: articles of the EU AI Act, subcategories of NIST's AI RMF."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files

from harness_reports.topics import TITLES, TopicRow

NO_STATEMENT = "These numbers can serve as evidence; they are no statement that any rule is met."
NAMED = 3
"""Numbers of one run that a row names; of more it says how many."""
NO_TEST = "not measured: no test of a model's answers shows it"


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
        """The evidence with its numbers; "not measured" where there is none."""
        return _listed(self.rows) or self._nothing

    def by_run(self, count: int) -> str:
        """The same, a line for each of ``count`` runs, and under which headings all of it stands."""
        texts: dict[str, list[str]] = {}
        for run in dict.fromkeys(row.run for row in self.rows):
            texts.setdefault(_listed([row for row in self.rows if row.run == run]), []).append(run)
        told = ";\n".join(f"{_runs(runs, count)}: {text}" for text, runs in texts.items())
        places = list(dict.fromkeys(TITLES[row.topic] for row in self.rows if row.topic in TITLES))
        return (f"{told};\nall of it under {', '.join(places)}" if places else told) or self._nothing

    @property
    def _nothing(self) -> str:
        return NOTHING if self.measure.needs else NO_TEST


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


def _runs(runs: Sequence[str], count: int) -> str:
    if count > 1 and len(runs) == count:
        return "every run"
    return f"run{'s' * (len(runs) > 1)} {', '.join(runs)}"


def _listed(rows: Sequence[TopicRow]) -> str:
    """The first number of each task and topic, then others, each with interval and n."""
    first = {(row.topic, row.task): row for row in reversed(rows)}.values()
    ordered = [*reversed(first), *(row for row in rows if row not in first)]
    texts = list(dict.fromkeys(map(told, ordered)))
    left = len(texts) - NAMED
    return ", ".join(texts[:NAMED]) + (f" and {left} more" if left > 0 else "")


def told(row: TopicRow) -> str:
    """A number with its name, interval and n."""
    name = f"{row.task}{':' * (' ' in row.task)} {row.measure}".removeprefix("- ")
    if row.n is None:
        return name
    spread = f" {row.spread}" if row.low is not None else ""
    return f"{name} {row.shown}{spread} (n {row.n:,})"
