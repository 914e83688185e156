"""Secrets that are planted wherever one may stand, and looked for byte by byte in everything that is left behind."""

import json
import shlex
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from forked import command

from harness.hidden import bare, hidden
from harness.store import open_store

PLANTED = {
    "environment": "planted-env-token-5511", "header": "sk-planted-header-key-7722", "user": "plantedUser3",
    "userinfo": "plantedUserinfo9933", "query": "planted-query-key-1144", "suite": "planted-suite-token-2255",
    "postgres": "planted-pg-password-3366", "s3": "planted/S3/secret-4477", "fragment": "planted-fragment-6688",
}  # fmt: skip


class Talker(BaseHTTPRequestHandler):
    """Answers completions, and repeats in an error what it was sent."""

    def do_POST(self) -> None:
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if sent.get("echo"):
            self.reply(400, {"error": f"no echo for {self.headers.get('Authorization')} at {self.path}"})
        else:
            self.reply(200, {"choices": [{"text": "positive", "finish_reason": "stop"}], "usage": {}})

    def reply(self, status: int, page: object) -> None:
        body = json.dumps(page).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *given: object) -> None:
        """Nothing."""


@pytest.fixture
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Talker) as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made.server_address[1]
        made.shutdown()


def start(cwd: Path, *words: str) -> tuple[int, str]:
    done = command(*words, cwd=cwd, MY_API_TOKEN=PLANTED["environment"], OPENAI_API_KEY=PLANTED["header"])
    return done.returncode, done.stdout + done.stderr


def require_clean(folder: Path, said: str, but: str = "suite.toml") -> None:
    places = {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != but}
    places["the terminal"] = said.encode()
    for place, content in places.items():
        for kind, secret in PLANTED.items():
            assert secret.encode() not in content, (kind, place)


def test_no_secret_is_found_anywhere(tmp_path: Path, server: int) -> None:
    user = f"{PLANTED['user']}:{PLANTED['userinfo']}"
    url = f"http://{user}@127.0.0.1:{server}/v1?api_key={PLANTED['query']}#{PLANTED['fragment']}"
    (tmp_path / "suite.toml").write_text(
        "models = ['openai:x']\ntasks = ['demo/sentiment']\n[settings]\nlimit = 3\n"
        f"[options]\nbase_url = 'http://127.0.0.1:{server}/v1?token={PLANTED['suite']}'\n"
    )
    said = ""
    for words in (
        ("run", "openai:x", "--base-url", url, "--tasks", "demo/sentiment", "--limit", "3"),
        ("run", "openai:x", "--base-url", f"http://127.0.0.1:{server}/{PLANTED['environment']}", "--tasks",
         "demo/sentiment", "--limit", "3"),
        ("run", "suite.toml"),
        ("run", "scripted:oracle", "openai:x", "--base-url", url, "--tasks", "demo/sentiment", "--json", "out.json"),
    ):  # fmt: skip
        code, told = start(tmp_path, *words, "--store", "store")
        said += told
        assert code in (0, 3), told
    code, told = start(tmp_path, "run", "scripted:oracle", "--base-url", url, "--tasks", "demo/sentiment")
    said += told
    assert code == 2, told
    runs = open_store(str(tmp_path / "store")).runs()
    assert runs and any(run.recipe["options"]["base_url"] for run in runs)
    for i, run in enumerate(runs):
        for words in (
            ("show", run.id), ("report", run.id, "--out", f"{i}.html"), ("runs", "export", run.id),
            ("report", run.id, "--format", "json", "--out", f"{i}.json"),
        ):  # fmt: skip
            if run.status == "finished":
                code, told = start(tmp_path, *words, "--store", "store")
                said += told
                assert code == 0, told
    require_clean(tmp_path, said)


@pytest.mark.parametrize(
    "words",
    [
        ("list", "runs", "--store", f"postgresql://u:{PLANTED['postgres']}@127.0.0.1:1/d"),
        ("list", "runs", "--store", f"postgresql://127.0.0.1:1/d?password={PLANTED['postgres']}"),
        ("list", "runs", "--store", f"postgresql://{PLANTED['user']}@127.0.0.1:1/d?options={PLANTED['query']}"),
        ("list", "runs", "--store", f"mysql://u:{PLANTED['postgres']}@h/d"),
        ("list", "runs", "--store", f"postgresql://u:{PLANTED['postgres']}@h:port/d"),
        ("list", "runs", "--store", f"postgresql://u:{PLANTED['s3']}@h/d"),
        ("run", "scripted:oracle", "--tasks", "demo/qa", "--samples-at", f"s3://AKIA:{PLANTED['s3']}@bucket/p"),
        ("run", "scripted:oracle", "--tasks", "demo/qa", "--samples-at", f"s3://bucket/p?secret={PLANTED['s3']}"),
        ("run", "openai:x", "--tasks", "demo/qa", "--base-url", f"http://u:{PLANTED['userinfo']}@127.0.0.1:1/v1"),
    ],
)
def test_an_error_line_quotes_no_secret(words: tuple[str, ...], tmp_path: Path) -> None:
    if words[0] == "list":
        words = ("runs", *words[:1], *words[2:])
    code, said = start(tmp_path, *words)
    assert code in (2, 3) and said.count("\n") == 1, said
    require_clean(tmp_path, said)


def test_a_run_in_postgresql_keeps_no_secret(postgres_server, tmp_path: Path) -> None:
    url = postgres_server.schema("secrets").replace("harness@", f"harness:{PLANTED['postgres']}@")
    code, said = start(tmp_path, "run", "scripted:oracle", "--tasks", "demo/qa", "--limit", "3", "--store", url)
    assert code == 0, said
    [run] = open_store(url).runs()
    code, more = start(tmp_path, "runs", "export", run.id, "--store", url)
    assert code == 0
    require_clean(tmp_path, said + more + repr(run))


def test_a_store_of_an_older_release_is_cleaned(tmp_path: Path) -> None:
    """Also of what its file no longer uses; runs of one model stay together."""
    from sqlalchemy import text

    from harness.api import evaluate
    from harness.store.database import writing

    ids = [evaluate("scripted:oracle", "demo/qa", limit=2, store=str(tmp_path / "s")).run.id for _ in range(2)]
    store = open_store(str(tmp_path / "s"))
    secret = f"http://u:{PLANTED['userinfo']}@h/v1"
    with writing(store.engine) as connection:
        command = shlex.join(["harness", "run", "openai:x", "--base-url", secret + f"?k={PLANTED['query']}"])
        connection.execute(text("UPDATE runs SET command = :c, message = :c"), {"c": command})
        connection.execute(text("UPDATE models SET fingerprint = :f"), {"f": json.dumps({"server": secret})})
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN recipe"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN imported"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN training"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN energy"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN source"))
        for column in ("family", "step", "bundle"):
            connection.execute(text(f"ALTER TABLE runs DROP COLUMN {column}"))
        connection.execute(text("ALTER TABLE tasks DROP COLUMN scorer"))
        connection.execute(text("ALTER TABLE task_sets DROP COLUMN available"))
        connection.execute(text("ALTER TABLE runs DROP COLUMN left_out"))
        for table in ("audits", "ratings", "assignments", "raters", "campaign_items", "campaigns"):
            connection.execute(text(f"DROP TABLE {table}"))
    store.close()
    with sqlite3.connect(tmp_path / "s" / "catalogue.sqlite") as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    assert PLANTED["userinfo"].encode() in (tmp_path / "s" / "catalogue.sqlite").read_bytes()
    again = open_store(str(tmp_path / "s"))
    assert {run.id for run in again.runs()} == set(ids) and len(again.results(ids[0])) > 0
    assert {run.command for run in again.runs()} == {"harness run openai:x --base-url 'http://h/v1'"}
    assert {json.dumps(dict(run.fingerprint)) for run in again.runs()} == {'{"server": "http://h/v1"}'}
    require_clean(tmp_path, "")


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("postgresql://u:p@h:5/d", "postgresql://h:5/d"),
        ("https://token@h/v1", "https://h/v1"),
        ("https://h:8000/v1?key=v#t", "https://h:8000/v1"),
        ("s3://AKIA:a/b@bucket/p", "s3://***"),
        ("ftp://u:p?q@h/x", "ftp://***"),
        ("ftp://u:p#q@h/x", "ftp://***"),
        ("http://[::1]:80/x", "http://[::1]:80/x"),
        ("say 'http://u:p@h/x' and http://h/?k=v", "say 'http://h/x' and http://h/"),
        ("no url at all: a/b?c", "no url at all: a/b?c"),
    ],
)
def test_a_bare_url(url: str, place: str) -> None:
    assert bare(url) == place


def test_short_and_harmless_values_of_the_environment_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "short")
    monkeypatch.setenv("MY_TOKEN", "long-enough-secret\n")
    monkeypatch.setenv("SSH_AUTH_SOCK", "/tmp/ssh-agent")
    assert hidden("short long-enough-secret /tmp/ssh-agent") == "short *** /tmp/ssh-agent"
