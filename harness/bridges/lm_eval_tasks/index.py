"""What every task file of lm-evaluation-harness asks and needs: read once, then kept in a JSON file of the user's."""

import ast
import json
import sys
import warnings
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from harness.errors import RunError, UsageError
from harness.files import write_text

FAMILY = "lm-eval"
"""What stands before a colon and the name of a task."""
SUFFIXES = (".jsonl", ".parquet")
"""How a split's file ends in a folder in the Hub's layout."""
RELEASE = "0.4.13"
"""The release whose inner parts this bridge calls; they move from one to the next."""
LAYOUT = 4
"""Of the file; raise it whenever Entry or how it is found changes."""
BUILDERS = ("json", "csv", "parquet", "text", "arrow")
"""Names of formats that stand where a data set's does: the files themselves are named elsewhere."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One name: a task, or a group or tag with the names of its tasks as ``members``.

    ``path``: of its YAML file within the package's folder of tasks. ``asks``: the type of its requests. ``data``: id
    and configuration of its data set, empty where the file does not say; ``split`` is evaluated, ``shots`` examples of
    ``shots_split`` are shown. ``needs``: modules that its Python imports. ``obstacle``: why it can run nowhere.
    """

    name: str
    kind: str
    path: str = ""
    members: tuple[str, ...] = ()
    asks: str = ""
    data: tuple[str, str] = ("", "")
    split: str = ""
    shots: int = 0
    shots_split: str = ""
    needs: tuple[str, ...] = ()
    obstacle: str = ""


def require_package() -> None:
    """Raises UsageError unless lm-eval is installed in the release that is called here."""
    advice = f"needs the package lm-eval, exactly {RELEASE}: pip install '.[lm-eval]' in the checkout of harness"
    try:
        present = version("lm_eval")
    except PackageNotFoundError:
        raise UsageError(f"this {advice}") from None
    if present != RELEASE:
        raise UsageError(f"this {advice}; installed is {present}")


def entries(folder: Path | None = None) -> Mapping[str, Entry]:
    """Every name with its entry, from the file in ``folder`` (by default the user's cache) or else read anew.

    Raises UsageError where the package is missing.
    """
    require_package()
    file = (folder or user_cache_path("rai-harness")) / f"lm_eval-{RELEASE}-{LAYOUT}.json"
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
        return {row[0]: _entry(row) for row in rows}
    except (OSError, ValueError, TypeError, IndexError):  # not there, or not what was written
        table = read_all()
    with suppress(RunError):  # a cache that cannot be written costs time only
        write_text(file, json.dumps([astuple(entry) for entry in table.values()], separators=(",", ":")))
    return table


def _entry(row: list[Any]) -> Entry:
    values: list[Any] = [tuple(value) if isinstance(value, list) else value for value in row]
    return Entry(*values)


# ------------------------------------------------------------------------------------------------------------- reading
def tasks_folder() -> Path:
    """The package's own folder of task files. Imports nothing."""
    spec = find_spec("lm_eval")
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "tasks"


def read_all() -> dict[str, Entry]:
    """Every entry, from the package's own files; none of their Python is run."""
    from lm_eval.tasks._index import Kind, TaskIndex

    root = tasks_folder()
    built = TaskIndex.build([root])
    table = {}
    for name, entry in built.items():
        path = entry.yaml_path.relative_to(root).as_posix() if entry.yaml_path else ""
        if entry.kind is Kind.TAG:
            table[name] = Entry(name, "tag", members=tuple(sorted(entry.tags)))
        elif entry.kind is Kind.GROUP:
            table[name] = Entry(name, "group", path, tuple(dict.fromkeys(_leaves(name, entry.cfg, built))))
        else:
            table[name] = task_entry(name, path, entry.cfg, root)
    return table


def _leaves(group: str, config: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[str]:
    """The tasks of a group by name, as the package's factory finds them."""
    items = config.get("task")
    for item in items if isinstance(items, list) else ():
        name = item if isinstance(item, str) else item.get("group") or item.get("task")
        entry = known.get(name)
        if isinstance(item, dict) and "group" in item and entry is None:
            yield from _leaves(f"{group}::{name}", item, known)
        elif entry is None:
            yield f"{group}::{name}"
        elif entry.kind.name == "GROUP":
            yield from _leaves(name, entry.cfg, known)
        elif entry.kind.name == "TAG":
            yield from sorted(entry.tags)
        else:
            yield name


def task_entry(name: str, path: str, config: Mapping[str, Any], root: Path) -> Entry:
    """The entry of a task's file."""
    fewshot = config.get("fewshot_config") if isinstance(config.get("fewshot_config"), dict) else {}
    shots = config.get("num_fewshot")
    own = bool(fewshot and fewshot.get("samples"))
    needs = {module for file in _python_of(config, root) for module in imports(file)}
    shots_split = config.get("fewshot_split") or config.get("training_split") or config.get("validation_split") or ""
    return Entry(
        name,
        "task",
        path,
        asks=str(config.get("output_type") or "generate_until") if "class" not in config else "",
        data=(str(config.get("dataset_path") or ""), str(config.get("dataset_name") or "default")),
        split=str(config.get("test_split") or config.get("validation_split") or ""),
        shots=shots if isinstance(shots, int) else 0,
        shots_split="" if own else str(shots_split),
        needs=tuple(sorted(needs)),
        obstacle=_obstacle(config, needs),
    )


def _obstacle(config: Mapping[str, Any], needs: Collection[str]) -> str:
    """Why a task cannot run here whatever data and packages there are; empty where it can."""
    metrics = config.get("metric_list")
    fetched = [m["metric"] for m in metrics if isinstance(m, dict) and m.get("hf_evaluate")] if metrics else []
    keyword = config.get("generation_kwargs") or {}
    reasons = {
        "unsafe code: it runs what the model wrote": config.get("unsafe_code"),
        "image: it shows pictures": config.get("doc_to_image"),
        "audio: it plays sounds": config.get("doc_to_audio"),
        "data: its own Python makes or fetches it": "class" in config or config.get("custom_dataset"),
        "data: it fetches files of its own": config.get("dataset_path") in BUILDERS,
        f"data: its metric {', '.join(map(str, fetched))} is fetched from the Hub": fetched,
        "server: its Python asks one of somebody else's": "requests" in needs,
        "generation: it searches beams": keyword.get("num_beams", 1) != 1,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def _python_of(value: object, root: Path) -> Iterator[Path]:
    """The Python files within the package that a file's ``!function`` and ``class`` lead to."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _python_of(part, root)
    elif isinstance(value, str) and value.startswith(str(root)):
        module = Path(value.rpartition(".")[0])
        inner = module.name.replace(".", "/") + ".py"
        yield from [file for file in (module.parent / inner, root.parents[1] / inner) if file.is_file()][:1]


@cache
def imports(file: Path) -> frozenset[str]:
    """Dotted names of the modules that a Python file and the package's own ones that it imports need.

    Without the standard library, and without what it only tries to import.
    """
    names: set[str] = set()
    waiting, read = [file], set[Path]()
    while waiting:
        one = waiting.pop()
        read.add(one)
        for name in _imported(one):
            own = [path for path in _own_files(one, name) if path.is_file()]
            waiting += [path for path in own if path not in read]
            if not own and name.partition(".")[0] not in sys.stdlib_module_names | {"lm_eval"}:
                names.add(name)
    return frozenset(names)


def _imported(file: Path) -> frozenset[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # escapes that Python will refuse one day
        tree = ast.parse(file.read_text(encoding="utf-8"))
    tried = {id(node) for block in ast.walk(tree) if _only_tries(block) for node in ast.walk(block)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in tried:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            inner = "." * node.level + (node.module or "")
            names.add(inner)
            names |= {f"{inner}.{alias.name}" for alias in node.names if inner.startswith("lm_eval.tasks")}
    return frozenset(names)


def _only_tries(block: ast.AST) -> bool:
    """Whether what fails inside is done without: no handler of it raises."""
    if not isinstance(block, ast.Try):
        return False
    return not any(isinstance(node, ast.Raise) for handler in block.handlers for node in ast.walk(handler))


def _own_files(file: Path, name: str) -> list[Path]:
    """Where a module of the package's own tasks would lie: beside the file, or under its full name."""
    bare = name.lstrip(".").replace(".", "/")
    places = [file.parent / f"{bare}.py"]
    if name.startswith("lm_eval.tasks."):
        places.append(tasks_folder().parents[1] / f"{bare}.py")
    return places
