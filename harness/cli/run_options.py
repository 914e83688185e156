"""The options of `harness run`, and the records that they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import click
from click.core import ParameterSource

from harness.cli.options import mirror, names, shares, typed

if TYPE_CHECKING:
    from harness.api import Where
    from harness.engine.backend import Options
    from harness.suite import Job
    from harness.types import Settings


class RunOptions(TypedDict):
    """Every option of ``harness run`` by the name that click gives it."""

    tasks: tuple[str, ...]
    limit: int | str | None
    limit_order: Literal["sampled", "first"]
    shots: int | None
    shots_mode: Literal["fixed", "per-example"]
    fewshot_as_turns: bool
    seed: int
    scorer: str | None
    perturb: str
    strength: str
    counterfactual: str
    defence: Path | None
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    repeats: int
    best_of: str | None
    base: str | None
    device: str
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    engine: Literal["auto", "reference"]
    truncate: Literal["left"] | None
    chat: bool
    chat_template: str | None
    system: str | None
    base_url: str | None
    concurrency: int
    timeout: float
    requests_per_minute: float | None
    tokens_per_minute: float | None
    token_budget: int | None
    workers: int | None
    ray: str | None
    threads: int | None
    protocol: Literal["finetune"] | None
    head_only: bool
    train_limit: int | None
    trust_remote_code: bool
    allow_pickle: bool
    resume: bool
    idle: float
    max_minutes: float | None
    skip_missing: bool
    allow_code_execution: bool
    dry_run: bool
    rates: Path | None
    name: str
    tags: tuple[str, ...]
    shard: str | None
    bundle: Path | None
    verify: Path | None
    offline: bool
    no_cache: bool
    redact: bool
    data: Path | None
    store: str | None
    samples_at: str | None
    json_file: Path | None
    quiet: bool


def require_effect(options: RunOptions, *, suite: bool) -> None:
    """Raises a usage error for options that do nothing without, or together with, another one.

    What a ``suite`` file may say instead is looked at with the file.
    """
    if not options["protocol"] and (options["head_only"] or options["train_limit"]):
        raise click.UsageError("--head-only and --train-limit need --protocol finetune")
    if options["shard"] and (options["protocol"] or options["json_file"] or options["resume"]):
        raise click.UsageError("--shard resumes by itself and gives no numbers: drop --resume, --json and --protocol")
    if options["rates"] and not options["dry_run"]:
        raise click.UsageError("--rates needs --dry-run; `harness energy RUN --rates FILE` prices a finished run")
    if options["dry_run"] and (options["shard"] or options["resume"]):
        raise click.UsageError("--dry-run tells of a whole run: drop --shard and --resume")
    if options["verify"] and not options["bundle"]:
        raise click.UsageError("--verify needs --bundle")
    if options["bundle"] and _is_typed("data"):
        raise click.UsageError("a bundle brings its own data: give --bundle or --data")
    if not suite and _is_typed("strength") and not options["perturb"]:
        raise click.UsageError("--strength needs --perturb")
    if not suite and _is_typed("limit_order") and options["limit"] is None:
        raise click.UsageError("--limit-order needs --limit")


def _is_typed(name: str) -> bool:
    return click.get_current_context().get_parameter_source(name) is ParameterSource.COMMANDLINE


def job_of(model: str, tasks: Sequence[str], options: RunOptions) -> Job:
    """What one model is to do."""
    from harness.suite import Job
    from harness.training.protocol import Protocol

    protocol = None
    if options["protocol"]:
        protocol = Protocol(head_only=options["head_only"], train_limit=options["train_limit"], seed=options["seed"])
    return defended(Job(model, tuple(tasks), _settings(options), _model_options(options), protocol), options)


def defended(job: Job, options: RunOptions) -> Job:
    """The job with the defence that was named, if one was."""
    from harness.variants.defence import read_defence

    return job.defended(read_defence(options["defence"])) if options["defence"] else job


def flags_of(options: RunOptions) -> dict[str, dict[str, Any]]:
    """What was typed and not left as it is, by the tables of a suite file."""
    typed_names = {name for name in options if _is_typed(name)}
    tables: dict[str, Any] = {"settings": _settings(options), "options": _model_options(options)}
    flags = {
        key: {field.name: getattr(record, field.name) for field in fields(record) if field.name in typed_names}
        for key, record in tables.items()
    }
    if options["protocol"]:
        flags["finetune"] = {name: options[name] for name in ("head_only", "train_limit") if name in typed_names}
    return {key: flag for key, flag in flags.items() if flag or key == "finetune"}


def where_of(options: RunOptions) -> Where:
    """Where the runs read and write."""
    from harness.api import Where

    return Where(
        store=options["store"],
        samples=options["samples_at"],
        data=mirror(options["data"]),
        cache=not options["no_cache"],
        resume=options["resume"],
        shard=options["shard"],
        command=typed(),
        idle=options["idle"],
        max_minutes=options["max_minutes"],
        skip_missing=options["skip_missing"],
        allow_code_execution=options["allow_code_execution"],
        redact=options["redact"],
        name=options["name"],
        tags=options["tags"],
    )


def _settings(options: RunOptions) -> Settings:
    from harness.types import Settings

    return Settings(
        limit=options["limit"],
        limit_order=options["limit_order"],
        shots=options["shots"],
        shots_mode=options["shots_mode"],
        fewshot_as_turns=options["fewshot_as_turns"],
        seed=options["seed"],
        scorer=options["scorer"],
        perturb=tuple(names((options["perturb"],))),
        strength=shares(options["strength"]),
        counterfactual=tuple(names((options["counterfactual"],))),
        max_tokens=options["max_tokens"],
        temperature=options["temperature"],
        top_p=options["top_p"],
        repeats=options["repeats"],
        best_of=options["best_of"],
    )


def _model_options(options: RunOptions) -> Options:
    from harness.engine.backend import Options

    return Options(
        base=options["base"],
        device=options["device"],
        dtype=options["dtype"],
        engine=options["engine"],
        truncate=options["truncate"],
        chat=options["chat"],
        chat_template=options["chat_template"],
        system=options["system"],
        token_budget=options["token_budget"],
        trust_remote_code=options["trust_remote_code"],
        allow_pickle=options["allow_pickle"],
        base_url=options["base_url"],
        concurrency=options["concurrency"],
        timeout=options["timeout"],
        requests_per_minute=options["requests_per_minute"],
        tokens_per_minute=options["tokens_per_minute"],
        workers=options["workers"],
        ray=options["ray"],
        threads=options["threads"],
    )
