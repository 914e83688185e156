"""A plug-in that cannot be imported."""

raise RuntimeError("the barometer is missing")
