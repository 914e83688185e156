"""Where a server is and what opens it, so that neither a key nor a password is ever told to anybody else."""

import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from harness.errors import UsageError
from harness.hidden import HIDDEN, bare
from harness.visible import cut

KEYS = ("HARNESS_API_KEY", "OPENAI_API_KEY")
WORDS = 200
"""Characters of a server's words that a message quotes."""
SHORTEST = 3
"""Characters of a secret that is hidden in messages; a shorter one would blot out half of them."""


@dataclass(frozen=True, slots=True)
class Address:
    """A server: ``shown`` is its URL for people; all else is for the client alone."""

    shown: str
    params: Mapping[str, str] = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    secrets: tuple[str, ...] = field(repr=False)

    def clean(self, text: str) -> str:
        """A server's words on one short line: no secret that it repeats, control characters as codes."""
        line = " ".join(text.split())
        for secret in self.secrets:
            line = line.replace(secret, "***")
        return cut(line[:WORDS])[:WORDS]


def address_of(name: str, base_url: str | None, environment: Mapping[str, str] = os.environ) -> Address:
    """The address of the model ``name``; a user and password come from the URL, otherwise a key from the environment.

    A query (``?api-version=...``) is sent with every request. Raises UsageError for what is no address or no key.
    """
    if not base_url:
        raise UsageError(f"openai:{name} needs --base-url, such as http://127.0.0.1:8000/v1")
    shown = bare(base_url.strip()) if "://" in base_url else HIDDEN
    try:
        url = httpx.URL(base_url.strip())
        whole = url.scheme in ("http", "https") and bool(url.host)
    except (httpx.InvalidURL, ValueError):
        whole = False
    if not whole:
        raise UsageError(f"--base-url {cut(shown[:WORDS])!r} is no URL such as http://127.0.0.1:8000/v1")
    user, query = url.userinfo.decode("ascii"), url.query.decode("ascii")
    secrets = [user, user.partition(":")[2], url.password or url.username]
    secrets += [*url.params.values(), *(part.partition("=")[2] for part in query.split("&"))]
    if user:
        token = base64.b64encode(f"{url.username}:{url.password}".encode()).decode()
        authorization = f"Basic {token}"
    else:
        token = _key(environment)
        authorization = f"Bearer {token}" if token else ""
    secrets.append(token)
    hidden = sorted((s for s in set(secrets) if len(s) >= SHORTEST), key=len, reverse=True)
    headers = {"Authorization": authorization} if authorization else {}
    return Address(shown.rstrip("/"), dict(url.params), headers, tuple(hidden))


def _key(environment: Mapping[str, str]) -> str:
    """The first key of the environment without the line break that secret stores add. Raises UsageError."""
    name = next((k for k in KEYS if environment.get(k, "").strip()), None)
    if name is None:
        return ""
    key = environment[name].strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"{name} cannot be sent: a key has no control characters and only ASCII")
    return key
