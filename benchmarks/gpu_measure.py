"""Clocks for the device: rates of products and copies, a timed pass of the engine, and how busy it keeps the device."""

from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter
from typing import Any

import torch
from gpu_work import Ask, cost_of, questions

from harness.engine.backend import Backend
from harness.engine.causal.roofline import needed
from harness.types import Failed, Generate, Generated, Response


def wait(device: torch.device) -> None:
    """Until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def forget_peak(device: torch.device) -> None:
    """Peak memory counts from here on."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def peak(device: torch.device) -> int | None:
    """The most bytes of tensors on the device since ``forget_peak``; None on a CPU, which does not count them."""
    return int(torch.cuda.max_memory_allocated(device)) if device.type == "cuda" else None


def square_rate(device: torch.device, dtype: torch.dtype, size: int, turns: int = 5) -> float:
    """Operations per second of a product of two square matrices: the best of ``turns`` rounds of ten."""
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    torch.mm(a, b)
    best = 0.0
    for _ in range(turns):
        wait(device)
        started = perf_counter()
        for _ in range(10):
            torch.mm(a, b)
        wait(device)
        best = max(best, 20.0 * size**3 / (perf_counter() - started))
    return best


def copy_rate(device: torch.device, size: int, turns: int = 5) -> float:
    """Bytes per second, read and written, of a copy of ``size`` bytes on the device."""
    a = torch.zeros(size, device=device, dtype=torch.uint8)
    b = torch.empty_like(a)
    best = 0.0
    for _ in range(turns):
        wait(device)
        started = perf_counter()
        b.copy_(a)
        wait(device)
        best = max(best, 2.0 * size / (perf_counter() - started))
    return best


def answer(backend: Backend, asks: Sequence[Ask], seconds: float = 1e9) -> tuple[dict[int, Response], float, float]:
    """Answers by position, seconds it took, seconds to the first of them. Stops once ``seconds`` are over.

    Raises RuntimeError when a question fails: a failure has no speed.
    """
    found: dict[int, Response] = {}
    first = 0.0
    started = perf_counter()
    for batch in backend.answer(questions(asks)):
        first = first or perf_counter() - started
        found.update(batch)
        if perf_counter() - started > seconds:
            break
    took = perf_counter() - started
    failed = next((response for response in found.values() if isinstance(response, Failed)), None)
    if failed is not None:
        raise RuntimeError(f"a question failed: {failed.kind}: {failed.message}")
    return found, took, first


def measure(
    backend: Backend, model: Any, asks: Sequence[Ask], seconds: float
) -> tuple[dict[str, Any], dict[int, Response]]:
    """One row of results of the engine on ``asks``, and its answers.

    ``needed``: tokens that no method can leave out, ``tokens_computed``: what the engine says it computed.
    ``operations``: those that the needed tokens take.
    """
    device = model.device
    before = dict(backend.stats())
    forget_peak(device)
    wait(device)
    found, took, first = answer(backend, asks, seconds)
    wait(device)
    after = dict(backend.stats())
    done = [asks[i] for i in sorted(found)]
    made = [response.tokens for _, response in sorted(found.items()) if isinstance(response, Generated)]
    cost = cost_of(done, made)
    row = {
        "by": "harness",
        "requests": len(done),
        "complete": len(done) == len(asks),
        "tokens_asked": cost.asked,
        "tokens_needed": cost.rows,
        "tokens_computed": grown(before, after, "tokens_computed"),
        "tokens_made": sum(made) if made else None,
        "seconds": took,
        "seconds_first": first,
        "seconds_tokenise": grown(before, after, "seconds_tokenise"),
        "seconds_plan": grown(before, after, "seconds_plan"),
        "operations": needed(model, cost.rows, cost.logits, cost.pairs),
        "peak_memory": peak(device),
        "path": after.get("path"),
        "generation": after.get("generation"),
    }
    return row, found


def grown(before: dict[str, Any], after: dict[str, Any], name: str) -> float | None:
    """By how much a number of the backend's grew; None where it does not tell."""
    value = after.get(name)
    return float(value) - float(before.get(name, 0.0)) if isinstance(value, int | float) else None


def shortened(asks: Sequence[Ask], tokens: int) -> list[Ask]:
    """The same with answers of at most ``tokens``."""
    return [
        replace(ask, request=replace(ask.request, max_tokens=min(tokens, ask.request.max_tokens)))
        if isinstance(ask.request, Generate)
        else ask
        for ask in asks
    ]


def busy(backend: Backend, asks: Sequence[Ask], device: torch.device) -> float | None:
    """Share of the time of a short, warm pass in which the device computes; None on a CPU.

    The pass is timed without the profiler, whose own work on the host would count as idle time; a second pass under
    the profiler tells how long the kernels and copies take, counting those that overlap once.
    """
    if device.type != "cuda":
        return None
    from torch.profiler import ProfilerActivity, profile

    wait(device)
    _, seconds, _ = answer(backend, asks)
    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        answer(backend, asks)
        wait(device)
    spans = [
        (event.start_ns(), event.start_ns() + event.duration_ns())
        for event in profiler.profiler.kineto_results.events()
        if event.device_type() == torch.autograd.DeviceType.CUDA
    ]
    return covered(spans) / 1e9 / seconds


def covered(spans: Sequence[tuple[int, int]]) -> int:
    """Length of the union of (start, end)."""
    total, until = 0, 0
    for start, end in sorted(spans):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total
