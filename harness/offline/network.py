"""A process that reaches nobody: the clients of the Hub keep to their caches, and other connections are refused."""

import ipaddress
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from harness.errors import RunError, quoted

SWITCHES = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "HF_EVALUATE_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
}
_READ_AT_IMPORT = {
    "huggingface_hub.constants": ("HF_HUB_OFFLINE",),
    "datasets.config": ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE"),
    "evaluate.config": ("HF_EVALUATE_OFFLINE",),
}
"""Modules that have read the switches when they were imported, and by which names they know them."""
_CALLS = ("connect", "connect_ex", "sendto", "sendmsg")


class NetworkRefused(RunError):
    """Somebody wanted to reach another machine."""


@contextmanager
def no_network() -> Iterator[None]:
    """Nothing in this process reaches another machine; what is missing is an error at once, not a long wait.

    What Python code opens outside of loopback raises NetworkRefused; libraries in other languages, such as the drivers
    of a database, see the switches of the Hub's clients only.
    """
    with ExitStack() as stack:
        for name, value in SWITCHES.items():
            _environment(name, value, stack)
        for module, names in _READ_AT_IMPORT.items():
            for name in names:
                _attribute(sys.modules.get(module), name, True, stack)
        for name in _CALLS:
            _attribute(socket.socket, name, _guarded(getattr(socket.socket, name)), stack)
        _attribute(socket, "getaddrinfo", _resolving(socket.getaddrinfo), stack)
        yield


@contextmanager
def hub_cache_at(folder: Path | None) -> Iterator[None]:
    """The Hub's clients take models from this folder, in the layout of their cache; None: from the user's cache."""
    with ExitStack() as stack:
        if folder is not None:
            _environment("HF_HUB_CACHE", str(folder), stack)
            _attribute(sys.modules.get("huggingface_hub.constants"), "HF_HUB_CACHE", str(folder), stack)
        yield


def _environment(name: str, value: str, stack: ExitStack) -> None:
    before = os.environ.get(name)
    stack.callback(os.environ.pop, name, None) if before is None else stack.callback(os.environ.update, {name: before})
    os.environ[name] = value


def _attribute(holder: Any, name: str, value: object, stack: ExitStack) -> None:
    if hasattr(holder, name):
        stack.callback(setattr, holder, name, getattr(holder, name))
        setattr(holder, name, value)


def _guarded(call: Any) -> Any:
    def guarded(self: socket.socket, *args: Any) -> Any:
        address = next((one for one in args if isinstance(one, tuple)), None)
        if self.family in (socket.AF_INET, socket.AF_INET6) and address:
            _require_here(str(address[0]), address[1] if len(address) > 1 else "")
        return call(self, *args)

    return guarded


def _resolving(call: Any) -> Any:
    def resolving(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host is not None:
            _require_here(host.decode() if isinstance(host, bytes) else str(host), port)
        return call(host, port, *args, **kwargs)

    return resolving


def _require_here(host: str, port: object) -> None:
    """Raises NetworkRefused for a host that is not this machine."""
    if host in ("", "localhost"):
        return
    try:
        if ipaddress.ip_address(host.partition("%")[0]).is_loopback or host in ("0.0.0.0", "::"):
            return
    except ValueError:
        pass  # a name and no address: refused like any other
    raise NetworkRefused(f"--offline: nothing may be reached, and {quoted(f'{host}:{port}', 120)} was asked for")
