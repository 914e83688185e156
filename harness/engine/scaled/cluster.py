"""The Ray cluster that workers live in: one on this machine that nobody else reaches, or one that is running already.

Whoever reaches a port of Ray can run code there. So our own cluster listens on the loopback interface alone and takes a
token that only its processes know, its dashboard is off, and nothing about its use is reported; a cluster elsewhere
has to ask for a token too.
"""

import os
import secrets
import signal
import sys
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from threading import current_thread, main_thread
from typing import Any

from harness.engine.scaled.guard import watch
from harness.errors import ModelError, UsageError, quoted

OURS = {
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on Linux too: every port on 127.0.0.1
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_DISABLE_DASHBOARD": "1",
}
OBJECTS = 200 * 10**6
"""Bytes of shared memory for the packed questions of a run."""
GPU_THREADS = 4
"""CPU threads that a worker with a card of its own has, unless the options say otherwise."""


@dataclass(frozen=True, slots=True)
class Size:
    """What each worker takes, and how many there are to be (None: as many as the cluster has room for)."""

    threads: int
    gpus: int
    workers: int | None


def ray_module() -> Any:
    """Ray, imported only now. Raises what ``require_ray`` raises."""
    require_ray()
    return import_module("ray")


def require_ray() -> None:
    """Raises UsageError where Ray is not installed; a folder of that name, as Ray's own in /tmp, is not Ray."""
    spec = find_spec("ray")
    if spec is None or spec.origin is None:
        raise UsageError("--workers and --ray need Ray: pip install '.[ray]' in the checkout of harness")


def connect(address: str | None, workers: int | None, threads: int | None, device: str) -> Size:
    """Start a cluster on this machine or join the one at ``address``; in a process that is in one, use that.

    Raises UsageError without Ray and for an address without a token, ModelError for a cluster that cannot be reached.
    """
    require_ray()
    _set_up(address)
    ray = ray_module()
    cores = os.cpu_count() or 1
    if not ray.is_initialized():
        own = {
            "_node_ip_address": "127.0.0.1",
            "num_cpus": max(cores, (workers or 1) * (threads or 1)),
            "num_gpus": 0 if device == "cpu" else _cards(),
            "include_dashboard": False,
            "object_store_memory": OBJECTS,
        }
        _init(ray, address, own)
        if address is None:
            watch(str(Path(live_nodes()[0]["ObjectStoreSocketName"]).parents[1]))
    gpus = int(device != "cpu" and ray.cluster_resources().get("GPU", 0) > 0)
    if threads is None and gpus:
        threads = GPU_THREADS
    elif threads is None and address is None:
        threads = max(1, cores // (workers or 1))
    elif threads is None:
        threads = min((int(node["Resources"]["CPU"]) for node in live_nodes() if fits(node, 1, 0)), default=1)
    return Size(threads, gpus, workers)


def _set_up(address: str | None) -> None:
    """What Ray reads of the environment when it is imported."""
    if address is not None:
        if os.environ.get("RAY_AUTH_MODE") is None and not _has_token():
            raise UsageError(
                f"the Ray cluster {quoted(address, 60)} has to ask for a token: set RAY_AUTH_MODE=token and "
                "RAY_AUTH_TOKEN or ~/.ray/auth_token; RAY_AUTH_MODE=disabled lets all who reach its port run code"
            )
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        return
    for name, value in OURS.items():
        os.environ.setdefault(name, value)
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    if "ray" not in sys.modules:  # otherwise it has read the variable already, and asks for a token by itself
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _init(ray: Any, address: str | None, own: dict[str, Any]) -> None:
    in_main = current_thread() is main_thread()
    before = signal.getsignal(signal.SIGTERM)
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        ray.init(address="local", **own, **quiet) if address is None else ray.init(address=address, **quiet)
    except Exception as error:
        where = "on this machine" if address is None else f"at {quoted(address)}"
        raise ModelError(f"no Ray cluster {where}: {type(error).__name__}: {error}") from error
    finally:
        if in_main:
            signal.signal(signal.SIGTERM, before)  # Ray puts its own in place


def live_nodes() -> list[dict[str, Any]]:
    """What Ray knows of every node that is alive."""
    return [node for node in ray_module().nodes() if node["Alive"]]


def fits(node: dict[str, Any], threads: int, gpus: int) -> int:
    """How many workers a node has room for."""
    resources = node["Resources"]
    by_cpu = int(resources.get("CPU", 0)) // threads
    return min(by_cpu, int(resources.get("GPU", 0)) // gpus) if gpus else by_cpu


def wanted(size: Size) -> int:
    """How many workers there should be now: nodes come and go."""
    return size.workers or sum(fits(node, size.threads, size.gpus) for node in live_nodes())


def _has_token() -> bool:
    kept = os.environ.get("RAY_AUTH_TOKEN_PATH") or Path.home() / ".ray" / "auth_token"
    return bool(os.environ.get("RAY_AUTH_TOKEN")) or Path(kept).is_file()


def _cards() -> int:
    """GPUs of this machine, counted without a context of CUDA in the driver."""
    import torch

    return int(torch.cuda.device_count())
