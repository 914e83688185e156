"""`harness contamination TASKS --corpus C`: what a corpus holds of benchmarks, and what goes with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import data_option, json_option, mirror, names, quiet_option, store_option
from harness.files import write_json
from harness.visible import cut, line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.api.contamination import Effect
    from harness.contamination.check import DirtyShare, Report
    from harness.contamination.effect import ScoreGap
    from harness.contamination.items import BenchmarkText


@click.command("contamination")
@click.argument("tasks", nargs=-1, required=True)
@click.option("--corpus", required=True, metavar="FILE|DIR|GLOB", help="Text, JSON lines or Parquet, also compressed.")
@click.option("--field", help="Key or column of the text [text, content or document].")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that read in parallel.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N examples of every dataset.")
@click.option("--rule", default="gpt3_ngram", show_default=True, help="The rule that splits the scores of --run.")
@click.option("--run", "run", metavar="RUN", help="Scores of this run on seen and unseen items.")
@click.option("--reference", metavar="RUN", help="With --run: a run of another model on the same items.")
@click.option("--order", metavar="MODEL", help="Also test whether MODEL knows the published order of each task.")
@data_option
@store_option
@json_option
@quiet_option
def command(tasks: tuple[str, ...], corpus: str, **words: Any) -> int:
    """Look for the questions and answers of TASKS in a corpus.

    Every rule is a published one. That an item is in a corpus is a fact about the corpus, not about a model.
    """
    from harness.api.contamination import effects, items_in, split_by
    from harness.cli.progress import progress_bar
    from harness.contamination.check import contamination
    from harness.store import open_store

    if words["reference"] and not words["run"]:
        raise click.UsageError("--reference needs --run")
    chosen = names(tasks)
    items = items_in(chosen, limit=words["limit"], data=mirror(words["data"]))
    store = open_store(words["store"], create=False) if words["run"] else None
    split = split_by(items, store, words["rule"], words["run"], words["reference"]) if store else None
    with progress_bar("corpus", quiet=words["quiet"], unit="bytes") as progress:
        report = contamination(items, corpus, field=words["field"], jobs=words["jobs"], progress=progress)
    rows = effects(report, split, store) if store and split else []
    orders = _orders(items, words["order"]) if words["order"] else {}
    if not words["quiet"]:
        _show(report, rows, orders)
    if words["json_file"]:
        write_json(words["json_file"], _as_json(report, rows, orders))
    return 0


def _orders(items: Sequence[BenchmarkText], model: str) -> dict[str, Any]:
    from harness.api.contamination import order_of
    from harness.engine.backend import Options
    from harness.plugins import load_model

    backend = load_model(model, Options())
    tasks = dict.fromkeys(item.task for item in items)
    return {name: order_of([item for item in items if item.task == name], backend) for name in tasks}


def _show(report: Report, effects: Sequence[Effect], orders: dict[str, Any]) -> None:
    click.echo(line(f"{report.corpus}: {report.files} files, {report.size / 1e6:.1f} MB of text"))
    for task in dict.fromkeys(one.item.task for one in report.checked):
        click.echo(line(task))
        for rule in report.checked[0].question.verdicts:
            parts = [(part, report.share(rule, task, part)) for part in ("question", "answer")]
            click.echo(f"  {rule:<18} " + "; ".join(f"{part}s {_share(share)}" for part, share in parts))
    for effect in effects:
        click.echo(cut(f"{effect.task}: {effect.metric}", 200))
        for e in effect.scores:
            value = "-" if e.value is None else f"{e.value:.4g}"
            ends = "" if e.low is None or e.high is None else f" [{e.low:.4g}, {e.high:.4g}]"
            click.echo(f"  {e.slice:<8} {value}{ends}, n {e.n}, failed {e.failed}")
        click.echo(f"  seen - unseen: {_gap(effect.gap)}")
        if effect.against:
            click.echo(f"  minus the reference run's: {_gap(effect.against)}")
    for task, order in orders.items():
        click.echo(
            f"{line(task)}: published order {order.gain:+.4g} nats a shard, t {order.t:.3g}, p {order.p:.3g}, "
            f"{order.shards} shards: {order.words}"
        )


def _share(share: DirtyShare) -> str:
    if not share.n:
        return f"- ({share.short} too short)"
    return f"{share.dirty} of {share.n} seen [{share.low:.3g}, {share.high:.3g}]" + (
        f" ({share.short} too short)" if share.short else ""
    )


def _gap(gap: ScoreGap) -> str:
    if gap.value is None:
        return f"- (n {gap.dirty} seen, {gap.clean} not): {gap.words}"
    ends = "" if gap.low is None or gap.high is None else f" [{gap.low:+.4g}, {gap.high:+.4g}]"
    return f"{gap.value:+.4g}{ends}, n {gap.dirty} seen, {gap.clean} not: {gap.words}"


def _as_json(report: Report, effects: Sequence[Effect], orders: dict[str, Any]) -> dict[str, Any]:
    """The report without the texts of the items, which belong to their datasets."""
    items = [
        {"task": one.item.task, "id": one.item.id, "question": asdict(one.question), "answer": asdict(one.answer)}
        for one in report.checked
    ]
    return {
        "corpus": report.corpus,
        "files": report.files,
        "bytes": report.size,
        "gpt3_n": report.n,
        "items": items,
        "effects": [asdict(effect) for effect in effects],
        "order": {name: asdict(order) for name, order in orders.items()},
    }
