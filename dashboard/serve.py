"""`python -m harness_dashboard.serve run app.py ...`: Streamlit's command line, loading what the pages need beside it.

The pages' libraries take three seconds to import. Streamlit would begin with them when the first page is asked for.
A request is answered only under a name that is ours: a page of somebody else's could otherwise let its own name lead to
this machine (DNS rebinding) and read what the store holds.
"""

import gc
import ipaddress
import os
import socket
import sys
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Any

from starlette.middleware import Middleware
from streamlit.web.cli import main
from streamlit.web.server.starlette import starlette_app

NEEDED = (
    "pandas",
    "altair",
    "harness_dashboard.session",
    "duckdb",
    "scipy.special",
    "statsmodels.stats.multitest",
    "harness_tasks",
)


THEME = {
    "headingFontSizes": "1.6rem,1.3rem,1.1rem",
    "metricValueFontSize": "1.4rem",
    "light.backgroundColor": "#FFFFFF",
    "light.secondaryBackgroundColor": "#F1F4F8",
    "light.textColor": "#0D1117",
    "light.primaryColor": "#0B5C96",
    "light.linkColor": "#0B5C96",
    "dark.backgroundColor": "#0E1117",
    "dark.secondaryBackgroundColor": "#1B2129",
    "dark.textColor": "#F0F2F5",
    "dark.primaryColor": "#5FA8DC",
    "dark.linkColor": "#7FBAE6",
    "light.paddingTop": "1rem",
    "dark.paddingTop": "1rem",
}
"""How the pages look: Streamlit's options of these names. All words have a contrast of at least 4.5:1."""


def load() -> None:
    """Import what the pages need, while the browser is still opening.

    Streamlit collects garbage after every page, all the while holding the interpreter; what was imported is never
    garbage, and looking through it takes a quarter of a second.
    """
    for name in NEEDED:
        with suppress(ImportError):  # the page that needs it says so
            import_module(name)
    gc.collect()
    gc.freeze()


def ours(name: str) -> bool:
    """Whether a request for the host ``name`` is meant for us: an address, this machine, or what the user named."""
    name = name.strip("[]").rstrip(".").lower()
    named = {word.lower() for word in os.environ.get("HARNESS_DASHBOARD_NAMES", "").split()}
    if name in named | {"localhost", socket.gethostname().lower(), socket.getfqdn().lower()}:
        return True
    with suppress(ValueError):
        ipaddress.ip_address(name)
        return True
    return name.endswith(".localhost")


class Guard:
    """ASGI middleware that answers 403 (and closes a WebSocket) where a request is for another name."""

    def __init__(self, app: Any) -> None:
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] not in ("http", "websocket") or ours(host_of(scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
        else:
            said = b"this name is not one of the dashboard's; start it with --name to allow it"
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": said})


def host_of(scope: Any) -> str:
    """The name that a request is for, without its port; empty where it says none."""
    host = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() else host


def guard() -> None:
    """Let Streamlit put the guard before everything else that it serves."""
    make = starlette_app.create_streamlit_middleware

    def guarded() -> list[Middleware]:
        return [Middleware(Guard), *make()]

    starlette_app.create_streamlit_middleware = guarded


if __name__ == "__main__":
    guard()
    Thread(target=load, daemon=True).start()
    sys.argv += [word for name, value in THEME.items() for word in (f"--theme.{name}", value)]
    main(prog_name="streamlit")
