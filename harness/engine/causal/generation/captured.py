"""Steps as CUDA graphs: launched by the host in one call, with their tensors where they were when captured."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from harness.engine.budget import out_of_memory


class StepKind(NamedTuple):
    """What a step computes: how many places, and whether any row is drawn, and drawn from a nucleus."""

    places: int
    drawn: bool
    nucleus: bool


class Captured:
    """The graphs of one batch, one for every kind of step."""

    def __init__(self) -> None:
        self.graphs: dict[StepKind, Any] = {}
        self.pool: Any = None
        self.refused = False

    def run(self, kind: StepKind, step: Callable[[], None], changed: Sequence[Tensor]) -> None:
        """Run ``step``, captured the first time; ``changed``: what it changes in place, other than keys and values.

        Some models cannot be captured, such as those that ask the device which experts have any tokens: they step.
        """
        if self.refused:
            step()
            return
        if kind not in self.graphs:
            before = [one.clone() for one in changed]
            step()  # compiles kernels, which a capture cannot
            try:
                graph = self._capture(step)
            except RuntimeError as error:
                if out_of_memory(error):
                    raise
                self.refused = True
                return
            for one, old in zip(changed, before, strict=True):
                one.copy_(old)
            self.graphs[kind] = graph
        self.graphs[kind].replay()

    def _capture(self, step: Callable[[], None]) -> Any:
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, pool=self.pool):
            step()
        self.pool = self.pool or graph.pool()
        return graph
