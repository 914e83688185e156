"""A real HTTP server on this machine that answers as a test says, and a client that does not wait between attempts."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from harness.engine.backend import Options
from harness.engine.elsewhere.http import Server
from harness.engine.elsewhere.http_opening import OPENING

Body = dict[str, Any]


class Served(ThreadingHTTPServer):
    """``act(handler, body)`` gives the JSON of an answer, or sends one itself and gives None.

    ``opening``: what a chat is answered that asks how answers begin; None where that is ``act``'s to say.
    """

    daemon_threads = True

    def __init__(self, act: Callable[["Handler", Body], object], opening: str | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.opening = opening
        self.act = act
        self.bodies: list[Body] = []
        self.paths: list[str] = []
        self.headers: list[dict[str, str]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Served
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.server.opening is not None and "messages" in body and prompt_of(body) == OPENING.prompt:
            return self.reply(200, json.dumps(chat_answer(self.server.opening)).encode())
        self.server.bodies.append(body)
        self.server.paths.append(self.path)
        self.server.headers.append(dict(self.headers))
        answer = self.server.act(self, body)
        return self.reply(200, json.dumps(answer).encode()) if answer is not None else None

    def reply(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@contextmanager
def serving(act: Callable[[Handler, Body], object], opening: str | None = "Yes.") -> Iterator[Served]:
    server = Served(act, opening)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


async def at_once(seconds: float) -> None:
    """A pause that takes no time."""


def connect(url: str, *, chat: bool = True, timeout: float = 5.0, concurrency: int = 4) -> Server:
    return Server("m", Options(base_url=url, chat=chat, timeout=timeout, concurrency=concurrency), pause=at_once)


def prompt_of(body: Body) -> str:
    found = body["prompt"] if "prompt" in body else body["messages"][-1]["content"]
    assert isinstance(found, str)
    return found


def chat_answer(text: object, finish: str = "stop", **message: object) -> Body:
    """An answer of the chat endpoint."""
    return {"choices": [{"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}]}


def pieces(text: str) -> list[str]:
    """The tokens of a served model: words with the space before them."""
    return re.findall(r" ?[^ ]+", text)


def score(word: str) -> float:
    """Its log-probability of a token, from the letters alone."""
    return -1.0 - sum(map(ord, word)) % 97 / 8


def true(choice: str) -> float:
    """Its log-probability of a text."""
    return sum(map(score, pieces(choice)))
