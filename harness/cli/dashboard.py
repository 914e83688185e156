"""`harness dashboard`: the pages over a store, in a browser."""

import os
import socket
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import click

from harness.cli.options import store_option
from harness.errors import StoreError, UsageError


@click.command("dashboard")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="Port to listen at.")
@click.option("--name", "names", multiple=True, help="Also answer to this name, such as a proxy's; may be given again.")
@click.option(
    "--export", "folder", type=click.Path(path_type=Path), help="Write plain pages into a new folder instead."
)
@store_option
@click.pass_context
def command(  # one argument per option
    context: click.Context, host: str, port: int, names: tuple[str, ...], folder: Path | None, store: str | None
) -> int:
    """Open the dashboard on a store; Ctrl-C ends it.

    With --export nothing is served: a folder of pages with tables and pictures, to be copied or sent.
    """
    if folder:
        return _export(context, folder, store)
    return serve_page("app.py", host, port, names, store)


def _export(context: click.Context, folder: Path, store: str | None) -> int:
    from harness.api import export_site

    given = click.core.ParameterSource.COMMANDLINE
    for name in ("host", "port", "names"):
        if context.get_parameter_source(name) is given:
            raise click.UsageError(f"--export serves nothing: leave out --{name.removesuffix('s')}")
    pages = export_site(folder, store=store)
    click.echo(f"{len(pages)} pages: open {pages[0]}")
    return 0


def serve_page(entry: str, host: str, port: int, names: tuple[str, ...], store: str | None) -> int:
    """Serve an entry of the dashboard's package until it is ended; gives the exit code."""
    app = find_spec("harness_dashboard")
    if app is None or app.origin is None or find_spec("streamlit") is None:
        raise UsageError('the dashboard is not installed; pip install ".[dashboard]" in the checkout of harness')
    script = Path(app.origin).with_name(entry)
    words = [  # -P, and a working folder of our own: no file that lies where the user stands is imported or read
        sys.executable, "-P", "-m", "harness_dashboard.serve", "run", str(script), "--server.address", host,
        "--server.port", str(port), "--server.headless", "true", "--server.fileWatcherType", "none",
        "--browser.gatherUsageStats", "false", "--client.showErrorDetails", "none",
        "--client.toolbarMode", "minimal", "--runner.magicEnabled", "false",
    ]  # fmt: skip
    _check_store(store)
    _check_address(host, port)
    click.echo(f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}")
    return 3 if subprocess.call(words, env=_environment(host, names, store), cwd=script.parent) else 0


def _environment(host: str, names: tuple[str, ...], store: str | None) -> dict[str, str]:
    """The environment of the server: what it needs from the user's folder by its whole path, and who may be asked."""
    from harness.store.places import DEFAULT, absolute

    path = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return {
        **os.environ,
        "HARNESS_STORE": absolute(store or DEFAULT),
        "HARNESS_DASHBOARD_NAMES": " ".join((host, *names)),
        "PYTHONPATH": os.pathsep.join(str(Path(part).absolute()) for part in path),
    }


def _check_store(store: str | None) -> None:
    """Refuse what cannot be a store; the page itself reports one that does not exist yet or does not answer."""
    from harness.store import open_store

    with suppress(StoreError):
        open_store(store, create=False)


def _check_address(host: str, port: int) -> None:
    """Whether this machine can listen there: the server itself would say so in the middle of its log, or not at all."""
    if not host.strip():
        raise UsageError(
            "--host is empty, which would let anybody connect; valid: 127.0.0.1, or an address of this machine"
        )
    try:
        ((family, kind, _, _, address), *_) = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise UsageError(f"cannot listen at --host {host} --port {port}: {error.strerror or error}") from error
