"""`harness contamination TASKS --corpus C`: what a corpus holds of benchmarks, and what goes with it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from harness.cli.options import data_option, json_option, mirror, names, quiet_option, store_option
from harness.files import write_json
from harness.types import MetricRecord
from harness.visible import cut, interval, line

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.api.auditing import AuditedRun
    from harness.api.contamination import Effect
    from harness.contamination.check import DirtyShare, Report
    from harness.contamination.completion import Completion, RougeMean
    from harness.contamination.effect import ScoreGap
    from harness.contamination.items import BenchmarkText
    from harness.contamination.order import Order
    from harness.engine.backend import Backend


@click.command("contamination")
@click.argument("tasks", nargs=-1, required=True)
@click.option("--corpus", metavar="FILE|DIR|GLOB", help="Text, JSON lines or Parquet, also compressed.")
@click.option("--field", help="Key or column of the text [text, content or document].")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes that read in parallel.")
@click.option("--limit", type=click.IntRange(1), help="Only the first N examples of every dataset.")
@click.option("--rule", default="gpt3_ngram", show_default=True, help="The rule that splits the scores of --run.")
@click.option("--run", "run", metavar="RUN", help="Scores of this run on seen and unseen items.")
@click.option("--reference", metavar="RUN", help="With --run: a run of another model on the same items.")
@click.option("--order", metavar="MODEL", help="Test whether MODEL knows the published order of each task.")
@click.option("--complete", metavar="MODEL", help="Ask whether MODEL goes on with questions word for word.")
@click.option("--complete-reference", metavar="MODEL", help="With --complete: a model to compare with.")
@click.option("--keep", metavar="RUN", help="Keep the results with this run of MODEL and TASKS, for its reports.")
@data_option
@store_option
@json_option
@quiet_option
def command(tasks: tuple[str, ...], corpus: str | None, **words: Any) -> int:
    """Look for the questions and answers of TASKS in a corpus, or ask models what they know of them.

    Every rule is a published one. That an item is in a corpus is a fact about the corpus, not about a model.
    """
    from harness.api.auditing import AuditedRun, of_completions, of_corpus, of_orders, require_tasks
    from harness.api.contamination import effects, items_in, split_by
    from harness.store import open_store

    _require_effect(corpus, words)
    items = items_in(names(tasks), limit=words["limit"], data=mirror(words["data"]))
    store = open_store(words["store"], create=False) if words["run"] else None
    split = split_by(items, store, words["rule"], words["run"], words["reference"]) if store else None
    audited = AuditedRun(words["keep"], store=words["store"])
    if audited.run:
        require_tasks(audited.run, [item.task for item in items])
    report = _scanned(items, corpus, words) if corpus else None
    rows = effects(report, split, store) if report and split and store else []
    orders = _orders(items, audited.model(words["order"])) if words["order"] else {}
    completions = _completions(items, audited, words) if words["complete"] else {}
    if audited.run:
        gaps = rows if split and split.run.id == audited.run.id else []
        of_texts = of_corpus(report, words["rule"], gaps) if report else ()
        audited.keep([*of_texts, *of_orders(orders), *of_completions(completions)])
    if not words["quiet"]:
        if report:
            _show(report)
        _show_effects(rows, split.run.metrics() if split else {})
        _show_models(orders, completions)
    if words["json_file"]:
        page = {**_as_json(report), "effects": [asdict(effect) for effect in rows]}
        page["order"] = {name: asdict(order) for name, order in orders.items()}
        page["completion"] = {name: asdict(one) for name, one in completions.items()}
        write_json(words["json_file"], page)
    return 0


def _require_effect(corpus: str | None, words: Mapping[str, Any]) -> None:
    """Raises a usage error where nothing is asked, for a rule that is none, and for options that do nothing alone."""
    from harness.contamination.rules import require_rule

    require_rule(words["rule"])
    if not corpus and not words["order"] and not words["complete"]:
        raise click.UsageError("give --corpus, --order or --complete: else there is nothing to look at")
    for option, needed in (("run", "corpus"), ("reference", "run"), ("complete_reference", "complete")):
        if words[option] and not {**words, "corpus": corpus}[needed]:
            raise click.UsageError(f"--{option.replace('_', '-')} needs --{needed}")


def _scanned(items: Sequence[BenchmarkText], corpus: str, words: Mapping[str, Any]) -> Report:
    from harness.cli.progress import progress_bar
    from harness.contamination.check import contamination

    with progress_bar("corpus", quiet=words["quiet"], unit="bytes") as progress:
        return contamination(items, corpus, field=words["field"], jobs=words["jobs"], progress=progress)


def _by_task(items: Sequence[BenchmarkText]) -> dict[str, list[BenchmarkText]]:
    tasks = dict.fromkeys(item.task for item in items)
    return {name: [item for item in items if item.task == name] for name in tasks}


def _orders(items: Sequence[BenchmarkText], backend: Backend) -> dict[str, Order]:
    from harness.api.contamination import order_of

    return {name: order_of(own, backend) for name, own in _by_task(items).items()}


def _completions(
    items: Sequence[BenchmarkText], audited: AuditedRun, words: Mapping[str, Any]
) -> dict[str, Completion]:
    from harness.api.contamination import completion_of

    backend, name = audited.model(words["complete"]), words["complete_reference"]
    other = audited.model(name, reference=True) if name else None
    return {name: completion_of(own, backend, other) for name, own in _by_task(items).items()}


def _show(report: Report) -> None:
    click.echo(line(f"{report.corpus}: {report.files} files, {report.size / 1e6:.1f} MB of text"))
    for task in dict.fromkeys(one.item.task for one in report.checked):
        click.echo(line(task))
        for rule in report.checked[0].question.verdicts:
            parts = [(part, report.share(rule, task, part)) for part in ("question", "answer")]
            click.echo(f"  {rule:<18} " + "; ".join(f"{part}s {_share(share)}" for part, share in parts))


def _show_effects(effects: Sequence[Effect], metrics: Mapping[tuple[str, str], MetricRecord]) -> None:
    from harness.metrics import words

    for effect in effects:
        record = metrics.get((effect.task, effect.metric))
        click.echo(cut(f"{effect.task}: {effect.metric}", 200))
        for e in effect.scores:
            told = words.with_ends(e, record) + words.factor(record)[1] * (e.value is not None)
            click.echo(f"  {e.slice:<8} {told}, n {e.n}, failed {e.failed}")
        click.echo(f"  seen - unseen: {_gap(effect.gap, record)}")
        if effect.against:
            click.echo(f"  minus the reference run's: {_gap(effect.against, record)}")


def _show_models(orders: Mapping[str, Order], completions: Mapping[str, Completion]) -> None:
    from harness.metrics.words import p_value, percent, percents

    for task, order in orders.items():
        click.echo(
            f"{line(task)}: published order {order.gain:+.4g} nats a shard {interval(order.low, order.high)}, "
            f"t {order.t:.3g}, p {p_value(order.p)}, {order.shards} shards: {order.words}"
        )
    for task, one in completions.items():
        low, high = one.interval
        click.echo(
            f"{line(task)}: {one.exact} of {one.n} questions completed word for word {percents(low, high)}, "
            f"{one.short} too short, {one.failed} failed; ROUGE-L {percent(one.rouge.value)} "
            f"{percents(one.rouge.low, one.rouge.high)}, {_change(one.chance)} to another question's end"
            + (f", {_change(one.against)} to the reference model's" if one.against else "")
        )
        click.echo(f"  {one.words}")


def _change(change: RougeMean) -> str:
    from harness.metrics import words

    share = MetricRecord(name="ROUGE-L", bounds=(0.0, 1.0))
    ends = words.span(change.low, change.high, share)
    return words.points(change.value, share, signed=True) + f" ({ends})" * (ends != "-")


def _share(share: DirtyShare) -> str:
    from harness.metrics.words import percents

    if not share.n:
        return f"- ({share.short} too short)"
    return f"{share.dirty} of {share.n} seen {percents(share.low, share.high)}" + (
        f" ({share.short} too short)" if share.short else ""
    )


def _gap(gap: ScoreGap, record: MetricRecord | None) -> str:
    from harness.metrics import words

    if gap.value is None:
        return f"- (n {gap.dirty} seen, {gap.clean} not): {gap.words}"
    ends = words.span(gap.low, gap.high, record)
    told = words.points(gap.value, record, signed=True) + f" ({ends})" * (ends != "-")
    return f"{told}, n {gap.dirty} seen, {gap.clean} not: {gap.words}"


def _as_json(report: Report | None) -> dict[str, Any]:
    """The report without the texts of the items, which belong to their datasets; nulls where no corpus was read."""
    if not report:
        return {"corpus": None, "files": 0, "bytes": 0, "gpt3_n": None, "items": []}
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
    }
