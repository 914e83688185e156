"""An example with its own texts changed: those of the row where they stand in the prompt, not the words around them."""

import re
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from random import Random
from typing import Any

from harness.types import Choose, Example, Generate, Request
from harness.variants.edits import WORD, Edit
from harness.variants.swaps import Rewrite

MADE = frozenset({"prompt", "choices", "inputs", "description", "answer_shown"})
"""Fields that a kind of task adds to the columns of a row."""
SHORT = 5
"""Words of an answer up to which its words stay as they are wherever they occur."""


def edited(example: Example, asked: Sequence[Request], edit: Edit, strength: float, seed: str) -> Example:
    """The example with ``edit`` applied to its texts; the same seed changes the same text alike."""
    keep = answer_words(example, asked)

    def change(text: str) -> str:
        return edit(text, strength, Random(f"{seed}\0{example.id}\0{text}"), keep)

    return _replaced(example, asked, change)


def swapped(example: Example, asked: Sequence[Request], rewrite: Rewrite) -> Example:
    """The example with its terms swapped everywhere: in the prompt, the inputs, the choices and the answers."""
    held = _strings([example.fields, example.target])
    new = dict(zip(held, rewrite("\0".join(held), example.id).split("\0"), strict=True))
    return replace(
        example, fields=_mapped(example.fields, new.__getitem__), target=_mapped(example.target, new.__getitem__)
    )


def reworded(example: Example, asked: Sequence[Request], rewrite: Rewrite) -> Example:
    """The example with a neutral rewrite of its texts; its choices and answers stay."""
    return _replaced(example, asked, lambda text: rewrite(text, example.id))


def texts(example: Example, asked: Sequence[Request]) -> list[str]:
    """The row's texts of more than a word that stand in the prompt; the whole prompt if there are none in it.

    Where the example has no prompt of its own they are those of its nested rows that stand in what is ``asked``;
    what stands in an option stays.
    """
    f, prompt = example.fields, example.fields.get("prompt")
    known = {example.id, example.cluster, *example.slices.values()}
    if isinstance(prompt, str):
        strings = {v.strip() for k, v in f.items() if isinstance(v, str) and k not in MADE} - known
        return sorted(text for text in strings if " " in text and text in prompt) or [prompt]
    prompts = [r.prompt for r in asked if isinstance(r, Choose | Generate)]
    strings = {text.strip() for text in _strings(f)} - known - {text.strip() for text in _in_options(example, asked)}
    return sorted(text for text in strings if " " in text and any(text in prompt for prompt in prompts))


def answer_words(example: Example, asked: Sequence[Request]) -> Set[str]:
    """Words of short answers and choices: an edit that changed them would change what is right."""
    answers = _strings([example.target, example.fields.get("choices", _in_options(example, asked))])
    return {w.lower() for text in answers if len(text.split()) <= SHORT for w in WORD.findall(text)}


def _in_options(example: Example, asked: Sequence[Request]) -> list[str]:
    """The row's texts that stand in an option of a choice."""
    options = [option for r in asked if isinstance(r, Choose) for option in r.choices]
    return [text for text in _strings(example.fields) if any(text in option for option in options)]


def _replaced(example: Example, asked: Sequence[Request], change: Callable[[str], str]) -> Example:
    """The example with ``change`` made to its texts wherever they stand in it."""
    new = {text: change(text) for text in texts(example, asked)}
    longest = sorted(new, key=len, reverse=True)
    pattern = re.compile("|".join(map(re.escape, longest))) if longest else None

    def fill(text: str) -> str:
        return pattern.sub(lambda match: new[match[0]], text) if pattern else text

    if "prompt" not in example.fields:
        fields = _mapped(example.fields, lambda text: fill(text) if text.strip() in new else text)
        return replace(example, fields=fields)
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


def _mapped(value: Any, new: Callable[[str], str]) -> Any:
    """Nested lists and mappings with every string replaced by what ``new`` gives for it."""
    if isinstance(value, str):
        return new(value)
    if isinstance(value, Mapping):
        return {k: _mapped(v, new) for k, v in value.items()}
    return type(value)(_mapped(v, new) for v in value) if isinstance(value, list | tuple) else value
