"""What an exporter is given: everything that the store keeps of a finished run."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from harness.types import Estimate, Outcome, Run

if TYPE_CHECKING:
    from harness.store.pointers import GateRecord
    from harness.store.samples import Artifact


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredRun:
    """A finished run with its numbers, files of samples and verdicts of gates (newest first).

    ``outcomes``: the samples of a task by its name. ``model``: its name without the folder that it lies in, which is
    nobody else's business.
    """

    run: Run
    estimates: tuple[Estimate, ...]
    artifacts: "tuple[Artifact, ...]"
    verdicts: "tuple[GateRecord, ...]"
    outcomes: Callable[[str], Iterator[Outcome]]

    @property
    def model(self) -> str:
        """The model's name: of a local folder its last part."""
        path = PurePath(self.run.model)
        return path.name if path.is_absolute() or self.run.model.startswith((".", "~")) else self.run.model


Exporter = Callable[[StoredRun], Mapping[str, str]]
"""A run as texts by the path of their files, below the folder of the export."""
