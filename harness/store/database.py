"""Connections to the catalogue: transactions that wait for each other, migrations on opening, errors in one line."""

import atexit
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

from filelock import FileLock, Timeout
from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from harness.errors import StoreError, UsageError
from harness.hidden import HIDDEN, hidden
from harness.store.schema import HEAD

WAIT = 120.0
"""Seconds that a writer waits for the other writers of an SQLite file."""

MIGRATION_LOCK = 7_318_482
"""Key of the PostgreSQL advisory lock under which one process migrates and the others wait."""

_opened: WeakSet[Engine] = WeakSet()
"""Engines over SQLite files."""


def connect(url: URL, *, create: bool) -> Engine:
    """An engine over the catalogue at ``url``, brought to the newest schema first.

    Raises UsageError for a URL that no driver answers to, StoreError for a database that cannot be reached, is not
    there (``create`` False) or is newer than this program.
    """
    if url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            f"no store at {name_of(url)}; valid: a folder, sqlite:///FILE, postgresql+psycopg://HOST/DATABASE"
        )
    engine = _sqlite(url, create=create) if url.get_backend_name() == "sqlite" else _postgresql(url)
    _migrate(engine, create=create)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view of the catalogue. Raises StoreError for whatever the database says."""
    with _in_one_line(engine), engine.connect() as connection, connection.begin():
        _require_place(connection)
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """One transaction, everything or nothing; writers of an SQLite file queue up. Raises StoreError."""
    with _in_one_line(engine), engine.connect() as plain:
        connection = plain.execution_options(harness_writes=True)
        with connection.begin():
            _require_place(connection)
            yield connection
        _require_place(connection)  # what was written into a file that is gone is lost


def name_of(url: URL) -> str:
    """The place as a user knows it, without user, password and options, any of which may be secret."""
    if url.get_backend_name() == "sqlite" and url.database:
        return url.database.removeprefix("file:").partition("?")[0]
    return URL.create(url.drivername, host=url.host, port=url.port, database=url.database).render_as_string()


def _require_place(connection: Connection) -> None:
    """Raises StoreError where the file of an open SQLite catalogue was removed, moved or replaced."""
    opened = connection.connection.info.get("file") if connection.dialect.name == "sqlite" else None
    if opened is not None and opened != _file(connection.engine):
        connection.invalidate()
        raise StoreError(f"store {name_of(connection.engine.url)} was removed or replaced while it was in use")


def _file(engine: Engine) -> tuple[int, int] | None:
    """Device and number of an SQLite catalogue's file; None if it is not there."""
    try:
        status = Path(name_of(engine.url)).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _without_secrets(url: URL, text: str) -> str:
    """What a database said, without the password and options that it was given."""
    secrets = [
        url.password,
        *(part for value in url.query.values() for part in ([value] if isinstance(value, str) else value)),
    ]
    for secret in sorted((str(part) for part in secrets if part and len(str(part)) > 3), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return hidden(text)


@contextmanager
def _in_one_line(engine: Engine) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        reason = str(error.orig).strip().splitlines()
        lost = "lost the connection to " if error.connection_invalidated else ""
        said = _without_secrets(engine.url, reason[0] if reason else type(error).__name__)
        raise StoreError(f"{lost}store {name_of(engine.url)}: {said:.500}") from error
    except SQLAlchemyError as error:
        said = _without_secrets(engine.url, next(iter(str(error).splitlines()), type(error).__name__))
        raise StoreError(f"store {name_of(engine.url)}: {said:.500}") from error
    except (ValueError, TypeError, OverflowError, RecursionError) as error:  # a cell that is not what its column says
        said = _without_secrets(engine.url, " ".join(str(error).split()))
        raise StoreError(f"store {name_of(engine.url)} holds what cannot be read or written: {said:.200}") from error


def _sqlite(url: URL, *, create: bool) -> Engine:
    path = Path(url.database or "")
    if not url.database or url.database == ":memory:":
        raise UsageError("a store in memory would be lost at once; give a folder or sqlite:///FILE")
    if not path.exists():
        if not create:
            raise StoreError(f"there is no store at {path}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"store {path}: {error.strerror}") from error
    place = f"file:{_quoted(path.absolute())}{_read_only(path)}"
    engine = create_engine(
        URL.create("sqlite", database=place, query={"uri": "true"}),
        connect_args={"timeout": WAIT, "isolation_level": None, "check_same_thread": False},
    )
    _opened.add(engine)
    event.listen(engine, "connect", partial(_prepare_sqlite, engine))
    event.listen(engine, "begin", _begin)
    return engine


@atexit.register
def _close() -> None:
    """The last connection to a SQLite file writes its log into it, which a copy of the file alone would lack."""
    for engine in list(_opened):
        engine.dispose()


def _quoted(path: Path) -> str:
    return str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _read_only(path: Path) -> str:
    """How to open a file that we may not change: without its lock files, which could not be made either."""
    if not path.exists() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        return "?mode=rwc"
    log = path.with_name(path.name + "-wal")
    return "?mode=ro" if log.exists() and log.stat().st_size else "?mode=ro&immutable=1"


def _prepare_sqlite(engine: Engine, connection: Any, record: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA synchronous = FULL")
    record.info["file"] = _file(engine)


def _begin(connection: Connection) -> None:
    """A writer takes its lock when it begins: one that first reads and then writes could not wait, only fail."""
    writes = connection.get_execution_options().get("harness_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgresql(url: URL) -> Engine:
    url = url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
    try:
        return create_engine(url, pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise UsageError(
            f"no driver for {name_of(url)}: pip install '.[postgres]' in the checkout of harness"
        ) from error


def _migrate(engine: Engine, *, create: bool) -> None:
    revision = _revision(engine)
    if revision == HEAD:
        return
    _check_known(engine, revision)
    if revision is None and not create:
        raise StoreError(f"there is no store at {name_of(engine.url)}")
    with _alone(engine), writing(engine) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        _upgrade(connection)
    if revision is not None and engine.dialect.name == "sqlite":
        _forget(engine)


def _forget(engine: Engine) -> None:
    """Write the file anew, so that nothing that a migration took out stays in its unused pages or its log."""
    with _in_one_line(engine), engine.connect() as connection:
        raw = connection.connection.driver_connection
        assert raw is not None
        raw.execute("VACUUM")
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")


@contextmanager
def _alone(engine: Engine) -> Iterator[None]:
    """A new SQLite file is given its write-ahead log by one process while the others wait."""
    if engine.dialect.name != "sqlite":
        yield
        return
    path = name_of(engine.url)
    try:
        with FileLock(f"{path}.lock", timeout=WAIT):
            with _in_one_line(engine), engine.connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                raw.execute("PRAGMA journal_mode = WAL")
            yield
    except Timeout as error:
        raise StoreError(f"store {path}: another process has been setting it up for {WAIT:.0f} s") from error
    except OSError as error:
        raise StoreError(f"store {path}: {error.strerror or error}") from error


def _revision(engine: Engine) -> str | None:
    """The schema revision of the catalogue; None if it is empty."""
    with reading(engine) as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if revision is None else str(revision)


def _check_known(engine: Engine, revision: str | None) -> None:
    from alembic.script import ScriptDirectory

    known = {script.revision for script in ScriptDirectory.from_config(alembic_config()).walk_revisions()}
    if revision is not None and revision not in known:
        raise StoreError(
            f"store {name_of(engine.url)} has schema {revision}, newer than this program, which knows up to {HEAD}; "
            "upgrade rai-harness"
        )


def _upgrade(connection: Connection) -> None:
    from alembic import command

    config = alembic_config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def alembic_config() -> Any:
    """How Alembic finds the migrations inside the package."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def process() -> dict[str, Any]:
    """Who is writing: host, process id, and when it was born, which tells it from a later process of the same id."""
    return {"host": socket.gethostname(), "pid": os.getpid(), "born": _born(os.getpid())}


def alive(host: str, pid: int, born: float) -> bool:
    """Whether that process still runs; processes of other hosts are believed to."""
    return host != socket.gethostname() or (pid > 0 and abs(_born(pid) - born) < 5.0)


def _born(pid: int) -> float:
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.Error:
        return -1e9
