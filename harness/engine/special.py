"""The edges of a text: special tokens before it, read exactly once whoever wrote them, and those that end an answer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Tokens = NDArray[np.int32]


def bare(tokenizer: Any, texts: list[str], special: bool = False) -> list[list[int]]:
    """Token ids of texts without what the tokenizer puts around them, unless ``special``.

    A fast tokenizer's own batch call leaves out the offsets and masks that nobody reads here.
    """
    if not tokenizer.is_fast:
        return [tokenizer.encode(text, add_special_tokens=special) for text in texts]
    backend = tokenizer.backend_tokenizer
    backend.no_padding()
    backend.no_truncation()
    return [encoding.ids for encoding in backend.encode_batch_fast(texts, add_special_tokens=special)]


def head_of(tokenizer: Any) -> tuple[int, ...]:
    """The tokens that a tokenizer puts before every text: found by encoding a letter with and without them.

    Raises whatever the tokenizer raises when it can encode neither letter nor digit.
    """
    failure: Exception | None = None
    for probe in ("a", "A", "0", "."):
        try:
            (alone,), (whole,) = bare(tokenizer, [probe]), bare(tokenizer, [probe], special=True)
        except Exception as error:  # the tokenizers library raises no narrower type
            failure = error
            continue
        failure = None
        places = [i for i in range(len(whole)) if whole[i : i + len(alone)] == alone]
        if alone and places:
            return tuple(whole[: places[0]])
    if failure is not None:
        raise failure
    return ()


def after(head: Tokens, tokens: Tokens) -> Tokens:
    """``tokens`` behind ``head``, unless they open with it themselves."""
    if not len(head) or opens(tokens, head):
        return tokens
    return np.concatenate((head, tokens))


def opens(tokens: Tokens, head: Tokens) -> bool:
    """Whether ``tokens`` begin with all of ``head``."""
    return len(tokens) >= len(head) > 0 and bool((tokens[: len(head)] == head).all())


def end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, by the tokenizer and by the model's generation config."""
    config = model.generation_config.eos_token_id if model.generation_config is not None else None
    ids = config if isinstance(config, list) else [config]
    return frozenset(int(token) for token in (*ids, tokenizer.eos_token_id) if token is not None)


def cut(text: str, stop: Sequence[str]) -> tuple[str, bool]:
    """``text`` before the first stop string in it, and whether there is one."""
    places = [at for at in (text.find(string) for string in stop if string) if at >= 0]
    return (text[: min(places)], True) if places else (text, False)


def pair(context: str, text: str) -> tuple[str, str]:
    """Move the trailing white space of ``context`` to ``text``, where tokenizers keep it."""
    stripped = context.rstrip()
    return stripped, context[len(stripped) :] + text
