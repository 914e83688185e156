"""A server takes no more time, memory and requests than it is given, and a run that ends early can be resumed."""

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from asking import ask, asked
from serving import Body, Handler, chat_answer, connect, prompt_of, serving

import harness
from harness.engine.elsewhere.http_body import LIMIT, retry_after
from harness.errors import ModelError, UsageError
from harness.store import open_store
from harness.types import Failed, Generate, Generated

HARNESS = str(Path(sys.executable).with_name("harness"))
FINE = json.dumps(chat_answer("fine")).encode()


def trickle(handler: Handler, body: Body) -> None:
    """A whole answer, but a byte at a time."""
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(FINE)))
    handler.end_headers()
    for i in range(len(FINE)):
        handler.wfile.write(FINE[i : i + 1])
        time.sleep(0.1)


def slow_headers(handler: Handler, body: Body) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for i in range(50):
        handler.wfile.write(b"X-%d: y\r\n" % i)
        time.sleep(0.1)


def endless(handler: Handler, body: Body) -> None:
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" " * 2**20)


def bomb(handler: Handler, body: Body) -> None:
    squeezer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    parts = [squeezer.compress(b" " * 2**20) for _ in range(2 * LIMIT // 2**20)]
    handler.reply(200, b"".join([*parts, squeezer.flush()]), {"Content-Encoding": "gzip"})


def broken_gzip(handler: Handler, body: Body) -> None:
    handler.reply(200, gzip.compress(FINE)[:-9], {"Content-Encoding": "gzip"})


def no_gzip(handler: Handler, body: Body) -> None:
    handler.reply(200, FINE, {"Content-Encoding": "gzip"})


def unasked(handler: Handler, body: Body) -> None:
    handler.reply(200, FINE, {"Content-Encoding": "br"})


def deep(handler: Handler, body: Body) -> None:
    handler.reply(200, b"[" * 200_000)


def deep_error(handler: Handler, body: Body) -> None:
    handler.reply(400, b'{"error": ' + b"[" * 200_000, {"Retry-After": "a, b"})


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (trickle, "server", "1.5 seconds"),
        (slow_headers, "server", "1.5 seconds"),
        (endless, "too-large", "16,777,216"),
        (bomb, "too-large", "when decompressed"),
        (broken_gzip, "server", "end early"),
        (no_gzip, "server", "malformed"),
        (unasked, "server", "br"),
        (deep, "server", "malformed"),
        (deep_error, "refused", "HTTP 400"),
    ],
)
def test_an_answer_has_a_deadline_a_size_and_a_shape(act: Any, kind: str, words: str) -> None:
    fine = chat_answer("fine") | {"usage": {"prompt_tokens": 3, "completion_tokens": 0}}
    with serving(lambda h, b: fine if prompt_of(b) != "q" else act(h, b)) as server:
        model = connect(server.url, timeout=1.5 if act in (trickle, slow_headers) else 30.0)
        bad, good = ask(model, [Generate("q", 8), Generate("other", 8)])
    assert isinstance(bad, Failed) and bad.kind == kind and words in bad.message
    assert good == Generated("fine", 0, "end")
    opening = 1  # it comes without a count
    assert (model.stats()["uncounted_answers"] > opening) is (kind != "refused"), "what broke off may have cost too"


def test_compressed_answers_are_read() -> None:
    def act(handler: Handler, body: Body) -> None:
        assert "gzip" in handler.headers["Accept-Encoding"]
        handler.reply(200, gzip.compress(FINE), {"Content-Encoding": "gzip"})

    with serving(act) as server:
        assert ask(connect(server.url), [Generate("q", 8)]) == [Generated("fine", 0, "end")]


def gone_after(answers: int) -> Any:
    """Answers so many requests, then closes its door and hangs up on whoever is inside."""

    def act(handler: Handler, body: Body) -> object:
        with guard:
            given.append(body)
            number = len(given)
        if number <= answers:
            handler.reply(200, json.dumps(chat_answer(f"answer {number}")).encode())
            return None
        handler.server.shutdown()
        handler.server.server_close()
        handler.close_connection = True
        return None

    guard, given = threading.Lock(), list[Body]()
    return act


@pytest.mark.parametrize("answers", [0, 3, 11])
def test_a_server_that_is_gone_leaves_a_run_to_be_resumed(answers: int, tmp_path: Path) -> None:
    with serving(gone_after(answers)) as server:
        model = connect(server.url)
        with pytest.raises(ModelError, match=r"no answer any more .*: \w+Error: .*--resume asks the rest"):
            harness.evaluate(model, "demo/qa", store=str(tmp_path), limit=12)
    assert [run.status for run in open_store(str(tmp_path)).runs()] == ["failed"]
    with serving(lambda handler, body: chat_answer("later")) as again:
        model = connect(again.url)
        model.info.fingerprint["server"] = server.url  # type: ignore[index]
        result = harness.evaluate(model, "demo/qa", store=str(tmp_path), limit=12, resume=True)
        assert len(again.bodies) == 12 - answers
    assert result.run.status == "finished" and {e.failed for e in result.estimates} == {0}


def test_what_has_arrived_when_a_key_is_refused_is_kept() -> None:
    def act(handler: Handler, body: Body) -> None:
        if prompt_of(body) != "0":
            taken.wait(30)
        if prompt_of(body) != "8":
            handler.reply(200, FINE)
            sent.release()
            return
        for _ in range(8):
            sent.acquire(timeout=30)
        time.sleep(2)  # for the others to arrive
        handler.reply(401, b"{}")
        refused.set()

    taken, refused, sent, kept = threading.Event(), threading.Event(), threading.Semaphore(0), list[int]()
    with serving(act) as server:
        batches = connect(server.url, concurrency=9).answer(asked([Generate(str(i), 8) for i in range(9)]))
        kept += [position for position, _ in next(batches)]
        taken.set()
        assert refused.wait(30)
        time.sleep(1)  # for that to arrive as well
        with pytest.raises(ModelError, match="the key is refused"):
            for batch in batches:
                kept += [position for position, _ in batch]
    assert sorted(kept) == list(range(8))


def test_a_broken_server_is_told_from_requests_that_it_cannot_answer() -> None:
    def act(handler: Handler, body: Body) -> object:
        if broken or "bad" in prompt_of(body):
            handler.reply(500, b'{"error": {"message": "out of memory"}}')
            return None
        return chat_answer("fine")

    requests = [Generate(f"{'bad' if i % 2 else 'good'} {i}", 8) for i in range(40)]
    broken = False
    with serving(act) as server:
        found = ask(connect(server.url), requests)
        assert [isinstance(r, Failed) for r in found] == [i % 2 == 1 for i in range(40)]
    broken = True
    with serving(act) as server:
        with pytest.raises(ModelError, match="in vain: 8.: HTTP 500: out of memory"):
            ask(connect(server.url), requests * 25)
        assert len(server.bodies) < 150


def test_retry_after_is_capped_and_may_be_nonsense() -> None:
    assert [retry_after(h, 0.0) for h in ("inf", "1e400", "-3", "5")] == [60.0, 60.0, 0.0, 5.0]
    assert [retry_after(h, 0.0) for h in ("nan", "a, b", "Thu, 99 Jan 1970 00:00:00 GMT", "")] == [None] * 4


@pytest.mark.parametrize("said", ["nothing", "429"])
def test_ctrl_c_ends_the_process_at_once(said: str, tmp_path: Path) -> None:
    def act(handler: Handler, body: Body) -> object:
        if said == "429":
            handler.reply(429, b"{}", {"Retry-After": "9999"})
        else:
            asked.wait(30)
        return None

    asked = threading.Event()
    with serving(act) as server:
        command = [HARNESS, "run", "openai:m", "--base-url", server.url, "--chat", "--tasks", "demo/qa", "--quiet"]
        env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.PIPE, text=True)
        until = time.monotonic() + 60
        while len(server.bodies) < 8 and time.monotonic() < until:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        asked.set()
    assert (process.returncode, told.strip()) == (130, "harness: interrupted")


@pytest.mark.parametrize("timeout", [0.0, -1.0, float("nan"), float("inf")])
def test_a_timeout_is_a_number_of_seconds(timeout: float) -> None:
    with pytest.raises(UsageError, match="timeout"):
        connect("http://127.0.0.1:1/v1", timeout=timeout)
    with pytest.raises(UsageError, match="concurrency = 0"):
        connect("http://127.0.0.1:1/v1", concurrency=0)
