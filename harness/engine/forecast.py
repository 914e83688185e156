"""What a local causal model will compute for some questions, from its config and tokenizer alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np
import torch

from harness.engine.budget import CPU_LOGITS, GPU_LOGITS, kept_bytes_of, rows_for
from harness.engine.causal.encode import Span
from harness.engine.causal.generation.slotted import ROWS
from harness.engine.causal.scoring.plan import indexed
from harness.engine.causal.scoring.planner import plan
from harness.engine.causal.scoring.schedule import Inputs, step_rows
from harness.engine.checkpoint import device_of, dtype_of
from harness.engine.files import weight_files
from harness.engine.unloaded import Unloaded
from harness.types import Question

SHARE = 0.5
"""Of the rate of its largest matrix product, what a whole model reaches; measured on CPUs at 0.5 to 0.8."""
PROCESS = 600 << 20
"""Bytes of Python with torch and transformers."""


@dataclass(frozen=True, slots=True)
class Work:
    """Tokens of a run. ``asked``: of each request by itself; ``computed``: once what requests share is counted once;
    ``written``: the most that answers may have. ``longest``: tokens of the longest request with its answer.
    """

    asked: int
    computed: int
    written: int
    longest: int


def work_of(unloaded: Unloaded, questions: Sequence[Question]) -> Work:
    """The tokens that the tree of tokens takes; where a model cannot use it, more are computed. Raises TooLong."""
    inputs = Inputs(questions, unloaded.encode(questions))
    dtype, device = kind_of(unloaded)
    budget = unloaded.options.token_budget or rows_for(unloaded.config, device, dtype)
    laid = plan(inputs.spans, budget)
    scored = sum(step_rows(laid, number) for number in range(len(laid.steps)))
    prompts = [Span(np.asarray([*tokens, 0], dtype=np.int32), len(tokens)) for _, tokens, _ in inputs.prompts]
    index = indexed(prompts)
    read = sum(len(one) for one in index.sequences) - int(index.lcp.sum())
    written = sum(request.max_tokens for _, _, request in inputs.prompts)
    asked = sum(len(inputs.spans[number].tokens) - 1 for own in inputs.spans_of.values() for number in own)
    asked += sum(len(tokens) for _, tokens, _ in inputs.prompts)
    lengths = [len(span.tokens) for span in inputs.spans]
    lengths += [len(tokens) + request.max_tokens for _, tokens, request in inputs.prompts]
    return Work(asked, scored + read, written, max(lengths, default=0))


def kind_of(unloaded: Unloaded) -> tuple[torch.dtype, torch.device]:
    """The numbers and the device that the model would be loaded with. Raises UsageError for a device not here."""
    device = device_of(unloaded.options.device)
    return dtype_of(unloaded.options, device, unloaded.config), device


def parameters_of(unloaded: Unloaded) -> int:
    """Numbers that the weight files of a model hold, by their headers alone."""
    import safetensors

    total = 0
    for path in weight_files(unloaded.folder, unloaded.options.allow_pickle):
        if path.suffix == ".safetensors":
            with safetensors.safe_open(path, "pt") as opened:
                total += sum(int(np.prod(opened.get_slice(key).get_shape())) for key in opened.keys())  # noqa: SIM118
        else:
            total += path.stat().st_size // 2
    return total


def memory_of(unloaded: Unloaded, parameters: int, work: Work) -> int:
    """Bytes that the run will hold at most, about: weights, the rows of a pass, logits, keys and values."""
    dtype, device = kind_of(unloaded)
    _, width = _largest(unloaded.config)
    budget = unloaded.options.token_budget or rows_for(unloaded.config, device, dtype)
    rows = 16 * width * dtype.itemsize * budget
    logits = CPU_LOGITS if device.type == "cpu" else GPU_LOGITS
    kept = kept_bytes_of(unloaded.config, dtype) * (budget + work.longest * (ROWS if work.written else 1))
    return int(parameters * dtype.itemsize + rows + logits + kept + (PROCESS if device.type == "cpu" else 0))


def measured_rate(unloaded: Unloaded, parameters: int, seconds: float = 0.3) -> float:
    """Tokens a second that this machine computes of a model, about: from a matrix product of the model's own width."""
    dtype, device = kind_of(unloaded)
    inputs, outputs = _largest(unloaded.config)
    one = torch.ones((512, inputs), dtype=dtype, device=device)
    other = torch.ones((inputs, outputs), dtype=dtype, device=device)
    (one @ other).sum().item()
    started, count = perf_counter(), 0
    while perf_counter() - started < seconds:
        product = one @ other
        count += 1
        if count % 8 == 0:
            product[0, 0].item()  # a device computes behind the host's back
    product[0, 0].item()
    operations = 2.0 * 512 * inputs * outputs * count / (perf_counter() - started)
    return SHARE * operations / (2.0 * parameters)


def _largest(config: Any) -> tuple[int, int]:
    """The shape (inputs, outputs) of the largest product of a layer."""
    text = config.get_text_config()
    inner = getattr(text, "intermediate_size", None) or 4 * text.hidden_size
    return int(text.hidden_size), int(max(text.hidden_size, inner))
