"""Variants of a task: every example also asked with small edits, reordered options or swapped groups."""

from harness.variants.task import require_changes, varied

__all__ = ["require_changes", "varied"]
