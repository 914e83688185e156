"""How many rows one forward pass takes, and what to do when the memory does not suffice.

The number follows from the model and the machine, never from a clock or from what happens to be free: a run that is
resumed has to be cut into the same passes.
"""

import ctypes
import sys
from typing import Any

import torch

CPU_ROWS, GPU_ROWS = 1024, 8192
"""Rows from which on matrix products run at their best rate."""
CPU_LOGITS, GPU_LOGITS = 4 << 20, 512 << 20
"""Bytes of logits that exist at once: on a CPU they stay in its cache between the product and the sum."""
SMALLEST = 32


def rows_for(config: Any, device: torch.device, dtype: torch.dtype) -> int:
    """Rows of one pass: as many as products need to run at full rate, and at most 1/16 of the memory's worth."""
    text = config.get_text_config()
    width = max(text.hidden_size, getattr(text, "intermediate_size", None) or 4 * text.hidden_size)
    per_row = 16 * width * torch.empty(0, dtype=dtype).element_size()
    wanted = CPU_ROWS if device.type == "cpu" else GPU_ROWS
    return int(max(SMALLEST, min(wanted, memory_of(device) // 16 // per_row)))


def vocabulary_block(rows: int, device: torch.device) -> int:
    """Words of the vocabulary whose float32 logits, for ``rows`` rows, exist at once."""
    return max(1024, (CPU_LOGITS if device.type == "cpu" else GPU_LOGITS) // (4 * max(1, rows)))


def memory_of(device: torch.device) -> int:
    """Bytes of memory that the device has."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    import psutil

    return int(psutil.virtual_memory().total)


def kept_bytes(model: Any) -> int:
    """Bytes of one token's keys and values in all layers of a model."""
    return kept_bytes_of(model.config, model.dtype)


def kept_bytes_of(model_config: Any, dtype: torch.dtype) -> int:
    """The same of a model that is not loaded."""
    config = model_config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * config.num_hidden_layers * heads * width * dtype.itemsize)


def weight_bytes(model: Any) -> int:
    """Bytes of all weights of a model."""
    return sum(one.numel() * one.element_size() for one in model.parameters())


def memory_for_pages(model: Any) -> int:
    """Tokens whose keys and values may be kept at once: half of what the device has beside the weights.

    On a CPU 2 GiB's worth: there products, not the number of rows, take the time.
    """
    each = kept_bytes(model)
    if model.device.type == "cpu":
        return int((2 << 30) // each)
    return int(max(0, memory_of(model.device) * 0.9 - weight_bytes(model)) // 2 // each)


def out_of_memory(error: BaseException) -> bool:
    """Is this what a device says when its memory does not suffice?"""
    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    return isinstance(error, RuntimeError) and ("not enough memory" in str(error) or "out of memory" in str(error))


def peak_memory(device: torch.device) -> int:
    """The most bytes that the process (on a CPU) or the device has held so far."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak) * (1 if sys.platform == "darwin" else 1024)


def keep_freed_memory() -> None:
    """Let the C library reuse what tensors on the CPU free instead of giving it back to the system.

    A pass makes the same tensors again and again; getting each from the system anew, page by page, cost a quarter of
    the time of a 135M model. Only glibc has these settings (mallopt(3)); elsewhere this does nothing.
    """
    trim_threshold, most_maps, most_arenas = -1, -4, -8  # M_TRIM_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX
    if sys.platform.startswith("linux"):
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
        if mallopt is not None:
            mallopt(most_maps, 0)
            mallopt(most_arenas, 1)  # threads of their own would each keep what they freed
            mallopt(trim_threshold, 2**31 - 1)
