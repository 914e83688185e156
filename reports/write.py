"""The report writers, by format: a store, runs and perhaps a baseline in, text or named files out."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from harness.differences import Difference
from harness.store import Store
from harness_reports import document, evaluation, frameworks
from harness_reports.bias_card import bias
from harness_reports.card import card
from harness_reports.facts import SCHEMA, Facts, Number, gather
from harness_reports.responsible import responsible
from harness_reports.site import site
from harness_reports.topics import topic_rows

Writer = Callable[[Store, Sequence[str], str | None], str | dict[str, str]]


def html(store: Store, runs: Sequence[str], baseline: str | None = None) -> str:
    """One self-contained page: every text is escaped, nothing is loaded from anywhere."""
    return document.html(evaluation.document(store, runs, baseline))


def markdown(store: Store, runs: Sequence[str], baseline: str | None = None) -> str:
    """The same as Markdown."""
    return document.markdown(evaluation.document(store, runs, baseline))


def json_report(store: Store, runs: Sequence[str], baseline: str | None = None) -> str:
    """Everything as JSON with the version of its schema; ``reports`` has one entry for each run."""
    pages = [_page(store, gather(store, name, baseline)) for name in runs]
    return json.dumps({"schema": SCHEMA, "reports": pages}, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _page(store: Store, facts: Facts) -> dict[str, Any]:
    rows = topic_rows(store, facts.run, [n.estimate for n in facts.numbers])
    return {
        "run": asdict(facts.run),
        "baseline": facts.baseline.id if facts.baseline else None,
        "not_compared": dict(facts.refused),
        "results": [_result(number, facts.run.id) for number in facts.numbers],
        "evidence_for": [
            {"framework": framework.name, "version": framework.version, "id": one.measure.id, "numbers": one.named}
            for framework in frameworks.read()
            for one in frameworks.evidence(framework, rows)
            if one.rows
        ],
    }


def _result(number: Number, run: str) -> dict[str, Any]:
    """A number as JSON; ``baseline`` has value, low, high, n, clusters and failed of its own, ``change`` the test."""
    base = asdict(number.baseline) if number.baseline else None
    if base:
        base = {name: base[name] for name in ("value", "low", "high", "n", "clusters", "failed")}
    return {
        **asdict(number.estimate),
        "task_version": number.version,
        "data_sha256": number.data_sha256,
        "baseline": base,
        "change": _change(number.change) if number.change else None,
        "run": run,
    }


def _change(change: Difference) -> dict[str, Any]:
    p = change.paired
    return {"difference": p.difference, "low": p.low, "high": p.high, "p": change.adjusted, "n": p.n}


REPORTS: Mapping[str, Writer] = {
    "html": html,
    "md": markdown,
    "json": json_report,
    "card": card,
    "bias": bias,
    "responsible": responsible,
    "site": site,
}
