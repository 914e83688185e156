"""Groups of tasks, and what their averages are made of."""

from collections.abc import Mapping
from dataclasses import dataclass

from harness.types.results import AVERAGE


@dataclass(frozen=True, slots=True)
class Group:
    """Task patterns, and what the group's average is made of.

    ``average``: for each part of the mean its tasks with the metrics that count: a part is the mean of its tasks, a
    task the mean of its metrics (MRPC: accuracy and F1), the average the mean of the parts. ``by_size``: a part counts
    as often as it has examples. ``metric``: the name of the average, where a group has several.
    """

    tasks: tuple[str, ...]
    average: tuple[Mapping[str, tuple[str, ...]], ...]
    by_size: bool = False
    metric: str = AVERAGE

    @property
    def members(self) -> list[str]:
        """The tasks that the average needs."""
        return [name for part in self.average for name in part]
