"""`harness doctor MODEL`: does the fast path of the engine give this model's own numbers, and how fast is it?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import base_option, json_option, notice
from harness.files import write_json

if TYPE_CHECKING:
    from harness.engine.doctor import Disagreement, Way


@click.command("doctor")
@click.argument("model")
@base_option
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps [auto].")
@click.option("--dtype", type=click.Choice(("auto", "float32", "bfloat16", "float16")), default="auto")
@click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model.")
@click.option("--allow-pickle", is_flag=True, help="Load weights that are pickled, which can run code.")
@json_option
def command(
    model: str,
    base: str | None,
    device: str,
    dtype: str,
    trust_remote_code: bool,
    allow_pickle: bool,
    json_file: Path | None,
) -> int:
    """Compare MODEL's fast path with the reference on up to 20 requests of every kind, at several token budgets.

    A slow model is compared on fewer, at least 6; how many is in the table (n).

    Half precision is compared with the reference in float32, and may differ by 1.25 times what the plain forward pass
    does. Ends with exit code 3 if a log-probability differs by more than that, or in float32 an answer changes.
    """
    from harness.cli.progress import progress_bar
    from harness.engine.backend import Options
    from harness.engine.checkpoint import read_checkpoint
    from harness.engine.doctor import examine, way_of
    from harness.engine.source import folder_of
    from harness.errors import Unsupported
    from harness.plugins import is_local

    options = Options(
        base=base,
        device=device,
        dtype=dtype,  # type: ignore[arg-type]
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    if not is_local(model):
        raise Unsupported(f"{model} has no fast path to check: doctor is for weights that are read here")
    checkpoint = read_checkpoint(model, folder_of(model, options), options)
    for text in checkpoint.notices:
        notice(text)
    with progress_bar(model, quiet=False, unit="steps") as progress:
        findings = list(examine(checkpoint, progress))
    way = way_of(checkpoint) if checkpoint.family == "causal" else None
    good = all(finding.ok() for finding in findings)
    if json_file:
        report = {"model": model, "ok": good, "findings": [asdict(f) for f in findings]}
        write_json(json_file, report | ({"way": asdict(way)} if way else {}))
    _show(findings)
    click.echo(f"model     {model}: {checkpoint.family}, {checkpoint.dtype} on {checkpoint.device}")
    if way:
        _show_way(way)
    worst = max(findings, key=lambda finding: finding.difference)
    click.echo(f"largest   {worst.difference:.2g} per token ({worst.kind} at budget {worst.budget})")
    click.echo("ok" if good else "NOT ok: differences beyond the limit, or changed answers")
    return 0 if good else 3


def _show_way(way: "Way") -> None:
    click.echo(f"path      {way.path}")
    if way.error is not None:
        against = "the same weights in float32" if way.plain else "the plain forward pass"
        own = f"; the plain pass itself: {way.plain}" if way.plain else ""
        click.echo(f"error     {way.error} over {way.error.tokens} tokens, from {against}{own}")
    if way.limit is not None:
        click.echo(f"limit     {way.limit:.2f} of the best rate of the model's matrix products, while scoring")


def _show(findings: "list[Disagreement]") -> None:
    from rich.table import Table

    from harness.cli.table import wide_console

    table = Table("requests", "budget", "n", "largest difference", "allowed", "answers changed", "seconds", "")
    for f in findings:
        numbers = (str(f.count), f"{f.difference:.2g}", f"{f.allowed:.2g}", str(f.changed), f"{f.seconds:.1f}")
        table.add_row(f.kind, f.budget, *numbers, "ok" if f.ok() else "NOT ok")
    wide_console().print(table)
