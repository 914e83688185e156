"""The live model lent to an evaluation: afterwards training goes on as if nothing had been asked."""

import random
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

from harness.errors import Unsupported

_SHARDED = {
    "FullyShardedDataParallel": "FSDP",
    "FSDPModule": "FSDP",
    "DeepSpeedEngine": "DeepSpeed",
}
"""Classes of models whose weights lie in pieces on several processes."""


def unwrapped(model: Any) -> Any:
    """The model itself: without torch.compile's and DistributedDataParallel's wrappers.

    Raises Unsupported where its weights lie in pieces on several processes.
    """
    while True:
        kinds = {kind.__name__ for part in model.modules() for kind in type(part).__mro__}
        sharded = next((name for kind, name in _SHARDED.items() if kind in kinds), "")
        weights = [*model.parameters()]
        if any(hasattr(weight, "ds_id") for weight in weights):
            sharded = "DeepSpeed ZeRO-3"
        elif not sharded and any(type(weight.data).__name__ == "DTensor" for weight in weights):
            sharded = "a device mesh (DTensor)"
        if sharded:
            raise Unsupported(
                f"the weights are sharded by {sharded}, so no process has the whole model: save a checkpoint and "
                "evaluate it with `harness watch`"
            )
        inner = getattr(model, "_orig_mod", None)
        if inner is None and isinstance(model, torch.nn.parallel.DistributedDataParallel):
            inner = model.module
        if inner is None:
            return model
        model = inner


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Random states, modes of modules, rotations of positions, ``use_cache`` and mixed precision come back afterwards.

    Inside, the model computes as it does when it is loaded from its checkpoint: no autocast, no gradients, no compiled
    graph, matrix products in full precision.
    """
    with ExitStack() as stack:
        _keep_random_states(stack)
        _keep_rotations(model, stack)
        for part in model.modules():
            stack.callback(setattr, part, "training", part.training)
        if hasattr(model.config, "use_cache"):
            stack.callback(setattr, model.config, "use_cache", model.config.use_cache)
        _full_precision(stack)
        _plain_forward(model, stack)
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.autocast(model.device.type, enabled=False))
        yield


def _keep_random_states(stack: ExitStack) -> None:
    stack.callback(random.setstate, random.getstate())
    stack.callback(np.random.set_state, np.random.get_state())
    stack.callback(torch.set_rng_state, torch.get_rng_state())
    if torch.cuda.is_available():
        stack.callback(torch.cuda.set_rng_state_all, torch.cuda.get_rng_state_all())


def _keep_rotations(model: Any, stack: ExitStack) -> None:
    """Angles that follow from the longest text so far, which releases of transformers replace or change in place."""
    for part in model.modules():
        known = vars(part)
        if "max_seq_len_cached" in known:
            names = [name for name in known if name.endswith(("max_seq_len_cached", "attention_scaling"))]
            stack.callback(known.update, {name: known[name] for name in names})
            stack.callback(part._buffers.update, dict(part._buffers))
            for buffer in part.buffers(recurse=False):
                stack.callback(buffer.copy_, buffer.clone())


def _full_precision(stack: ExitStack) -> None:
    """Matrix products as in a new process: without the TF32 that a Trainer or its user has turned on.

    A backend's own setting outweighs the general one, and an older interface has a state beside both.
    """
    backends: Any = torch.backends
    for holder in (backends, backends.cuda.matmul, backends.mkldnn.matmul):
        if hasattr(holder, "fp32_precision"):  # from torch 2.9 on
            stack.callback(setattr, holder, "fp32_precision", holder.fp32_precision)
            holder.fp32_precision = "none"
    stack.callback(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
    torch.set_float32_matmul_precision("highest")


def _plain_forward(model: Any, stack: ExitStack) -> None:
    """Without the wrapper of accelerate that computes in mixed precision, and without ``model.compile()``."""
    for part in model.modules():
        own = vars(part)
        if "_original_forward" in own and "forward" in own:
            stack.callback(setattr, part, "forward", own.pop("forward"))
        if own.get("_compiled_call_impl") is not None:
            stack.callback(setattr, part, "_compiled_call_impl", part._compiled_call_impl)
            part._compiled_call_impl = None
