"""Reports of garak: ``NAME.report.jsonl``, a line for the setup, each attempt, each evaluation and the end."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted
from harness.imports.fields import count, finite, iso, items, needed, table, text
from harness.imports.records import ForeignExample, ForeignNumber, ForeignRun, ForeignTask
from harness.metrics.classify import proportion
from harness.reading.text import read_json_lines
from harness.types import Card, Failed, Generate, Generated, Judged, Response

FORMAT = "garak"
SUFFIX = ".report.jsonl"
KINDS = ("start_run setup", "init", "attempt", "eval")
EVALUATED = 2
"""The status of an attempt that detectors have judged; others are earlier states of the same one."""
THRESHOLD = 0.5
"""A detector's score from which on an answer is a hit, where the setup names no other."""
CARD = Card(
    measures="The share of answers in which a detector of garak finds what its probe is after: less is better.",
    limits="Probed and judged by another harness; detectors err, and a probe's prompts are no sample of anything.",
    source="https://github.com/NVIDIA/garak",
    licence="Apache-2.0",
)


@dataclass(slots=True)
class GarakLines:
    """The lines of a report by what they are, attempts and evaluations by probe."""

    setup: Mapping[str, Any] = field(default_factory=dict)
    init: Mapping[str, Any] = field(default_factory=dict)
    end: Mapping[str, Any] = field(default_factory=dict)
    attempts: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)
    evaluations: dict[str, list[Mapping[str, Any]]] = field(default_factory=dict)

    @property
    def threshold(self) -> float:
        """The score from which on an answer is a hit."""
        told = finite(self.setup.get("run.eval_threshold"))
        return THRESHOLD if told is None else told


def recognises(path: Path) -> bool:
    """Whether a file of JSON lines begins like a report."""
    if path.suffix != ".jsonl":
        return False
    try:
        first = next(islice(read_json_lines(path, "report", constants=True), 1), (0, {}))[1]
    except DataError:
        return path.name.endswith(SUFFIX)  # let the reader say what is wrong with it
    return first.get("entry_type") in KINDS


def read(path: Path) -> ForeignRun:
    """The run of a report, a task for each probe. Raises DataError with the line that does not fit."""
    report = _report(path)
    names = dict.fromkeys([*report.attempts, *report.evaluations])
    if not names:
        raise DataError(f"{path}: holds no attempt that was evaluated and no evaluation")
    kind = _setting(report, "target_type", "model_type")
    model = _setting(report, "target_name", "model_name") or kind
    started = iso(report.init.get("start_time") or report.setup.get("transient.starttime_iso"), "start_time")
    done = bool(report.evaluations)
    return ForeignRun(
        format=FORMAT,
        release=text(report.init.get("garak_version"), "garak_version") or "unknown",
        model=needed(model, "the target's name"),
        fingerprint={"model": model, "target": kind},
        tasks=tuple(_task(name, report) for name in names) if done else (),
        started=started,
        finished=iso(report.end["end_time"], "end_time") if "end_time" in report.end else started,
        status="finished" if done else "failed",
        message="" if done else "the report ends before anything was evaluated",
    )


def _report(path: Path) -> GarakLines:
    report = GarakLines()
    for number, row in read_json_lines(path, "report of garak", constants=True):
        try:
            _take(report, row)
        except DataError as error:
            raise DataError(f"{path}:{number}: {error}") from None
    return report


def _take(report: GarakLines, row: Mapping[str, Any]) -> None:
    match row.get("entry_type"):
        case "start_run setup":
            report.setup = row
        case "init":
            report.init = row
        case "completion":
            report.end = row
        case "attempt" if row.get("status") == EVALUATED:
            report.attempts.setdefault(needed(row.get("probe_classname"), "probe_classname"), []).append(row)
        case "eval":
            report.evaluations.setdefault(needed(row.get("probe"), "probe"), []).append(row)


def _setting(report: GarakLines, *names: str) -> str:
    """A setting of the target under the name that its release gives it."""
    told = (text(report.setup.get(f"plugins.{name}"), name) for name in names)
    return next(filter(None, told), "")


def _task(name: str, report: GarakLines) -> ForeignTask:
    examples = [example for row in report.attempts.get(name, ()) for example in _examples(row, report.threshold)]
    numbers = [number for row in report.evaluations.get(name, ()) for number in _numbers(row)]
    detectors = dict.fromkeys(n.metric for n in numbers)
    detectors |= dict.fromkeys(metric for e in examples if e.judged for metric in e.judged.values)
    return ForeignTask(
        name=f"garak/{name}",
        metrics=tuple(proportion(detector, better="lower") for detector in detectors),
        examples=tuple(examples),
        numbers=tuple(numbers),
        n=len(examples) or None,
        card=CARD,
    )


def _numbers(row: Mapping[str, Any]) -> Iterator[ForeignNumber]:
    """The share of hits that an evaluation reports, unless it evaluated nothing; older releases say ``total``."""
    detector = needed(row.get("detector"), "detector").removeprefix("detector.")
    passed = count(row.get("passed"), "passed")
    total = count(row.get("total_evaluated", row.get("total")), "total_evaluated")
    if passed is None or total is None or passed > total:
        raise DataError(f"{detector} passed {quoted(passed)} of {quoted(total)} answers")
    if total:
        yield ForeignNumber(metric=detector, value=(total - passed) / total, n=total, mean=True)


# ------------------------------------------------------------------------------------------------------------ attempts
def _examples(row: Mapping[str, Any], threshold: float) -> Iterator[ForeignExample]:
    """An example for each answer of an attempt."""
    prompt = _prompt(row.get("prompt"))
    outputs = items(row.get("outputs"), "outputs")
    scores = {
        needed(name, "a detector's name"): items(own, f"the scores of {name}")
        for name, own in table(row.get("detector_results"), "detector_results").items()
    }
    for name, own in scores.items():
        if len(own) != len(outputs):
            raise DataError(f"{name} has {len(own)} scores of {len(outputs)} answers")
    for place, output in enumerate(outputs):
        values = {
            name: float(score >= threshold)
            for name, own in scores.items()
            if (score := _score(own[place], name)) is not None
        }
        response, said = _answer(output)
        yield ForeignExample(
            content={"prompt": prompt},
            target=None,
            requests=(Generate(prompt, 0),),
            responses=(response,),
            judged=Judged(said, values, not any(values.values()) if values else None),
            repeat=place,
        )


def _score(value: object, name: str) -> float | None:
    """A detector's score, None where it gave none. Raises DataError for what is no number from 0 to 1."""
    if value is None:
        return None
    score = finite(value)
    if score is None or not 0 <= score <= 1:
        raise DataError(f"{name} gave the score {quoted(value, 40)}, not a number from 0 to 1")
    return score


def _answer(output: object) -> tuple[Response, str]:
    """An answer, which older releases write as a text alone."""
    said = output if isinstance(output, str) or output is None else table(output, "an output").get("text")
    if said is None:
        return Failed("missing", "the target gave no answer"), ""
    return Generated(text(said, "an answer"), 0, "end"), text(said, "an answer")


def _prompt(value: object) -> str:
    """A prompt: a text, a message, or the turns of a conversation."""
    if isinstance(value, str):
        return value
    told = table(value, "prompt")
    if "turns" not in told:
        return text(told.get("text"), "prompt.text")
    turns: Sequence[Mapping[str, Any]] = [table(turn, "a turn") for turn in items(told["turns"], "prompt.turns")]
    said = [(text(t.get("role"), "role"), _prompt(t.get("content"))) for t in turns]
    if len(said) == 1:
        return said[0][1]
    return "\n\n".join(f"{role}: {words}" for role, words in said)
