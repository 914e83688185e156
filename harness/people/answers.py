"""What a rater may answer: plain JSON in, checked against the campaign, the same JSON out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError, listed, quoted
from harness.people.scores import SEVERITIES, mqm

if TYPE_CHECKING:
    from harness.people.campaign import Campaign

CHOICES = ("first", "second", "tie")
"""Of a preference: which text of the item is better, however they were shown."""
KEYS = {"preference": "choice", "likert": "value", "direct": "value", "mqm": "errors", "labels": "labels"}
LONGEST = 500
"""Characters of a reason for skipping."""
Answer = Mapping[str, Any]


def checked(campaign: Campaign, texts: tuple[str, ...], answer: Answer) -> dict[str, Any]:
    """An answer about an item with these texts. Raises UsageError in one sentence for what the campaign does not ask.

    ``{"skipped": reason}``, or by kind ``{"choice": "first" | "second" | "tie"}``, ``{"value": number}``,
    ``{"errors": [{"category", "severity", "start", "end"}]}`` in characters, ``{"labels": [...]}``.
    """
    key = KEYS[campaign.kind]
    if set(answer) == {"skipped"}:
        reason = answer["skipped"]
        if not isinstance(reason, str) or not reason.strip() or len(reason) > LONGEST:
            raise UsageError(f"skipping needs a reason of at most {LONGEST} characters, not {quoted(reason)}")
        return {"skipped": reason}
    if set(answer) != {key}:
        raise UsageError(
            f"an answer to a {campaign.kind} question has the key {key} or skipped, not {quoted(list(answer))}"
        )
    value = answer[key]
    check = {"choice": _choice, "value": _value, "errors": _errors, "labels": _labels}[key]
    check(campaign, texts, value)
    return {key: value}


def number(campaign: Campaign, answer: Answer) -> float:
    """An answer as one number: 1 to n of n anchors, 0 to 100, MQM's score (higher is worse), 1 first, .5 tie, 0 second;
    NaN for labels and for what was skipped.
    """
    if "value" in answer:
        return float(answer["value"])
    if "choice" in answer:
        return {"first": 1.0, "tie": 0.5, "second": 0.0}[answer["choice"]]
    if "errors" in answer:
        return mqm((error["category"], error["severity"]) for error in answer["errors"])
    return float("nan")


def bounds(campaign: Campaign) -> tuple[float, float] | None:
    """The least and the largest number that an answer can be; None where there is no largest."""
    if campaign.kind == "likert":
        return 1.0, float(len(campaign.anchors))
    return {"direct": (0.0, 100.0), "preference": (0.0, 1.0)}.get(campaign.kind)


def _choice(campaign: Campaign, texts: tuple[str, ...], value: object) -> None:
    valid = CHOICES if campaign.ties else CHOICES[:2]
    if value not in valid:
        raise UsageError(f"the preference {quoted(value)} is none of {listed(valid)}")


def _value(campaign: Campaign, texts: tuple[str, ...], value: object) -> None:
    low, high = bounds(campaign) or (0, 100)
    if type(value) is not int or not low <= value <= high:
        raise UsageError(f"the rating {quoted(value)} is outside the scale: a whole number from {low:g} to {high:g}")


def _labels(campaign: Campaign, texts: tuple[str, ...], value: object) -> None:
    if not isinstance(value, list) or any(value.count(label) > 1 or label not in campaign.labels for label in value):
        raise UsageError(f"the labels {quoted(value)} are not a list of some of {listed(campaign.labels)}")


def _errors(campaign: Campaign, texts: tuple[str, ...], value: object) -> None:
    if not isinstance(value, list):
        raise UsageError(f"the errors {quoted(value)} are not a list")
    for error in value:
        if not isinstance(error, dict) or set(error) != {"category", "severity", "start", "end"}:
            raise UsageError(f"the error {quoted(error)} does not have a category, severity, start and end alone")
        if error["category"] not in campaign.categories:
            raise UsageError(f"the category {quoted(error['category'])} is none of {listed(campaign.categories)}")
        if error["severity"] not in SEVERITIES:
            raise UsageError(f"the severity {quoted(error['severity'])} is none of {listed(SEVERITIES)}")
        start, end = error["start"], error["end"]
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(texts[0]):
            where = f"from {quoted(start)} to {quoted(end)}"
            raise UsageError(f"the error {where} is not a part of the text of {len(texts[0])} characters")
