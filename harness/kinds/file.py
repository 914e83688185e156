"""Tasks from a file alone: questions in JSON lines, a description in TOML or YAML, or a text to be predicted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.data import file, hub, read_rows
from harness.errors import DataError, UnknownName, UsageError, quoted
from harness.kinds import ACC, ACC_BYTES, ACC_NORM, ChoiceMeasure, generation, likelihood, multiple_choice
from harness.metrics import outside, written
from harness.metrics.likelihood import bits_per_byte, likelihood_row, perplexity, words
from harness.reading.text import is_file, read_toml, read_yaml
from harness.reading.values import columns_of, kind_of, no_column, text_of
from harness.types import Card, Dataset, Row, Shots, Task

SUFFIXES = (".jsonl", ".toml", ".yaml", ".yml")
PROMPT = "Question: {question}\nAnswer:"
KEYS: Mapping[str, tuple[type, ...]] = {
    "data": (str, dict), "prompt": (str,), "answer": (str,), "choices": (str, list), "metrics": (list,),
    "max_tokens": (int,), "stop": (list,), "shots": (int,), "train": (str, dict), "slices": (list,), "cluster": (str,),
    "id": (str,), "version": (int,), "measures": (str,), "limits": (str,), "source": (str,), "licence": (str,),
}  # fmt: skip
"""What a description may hold; see docs/tasks.md."""
WHAT: Mapping[type, str] = {str: "a text", dict: "a table", list: "a list", int: "a whole number"}
TEXTS = ("stop", "slices")
LEAST = {"shots": 0, "max_tokens": 1, "version": 1}
MOST = 2**31 - 1
PLACE = ("id", "config", "split", "revision")
"""What names a dataset of the Hub."""
Named = Callable[..., Any]
"""Makes a measure that is built in, from the keys of its table."""
Other = Callable[..., Any]
"""Makes a measure from outside."""


def task_from_file(path: Path) -> Task:
    """Rows of ``question``, ``answer`` and, for multiple choice, ``choices``; or a description. Named after the file.

    ``answer`` is a choice, its index, or the text (or list of texts) that is to be written. Optional: ``id``.
    Raises DataError for rows that lack a column, UsageError for other kinds of file and keys that are wrong.
    """
    if path.suffix not in SUFFIXES:
        raise UsageError(f"{path}: a task file is one of {', '.join(SUFFIXES)}, not {path.suffix}")
    if path.suffix != ".jsonl":
        told = (read_toml if path.suffix == ".toml" else read_yaml)(path, "task file")
        return _described(path, _checked(path, told))
    if not is_file(path):
        raise DataError(f"{path}: no such task file")
    rows = read_rows(path)
    if not rows:
        raise DataError(f"{path}: is empty")
    lacking = [column for column in ("question", "answer") if column not in rows[0]]
    if lacking:
        raise DataError(f"{path}: row 1: {no_column(lacking[0], rows[0])}")
    choices = {"choices": "choices"} if any("choices" in row for row in rows) else {}
    return _task(path, {"measures": f"The questions of {path.name}.", "source": str(path), **choices}, file(path))


def corpus(place: str) -> Task:
    """``FILE`` (one text) or ``FILE.jsonl[:COLUMN]`` (one text a row, column ``text``): its perplexities.

    Raises DataError for a missing file or column.
    """
    name, _, column = place.partition(".jsonl:")
    path = Path(name + ".jsonl" if column else place)
    if not is_file(path):
        raise DataError(f"{path}: no such corpus file")

    def text(row: Row) -> str:
        return text_of(row[column or "text"], f"column {quoted(column or 'text')}")

    return likelihood(
        f"corpus/{path.stem}", version=1, dataset=Dataset(path.stem, split=path.suffix.lstrip("."), path=str(path)),
        text=text,
        measures=(
            (perplexity("word_perplexity"), lambda e, r: likelihood_row(r.logprob, words(e.fields["text"]))),
            (perplexity("byte_perplexity"), lambda e, r: likelihood_row(r.logprob, r.bytes)),
            (perplexity("token_perplexity"), lambda e, r: likelihood_row(r.logprob, r.tokens)),
            (bits_per_byte, lambda e, r: likelihood_row(r.logprob, r.bytes)),
        ),
        card=_card({"measures": f"How well {path.name} is predicted.", "source": place}),
    )  # fmt: skip


# --------------------------------------------------------------------------------------------------------- description
def _checked(path: Path, told: Any) -> dict[str, Any]:
    """A description whose keys are known and of the right type."""
    if not isinstance(told, dict) or "data" not in told:
        raise UsageError(f"{path}: a task file is a table with at least the key data")
    for key, value in told.items():
        if key not in KEYS:
            raise UsageError(f"{path}: {UnknownName('key in a task file', key, KEYS)}")
        if type(value) not in KEYS[key]:
            kinds = " or ".join(WHAT[kind] for kind in KEYS[key])
            raise UsageError(f"{path}: {key} = {quoted(value)} is not {kinds}")
        if flaw := _flaw(key, value):
            raise UsageError(f"{path}: {key} = {quoted(value)} {flaw}")
    return told


def _flaw(key: str, value: Any) -> str:
    """What is wrong with a value of the right type; empty where nothing is."""
    if key in TEXTS and not all(isinstance(text, str) and text for text in value):
        return "is not a list of texts, none of them empty"
    if key in LEAST and not LEAST[key] <= value <= MOST:
        return f"is less than {LEAST[key]}" if value < LEAST[key] else f"is more than {MOST}"
    if key == "choices" and isinstance(value, list):
        odd = [kind_of(each) for each in value if type(each) not in (str, int)]
        return f"is not a list of texts and whole numbers: put {odd[0]} in quotes" if odd else ""
    return _no_template(value) if key == "prompt" else ""


def _no_template(text: str) -> str:
    """Why a text is not a template over columns; empty where it is one."""
    try:
        columns_of(text)
    except ValueError as error:
        return f"is not a template over columns: {error}; a brace that is meant is written twice"
    return ""


def _described(path: Path, told: Mapping[str, Any]) -> Task:
    return _task(path, told, _dataset(path, told["data"]))


def _dataset(path: Path, place: Any) -> Dataset:
    """A file beside the description, or ``{id, config, split, revision}`` of the Hub."""
    if isinstance(place, str):
        return file(path.parent / place)
    texts = all(isinstance(value, str) and value for value in place.values())
    if not place.keys() <= set(PLACE) or "id" not in place or not texts:
        raise UsageError(
            f"{path}: data is a file, or a table with id and, if need be, config, split, revision, all of them texts; "
            f"not {quoted(place)}"
        )
    return hub(**place)


def _task(path: Path, told: Mapping[str, Any], dataset: Dataset) -> Task:
    """The task of a description; what it leaves out is that of a file of questions."""
    shots = Shots(count=told.get("shots", 0), dataset=(_dataset(path, told["train"]),) if "train" in told else ())
    same: dict[str, Any] = {
        "version": told.get("version", 1), "dataset": dataset, "prompt": told.get("prompt", PROMPT), "shots": shots,
        "target": told.get("answer", "answer"), "card": _card(told), "slices": tuple(told.get("slices", ())),
        "cluster": told.get("cluster"), "id": told.get("id"),
    }  # fmt: skip
    if "choices" in told:
        known: dict[str, Named] = {one[0].name: partial(_renamed, one) for one in (ACC, ACC_NORM, ACC_BYTES)}
        chosen = _measures(path, told.get("metrics", list(known)), known, outside.choice_measure)
        return multiple_choice(path.stem, choices=told["choices"], measures=chosen, **same)
    known = dict.fromkeys(written.OPTIONS, written.measure)
    chosen = _measures(path, told.get("metrics", ["exact_match", "f1"]), known, outside.text_measure)
    stop = tuple(told.get("stop", ("\n",)))
    return generation(path.stem, measures=chosen, max_tokens=told.get("max_tokens", 64), stop=stop, **same)


def _measures(path: Path, wanted: Sequence[Any], known: Mapping[str, Named], other: Other) -> list[Any]:
    """Measures by name; those from outside are loaded at once, so that what is missing is told before a model runs."""
    found: list[Any] = []
    for one in wanted:
        given = {"use": one} if isinstance(one, str) else one
        if not isinstance(given, dict) or "use" not in given or not all(isinstance(v, str) for v in given.values()):
            raise UsageError(f"{path}: a metric is a name or a table of texts with the key use, not {quoted(one)}")
        use = given["use"]
        keys = ("use", "name", "tokenize", "normalize") if use in known else ("use", "name", "level", "better")
        odd = next((key for key in given if key not in keys), None)
        if odd is not None:
            raise UsageError(f"{path}: {UnknownName(f'key of the metric {use[:200]}', odd, keys)}")
        if use not in known and ":" not in use and use not in outside.offered():
            raise UsageError(f"{path}: {UnknownName('metric', use, [*known, *outside.offered()])}")
        try:
            made = known[use](**given) if use in known else other(outside.Spec(**given, base=path.parent), load=True)
        except UsageError as error:
            raise UsageError(f"{path}: {error}") from None
        if any(made[0].name == metric.name for metric, _ in found):
            raise UsageError(f"{path}: two metrics are called {made[0].name!r}: give one of them another name")
        found.append(made)
    if not found:
        raise UsageError(f"{path}: metrics = {quoted(wanted)} names none")
    return found


def _renamed(measure: ChoiceMeasure, use: str, name: str | None = None) -> ChoiceMeasure:
    return replace(measure[0], name=name or use), measure[1]


def _card(told: Mapping[str, Any]) -> Card:
    return Card(
        measures=told.get("measures", "Not described."), limits=told.get("limits", "Not described."),
        source=told.get("source", "a task file"), licence=told.get("licence", "not stated"),
    )  # fmt: skip
