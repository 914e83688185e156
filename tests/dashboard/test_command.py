"""`harness dashboard` refuses what it cannot serve before a server starts."""

import socket

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
