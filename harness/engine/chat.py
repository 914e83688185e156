"""A model's chat template: tried out before it is used, so that every question is known to reach the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.engine.files import said
from harness.errors import UsageError

_PROBES = ("Which river is the longest?", "Name a green fruit.")
_STYLES = ((False, False), (True, True), (True, False))


@dataclass(frozen=True, slots=True)
class Chat:
    """Turns a prompt into a user's message, behind ``system`` if that is given.

    ``parts``: whether the template wants the user's and the system's content as a list of parts and not as a string.
    """

    tokenizer: Any
    system: str | None
    parts: tuple[bool, bool] = (False, False)

    def render(self, prompt: str) -> str:
        """What the model reads. Raises UsageError with the template's words when it refuses."""
        user, system = self.parts
        turns = [{"role": "system", "content": _content(self.system, system)}] if self.system else []
        turns.append({"role": "user", "content": _content(prompt, user)})
        try:
            return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))
        except Exception as error:  # a template is a program of somebody else's
            words = str(getattr(error, "message", None) or said(error))[:200]
            raise UsageError(f"the model's chat template refuses the messages: {words}") from error

    def opens_with(self, tokens: Sequence[str]) -> bool:
        """Whether the template itself writes one of ``tokens`` before the first message."""
        before = self.render(_PROBES[0]).partition((self.system or "").strip() or _PROBES[0])[0]
        return any(token in before for token in tokens)


def open_chat(tokenizer: Any, system: str | None) -> Chat:
    """The chat of a tokenizer, with content in the form that its template shows.

    Raises UsageError when the template refuses the messages, or leaves out the question or the system message.
    """
    first: UsageError | None = None
    for style in _STYLES:
        chat = Chat(tokenizer, system, style)
        try:
            shown = [chat.render(probe) for probe in _PROBES]
        except UsageError as error:
            first = first or error
            continue
        asked = all(probe in text for probe, text in zip(_PROBES, shown, strict=True))
        raw = any("'type': 'text'" in text for text in shown)  # a list that is printed as it is
        if asked and not raw and (system or "").strip() in shown[0]:
            return chat
    if system is not None and _works(tokenizer):
        reason = str(first) if first else "the model's chat template shows no system message"
        raise UsageError(f"{reason}; leave --system out")
    raise first or UsageError("the model's chat template leaves out the question; run without --chat")


def _works(tokenizer: Any) -> bool:
    try:
        open_chat(tokenizer, None)
    except UsageError:
        return False
    return True


def _content(text: str | None, parts: bool) -> Any:
    return [{"type": "text", "text": text}] if parts else text
