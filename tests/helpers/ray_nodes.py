"""Real Ray nodes on this machine, and a look at what they leave."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

LOCAL = {
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": secrets.token_hex(32),
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "PYTHONPATH": os.pathsep.join(map(str, sys.path)),
}
SMALL = {"include_dashboard": False, "object_store_memory": 10**8}


@contextmanager
def ray_nodes(*cores: int) -> Iterator[tuple[Any, list[Any]]]:
    """A cluster whose head computes nothing, with a node for each number of cores; nothing of it is left afterwards."""
    before = {name: os.environ.get(name) for name in LOCAL}
    os.environ.update(LOCAL)  # before Ray is imported, which reads them then
    import ray
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **SMALL})
    nodes = [made.add_node(num_cpus=number, **SMALL) for number in cores]
    ray.init(address=made.address, log_to_driver=False, logging_level="ERROR")
    yield made, nodes
    ray.shutdown()
    session = Path(made.head_node.get_session_dir_path()).name
    made.shutdown()
    require_end(session, 120)
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.__setitem__(name, value)


def require_end(name: str, seconds: float) -> None:
    """Wait until no process belongs to a session of Ray, or fail."""
    deadline = time.monotonic() + seconds
    while left := of_session(name):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def of_session(name: str) -> list[str]:
    """Processes of a session of Ray by their arguments or, since Ray renames some, by the files that they write."""
    told = subprocess.run(["ps", "-ww", "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    rows = [line.split(None, 2) for line in told.splitlines()]
    return [
        f"{pid} {args}" for pid, state, args in rows if state[0] != "Z" and (name in args or _writes(pid, f"/{name}/"))
    ]


def _writes(pid: str, part: str) -> bool:
    try:
        return any(part in str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:  # it has ended, or this is no Linux
        return False
