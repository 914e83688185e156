"""`harness run`: evaluate models on tasks, or everything that a suite file names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from harness.cli.options import (
    data_option,
    json_option,
    mirror,
    names,
    quiet_option,
    samples_option,
    store_option,
    typed,
)
from harness.files import write_json
from harness.types import Estimate


@click.command("run")
@click.argument("models", nargs=-1, required=True, metavar="MODEL...|SUITE.toml")
@click.option(
    "--tasks", multiple=True, help="Names, groups, patterns (mmlu/*), tag:NAME, .jsonl or .toml files; comma-separated."
)
@click.option("--limit", type=click.IntRange(1), help="Only the first N examples of every dataset.")
@click.option("--shots", type=click.IntRange(0), help="Few-shot examples, instead of the task's own number.")
@click.option("--shots-mode", type=click.Choice(["fixed", "per-example"]), default="fixed", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses few-shot examples and draws.")
@click.option("--scorer", help="Scores texts where a task needs it: lexicon:FILE, hf:PATH[@REV][#LABEL] or a plug-in.")
@click.option("--perturb", default="", help="typos, case, spaces, contractions, synonyms, dialect, option-order.")
@click.option("--strength", default="0.1", show_default=True, help="Share of places that --perturb changes; 0.1,0.3.")
@click.option("--counterfactual", default="", help="Swap gender, names, religion or the pairs of a CSV file.")
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
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds for a whole answer of a server.")
@click.option("--token-budget", type=click.IntRange(1), help="Tokens per pack [measured at load].")
@click.option("--protocol", type=click.Choice(["finetune"]), help="Train a head on each task's train split first.")
@click.option("--head-only", is_flag=True, help="With --protocol finetune: the encoder stays as it is.")
@click.option("--train-limit", type=click.IntRange(4), help="With --protocol finetune: so many train rows at most.")
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

    _refuse_idle(given)
    suites = [m for m in models if m.endswith(".toml")]
    if suites and (len(models) > 1 or given["tasks"]):
        raise click.UsageError("a suite file names its own models and tasks: give it alone")
    jobs = (
        jobs_of(Path(suites[0])) if suites else [Job(m, tuple(names(given["tasks"])), *_records(given)) for m in models]
    )
    if not all(job.tasks for job in jobs):
        raise click.UsageError("--tasks is missing; `harness list tasks` shows them")
    return _run(jobs, given)


def _refuse_idle(given: dict[str, Any]) -> None:
    """Options that do nothing without another one. Raises a usage error."""
    if not given["protocol"] and (given["head_only"] or given["train_limit"]):
        raise click.UsageError("--head-only and --train-limit belong to --protocol finetune")
    source = click.get_current_context().get_parameter_source("strength")
    if source is ParameterSource.COMMANDLINE and not given["perturb"]:
        raise click.UsageError("--strength belongs to --perturb")


def _records(given: dict[str, Any]) -> tuple[Any, Any]:
    """Command-line options -> (Settings, Options)."""
    from dataclasses import fields

    from harness.engine.backend import Options
    from harness.types import Settings

    settings = Settings(**{f.name: given[f.name] for f in fields(Settings)})
    return settings, Options(**{f.name: given[f.name] for f in fields(Options) if f.name in given})


def _run(jobs: list[Any], given: dict[str, Any]) -> int:
    from harness.api import Listener, Where, evaluate
    from harness.cli.table import progress_bar, result_json, results_table

    where = Where(
        store=given["store"], samples=given["samples_at"], data=mirror(given["data"]), cache=not given["no_cache"],
        resume=given["resume"], command=typed(),
    )  # fmt: skip
    listener = Listener(notice=lambda text: click.echo(f"harness: {text}", err=True))
    written, empty = [], []
    tuned: dict[str, list[str]] = {}
    try:
        for job, model, tasks in _asked(jobs, given, where.data):
            with progress_bar(job.model, quiet=given["quiet"]) as progress:
                mine = replace(listener, progress=progress)
                result = evaluate(model, tasks, job.settings, options=job.options, where=where, listener=mine)
            written.append(result_json(result.run, result.estimates))
            if not given["quiet"]:
                results_table(result.run, result.estimates)
                _training_scores(result.run.engine)
            if given["protocol"]:
                tuned.setdefault(job.model, []).append(result.run.id)
            empty += _without_value(result.estimates)
    finally:  # what is done is told although a later run failed
        if given["json_file"] and written:
            write_json(given["json_file"], written[0] if len(written) == 1 else written)
    for model, runs in tuned.items():
        tuned_averages(model, runs, where.store, listener)
    for e in empty:
        judged = f"it is no finite number over the {e.n} that were judged" if e.n else "none was judged"
        click.echo(f"harness: {e.task}: {e.metric} has no value: {e.failed} examples failed, {judged}", err=True)
    return 3 if empty else 0


def _asked(jobs: list[Any], given: dict[str, Any], data: Path | None) -> Iterator[tuple[Any, Any, Any]]:
    """(job, model, tasks) of every run: a job as it stands, or one fine-tuned model for each of its tasks."""
    if not given["protocol"]:
        yield from ((job, job.model, job.tasks) for job in jobs)
        return
    from platformdirs import user_cache_path

    from harness import run as running
    from harness.finetune import Protocol, tune
    from harness.plugins import catalogue, select

    kept = user_cache_path("rai-harness") / "finetuned"
    for job in jobs:
        tasks = select(catalogue(), job.tasks)
        running.plan(tasks, job.settings, data)  # a data set that is not at hand stops before hours of work
        protocol = Protocol(head_only=given["head_only"], train_limit=given["train_limit"], seed=job.settings.seed)
        for task in tasks:
            click.echo(f"harness: fine-tuning {job.model} on {task.name}", err=True)
            backend = tune(
                job.model, task, protocol, settings=job.settings, options=job.options, mirror=data, kept=kept
            )
            yield job, backend, [task]


def _training_scores(engine: Mapping[str, float | str]) -> None:
    """Of a fine-tuned model: train, held-out and validation scores and the gap between first and last."""
    for name in (key.removeprefix("gap_") for key in engine if key.startswith("gap_")):
        parts = [("train", "train"), ("held-out", "held_out"), ("validation", "validation"), ("gap", "gap")]
        told = [f"{label} {engine[f'{key}_{name}']:.4f}" for label, key in parts if f"{key}_{name}" in engine]
        click.echo(f"{name}: {', '.join(told)}")


def tuned_averages(model: str, runs: Sequence[str], at: str | None, listener: Any) -> None:
    """Averages of groups over runs that had one fine-tuned model for each task, and why there is none."""
    from harness.cli.table import interval, number
    from harness.groups import figures
    from harness.plugins import catalogue, select
    from harness.store import open_store

    store, found = open_store(at, create=False), catalogue()
    outcomes = {task.name: tuple(store.outcomes(run, task.name)) for run in runs for task in store.run(run).tasks}
    told = figures(found.averages, select(found, outcomes), outcomes)
    for e in told.estimates:
        click.echo(f"{model} fine-tuned on each of {e.task}: {e.metric} {number(e.value)} {interval(e)}, n {e.n}")
    for reason in told.reasons:
        listener.notice(reason)


def _without_value(estimates: Sequence[Estimate]) -> list[Estimate]:
    """Numbers that should be there and are not: undefined ones, and every metric of a task that nobody answered.

    A metric that needs what the model does not give (probabilities) does not apply and is not missed.
    """
    whole = [e for e in estimates if e.slice == "all"]
    answered = {e.task for e in whole if e.n}
    return [e for e in whole if e.value is None and (e.n or e.task not in answered)]
