"""All verdicts of a gate on a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.gate.closing import closing
from harness.gate.verdicts import COLUMNS, Verdict, cells_of, exit_code
from harness.gate.wording import Records
from harness.visible import html_table, line


@dataclass(frozen=True, slots=True, repr=False)
class GateResult:
    """The verdicts on the run whose id is ``run``, against the run ``baseline`` where a rule compares with one.

    ``added``: ids of the runs that were made to settle inconclusive rules, the last of them with ``limit`` examples of
    each dataset; empty and None where nothing was extended. ``asked``: how many examples ``run`` asked of how many, as
    ``30 of 1,508 examples, sampled``; empty where it asked all. ``bundles``: which bundles the two runs come from,
    empty where that is the same one or none. ``metrics``: what the run keeps of its metrics, by task and name.
    """

    run: str
    baseline: str | None
    verdicts: tuple[Verdict, ...]
    added: tuple[str, ...] = ()
    limit: int | None = None
    asked: str = ""
    bundles: str = ""
    metrics: Records = field(default_factory=dict)

    def __repr__(self) -> str:
        """The outcome in one line."""
        return f"<{line(self._told, 2_000)}>"

    def _repr_html_(self) -> str:
        """A row for every verdict under the outcome in one line."""
        return html_table(COLUMNS, [cells_of(verdict, self.metrics) for verdict in self.verdicts], self._told)

    @property
    def _told(self) -> str:
        return "; ".join(filter(None, (closing(self.verdicts), self.bundles)))

    @property
    def exit_code(self) -> int:
        """What ``harness gate`` exits with: see ``exit_code``."""
        return exit_code(self.verdicts)

    @property
    def passed(self) -> bool:
        """Whether no rule failed and none that must be conclusive is inconclusive."""
        return self.exit_code == 0
