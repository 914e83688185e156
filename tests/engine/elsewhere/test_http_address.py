"""Keys and passwords reach the server and nobody else."""

import json
from pathlib import Path
from typing import Any

import pytest
from asking import ask
from serving import Body, Handler, chat_answer, connect, serving

import harness
from harness.engine.elsewhere.http_address import address_of
from harness.errors import UsageError
from harness.hidden import bare
from harness.store import open_store
from harness.types import Failed, Generate

KEY = "sk-secret-0123456789"


def url(server: Any) -> str:
    return str(server.url).replace("http://", "http://anna:pass-word-1@") + "?version=secret-2#part"


@pytest.fixture(autouse=True)
def no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HARNESS_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("key", [KEY, f"{KEY}\n", f" {KEY}\r\n"])
def test_a_key_is_sent_without_the_line_break_that_ends_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("HARNESS_API_KEY", " \n")
    with serving(lambda handler, body: chat_answer("fine")) as server:
        ask(connect(server.url), [Generate("q", 8)])
        assert [h["Authorization"] for h in server.headers] == [f"Bearer {KEY}"]


@pytest.mark.parametrize("key", ["sk-one\nsk-two", "sk-ü", "sk-\x00", "sk-“quoted”"])
def test_a_key_that_no_header_can_hold_is_refused_and_not_quoted(key: str) -> None:
    with pytest.raises(UsageError, match="HARNESS_API_KEY cannot be sent") as refused:
        address_of("m", "http://127.0.0.1:1/v1", {"HARNESS_API_KEY": key})
    assert "sk-" not in str(refused.value)


def test_user_password_and_query_of_the_url_are_sent_and_written_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(handler: Handler, body: Body) -> object:
        if len(server.bodies) % 2:
            return chat_answer("fine")
        told = f"no: {handler.headers['Authorization']} {handler.path} anna:pass-word-1"
        handler.reply(400, json.dumps({"error": {"message": told}}).encode())
        return None

    told: list[str] = []
    monkeypatch.setenv("OPENAI_API_KEY", KEY)  # meant for another server: the URL says who asks here
    with serving(act) as server:
        model = connect(url(server), concurrency=1)
        harness.evaluate(
            model, "demo/qa", store=str(tmp_path), limit=4, notice=told.append,
            command=f"harness run openai:m --base-url '{url(server)}'",
        )  # fmt: skip
        assert server.headers[0]["Authorization"] == "Basic YW5uYTpwYXNzLXdvcmQtMQ=="
        assert set(server.paths) == {"/v1/chat/completions?version=secret-2"}
    kept = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert len(kept) > 1000 and model.info.fingerprint["server"] == server.url
    [run] = open_store(str(tmp_path)).runs()
    shown = [kept.decode("latin-1"), *told, repr(run), repr(model.info), repr(model.stats())]
    assert any("2 of 4 failed: refused: HTTP 400: no: Basic ***" in text for text in told)
    assert [secret for secret in ("pass-word", "YW5uYT", "secret-2") for text in shown if secret in text] == []


def test_a_key_that_a_server_repeats_is_hidden_however_it_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_API_KEY", KEY)

    def act(handler: Handler, body: Body) -> None:
        handler.reply(400, ("x" * (200 - len(KEY) // 2) + KEY).encode())

    with serving(act) as server:
        [found] = ask(connect(server.url), [Generate("q", 8)])
    assert isinstance(found, Failed) and "sk-" not in found.message


@pytest.mark.parametrize(
    "bad",
    ["ftp://a/v1", "127.0.0.1:8000", "http://", "http:///v1", "http://user:pass-word@host:port/v1", "nonsense?k=secret",
     "http://user:pass-word/x@host/v1", "user:pass-word@host", "http://[::1/v1?k=secret", "http://a b\x00c/v1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_without_its_secrets(bad: str) -> None:
    with pytest.raises(UsageError, match="--base-url") as refused:
        address_of("m", bad, {})
    assert "pass-word" not in str(refused.value) and "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("whole", "public"),
    [
        ("http://127.0.0.1:8000/v1", "http://127.0.0.1:8000/v1"),
        ("https://u:p@host:1/v1/?k=v#f", "https://host:1/v1/"),
        ("https://token@host", "https://host"),
        ("https://u:p@w@[::1]:5/v1", "https://[::1]:5/v1"),
        ("postgresql+psycopg://u:p@host/db?sslmode=x", "postgresql+psycopg://host/db"),
        ("sqlite:////srv/runs.db", "sqlite:////srv/runs.db"),
        ("https://host/@org/v1", "https://host/@org/v1"),
    ],
)
def test_a_public_url_has_no_user_password_or_query(whole: str, public: str) -> None:
    assert bare(whole) == public
