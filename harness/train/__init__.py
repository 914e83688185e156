"""Evaluation inside of a training loop: the numbers of a separate run, on the weights that are being trained."""

from typing import TYPE_CHECKING

from harness.train.due import Every
from harness.train.plateau import Plateau

if TYPE_CHECKING:
    from harness.train.lightning import LightningCallback
    from harness.train.trainer import TrainerCallback

__all__ = ["Every", "LightningCallback", "Plateau", "TrainerCallback"]

if not TYPE_CHECKING:  # each needs its framework, and neither needs the other's

    def __getattr__(name: str) -> object:
        """The callback of a framework, imported when it is first asked for."""
        from importlib import import_module

        module = {"LightningCallback": "lightning", "TrainerCallback": "trainer"}.get(name)
        if module is None:
            raise AttributeError(f"module 'harness.train' has no attribute {name!r}; it has {', '.join(__all__)}")
        return getattr(import_module(f"harness.train.{module}"), name)
