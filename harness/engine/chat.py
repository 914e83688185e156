"""A model's chat template: tried out before it is used, so that every question is known to reach the model."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.engine.backend import Options
from harness.engine.files import said
from harness.engine.thinking import Thinking, thinking_of
from harness.errors import UsageError, quoted
from harness.reading.text import is_file, read_text
from harness.types import Choose, Generate, Message

_PROBES = ("Which river is the longest?", "Name a green fruit.")
_SYSTEM = "Answer in one word."
_STYLES = ((False, False), (True, True), (True, False))


@dataclass(frozen=True, slots=True)
class Chat:
    """Turns messages into what the model reads, behind ``system`` if that is given.

    ``parts``: whether the template wants the user's and the system's content as a list of parts and not as a string.
    ``folded``: it has no system message; that of a task therefore stands before the user's first. ``thinking``: how the
    model thinks before it answers, None where the template does not say.
    """

    tokenizer: Any
    template: str
    system: str | None = None
    parts: tuple[bool, bool] = (False, False)
    folded: bool = False
    thinking: Thinking | None = None

    def render(self, messages: Sequence[Message]) -> str:
        """What the model reads. Raises UsageError with the template's words when it refuses."""
        user, system = self.parts
        turns = [
            {"role": m.role, "content": _content(m.content, system if m.role == "system" else user)}
            for m in turns_of(messages, self.system, folded=self.folded)
        ]
        try:
            return str(
                self.tokenizer.apply_chat_template(
                    turns, chat_template=self.template, tokenize=False, add_generation_prompt=True
                )
            )
        except Exception as error:  # a template is a program of somebody else's
            words = str(getattr(error, "message", None) or said(error))[:200]
            raise UsageError(f"the model's chat template refuses the messages: {words}") from error

    def before_choice(self, messages: Sequence[Message]) -> str:
        """What the model reads before a choice that is scored: a thought that the template has opened ends at once."""
        text = self.render(messages)
        return f"{text.rstrip()}\n\n{self.thinking.end}\n\n" if self.thinking and self.thinking.begun else text

    def opens_with(self, tokens: Sequence[str]) -> bool:
        """Whether the template itself writes one of ``tokens`` before the first message."""
        before = self.render([_asking(_PROBES[0])]).partition((self.system or "").strip() or _PROBES[0])[0]
        return any(token in before for token in tokens)


def messages_of(request: Choose | Generate) -> tuple[Message, ...]:
    """The turns of a request: its prompt alone where it has none of its own."""
    return request.messages or (_asking(request.prompt),)


def turns_of(messages: Sequence[Message], system: str | None, *, folded: bool = False) -> list[Message]:
    """Messages in the order that chat templates demand: one of the system's, then user and model in turn.

    What the system says, ``system`` first, is one message in front; where it is ``folded``, a part of the user's first.
    Neighbours of one role are joined. Raises UsageError where the last word is not the user's.
    """
    rules = [*([system] if system else []), *(m.content for m in messages if m.role == "system")]
    rest = [m for m in messages if m.role != "system"]
    if not rest or rest[-1].role != "user":
        raise UsageError("the last message of a chat is not the user's: there is nothing to answer")
    rules_first = [Message("user" if folded else "system", "\n\n".join(rules))] if rules else []
    alike = groupby([*rules_first, *rest], key=lambda message: message.role)
    return [Message(role, "\n\n".join(message.content for message in own)) for role, own in alike]


def open_chat(tokenizer: Any, options: Options) -> Chat:
    """The chat of a tokenizer, with content in the form that its template shows.

    Raises UsageError when the template refuses the messages, or leaves out the question or the options' system message.
    """
    template = template_of(tokenizer, options.chat_template)
    first: UsageError | None = None
    for style in _STYLES:
        chat = Chat(tokenizer, template, None, style)
        try:
            shown = [chat.render([_asking(probe)]) for probe in _PROBES]
        except UsageError as error:
            first = first or error
            continue
        if all(probe in text for probe, text in zip(_PROBES, shown, strict=True)) and not _is_raw(shown[0]):
            styles = [(style[0], system) for system in (style[1], not style[1])]
            flaws = {each: _hides_system(Chat(tokenizer, template, _SYSTEM, each)) for each in styles}
            system = next((each for each, flaw in flaws.items() if not flaw), None)
            if system is None and options.system:  # what a user asks for is not put into the mouth of another
                raise UsageError(f"{flaws[styles[0]]}; leave --system out")
            thinking = thinking_of(template, shown[0], tokenizer.all_special_tokens)
            return Chat(tokenizer, template, options.system, system or style, system is None, thinking)
    raise first or UsageError("the model's chat template leaves out the question; run without --chat")


def template_of(tokenizer: Any, wanted: str | None) -> str:
    """The chat template of a tokenizer: its own, the one of a file, or one of several by its name.

    Raises UsageError where there is none, or none of that name.
    """
    own = tokenizer.chat_template or {}
    named = {"default": own} if isinstance(own, str) else own
    if wanted is None and not named:
        raise UsageError("has no chat template; run without --chat, or name a file (--chat-template)")
    if wanted is not None and wanted not in named and is_file(Path(wanted)):
        return read_text(Path(wanted), "chat template")
    name = "default" if wanted is None else wanted
    if name not in named:
        valid = ", ".join(named) or "none"
        raise UsageError(f"has no chat template {quoted(name)}: it is no file, and those of the model are: {valid}")
    return str(named[name])


def _asking(prompt: str) -> Message:
    return Message("user", prompt)


def _is_raw(text: str) -> bool:
    """Whether a list of parts was printed as it is."""
    return "'type': 'text'" in text


def _hides_system(chat: Chat) -> str:
    """Why a template gives the model no system message; empty where it does."""
    try:
        text = chat.render([_asking(_PROBES[0])])
    except UsageError as error:
        return str(error)
    shown = _SYSTEM in text and _PROBES[0] in text and not _is_raw(text)
    return "" if shown else "the model's chat template shows no system message"


def _content(text: str, parts: bool) -> Any:
    return [{"type": "text", "text": text}] if parts else text
