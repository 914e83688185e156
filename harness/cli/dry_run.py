"""What `harness run --dry-run` prints: questions, tokens, time, memory, price, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.cli.progress import spoken
from harness.cli.table import columns
from harness.files import write_json

if TYPE_CHECKING:
    from harness.api import Forecast, Where
    from harness.cli.run_json import JsonOutput
    from harness.suite import Job


def dry_run_jobs(jobs: Sequence[Job], where: Where, rates: Path | None, output: JsonOutput) -> int:
    """Print the forecast of every job; exit code 2 where something is missing that a run would refuse.

    Raises a usage error for jobs that fine-tune their model: training is not forecast.
    """
    from harness.api import dry_run, shared

    if any(job.protocol for job in jobs):
        raise click.UsageError("--dry-run cannot tell what fine-tuning takes: leave out --protocol or [finetune]")
    forecasts = [
        dry_run(job.model, job.tasks, job.settings, options=job.options, where=where, rates=rates)
        for job in shared(jobs)
    ]
    for forecast in forecasts:
        for line in lines(forecast):
            click.echo(line)
    if output.path:
        pages = [page(forecast) for forecast in forecasts]
        file = output.path / "dry-run.json" if output.folder or output.path.is_dir() else output.path
        write_json(file, pages if output.several else pages[0])
    return 2 if any(forecast.refused for forecast in forecasts) else 0


def page(forecast: Forecast) -> dict[str, Any]:
    """A forecast as JSON."""
    return {**asdict(forecast), "requests": forecast.requests}


def lines(forecast: Forecast) -> Iterator[str]:
    """A forecast for people: a line for each task, then the sums."""
    yield f"{forecast.model}: nothing is asked, loaded or written"
    rows = [
        {
            "task": task.task,
            "examples": f"{task.examples:,}" + (f" of {task.available:,}" if task.available > task.examples else ""),
            "requests": f"{task.requests:,}",
            "data": task.missing or "at hand",
        }
        for task in forecast.tasks
    ]
    yield from columns(rows, "no task")
    yield f"requests  {forecast.requests:,}"
    yield f"tokens    {_tokens(forecast)}"
    if forecast.seconds is not None:
        most = "at most " if forecast.written else ""
        yield f"time      {most}about {spoken(forecast.seconds)} beside loading ({forecast.basis})"
    else:
        yield "time      not known beforehand"
    if forecast.memory is not None:
        yield f"memory    about {forecast.memory / 2**30:.1f} GiB"
    if forecast.price is not None:
        yield f"price     {'at most ' if forecast.written else ''}about {forecast.price:.4g} {forecast.currency}"
    if forecast.missing:
        yield f"missing   {len(forecast.missing)} of {len(forecast.tasks)} tasks could not be asked"


def _tokens(forecast: Forecast) -> str:
    if forecast.asked is None:
        return "not known beforehand"
    once = f", {forecast.computed:,} computed, as shared parts count once" if forecast.computed is not None else ""
    about = f"about ({forecast.basis}) " if forecast.computed is None else ""
    written = f"; at most {forecast.written:,} written" if forecast.written else ""
    return f"{about}{forecast.asked:,} asked{once}{written}"
