"""What differs between devices: kernels, instructions, and moving small arrays there and back without waiting."""

from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@cache
def fast_kernels(device: torch.device) -> bool:
    """Does attention on ``device`` run in kernels of our own?"""
    return device.type == "cuda" and find_spec("triton") is not None


@cache
def multiplies_bfloat16() -> bool:
    """Has this CPU instructions for products in bfloat16 that are summed in float32?"""
    return any(getattr(torch.cpu, f"_is_{name}_supported", bool)() for name in ("avx512_bf16", "amx_tile"))


@cache
def multiplies_by_onednn() -> bool:
    """Is this a CPU of AMD with AVX-512? There MKL, with which torch multiplies float32, is the slower library."""
    try:
        amd = "AuthenticAMD" in Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:  # not Linux
        return False
    known = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")  # type: ignore[no-untyped-call]
    return amd and known and torch.backends.cpu.get_cpu_capability() == "AVX512"


def cpu_kind() -> str:
    """This CPU in words, with all by which it decides how products come about: with that goes their last digit."""
    kind = f"CPU with {torch.backends.cpu.get_cpu_capability()}"
    return kind + ", bfloat16" * multiplies_bfloat16() + ", products by oneDNN" * multiplies_by_onednn()


def surroundings(threads: int | None = None) -> dict[str, str]:
    """What beside the model may change the last digit of an answer: versions, threads and the kind of device."""
    import tokenizers
    import transformers

    on_gpu = torch.cuda.is_available()
    kind = torch.cuda.get_device_name() if on_gpu else cpu_kind()
    versions = {one.__name__: str(one.__version__) for one in (np, tokenizers, torch, transformers)}
    return {**versions, "threads": str(threads or torch.get_num_threads()), "device": kind}


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """x [..., width] @ weight.T [width, outputs] + bias, by the library that is the faster one on this kind of machine.

    Which one follows from the machine alone, never from a clock: their sums differ in the last digit.
    """
    if weight.device.type == "cpu" and weight.dtype == torch.float32 and multiplies_by_onednn():
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")  # type: ignore[no-any-return]
    return torch.nn.functional.linear(x, weight, bias)


def onto(device: torch.device, *arrays: NDArray[np.integer]) -> list[Tensor]:
    """Integer arrays as int32 tensors on the device, in one copy that a GPU's host does not wait for."""
    bounds = np.cumsum([0, *(-(-len(one) // 4) * 4 for one in arrays)]).tolist()  # at addresses of 16 bytes
    host = torch.empty(bounds[-1], dtype=torch.int32, pin_memory=device.type == "cuda")
    view = host.numpy()
    for one, low in zip(arrays, bounds[:-1], strict=True):
        view[low : low + len(one)] = one
    there = host.to(device, non_blocking=True)
    return [there[low : low + len(one)] for one, low in zip(arrays, bounds[:-1], strict=True)]


def later(*tensors: Tensor) -> Callable[[], list[NDArray[np.generic]]]:
    """Starts the copy of tensors to the host; the result waits for it. On a CPU there is nothing to wait for."""
    if tensors[0].device.type != "cuda":
        arrays = [one.to("cpu", copy=True).numpy() for one in tensors]
        return lambda: arrays
    hosts = [torch.empty(one.shape, dtype=one.dtype, pin_memory=True) for one in tensors]
    for host, one in zip(hosts, tensors, strict=True):
        host.copy_(one, non_blocking=True)
    event = torch.cuda.Event()  # type: ignore[no-untyped-call]
    event.record(torch.cuda.current_stream(tensors[0].device))

    def wait() -> list[NDArray[np.generic]]:
        event.synchronize()
        return [host.numpy() for host in hosts]

    return wait
