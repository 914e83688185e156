"""Results of audits, kept with the run that they are about, for its reports."""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from harness import plugins
from harness.api.contamination import Effect
from harness.contamination.check import Report
from harness.contamination.completion import Completion
from harness.contamination.order import Order
from harness.engine.backend import Backend, Options
from harness.errors import UsageError
from harness.hidden import hidden
from harness.metrics import stats
from harness.metrics.classify import mean
from harness.metrics.words import p_value
from harness.privacy.exposure import Exposure
from harness.privacy.extraction import ExtractionRate
from harness.privacy.membership import RARE, Membership
from harness.store import open_store
from harness.types import AuditResult, ModelInfo, Run

WEIGHTS = ("weights", "adapter")
"""What in a fingerprint makes a model the same, in whatever precision and on whatever device it is asked."""
CORPUS = "that an item is in a corpus is a fact about the corpus, not about a model"


class AuditedRun:
    """The run that results of an audit are kept with (None: they are not), and models, each opened once."""

    def __init__(self, name: str | None, *, store: str | None = None, device: str = "auto") -> None:
        self._store = open_store(store, create=False) if name else None
        self.run = self._store.run(name) if self._store and name else None
        self._options = Options(device=device)
        self._open: dict[str, Backend] = {}

    def model(self, name: str, *, reference: bool = False) -> Backend:
        """A model by its name. Raises UsageError where it is neither the run's nor a ``reference`` for it."""
        if name not in self._open:
            self._open[name] = plugins.load_model(name, self._options)
        if self.run and not reference:
            require_model(self.run, self._open[name].info)
        return self._open[name]

    def keep(self, results: Iterable[AuditResult]) -> None:
        """Keep results with the run, if there is one."""
        if self._store and self.run:
            self._store.add_audit_results(self.run.id, list(results))


def require_model(run: Run, model: ModelInfo) -> None:
    """Raises UsageError where an audit asked another model than the run did."""
    one, other = (
        {key: prints[key] for key in WEIGHTS if key in prints} for prints in (run.fingerprint, model.fingerprint)
    )
    if one != other or (not one and run.fingerprint != model.fingerprint):
        raise UsageError(
            f"run {run.id} asked {run.model}, whose weights are others than those of {model.name}: not kept"
        )


def require_tasks(run: Run, tasks: Sequence[str]) -> None:
    """Raises UsageError where an audit looked at tasks that the run did not ask."""
    strange = [name for name in tasks if name not in {task.name for task in run.tasks}]
    if strange:
        raise UsageError(f"run {run.id} did not ask {strange[0]}: results about it are not kept with that run")


def of_corpus(report: Report, rule: str, effects: Sequence[Effect] = ()) -> Iterator[AuditResult]:
    """Items that a corpus holds by a rule, and what goes with it in the scores."""
    corpus = hidden(report.corpus)
    for task in dict.fromkeys(one.item.task for one in report.checked):
        for part in ("question", "answer"):
            share = report.share(rule, task, part)
            if share.n:
                yield AuditResult(
                    "contamination", task, f"{part}s in {corpus} ({rule})", share.dirty / share.n, share.low,
                    share.high, share.n, CORPUS, "share",
                )  # fmt: skip
    for one in effects:
        gap = one.gap
        if gap.value is not None:
            yield AuditResult(
                "contamination", one.task, f"{one.metric} of items seen in {corpus}, less that of the others",
                gap.value, gap.low, gap.high, gap.dirty + gap.clean, gap.words,
            )  # fmt: skip
        more = one.against
        if more and more.value is not None:
            yield AuditResult(
                "contamination", one.task, f"that gap of {one.metric}, less the reference run's",
                more.value, more.low, more.high, more.dirty + more.clean, more.words,
            )  # fmt: skip


def of_orders(orders: Mapping[str, Order]) -> Iterator[AuditResult]:
    """Whether a model knows the published order of tasks."""
    for task, one in orders.items():
        yield AuditResult(
            "contamination", task, "gain of the published order", one.gain, one.low, one.high, one.shards,
            f"p {p_value(one.p)}: {one.words}", "nats a shard",
        )  # fmt: skip


def of_completions(completions: Mapping[str, Completion]) -> Iterator[AuditResult]:
    """Whether a model goes on with questions word for word."""
    for task, one in completions.items():
        low, high = one.interval
        yield AuditResult(
            "contamination", task, "questions completed word for word", one.exact / one.n, low, high, one.n, one.words,
            "share", one.failed,
        )  # fmt: skip


def of_exposures(exposures: Sequence[Exposure]) -> Iterator[AuditResult]:
    """How much likelier canaries are than chance would have them."""
    bits, most = np.array([one.bits for one in exposures]), max(one.most for one in exposures)
    low, high = stats.confidence(mean("exposure", bounds=(-1.0, most)), bits, np.arange(len(bits))) or (None, None)
    yield AuditResult(
        "privacy", "", "mean exposure of the canaries", float(bits.mean()), low, high, len(bits),
        f"at most {most:.3g} with so many references; chance gives 1.44 on average", "bits",
    )  # fmt: skip
    for number, one in enumerate(exposures, 1):
        cap = f", the most that {one.references} references can show" if one.capped else f", {one.most:.3g} at most"
        yield AuditResult(
            "privacy", "", f"exposure of canary {number}", one.bits, None, None, one.references,
            f"rank {one.rank} among {one.references} references{cap}; one canary has no interval", "bits",
        )  # fmt: skip


def of_rates(rates: Mapping[int | None, ExtractionRate]) -> Iterator[AuditResult]:
    """Passages that greedy decoding reproduces, by how often they stood in the training data."""
    for count, rate in rates.items():
        low, high = rate.interval
        times = "" if count is None else f", {count} time{'s' * (count != 1)} in the training data"
        yield AuditResult(
            "privacy", "", f"passages extracted{times}", rate.extracted / rate.n, low, high, rate.n,
            "reproduced by greedy decoding", "share",
        )  # fmt: skip


def of_membership(result: Membership) -> Iterator[AuditResult]:
    """Attacks that tell members from others, and the baseline that asks no model."""
    for one in (*result.attacks, result.blind):
        blind = one is result.blind
        words = "the words alone, without the model" if blind else result.words(one)
        yield AuditResult(
            "privacy", "", f"membership, {one.name}: AUC", one.auc, one.low, one.high, one.members + one.others, words
        )
        low, high = one.caught_interval
        yield AuditResult(
            "privacy", "", f"membership, {one.name}: members at a false-positive rate of {RARE:.0%}",
            one.caught / one.members, low, high, one.members, words, "share",
        )  # fmt: skip
