"""When a generated answer is over: an end token, a stop string, or its length."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.engine.special import cut, end_tokens
from harness.engine.thinking import Thinking
from harness.types import Failed, Generate, Generated


@dataclass(slots=True)
class Draft:
    """The tokens of an answer so far, and whether it is over."""

    tokens: list[int] = field(default_factory=list)
    ended: bool = False

    @property
    def count(self) -> int:
        """How many tokens there are."""
        return len(self.tokens)


class Endings:
    """What ends answers of one model and tokenizer. A stop string within a thought ends nothing."""

    def __init__(self, model: Any, tokenizer: Any, thinking: Thinking | None = None) -> None:
        self.tokenizer = tokenizer
        self.thinking = thinking
        self.ends = end_tokens(model, tokenizer)
        self._known: dict[int, str] = {}
        one, spaced = (tokenizer.encode(text, add_special_tokens=False) for text in ("a", "a \n"))
        keeps = self._text(one).endswith("a") and self._text(spaced).endswith("a \n")
        self._before: list[int] = one if keeps else []  # what stands before a token while its text is worked out

    def grow(self, draft: Draft, token: int, request: Generate) -> Generated | None:
        """Add ``token``; the answer if that ends it."""
        if token in self.ends:
            return self._finished(draft, request, "end")
        draft.tokens.append(token)
        if request.stop and self._stopped(draft.tokens, request.stop):
            return self._finished(draft, request, "stop")
        return self._finished(draft, request, "length") if draft.count >= request.max_tokens else None

    def _stopped(self, tokens: Sequence[int], stop: Sequence[str]) -> bool:
        """Whether the newest token completes a stop string: looked for in as many tokens as may hold one."""
        if not any(self._may_end(tokens[-1], string) for string in stop):
            return False
        recent = self._recent(tokens, max(len(string.encode()) for string in stop) + 8)
        texts = [self._text(recent)]
        if "\ufffd" in texts[0]:  # a character cut in two, which spoils all bytes next to it in some tokenizers
            texts += [self._text(recent[first:]) for first in (1, 2, 3)]
        return any(cut(text, stop)[1] for text in texts) and cut(self._answer(self._text(tokens)), stop)[1]

    def _may_end(self, token: int, string: str) -> bool:
        """Can the string end in this token? Most cannot, and need not be decoded with their neighbours."""
        last = string[-1:]
        if not last.isascii() or (last.isspace() and not self._before):  # part of a token, or lost at an edge of a text
            return True
        return last in self._text_of(token)

    def _recent(self, tokens: Sequence[int], count: int) -> Sequence[int]:
        """The last tokens, ``count`` of them with a text: special ones stand between but have none."""
        first = len(tokens)
        while first and count:
            first -= 1
            count -= self._text_of(tokens[first]) != ""
        return tokens[first:]

    def _text_of(self, token: int) -> str:
        """What a token adds to a text; where the tokenizer drops space at the edges of a text, without that."""
        if token not in self._known:
            self._known[token] = self._text([*self._before, token]).removeprefix(self._text(self._before))
        return self._known[token]

    def _finished(self, draft: Draft, request: Generate, finish: Any) -> Generated:
        text = self._text(draft.tokens)
        before, stopped = cut(self._answer(text), request.stop)
        return Generated(text if self.thinking else before, draft.count, "stop" if stopped else finish)

    def answer(self, request: Generate, written: Generated) -> Generated | Failed:
        """The answer of a draft that is over, parted from what the model thought before."""
        return self.thinking.read(written, request.stop) if self.thinking else written

    def _answer(self, text: str) -> str:
        """What of a text is answer; nothing of a thought that goes on."""
        if self.thinking is None:
            return text
        parts = self.thinking.parts(text)
        return parts[1] if parts else ""

    def _text(self, tokens: Sequence[int]) -> str:
        special = self.thinking is None  # among the special tokens may be those around a thought
        return str(self.tokenizer.decode(tokens, skip_special_tokens=special, clean_up_tokenization_spaces=False))
