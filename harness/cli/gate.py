"""`harness gate`: rules on a run; the exit code fails a build."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import data_option, json_option, mirror, store_option, typed
from harness.files import write_json, write_text

if TYPE_CHECKING:
    from harness.differences import Difference
    from harness.gate.judge import Verdict
    from harness.gate.rules import Gate
    from harness.gate.selftest import AlarmRate
    from harness.store.store import Store
    from harness.types import Run


class Checking(click.Group):
    """A group whose command "check" is meant where none is named: ``harness gate RULES RUN``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if named else ["check", *args])


@click.group("gate", cls=Checking, subcommand_metavar="[check] RULES RUN | selftest RULES RUN")
def command() -> None:
    """Check a run against a file of rules, or the file itself for false alarms.

    \b
    harness gate gate.toml RUN --baseline main --junit gate.xml
    harness gate selftest gate.toml RUN --drop 0.05
    """


@command.command("check")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="The baseline that max_drop rules compare with.")
@click.option("--intersect", is_flag=True, help="Compare what both runs have although data, version or size differ.")
@click.option("--extend", type=click.IntRange(1), metavar="N", help="While inconclusive: ask up to N more examples.")
@click.option("--trust-remote-code", is_flag=True, help="With --extend: let a model run the code it brings. Dangerous.")
@click.option("--allow-pickle", is_flag=True, help="With --extend: load weights that are pickled. Dangerous.")
@click.option("--dry-run", is_flag=True, help="Explain each rule in words and stop.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Also write Markdown to this file.")
@data_option
@json_option
@store_option
def check(rules: Path, run: str, **given: Any) -> int:
    """Check RUN against the file RULES.

    With --extend both runs' models are asked more examples of every dataset of an inconclusive rule, and the answers
    stored as new runs, until it is settled or N are spent.

    \b
    Exit codes: 0 every rule holds, 1 a rule failed, 2 the file is wrong or a rule matches nothing,
    3 the store cannot be read, 4 inconclusive unless the rule says on_inconclusive = "warn" or "pass".
    """
    from harness.gate import formats as written
    from harness.gate import judge as gating
    from harness.gate.energy import rises
    from harness.gate.rules import explain, read_gate
    from harness.store import open_store

    gate = read_gate(rules)
    if given["dry_run"]:
        for rule in gate.rules:
            click.echo(explain(rule, gate.alpha))
        return 0
    store = open_store(given["store"], create=False)
    found, base = _runs(store, gate, run, given["baseline"])
    today = datetime.now(UTC).date()
    energy = rises(gate, found, base, today)  # before a model is asked for more in vain
    verdicts, added = _judged(store, gate, found, base, given, today)
    verdicts += energy
    code = gating.exit_code(verdicts)
    record = json.loads(json.dumps(written.as_json(found.id, base.id if base else None, verdicts, code, added)))
    store.save_verdicts(found.id, record)
    _write(verdicts, record, given)
    _show(verdicts)
    return code


@command.command("selftest")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="Resample RUN paired with this baseline instead of with itself.")
@click.option("--intersect", is_flag=True, help="Compare what both runs have although data, version or size differ.")
@click.option("--drop", type=float, default=0.05, show_default=True, help="The drop that is planted for the power.")
@click.option("--resamples", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@store_option
def selftest(rules: Path, run: str, drop: float, resamples: int, seed: int, **given: Any) -> int:
    """Measure how often the max_drop rules of RULES fail on RUN without a change, and with a planted drop."""
    from dataclasses import asdict

    from harness.gate.rules import read_gate
    from harness.gate.selftest import measure, stored
    from harness.plugins import installed_metrics
    from harness.store import open_store

    store = open_store(given["store"], create=False)
    found, base = _runs(store, read_gate(rules), run, given["baseline"], needs_baseline=False)
    known = installed_metrics(task.name for task in found.tasks)
    numbers = stored(store, (base or found).id, found.id, known, intersect=given["intersect"])
    rates = measure(read_gate(rules), numbers, drop=drop, resamples=resamples, seed=seed)
    if given["json_file"]:
        write_json(given["json_file"], [asdict(rate) for rate in rates])
    _show_rates(rates, drop)
    return 0


def _runs(
    store: Store, gate: Gate, run: str, baseline: str | None, *, needs_baseline: bool = True
) -> tuple[Run, Run | None]:
    """The finished run that is checked, and the baseline's where a rule compares with one."""
    from harness.errors import UsageError

    found = store.run(run)
    if found.status != "finished":
        raise UsageError(f"run {found.id} is {found.status}: only a finished run can be checked")
    comparing = next((rule.limit for rule in gate.rules if rule.limit in ("max_drop", "max_rise")), None)
    if comparing and needs_baseline and not baseline:
        raise UsageError(f"a {comparing} rule needs --baseline NAME")
    return found, store.run(store.baseline(baseline)) if comparing and baseline else None


def _judged(
    store: Store, gate: Gate, run: Run, base: Run | None, given: Mapping[str, Any], today: date
) -> tuple[list[Verdict], tuple[str, ...]]:
    """The verdicts, and the ids of the runs that --extend added."""
    from harness.api import Where, ask_more, require_askable
    from harness.api.again import DANGEROUS
    from harness.differences import compare
    from harness.gate.extend import Source, extend
    from harness.gate.judge import judge
    from harness.plugins import installed_metrics

    known = installed_metrics(task.name for task in run.tasks)
    slices = any(rule.slices != "all" for rule in gate.rules)

    def differences(first: str, second: str) -> list[Difference]:
        return compare(store, first, second, known, intersect=given["intersect"], slices=slices)[0]

    if given["extend"]:
        for asked in (run, base) if base else (run,):  # before a model is asked in vain
            require_askable(asked)
        allowed = frozenset(name for name in DANGEROUS if given[name])
        where = Where(store=given["store"], data=mirror(given["data"]), command=typed())

        def more(run: Run, tasks: Sequence[str], limit: int) -> str:
            return ask_more(run, tasks, limit, where=where, allowed=allowed).run.id

        done = extend(gate, Source(differences, store.results, more), run, base, given["extend"], today)
        click.echo(f"harness: extended to --limit {done.limit}: {', '.join(done.runs) or 'no new run'}", err=True)
        return done.verdicts, done.runs
    return judge(gate, differences(base.id, run.id) if base else [], store.results(run.id), today), ()


def _write(verdicts: list[Verdict], record: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """The files that were asked for; on GitHub also the summary of the step and annotations."""
    from harness.gate import formats as written

    text = written.as_markdown(record["run"], record["baseline"], verdicts)
    if given["json_file"]:
        write_json(given["json_file"], record)
    if given["junit"]:
        xml = written.as_junit(verdicts, record["run"], record["baseline"])
        write_text(given["junit"], xml)
    if given["markdown"]:
        write_text(given["markdown"], text)
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(text)
        click.echo("\n".join(written.error_lines(verdicts)))


def _show(verdicts: list[Verdict]) -> None:
    from harness.gate.formats import name_of

    rows = []
    for v in verdicts:
        base = "-" if v.baseline is None else f"{v.baseline:.4g}"
        mark = v.state + (" (quarantined)" if v.quarantined else "")
        rows.append([mark, name_of(v), f"{v.value:.4g}", base, str(v.n), v.message])
    _table(["verdict", "rule", "value", "baseline", "n", "why"], rows)


def _show_rates(rates: list[AlarmRate], drop: float) -> None:
    rows = []
    for rate in rates:
        size = [str(rate.n), str(rate.clusters)] if rate.n else ["", ""]
        name = "any of them" if rate.rule == "*" else rate.rule
        rows.append([name, *size, f"{rate.false_alarms:.2%}", f"{rate.power:.2%}"])
    _table(["rule", "n", "clusters", "false alarms", f"finds a drop of {drop:g}"], rows)
    click.echo(f"{rates[0].resamples} resamples of clusters, seeded")


def _table(names: list[str], rows: list[list[str]]) -> None:
    from rich.table import Table

    from harness.cli.table import ROWS, plain, wide_console

    table = Table(caption=f"{len(rows) - ROWS:,} more rows are not shown" if len(rows) > ROWS else None)
    for name in names:
        table.add_column(name)
    for row in rows[:ROWS]:
        table.add_row(*plain(*row))
    wide_console().print(table)
