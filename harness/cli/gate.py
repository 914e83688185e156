"""`harness gate`: rules on a run; the exit code fails a build."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option, store_option

if TYPE_CHECKING:
    from harness.gate import Verdict


@click.command("gate")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="The baseline that max_drop rules compare with.")
@click.option("--intersect", is_flag=True, help="Compare what both runs have although data, version or size differ.")
@click.option("--dry-run", is_flag=True, help="Explain each rule in words and stop.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Also write Markdown to this file.")
@json_option
@store_option
def command(  # noqa: PLR0913, PLR0917  # one argument per option
    rules: Path,
    run: str,
    baseline: str | None,
    intersect: bool,
    dry_run: bool,
    junit: Path | None,
    markdown: Path | None,
    json_file: Path | None,
    store: str | None,
) -> int:
    """Check RUN against the file RULES.

    \b
    Exit codes: 0 every rule holds, 1 a rule failed, 2 the file is wrong or a rule matches nothing,
    3 the store cannot be read, 4 inconclusive where the rule says on_inconclusive = "fail".
    """
    from harness import gate as gating
    from harness import verdicts as written
    from harness.cli.compare import installed
    from harness.compare import Difference, compare
    from harness.errors import UsageError
    from harness.store import open_store

    gate = gating.read_gate(rules)
    if dry_run:
        for rule in gate.rules:
            click.echo(gating.explain(rule, gate.alpha))
        return 0
    opened = open_store(store, create=False)
    found = opened.run(run)
    if found.status != "finished":
        raise UsageError(f"run {found.id} is {found.status}: only a finished run can be checked")
    base: str | None = None
    rows: list[Difference] = []
    if any(rule.limit == "max_drop" for rule in gate.rules):
        if not baseline:
            raise UsageError("a max_drop rule needs --baseline NAME")
        base = opened.baseline(baseline)
        slices = any(rule.slices == "each" for rule in gate.rules)
        known = installed([task.name for task in found.tasks])
        rows, _ = compare(opened, base, found.id, known, intersect=intersect, slices=slices)
    verdicts = gating.judge(gate, rows, opened.results(found.id), datetime.now(UTC).date())
    code = gating.exit_code(verdicts)
    record = json.loads(json.dumps(written.as_json(found.id, base, verdicts, code)))
    opened.save_verdicts(found.id, record)
    text = written.as_markdown(found.id, base, verdicts)
    if json_file:
        json_file.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    if junit:
        junit.write_text(written.as_junit(verdicts), encoding="utf-8")
    if markdown:
        markdown.write_text(text, encoding="utf-8")
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
        click.echo("\n".join(written.error_lines(verdicts)))
    _show(verdicts)
    return code


def _show(verdicts: list[Verdict]) -> None:
    from rich.console import Console
    from rich.table import Table

    from harness.verdicts import name_of

    console = Console()
    if not console.is_terminal:
        console = Console(width=160)
    table = Table()
    for name in ("verdict", "rule", "value", "baseline", "n", "why"):
        table.add_column(name)
    for v in verdicts:
        base = "-" if v.baseline is None else f"{v.baseline:.4g}"
        mark = v.state + (" (quarantined)" if v.quarantined else "")
        table.add_row(mark, name_of(v).replace("[", "\\["), f"{v.value:.4g}", base, str(v.n), v.message)
    console.print(table)
