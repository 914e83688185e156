"""Results of audits beyond a run's own answers: about its model, or about the data of its tasks."""

from dataclasses import dataclass
from typing import Literal

AuditTopic = Literal["privacy", "contamination"]


@dataclass(frozen=True, slots=True)
class AuditResult:
    """A number with its 95 % interval over ``n`` things; value None where it is undefined, ends None without interval.

    ``task`` is empty where the number is about the model as a whole. ``unit`` "share" is shown in percent, any other
    behind the number. ``failed``: how many beside the ``n`` gave no answer, None where that cannot happen.
    """

    topic: AuditTopic
    task: str
    measure: str
    value: float | None
    low: float | None
    high: float | None
    n: int
    reading: str
    unit: str = ""
    failed: int | None = None
