"""Rows, and the examples that are read from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
"""One record of a dataset, as the Hub gives it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Where rows come from: a dataset of the Hub (looked for in the mirror first) or a file at ``path``.

    ``whole``: that file is one text, which makes one row. ``beside`` names a table (TSV) that may lie beside the split:
    its columns join the rows by its first column. ``rows``: those of a dataset that another package has read.
    """

    id: str
    config: str = "default"
    split: str = "test"
    revision: str | None = None
    path: str | None = None
    beside: str | None = None
    whole: bool = False
    rows: Sequence[Row] | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.id}/{self.config}/{self.split}"


@dataclass(frozen=True, slots=True)
class Example:
    """One question of a task.

    ``slices`` are the groups it is reported under (``{"gender": "female"}``); examples that share a passage, a
    template or a pair share a ``cluster`` and are not treated as independent. None: a cluster of its own.
    """

    id: str
    fields: Mapping[str, Any]
    target: Any = None
    slices: Mapping[str, str] = field(default_factory=dict)
    cluster: str | None = None

    @property
    def cluster_key(self) -> str:
        """See ``cluster_key``."""
        return cluster_key(self.cluster, self.id)


def cluster_key(cluster: str | None, example: str) -> str:
    """What tells clusters apart: an example without one is a cluster of its own, whatever others are called."""
    return f"example {example}" if cluster is None else f"cluster {cluster}"
