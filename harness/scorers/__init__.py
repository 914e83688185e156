"""Scores of generated text, local and replaceable: a lexicon, a sequence classifier or a plug-in.

    lexicon:FILE              1 where a text holds a term of the file (one a line), else 0
    hf:PATH[@REV][#LABEL]     the probability that a sequence classifier gives to LABEL
    NAME[:ARGUMENT]           an entry point of the group ``harness.scorers``

A scorer gives one number from 0 to 1 for each text. One that raises, or gives anything else, leaves the example failed.
"""

from collections.abc import Sequence
from pathlib import Path

from harness.engine.backend import Options
from harness.errors import UsageError
from harness.types import Scorer

VALID = ("lexicon:FILE", "hf:PATH[@REV][#LABEL]", "NAME[:ARGUMENT] of a plug-in")


def open_scorer(spec: str, options: Options | None = None, plugins: Sequence[str] = ()) -> Scorer:
    """One of the built-in scorers; ``plugins`` are names to be told of.

    Raises UsageError for any other spec, and what the files themselves raise.
    """
    scheme, _, rest = spec.partition(":")
    if scheme == "lexicon" and rest:
        from harness.scorers.lexicon import lexicon

        return lexicon(Path(rest))
    if scheme == "hf" and rest:
        from harness.scorers.classifier import classifier

        return classifier(rest, options or Options())
    raise UsageError(f"unknown scorer {spec!r}; valid: {', '.join([*VALID, *plugins])}")
