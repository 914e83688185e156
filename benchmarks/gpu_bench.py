"""What all sections of the benchmark share: the scale, the clock, the model in memory, and what has been found."""

import gc
import json
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from gpu_models import SHAPES, TINY, Shape, checkpoint_of, model_of, tokenizer_of, words_of
from gpu_peers import Absent
from gpu_work import WORKS, Ask, Words

from harness.engine.backend import Backend
from harness.engine.load import open_checkpoint
from harness.types import Response

Row = dict[str, Any]
Body = Callable[["Bench", Row], None]
COLUMNS = (
    ("model", "model", "{}"),
    ("work", "work", "{}"),
    ("by", "by", "{:.24}"),
    ("requests", "requests", "{}"),
    ("tokens_asked", "asked", "{}"),
    ("tokens_needed", "needed", "{}"),
    ("tokens_computed", "computed", "{:.0f}"),
    ("tokens_made", "made", "{}"),
    ("seconds", "s", "{:.2f}"),
    ("seconds_first", "first s", "{:.2f}"),
    ("asked_per_second", "asked/s", "{:.0f}"),
    ("computed_per_second", "computed/s", "{:.0f}"),
    ("made_per_second", "made/s", "{:.0f}"),
    ("share_of_square", "of square", "{:.3f}"),
    ("share_of_best", "of best", "{:.3f}"),
    ("busy", "busy", "{:.2f}"),
    ("peak_memory", "peak GB", "{:.1f}"),
    ("seconds_for_all", "s for all", "{:.1f}"),
    ("times_as_long", "x ours", "{:.2f}"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How much is asked: requests by model and work, sizes of the works, batch sizes of the peers, squares.

    ``room``: settings of the cache of continuous batching, which by itself takes most of the memory that is free.
    """

    shapes: Mapping[str, Shape]
    counts: Mapping[str, Mapping[str, int]]
    sizes: Mapping[str, Mapping[str, int]]
    batches: Mapping[str, Sequence[int]]
    peer_generates: Mapping[str, int]
    trial: int
    square: int
    copy: int
    texts: int
    room: Mapping[str, Any] = field(default_factory=dict)


_COUNTS = {
    "1B": {"mmlu": 6000, "arc": 4000, "hellaswag": 2500, "rolling": 100, "gsm8k": 512, "sampled": 128},
    "8B": {"mmlu": 6000, "arc": 2000, "hellaswag": 1200, "rolling": 40, "gsm8k": 256},
}
_QUICK = {
    "1B": {"mmlu": 400, "arc": 200, "hellaswag": 150, "rolling": 8, "gsm8k": 64, "sampled": 16},
    "8B": {"mmlu": 300, "arc": 100, "hellaswag": 60, "rolling": 4, "gsm8k": 32},
}
_SMALL = {"mmlu": 12, "arc": 8, "hellaswag": 6, "rolling": 3, "gsm8k": 6, "sampled": 4}
FULL = Scale(
    shapes=SHAPES,
    counts=_COUNTS,
    sizes={},
    batches={"1B": (16, 32, 64), "8B": (8, 16, 32)},
    peer_generates={"1B": 128, "8B": 64},
    trial=64,
    square=8192,
    copy=4 << 30,
    texts=12,
)
QUICK = Scale(
    shapes=SHAPES,
    counts=_QUICK,
    sizes={"mmlu": {"subjects": 6}, "gsm8k": {"new": 32}, "sampled": {"new": 32}},
    batches={"1B": (16, 32), "8B": (8, 16)},
    peer_generates={"1B": 32, "8B": 16},
    trial=32,
    square=8192,
    copy=1 << 30,
    texts=12,
)
SMALL = Scale(
    shapes=TINY,
    counts={"1B": _SMALL, "8B": {work: n for work, n in _SMALL.items() if work != "sampled"}},
    sizes={
        "mmlu": {"subjects": 3, "shared": 20},
        "rolling": {"length": 60},
        "gsm8k": {"shared": 30, "new": 6},
        "sampled": {"shared": 30, "new": 6},
    },
    batches={"1B": (2, 4), "8B": (2,)},
    peer_generates={"1B": 4, "8B": 4},
    trial=4,
    square=256,
    copy=1 << 20,
    texts=2,
    room={"num_blocks": 16, "max_batch_tokens": 128},
)


@dataclass(slots=True)
class Bench:
    """One run: what is asked of it, the model in memory, the answers that sections compare, and the results."""

    scale: Scale
    device: torch.device
    seconds: float
    out: Path | None = None
    dtype: torch.dtype = torch.bfloat16
    rates: dict[str, float] = field(default_factory=dict)
    answers: dict[tuple[str, str], dict[int, Response]] = field(default_factory=dict)
    ours: dict[tuple[str, str], Row] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=lambda: {"environment": {}, "sections": {}})
    started: float = field(default_factory=perf_counter)
    _until: float = 0.0
    _model: tuple[str, Any] = ("", None)
    _words: list[str] = field(default_factory=list)
    _tokenizer: Any = None
    _streams: dict[tuple[str, int], list[Ask]] = field(default_factory=dict)

    # ------------------------------------------------------------------------------------------------------ materials
    def words(self, seed: int) -> Words:
        """A source of the tokenizer's words."""
        if not self._words:
            self._words = words_of(self.scale.shapes["1B"].vocabulary)
        return Words(self._words, seed)

    @property
    def tokenizer(self) -> Any:
        """The tokenizer of both models."""
        if self._tokenizer is None:
            self.words(0)
            self._tokenizer = tokenizer_of(self._words)
        return self._tokenizer

    def model(self, name: str) -> Any:
        """The model of that size; the one before it leaves the memory."""
        if self._model[0] != name:
            self._model = ("", None)
            self.clean()
            self._model = (name, model_of(self.scale.shapes[name], self.device, self.dtype))
        return self._model[1]

    def backend(self, name: str) -> Backend:
        """The engine around the model of that size."""
        return open_checkpoint(checkpoint_of(name, self.model(name), self.tokenizer))

    def asks(self, name: str, work: str) -> list[Ask]:
        """The requests of one work for one model."""
        count = self.scale.counts[name][work]
        if (work, count) not in self._streams:
            self._streams[work, count] = WORKS[work](self.words(1), count, **self.scale.sizes.get(work, {}))
        return self._streams[work, count]

    def warmers(self, name: str, work: str) -> list[Ask]:
        """Other requests of the same kind, to warm up with."""
        count = min(self.scale.counts[name][work], 128 if work not in ("rolling", "mmlu") else 16)
        sizes = dict(self.scale.sizes.get(work, {}))
        if work == "mmlu":
            count, sizes["subjects"] = min(self.scale.counts[name][work], 256), 2
        return WORKS[work](self.words(2), count, **sizes)

    def clean(self) -> None:
        """Give unused memory back to the device, for the next one to be measured from the start."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()

    # ---------------------------------------------------------------------------------------------------------- clock
    def left(self) -> float:
        """Seconds that the section, and the whole run, still have."""
        return min(self._until, self.started + self.seconds) - perf_counter()

    @contextmanager
    def section(self, name: str, seconds: float) -> Iterator[Row]:
        """Time, failures and results of one section; whatever it raises is recorded, and the run goes on."""
        self._until = perf_counter() + seconds
        record: Row = {"status": "running", "rows": []}
        self.results["sections"][name] = record
        self.write()
        started = perf_counter()
        print(f"\n== {name} (at {started - self.started:.0f} s, at most {seconds:.0f} s)", flush=True)
        try:
            yield record
            record["status"] = "ok"
        except Absent as error:
            record.update(status="absent", why=str(error))
            print(f"absent: {error}", flush=True)
        except Exception as error:
            record.update(status="failed", why=traceback.format_exception(error)[-6:])
            print(f"FAILED: {''.join(record['why'])}", flush=True)
        record["seconds"] = perf_counter() - started
        self.clean()
        self.write()

    def run(self, name: str, seconds: float, body: Body) -> None:
        """One section, or a word about why there was no time for it."""
        if self.started + self.seconds - perf_counter() < 5:
            self.results["sections"][name] = {"status": "skipped", "why": f"{self.seconds:.0f} seconds are over"}
            print(f"\n== {name}: skipped, {self.seconds:.0f} seconds are over", flush=True)
            self.write()
            return
        with self.section(name, seconds) as record:
            body(self, record)

    # -------------------------------------------------------------------------------------------------------- results
    def note(self, record: Row, row: Row) -> Row:
        """Add a row of results with its rates, and print it."""
        seconds = row["seconds"]
        for source, target in (("asked", "asked"), ("computed", "computed"), ("made", "made")):
            if row.get(f"tokens_{source}"):
                row[f"{target}_per_second"] = row[f"tokens_{source}"] / seconds
        for name, rate in self.rates.items():
            if row.get("operations"):
                row[f"share_of_{name}"] = row["operations"] / seconds / rate
        record["rows"].append(row)
        shown = {**row, "peak_memory": row["peak_memory"] / 1e9 if row.get("peak_memory") else None}
        cells = [f"{head} {form.format(shown[key])}" for key, head, form in COLUMNS if shown.get(key) is not None]
        print("| " + " | ".join(cells) + " |", flush=True)
        if row.get("complete") is False:
            print("  stopped because its time was over: the rates are those of the requests answered", flush=True)
        if row.get("agreement"):
            print(f"  against harness: {json.dumps(row['agreement'])}", flush=True)
        self.write()
        return row

    def write(self) -> None:
        """All results so far, as JSON."""
        if self.out is not None:
            self.out.write_text(json.dumps({**self.results, "seconds": perf_counter() - self.started}, indent=1))
