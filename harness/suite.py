"""Suite files: models x tasks x settings in TOML, strict in every key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from harness.engine.backend import Options
from harness.errors import UnknownName, UsageError, quoted
from harness.reading.text import read_toml
from harness.training.protocol import Protocol
from harness.types import Settings
from harness.variants.defence import Defence

KEYS = ("models", "tasks", "settings", "options", "finetune")

LARGEST = 2**63 - 1
"""Numbers beyond it, infinity and what is no number fit nowhere."""


@dataclass(frozen=True, slots=True)
class Job:
    """One model on some tasks: one run. With a protocol the model is fine-tuned on each of them first.

    ``name``: what the run calls its model, where that is not what it is loaded by.
    """

    model: str
    tasks: tuple[str, ...]
    settings: Settings
    options: Options
    protocol: Protocol | None = None
    name: str = ""

    @property
    def title(self) -> str:
        """What its model is called."""
        return self.name or self.model

    def defended(self, defence: Defence) -> "Job":
        """The same with a defence. Raises UsageError for a second system message, or one that no model would see."""
        system = defence.system or None
        if system and self.options.system is not None:
            raise UsageError("the defence and --system both give a system message: give one of them")
        if system and not self.options.chat:
            raise UsageError("the defence has a system message, which belongs to --chat: no model is shown it without")
        options = replace(self.options, system=system or self.options.system)
        settings = replace(self.settings, wrapper=defence.wrapper or self.settings.wrapper)
        return replace(self, settings=settings, options=options)


def jobs_of(path: Path, flags: Mapping[str, Mapping[str, Any]] = {}) -> list[Job]:
    """The runs that a suite file asks for, in its order.

    ``flags`` are keys of ``settings``, ``options`` and ``finetune`` that win over the file in every run.

        models = ["smollm2"]
        tasks = ["demo/*"]
        [settings]
        limit = 20
        [finetune]               # optional: train a head for each task first; fields of Protocol
        train_limit = 1000
        [[run]]                  # optional: more runs; what is left out is taken from above
        tasks = ["gsm8k"]
        settings = {shots = 5}

    Raises UsageError with the file and the key for whatever is unknown, missing or of the wrong type, and for a flag
    that changes no run.
    """
    suite = read_toml(path, "suite file")
    _known(path, "suite", suite, {*KEYS, "run"})
    base = {key: value for key, value in suite.items() if key != "run"}
    blocks = suite.get("run", [])
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise UsageError(f"{path}: run must be a list of tables, written [[run]]")
    whole = [base] if "models" in base and "tasks" in base else []
    wanted = [*whole, *(_merged(path, base, block) for block in blocks)]
    jobs = [job for block in wanted for job in _jobs(path, _flagged(path, block, flags))]
    if not jobs:
        raise UsageError(f"{path}: names no run; it needs models and tasks")
    _require_effect(path, jobs, flags.get("settings", {}))
    return jobs


def _flagged(path: Path, block: Mapping[str, Any], flags: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The block with what the command line says in place of what the file says."""
    return {**block, **{key: {**_table(path, key, block.get(key, {})), **flags[key]} for key in flags}}


def _require_effect(path: Path, jobs: Sequence[Job], settings: Mapping[str, Any]) -> None:
    for flag, needed in (("strength", "perturb"), ("limit_order", "limit")):
        if flag in settings and not any(getattr(job.settings, needed) for job in jobs):
            raise UsageError(f"--{flag.replace('_', '-')} changes nothing: no run of {path} has {needed}")


def _merged(path: Path, base: Mapping[str, Any], block: Mapping[str, Any]) -> dict[str, Any]:
    _known(path, "[[run]]", block, set(KEYS))
    tables = {
        key: {**_table(path, key, base.get(key, {})), **_table(path, key, block.get(key, {}))}
        for key in ("settings", "options", "finetune")
        if key in base or key in block
    }
    return {**base, **block, **tables}


def _jobs(path: Path, block: Mapping[str, Any]) -> list[Job]:
    models, tasks = (_strings(path, key, block.get(key)) for key in ("models", "tasks"))
    settings = _record(path, "settings", Settings, block.get("settings", {}))
    options = _record(path, "options", Options, block.get("options", {}))
    protocol = None
    if "finetune" in block:
        table = _table(path, "finetune", block["finetune"])
        protocol = _record(path, "finetune", Protocol, {"seed": settings.seed, **table})
    return [Job(model, tuple(tasks), settings, options, protocol) for model in models]


def _strings(path: Path, key: str, value: Any) -> list[str]:
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise UsageError(f"{path}: {key} must be a list of names, not {quoted(value)}")
    return value


def _table(path: Path, key: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {key} must be a table, not {quoted(value)}")
    return value


def _record(path: Path, key: str, record: type, values: Any) -> Any:
    hints = get_type_hints(record)
    _known(path, key, _table(path, key, values), {f.name for f in fields(record)})
    for name, value in values.items():
        if not _fits(value, hints[name]):
            raise UsageError(f"{path}: {key}.{name} = {quoted(value)} is not {_words(hints[name])}")
    try:
        return record(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})
    except UsageError as error:
        raise UsageError(f"{path}: {key}: {error}") from None


def _fits(value: Any, hint: Any) -> bool:
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_fits(each, get_args(hint)[0]) for each in value)
    if any(isinstance(a, str) for a in get_args(hint)):
        return value in get_args(hint)
    if get_args(hint):
        return any(_fits(value, a) for a in get_args(hint))
    if hint is float:
        return type(value) in (int, float) and abs(value) <= LARGEST
    return type(value) is hint and (hint is not int or abs(value) <= LARGEST)


def _words(hint: Any) -> str:
    if get_origin(hint) is tuple:
        return f"a list of {_words(get_args(hint)[0])}"
    if get_args(hint):
        return " or ".join(_words(a) for a in get_args(hint) if a is not type(None))
    return repr(hint) if isinstance(hint, str) else str(hint.__name__)


def _known(path: Path, where: str, table: Mapping[str, Any], valid: set[str]) -> None:
    for key in table:
        if key not in valid:
            raise UsageError(f"{path}: {UnknownName(f'key in {where}', key, valid)}")
