"""`harness doctor MODEL`: does the fast path of the engine give this model's own numbers, and how fast is it?"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import json_option
from harness.files import write_json

if TYPE_CHECKING:
    from harness.engine.checkpoint import Checkpoint
    from harness.engine.doctor import Finding


@click.command("doctor")
@click.argument("model")
@click.option("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps [auto].")
@click.option("--dtype", type=click.Choice(("auto", "float32", "bfloat16", "float16")), default="auto")
@click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model.")
@click.option("--allow-pickle", is_flag=True, help="Load weights that are pickled, which can run code.")
@json_option
def command(
    model: str, device: str, dtype: str, trust_remote_code: bool, allow_pickle: bool, json_file: Path | None
) -> int:
    """Compare MODEL's fast path with the reference on 20 requests of every kind, at several token budgets.

    Ends with exit code 3 if a log-probability differs by more than the tolerance, or an answer changes.
    """
    from harness.engine.backend import Options
    from harness.engine.checkpoint import read_checkpoint
    from harness.engine.doctor import COARSE, TOLERANCE, examine
    from harness.engine.load import folder_of

    options = Options(
        device=device,
        dtype=dtype,  # type: ignore[arg-type]
        trust_remote_code=trust_remote_code,
        allow_pickle=allow_pickle,
    )
    checkpoint = read_checkpoint(model, folder_of(model, options), options)
    for notice in checkpoint.notices:
        click.echo(f"harness: {notice}", err=True)
    tolerance = TOLERANCE.get(str(checkpoint.dtype).removeprefix("torch."), COARSE)
    findings = list(examine(checkpoint))
    path, share = _limit(checkpoint)
    good = all(finding.ok(tolerance) for finding in findings)
    if json_file:
        report = {"model": model, "path": path, "limit_fraction": share, "tolerance": tolerance, "ok": good}
        write_json(json_file, report | {"findings": [asdict(f) for f in findings]})
    _show(findings, tolerance)
    click.echo(f"model     {model}: {checkpoint.family}, {checkpoint.dtype} on {checkpoint.device}")
    if path:
        click.echo(f"path      {path}")
    if share is not None:
        click.echo(f"limit     {share:.2f} of the best rate of the model's matrix products, while scoring")
    worst = max(findings, key=lambda finding: finding.difference)
    click.echo(f"largest   {worst.difference:.2g} per token ({worst.kind} at budget {worst.budget})")
    click.echo("ok" if good else f"NOT ok: beyond {tolerance:g} per token, or answers changed")
    return 0 if good else 3


def _limit(checkpoint: "Checkpoint") -> tuple[str, float | None]:
    """The path that scoring takes and its fraction of the limit, as far as a model has them."""
    from harness.engine.doctor import limit_fraction

    return limit_fraction(checkpoint) if checkpoint.family == "causal" else ("", None)


def _show(findings: "list[Finding]", tolerance: float) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("requests", "budget", "n", "largest difference", "answers changed", "seconds", "")
    for f in findings:
        verdict = "ok" if f.ok(tolerance) else "NOT ok"
        cells = (f.kind, f.budget, str(f.count), f"{f.difference:.2g}", str(f.changed), f"{f.seconds:.1f}", verdict)
        table.add_row(*cells)
    Console().print(table)
