"""What a file of another harness says, in one form for all formats."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.types import Card, Judged, Metric, Request, Response, Settings

CARD = Card(measures="What the file calls so.", limits="Asked and judged by another harness.", source="", licence="")


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignExample:
    """One document with what was asked about it and what came back.

    ``content``: the document, which tells it from others; ``repeat`` counts several answers to the same one.
    ``judged`` is None where a response failed.
    """

    content: Mapping[str, Any]
    target: Any
    requests: tuple[Request, ...]
    responses: tuple[Response, ...]
    judged: Judged | None
    slices: Mapping[str, str] = field(default_factory=dict)
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignNumber:
    """A number as the file reports it, with its standard error where it has one.

    ``n``: over how many answers, None where the file does not say. ``mean``: the file says that it is the mean of the
    examples' values, so that they have to give it.
    """

    metric: str
    value: float
    error: float | None = None
    n: int | None = None
    slice: str = "all"
    mean: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignTask:
    """A benchmark: its examples, as far as the file has them, and the numbers that it reports.

    ``n``: how many answers the numbers are of, None where the file does not say; ``available``: of how many.
    ``unread``: the metrics in whose place stands no finite number.
    """

    name: str
    metrics: tuple[Metric, ...]
    examples: tuple[ForeignExample, ...]
    numbers: tuple[ForeignNumber, ...]
    n: int | None
    version: int = 1
    shots: int = 0
    data: str = ""
    card: Card = CARD
    available: int | None = None
    unread: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRun:
    """One evaluation of one model by another harness; times are ISO 8601, ``notices`` are for whoever imports it."""

    format: str
    release: str
    model: str
    fingerprint: Mapping[str, str]
    tasks: tuple[ForeignTask, ...]
    started: str
    finished: str
    settings: Settings = field(default_factory=Settings)
    status: Literal["finished", "failed"] = "finished"
    message: str = ""
    notices: tuple[str, ...] = ()
