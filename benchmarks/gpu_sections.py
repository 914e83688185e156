"""Sections of the benchmark about the engine alone: the machine's rates, exactness, and speed."""

import copy
import platform
import statistics
from collections.abc import Sequence
from dataclasses import asdict
from time import perf_counter, sleep
from typing import Any

import torch
from gpu_bench import Bench, Body, Row
from gpu_measure import answer, busy, copy_rate, measure, shortened, square_rate, wait
from gpu_models import checkpoint_of
from gpu_peers import Absent
from gpu_work import Ask, gsm8k, token_level

from harness.energy.devices import uuid_of
from harness.energy.meter import Watch, idle_watts
from harness.energy.nvml import Counter, PowerIntegral
from harness.engine.backend import Backend
from harness.engine.causal.roofline import best_rate
from harness.engine.load import open_checkpoint
from harness.types import Generated, Response, Scored


def environment(bench: Bench, record: Row) -> None:
    """The machine, and the rates that everything else is held against."""
    import transformers

    cuda = bench.device.type == "cuda"
    properties = torch.cuda.get_device_properties(bench.device) if cuda else None
    bench.results["environment"] = found = {
        "device": properties.name if properties else platform.processor() or platform.machine(),
        "memory": properties.total_memory if properties else None,
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "python": platform.python_version(),
        "dtype": str(bench.dtype).removeprefix("torch."),
        "warm": "every path answers other requests of its kind before it is timed",
    }
    print(found, flush=True)
    model = bench.model("1B")
    bench.rates["square"] = square_rate(bench.device, bench.dtype, bench.scale.square)
    bench.rates["best"] = best_rate(model, seconds=2.0 if cuda else 0.2)
    record["operations_per_second"] = dict(bench.rates)
    record["bytes_per_second"] = copy_rate(bench.device, bench.scale.copy)
    print(
        f"products: {bench.rates['square'] / 1e12:.1f} TFLOP/s ({bench.scale.square} squared), "
        f"{bench.rates['best'] / 1e12:.1f} (best_rate of the 1B); copies {record['bytes_per_second'] / 1e9:.0f} GB/s",
        flush=True,
    )


# ----------------------------------------------------------------------------------------------------------- exactness
@torch.inference_mode()
def log_probabilities(model: Any, asks: Sequence[Ask]) -> list[float]:
    """log P of every asked token, from the model's plain forward pass over every span alone."""
    found: list[float] = []
    for ids, start in (span for ask in asks for span in ask.spans):
        row = torch.from_numpy(ids).long().to(model.device)
        after = model(row[None, :-1], use_cache=False).logits[0, start - 1 :].double().log_softmax(-1)
        found += after.gather(-1, row[start:, None])[:, 0].tolist()
    return found


def token_logprobs(answers: dict[int, Response]) -> list[float]:
    """log P of every token of all answers, in order."""
    return [x for _, scored in sorted(answers.items()) if isinstance(scored, Scored) for x in scored.token_logprobs]


def distance(by: str, found: Sequence[float], truth: Sequence[float]) -> Row:
    """How far log-probabilities are from the true ones."""
    errors = [abs(a - b) for a, b in zip(found, truth, strict=True)]
    row = {
        "by": by,
        "tokens": len(errors),
        "median": statistics.median(errors),
        "mean": statistics.fmean(errors),
        "max": max(errors),
    }
    print(f"| {by} | {len(errors)} | {row['median']:.2e} | {row['mean']:.2e} | {row['max']:.2e} |", flush=True)
    return row


def exactness(bench: Bench, record: Row) -> None:
    """Log-probabilities against the same weights in float32, and how far below the best the greedy tokens are."""
    model = bench.model("1B")
    exact = copy.deepcopy(model).float()
    words = bench.words(3)
    asks = token_level(words, bench.scale.texts)
    truth = log_probabilities(exact, asks)
    print("| by | tokens | median | mean | max |", flush=True)
    rows = record["rows"]
    dtype = bench.results["environment"].get("dtype", str(bench.dtype))
    rows.append(distance(f"plain pass, {dtype}", log_probabilities(model, asks), truth))
    backend = bench.backend("1B")
    rows.append(distance(f"harness, {dtype}", token_logprobs(answer(backend, asks)[0]), truth))
    whole = open_checkpoint(checkpoint_of("1B float32", exact, bench.tokenizer))
    rows.append(distance("harness, float32", token_logprobs(answer(whole, asks)[0]), truth))
    del whole
    prompts = gsm8k(words, min(8, bench.scale.texts), shared=120, new=32)
    gaps = greedy_gaps(bench, exact, prompts, answer(backend, prompts)[0])
    record["greedy"] = {
        "tokens": len(gaps),
        "best": sum(gap == 0.0 for gap in gaps) / len(gaps),
        "mean": statistics.fmean(gaps),
        "max": max(gaps),
    }
    print(f"greedy tokens below the best logit in float32: {record['greedy']}", flush=True)


@torch.inference_mode()
def greedy_gaps(bench: Bench, exact: Any, asks: Sequence[Ask], answers: dict[int, Response]) -> list[float]:
    """By how much the float32 logit of every generated token is below the largest."""
    gaps: list[float] = []
    for i, ask in enumerate(asks):
        made = answers[i]
        assert isinstance(made, Generated)
        tokens = bench.tokenizer.encode(made.text, add_special_tokens=False)
        ids = torch.tensor([[*ask.spans[0][0].tolist(), *tokens]], device=exact.device)
        logits = exact(ids[:, :-1], use_cache=False).logits[0, len(ask.spans[0][0]) - 1 :]
        chosen = logits.gather(-1, ids[0, len(ask.spans[0][0]) :, None])[:, 0]
        gaps += (logits.amax(-1) - chosen).tolist()
    return gaps


# ---------------------------------------------------------------------------------------------------------- the engine
def ours(name: str, works: Sequence[str]) -> Body:
    """The engine on these works of one model, each warmed up, then timed once."""

    def body(bench: Bench, record: Row) -> None:
        started = perf_counter()
        backend = bench.backend(name)
        record["seconds_open"] = perf_counter() - started
        for number, work in enumerate(works):
            if bench.left() < 3:
                record.setdefault("left_out", []).append(work)
                print(f"{work} left out: the time of the section is over", flush=True)
                continue
            asks = bench.asks(name, work)
            started = perf_counter()
            answer(backend, shortened(bench.warmers(name, work), 16))
            warm = perf_counter() - started
            allowed = bench.left() / (1 if number == len(works) - 1 else 2)
            row, answers = measure(backend, bench.model(name), asks, allowed)
            row |= {"model": name, "work": work, "seconds_warm": warm}
            if bench.left() > 5:
                few = asks[: max(len(asks) // 8, min(len(asks), 128))]
                row |= busyness(backend, shortened(few, 32), bench)
            bench.ours[name, work] = bench.note(record, row)
            bench.answers[name, work] = answers

    return body


def busyness(backend: Backend, asks: Sequence[Ask], bench: Bench) -> Row:
    """How busy the device is, or why the profiler does not tell; the row that it belongs to is not lost with it."""
    try:
        return {"busy": busy(backend, asks, bench.device)}
    except Exception as error:
        print(f"  the profiler failed: {error}", flush=True)
        return {"busy": None, "busy_failed": f"{type(error).__name__}: {error}"}


# -------------------------------------------------------------------------------------------------------------- energy
def energy(bench: Bench, record: Row) -> None:
    """The driver's energy counter beside 20 readings of the power a second, over the same two works of the 1B."""
    if bench.device.type != "cuda":
        raise Absent("a CPU: there is no NVIDIA counter")
    try:
        import pynvml
    except ImportError as error:
        raise Absent(f"the package nvidia-ml-py is missing ({error})") from error
    uuid = uuid_of(str(torch.device("cuda", torch.cuda.current_device())))
    backend = bench.backend("1B")
    works = [shortened(bench.asks("1B", work), 256) for work in ("mmlu", "gsm8k")]
    for asks in works:
        answer(backend, shortened(asks[:64], 16))
    meters = Counter(pynvml, uuid), PowerIntegral(pynvml, uuid)
    sleep(3.0)  # clocks and power settle
    idle = [idle_watts(meter, 4.0) for meter in meters]
    counter, integral = (Watch(meter, watts) for meter, watts in zip(meters, idle, strict=True))
    with counter, integral:
        for asks in works:
            answer(backend, asks, bench.left() / 2)
        wait(bench.device)
    for one in (counter.energy, integral.energy):
        row = {**asdict(one), "net_joules": one.net_joules, "requests": sum(map(len, works))}
        record["rows"].append(row)
        print(row, flush=True)
    if counter.energy.joules is not None and integral.energy.joules is not None:
        record["counter_over_integral"] = counter.energy.joules / integral.energy.joules
        print(f"counter / integral of power: {record['counter_over_integral']:.4f}", flush=True)
