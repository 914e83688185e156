"""Kinds of task: functions that turn a few lines of description into a Task.

    multiple_choice, classification   Choose: which continuation (or which label of a head) is the answer?
    generation, translation           Generate: what does the model write, and how does it compare with the references?
    conversation                      Generate, turn by turn: what does it say to a user who answers it?
    likelihood                        Likelihood: how well does it predict a text?
    pair                              two Likelihoods: which of two texts does it prefer?
    probe                             whatever your own functions ask and judge

All of them take the same records: ``Data`` (where rows come from), ``Template`` (what is read before an answer; a text
alone will do), ``Decoding`` (how an answer is written) and ``About`` (version, card, tags). Measures are in
``harness.metrics.measures``. Wherever a row's content is described, a string is a ``str.format`` template over the
row's columns or the name of a column, and a function takes the row.
"""

from harness.kinds.choice import classification, multiple_choice
from harness.kinds.conversation import conversation
from harness.kinds.judged import judged
from harness.kinds.likelihood import likelihood, pair
from harness.kinds.probe import Extremes, Items, probe
from harness.kinds.prompt import SEPARATOR, Template
from harness.kinds.rows import Column, Data, Prepare
from harness.kinds.task import About
from harness.kinds.text import Decoding, generation, translation

__all__ = [
    "SEPARATOR",
    "About",
    "Column",
    "Data",
    "Decoding",
    "Extremes",
    "Items",
    "Prepare",
    "Template",
    "classification",
    "conversation",
    "generation",
    "judged",
    "likelihood",
    "multiple_choice",
    "pair",
    "probe",
    "translation",
]
