"""`harness gate`: rules on a run; the exit code fails a build."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack

import click

from harness.cli.grouped import CommandGroup
from harness.cli.options import data_option, json_option, mirror, notice, store_option, typed
from harness.files import write_json, write_text
from harness.visible import line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.gate.result import GateResult
    from harness.gate.rules import Gate
    from harness.gate.selftest import AlarmRate


class CheckOptions(TypedDict):
    """The options of ``harness gate check``."""

    baseline: str | None
    intersect: bool
    extend: int | None
    trust_remote_code: bool
    allow_pickle: bool
    dry_run: bool
    junit: Path | None
    markdown: Path | None
    data: Path | None
    json_file: Path | None
    store: str | None


class SelftestOptions(TypedDict):
    """The options of ``harness gate selftest``."""

    baseline: str | None
    intersect: bool
    drop: float
    resamples: int
    seed: int
    json_file: Path | None
    store: str | None


class DefaultCheck(CommandGroup):
    """A group whose command "check" is run where none is named: ``harness gate RULES RUN``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        named = not args or args[0] in self.commands or args[0] in ctx.help_option_names
        return super().parse_args(ctx, args if named else ["check", *args])


@click.group("gate", cls=DefaultCheck, subcommand_metavar="[check] RULES RUN | selftest RULES RUN")
def command() -> None:
    """Check a run against a file of rules, or the rules themselves for false alarms.

    \b
    harness gate gate.toml RUN --baseline main --junit gate.xml
    harness gate selftest gate.toml RUN --drop 0.05
    """


@command.command("check")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="A baseline, or a run, that max_drop and max_rise rules compare with.")
@click.option("--intersect", is_flag=True, help="Compare what both runs share although data, version or size differ.")
@click.option("--extend", type=click.IntRange(1), metavar="N", help="While inconclusive, ask up to N more examples.")
@click.option("--trust-remote-code", is_flag=True, help="With --extend: run code that a model brings. Dangerous.")
@click.option("--allow-pickle", is_flag=True, help="With --extend: load weights that are not safetensors. Dangerous.")
@click.option("--dry-run", is_flag=True, help="Say what each rule means, and sees with as many questions as RUN has.")
@click.option("--junit", type=click.Path(path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--markdown", type=click.Path(path_type=Path), help="Also write Markdown to this file.")
@data_option
@json_option
@store_option
def check(rules: Path, run: str, **options: Unpack[CheckOptions]) -> int:
    """Check RUN against the file RULES.

    With --extend, both runs' models are asked for more examples of every dataset with an inconclusive rule, until the
    rules are settled or N examples are used up. The answers are stored as new runs.

    \b
    Exit codes: 0 every rule holds, 1 a rule failed, 2 the file is wrong or a rule matches nothing,
    3 the store cannot be read, 4 inconclusive unless the rule says on_inconclusive = "warn" or "pass".
    """
    from harness.api import Where, check_gate
    from harness.gate.closing import closing
    from harness.gate.rules import read_gate

    _require_effect(options)
    gate = read_gate(rules)
    if options["dry_run"]:
        _show_plan(gate, run, options["store"])
        return 0
    dangerous = {"trust_remote_code": options["trust_remote_code"], "allow_pickle": options["allow_pickle"]}
    result = check_gate(
        gate,
        run,
        options["baseline"],
        intersect=options["intersect"],
        extend=options["extend"],
        where=Where(store=options["store"], data=mirror(options["data"]), command=typed()),
        allowed=[name for name, allowed in dangerous.items() if allowed],
    )
    if result.limit is not None:
        notice(f"extended to --limit {result.limit}: {', '.join(result.added)}")
    _write(result, options["json_file"], options["junit"], options["markdown"])
    _show(result)
    if result.asked:
        click.echo(f"run {result.run} asked {result.asked}")
    if result.bundles:
        click.echo(result.bundles)
    click.echo(closing(result.verdicts))
    return result.exit_code


def _require_effect(options: CheckOptions) -> None:
    """Raises a usage error for options that do nothing without, or together with, another one."""
    given = {"--json": options["json_file"], "--junit": options["junit"], "--markdown": options["markdown"]}
    unheard = [name for name, value in {"--extend": options["extend"], **given}.items() if value is not None]
    if options["dry_run"] and unheard:
        raise click.UsageError(f"--dry-run only tells of the rules: drop {', '.join(unheard)}")
    dangerous = {"--trust-remote-code": options["trust_remote_code"], "--allow-pickle": options["allow_pickle"]}
    idle = next((name for name, allowed in dangerous.items() if allowed and options["extend"] is None), None)
    if idle:
        raise click.UsageError(f"{idle} needs --extend")


@command.command("selftest")
@click.argument("rules", type=click.Path(path_type=Path))
@click.argument("run")
@click.option("--baseline", metavar="NAME", help="Resample RUN paired with this baseline instead of with itself.")
@click.option("--intersect", is_flag=True, help="Compare what both runs share although data, version or size differ.")
@click.option("--drop", type=float, default=0.05, show_default=True, help="The drop to plant when measuring power.")
@click.option("--resamples", type=click.IntRange(1), default=1000, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
@store_option
def selftest(rules: Path, run: str, **options: Unpack[SelftestOptions]) -> int:
    """Measure how often the max_drop rules of RULES fail on RUN without a change, and with a planted drop."""
    from dataclasses import asdict

    from harness.api import selftest_gate

    rates = selftest_gate(
        rules,
        run,
        options["baseline"],
        drop=options["drop"],
        resamples=options["resamples"],
        seed=options["seed"],
        intersect=options["intersect"],
        store=options["store"],
    )
    if options["json_file"]:
        write_json(options["json_file"], [asdict(rate) for rate in rates])
    _show_rates(rates, options["drop"])
    return 0


def _write(result: GateResult, json_file: Path | None, junit: Path | None, markdown: Path | None) -> None:
    """Write the requested files; on GitHub also the summary of the step and annotations."""
    from harness.gate.formats import as_json, as_junit, as_markdown, error_lines

    if json_file:
        write_json(json_file, as_json(result))
    if junit:
        write_text(junit, as_junit(result))
    if markdown:
        write_text(markdown, as_markdown(result))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(as_markdown(result))
        click.echo("\n".join(error_lines(result.verdicts)))


def _show_plan(gate: Gate, run: str, store: str | None) -> None:
    """What each rule means, and what it can see with as many questions as a stored run has, if there is one yet."""
    from harness.errors import StoreError, UnknownName
    from harness.gate.reach import reaches
    from harness.gate.wording import explain, record_for
    from harness.store import open_store

    try:
        opened = open_store(store, create=False)
        estimates, metrics, missing = opened.results(run), opened.run(run).metrics(), ""
    except (StoreError, UnknownName) as error:
        estimates, metrics, missing = [], {}, str(error)
    for rule in gate.rules:
        click.echo(explain(rule, gate.alpha, record_for(rule, metrics)))
    if missing:
        notice(f"{missing}; name a stored run to see how small a change the rules can detect")
        return
    for reach in reaches(gate, estimates, metrics):
        click.echo(line(reach))


def _show(result: GateResult) -> None:
    from harness.gate.verdicts import COLUMNS, cells_of

    _table(COLUMNS, [cells_of(verdict, result.metrics) for verdict in result.verdicts])


def _show_rates(rates: Sequence[AlarmRate], drop: float) -> None:
    rows = []
    for rate in rates:
        size = [str(rate.n), str(rate.clusters)] if rate.n else ["", ""]
        name = "any of them" if rate.rule == "*" else rate.rule
        rows.append([name, *size, f"{rate.false_alarms:.2%}", f"{rate.power:.2%}"])
    _table(["rule", "n", "clusters", "false alarms", f"detects a drop of {drop:g}"], rows)
    click.echo(f"{rates[0].resamples} seeded resamples of clusters")


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from harness.cli.table import ROWS, print_table

    more = f"{len(rows) - ROWS:,} more rows are not shown" if len(rows) > ROWS else ""
    print_table(names, rows[:ROWS], caption=more, width=160)
