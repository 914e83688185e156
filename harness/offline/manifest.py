"""What a bundle holds, file by file. Its canonical JSON is what the bundle's id is the hash of."""

import hashlib
import json
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

from harness.errors import DataError, UsageError, quoted
from harness.reading.typed import built

FORMAT = 1
"""Version of bundles; others are refused."""
LONGEST = 1 << 25
"""Bytes of the longest manifest that is read."""
PREFIX, NAME = 155, 100
"""Bytes of a path that a tar file has room for: of its folders, and of its last part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a file comes from: ``id`` and ``revision`` of a data set or model of the Hub, or the name of what is local.

    ``licence``: as the task's card or the model's page has it; empty where neither says.
    """

    kind: Literal["dataset", "model", "file", "wheel"]
    id: str
    revision: str = ""
    licence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedFile:
    """A file: its path in the bundle, its bytes and their hash."""

    path: str
    size: int
    sha256: str
    origin: Origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The files of a bundle by path, the models by the names that the suite calls them, and the suite's own files.

    ``tasks``: their versions by name. ``harness``: the release that wrote it.
    """

    format: int
    harness: str
    tasks: Mapping[str, int]
    models: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    entries: tuple[PackedFile, ...]

    def canonical(self) -> bytes:
        """The JSON whose hash is the bundle's id: sorted keys, no spaces, UTF-8."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()

    @property
    def id(self) -> str:
        """sha256 of the canonical manifest: the same for the same contents, wherever they were packed."""
        return hashlib.sha256(self.canonical()).hexdigest()

    def flaw(self) -> str:
        """Why its paths cannot be unpacked safely; empty where they can."""
        seen: dict[str, str] = {}
        folders: set[str] = set()
        for entry in self.entries:
            if reason := flaw_of_path(entry.path):
                return f"{quoted(entry.path, 80)} {reason}"
            folded = _folded(entry.path)
            if folded in seen:
                return f"{quoted(entry.path, 80)} and {quoted(seen[folded], 80)} would be one file"
            if entry.size < 0 or len(entry.sha256) != 64:
                return f"{quoted(entry.path, 80)} has no size or hash"
            seen[folded] = entry.path
            parts = folded.split("/")[:-1]
            folders |= {"/".join(parts[: count + 1]) for count in range(len(parts))}
        if both := sorted(folders & seen.keys()):
            return f"{quoted(both[0], 80)} is both a file and a folder"
        paths = [entry.path for entry in self.entries]
        if paths != sorted(paths):
            return "its paths are not sorted"
        inside = {*folders, *seen}
        stray = [place for place in (*self.models.values(), *self.files.values()) if _folded(place) not in inside]
        return f"it names {quoted(stray[0], 80)}, which it does not hold" if stray else ""


def read_manifest(content: bytes, name: str) -> Manifest:
    """The manifest that a bundle begins with. Raises DataError for one that is damaged, unsafe or of another format."""
    try:
        page = json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{name}: its manifest is no JSON") from None
    if isinstance(page, dict) and page.get("format") != FORMAT:
        raise DataError(f"{name}: a bundle of format {quoted(page.get('format'), 40)}; this release reads {FORMAT}")
    manifest = built(Manifest, page, f"{name}: the manifest")
    if reason := manifest.flaw():
        raise DataError(f"{name}: {reason}")
    if manifest.canonical() != content:
        raise DataError(f"{name}: its manifest is not in canonical form")
    return manifest


def flaw_of_path(path: str) -> str:
    """Why a path may not be in a bundle; empty where it may."""
    parts = path.split("/")
    if not path.isprintable() or any(mark in path for mark in '\\:*?"<>|'):
        return "holds characters that not every file system takes"
    if any(part in {"", ".", ".."} or part.endswith((" ", ".")) for part in parts):
        return "leads out of the bundle, or nowhere"
    if len(parts[-1].encode()) > NAME or len("/".join(parts[:-1]).encode()) > PREFIX or len(parts) < 2:
        return f"is no path of folders of up to {PREFIX} bytes and a name of up to {NAME}"
    return ""


def require_path(path: str) -> str:
    """A path that may be in a bundle. Raises UsageError."""
    if reason := flaw_of_path(path):
        raise UsageError(f"a bundle cannot hold {quoted(path, 200)}: it {reason}")
    return path


def _folded(path: str) -> str:
    """What a file system that ignores case and the composition of characters makes of a path."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
