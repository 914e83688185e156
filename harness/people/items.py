"""What raters are shown: items drawn from stored runs, items that check attention, and every rater's own queue.

Which examples, which pair of runs, who rates what, on which side and in which order are hashes of the campaign's seed
with names: the same file gives the same campaign, and nobody can tell a side from a model.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

from harness.errors import DataError, UsageError, listed
from harness.reading.typed import built
from harness.reading.values import filled
from harness.store.ratings import Assignment
from harness.types import Choose, Generate

if TYPE_CHECKING:
    from harness.people.campaign import Campaign
    from harness.store import Store
    from harness.types import Outcome, Run

CHECK = "This is a check of attention: please "
"""How the text of an attention item begins."""


@dataclass(frozen=True, slots=True)
class Item:
    """What is judged: one text, or two of a preference, with the runs that gave them.

    ``expected``: the answer to an item that checks attention (its ``runs`` are empty), else empty.
    """

    example: str
    cluster: str
    prompt: str
    texts: tuple[str, ...]
    runs: tuple[str, ...]
    reference: str
    expected: Mapping[str, Any]


def hashed(*parts: object) -> int:
    """A number of 64 bits that depends on all parts alone."""
    text = "\x1f".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8])


def stored_item(item: Item) -> dict[str, Any]:
    """Plain JSON of an item."""
    return {**asdict(item), "texts": list(item.texts), "runs": list(item.runs), "expected": dict(item.expected)}


def restored_item(record: Mapping[str, Any]) -> Item:
    """The item of its plain JSON."""
    return built(Item, record, "item")


# ------------------------------------------------------------------------------------------------------------- drawing
def draw(store: Store, campaign: Campaign) -> tuple[list[Item], dict[str, int]]:
    """(items, examples that cannot be shown by reason). Raises UsageError for runs that differ in data or lack the
    task.
    """
    runs = [store.run(name) for name in campaign.runs]
    _same_data(campaign, runs)
    answered = [{one.example.id: one for one in store.outcomes(run.id, campaign.task)} for run in runs]
    dropped: Counter[str] = Counter()
    kept = []
    for example in answered[0]:
        flaw = next((flaw for outcomes in answered if (flaw := _flaw(outcomes.get(example)))), "")
        dropped.update([flaw] if flaw else [])
        kept += [] if flaw else [example]
    if not kept:
        raise UsageError(f"no example of {campaign.task} was answered in text by all runs of campaign {campaign.name}")
    kept.sort(key=lambda example: hashed(campaign.seed, "example", example))
    pairs = (
        list(combinations(range(len(runs)), 2)) if campaign.kind == "preference" else [(n,) for n in range(len(runs))]
    )
    items = []
    for turn, example in enumerate(kept[: campaign.items]):
        shown = [pairs[_turn(campaign, turn, len(pairs))]] if campaign.kind == "preference" else pairs
        items += [_item(campaign, example, [(runs[n].id, answered[n][example]) for n in numbers]) for numbers in shown]
    return items + _checks(campaign, len(items)), dict(dropped)


def _same_data(campaign: Campaign, runs: Sequence[Run]) -> None:
    records = []
    for run in runs:
        record = next((task for task in run.tasks if task.name == campaign.task), None)
        if record is None or run.status != "finished":
            raise UsageError(f"run {run.id} has no finished task {campaign.task}")
        records.append(record)
    if len({run.id for run in runs}) < len(runs):
        raise UsageError(f"campaign {campaign.name} names a run twice: {listed(run.id for run in runs)}")
    for run, record in zip(runs, records, strict=True):
        if (record.data_sha256, record.version) != (records[0].data_sha256, records[0].version):
            raise UsageError(f"runs {runs[0].id} and {run.id} differ in the data of {campaign.task}")


def _flaw(outcome: Outcome | None) -> str:
    """Why an example cannot be shown; empty where it can."""
    if outcome is None:
        return "not asked in every run"
    if outcome.judged is None:
        return "failed in a run"
    return "" if outcome.judged.prediction.strip() else "an empty answer"


def _turn(campaign: Campaign, turn: int, pairs: int) -> int:
    """Which pair the example of this turn compares: all pairs once a round, in an order of its own."""
    order = sorted(range(pairs), key=lambda pair: hashed(campaign.seed, "pair", turn // pairs, pair))
    return order[turn % pairs]


def _item(campaign: Campaign, example: str, answers: Sequence[tuple[str, Outcome]]) -> Item:
    first = answers[0][1]
    target = first.example.target
    reference = "\n".join(map(str, target)) if isinstance(target, list | tuple) else str(target or "")
    return Item(
        example,
        first.example.cluster or example,
        _prompt(campaign, first),
        tuple(outcome.judged.prediction for _, outcome in answers if outcome.judged),
        tuple(run for run, _ in answers),
        reference if campaign.reference else "",
        {},
    )


def _prompt(campaign: Campaign, outcome: Outcome) -> str:
    """What the answers answer. Raises UsageError where the task has no prompt and the campaign does not say what to
    show.
    """
    if campaign.show:
        try:
            return filled(campaign.show, outcome.example.fields)
        except DataError as error:
            raise UsageError(f"show: {error}") from None
    request = outcome.requests[0]
    if not isinstance(request, Choose | Generate):
        raise UsageError(f"task {campaign.task} asks without a prompt: set show, a template over its columns")
    return request.prompt


def _checks(campaign: Campaign, items: int) -> list[Item]:
    """Items that say what to answer; the expected answer changes from one to the next."""
    own = items * campaign.ratings_per_item / campaign.raters
    count = min(20, round(campaign.attention * own)) if campaign.attention else 0
    return [_check(campaign, number) for number in range(max(count, int(campaign.attention > 0)))]


def _check(campaign: Campaign, number: int) -> Item:
    odd = hashed(campaign.seed, "check", number)
    if campaign.kind == "preference":
        best = odd % 2
        texts = tuple(CHECK + ("choose this text." if side == best else "do not choose this text.") for side in (0, 1))
        return _plain_check(number, texts, {"choice": ("first", "second")[best]})
    if campaign.kind == "likert":
        value = odd % len(campaign.anchors)
        return _plain_check(number, (f"{CHECK}answer {campaign.anchors[value]!r}.",), {"value": value + 1})
    if campaign.kind == "direct":
        return _plain_check(number, (f"{CHECK}answer {odd % 101}.",), {"value": odd % 101})
    if campaign.kind == "labels":
        label = campaign.labels[odd % len(campaign.labels)]
        return _plain_check(number, (f"{CHECK}answer {label!r} alone.",), {"labels": [label]})
    marked = 2 + odd % 3
    return _plain_check(number, (f"{CHECK}mark exactly {marked} errors, anywhere.",), {"errors": marked})


def _plain_check(number: int, texts: tuple[str, ...], expected: Mapping[str, Any]) -> Item:
    return Item(f"attention {number + 1}", f"attention {number + 1}", "", texts, (), "", expected)


# -------------------------------------------------------------------------------------------------------------- queues
def queues(campaign: Campaign, items: Sequence[Item]) -> list[Assignment]:
    """Who is shown what: every item goes to ``ratings_per_item`` raters, as evenly as can be; checks go to all."""
    mine: dict[str, list[int]] = {rater: [] for rater in campaign.codes}
    normal = [number for number, item in enumerate(items) if not item.expected]
    for number in sorted(normal, key=lambda n: hashed(campaign.seed, "deal", n)):
        least = sorted(mine, key=lambda rater: (len(mine[rater]), hashed(campaign.seed, "deal", n_of(number), rater)))
        for rater in least[: campaign.ratings_per_item]:
            mine[rater].append(number)
    checks = [number for number, item in enumerate(items) if item.expected]
    return [one for rater, numbers in mine.items() for one in _queue(campaign, rater, numbers, checks)]


def n_of(number: int) -> str:
    """An item's number as hashes take it."""
    return f"item {number}"


def _queue(campaign: Campaign, rater: str, numbers: Sequence[int], checks: Sequence[int]) -> Iterator[Assignment]:
    order = [(n, False) for n in sorted(numbers, key=lambda n: hashed(campaign.seed, "order", rater, n_of(n)))]
    half = len(order) // 2
    again = round(campaign.repeats * len(order))
    for n, _ in order[: min(half, again)]:  # of the first half, shown again somewhere in the second
        order.insert(half + hashed(campaign.seed, "again", rater, n_of(n)) % (len(order) - half + 1), (n, True))
    for n in checks:
        order.insert(hashed(campaign.seed, "check at", rater, n_of(n)) % (len(order) + 1), (n, False))
    for position, (n, repeated) in enumerate(order):
        swapped = bool(hashed(campaign.seed, "side", rater, n_of(n), repeated) % 2)
        yield Assignment(rater, position, n, repeated, swapped)
