"""A real HTTP server that misbehaves on purpose: nothing is lost, nothing is made up, no key is written."""

import json
import socket
import struct
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from harness.engine.backend import Options
from harness.engine.elsewhere.http import Server
from harness.engine.elsewhere.http_body import retry_after
from harness.engine.elsewhere.http_echo import PROBE
from harness.engine.elsewhere.http_opening import OPENING
from harness.errors import ModelError, Unsupported, UsageError
from harness.types import Choose, Chosen, Failed, Generate, Generated, Likelihood, Question, Request, Scored

KEY = "sk-secret-0123456789"
MISCHIEF = ("429", "500", "reset", "slow", "malformed", "truncated", "empty")


class Unruly(ThreadingHTTPServer):
    """Fails the first tries of every prompt with each kind of mischief in turn; ``hopeless`` prompts for ever."""

    daemon_threads = True

    def __init__(self, mischief: tuple[str, ...], *, echo: bool) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.mischief, self.echo = mischief, echo
        self.tries: dict[str, int] = {}
        self.at_once = self.most_at_once = 0
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that went away are expected here."""


class Handler(BaseHTTPRequestHandler):
    server: Unruly
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        server = self.server
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body.get("prompt") or body["messages"][-1]["content"]
        with server.guard:
            number = server.tries.get(prompt, 0)
            server.tries[prompt] = number + 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        threading.Event().wait(0.01)  # long enough for the others to arrive
        try:
            self._act(body, prompt, number)
        finally:
            with server.guard:
                server.at_once -= 1

    def _act(self, body: dict[str, Any], prompt: str, number: int) -> None:
        if "hopeless" in prompt:
            return self._send(500, {"error": f"no luck with {self.headers.get('Authorization')}"})
        offset = len(prompt) % max(1, len(self.server.mischief))
        turns = self.server.mischief[offset:] + self.server.mischief[:offset]
        if prompt in (PROBE, OPENING.prompt) or number >= min(4, len(turns)):
            return self._send(200, self._good(body, prompt))
        match turns[number]:
            case "429":
                self._send(429, {"error": "slow down"}, {"Retry-After": "7"})
            case "500":
                self._send(500, {"error": "oops"})
            case "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
            case "slow":
                threading.Event().wait(4)
            case "malformed":
                self._send(200, "{not json")
            case "truncated":
                self._send(200, self._good(body, prompt), cut=20)
            case "empty":
                self._send(200, {"choices": []})
        return None

    def _good(self, body: dict[str, Any], prompt: str) -> dict[str, Any]:
        if body.get("echo"):
            if not self.server.echo:
                return {"choices": [{"text": " x"}]}
            words = [w if i == 0 else f" {w}" for i, w in enumerate(prompt.split(" "))] + [" end"]
            offsets = [sum(map(len, words[:i])) for i in range(len(words))]
            scores = [None] + [-float(len(w)) for w in words[1:]]
            return {"choices": [{"text": prompt, "logprobs": {
                "tokens": words, "token_logprobs": scores, "text_offset": offsets,
                "top_logprobs": [None] + [{w: -float(len(w))} for w in words[1:]],
            }}]}  # fmt: skip
        text = "B." if "Letter:" in prompt else f"answer to {prompt} STOP and more"
        text = "I would rather not" if "refuse" in prompt else text
        choice = {"message": {"content": text}} if "messages" in body else {"text": text}
        return {"choices": [choice | {"finish_reason": "length"}], "usage": {"completion_tokens": 5}}

    def _send(self, code: int, body: object, headers: dict[str, str] | None = None, cut: int = 0) -> None:
        content = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[: len(content) - cut])
        if cut:
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def start(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HARNESS_API_KEY", KEY)
    running = []

    def make(mischief: tuple[str, ...] = (), *, echo: bool = False) -> Unruly:
        server = Unruly(mischief, echo=echo)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        return server

    yield make
    for server in running:
        server.shutdown()


def connect(server: Unruly, *, chat: bool = False) -> tuple[Server, list[float]]:
    """A client that notes how long it would wait instead of waiting."""
    waits: list[float] = []
    options = Options(base_url=server.url, chat=chat, timeout=2.0, concurrency=4)

    async def note(seconds: float) -> None:
        waits.append(seconds)

    return Server("m", options, pause=note), waits


def ask(model: Server, requests: list[Request]) -> list[Any]:
    batches = list(model.answer([Question("demo/qa", str(i), 0, r) for i, r in enumerate(requests)]))
    found = dict(pair for batch in batches for pair in batch)
    assert sorted(found) == list(range(len(requests)))
    return [found[i] for i in range(len(requests))]


@pytest.mark.parametrize("chat", [False, True])
def test_every_answer_arrives_in_spite_of_everything(start: Any, chat: bool) -> None:
    server = start(MISCHIEF)
    model, waits = connect(server, chat=chat)
    prompts = [f"prompt {'x' * i}" for i in range(14)]
    found = ask(model, [Generate(p, 8, ("STOP",)) for p in prompts])
    assert found == [Generated(f"answer to {p} ", 5, "stop") for p in prompts]
    assert 7.0 in waits  # the server's own Retry-After
    assert model.stats()["retries"] >= 14 * 4


def test_no_more_requests_at_once_than_allowed(start: Any) -> None:
    server = start()
    model, _ = connect(server)
    ask(model, [Generate(f"prompt {i}", 8) for i in range(40)])
    assert 2 <= server.most_at_once <= 4


def test_what_never_succeeds_is_failed_and_the_key_is_nowhere(start: Any) -> None:
    model, _ = connect(start())
    good, bad = ask(model, [Generate("fine", 8), Generate("hopeless", 8)])
    assert isinstance(good, Generated) and good.finish == "length"
    assert isinstance(bad, Failed) and bad.kind == "server" and "HTTP 500" in bad.message
    assert KEY not in repr((bad, model.info, model.stats()))


def test_choices_by_log_probability_where_the_server_echoes(start: Any) -> None:
    model, _ = connect(start(MISCHIEF, echo=True))
    chosen, scored = ask(model, [Choose("a b ", ("cc dd", "e f g")), Likelihood(" word", "some")])
    assert chosen == Chosen(0, (-6.0, -6.0), (2, 3))
    assert isinstance(scored, Scored) and scored.logprob == -5.0 and scored.greedy
    assert model.info.fingerprint["choices"] == "log-probabilities"


def test_choices_by_letter_where_it_does_not_and_what_names_none_is_failed(start: Any) -> None:
    model, _ = connect(start())
    picked, refused = ask(model, [Choose("q", ("x", "y")), Choose("refuse", ("x", "y"))])
    assert picked == Chosen(1, text="B.")
    assert isinstance(refused, Failed) and refused.kind == "unparsed"
    assert Likelihood not in model.info.answers


def test_texts_without_a_context_are_refused(start: Any) -> None:
    model, _ = connect(start(echo=True))
    with pytest.raises(Unsupported, match="cannot be rolled"):
        ask(model, [Likelihood("a long text")])


def test_a_server_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    for chat in (False, True):
        with pytest.raises(ModelError, match="ConnectError"):
            Server("m", Options(base_url=url, chat=chat))
    with pytest.raises(UsageError, match="--base-url"):
        Server("m", Options())


def test_retry_after_as_seconds_and_as_a_date() -> None:
    assert retry_after("3", 0.0) == 3.0
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 50.0) == 10.0
    assert retry_after("9999", 0.0) == 60.0
    assert (retry_after("soon", 0.0), retry_after(None, 0.0)) == (None, None)


def test_the_whole_road_stores_no_key(start: Any, tmp_path: Path) -> None:
    from harness.api import evaluate

    server = start(("500",))
    options = Options(base_url=server.url)
    evaluate("openai:m", ["demo/sentiment"], options=options, store=str(tmp_path), limit=3)
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 1000 and KEY.encode() not in kept
