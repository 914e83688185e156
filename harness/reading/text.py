"""The one way in for text files that a person hands in: UTF-8, then lines, JSON, TOML, YAML or CSV.

Every function raises DataError in one line with the file, and the line where there is one, for what it cannot read.

- A byte order mark is no text, at the head of a file or, where files were joined, of a line.
- LF or CRLF ends a line; no other character does, since an answer may hold it.
- A lone surrogate (half a character, which JSON and YAML can spell) is read as U+FFFD: one odd text ends no run.
- Refused: NUL, a key that stands twice, NaN and Infinity (but for answers, where a choice may be impossible), more than
  ``DEEPEST`` levels, files beyond their limit, aliases and tags of YAML.
"""

import csv
import json
import re
import stat
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from harness.errors import DataError, quoted

SETTINGS = 1 << 17
"""Bytes of the largest file of settings: a suite, a gate, a description of a task."""
TEXT = 1 << 30
"""Bytes of the largest file that is read as one text."""
DEEPEST = 64  # as in plainyaml, whose package may be missing
"""Levels of lists and tables within each other."""
DOTS = 1000
"""In a line of TOML: the time for a key of n parts grows as n squared."""
MARK = "\ufeff"
SPELLED = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
"""Where an escape may spell a lone surrogate."""
SURROGATE = re.compile("[\ud800-\udfff]")


class Written(float):
    """A number that Python writes otherwise than its file does: 1.10, 1e3. As a text it would be another one."""

    __slots__ = ("written",)
    written: str

    def __new__(cls, written: str) -> "Written":
        self = super().__new__(cls, written)
        self.written = str(written)
        return self


# ----------------------------------------------------------------------------------------------------------------- text
def is_file(path: Path) -> bool:
    """Whether there is such a file; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def read_bytes(path: Path, kind: str, most: int = TEXT) -> bytes:
    """A whole file; ``kind`` says what it was to be ("suite file")."""
    try:
        with path.open("rb") as file:
            # A pipe tells no size, and an endless device must not fill the memory.
            content = file.read() if stat.S_ISREG(path.stat().st_mode) else file.read(most + 1)
    except FileNotFoundError:
        raise DataError(f"{path}: no such {kind}") from None
    except IsADirectoryError:
        raise DataError(f"{path}: is a folder, not a {kind}") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > most:
        raise DataError(f"{path}: {len(content):,} bytes are too many for a {kind}; at most {most:,}")
    return content


def read_text(path: Path, kind: str, most: int = TEXT) -> str:
    """A file as text, its lines ended by LF alone."""
    return decoded(read_bytes(path, kind, most), path)


def read_lines(path: Path, kind: str) -> list[str]:
    """The lines of a file without their ends."""
    return split(read_text(path, kind))


def split(text: str) -> list[str]:
    """The lines of a text; a last line that is ended does not begin another."""
    lines = text.split("\n")
    return lines[:-1] if lines[-1] == "" else lines


def decoded(content: bytes, path: Path, number: int = 1) -> str:
    """UTF-8 bytes that begin on line ``number`` of a file as text without marks, its lines ended by LF."""
    if number == 1 and content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: is UTF-16 text: save it as UTF-8")
    if b"\0" in content:
        line = number + content.count(b"\n", 0, content.index(0))
        raise DataError(f"{path}:{line}: holds a NUL: it is no text")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = number + content.count(b"\n", 0, error.start)
        raise DataError(f"{path}:{line}: not UTF-8 text: byte 0x{content[error.start]:02x}") from None
    return text.removeprefix(MARK).replace("\r\n", "\n").replace("\n" + MARK, "\n")


def require_once(path: Path, columns: Sequence[str]) -> None:
    """Raise DataError where two columns of a table have the same name: one of them would be lost."""
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"{path}: two columns are called {quoted(twice)}")


# ----------------------------------------------------------------------------------------------------------------- JSON
def read_json_lines(path: Path, kind: str, *, constants: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line number, object) of every line that is not blank, one at a time; ``constants`` as in ``json_object``."""
    if not is_file(path):
        raise DataError(f"{path}: no such {kind}")
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            text = decoded(line, path, number)
            if text.strip():
                yield number, json_object(text, f"{path}:{number}", constants=constants)


def json_object(text: str, where: str, *, constants: bool = False) -> dict[str, Any]:
    """The object of one line at ``where``; ``constants``: NaN, Infinity and -Infinity are numbers too."""
    value = json_value(text, where, constants=constants)
    if not isinstance(value, dict):
        raise DataError(f"{where}: a row must be a JSON object, not {NAMES.get(type(value), 'a number')}")
    return value


def json_value(text: str, where: str, *, constants: bool = False) -> Any:
    """As ``json_object``, of any value."""
    try:
        value = (LENIENT if constants else STRICT).decode(text.removesuffix("\n"))
    except RecursionError:
        raise DataError(f"{where}: {TOO_DEEP}") from None
    except ValueError as error:
        cut = "" if text.endswith("\n") else " (the file seems truncated)"
        raise DataError(f"{where}: not valid JSON: {error}{cut}") from None
    if text.count("[") + text.count("{") > DEEPEST and _levels(value) > DEEPEST:
        raise DataError(f"{where}: {TOO_DEEP}")
    return _whole(value) if SPELLED.search(text) else value


def _once(pairs: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
    """A table of pairs. Raises ValueError for a key that stands twice: one of its values would be lost."""
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"the key {quoted(next(key for key in keys if keys.count(key) > 1))} stands twice")
    return table


def _number(written: str) -> float:
    value = float(written)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{quoted(written)} is beyond the largest number")
    return value if repr(value) == written else Written(written)


def _constant(written: str) -> float:
    raise ValueError(f"{written} is no JSON; write null where there is no number")


STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_float=_number, parse_constant=_constant)
LENIENT = json.JSONDecoder(object_pairs_hook=_once)
TOO_DEEP = f"lists and tables lie more than {DEEPEST} levels within each other"
NAMES: dict[type, str] = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def _levels(value: Any) -> int:
    """How deep lists and tables lie within each other; no recursion, which has a limit of its own."""
    deepest, left = 0, [(value, 1)]
    while left:
        one, level = left.pop()
        deepest = max(deepest, level)
        inner = one.values() if isinstance(one, dict) else one if isinstance(one, list) else ()
        left += [(each, level + 1) for each in inner if isinstance(each, dict | list)]
    return deepest


def _whole(value: Any) -> Any:
    """The value with U+FFFD for every lone surrogate. Raises DataError where two keys become one."""
    if isinstance(value, str):
        return SURROGATE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if not isinstance(value, dict):
        return value
    try:
        return _once([(_whole(key), _whole(each)) for key, each in value.items()])
    except ValueError as error:
        raise DataError(str(error)) from None


# ------------------------------------------------------------------------------------------------------------- settings
def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The table of a TOML file."""
    text = read_text(path, kind, SETTINGS)
    dotted = next((number for number, line in enumerate(text.split("\n"), 1) if line.count(".") > DOTS), None)
    if dotted is not None:
        raise DataError(f"{path}:{dotted}: more than {DOTS} dots in one line")
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise DataError(f"{path}: {TOO_DEEP}") from None
    except ValueError as error:
        raise DataError(f"{path}: not valid TOML: {error}") from None


def read_yaml(path: Path, kind: str) -> Any:
    """What a YAML file says, plain words as written: whole numbers, true, false and null mean what they say, and
    yes, no, 1.10, 010, 12:30 and 2024-01-01 are texts. Aliases are refused: a few lines of them fill any memory.
    """
    text = read_text(path, kind, SETTINGS)
    try:
        import yaml
    except ImportError:
        raise DataError(f"{path}: reading YAML needs the package pyyaml; a task file may be TOML") from None
    from harness.reading.plainyaml import Loader

    try:
        return _whole(yaml.load(text, Loader))
    except RecursionError:
        raise DataError(f"{path}: {TOO_DEEP}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        said = str(error.problem or error.context).replace("found unexpected", "found a misplaced")
        raise DataError(f"{path}:{line}: not valid YAML: {said}") from None
    except (yaml.YAMLError, ValueError) as error:
        raise DataError(f"{path}: not valid YAML: {error}") from None


def read_csv(path: Path, kind: str) -> list[tuple[int, list[str]]]:
    """(line number, cells) of every row that is not blank."""
    reader = csv.reader((f"{line}\n" for line in read_lines(path, kind)), strict=True)
    longest = csv.field_size_limit(TEXT)  # 128 KiB by default: a passage may be longer
    try:
        return [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        said = str(error).replace("unexpected end of data", "a quote is not closed")
        raise DataError(f"{path}:{reader.line_num}: not valid CSV: {said}") from None
    finally:
        csv.field_size_limit(longest)
