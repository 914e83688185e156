"""A gate's verdicts as JSON, JUnit XML, Markdown and annotations for a build."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from harness.gate import Verdict

SCHEMA = 1
MARKDOWN_LIMIT = 65_000
ANNOTATIONS = 10


def as_json(run: str, baseline: str | None, verdicts: Sequence[Verdict], code: int) -> dict[str, Any]:
    """The gate's result with the version of its schema."""
    return {
        "schema": SCHEMA,
        "run": run,
        "baseline": baseline,
        "exit_code": code,
        "verdicts": [asdict(verdict) for verdict in verdicts],
    }


def name_of(verdict: Verdict) -> str:
    """What a verdict is about, in one word: task:metric[slice] and the limit."""
    where = "" if verdict.slice == "all" else f"[{verdict.slice}]"
    return f"{verdict.task}:{verdict.metric}{where} {verdict.rule.limit}"


def as_junit(verdicts: Sequence[Verdict]) -> str:
    """JUnit XML: one test case per verdict; inconclusive and quarantined ones are skipped with their message."""
    skipped = [v.state == "INCONCLUSIVE" or (v.state == "FAIL" and v.quarantined) for v in verdicts]
    if any(v.rule.on_inconclusive == "fail" for v in verdicts):
        strict = [
            v.state == "INCONCLUSIVE" and v.rule.on_inconclusive == "fail" and not v.quarantined for v in verdicts
        ]
        skipped = [skip and not fail for skip, fail in zip(skipped, strict, strict=True)]
    failed = [v.state != "PASS" and not skip for v, skip in zip(verdicts, skipped, strict=True)]
    counts = {"tests": str(len(verdicts)), "failures": str(sum(failed)), "errors": "0", "skipped": str(sum(skipped))}
    suite = ElementTree.Element("testsuite", {"name": "harness gate", **counts, "time": "0"})
    for verdict, skip, fail in zip(verdicts, skipped, failed, strict=True):
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {"classname": f"gate.{_clean(verdict.task)}", "name": _clean(name_of(verdict)), "time": "0"},
        )
        if skip or fail:
            ElementTree.SubElement(case, "skipped" if skip else "failure", {"message": _clean(verdict.message)})
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(run: str, baseline: str | None, verdicts: Sequence[Verdict]) -> str:
    """A table for a pull request, failures first, below GitHub's 65,536 characters."""
    order = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
    counts = Counter(str(verdict.state) for verdict in verdicts)
    lines = [
        f"### harness gate: {', '.join(f'{counts[state]} {state}' for state in order if counts[state])}",
        f"run `{run}`" + (f" against `{baseline}`" if baseline else ""),
        "",
        "| verdict | rule | value | baseline | n | why |",
        "|---|---|---|---|---|---|",
    ]
    size = sum(map(len, lines)) + len(lines)
    left = len(verdicts)
    for verdict in sorted(verdicts, key=lambda v: order[v.state]):
        mark = f"{verdict.state}{' (quarantined)' if verdict.quarantined else ''}"
        base = "-" if verdict.baseline is None else f"{verdict.baseline:.4g}"
        cells = [mark, name_of(verdict), f"{verdict.value:.4g}", base, str(verdict.n), verdict.message]
        line = "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
        size += len(line) + 1
        if size > MARKDOWN_LIMIT:
            lines += ["", f"... and {left} more"]
            break
        lines.append(line)
        left -= 1
    return "\n".join(lines) + "\n"


def error_lines(verdicts: Sequence[Verdict]) -> list[str]:
    """At most ten ``::error`` lines for GitHub."""
    failed = [v for v in verdicts if v.state == "FAIL" and not v.quarantined]
    texts = [f"{name_of(v)}: {v.message}" for v in failed]
    escaped = [t.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A") for t in texts]
    return [f"::error title=harness gate::{text}" for text in escaped[:ANNOTATIONS]]


def _clean(text: str) -> str:
    """Without the control characters that XML forbids."""
    return "".join(letter for letter in text if letter in "\t\n" or letter >= " ")
