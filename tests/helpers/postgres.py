"""A real PostgreSQL server for the tests: made, started and stopped by them, in a folder of their own."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def programs() -> Path | None:
    """The folder with initdb and postgres, newest version first; Debian keeps them out of the PATH."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda p: float(p.parent.name), reverse=True)
    if found := shutil.which("initdb"):
        places.append(Path(found).parent)
    return next((place for place in places if (place / "initdb").exists() and (place / "postgres").exists()), None)


class Server:
    """A server over one folder, which can be stopped and started again."""

    def __init__(self, bin_folder: Path, folder: Path) -> None:
        self.bin, self.data, self.sockets, self.port = bin_folder, folder / "data", folder, _free_port()
        # The server refuses to run as root: there it runs as the user that the package made for it.
        self.user = "postgres" if os.geteuid() == 0 else None
        if self.user:
            shutil.chown(folder, self.user)
        self._do("initdb", "-D", self.data, "-U", "harness", "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C")

    def start(self) -> None:
        options = f"-p {self.port} -k {self.sockets} -c listen_addresses=127.0.0.1 -c fsync=off -c max_connections=60"
        self._do("pg_ctl", "-D", self.data, "-w", "-t", "60", "-l", self.sockets / "log", "-o", options, "start")

    def stop(self) -> None:
        self._do("pg_ctl", "-D", self.data, "-m", "immediate", "-w", "stop")

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://harness@127.0.0.1:{self.port}/{database}"

    def schema(self, name: str) -> str:
        """A new, empty schema of one database, which costs less than a database; gives the URL of a store in it."""
        import psycopg

        with psycopg.connect(self.url("postgres").replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute(f'CREATE SCHEMA "{name}"'.encode())
        return self.url("postgres") + f"?options=-csearch_path%3D{name}"

    def _do(self, program: str, *args: str | Path) -> None:
        command = [str(self.bin / program), *map(str, args)]
        done = subprocess.run(
            command, user=self.user, cwd=self.sockets, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C"}, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)}: {done.stderr or done.stdout}")


@contextmanager
def running(bin_folder: Path, folder: Path) -> Iterator[Server]:
    server = Server(bin_folder, folder)
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
