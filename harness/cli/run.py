"""`harness run`: evaluate models on tasks, or everything that a suite file names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import click

from harness.cli.bundled import surroundings
from harness.cli.grouped import GroupedCommand
from harness.cli.options import (
    FOLDER,
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
from harness.cli.run_json import JsonOutput
from harness.cli.run_options import RunOptions, defended, flags_of, job_of, require_effect
from harness.errors import TimeUp

if TYPE_CHECKING:
    from harness.api import JobEnd, Listener, Where
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
@click.option("--max-tokens", type=click.IntRange(1), help="Tokens of a written answer, instead of the task's own.")
@click.option("--temperature", type=click.FloatRange(0), help="0 is greedy; otherwise answers are drawn.")
@click.option(
    "--top-p", type=click.FloatRange(0, 1, min_open=True), help="Draw from the likeliest tokens of this share."
)
@click.option(
    "--samples", "repeats", type=click.IntRange(1), default=1, help="Answers to each example, for pass@k [1]."
)
@click.option("--best-of", metavar="METRIC", help="Of several samples choose the best by this metric of the task.")
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
@click.option("--chat-template", metavar="FILE|NAME", help="With --chat: a file, or one of the model's own by name.")
@click.option("--fewshot-as-turns", is_flag=True, help="With --chat: show few-shot examples as earlier turns.")
@click.option("--system", help="System message for --chat.")
@click.option("--base-url", help="Server of an openai:NAME model.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Requests at once to a server."
)
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds for a whole answer of a server.")
@click.option("--requests-per-minute", type=click.FloatRange(0, min_open=True), help="At most so many to a server.")
@click.option("--tokens-per-minute", type=click.FloatRange(0, min_open=True), help="Read and written, about.")
@click.option("--token-budget", type=click.IntRange(1), help="Tokens per pack [measured at load].")
@click.option("--workers", type=click.IntRange(1), help="Share the work among N processes; needs the extra `ray`.")
@click.option("--ray", metavar="ADDRESS", help="Share it among the nodes of a Ray cluster; auto finds the one here.")
@click.option("--threads", type=click.IntRange(1), help="CPU threads of each worker [the cores, divided].")
@click.option("--protocol", type=click.Choice(["finetune"]), help="Train a head on each task's train split first.")
@click.option("--head-only", is_flag=True, help="With --protocol finetune: freeze the encoder.")
@click.option("--train-limit", type=click.IntRange(4), help="With --protocol finetune: train on at most N rows.")
@click.option("--trust-remote-code", is_flag=True, help="Run model code that a repository brings. Dangerous.")
@click.option("--allow-pickle", is_flag=True, help="Load weights that are not safetensors. Dangerous.")
@click.option("--allow-code-execution", is_flag=True, help="Run code that the model writes, in a sandbox.")
@click.option("--resume", is_flag=True, help="Finish an interrupted run of the same model, tasks and settings.")
@click.option("--dry-run", is_flag=True, help="Say what the run would ask and cost; ask and write nothing.")
@click.option(
    "--rates", type=click.Path(path_type=Path), help="With --dry-run: a file of prices, as `harness energy` reads it."
)
@click.option("--skip-missing", is_flag=True, help="Leave out tasks whose data or scorer is missing, and say so.")
@click.option("--max-minutes", type=float, metavar="N", help="Stop after N minutes; --resume goes on. Exit code 5.")
@click.option("--idle", type=click.FloatRange(0), default=0.0, help="Measure the idle power for SECONDS first [0].")
@click.option("--name", default="", help="What tables and comparisons call the model, instead of its path.")
@click.option("--tag", "tags", multiple=True, help="Point this tag to the finished run; may be given again.")
@click.option("--shard", metavar="I/N", help="Answer the I-th of N parts; `harness merge` makes one run of them.")
@click.option("--bundle", type=click.Path(path_type=Path), help="Take data and models from this file of harness fetch.")
@click.option(
    "--verify", type=click.Path(path_type=Path), metavar="PUB", help="With --bundle: who must have signed it."
)
@click.option("--offline", is_flag=True, help="Reach no other machine; what is missing is an error at once.")
@click.option("--no-cache", is_flag=True, help="Do not reuse answers of earlier runs.")
@click.option("--redact", is_flag=True, help="Keep personal data in texts as numbers; implies --no-cache.")
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
    suite = next((Path(model) for model in models if model.endswith(".toml")), None)
    require_effect(options, suite=suite is not None)
    if suite and (len(models) > 1 or options["tasks"]):
        raise click.UsageError("a suite file names its own models and tasks: give it alone, without --tasks")
    jobs = _suite_jobs(suite, options) if suite else _jobs(models, options)
    if len(jobs) > 1 and (options["name"] or options["tags"]):
        raise click.UsageError(f"--name and --tag need a single run, not {len(jobs)}")
    with surroundings(jobs, options) as (placed, where):
        folder = FOLDER in click.get_current_context().meta
        output = JsonOutput(options["json_file"], several=suite is not None or len(jobs) > 1, folder=folder)
        if options["dry_run"]:
            from harness.cli.dry_run import dry_run_jobs

            return dry_run_jobs(placed, where, options["rates"], output)
        return _run(placed, where, output, quiet=options["quiet"])


def _jobs(models: Sequence[str], options: RunOptions) -> list[Job]:
    tasks = names(options["tasks"])
    if not tasks:
        raise click.UsageError("--tasks is missing; `harness list tasks` shows them")
    return [job_of(model, tasks, options) for model in models]


def _suite_jobs(suite: Path, options: RunOptions) -> list[Job]:
    from harness.suite import jobs_of

    flags = flags_of(options)
    jobs = jobs_of(suite, flags)
    if flags:
        words = ", ".join(name for table in flags.values() for name in table) or "finetune"
        notice(f"the command line wins over {suite} in every run: {words}")
    return [defended(job, options) for job in jobs]


def _run(jobs: Sequence[Job], where: Where, output: JsonOutput, *, quiet: bool) -> int:
    from harness.api import require_ready, run_jobs
    from harness.cli.table import results_table, runs_table, training_lines

    require_ready(
        jobs if len(jobs) > 1 else (), where, [output.path] if output.path and str(output.path) != "-" else ()
    )

    @contextmanager
    def listening(job: Job) -> Iterator[Listener]:
        from harness.api import Listener
        from harness.cli.progress import progress_bar

        with progress_bar(where.name or job.title, quiet=quiet) as pace:
            yield Listener(progress=pace, state=pace.tell, notice=notice)

    ends: list[JobEnd] = []
    for end in run_jobs(jobs, where=where, listening=listening):
        ends.append(end)
        if end.result is None:
            notice(f"{end.job.title}: {end.status}: {end.error}")
        elif where.shard:
            click.echo(end.result.run.message)
        elif not quiet:
            results_table(end.result.run, end.result.estimates)
            for line in training_lines(end.result.run, end.result.estimates):
                click.echo(line)
        output.write(ends, last=len(ends) == len(jobs))
    finished = [end.result for end in ends if end.result]
    if len(finished) > 1 and not quiet and not where.shard:
        runs_table([result.run.id for result in finished], where.store)
    return _exit_code(ends)


def _exit_code(ends: Sequence[JobEnd]) -> int:
    """What is missing is told at the end: numbers without a value, and runs that did not finish."""
    missing = [estimate for end in ends if end.result for estimate in end.result.without_value()]
    for estimate in missing:
        notice(_no_value(estimate))
    bad = [end for end in ends if end.result is None]
    if bad:
        each = "; ".join(f"{end.job.title} on {', '.join(end.job.tasks)} ({end.status})" for end in bad)
        notice(f"{len(ends) - len(bad)} of {len(ends)} runs finished; not: {each}")
    if missing or any(end.status == "failed" for end in bad):
        return 3
    return TimeUp.exit_code if bad else 0


def _no_value(e: Estimate) -> str:
    judged = f"the {e.n} judged examples give no finite number" if e.n else "no example was judged"
    return f"{e.task}: {e.metric} has no value: {e.failed} examples failed, {judged}"
