"""The records that travel through a run; they import only our errors.

Dataset -> Example -> Request -> Response -> Outcome -> Estimate, and the Run that holds them together.
All are frozen: nobody changes a request after it was asked.
"""

from typing import TYPE_CHECKING

from harness.types.audits import AuditResult
from harness.types.cache import Cache
from harness.types.code import Ran, Sandbox, Verdict
from harness.types.data import Dataset, Example, Row, cluster_key
from harness.types.energy import EnergyUse, TaskEnergy
from harness.types.groups import Group
from harness.types.metrics import HEADLINE, Better, Errors, Family, Interval, Metric, MetricRecord, Variant
from harness.types.requests import Choose, Constraint, Generate, Likelihood, Message, PseudoLikelihood, Request
from harness.types.responses import Chosen, Failed, FailureKind, Generated, Response, Scored
from harness.types.results import AVERAGE, Estimate, Judged, Outcome, Value
from harness.types.runs import Run, TaskRecord
from harness.types.settings import ModelInfo, Settings
from harness.types.tasks import Alternative, Card, Judge, JudgeModel, Question, Score, Scorer, Shots, Task, Variation
from harness.types.training import PartScores, Training

if TYPE_CHECKING:  # numpy is imported by whoever computes
    from harness.types.metrics import Array as Array

__all__ = [
    "AVERAGE",
    "HEADLINE",
    "Alternative",
    "AuditResult",
    "Better",
    "Cache",
    "Card",
    "Choose",
    "Chosen",
    "Constraint",
    "Dataset",
    "EnergyUse",
    "Errors",
    "Estimate",
    "Example",
    "Failed",
    "FailureKind",
    "Family",
    "Generate",
    "Generated",
    "Group",
    "Interval",
    "Judge",
    "JudgeModel",
    "Judged",
    "Likelihood",
    "Message",
    "Metric",
    "MetricRecord",
    "ModelInfo",
    "Outcome",
    "PartScores",
    "PseudoLikelihood",
    "Question",
    "Ran",
    "Request",
    "Response",
    "Row",
    "Run",
    "Sandbox",
    "Score",
    "Scored",
    "Scorer",
    "Settings",
    "Shots",
    "Task",
    "TaskEnergy",
    "TaskRecord",
    "Training",
    "Value",
    "Variant",
    "Variation",
    "Verdict",
    "cluster_key",
]
