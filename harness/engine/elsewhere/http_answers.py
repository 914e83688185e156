"""The text of a server's answer, or why there is none that a model could be judged by."""

from dataclasses import dataclass
from typing import Any

from harness.engine.elsewhere.http_body import GaveUp, Json
from harness.engine.elsewhere.http_usage import counted
from harness.engine.thinking import TAGS, Thinking

THOUGHTS = ("reasoning_content", "reasoning", "thinking")
CALLS = ("tool_calls", "function_call")
Tags = tuple[str, str]
"""Before and after a thought."""


@dataclass(frozen=True, slots=True)
class Said:
    """A text that a model gave; ``cut`` where the token limit ended it; ``tokens`` that the server counted, or 0.

    ``reasoning``: what it thought before, from a field of its own or from between tags in the text.
    """

    text: str
    cut: bool
    tokens: int
    reasoning: str = ""


def said(answer: Json, *, chat: bool, opened: Tags | None = None) -> Said:
    """Read an answer of either endpoint; ``opened``: the tags of a thought that the server's template begins for it.

    Raises GaveUp for what is no answer of the model (kinds filtered, refusal, tool-call, thinking, empty) and a
    ValueError or TypeError for what is no answer at all.
    """
    choices = answer.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], dict)):
        raise ValueError("the answer has no choices")
    choice = choices[0]
    message = choice.get("message") if chat else choice
    if not isinstance(message, dict):
        raise TypeError("the answer has no message")
    thought, text = _parted(_text(message, chat=chat), opened)
    finish = choice.get("finish_reason")
    thoughts = [*(message[key] for key in THOUGHTS if isinstance(message.get(key), str)), thought]
    reasoning = next(filter(None, thoughts), "")
    _refuse(message, finish, text, bool(reasoning) or bool(counted(answer, "reasoning_tokens")))
    return Said(whole(text), finish == "length", counted(answer, "completion_tokens") or 0, whole(reasoning))


def opened_by(text: str) -> Tags | None:
    """The tags of a thought that ends in a text and does not begin there: the template has opened it."""
    begun = any(text.lstrip().startswith(start) for start, _ in TAGS)
    return None if begun else next((tags for tags in TAGS if tags[1] in text), None)


def _parted(text: str, opened: Tags | None) -> tuple[str, str]:
    """(thought, answer) of a text that is or opens with a thought; all is thought where that does not end.

    An answer may speak of such tags: one that ends no thought parts nothing.
    """
    own = next((tags for tags in TAGS if text.lstrip().startswith(tags[0])), None)
    tags = own or opened
    return (Thinking(*tags, begun=own is None).parts(text) or (text, "")) if tags else ("", text)


def whole(text: str) -> str:
    """A text with U+FFFD where half of a character stood, as where a token limit cuts an emoji in two."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _text(message: Json, *, chat: bool) -> str:
    """The text of a message; of one in parts, all that is text and no thought; empty for null."""
    content = message.get("content" if chat else "text")
    if isinstance(content, list):
        parts = [p.get("text") for p in content if isinstance(p, dict) and p.get("type", "text") == "text"]
        content = "".join(p for p in parts if isinstance(p, str))
    if content is None and (chat or "text" in message):
        return ""
    if not isinstance(content, str):
        raise TypeError(f"the answer's text is {type(content).__name__}")
    return content


def _refuse(message: Json, finish: Any, text: str, thought: bool) -> None:
    """Raise GaveUp for an answer that is none of the model's; the server's reason to stop is in the message."""
    ended = f"finish_reason {finish!r:.60}"
    if finish in ("error", "abort"):
        raise ValueError(f"the server broke off: {ended}")
    if finish == "content_filter":
        raise GaveUp("filtered", f"a filter of the server's stopped the answer ({ended})")
    if message.get("refusal"):
        raise GaveUp("refusal", f"the server says that the model refused: {whole(str(message['refusal']))}")
    if finish in CALLS or any(message.get(key) for key in CALLS):
        raise GaveUp("tool-call", f"a tool was called and no text given ({ended}), although no tool was offered")
    if not text.strip() and (thought or any(message.get(key) for key in THOUGHTS)):
        when = "cut at the token limit while the model was thinking" if finish == "length" else "only thoughts, no text"
        raise GaveUp("thinking", f"{when} ({ended}); such a model needs more tokens than the task allows", str(finish))
    if not text:
        raise GaveUp("empty", f"an empty text ({ended})")
