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
        elif any(type(weight.data).__name__ == "DTensor" for weight in weights):
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
    """Random states, the mode of every module, ``use_cache`` and hooks of mixed precision come back afterwards.

    Inside, the model computes as it does when it is loaded from its checkpoint: no autocast, no gradients, no compiled
    graph, matrix products in full precision.
    """
    with ExitStack() as stack:
        _keep_random_states(stack)
        for part in model.modules():
            stack.callback(setattr, part, "training", part.training)
        for holder, name in ((model.config, "use_cache"), (torch.backends, "fp32_precision")):
            if hasattr(holder, name):
                stack.callback(setattr, holder, name, getattr(holder, name))
        if hasattr(torch.backends, "fp32_precision"):
            torch.backends.fp32_precision = "ieee"  # the Trainer turns TF32 on
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


def _plain_forward(model: Any, stack: ExitStack) -> None:
    """Without the wrapper of accelerate that computes in mixed precision, and without ``model.compile()``."""
    for part in model.modules():
        own = vars(part)
        if "_original_forward" in own and "forward" in own:
            stack.callback(setattr, part, "forward", own.pop("forward"))
        if own.get("_compiled_call_impl") is not None:
            stack.callback(setattr, part, "_compiled_call_impl", part._compiled_call_impl)
            part._compiled_call_impl = None
