"""A benchmark held against a corpus: which questions and answers it has, by every rule."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from harness.contamination.corpus import blocks, files_of
from harness.contamination.items import BenchmarkText
from harness.contamination.rules import Overlap, Verdict, findings, gpt3_length, require_rule
from harness.contamination.scan import Coverage, GramIndex, Scan, index_of
from harness.metrics.intervals import quantile, wilson

Progress = Callable[[int, int], None]
"""Called with (bytes of files read, bytes in all)."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An item with what was seen of its question and, apart from it, of its answer."""

    item: BenchmarkText
    question: Overlap
    answer: Overlap


@dataclass(frozen=True, slots=True)
class Report:
    """What a corpus has of a benchmark. ``size``: bytes of text; ``n``: the length of GPT-3's sequences."""

    corpus: str
    files: int
    size: int
    n: int
    checked: tuple[Checked, ...]

    def share(self, rule: str, task: str | None = None, part: str = "question") -> "DirtyShare":
        """How many items are dirty by a rule, of those that are long enough to tell. Raises UnknownName."""
        require_rule(rule)
        verdicts = Counter(
            getattr(one, part).verdicts[rule] for one in self.checked if task is None or one.item.task == task
        )
        n = sum(verdicts.values()) - verdicts["too short"]
        ends = wilson(verdicts["dirty"] / n, n, quantile(0.975)) if n else (None, None)
        return DirtyShare(rule, verdicts["dirty"], n, verdicts["too short"], *ends)

    def verdicts(self, rule: str, task: str) -> dict[str, Verdict]:
        """Of every example of a task what the rule says of its question. Raises UnknownName."""
        require_rule(rule)
        return {one.item.id: one.question.verdicts[rule] for one in self.checked if one.item.task == task}


@dataclass(frozen=True, slots=True)
class DirtyShare:
    """Dirty items of ``n`` by a rule, with Wilson's interval; ``short`` are too short to be told."""

    rule: str
    dirty: int
    n: int
    short: int
    low: float | None
    high: float | None


def contamination(
    items: Sequence[BenchmarkText],
    corpus: str,
    *,
    field: str | None = None,
    jobs: int = 1,
    seed: int = 0,
    progress: Progress = lambda done, total: None,
) -> Report:
    """Look for the items in a file, a folder or a glob; ``jobs`` processes share its files.

    ``field`` names the text of JSON lines and Parquet. Raises UsageError for a corpus that is not there, DataError for
    a file that cannot be read.
    """
    files = files_of(corpus)
    index = index_of([text for item in items for text in (item.question, item.answer)], seed)
    n = gpt3_length([int(length) for length in index.lengths[::2]])
    sizes = [file.stat().st_size for file in files]
    seen, done = Coverage.nothing(index), 0
    for part, size in zip(_scanned(index, n, files, field, jobs), sizes, strict=True):
        seen.add(part)
        done += size
        progress(done, sum(sizes))
    overlaps = findings(index, seen, n)
    checked = tuple(Checked(item, overlaps[2 * i], overlaps[2 * i + 1]) for i, item in enumerate(items))
    return Report(corpus, len(files), seen.size, n, checked)


def _scanned(index: GramIndex, n: int, files: Sequence[Path], field: str | None, jobs: int) -> Iterable[Coverage]:
    if jobs <= 1 or len(files) == 1:
        return (_scan(index, n, field, file) for file in files)
    return _side_by_side(partial(_scan, index, n, field), files, jobs)


def _side_by_side(scan: Callable[[Path], Coverage], files: Sequence[Path], jobs: int) -> Iterable[Coverage]:
    with ProcessPoolExecutor(min(jobs, len(files)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(scan, files)


def _scan(index: GramIndex, n: int, field: str | None, file: Path) -> Coverage:
    scan = Scan(index, n)
    for block in blocks(file, field):
        scan.read(block)
    return scan.seen
