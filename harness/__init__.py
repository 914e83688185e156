"""Evaluate language models honestly and fast: every number with its uncertainty, every failure a failure.

import harness
result = harness.evaluate("smollm2", ["demo/sentiment"], limit=20)
result.frame
"""

from typing import Any

__all__ = ["Options", "Settings", "evaluate", "hub", "load", "merge"]

_WHERE = {
    "evaluate": "harness.api",
    "load": "harness.store.frames",
    "merge": "harness.api",
    "Settings": "harness.types",
    "Options": "harness.engine.backend",
    "hub": "harness.data",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that ``import harness`` costs nothing."""
    from importlib import import_module

    if name not in _WHERE:
        raise AttributeError(f"module 'harness' has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_WHERE[name]), name)
