"""`harness dashboard` refuses what it cannot serve before a server starts."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--host", ""], "--host is empty"),
        (["--host", "192.0.2.1"], "cannot listen at --host 192.0.2.1 --port 8501"),
        (["--store", "bad://x"], "no store at bad://x"),
        (["--port", "70000"], "70000"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("streamlit")
    with pytest.raises(SystemExit) as stop:
        main(["dashboard", *words])
    told = capsys.readouterr()
    assert stop.value.code == 2 and said in told.err and told.err.count("\n") == 1 and "http" not in told.out


def test_a_port_in_use_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("streamlit")
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(SystemExit) as stop:
        main(["dashboard", "--port", str(other.getsockname()[1])])
    assert stop.value.code == 2 and "Address already in use" in capsys.readouterr().err


def test_files_of_the_working_folder_are_not_run(tmp_path: Path) -> None:
    """Named like what the server imports or reads, in the folder where the user stands."""
    pytest.importorskip("streamlit")
    trap = "open('/proc/self/cwd/ran', 'w').close(); raise SystemExit(9)\n"
    for name in ("streamlit", "pandas", "starlette", "altair", "sitecustomize", "text", "runs"):
        (tmp_path / f"{name}.py").write_text(trap.replace("/proc/self/cwd", str(tmp_path)))
    (tmp_path / "harness_dashboard").mkdir()
    for name in ("__init__", "serve", "app"):
        (tmp_path / "harness_dashboard" / f"{name}.py").write_text(trap.replace("/proc/self/cwd", str(tmp_path)))
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").write_text("[server]\nbaseUrlPath = 'trapped'\n")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_")}
    words = [str(Path(sys.executable).with_name("harness")), "dashboard", "--port", str(port), "--store", "store"]
    with subprocess.Popen(words, cwd=tmp_path, env=env, start_new_session=True, stderr=subprocess.DEVNULL) as server:
        try:
            assert asked(port, "127.0.0.1", server) == 200
            assert asked(port, "localhost", server) == 200
            assert asked(port, "attacker.example", server) == 403
        finally:
            os.killpg(server.pid, signal.SIGKILL)
    assert not (tmp_path / "ran").exists()


def asked(port: int, name: str, server: subprocess.Popen[bytes]) -> int:
    """The status of the server's own page, asked for under a host name; waits until somebody listens."""
    until = time.monotonic() + 60
    while time.monotonic() < until and server.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", "/_stcore/health", headers={"Host": f"{name}:{port}"})
            return connection.getresponse().status
        except OSError:
            time.sleep(0.2)
    return 0


def test_what_is_imported_is_not_searched_for_garbage_after_every_page() -> None:
    pytest.importorskip("streamlit")
    code = "import gc; from harness_dashboard import serve; serve.load()"
    code += "; print(gc.get_freeze_count(), len(gc.get_objects()))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    frozen, searched = map(int, done.stdout.split())
    assert frozen > 20 * searched


def test_cells_that_would_be_formulas_begin_with_an_apostrophe() -> None:
    pd = pytest.importorskip("pandas")
    pytest.importorskip("streamlit")
    from harness_dashboard.widgets.text import spreadsheet

    frame = pd.DataFrame({"=x": ["=1+1", "@a", "fine", "-", None], "n": [-1.5, 2, 3, 4, 5]})
    assert spreadsheet(frame).to_csv(index=False).splitlines()[:3] == ["'=x,n", "'=1+1,-1.5", "'@a,2.0"]
    hidden = [" =1", "\t=1", "\ufeff=1", "\u200b@x", "\uff1d1", "\uff0d1"]  # wide signs are formulas in East Asia
    assert [text[:1] for text in spreadsheet(pd.DataFrame({"x": hidden}))["x"]] == ["'"] * len(hidden)
    assert spreadsheet(pd.DataFrame({"x": ["a=1", " a", "\u20131"]}))["x"].tolist() == ["a=1", " a", "\u20131"]
    inner = ["x;=1", "x; @a;y", "x\n=1", "\n=1", "x\t\uff0b1", "x;y,=1", 'x;"=1;y']  # as semicolons part cells
    shown = ["x;'=1", "x;' @a;y", "x\n'=1", "\n'=1", "x\t'\uff0b1", "x;y,=1", "x;'\"=1;y"]
    assert spreadsheet(pd.DataFrame({"x": inner}))["x"].tolist() == shown
