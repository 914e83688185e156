"""A real OpenAI-compatible server, `transformers serve`, runs the embedded model: completions and chat both answer."""

import importlib.util
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

import harness
from harness.engine.backend import Options
from harness.engine.smollm2 import smollm2_folder

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(importlib.util.find_spec("fastapi") is None, reason="transformers[serving] is not installed"),
]
KEY = "sk-not-to-be-written"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("transformers")), "serve", "--device", "cpu", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            _wait(f"http://127.0.0.1:{port}/health", server)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            server.terminate()


def _wait(url: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 120
    while time.monotonic() < until and server.poll() is None:
        try:
            httpx.get(url, timeout=2)
            return
        except httpx.TransportError:
            time.sleep(0.5)
    pytest.fail("the server does not answer")


@pytest.mark.parametrize("chat", [False, True], ids=["completions", "chat"])
def test_a_real_server_answers(address: str, chat: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_API_KEY", KEY)
    options = Options(base_url=address, chat=chat, timeout=120, concurrency=2)
    model = f"openai:{smollm2_folder()}"
    result = harness.evaluate(model, ["demo/qa", "demo/sentiment"], limit=2, options=options, store=str(tmp_path / "s"))
    found = {(e.task, e.metric): e for e in result.estimates if e.slice == "all"}
    assert found["demo/qa", "exact_match"].n == 2 and found["demo/qa", "exact_match"].failed == 0
    sentiment = found["demo/sentiment", "acc"]
    assert sentiment.n + sentiment.failed == 2
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert KEY.encode() not in written
