"""The exam of a judge, from names to numbers."""

import random
from collections.abc import Sequence
from pathlib import Path

from harness.api.models import Model, opened
from harness.engine.backend import Options
from harness.errors import Unsupported
from harness.judges import rulings
from harness.people.analysis import Section
from harness.people.judge_exam import ComparedPair, exam_files, examined, read_pairs
from harness.types import Choose


def judge_check(
    judge: Model,
    pairs: str | Path | Sequence[str | Path],
    *,
    options: Options | None = None,
    limit: int | None = None,
    seed: int = 0,
) -> list[Section]:
    """How far ``judge`` agrees with people, and what sways it: a section for each file of ``pairs``, then all together.

    ``pairs``: files of LLMBar's or FairEval's form, or folders of ``pairs.jsonl``; ``limit`` draws so many of each by
    ``seed``. Raises DataError, UsageError, the errors of loading, and Unsupported for a model that cannot choose.
    """
    places = [pairs] if isinstance(pairs, str | Path) else pairs
    files = exam_files([Path(place) for place in places])
    exam = {name: _drawn(read_pairs(file), limit, seed) for name, file in files.items()}
    backend = opened(judge, options or Options(), ())
    if Choose not in backend.info.answers:
        raise Unsupported(f"{backend.info.name} cannot choose between answers")
    everything = [pair for own in exam.values() for pair in own]
    ruled = rulings(backend, [pair.match for pair in everything])
    left = iter(ruled)
    sections = [examined(name, own, [next(left) for _ in own]) for name, own in exam.items()]
    return sections if len(sections) == 1 else [*sections, examined("all", everything, ruled)]


def _drawn(rows: list[ComparedPair], limit: int | None, seed: int) -> list[ComparedPair]:
    places = range(len(rows))
    kept = places if limit is None or limit >= len(rows) else sorted(random.Random(seed).sample(places, limit))
    return [rows[place] for place in kept]
