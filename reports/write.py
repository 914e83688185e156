"""The report writers, by format: a store, a run and perhaps a baseline in, text or named files out."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import jinja2

from harness.store import Store
from harness.types import Estimate, Run
from reports.facts import SCHEMA, Facts, Number, gather, interval, shown

Writer = Callable[[Store, str, str | None], str | dict[str, str]]


def html(store: Store, run_id: str, baseline: str | None = None) -> str:
    """One self-contained page: every text is escaped, nothing is loaded from anywhere."""
    facts = gather(store, run_id, baseline)
    loader = jinja2.PackageLoader("reports", ".")
    template = jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)
    bars = [_bar(n.estimate) for n in facts.numbers if n.estimate.slice == "all" and _drawable(n.estimate)]
    alt = "Scores with 95 % intervals: " + "; ".join(f"{bar['label']} {bar['text']}" for bar in bars)
    return template.get_template("report.html").render(
        run=facts.run, baseline=facts.baseline, numbers=facts.numbers, evidence=facts.evidence, bars=bars, alt=alt,
        shown=shown, interval=interval,
    )  # fmt: skip


def _drawable(e: Estimate) -> bool:
    return all(x is not None and 0 <= x <= 1 for x in (e.value, e.low, e.high))


def _bar(e: Estimate) -> dict[str, Any]:
    """Places on a picture 800 wide whose axis runs from 300 (0) to 620 (1)."""
    place = {name: 300 + 320 * float(x or 0) for name, x in (("value", e.value), ("low", e.low), ("high", e.high))}
    return {**place, "label": f"{e.task} {e.metric}", "text": f"{shown(e.value)} {interval(e)}"}


def markdown(store: Store, run_id: str, baseline: str | None = None) -> str:
    """The same as Markdown."""
    return _markdown(gather(store, run_id, baseline))


def _markdown(facts: Facts) -> str:
    run = facts.run
    lines = [f"# Evaluation of {_plain(run.model)}", "", f"Run {run.id}, {run.status}, started {run.started}.", ""]
    head = ["Task", "Version", "Metric", "Slice", "Value", "95 % interval", "n", "Failed", "Data sha256", "Run"]
    head += ["Baseline"] if facts.baseline else []
    lines += [_line(head), _line(["---"] * len(head))]
    lines += [_line(_cells(number, run, facts.baseline)) for number in facts.numbers]
    lines += ["", "## Limits", ""]
    lines += [f"- {_plain(t.name)}: {_plain(t.card.limits)} Licence: {_plain(t.card.licence)}." for t in run.tasks]
    lines += ["", "## What this is evidence for", "", "Evidence, and no statement that any rule is met.", ""]
    lines += [f"- Evidence for {f['framework']}, {m['id']}: {m['evidence']}" for f in facts.evidence
              for m in f["measures"]]  # fmt: skip
    return "\n".join([*lines, ""])


def _cells(number: Number, run: Run, baseline: Run | None) -> list[str]:
    e = number.estimate
    cells = [e.task, str(number.version), e.metric, e.slice, shown(e.value), interval(e), str(e.n), str(e.failed),
             number.data_sha256[:12], run.id]  # fmt: skip
    return [*cells, shown(number.baseline)] if baseline else cells


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(_plain(cell) for cell in cells)} |"


def _plain(text: str) -> str:
    """A text that Markdown takes for nothing but text."""
    flat = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;")
    return "".join(f"\\{c}" if c in "\\`*[]|" else c for c in flat)


def card(store: Store, run_id: str, baseline: str | None = None) -> dict[str, str]:
    """A model card with model-index metadata, and the Hub's ``.eval_results`` file."""
    import yaml
    from huggingface_hub import EvalResult, ModelCardData

    facts = gather(store, run_id, baseline)
    whole = [n for n in facts.numbers if n.estimate.slice == "all" and n.estimate.value is not None]
    results = [
        EvalResult(
            task_type="text-generation", dataset_type=n.estimate.task, dataset_name=n.estimate.task,
            metric_type=n.estimate.metric, metric_value=n.estimate.value, dataset_revision=n.data_sha256,
            metric_args={"notes": _note(n, facts.run)},
        )
        for n in whole
    ]  # fmt: skip
    data = ModelCardData(model_name=facts.run.model, eval_results=results or None)
    entries = [
        {"dataset": {"id": n.estimate.task, "task_id": n.estimate.metric}, "value": n.estimate.value,
         "date": facts.run.started[:10], "notes": _note(n, facts.run)}
        for n in whole
    ]  # fmt: skip
    return {
        "README.md": f"---\n{data.to_yaml()}\n---\n\n{_markdown(facts)}",
        ".eval_results/harness.yaml": yaml.safe_dump(entries, sort_keys=False, allow_unicode=True),
    }


def _note(number: Number, run: Run) -> str:
    e = number.estimate
    return (
        f"95 % interval {interval(e)}, n {e.n}, failed {e.failed}, task version {number.version}, "
        f"data {number.data_sha256[:12]}, run {run.id}"
    )


def json_report(store: Store, run_id: str, baseline: str | None = None) -> str:
    """Everything as JSON with the version of its schema."""
    facts = gather(store, run_id, baseline)
    results = [
        {**asdict(n.estimate), "task_version": n.version, "data_sha256": n.data_sha256, "baseline": n.baseline,
         "run": facts.run.id}
        for n in facts.numbers
    ]  # fmt: skip
    record = {
        "schema": SCHEMA, "run": asdict(facts.run), "baseline": facts.baseline.id if facts.baseline else None,
        "results": results, "evidence_for": facts.evidence,
    }  # fmt: skip
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


REPORTS: Mapping[str, Writer] = {"html": html, "md": markdown, "card": card, "json": json_report}
