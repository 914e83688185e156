"""Samples of inspect: one answer to one input in one epoch, with what each scorer made of it."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from harness.imports.fields import amount, count, finite, items, shown, table, text
from harness.imports.metrics import right
from harness.imports.records import ForeignExample, ForeignNumber
from harness.types import Failed, Generate, Generated, Judged, Response

LETTERS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partial, no answer: as inspect counts them."""
WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
ATTACHED = "attachment://"


def names_of(scorers: Mapping[str, str], numbers: Sequence[ForeignNumber], means: tuple[str, ...]) -> Mapping[str, str]:
    """The scorer of each metric that is a mean of its examples' values."""
    return {
        number.metric: scorers[number.metric]
        for number in numbers
        if number.metric.rpartition(":")[2].rpartition("/")[2] in means
    }


def examples_of(rows: Sequence[Mapping[str, Any]], scorers: Mapping[str, str]) -> list[ForeignExample]:
    """The examples; ``scorers``: the scorer whose values a metric has. Raises DataError for what is no sample."""
    values = [_values(row, scorers) for row in rows]
    first = next(iter(scorers), "")
    marks = right([own.get(first) for own in values])
    return [_example(row, own, mark) for row, own, mark in zip(rows, values, marks, strict=True)]


def _values(row: Mapping[str, Any], scorers: Mapping[str, str]) -> dict[str, float]:
    scores = table(row.get("scores"), "scores")
    values = {name: value_of(table(scores.get(scorer), scorer).get("value")) for name, scorer in scorers.items()}
    return {name: value for name, value in values.items() if value is not None}


def value_of(value: object) -> float | None:
    """A score as inspect makes numbers of them; None for lists and tables, of which it makes several."""
    if not isinstance(value, str):
        return finite(float(value) if isinstance(value, bool) else value)
    if value in LETTERS:
        return LETTERS[value]
    try:
        return WORDS.get(value.lower(), finite(float(value)))
    except ValueError:
        return WORDS.get(value.lower())


def _example(row: Mapping[str, Any], values: Mapping[str, float], mark: bool | None) -> ForeignExample:
    attached = table(row.get("attachments"), "attachments")
    choices = [shown(choice) for choice in items(row.get("choices"), "choices")]
    response = _response(row, attached, scored=bool(values))
    score = next(iter(table(row.get("scores"), "scores").values()), None)
    answer = table(score, "a score").get("answer") if score else None
    written = response.text if isinstance(response, Generated) else ""
    most = amount(table(table(row.get("output"), "output").get("config"), "config").get("max_tokens"))
    target = row.get("target")
    return ForeignExample(
        content={"input": _said(row.get("input"), attached), **({"choices": choices} if choices else {})},
        target=target if isinstance(target, str | list) else shown(target),
        requests=(Generate(_prompt(row, attached), most or 0),),
        responses=(response,),
        judged=Judged(answer if isinstance(answer, str) else written, values, mark),
        slices={},
        repeat=count(row.get("epoch"), "epoch") or 0,
    )


def _response(row: Mapping[str, Any], attached: Mapping[str, Any], *, scored: bool) -> Response:
    """The answer; Failed for a sample that ended in an error or that no scorer judged."""
    error = table(row.get("error"), "error")
    if error:
        return Failed("server", text(error.get("message"), "error.message")[:300] or "the sample ended in an error")
    if not scored:
        return Failed("unparsed", "no scorer gave it a number")
    output = table(row.get("output"), "output")
    choice = table(next(iter(items(output.get("choices"), "choices")), None), "a choice")
    said = _said(table(choice.get("message"), "message").get("content"), attached)
    tokens = count(table(output.get("usage"), "usage").get("output_tokens"), "output_tokens")
    ending: Literal["length", "end"] = "length" if choice.get("stop_reason") == "max_tokens" else "end"
    return Generated(said or text(output.get("completion"), "completion"), tokens or 0, ending)


def _prompt(row: Mapping[str, Any], attached: Mapping[str, Any]) -> str:
    """What was said before the first answer; without messages the input itself."""
    said = []
    for message in items(row.get("messages"), "messages"):
        one = table(message, "a message")
        if one.get("role") == "assistant":
            break
        said.append(_said(one.get("content"), attached))
    return "\n\n".join(said) or _said(row.get("input"), attached)


def _said(content: object, attached: Mapping[str, Any]) -> str:
    """The text of a message or of a list of them; what is no text is left out."""
    if isinstance(content, str):
        kept = attached.get(content.removeprefix(ATTACHED)) if content.startswith(ATTACHED) else None
        return kept if isinstance(kept, str) else content
    parts = []
    for part in items(content, "content"):
        one = table(part, "a part")
        parts.append(_said(one.get("text", one.get("content")), attached))
    return "\n\n".join(filter(None, parts))
