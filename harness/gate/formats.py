"""A gate's verdicts as JSON, JUnit XML, Markdown and annotations for a build."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.etree import ElementTree

from harness.gate.result import GateResult
from harness.gate.verdicts import COLUMNS, SEVERITY, Verdict, cells_of, name_of
from harness.visible import markdown

SCHEMA = 1
MARKDOWN_LIMIT = 65_000
ANNOTATIONS = 10
OUTCOMES = {0: "passed", 1: "failed", 4: "undecided"}
FORBIDDEN = re.compile("[^\t\n -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_json(result: GateResult) -> dict[str, Any]:
    """The gate's result with the version of its schema."""
    return {
        "schema": SCHEMA,
        "run": result.run,
        "baseline": result.baseline,
        "asked": result.asked,
        "bundles": result.bundles,
        "added": list(result.added),
        "exit_code": result.exit_code,
        "verdicts": [asdict(verdict) for verdict in result.verdicts],
    }


def outcome(record: Mapping[str, Any]) -> str:
    """What a stored gate came to, in a word: "passed" only where every rule on a number of quality holds."""
    code = record.get("exit_code")
    if not isinstance(code, int):
        return "unknown"
    counted = [verdict for verdict in record.get("verdicts", []) if not verdict.get("quarantined")]
    if code == 0 and any(verdict.get("state") == "INCONCLUSIVE" for verdict in counted):
        return "undecided"
    return OUTCOMES.get(code, f"ended with {code}")


def as_junit(result: GateResult) -> str:
    """JUnit XML: one test case per verdict; what does not count (inconclusive, quarantined) is skipped with its reason.

    The form that Jenkins, GitLab and GitHub's actions read: testsuites > testsuite > testcase > failure or skipped.
    """
    outcomes = [_outcome(verdict) for verdict in result.verdicts]
    failures = str(outcomes.count("failure"))
    counts = {"tests": str(len(outcomes)), "failures": failures, "errors": "0", "time": "0"}
    root = ElementTree.Element("testsuites", {"name": "harness gate", **counts})
    skipped = str(outcomes.count("skipped"))
    suite = ElementTree.SubElement(root, "testsuite", {"name": "harness gate", **counts, "skipped": skipped})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in (("run", result.run), ("baseline", result.baseline), ("bundles", result.bundles)):
        if value:
            ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(value)})
    for verdict, outcome in zip(result.verdicts, outcomes, strict=True):
        where = {"classname": f"gate.{_clean(verdict.task)}", "name": _clean(name_of(verdict)), "time": "0"}
        case, message = ElementTree.SubElement(suite, "testcase", where), _clean(verdict.message)
        if outcome == "failure":
            failure = ElementTree.SubElement(case, "failure", {"message": message, "type": verdict.state})
            failure.text = f"{_clean(name_of(verdict))}: {message}"
        elif outcome == "skipped":
            ElementTree.SubElement(case, "skipped", {"message": message})
        else:
            ElementTree.SubElement(case, "system-out").text = message
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _outcome(verdict: Verdict) -> str:
    """What a verdict is to a build: "failure", "skipped" or "passed"."""
    if verdict.state == "PASS" or (verdict.state == "INCONCLUSIVE" and verdict.rule.on_inconclusive == "pass"):
        return "passed"
    fails = verdict.state == "FAIL" or verdict.rule.on_inconclusive == "fail"
    return "failure" if fails and not verdict.quarantined else "skipped"


def as_markdown(result: GateResult) -> str:
    """A table for a pull request, failures first, below GitHub's 65,536 characters."""
    counts = Counter(str(verdict.state) for verdict in result.verdicts)
    against = f" against {markdown(result.baseline)}" if result.baseline else ""
    asked = f"; it asked {markdown(result.asked)}" if result.asked else ""
    asked += f"; {markdown(result.bundles)}" if result.bundles else ""
    lines = [
        f"### harness gate: {', '.join(f'{counts[state]} {state}' for state in SEVERITY if counts[state])}",
        f"run {markdown(result.run)}{against}{asked}",
        "",
        f"| {' | '.join(COLUMNS)} |",
        f"|{'---|' * len(COLUMNS)}",
    ]
    size = sum(map(len, lines)) + len(lines)
    left = len(result.verdicts)
    for verdict in sorted(result.verdicts, key=lambda v: SEVERITY[v.state]):
        line = "| " + " | ".join(map(markdown, cells_of(verdict, result.metrics))) + " |"
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
    """Without the characters that XML forbids: control characters, surrogates and two non-characters."""
    return FORBIDDEN.sub("", text)
