"""What a gate said of a run, as an in-toto statement of a test result, for a build to sign.

https://github.com/in-toto/attestation/blob/main/spec/predicates/test-result.md
"""

import json
from collections.abc import Mapping
from typing import Any

from harness.errors import UsageError
from harness.exports.records import StoredRun

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://in-toto.io/attestation/test-result/v0.1"
LISTS = {"PASS": "passedTests", "FAIL": "failedTests"}


def write_in_toto(stored: StoredRun) -> dict[str, str]:
    """``RUN.intoto.json``: its subjects are the files of samples, its result is what the newest gate said.

    A rule in quarantine that failed is a warning. Raises UsageError where no gate has judged the run.
    """
    run = stored.run
    if not stored.verdicts:
        raise UsageError(f"no gate has judged run {run.id}: run `harness gate RULES {run.id}` first")
    newest = stored.verdicts[0].verdict
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for verdict in newest.get("verdicts", ()):
        tests[_list(verdict)].append(_name(verdict))
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": a.path, "digest": {"sha256": a.sha256}} for a in stored.artifacts],
        "predicateType": PREDICATE,
        "predicate": {
            "result": _result(newest, tests),
            "configuration": [
                {"name": f"{task.name} v{task.version}", "digest": {"sha256": task.data_sha256}}
                for task in run.tasks
                if task.data_sha256
            ],
            **tests,
        },
    }
    return {f"{run.id}.intoto.json": json.dumps(statement, indent=1, ensure_ascii=False) + "\n"}


def _result(newest: Mapping[str, Any], tests: Mapping[str, list[str]]) -> str:
    """The gate's exit code in the words of the predicate; WARNED where the examples do not settle every rule."""
    if newest.get("exit_code") == 1:
        return "FAILED"
    return "PASSED" if newest.get("exit_code") == 0 and not tests["warnedTests"] else "WARNED"


def _list(verdict: Mapping[str, Any]) -> str:
    if verdict.get("state") == "FAIL" and verdict.get("quarantined"):
        return "warnedTests"
    return LISTS.get(str(verdict.get("state")), "warnedTests")


def _name(verdict: Mapping[str, Any]) -> str:
    """A verdict's number and rule: ``glue/sst2:acc on all max_drop 0.02``."""
    rule = verdict.get("rule")
    limit = f" {rule.get('limit')} {rule.get('margin')}" if isinstance(rule, Mapping) else ""
    return f"{verdict.get('task')}:{verdict.get('metric')} on {verdict.get('slice')}{limit}"
