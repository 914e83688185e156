"""English sentences and words, as NLTK's Punkt and Treebank tokenizers part them, without a model to download."""

from functools import cache
from typing import Any

ABBREVIATIONS = (
    "adm ala ariz bros calif capt cf cmdr co col colo comdr conn corp dec del dept dr e.g ed est etc feb fla fri ft "
    "ga gen gov inc jan jr kan ky lt ltd maj mich minn mr mrs ms n.c n.d n.h n.j n.m n.y neb nev nov oct okla ont "
    "p.m a.m pa ph.d prof reps rev s.c s.d sec sen sens sep sept sgt sr st tenn tex u.k u.n u.s u.s.a va vs vt wis "
    "wyo i.e messrs nos p.s p.p.s"
)
"""Words whose full stop ends no sentence by itself, without it."""


@cache
def _punkt() -> Any:
    from nltk.tokenize.punkt import PunktParameters, PunktSentenceTokenizer

    parameters = PunktParameters()
    parameters.abbrev_types = set(ABBREVIATIONS.split())
    return PunktSentenceTokenizer(parameters)


@cache
def _treebank() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


def sentences(text: str) -> list[str]:
    """The sentences of a text."""
    sentences: list[str] = _punkt().tokenize(text)
    return sentences


def tokens(text: str) -> list[str]:
    """The words and signs of a text, sentence by sentence."""
    return [token for sentence in sentences(text) for token in _treebank().tokenize(sentence)]
