"""`harness run`: evaluate models on tasks, or everything that a suite file names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from harness.cli.grouped import GroupedCommand
from harness.cli.options import (
    base_option,
    data_option,
    json_option,
    limit_of,
    names,
    notice,
    quiet_option,
    samples_option,
    store_option,
)
from harness.cli.run_options import RunOptions, job_of, require_effect, where_of
from harness.files import write_json

if TYPE_CHECKING:
    from harness.api import Result, Where
    from harness.suite import Job
    from harness.types import Estimate


@click.command("run", cls=GroupedCommand)
@click.argument("models", nargs=-1, required=True, metavar="MODEL...|SUITE.toml")
@click.option(
    "--tasks",
    "--task",
    "-t",
    multiple=True,
    help="Names, groups, patterns (mmlu/*), tag:NAME, .jsonl, .csv or .toml files; comma-separated.",
)
@click.option(
    "--limit", "-n", type=limit_of, metavar="N|N%", help="Only a sample of N examples, or N %, of every dataset."
)
@click.option(
    "--limit-order",
    type=click.Choice(["sampled", "first"]),
    default="sampled",
    show_default=True,
    help="Which examples --limit takes: a sample by --seed, or the first ones.",
)
@click.option("--shots", "-k", type=click.IntRange(0), help="Few-shot examples, instead of the task's own number.")
@click.option("--shots-mode", type=click.Choice(["fixed", "per-example"]), default="fixed", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of --limit, few-shot examples and sampling.")
@click.option("--scorer", help="Scores texts where a task needs it: lexicon:FILE, hf:PATH[@REV][#LABEL] or a plug-in.")
@click.option("--perturb", default="", help="typos, case, spaces, contractions, synonyms, dialect, option-order.")
@click.option("--strength", default="0.1", show_default=True, help="Share of places that --perturb changes; 0.1,0.3.")
@click.option("--counterfactual", default="", help="Swap gender, names, religion or the pairs of a CSV file.")
@click.option("--defence", type=click.Path(path_type=Path), help="TOML: a system message, a wrapper, or both.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option(
    "--dtype", type=click.Choice(["auto", "float32", "bfloat16", "float16"]), default="auto", show_default=True
)
@base_option
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
@click.option("--workers", type=click.IntRange(1), help="Share the work among N processes; needs the extra `ray`.")
@click.option("--ray", metavar="ADDRESS", help="Share it among the nodes of a Ray cluster; auto finds the one here.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads of each worker [the cores, divided].")
@click.option("--protocol", type=click.Choice(["finetune"]), help="Train a head on each task's train split first.")
@click.option("--head-only", is_flag=True, help="With --protocol finetune: freeze the encoder.")
@click.option("--train-limit", type=click.IntRange(4), help="With --protocol finetune: train on at most N rows.")
@click.option("--trust-remote-code", is_flag=True, help="Run model code that a repository brings. Dangerous.")
@click.option("--allow-pickle", is_flag=True, help="Load weights that are not safetensors. Dangerous.")
@click.option("--resume", is_flag=True, help="Finish an interrupted run of the same model, tasks and settings.")
@click.option("--max-minutes", type=float, metavar="N", help="Stop after N minutes; --resume goes on. Exit code 5.")
@click.option("--idle", type=click.FloatRange(0), default=0.0, help="Measure the idle power for SECONDS first [0].")
@click.option("--name", default="", help="What tables and comparisons call the model, instead of its path.")
@click.option("--tag", "tags", multiple=True, help="Point this tag to the finished run; may be given again.")
@click.option("--shard", metavar="I/N", help="Answer the I-th of N parts; `harness merge` makes one run of them.")
@click.option("--no-cache", is_flag=True, help="Do not reuse answers of earlier runs.")
@data_option
@store_option
@samples_option
@json_option
@quiet_option
def command(models: tuple[str, ...], **options: Unpack[RunOptions]) -> int:
    """Evaluate models on tasks and store every sample and number.

    \b
    harness run smollm2 -t demo/sentiment,demo/qa -n 20
    harness run path/to/model -t arc_easy,glue/sst2 -k 5 --name ft-v1 --tag nightly
    harness run openai:NAME --base-url http://localhost:8000/v1 --chat -t mmlu
    harness run models/a models/b -t tag:bias --json out.json
    harness run suite.toml
    """
    from harness.suite import jobs_of

    require_effect(options)
    suite = next((model for model in models if model.endswith(".toml")), None)
    if suite and (len(models) > 1 or options["tasks"]):
        raise click.UsageError("a suite file names its own models and tasks: give it alone")
    tasks = names(options["tasks"])
    if not suite and not tasks:
        raise click.UsageError("--tasks is missing; `harness list tasks` shows them")
    jobs = jobs_of(Path(suite)) if suite else [job_of(model, tasks, options) for model in models]
    if len(jobs) > 1 and (options["name"] or options["tags"]):
        raise click.UsageError(f"--name and --tag need a single run, not {len(jobs)}")
    return _run(jobs, where_of(options), options["json_file"], quiet=options["quiet"])


def _run(jobs: Sequence[Job], where: Where, json_file: Path | None, *, quiet: bool) -> int:
    from harness.api import Listener, run_job
    from harness.cli.progress import progress_bar
    from harness.cli.table import result_json, results_table, training_lines

    results: list[Result] = []
    try:
        for job in jobs:
            with progress_bar(where.name or job.model, quiet=quiet) as progress:
                result = run_job(job, where=where, listener=Listener(progress=progress, notice=notice))
            if where.shard:
                click.echo(result.run.message)
                continue
            results.append(result)
            if not quiet:
                results_table(result.run, result.estimates)
                for line in training_lines(result.run, result.estimates):
                    click.echo(line)
    finally:  # finished runs are written even if a later one failed
        if json_file and results:
            pages = [result_json(result.run, result.estimates) for result in results]
            write_json(json_file, pages[0] if len(pages) == 1 else pages)
    missing = [estimate for result in results for estimate in result.without_value()]
    for estimate in missing:
        notice(_no_value(estimate))
    return 3 if missing else 0


def _no_value(e: Estimate) -> str:
    judged = f"the {e.n} judged examples give no finite number" if e.n else "no example was judged"
    return f"{e.task}: {e.metric} has no value: {e.failed} examples failed, {judged}"
