"""Tasks from a file alone: rows of questions, or a description in TOML or YAML."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from harness.data import file, hub
from harness.errors import DataError, HarnessError, UnknownName, UsageError, quoted
from harness.kinds.choice import multiple_choice
from harness.kinds.columns import ChoiceColumns, lettered, with_numbers
from harness.kinds.conversation import conversation
from harness.kinds.extract import Extract, extractor
from harness.kinds.judged import judged
from harness.kinds.prompt import Template
from harness.kinds.rows import Data
from harness.kinds.script import filled_lines, script_of
from harness.kinds.task import About
from harness.kinds.text import Decoding, generation
from harness.metrics import external, written
from harness.metrics.measures import ACC, ACC_BYTES, ACC_NORM, ChoiceMeasure, Measure
from harness.reading.tables import ENDINGS, read_rows
from harness.reading.text import is_file, read_toml, read_yaml
from harness.reading.typed import built
from harness.reading.values import columns_of, filled, kind_of, no_column
from harness.types import Card, Constraint, Dataset, JudgeModel, Shots, Task

DESCRIPTIONS = (".toml", ".yaml", ".yml")
SUFFIXES = (*ENDINGS, *DESCRIPTIONS)
PROMPT = "Question: {question}\nAnswer:"
KEYS: Mapping[str, tuple[type, ...]] = {
    "data": (str, dict),
    "prompt": (str,),
    "answer": (str,),
    "choices": (str, list, dict),
    "numbers": (list,),
    "metrics": (list,),
    "max_tokens": (int,),
    "stop": (list,),
    "extract": (dict,),
    "shown": (str,),
    "script": (str, list),
    "system": (str,),
    "json_schema": (dict,),
    "regex": (str,),
    "shots": (int,),
    "train": (str, dict),
    "slices": (list,),
    "cluster": (str,),
    "id": (str,),
    "judge": (dict,),
    "version": (int,),
    "measures": (str,),
    "limits": (str,),
    "source": (str,),
    "licence": (str,),
}
"""What a description may hold; see docs/tasks.md."""
TYPES: Mapping[type, str] = {str: "a text", dict: "a table", list: "a list", int: "a whole number"}
NOT_SCRIPTED = ("prompt", "choices", "extract", "shown", "shots", "train", "judge")
"""Keys that mean nothing beside a script."""
WRITING = ("script", "judge", "json_schema", "regex", "extract", "shown")
"""Keys that mean nothing beside choices."""
TEXTS = ("stop", "slices", "numbers")
LEAST = {"shots": 0, "max_tokens": 1, "version": 1}
MOST = 2**31 - 1
HUB_KEYS = ("id", "config", "split", "revision")
"""What names a dataset of the Hub."""
BuiltIn = Callable[..., Measure[Any]]
"""Makes a built-in measure from the keys of its table."""
External = Callable[..., Measure[Any]]
"""Makes a measure from an ``external.Spec``."""
WRITTEN: Mapping[str, BuiltIn] = dict.fromkeys(written.OPTIONS, written.measure)
CHOICE_MEASURES = {measure.name: measure for measure in (ACC, ACC_NORM, ACC_BYTES)}


def is_task_file(name: str) -> bool:
    """Whether a name ends as the files of tasks do, in small letters or capitals."""
    return name.lower().endswith(SUFFIXES)


def task_from_file(path: Path) -> Task:
    """Rows of ``question``, ``answer`` and, for multiple choice, ``choices`` or columns ``A``, ``B``, ...; or a
    description. Named after the file.

    ``answer`` is a choice, its index, or the text (or list of texts) that is to be written. Optional: ``id``.
    Raises DataError for rows that lack a column, UsageError for other kinds of file and keys that are wrong.
    """
    if not is_task_file(path.name):
        raise UsageError(f"{path}: a task file is one of {', '.join(SUFFIXES)}, not {path.suffix}")
    if path.suffix.lower() in DESCRIPTIONS:
        description = _description(path)
        return _task(path, description, _dataset(path, description["data"]))
    if not is_file(path):
        raise DataError(f"{path}: no such task file")
    rows = read_rows(path)
    if not rows:
        raise DataError(f"{path}: is empty")
    lacking = [column for column in ("question", "answer") if column not in rows[0]]
    if lacking:
        raise DataError(f"{path}: row 1: {no_column(lacking[0], rows[0])}")
    letters = lettered(rows[0])
    choices: dict[str, Any] = {"choices": {"columns": list(letters)}} if letters else {}
    if any("choices" in row for row in rows):
        choices = {"choices": "choices"}
    return _task(path, {"measures": f"The questions of {path.name}.", "source": str(path), **choices}, file(path))


def code_of(path: Path) -> list[str]:
    """The metrics of a task file that bring code, as it names them; nothing is run. Raises UsageError."""
    metrics = _description(path).get("metrics", ()) if path.suffix.lower() in DESCRIPTIONS else ()
    uses = [entry.get("use") if isinstance(entry, dict) else entry for entry in metrics]
    return [
        use for use in uses if isinstance(use, str) and external.brings_code(external.Spec(use=use, base=path.parent))
    ]


# --------------------------------------------------------------------------------------------------------- description
def _description(path: Path) -> dict[str, Any]:
    read = read_toml if path.suffix.lower() == ".toml" else read_yaml
    return _checked(path, read(path, "task file"))


def _checked(path: Path, content: Any) -> dict[str, Any]:
    """A description whose keys are known and of the right type."""
    if not isinstance(content, dict) or "data" not in content:
        raise UsageError(f"{path}: a task file is a table with at least the key data")
    for key, value in content.items():
        if key not in KEYS:
            raise UsageError(f"{path}: {UnknownName('key in a task file', key, KEYS)}")
        if type(value) not in KEYS[key]:
            valid = " or ".join(TYPES[kind] for kind in KEYS[key])
            raise UsageError(f"{path}: {key} = {quoted(value)} is not {valid}")
        if flaw := _flaw(key, value):
            raise UsageError(f"{path}: {key} = {quoted(value)} {flaw}")
    return content


def _flaw(key: str, value: Any) -> str:
    """What is wrong with a value of the right type; empty where nothing is."""
    if key in TEXTS and not all(isinstance(text, str) and text for text in value):
        return "is not a list of texts, none of them empty"
    if key in ("json_schema", "regex") and not value:
        return "is empty"
    if key in LEAST and not LEAST[key] <= value <= MOST:
        return f"is less than {LEAST[key]}" if value < LEAST[key] else f"is more than {MOST}"
    if key == "choices" and isinstance(value, dict):
        columns = value.get("columns")
        sound = isinstance(columns, list) and len(columns) > 1 and all(isinstance(name, str) for name in columns)
        return "" if sound and len(value) == 1 else "is not {columns = [...]} with the names of two columns or more"
    if key == "choices" and isinstance(value, list):
        odd = [kind_of(each) for each in value if type(each) not in (str, int)]
        return f"is not a list of texts and whole numbers: put {odd[0]} in quotes" if odd else ""
    if key == "script" and isinstance(value, list):
        return _no_script(value)
    return _no_template(value) if key in ("prompt", "system", "shown") else ""


def _no_script(lines: Sequence[Any]) -> str:
    """Why lines are no script of templates; empty where they are one."""
    try:
        spoken = script_of(lines)
    except DataError as error:
        return f"is no script: {error}"
    texts = [text for line in spoken for text in ([line] if isinstance(line, str) else [*line[0], *line[1:]])]
    return next(filter(None, map(_no_template, texts)), "")


def _no_template(text: str) -> str:
    """Why a text is not a template over columns; empty where it is one."""
    try:
        columns_of(text)
    except ValueError as error:
        return f"is not a template over columns: {error}; a brace that is meant is written twice"
    return ""


def _dataset(path: Path, source: Any) -> Dataset:
    """A file beside the description, or ``{id, config, split, revision}`` of the Hub."""
    if isinstance(source, str):
        return file(path.parent / source)
    texts = all(isinstance(value, str) and value for value in source.values())
    if not source.keys() <= set(HUB_KEYS) or "id" not in source or not texts:
        raise UsageError(
            f"{path}: data is a file, or a table with id and, if need be, config, split, revision, all of them texts; "
            f"not {quoted(source)}"
        )
    return hub(**source)


def _task(path: Path, description: Mapping[str, Any], dataset: Dataset) -> Task:
    """The task of a description; what it leaves out is that of a file of questions."""
    get = description.get
    train = (_dataset(path, description["train"]),) if "train" in description else ()
    shots = Shots(count=get("shots", 0), dataset=train)
    prepare = partial(with_numbers, columns=description["numbers"]) if "numbers" in description else None
    data = Data(dataset, get("id"), tuple(get("slices", ())), get("cluster"), prepare, shots)
    prompt, answer = get("prompt", PROMPT), get("answer", "answer")
    about = About(version=get("version", 1), card=_card(description))
    if "choices" in description:
        odd = next((key for key in WRITING if key in description), None)
        if odd:
            raise UsageError(f"{path}: {odd} is for written answers: leave choices or {odd} out")
        names = get("metrics", list(CHOICE_MEASURES))
        choice_measures = _measures(path, names, dict.fromkeys(CHOICE_MEASURES, _choice), external.choice_measure)
        choices = description["choices"]
        columns = ChoiceColumns(tuple(choices["columns"]), answer) if isinstance(choices, dict) else None
        return multiple_choice(
            path.stem,
            data=data,
            prompt=prompt,
            choices=columns.choices if columns else choices,
            target=columns.target if columns else answer,
            about=about,
            measures=choice_measures,
        )
    if "script" in description:
        return _conversation(path, description, data, about)
    judge = description.get("judge")
    bare = judge is not None and "answer" not in description
    names = get("metrics", ["exact_match", "f1"])
    task = generation(
        path.stem,
        data=data,
        prompt=Template(prompt, answer=partial(filled, description["shown"])) if "shown" in description else prompt,
        target=(lambda row: "") if bare else answer,
        decoding=_decoding(path, description),
        measures=() if bare else _measures(path, names, WRITTEN, external.text_measure),
        about=about,
        extract=_extract(path, description),
    )
    return task if judge is None else _judged(path, task, judge)


def _conversation(path: Path, description: Mapping[str, Any], data: Data, about: About) -> Task:
    """The task of a description whose user follows a script, from a column or for all rows."""
    odd = next((key for key in NOT_SCRIPTED if key in description), None)
    if odd:
        raise UsageError(f"{path}: a script is all that the user says, its last answer is compared: leave {odd} out")
    script = description["script"]
    return conversation(
        path.stem,
        data=data,
        script=script if isinstance(script, str) else partial(filled_lines, script, fill=filled),
        system=description.get("system", ""),
        target=description.get("answer", "answer"),
        decoding=_decoding(path, {"stop": ["\nUser:"], **description}),
        measures=_measures(path, description.get("metrics", ["exact_match", "f1"]), WRITTEN, external.text_measure),
        about=about,
    )


def _extract(path: Path, description: Mapping[str, Any]) -> Extract:
    """How the answer is found in what is written; by default it is all of that."""
    try:
        return extractor(description["extract"]) if "extract" in description else str.strip
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def _decoding(path: Path, description: Mapping[str, Any]) -> Decoding:
    """How answers are written; those that a server holds to a form end by themselves."""
    if "json_schema" in description and "regex" in description:
        raise UsageError(f"{path}: an answer has one form: leave json_schema or regex out")
    constraint = None
    if "json_schema" in description:
        try:
            constraint = Constraint.json(description["json_schema"])
        except (TypeError, ValueError, RecursionError) as error:
            raise UsageError(f"{path}: json_schema is no JSON: {error}") from None
    elif "regex" in description:
        constraint = Constraint("regex", description["regex"])
    stop = description.get("stop", () if constraint else ("\n",))
    return Decoding(description.get("max_tokens", 64), tuple(stop), constraint=constraint)


def _judged(path: Path, task: Task, judge: Mapping[str, Any]) -> Task:
    """The task with the judge of its description."""
    try:
        return judged(task, built(JudgeModel, judge, "judge"))
    except HarnessError as error:
        raise UsageError(f"{path}: {error}") from None


def _measures(path: Path, wanted: Sequence[Any], built_in: Mapping[str, BuiltIn], make: External) -> list[Measure[Any]]:
    """Measures by name; those from outside are loaded at once, so that a missing one is reported early."""
    chosen: list[Measure[Any]] = []
    for one in wanted:
        keys = _measure_keys(path, one, built_in)
        use = keys["use"]
        try:
            measure = built_in[use](**keys) if use in built_in else make(_spec(path, keys), load=True)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        if any(measure.name == other.name for other in chosen):
            raise UsageError(f"{path}: two metrics are called {measure.name!r}: give one of them another name")
        chosen.append(measure)
    if not chosen:
        raise UsageError(f"{path}: metrics = {quoted(wanted)} names none")
    return chosen


def _measure_keys(path: Path, entry: Any, built_in: Mapping[str, BuiltIn]) -> dict[str, Any]:
    """An entry of ``metrics`` as a table whose keys are known; a name alone is its ``use``."""
    table = {"use": entry} if isinstance(entry, str) else entry
    texts = [value for key, value in table.items() if key != "range"] if isinstance(table, dict) else [None]
    if not isinstance(table, dict) or "use" not in table or not all(isinstance(value, str) for value in texts):
        raise UsageError(f"{path}: a metric is a name or a table of texts with the key use, not {quoted(entry)}")
    use = table["use"]
    valid = ("use", "name", "tokenize", "normalize") if use in built_in else ("use", "name", "level", "better", "range")
    odd = next((key for key in table if key not in valid), None)
    if odd is not None:
        raise UsageError(f"{path}: {UnknownName(f'key of the metric {use[:200]}', odd, valid)}")
    if use not in built_in and ":" not in use and use not in external.offered():
        raise UsageError(f"{path}: {UnknownName('metric', use, [*built_in, *external.offered()])}")
    if "range" in table and not _is_range(table["range"]):
        raise UsageError(f"{path}: range = {quoted(table['range'])} of the metric {use[:200]} is not two numbers")
    return table


def _is_range(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(type(end) in (int, float) for end in value)


def _spec(path: Path, keys: Mapping[str, Any]) -> external.Spec:
    return external.Spec(**{**keys, "range": tuple(keys["range"])} if "range" in keys else keys, base=path.parent)


def _choice(use: str, name: str | None = None) -> ChoiceMeasure:
    return CHOICE_MEASURES[use].named(name or use)


def _card(description: Mapping[str, Any]) -> Card:
    return Card(
        measures=description.get("measures", "Not described."),
        limits=description.get("limits", "Not described."),
        source=description.get("source", "a task file"),
        licence=description.get("licence", "not stated"),
    )
