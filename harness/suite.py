"""Suite files: models x tasks x settings in TOML, strict in every key."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, get_args, get_type_hints

from harness.engine.backend import Options
from harness.errors import UnknownName, UsageError
from harness.types import Settings


@dataclass(frozen=True, slots=True)
class Job:
    """One model on some tasks: one run."""

    model: str
    tasks: tuple[str, ...]
    settings: Settings
    options: Options


def jobs_of(path: Path) -> list[Job]:
    """The runs that a suite file asks for, in its order.

        models = ["smollm2"]
        tasks = ["demo/*"]
        [settings]
        limit = 20
        [[run]]                  # optional: more runs; what is left out is taken from above
        tasks = ["gsm8k"]
        settings = {shots = 5}

    Raises UsageError with the file and the key for whatever is unknown, missing or of the wrong type.
    """
    try:
        suite = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UsageError(f"{path}: no such suite file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from None
    _known(path, "suite", suite, {"models", "tasks", "settings", "options", "run"})
    base = {key: value for key, value in suite.items() if key != "run"}
    blocks = suite.get("run", [])
    if not isinstance(blocks, list):
        raise UsageError(f"{path}: run must be a list of tables, written [[run]]")
    whole = [base] if "models" in base and "tasks" in base else []
    jobs = [job for block in [*whole, *(_merged(path, base, b) for b in blocks)] for job in _jobs(path, block)]
    if not jobs:
        raise UsageError(f"{path}: names no run; it needs models and tasks")
    return jobs


def _merged(path: Path, base: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    _known(path, "[[run]]", block, {"models", "tasks", "settings", "options"})
    tables = {key: {**base.get(key, {}), **block.get(key, {})} for key in ("settings", "options")}
    return {**base, **block, **tables}


def _jobs(path: Path, block: Mapping[str, Any]) -> list[Job]:
    models, tasks = (_strings(path, key, block.get(key)) for key in ("models", "tasks"))
    settings = _record(path, "settings", Settings, block.get("settings", {}))
    options = _record(path, "options", Options, block.get("options", {}))
    return [Job(model, tuple(tasks), settings, options) for model in models]


def _strings(path: Path, key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise UsageError(f"{path}: {key} must be a list of names, not {value!r}")
    return value


def _record(path: Path, key: str, record: type, values: Any) -> Any:
    if not isinstance(values, dict):
        raise UsageError(f"{path}: {key} must be a table, not {values!r}")
    hints = get_type_hints(record)
    _known(path, key, values, {f.name for f in fields(record)})
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise UsageError(f"{path}: {key}.{name} = {value!r} is not {_words(hints[name])}")
    try:
        return record(**values)
    except UsageError as error:
        raise UsageError(f"{path}: {key}: {error}") from None


def _fits(value: Any, hint: Any) -> bool:
    if any(isinstance(a, str) for a in get_args(hint)):
        return value in get_args(hint)
    if get_args(hint):
        return any(_fits(value, a) for a in get_args(hint))
    if hint is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, hint) and (hint is bool or not isinstance(value, bool))


def _words(hint: Any) -> str:
    if get_args(hint):
        return " or ".join(_words(a) for a in get_args(hint) if a is not type(None))
    return repr(hint) if isinstance(hint, str) else str(hint.__name__)


def _known(path: Path, where: str, table: Mapping[str, Any], valid: set[str]) -> None:
    for key in table:
        if key not in valid:
            raise UsageError(f"{path}: {UnknownName(f'key in {where}', key, valid)}")
