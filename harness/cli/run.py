"""`harness run`: evaluate models on tasks, or everything that a suite file names."""

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from harness.cli.options import data_option, json_option, mirror, names, quiet_option, samples_option, store_option


@click.command("run")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...|SUITE.toml")
@click.option(
    "--tasks", multiple=True, help="Names, groups, patterns (mmlu/*), tag:NAME or a .jsonl file; comma-separated."
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N examples of every dataset.")
@click.option("--shots", type=click.IntRange(0), help="Few-shot examples, instead of the task's own number.")
@click.option("--shots-mode", type=click.Choice(["fixed", "per-example"]), default="fixed", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses few-shot examples and draws.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto", show_default=True
)
@click.option("--engine", type=click.Choice(["auto", "reference"]), default="auto", show_default=True)
@click.option(
    "--truncate", type=click.Choice(["left"]), help="Cut prompts that exceed the context instead of refusing."
)
@click.option("--chat", is_flag=True, help="Ask through the model's chat template.")
@click.option("--system", help="System message for --chat.")
@click.option("--base-url", help="Server of an openai:NAME model.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Requests at once to a server."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds to wait for a server's answer.")
@click.option("--token-budget", type=click.IntRange(1), help="Tokens per pack [measured at load].")
@click.option("--trust-remote-code", is_flag=True, help="Run model code that a repository brings. Dangerous.")
@click.option("--allow-pickle", is_flag=True, help="Load weights that are not safetensors. Dangerous.")
@click.option("--resume", is_flag=True, help="Finish the interrupted run of the same model, tasks and settings.")
@click.option("--no-cache", is_flag=True, help="Do not reuse answers of earlier runs.")
@data_option
@store_option
@samples_option
@json_option
@quiet_option
def command(models: tuple[str, ...], **given: Any) -> int:
    """Evaluate models on tasks and store every sample and number.

    \b
    harness run smollm2 --tasks demo/sentiment,demo/qa --limit 20
    harness run suite.toml
    """
    from harness.suite import Job, jobs_of

    suites = [m for m in models if m.endswith(".toml")]
    if suites and (len(models) > 1 or given["tasks"]):
        raise click.UsageError("a suite file names its own models and tasks: give it alone")
    jobs = (
        jobs_of(Path(suites[0])) if suites else [Job(m, tuple(names(given["tasks"])), *_records(given)) for m in models]
    )
    if not all(job.tasks for job in jobs):
        raise click.UsageError("--tasks is missing; `harness list tasks` shows them")
    return _run(jobs, given)


def _records(given: dict[str, Any]) -> tuple[Any, Any]:
    """Command-line options -> (Settings, Options)."""
    from dataclasses import fields

    from harness.engine.backend import Options
    from harness.types import Settings

    settings = Settings(**{f.name: given[f.name] for f in fields(Settings)})
    return settings, Options(**{f.name: given[f.name] for f in fields(Options) if f.name in given})


def _run(jobs: list[Any], given: dict[str, Any]) -> int:
    from harness.api import Place, evaluate
    from harness.cli.table import progress_bar, result_json, results_table

    place = Place(
        store=given["store"], samples=given["samples_at"], data=mirror(given["data"]), cache=not given["no_cache"],
        resume=given["resume"], command=shlex.join(["harness", *sys.argv[1:]]),
        notice=lambda text: click.echo(f"harness: {text}", err=True),
    )  # fmt: skip
    written, empty = [], []
    for job in jobs:
        with progress_bar(job.model, quiet=given["quiet"]) as progress:
            result = evaluate(
                job.model, job.tasks, job.settings, options=job.options, place=replace(place, progress=progress)
            )
        written.append(result_json(result.run, result.estimates))
        if not given["quiet"]:
            results_table(result.run, result.estimates)
        empty += [e for e in result.estimates if e.slice == "all" and e.value is None]
    if given["json_file"]:
        given["json_file"].write_text(json.dumps(written[0] if len(written) == 1 else written, indent=1) + "\n")
    for e in empty:
        click.echo(
            f"harness: {e.task}: {e.metric} has no value: {e.failed} examples failed, {e.n} were judged", err=True
        )
    return 3 if empty else 0
