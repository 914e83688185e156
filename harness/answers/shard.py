"""The shards of a run: each a journal of its own, written by a job of its own, until all of them make one run."""

import fcntl
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.answers.journal import contents
from harness.answers.records import Json, canonical
from harness.errors import DataError, UsageError, listed, quoted
from harness.types import Response

SUFFIX = ".shard"
ABOUT = ("identity", "total", "questions", "plan", "about")
"""What the headers of all shards of a run have in common."""


@dataclass(frozen=True, slots=True)
class Share:
    """The ``number``-th (from 1 on) of ``count`` shards."""

    number: int
    count: int

    def __str__(self) -> str:
        return f"{self.number}/{self.count}"

    @classmethod
    def of(cls, text: str) -> "Share":
        """``3/16`` as a share. Raises UsageError for what is none."""
        parts = re.fullmatch(r"([1-9]\d{0,5})/([1-9]\d{0,5})", text)
        share = cls(int(parts[1]), int(parts[2])) if parts else None
        if share is None or share.number > share.count:
            raise UsageError(f"shard {quoted(text)} is not of the form I/N with I from 1 to N, such as 3/16")
        return share

    def path(self, folder: Path, identity: str) -> Path:
        """Where this shard of a run is written."""
        return folder / f"{identity[:16]}-{self.number}-of-{self.count}{SUFFIX}"


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as it was read. ``own``: how many questions it has to answer; ``engine``: what its work cost."""

    path: Path
    head: Json
    share: Share
    own: int
    answers: tuple[tuple[tuple[int, Response], ...], ...]
    engine: Mapping[str, float | str]

    @property
    def positions(self) -> set[int]:
        """The questions that it has answered."""
        return {position for batch in self.answers for position, _ in batch}


def read_shard(path: Path) -> Shard:
    """Read a shard's file. Raises DataError for one that is none or cannot be read, UsageError while it is written.

    What is damaged in it counts as not answered.
    """
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        head, batches, notes = contents(path)
    except BlockingIOError:
        raise UsageError(f"{path}: this shard is still at work; wait for it") from None
    except OSError as error:
        raise DataError(f"{path}: cannot read the shard: {error.strerror}") from error
    try:
        share, own = Share.of("/".join(map(str, head["shard"]))), head["own"]
        if not all(key in head for key in ABOUT) or type(own) is not int:
            raise ValueError("its header lacks something")
    except (LookupError, TypeError, ValueError, UsageError) as error:
        raise DataError(f"{path}: no shard of a run") from error
    return Shard(path, head, share, own, tuple(map(tuple, batches)), notes[-1] if notes else {})


def shards_in(folder: Path) -> list[Path]:
    """The files of shards in a folder, sorted."""
    return sorted(folder.glob(f"*{SUFFIX}"))


def require_same(shards: Sequence[Shard]) -> None:
    """Raises UsageError naming a shard that belongs to another run than most, or that is there twice."""
    keys = [canonical([shard.share.count, *(shard.head[key] for key in ABOUT)]) for shard in shards]
    usual = shards[keys.index(max(keys, key=keys.count))]
    for shard, key in zip(shards, keys, strict=True):
        if key != keys[shards.index(usual)]:
            reason = listed(differences(usual, shard))
            raise UsageError(f"{shard.path}: shard {shard.share} is not of the run of {usual.path.name}: {reason}")
    first: dict[Share, Shard] = {}
    for shard in shards:
        if shard.share in first:
            raise UsageError(f"shard {shard.share} is there twice: {first[shard.share].path} and {shard.path}")
        first[shard.share] = shard


def require_whole(shards: Sequence[Shard]) -> None:
    """Raises UsageError naming the shards that are missing or not finished."""
    [count] = {shard.share.count for shard in shards}
    numbers = {shard.share.number for shard in shards}
    missing = [f"{number}/{count}" for number in range(1, count + 1) if number not in numbers]
    if missing:
        few = "is" if len(missing) == 1 else "are"
        raise UsageError(
            f"shard {listed(missing)} {few} missing; run it, or the whole command once more with --resume, not --shard"
        )
    for shard in shards:
        if len(shard.positions) < shard.own:
            raise UsageError(
                f"{shard.path}: shard {shard.share} is not finished: {len(shard.positions)} of {shard.own} questions; "
                "run it again with the same command"
            )
    answered = set().union(*(shard.positions for shard in shards))
    if answered != set(range(shards[0].head["total"])):
        raise DataError(f"{shards[0].path.parent}: the shards answer {len(answered)} of {shards[0].head['total']}")


def differences(one: Shard, other: Shard) -> list[str]:
    """In what two shards differ, by name: ``settings.limit 10 instead of None``."""
    lines = [] if one.share.count == other.share.count else [f"{other.share.count} shards, not {one.share.count}"]
    old, new = _flat(one.head["about"]), _flat(other.head["about"])
    lines += [
        f"{key} {quoted(new.get(key), 60)} instead of {quoted(old.get(key), 60)}"
        for key in sorted({*old, *new})
        if old.get(key) != new.get(key)
    ]
    return lines or [key for key in ABOUT if one.head[key] != other.head[key]]


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        flat |= _flat(inner, f"{prefix}{key}.") if isinstance(inner, Mapping) else {f"{prefix}{key}": inner}
    return flat
