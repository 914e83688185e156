"""What a server's answer is before anybody reads its contents: JSON, or an error with its status, code and words."""

import email.utils
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

from harness.errors import quoted
from harness.types import FailureKind

LIMIT = 16 * 2**20
"""Bytes of one answer, as sent and as decompressed; the log-probabilities of 100,000 tokens take about 8 MB."""
LONGEST_WAIT = 60.0
SHOWN = 80
"""Characters of an answer that cannot be read that its message quotes."""
MALFORMED = (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError)
NEWER = "max_completion_tokens"
"""What newer models call the token limit of an answer."""
Json = dict[str, Any]
PASSING = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""Statuses of errors that another attempt may not meet."""
IN_VAIN = ("connection", "server")
"""Kinds of failures that a server that is gone or broken gives to every request."""


class GaveUp(Exception):
    """A request without an answer: ``kind`` as in Failed.

    ``said``: every word of the server's last error, and ``status``: its status, for the caller alone.
    """

    def __init__(self, kind: FailureKind, message: str, said: str = "", status: int | None = None) -> None:
        super().__init__(message)
        self.kind, self.said, self.status = kind, said, status


class Refused(Exception):
    """An answer that is an error: its status, code and words, and the seconds that the server asks to wait."""

    def __init__(self, status: int, code: str, words: str, wait: float | None) -> None:
        super().__init__(words)
        self.status, self.code, self.words, self.wait = status, code, words, wait


def parsed(status: int, headers: Mapping[str, str], content: bytes, now: float) -> Json:
    """The JSON object of an answer. Raises Refused for an error of any status, MALFORMED for what is no object."""
    wait = retry_after(headers.get("Retry-After"), now)
    encoding = headers.get("Content-Encoding", "")
    if 200 <= status < 300:
        text = _inflated(content, encoding)
        try:
            answer = json.loads(text)
        except (ValueError, RecursionError):
            shown = quoted(text[: 4 * SHOWN].decode("utf-8", "replace"), SHOWN)
            raise ValueError(f"not JSON but {shown}" if text else "no bytes at all") from None
        if not isinstance(answer, dict):
            raise TypeError(f"a JSON {type(answer).__name__} where an object belongs")
        if answer.get("error") and not answer.get("choices"):
            raise _error(status, answer, wait)
        return answer
    if 300 <= status < 400:
        raise Refused(status, "", f"moved to {headers.get('Location')}", wait)
    try:
        problem = json.loads(_inflated(content, encoding))
    except MALFORMED:
        problem = content.decode("utf-8", "replace")
    raise _error(status, problem, wait)


def retry_after(header: str | None, now: float) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or an HTTP date), at most a minute; None without one."""
    if not header:
        return None
    try:
        seconds = email.utils.parsedate_to_datetime(header).timestamp() - now if "," in header else float(header)
    except (ValueError, TypeError, OverflowError):
        return None
    return None if math.isnan(seconds) else min(LONGEST_WAIT, max(0.0, seconds))


def _inflated(content: bytes, encoding: str) -> bytes:
    """An answer's bytes, decompressed. Raises GaveUp beyond the limit, ValueError for broken ones."""
    if encoding.lower() in ("", "identity"):
        return content
    if encoding.lower() not in ("gzip", "x-gzip"):
        raise ValueError(f"encoded as {encoding}, which nobody asked for")
    reader = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        text = reader.decompress(content, LIMIT)
    except zlib.error:
        raise ValueError(f"said to be {encoding}, and is not") from None
    if reader.unconsumed_tail:
        raise GaveUp("too-large", f"an answer of more than {LIMIT:,} bytes when decompressed")
    if not reader.eof:
        raise ValueError("compressed bytes that end early")
    return text


def _error(status: int, answer: Any, wait: float | None) -> Refused:
    """The error that a JSON answer tells of, in any of the shapes that servers use."""
    problem = answer.get("error") or answer if isinstance(answer, dict) else answer
    if not isinstance(problem, dict):
        return Refused(status, str(problem), str(problem), wait)
    code = problem.get("code")
    words = next(
        (problem[k] for k in ("message", "detail", "type") if isinstance(problem.get(k), str)), json.dumps(problem)
    )
    if 200 <= status < 300:  # the status is only in the error itself
        status = code if type(code) is int and 400 <= code < 600 else 400
    return Refused(status, f"{code} {problem.get('type')}", words if code is None else f"{words} ({code})", wait)
