"""Secrets kept out of everything that is shown or stored: what a URL says beside its place, keys of the environment."""

import os
import re
from typing import TypeVar

T = TypeVar("T")

HIDDEN = "***"

SHORTEST = 8
"""Characters of a secret of the environment: a shorter one would hide innocent words."""

_URL = re.compile(r"\b([a-zA-Z][a-zA-Z0-9+.-]*://)([^\s'\"<>|]+)")
_SECRET = re.compile(
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASSWORD|PASSWD|PGPASSWORD|CREDENTIALS?)(?:_|$)", re.IGNORECASE
)


def bare(url: str) -> str:
    """A URL without its user, password, query and fragment; the text itself where it is no URL."""
    return _URL.sub(lambda match: match[1] + _place(match[2]), url)


def hidden(text: str) -> str:
    """A text whose URLs are bare and in which no secret of the environment stands."""
    shown = bare(text)
    for secret in _secrets():
        shown = shown.replace(secret, HIDDEN)
    return shown


def hidden_in(value: T) -> T:
    """Plain JSON (mappings, lists, texts) with every text in it ``hidden``."""
    shown: object = value
    if isinstance(value, str):
        shown = hidden(value)
    elif isinstance(value, dict):
        shown = {hidden(key) if isinstance(key, str) else key: hidden_in(part) for key, part in value.items()}
    elif isinstance(value, list | tuple):
        shown = type(value)(hidden_in(part) for part in value)
    return shown  # type: ignore[return-value]  # of the type that came in


def _place(rest: str) -> str:
    """What follows ``://``: host, port and path. A password may hold the very marks that should end it."""
    authority = re.split(r"[/?#]", rest, maxsplit=1)[0]
    tail = rest[len(authority) :]
    if "@" in tail and ":" in authority and "@" not in authority:
        return HIDDEN
    return authority.rpartition("@")[2] + re.split(r"[?#]", tail, maxsplit=1)[0]


def _secrets() -> list[str]:
    """Values of the environment whose names say that they are secret, the longest first."""
    secrets = {value.strip() for name, value in os.environ.items() if _SECRET.search(name)}
    return sorted((value for value in secrets if len(value) >= SHORTEST), key=len, reverse=True)
