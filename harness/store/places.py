"""Where a store keeps what: its catalogue, its samples and its journals."""

import os
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Engine, insert, make_url, select
from sqlalchemy.exc import ArgumentError, IntegrityError

from harness.errors import StoreError, UsageError
from harness.store.database import name_of, reading, writing
from harness.store.samples import Folder
from harness.store.schema import PROPERTIES

DEFAULT = "harness-results"


@dataclass(frozen=True, slots=True)
class Places:
    """The catalogue's URL and the local folder beside it, which holds journals and, unless told otherwise, samples."""

    catalogue: URL
    folder: Path


def places(url: str | None) -> Places:
    """A folder or an SQLAlchemy URL; None: the environment's HARNESS_STORE, else ``harness-results`` in the working
    folder. Raises UsageError for a URL that cannot be read."""
    url = url or os.environ.get("HARNESS_STORE") or DEFAULT
    if "://" not in url:
        folder = Path(url)
        if folder.is_file():
            raise UsageError(
                f"store {url} is a file; valid: a folder, sqlite:///FILE, postgresql+psycopg://HOST/DATABASE"
            )
        return Places(URL.create("sqlite", database=str(folder / "catalogue.sqlite")), folder)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):  # its text may quote the password
        raise UsageError(
            f"store {url.partition('://')[0]:.40}://... cannot be read as a URL; valid: a folder, sqlite:///FILE, "
            "postgresql+psycopg://USER:PASSWORD@HOST:PORT/DATABASE"
        ) from None
    if parsed.get_backend_name() == "sqlite":
        return Places(parsed, Path(parsed.database or "").parent)
    return Places(parsed, Path(DEFAULT))


def samples_of(engine: Engine, where: Places, asked: str | None, *, create: bool) -> Folder:
    """The one folder of a store's samples: the one it was made with.

    An SQLite store keeps them beside its file and can be moved as a whole; any other place is written into the
    catalogue. Raises UsageError for another place than that, one in memory, or one with a secret in its URL.
    """
    beside = str(where.folder / "samples")
    with reading(engine) as connection:
        query = select(PROPERTIES.c.value).where(PROPERTIES.c.name == "samples")
        known = connection.execute(query).scalar()
    asked = _absolute(asked) if asked else None
    if known is None and engine.dialect.name == "sqlite" and asked in (None, _absolute(beside)):
        return Folder(beside)
    if asked and known not in (None, asked):
        raise UsageError(f"store {name_of(engine.url)} keeps its samples at {known}, not at {asked}")
    if known is None:
        known = asked or _absolute(os.environ.get("HARNESS_SAMPLES") or beside)
        if create:
            _remember(engine, known)
    return Folder(known)


def absolute(url: str) -> str:
    """The URL of a store as it is named from any working folder."""
    where = places(url)
    if "://" not in url:
        return str(where.folder.absolute())
    if where.catalogue.get_backend_name() != "sqlite":
        return url
    return where.catalogue.set(database=str(Path(where.catalogue.database or "").absolute())).render_as_string(False)


def _absolute(place: str) -> str:
    if "://" not in place:
        return str(Path(place).absolute())
    scheme = place.partition("://")[0]
    if any(mark in place for mark in "@?#"):
        raise UsageError(
            f"no password in the URL of samples, nor key or option: give them to {scheme} by its environment"
        )
    if "memory" in scheme.split("::") or "::memory:" in place:
        raise UsageError(f"samples at {place:.200} would be lost at once; give a folder or the URL of an object store")
    return place.rstrip("/")


def _remember(engine: Engine, samples: str) -> None:
    try:
        with writing(engine) as connection:
            connection.execute(insert(PROPERTIES), {"name": "samples", "value": samples})
    except StoreError as error:
        if not isinstance(error.__cause__, IntegrityError):  # another process was first; it is read on the next opening
            raise
