"""An example with its own texts changed: those of the row where they stand in the prompt, not the words around them."""

import re
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from random import Random
from typing import Any

from harness.types import Example
from harness.variants.edits import WORD, Edit
from harness.variants.swaps import Rewrite

MADE = frozenset({"prompt", "choices", "inputs", "description", "answer_shown"})
"""Fields that a kind of task adds to the columns of a row."""
SHORT = 5
"""Words of an answer up to which its words stay as they are wherever they occur."""


def edited(example: Example, edit: Edit, strength: float, seed: str) -> Example:
    """The example with ``edit`` applied to its texts; the same seed changes the same text alike."""
    keep = answer_words(example)

    def change(text: str) -> str:
        return edit(text, strength, Random(f"{seed}\0{example.id}\0{text}"), keep)

    return _replaced(example, {text: change(text) for text in texts(example)}, change)


def swapped(example: Example, rewrite: Rewrite) -> Example:
    """The example with its terms swapped everywhere: in the prompt, the inputs, the choices and the answers."""
    held = list(_strings([example.fields, example.target]))
    new = dict(zip(held, rewrite("\0".join(held), example.id).split("\0"), strict=True))
    return replace(example, fields=_mapped(example.fields, new), target=_mapped(example.target, new))


def reworded(example: Example, rewrite: Rewrite) -> Example:
    """The example with a neutral rewrite of its texts; its choices and answers stay."""
    return _replaced(
        example, {text: rewrite(text, example.id) for text in texts(example)}, lambda t: rewrite(t, example.id)
    )


def texts(example: Example) -> list[str]:
    """The row's texts of more than a word that stand in the prompt; the whole prompt if there are none in it."""
    f = example.fields
    known = {example.id, example.cluster, *example.slices.values()}
    strings = {v.strip() for k, v in f.items() if isinstance(v, str) and k not in MADE and v not in known}
    strings = {text for text in strings if " " in text}
    prompt = f.get("prompt")
    if not isinstance(prompt, str):
        return sorted(strings)
    return sorted(text for text in strings if text in prompt) or [prompt]


def answer_words(example: Example) -> Set[str]:
    """Words of short answers and choices: an edit that changed them would change what is right."""
    answers = _strings([example.target, example.fields.get("choices", ())])
    return {w.lower() for text in answers if len(text.split()) <= SHORT for w in WORD.findall(text)}


def _replaced(example: Example, new: Mapping[str, str], change: Callable[[str], str]) -> Example:
    longest = sorted(new, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def fill(text: str) -> str:
        return pattern.sub(lambda found: new[found[0]], text) if pattern else text

    f = dict(example.fields)
    f |= {k: fill(v) for k, v in f.items() if isinstance(v, str) and (k not in MADE or k == "prompt")}
    if "inputs" in f:
        held = [fill(text) for text in f["inputs"]]
        f["inputs"] = type(f["inputs"])(  # a list where the example was read from a store
            change(old) if now == old and new.get(old) != old and old not in new else now
            for old, now in zip(f["inputs"], held, strict=True)
        )
    return replace(example, fields=f)


def _strings(value: Any) -> list[str]:
    """Every string in nested lists and mappings, each once and in order."""
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return list(dict.fromkeys(text for part in parts for text in _strings(part)))


def _mapped(value: Any, new: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return new[value]
    if isinstance(value, Mapping):
        return {k: _mapped(v, new) for k, v in value.items()}
    return type(value)(_mapped(v, new) for v in value) if isinstance(value, list | tuple) else value
