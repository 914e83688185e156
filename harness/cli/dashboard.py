"""`harness dashboard`: the pages over a store, in a browser."""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import click

from harness.cli.options import store_option
from harness.errors import UsageError


@click.command("dashboard")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen at.")
@store_option
def command(host: str, port: int, store: str | None) -> int:
    """Open the dashboard on a store; Ctrl-C ends it."""
    app = find_spec("dashboard")
    if app is None or app.origin is None or find_spec("streamlit") is None:
        raise UsageError('the dashboard is not installed; pip install "rai-harness[dashboard]"')
    script = Path(app.origin).with_name("app.py")
    words = [
        sys.executable, "-m", "dashboard.serve", "run", str(script), "--server.address", host,
        "--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none",
        "--browser.gatherUsageStats", "false", "--client.showErrorDetails", "none",
        "--client.toolbarMode", "minimal", "--runner.magicEnabled", "false",
    ]  # fmt: skip
    place = {"HARNESS_STORE": store} if store else {}
    click.echo(f"http://{host}:{port}")
    return subprocess.call(words, env={**os.environ, **place})
