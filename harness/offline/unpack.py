"""A bundle unpacked into the user's cache: verified as a whole first or not there at all."""

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from harness.errors import DataError, RunError, UsageError
from harness.offline.manifest import Manifest, PackedFile
from harness.offline.signature import require_signature
from harness.offline.tar import CHUNK, TarReader


@dataclass(frozen=True, slots=True)
class OpenBundle:
    """A bundle whose every byte was verified, and the folder that it was unpacked into."""

    manifest: Manifest
    folder: Path

    @property
    def data(self) -> Path:
        """Data sets in the Hub's layout."""
        return self.folder / "data"

    @property
    def hub(self) -> Path | None:
        """Models of the Hub in the layout of its cache; None where the bundle holds none."""
        place = self.folder / "hub"
        return place if place.is_dir() else None


def open_bundle(path: Path, key: Path | None = None, cache: Path | None = None) -> OpenBundle:
    """Verify a bundle against its manifest, and its signature where there is a public ``key``; then unpack it.

    What is in ``cache`` (by default the user's) already is verified too instead of written again. Raises DataError for
    a file that is damaged, unsafe or no bundle, UsageError for a wrong signature or none, RunError where it cannot be
    unpacked.
    """
    root = cache or user_cache_path("rai-harness") / "bundles"
    try:
        with path.open("rb") as file:
            reader = TarReader(file, str(path))
            if key is not None:
                require_signature(reader.manifest, reader.signature, key, str(path))
            folder = root / reader.manifest.id
            if not folder.is_dir():
                _unpack(reader, root, folder)
            else:
                for _, pieces in reader.entries():
                    for _ in pieces:
                        pass
    except FileNotFoundError:
        raise UsageError(f"{path}: no such bundle") from None
    except OSError as error:
        raise RunError(f"cannot unpack {path} into {root}: {error.strerror or error}") from error
    _require_intact(folder, reader.manifest.entries)
    return OpenBundle(reader.manifest, folder)


def _unpack(reader: TarReader, root: Path, folder: Path) -> None:
    """Write into a hidden folder that is renamed when all is well and removed when it is not."""
    whole = sum(entry.size for entry in reader.manifest.entries)
    root.mkdir(parents=True, exist_ok=True)
    if whole > shutil.disk_usage(root).free:
        raise RunError(f"the bundle takes {whole:,} bytes, more than are free in {root}")
    work = Path(tempfile.mkdtemp(prefix=".bundle-", dir=root))
    try:
        for entry, pieces in reader.entries():
            place = work / entry.path
            place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as target:
                for piece in pieces:
                    target.write(piece)
        work.chmod(0o755)
        with suppress(FileExistsError):  # another process was first, with the same bytes
            work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _require_intact(folder: Path, entries: Iterable[PackedFile]) -> None:
    """Raises DataError for a file in the cache that somebody has changed since."""
    for entry in entries:
        place = folder / entry.path
        total = hashlib.sha256()
        try:
            with place.open("rb") as file:
                while chunk := file.read(CHUNK):
                    total.update(chunk)
        except OSError as error:
            raise DataError(f"{place}: {error.strerror}; remove {folder} and try again") from None
        if total.hexdigest() != entry.sha256:
            raise DataError(f"{place} was changed after it was unpacked: remove {folder} and try again")
