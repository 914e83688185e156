"""`harness run --json`: an object for one run; for several a list of such objects, or a folder with a file for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.table import result_json
from harness.files import write_json

if TYPE_CHECKING:
    from harness.api import JobEnd


@dataclass(frozen=True, slots=True)
class JsonOutput:
    """Where JSON goes, None for nowhere. ``several``: the command asked for several runs, however many finished;
    ``folder``: the path is one, whether it is there or not."""

    path: Path | None
    several: bool
    folder: bool = False

    def write(self, ends: Sequence[JobEnd], *, last: bool) -> None:
        """Write what there is after each run: whatever happens to the next, this one is kept. Raises RunError.

        Standard output cannot be written again: it is told everything after the ``last`` run.
        """
        if self.path is None or (str(self.path) == "-" and not last):
            return
        if self.folder or self.path.is_dir():
            result = ends[-1].result
            name = result.run.id if result else f"not-finished-{len(ends)}"
            write_json(self.path / f"{name}.json", page(ends[-1]))
        else:
            write_json(self.path, [page(end) for end in ends] if self.several else page(ends[0]))


def page(end: JobEnd) -> dict[str, Any]:
    """A run as ``harness show --json`` writes it; of one that did not finish its model, tasks, status and error."""
    if end.result is not None:
        return result_json(end.result.run, end.result.estimates)
    return {"model": end.job.model, "tasks": list(end.job.tasks), "status": end.status, "error": end.error}
