"""Whether two runs took their data and models from the same bundle."""

from harness.types import Run


def bundles_differ(one: Run, two: Run) -> str:
    """Which bundles two runs come from, in a sentence; empty where it is the same one, or none for both."""
    if one.bundle == two.bundle:
        return ""
    first, second = (f"bundle {run.bundle[:12]}" if run.bundle else "no bundle" for run in (one, two))
    return f"run {one.id} comes from {first}, run {two.id} from {second}"
