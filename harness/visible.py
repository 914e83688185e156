"""Texts that come from models, datasets, errors and command lines, made harmless to show wherever people read them."""

import re
import shlex
from urllib.parse import urlsplit

CUT = 20_000
"""Characters of one text that are shown: a line of a megabyte must not stop a browser."""
URL = re.compile(r"(--[\w-]+=)?([A-Za-z][\w+.-]*://\S+)")


def cut(text: str, length: int = CUT) -> str:
    """A text that is harmless to show: control and direction marks visible, no more than ``length`` characters."""
    shown = "".join(c if c.isprintable() or c in "\n\t" else f"\\u{ord(c):04x}" for c in text[:length])
    return shown if len(text) <= length else f"{shown}… ({len(text):,} characters)"


def public_url(url: str) -> str:
    """A URL without what may be secret: user, password, query and fragment. One that cannot be read is not shown."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # an unescaped password is read as a port
    except ValueError:
        return "***"
    if "@" in parts.scheme + parts.path and not parts.netloc:
        return "***"
    place = parts.netloc.rpartition("@")[2] + parts.path
    return f"{parts.scheme}://{place}" if "://" in url else place


def public_command(command: str) -> str:
    """A command line whose URLs (a server's, a store's) show no secret."""
    try:
        words = shlex.split(command)
    except ValueError:  # not written by a shell: the words are told apart by spaces
        words = command.split()
    found = [URL.fullmatch(word) for word in words]
    if not any(found):
        return command
    return shlex.join(
        f"{match[1] or ''}{public_url(match[2])}" if match else word for match, word in zip(found, words, strict=True)
    )
