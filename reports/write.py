"""The report writers, by format: a store, a run and perhaps a baseline in, text or named files out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from harness.energy.costs import cost_table
from harness.store import Store
from harness.subset import extent, shortfall
from harness.types import Estimate, Run
from harness.visible import interval, number
from harness_reports.facts import SCHEMA, Facts, Number, dataset_of, gather, heading
from harness_reports.page import line, page, plain

BARS = 60
"""The most numbers that the picture of an HTML report draws."""

ROWS = 2_000
"""The most numbers in the table of a report: a page of ten thousand slices stops a browser."""

Writer = Callable[[Store, str, str | None], str | dict[str, str]]


def html(store: Store, run_id: str, baseline: str | None = None) -> str:
    """One self-contained page: every text is escaped, nothing is loaded from anywhere."""
    facts = gather(store, run_id, baseline)
    drawn = [n.estimate for n in facts.numbers if n.estimate.slice == "all" and _drawable(n)]
    bars = [_bar(e) for e in drawn[:BARS]]
    alt = "Scores with 95 % intervals: " + "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    return page(
        "report.html",
        run=facts.run,
        heading=heading(facts.run),
        extent=extent,
        baseline=facts.baseline,
        numbers=_foremost(facts),
        left=_left(facts),
        evidence=facts.evidence,
        bars=bars,
        alt=alt,
        taken=cost_table(facts.run),
        number=number,
    )


def _foremost(facts: Facts) -> list[Number]:
    """The numbers of a table: all, or as many as it holds, those over all examples before slices."""
    if len(facts.numbers) <= ROWS:
        return list(facts.numbers)
    return sorted(facts.numbers, key=lambda n: n.estimate.slice != "all")[:ROWS]


def _left(facts: Facts) -> str:
    """What the table leaves out, in words; empty where it has everything."""
    left = len(facts.numbers) - ROWS
    return f"{left:,} more numbers of slices are not shown; the JSON report has all." if left > 0 else ""


def _drawable(number: Number) -> bool:
    """What a task is about, on a scale from 0 to 1: its calibration and its variants are in the table."""
    e = number.estimate
    inside = all(x is not None and 0 <= x <= 1 for x in (e.value, e.low, e.high))
    return inside and number.is_headline


def _bar(e: Estimate) -> dict[str, Any]:
    """Places on a picture 800 wide whose axis runs from 300 (0) to 620 (1)."""
    place = {name: 300 + 320 * float(x or 0) for name, x in (("value", e.value), ("low", e.low), ("high", e.high))}
    return {**place, "label": _short(f"{e.task} {e.metric}"), "text": f"{number(e.value)} {interval(e.low, e.high)}"}


def _short(text: str) -> str:
    """As much of a label as there is room for beside the picture."""
    return text if len(text) <= 46 else f"{text[:22]}…{text[-23:]}"


def markdown(store: Store, run_id: str, baseline: str | None = None) -> str:
    """The same as Markdown."""
    return _markdown(gather(store, run_id, baseline))


def _markdown(facts: Facts) -> str:
    run = facts.run
    lines = [f"# Evaluation of {plain(run.model)}", "", heading(run), ""]
    head = ["Task", "Version", "Metric", "Slice", "Value", "95 % interval", "n", "Failed", "Data sha256", "Run"]
    head += ["Baseline"] if facts.baseline else []
    lines += [line(head), line(["---"] * len(head))]
    lines += [line(_cells(row, run, facts.baseline)) for row in _foremost(facts)]
    lines += ["", _left(facts)] if _left(facts) else []
    lines += ["", "## Limits", ""]
    lines += [
        f"- {plain(t.name)}: {extent(run, t)} examples. {plain(t.card.limits)} Licence: {plain(t.card.licence)}."
        for t in run.tasks
    ]
    lines += ["", "## What answering took", ""]
    lines += [f"- {plain(what)}: {plain(amount)}" for what, amount in cost_table(run)]
    lines += ["", "## What this is evidence for", "", "Evidence, and no statement that any rule is met.", ""]
    lines += [
        f"- Evidence for {f['framework']}, {m['id']}: {m['evidence']}" for f in facts.evidence for m in f["measures"]
    ]
    return "\n".join([*lines, ""])


def _cells(row: Number, run: Run, baseline: Run | None) -> list[str]:
    e = row.estimate
    cells = [e.task, str(row.version), e.metric, e.slice, number(e.value), row.interval, str(e.n), str(e.failed),
             row.data_sha256[:12], run.id]  # fmt: skip
    return [*cells, number(row.baseline)] if baseline else cells


def card(store: Store, run_id: str, baseline: str | None = None) -> dict[str, str]:
    """A model card with model-index metadata, and the Hub's ``.eval_results`` file.

    A dataset is named by its id on the Hub where the task is installed in the version that was asked, else by the task.
    """
    import yaml
    from huggingface_hub import EvalResult, EvalResultEntry, ModelCardData, eval_result_entries_to_yaml

    facts = gather(store, run_id, baseline)
    whole = [n for n in facts.numbers if n.estimate.slice == "all" and n.estimate.value is not None]
    datasets = {task.name: dataset_of(task) for task in facts.run.tasks}
    results, entries = [], []
    for n in whole:
        task, metric, value, note = n.estimate.task, n.estimate.metric, n.estimate.value, _note(n, facts.run)
        hub_id, config, split, revision = datasets.get(task, (task, None, None, None))  # the average of a group
        results.append(
            EvalResult(
                task_type="text-generation",
                dataset_type=hub_id,
                dataset_name=task,
                dataset_config=config,
                dataset_split=split,
                dataset_revision=revision,
                metric_type=metric,
                metric_value=value,
                metric_args={"notes": note},
            )
        )
        entries.append(
            EvalResultEntry(
                dataset_id=hub_id,
                task_id=f"{task}:{metric}",
                value=value,
                dataset_revision=revision,
                date=facts.run.started[:10],
                notes=note,
            )
        )
    data = ModelCardData(model_name=facts.run.model, eval_results=results or None)
    listed = eval_result_entries_to_yaml(entries)
    return {
        "README.md": f"---\n{data.to_yaml()}\n---\n\n{_markdown(facts)}",
        ".eval_results/harness.yaml": yaml.safe_dump(listed, sort_keys=False, allow_unicode=True),
    }


def _note(number: Number, run: Run) -> str:
    e, part = number.estimate, shortfall(run)
    asked = f"of a run that asked {part}, " if part else ""
    return (
        f"95 % interval {number.interval}, n {e.n}, failed {e.failed}, {asked}task version {number.version}, "
        f"data {number.data_sha256[:12]}, run {run.id}"
    )


def json_report(store: Store, run_id: str, baseline: str | None = None) -> str:
    """Everything as JSON with the version of its schema."""
    facts = gather(store, run_id, baseline)
    results = [
        {
            **asdict(n.estimate),
            "task_version": n.version,
            "data_sha256": n.data_sha256,
            "baseline": n.baseline,
            "run": facts.run.id,
        }
        for n in facts.numbers
    ]
    record = {
        "schema": SCHEMA,
        "run": asdict(facts.run),
        "baseline": facts.baseline.id if facts.baseline else None,
        "results": results,
        "evidence_for": facts.evidence,
    }
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


REPORTS: Mapping[str, Writer] = {"html": html, "md": markdown, "card": card, "json": json_report}
