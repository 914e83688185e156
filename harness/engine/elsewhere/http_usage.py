"""The tokens that a server says its answers have cost, also those from which no answer of the model could be read."""

from dataclasses import dataclass

from harness.engine.elsewhere.http_body import Json

COUNTABLE = 2**31


@dataclass(slots=True)
class Usage:
    """Tokens of the answers so far; ``uncounted`` came without a count, broken or too late: the sums are too small."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0

    def add(self, answer: Json) -> None:
        """Count one answer of either endpoint."""
        read, written = (counted(answer, name) for name in ("prompt_tokens", "completion_tokens"))
        self.prompt_tokens += read or 0
        self.completion_tokens += written or 0
        self.uncounted += read is None or written is None

    def stats(self) -> dict[str, float]:
        """For ``Backend.stats``."""
        return {
            "prompt_tokens": float(self.prompt_tokens),
            "completion_tokens": float(self.completion_tokens),
            "uncounted_answers": float(self.uncounted),
        }


def counted(answer: Json, name: str) -> int | None:
    """A count of ``usage`` or its details; None unless it is a whole number that can be one."""
    usage = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    details = usage.get("completion_tokens_details")
    count = usage.get(name, details.get(name) if isinstance(details, dict) else None)
    return count if type(count) is int and 0 <= count < COUNTABLE else None
