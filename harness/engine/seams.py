r"""Where a text can be parted without a token changing: what many texts begin with need then be tokenised only once.

A seam is a space behind a visible ASCII character. A tokenizer keeps to seams when the tokens of a text are those of
its part before a seam and then those of the rest, whatever the text. This is proven from the tokenizer's own parts:

- its normalizer works on characters that a space and a visible ASCII character do not join;
- every pre-tokenizer cuts by classes of characters or by patterns, which search from left to right. No match of theirs
  that begins before a seam goes on across it, nor does it end elsewhere because a space comes next and not the end of
  the text; and one of them always cuts there;
- its model sees one pre-token at a time and leaves nothing to chance;
- no added token has a space in its middle, takes spaces behind it, or depends on its neighbours.

Of a tokenizer that this cannot be said of, every text is read whole.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from harness.engine.special import bare

CLASSES = frozenset({"ByteLevel", "BertPreTokenizer", "Digits", "Metaspace", "Whitespace", "WhitespaceSplit"})
"""Pre-tokenizers that keep to seams by what they are."""
CUTTING = CLASSES - {"Digits"}
"""Those of them that cut at every seam, unless their settings say otherwise."""
NORMALIZERS = frozenset({"NFC", "NFD", "NFKC", "NFKD", "Lowercase"})
SPACE = (r"\s", r"\r", r"\n", r"[\r\n]", r"[\n\r]", "[\r\n]", "[\n\r]", "\r", "\n", " ")
"""Atoms of a pattern that match nothing but white space, in the ways that tokenizers write them."""
_ATOM = re.compile(
    r"""(?P<end>\(\?!\\S\))|(?P<atom>
    \\[pP]\{\^?\w+\} | \\[sSdDrnt] | \\[^\w] | \[\^?(?:\\[pP]\{\^?\w+\}|\\[sSdDrnt]|\\[^\w]|&(?!&)|[^\]\[\\&])+\]
    | \(\?i:[\w'’|]+\) | '\(\?i:[\w|\[\]]+\) | '\(\?:[\w|\[\]]+\) | [^\\\[\](){}*+?|^$.]
    )(?P<times>(?:[?*+]|\{\d+(?:,\d*)?\})[?+]?)?""",
    re.VERBOSE,
)
_SAMPLE = "The cat's 12  (odd) tests,\n\n A. it\tisn't so: 3.5 été ... x\r\n  y = [z ]; \u4e2d\u6587 e\u0301 !"


def keeps_to_seams(tokenizer: Any) -> bool:
    """Whether a tokenizer is proven to keep to seams, and does so on a sample."""
    if not getattr(tokenizer, "is_fast", False):
        return False
    inner = tokenizer.backend_tokenizer
    try:
        normalizers, cutters = _parts(inner.normalizer), _parts(inner.pre_tokenizer)
    except Exception:  # one written in Python tells nothing of itself
        return False
    proven = (
        all(one["type"] in NORMALIZERS for one in normalizers)
        and all(_local(one) for one in cutters)
        and any(_cuts(one) for one in cutters)
        and not getattr(inner.model, "dropout", None)
        and not any(
            token.rstrip or token.single_word or re.search(r"\S\s", token.content)
            for token in inner.get_added_tokens_decoder().values()
        )
    )
    return proven and _shown(tokenizer)


def seam(text: str, end: int) -> int:
    """The last seam of a text that ``text[:end]`` holds, its space included; 0 where there is none."""
    at = text.rfind(" ", 1, end)
    while at > 0 and not "!" <= text[at - 1] <= "~":
        at = text.rfind(" ", 1, at)
    return max(0, at)


def _shown(tokenizer: Any) -> bool:
    """Do the parts of a sample have the tokens of the whole, at each of its seams?"""
    places = {seam(_SAMPLE, end) for end in range(len(_SAMPLE) + 1)} - {0}
    parts = [part for at in sorted(places) for part in (_SAMPLE[:at], _SAMPLE[at:])]
    try:
        whole, *tokens = bare(tokenizer, [_SAMPLE, *parts])
    except Exception:  # the tokenizers library raises no narrower type for what it has no token for
        return False
    return all(one + other == whole for one, other in zip(tokens[::2], tokens[1::2], strict=True))


def _parts(component: Any) -> list[dict[str, Any]]:
    """The settings of a normalizer or pre-tokenizer, one by one. Raises what one without settings raises."""
    return list(_flat(json.loads(component.__getstate__()))) if component is not None else []


def _flat(settings: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if settings["type"] != "Sequence":
        yield settings
        return
    for one in settings.get("pretokenizers") or settings.get("normalizers") or ():
        yield from _flat(one)


def _local(settings: dict[str, Any]) -> bool:
    """Does a pre-tokenizer cut each side of a seam as if the other were not there?"""
    if settings["type"] == "Split":
        kept = (settings["behavior"], settings["invert"]) in (("Isolated", False), ("Removed", True))
        return kept and "Regex" in settings["pattern"] and stays_within(settings["pattern"]["Regex"])
    return settings["type"] in CLASSES


def _cuts(settings: dict[str, Any]) -> bool:
    """Does it cut at every seam?"""
    if settings["type"] == "Split":
        return r"\s+" in settings["pattern"].get("Regex", "").split("|")
    cuts = settings["type"] in CUTTING
    return cuts and bool(settings.get("use_regex", True)) and bool(settings.get("split", True))


def stays_within(pattern: str) -> bool:
    r"""Whether a match of a pattern that begins before a seam ends at it at the latest, as at the end of a text.

    So it is where every alternative is a row of characters, classes and repetitions, of which only the first can be a
    space, and that once, or all of which are white space. Looking back, anchors and looking ahead are refused, but for
    ``(?!\S)``, to which a space and the end of the text are the same.
    """
    at = 0
    atoms: list[tuple[str, str]] = []
    while at < len(pattern):
        if pattern[at] == "|":
            if not _stays(atoms):
                return False
            atoms, at = [], at + 1
            continue
        found = _ATOM.match(pattern, at)
        if found is None:
            return False
        if found["atom"]:
            atoms.append((found["atom"], found["times"] or ""))
        at = found.end()
    return _stays(atoms)


def _stays(atoms: list[tuple[str, str]]) -> bool:
    """Of one alternative: its atoms, and how often each may be repeated."""
    if all(times.startswith(("?", "*", "{0")) for _, times in atoms):
        return False  # it may be empty, and then nothing after it is tried
    if all(atom in SPACE for atom, _ in atoms):
        return True
    return not any(_space(atom) and (place or times not in ("", "?")) for place, (atom, times) in enumerate(atoms))


def _space(atom: str) -> bool:
    """Can an atom match a space? Asked of the engine that runs the pattern."""
    from tokenizers import Regex, pre_tokenizers

    return not pre_tokenizers.Split(Regex(atom), "removed").pre_tokenize_str(" ")
