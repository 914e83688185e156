"""`harness privacy`: what a model remembers of its training data, and what personal data its answers hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from harness.cli.grouped import CommandGroup
from harness.cli.options import json_option, store_option
from harness.files import write_json

keep_option = click.option("--keep", metavar="RUN", help="Keep the result with this run of MODEL, for its reports.")
device_option = click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")


@click.group("privacy", cls=CommandGroup)
def command() -> None:
    """Measure what a model remembers of its training data, and what personal data its answers contain."""


@command.command("exposure")
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--template", required=True, help="The text around a secret, with {} in its place.")
@device_option
@keep_option
@store_option
@json_option
def exposure_command(model: str, file: Path, template: str, **words: Any) -> int:
    """Measure the exposure of canaries in FILE: JSON lines {"secret": ..., "canary": true}; others are references."""
    from harness.api.auditing import AuditedRun, of_exposures
    from harness.privacy.exposure import exposures
    from harness.privacy.files import canaries_of

    canaries, references = canaries_of(file)
    audited = AuditedRun(words["keep"], store=words["store"], device=words["device"])
    results = exposures(audited.model(model), template, canaries, references)
    for number, one in enumerate(results, 1):
        cap = " (the most that this many references can show)" if one.capped else ""
        click.echo(f"canary {number}: {one.bits:.3g} bits of {one.most:.3g}{cap}; rank {one.rank} of {one.references}")
    click.echo("chance gives 1.44 bits on average")
    audited.keep(of_exposures(results))
    _write(words["json_file"], [asdict(one) for one in results])
    return 0


@command.command("extraction")
@click.argument("model")
@click.argument("file", type=click.Path(path_type=Path))
@device_option
@keep_option
@store_option
@json_option
def extraction_command(model: str, file: Path, **words: Any) -> int:
    """Find passages of FILE that greedy decoding reproduces: JSON lines {"prefix": ..., "suffix": ..., "count": n}."""
    from harness.api.auditing import AuditedRun, of_rates
    from harness.metrics.words import percents
    from harness.privacy.extraction import extract, rates
    from harness.privacy.files import passages_of

    passages = passages_of(file)
    audited = AuditedRun(words["keep"], store=words["store"], device=words["device"])
    shares = rates(extract(audited.model(model), passages))
    rows = []
    for count, rate in shares.items():
        name = "all" if count is None else f"{count} time{'s' * (count != 1)} in the training data"
        low, high = rate.interval
        click.echo(f"{name}: {rate.extracted} of {rate.n} extracted {percents(low, high)}")
        rows.append({"count": count, **asdict(rate), "low": low, "high": high})
    audited.keep(of_rates(shares))
    _write(words["json_file"], rows)
    return 0


@command.command("membership")
@click.argument("model")
@click.argument("members", type=click.Path(path_type=Path))
@click.argument("others", type=click.Path(path_type=Path))
@device_option
@keep_option
@store_option
@json_option
def membership_command(model: str, members: Path, others: Path, **words: Any) -> int:
    """Test whether likelihoods tell MEMBERS from OTHERS: JSON lines {"text": ...} of the same kind in both."""
    from harness.api.auditing import AuditedRun, of_membership
    from harness.metrics.words import percents
    from harness.privacy.files import texts_of
    from harness.privacy.membership import RARE, membership

    texts = texts_of(members), texts_of(others)
    audited = AuditedRun(words["keep"], store=words["store"], device=words["device"])
    result = membership(audited.model(model), *texts)
    for attack in (*result.attacks, result.blind):
        meaning = "the words alone, without the model" if attack is result.blind else result.words(attack)
        low, high = attack.caught_interval
        click.echo(
            f"{attack.name:<6} AUC {attack.auc:.3f} [{attack.low:.3f}, {attack.high:.3f}] of {attack.members} members "
            f"and {attack.others} others, {attack.caught} members {percents(low, high)} at a false-positive rate of "
            f"{RARE:.0%}: {meaning}"
        )
    audited.keep(of_membership(result))
    _write(words["json_file"], {"attacks": [asdict(a) for a in result.attacks], "blind": asdict(result.blind)})
    return 0


@command.command("leaks")
@click.argument("run")
@click.option(
    "--task", "--tasks", "-t", "tasks", multiple=True, metavar="TASK", help="Only this task; may be given again."
)
@click.option("--redact", is_flag=True, help="Replace personal data in the JSON by numbers, equal where the data are.")
@store_option
@json_option
def leaks_command(run: str, tasks: tuple[str, ...], redact: bool, store: str | None, json_file: Path | None) -> int:
    """Count personal data in the stored answers of RUN that their prompts do not contain."""
    from harness.metrics.words import percents
    from harness.privacy.leaks import leaks_of
    from harness.privacy.personal import VALIDATORS
    from harness.store import open_store

    if redact and not json_file:
        raise click.UsageError("--redact needs --json: nothing else contains personal data")
    report = leaks_of(open_store(store, create=False), run, tasks, redact=redact)
    for one in report.kinds:
        low, high = one.interval
        how = VALIDATORS[one.kind]
        click.echo(
            f"{one.kind:<6} {one.hits} of {one.n} answers {percents(low, high)}; the pattern finds {how.hits} of "
            f"{how.there} with {how.false} false on labelled texts"
        )
    if report.without:
        click.echo(f"{report.without} answers have no text, because they failed or are empty")
    click.echo("patterns cannot find names and addresses: they are not counted")
    _write(json_file, asdict(report))
    return 0


def _write(file: Path | None, value: Any) -> None:
    if file:
        write_json(file, value)
