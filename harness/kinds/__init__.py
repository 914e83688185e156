"""Kinds of task: functions that turn a few lines of description into a Task.

    multiple_choice, classification   Choose: which continuation (or which label of a head) is the answer?
    generation, translation           Generate: what does the model write, and how does it compare with the references?
    likelihood                        Likelihood: how well does it predict a text?
    pair                              two Likelihoods: which of two texts does it prefer?

Wherever a row's content is described, a string is a ``str.format`` template over the row's columns or the name of a
column, and a function takes the row. A measure is a metric with the function that gives an example's value for it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from harness.errors import DataError, quoted
from harness.metrics.calibrate import RIGHTS, calibrated, rights
from harness.metrics.classify import proportion
from harness.reading.values import choices_of, filled, key_of, label_of, no_column, references_of, text_of
from harness.types import (
    Card,
    Choose,
    Chosen,
    Dataset,
    Example,
    Failed,
    Generate,
    Generated,
    Judged,
    Likelihood,
    Metric,
    Request,
    Response,
    Row,
    Scored,
    Shots,
    Task,
    Value,
)

Column = str | Callable[[Row], Any]
Prepare = Callable[[Sequence[Row]], Iterable[Row]]
"""Regroups the rows of a dataset before each becomes an example (lines to pages, references of one input)."""
ChoiceMeasure = tuple[Metric, Callable[[Example, int, Chosen], Value | None]]
"""Metric and (example, index picked by log-likelihood, response) -> value; None: does not apply."""
TextMeasure = tuple[Metric, Callable[[Example, str], Value | None]]
"""Metric and (example, extracted answer) -> value. ``example.target`` is a tuple of references."""
LikelihoodMeasure = tuple[Metric, Callable[[Example, Scored], Value | None]]
PairMeasure = tuple[Metric, Callable[[Example, Scored, Scored], Value | None]]

SEPARATOR = "\n\n"
"""Between few-shot examples, as lm-evaluation-harness has it."""
UNFIT = (LookupError, TypeError, ValueError, AttributeError)
"""What a task's own functions raise on rows of another shape."""


# ------------------------------------------------------------------------------------------------------------- choices
def right(example: Example, picked: int, response: Chosen) -> float:
    """1 if the likeliest choice is a right one."""
    return float(picked in rights(example))


def right_by_characters(example: Example, picked: int, response: Chosen) -> float | None:
    """1 if the choice with the highest log-probability per character is a right one (`acc_norm` of the peers)."""
    return _right_per(example, response, [len(choice) for choice in example.fields["choices"]])


def right_by_bytes(example: Example, picked: int, response: Chosen) -> float | None:
    """1 if the choice with the highest log-probability per UTF-8 byte is a right one."""
    return _right_per(example, response, [len(choice.encode()) for choice in example.fields["choices"]])


ACC: ChoiceMeasure = (proportion("acc"), right)
ACC_NORM: ChoiceMeasure = (proportion("acc_norm"), right_by_characters)
ACC_BYTES: ChoiceMeasure = (proportion("acc_bytes"), right_by_bytes)


def multiple_choice(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    prompt: Column,
    choices: Column | Sequence[str],
    target: Column,
    card: Card,
    delimiter: str = " ",
    inputs: Sequence[str] = (),
    labels: Sequence[str] = (),
    measures: Sequence[ChoiceMeasure] = (ACC, ACC_NORM, ACC_BYTES),
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    shots: Shots | None = None,
    tags: Sequence[str] = (),
    description: Column = "",
) -> Task:
    """Which choice follows ``prompt`` + ``delimiter``? ``target`` is its index, or the choice or label itself.

    Where several are right ``target`` is a list of them, the first of which is shown as the answer; a choice with the
    same words as a right one is right too.
    ``inputs`` names the columns that a fine-tuned classifier reads; ``labels`` its label names, aligned with choices.
    ``description`` stands once before the few-shot examples.
    """

    def fields(row: Row) -> tuple[dict[str, Any], Any]:
        given = _value(row, choices) if isinstance(choices, str) or callable(choices) else choices
        options = choices_of(given)
        texts = tuple(text_of(_value(row, column), f"column {quoted(column)}") for column in inputs)
        shown: dict[str, Any] = {
            "prompt": _text(row, prompt),
            "choices": options,
            "inputs": texts,
            "description": _text(row, description),
        }
        gold = _value(row, target)
        keys = [key_of(one, given, options, labels) for one in (gold if isinstance(gold, list | tuple) else [gold])]
        if not keys:
            raise DataError("no right choice")
        true = {options[key].strip() for key in keys}
        shown[RIGHTS] = [place for place, option in enumerate(options) if option.strip() in true]
        return dict(row) | shown, keys[0]

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        f = example.fields
        before = "".join(_with_answer(s, delimiter + s.fields["choices"][s.target]) for s in shown)
        options = tuple(delimiter + choice for choice in f["choices"])
        return (Choose(f["description"] + before + f["prompt"], options, f["inputs"], tuple(labels)),)

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        (response,) = responses
        assert isinstance(response, Chosen)
        values, failed = _values(measures, example, response.picked, response)
        said = example.fields["choices"][response.picked]
        return Judged(said, values, response.picked in rights(example), failed)

    def scripted(example: Example, preferred: int) -> tuple[Response, ...]:
        # Scaled by length, so that the normalised metrics prefer the same choice.
        sizes = [len(c.encode()) for c in example.fields["choices"]]
        scores = tuple((-0.001 if i == preferred else -10.0) * size for i, size in enumerate(sizes))
        return (Chosen(preferred, scores, tuple(1 for _ in sizes)),)

    def farthest(example: Example) -> int:
        places = range(len(example.fields["choices"]))
        return max(places, key=lambda i: (i not in rights(example), abs(i - example.target)))

    task = Task(
        name=name, version=version, dataset=_datasets(dataset),
        read=_reader(name, fields, id, slices, cluster, dataset, prepare), ask=ask, judge=judge,
        best=lambda e: scripted(e, e.target), worst=lambda e: scripted(e, farthest(e)),
        metrics=tuple(metric for metric, _ in measures), card=card, requests=frozenset({Choose}),
        shots=shots or Shots(), tags=frozenset(tags),
    )  # fmt: skip
    return calibrated(task)


def classification(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    inputs: Sequence[str],
    target: Column,
    labels: Sequence[str],
    prompt: Column,
    choices: Sequence[str],
    card: Card,
    measures: Sequence[ChoiceMeasure] = (ACC,),
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    shots: Shots | None = None,
    tags: Sequence[str] = (),
    description: Column = "",
) -> Task:
    """One of fixed ``labels`` for ``inputs``; ``choices`` are the continuations that a language model scores.

    ``target`` is the label's index or name. A choice is written with the space that precedes it.
    """
    if len(labels) != len(choices):
        raise DataError(f"{name}: {len(labels)} labels {tuple(labels)} but {len(choices)} choices {tuple(choices)}")
    return multiple_choice(
        name, version=version, dataset=dataset, prompt=prompt, choices=tuple(choices), target=target, card=card,
        delimiter="", inputs=inputs, labels=labels, measures=measures, id=id, slices=slices, cluster=cluster,
        prepare=prepare, shots=shots, tags=tags, description=description,
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------- text
def generation(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    prompt: Column,
    target: Column,
    measures: Sequence[TextMeasure],
    card: Card,
    max_tokens: int,
    stop: Sequence[str] = (),
    extract: Callable[[str], str | None] = str.strip,
    shot_answer: Column | None = None,
    delimiter: str = " ",
    inputs: Sequence[str] = (),
    temperature: float = 0.0,
    top_p: float = 1.0,
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    shots: Shots | None = None,
    tags: Sequence[str] = (),
    description: Column = "",
) -> Task:
    """What the model writes after ``prompt``, compared with the references that ``target`` gives (one or a list).

    ``extract`` finds the answer in what was written; where it finds none the example is judged on the empty answer, as
    published scores do. ``shot_answer`` is what few-shot examples show (the first reference unless given).
    The first measure that is a share of right answers (0 or 1 for each) says whether an example counts as correct;
    without one none does or does not.
    """
    shares = [metric.name for metric, _ in measures if metric.interval == "wilson" and metric.better == "higher"]

    def fields(row: Row) -> tuple[dict[str, Any], Any]:
        references = references_of(_value(row, target))
        shown = references[0] if shot_answer is None else text_of(_value(row, shot_answer), "the answer of a shot")
        texts = tuple(text_of(_value(row, column), f"column {quoted(column)}") for column in inputs)
        made = {
            "prompt": _text(row, prompt),
            "answer_shown": shown,
            "inputs": texts,
            "description": _text(row, description),
        }
        return dict(row) | made, references

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        f = example.fields
        before = "".join(_with_answer(s, delimiter + s.fields["answer_shown"]) for s in shown)
        text = f["description"] + before + f["prompt"]
        seed = _seed(name, example.id)
        return (Generate(text, max_tokens, tuple(stop), temperature, top_p, seed, f["inputs"]),)

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
        (response,) = responses
        assert isinstance(response, Generated)
        answer = extract(response.text)
        values, failed = _values(measures, example, answer or "")
        first = values.get(shares[0]) if shares else None
        return Judged(answer or "", values, first == 1.0 if first in (0.0, 1.0) else None, failed)

    def written(text: str) -> tuple[Response, ...]:
        return (Generated(text, len(text.split()), "end"),)

    return Task(
        name=name, version=version, dataset=_datasets(dataset),
        read=_reader(name, fields, id, slices, cluster, dataset, prepare),
        ask=ask, judge=judge, best=lambda e: written(e.fields["answer_shown"]), worst=lambda e: written(""),
        metrics=tuple(metric for metric, _ in measures), card=card, requests=frozenset({Generate}),
        shots=shots or Shots(), tags=frozenset(tags),
    )  # fmt: skip


def translation(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    source: Column,
    target: Column,
    languages: tuple[str, str],
    card: Card,
    max_tokens: int = 256,
    tokenize: str = "13a",
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    shots: Shots | None = None,
    tags: Sequence[str] = ("translation",),
) -> Task:
    """Translation judged by BLEU, chrF, chrF++ and TER of sacrebleu, whose signatures stand beside the values."""
    from harness.metrics import text

    measures: list[TextMeasure] = [
        (text.bleu(tokenize=tokenize), lambda e, answer: text.bleu_row(answer, e.target, tokenize)),
        (text.chrf(), lambda e, answer: text.chrf_row(answer, e.target)),
        (text.chrf(word_order=2), lambda e, answer: text.chrf_row(answer, e.target, 2)),
        (text.ter(), lambda e, answer: text.ter_row(answer, e.target)),
    ]

    def prompt(row: Row) -> str:
        return f"{languages[0]}: {inputs(row)}\n{languages[1]}:"

    def inputs(row: Row) -> str:
        return text_of(_value(row, source), "the source text")

    return generation(
        name, version=version, dataset=dataset, prompt=prompt, target=target, measures=measures, card=card,
        max_tokens=max_tokens, stop=("\n",), inputs=(inputs,), id=id, slices=slices, cluster=cluster,  # type: ignore[arg-type]
        prepare=prepare, shots=shots, tags=tags, description=f"Translate from {languages[0]} to {languages[1]}.\n\n",
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------- likelihood
def likelihood(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    text: Column,
    measures: Sequence[LikelihoodMeasure],
    card: Card,
    context: Column = "",
    stride: int | None = None,
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    tags: Sequence[str] = (),
) -> Task:
    """How likely ``text`` is after ``context``; without a context it is rolled through the model's window."""

    def fields(row: Row) -> tuple[dict[str, Any], Any]:
        found = _text(row, text)
        if not found:
            raise DataError("an empty text")
        return dict(row) | {"text": found, "context": _text(row, context)}, None

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        return (Likelihood(example.fields["text"], example.fields["context"], stride),)

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        (response,) = responses
        assert isinstance(response, Scored)
        values, failed = _values(measures, example, response)
        return Judged(f"{response.logprob:.4f}", values, None, failed)

    def scored(example: Example, each: float) -> tuple[Response, ...]:
        size = len(example.fields["text"].encode())
        return (Scored(each * size, size, size, each > -1, (each,) * size),)

    return Task(
        name=name, version=version, dataset=_datasets(dataset),
        read=_reader(name, fields, id, slices, cluster, dataset, prepare),
        ask=ask, judge=judge, best=lambda e: scored(e, -1e-9), worst=lambda e: scored(e, -20.0),
        metrics=tuple(metric for metric, _ in measures), card=card, requests=frozenset({Likelihood}),
        tags=frozenset(tags),
    )  # fmt: skip


def pair(
    name: str,
    *,
    version: int,
    dataset: Dataset | Sequence[Dataset],
    first: Column,
    second: Column,
    measures: Sequence[PairMeasure],
    card: Card,
    contexts: tuple[Column, Column] = ("", ""),
    id: Column | None = None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]] = (),
    cluster: Column | None = None,
    prepare: Prepare | None = None,
    tags: Sequence[str] = (),
) -> Task:
    """Which of two texts the model finds likelier. ``best`` prefers the first and ``worst`` the second of each pair;
    where neither is better (a stereotype score) the metric says so by its ideal.
    """

    def fields(row: Row) -> tuple[dict[str, Any], Any]:
        texts = {"first": _text(row, first), "second": _text(row, second)}
        empty = [key for key, text in texts.items() if not text]
        if empty:
            raise DataError(f"an empty {empty[0]} text")
        return dict(row) | texts | {"contexts": tuple(_text(row, c) for c in contexts)}, None

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        f = example.fields
        return (Likelihood(f["first"], f["contexts"][0]), Likelihood(f["second"], f["contexts"][1]))

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        one, two = responses
        assert isinstance(one, Scored) and isinstance(two, Scored)
        picked = "first" if one.logprob > two.logprob else "second" if two.logprob > one.logprob else "tie"
        values, failed = _values(measures, example, one, two)
        return Judged(picked, values, None, failed)

    def scored(text: str, each: float) -> Scored:
        words = max(1, len(text.split()))
        return Scored(each * words, words, len(text.encode()), False, (each,) * words)

    def scripted(example: Example, one: float, two: float) -> tuple[Response, ...]:
        return scored(example.fields["first"], one), scored(example.fields["second"], two)

    return Task(
        name=name, version=version, dataset=_datasets(dataset),
        read=_reader(name, fields, id, slices, cluster, dataset, prepare),
        ask=ask, judge=judge, best=lambda e: scripted(e, -0.01, -10.0), worst=lambda e: scripted(e, -10.0, -0.01),
        metrics=tuple(metric for metric, _ in measures), card=card, requests=frozenset({Likelihood}),
        tags=frozenset(tags),
    )  # fmt: skip


# ---------------------------------------------------------------------------------------------------- rows to examples
def _reader(
    task: str,
    fields: Callable[[Row], tuple[dict[str, Any], Any]],
    id: Column | None,
    slices: Sequence[str] | Callable[[Row], dict[str, str]],
    cluster: Column | None,
    datasets: Dataset | Sequence[Dataset],
    prepare: Prepare | None,
) -> Callable[[Sequence[Row], Dataset], list[Example]]:
    """A function from rows to examples that names the task and the row of whatever is wrong with one.

    With several ``datasets`` the configuration is put before the ids, which then only need to be unique within one.
    """

    def identity(row: Row, number: int, dataset: Dataset) -> str:
        own = label_of(_value(row, id) if id is not None else row.get("id", row.get("idx", number)), "the id")
        return own if isinstance(datasets, Dataset) else f"{dataset.config}/{own}"

    def example_of(row: Row, number: int, dataset: Dataset) -> Example:
        made, target = fields(row)
        parts = slices(row) if callable(slices) else _groups(row, slices)
        group = None if cluster is None else _value(row, cluster)
        named = None if group is None else label_of(group, "the cluster")
        return Example(identity(row, number, dataset), made, target, parts, named)

    def read(rows: Sequence[Row], dataset: Dataset) -> list[Example]:
        examples, seen = [], set()
        place = dataset.path or dataset
        try:
            prepared = list(prepare(rows)) if prepare else rows
        except UNFIT as error:
            raise DataError(f"{task}: the rows of {place} are not what the task expects: {error}") from error
        for number, row in enumerate(prepared):
            where = f"{task}: row {number + 1} of {place}"
            try:
                example = example_of(row, number, dataset)
            except DataError as error:
                raise DataError(f"{where}: {error}") from None
            except UNFIT as error:
                raise DataError(f"{where} is not what the task expects: {error}") from error
            if example.id in seen:
                raise DataError(f"{where}: example id {quoted(example.id)} is used twice")
            seen.add(example.id)
            examples.append(example)
        return examples

    return read


def _groups(row: Row, columns: Sequence[str]) -> dict[str, str]:
    """The groups of a row by columns; where it has null it belongs to none."""
    found = {column: _value(row, column) for column in columns}
    return {key: label_of(value, f"slice {quoted(key)}") for key, value in found.items() if value is not None}


def _value(row: Row, column: Column) -> Any:
    """What a row says under a column's name, or what a function makes of it."""
    try:
        return column(row) if callable(column) else row[column]
    except KeyError as error:
        raise DataError(no_column(error.args[0], row)) from None


def _text(row: Row, template: Column) -> str:
    """A template filled from a row, or the text that a function makes of it."""
    return filled(template, row) if isinstance(template, str) else text_of(_value(row, template), "the text")


def _values(measures: Sequence[tuple[Metric, Any]], *judged: Any) -> tuple[dict[str, Value], dict[str, str]]:
    """The value of every measure that applies, and of those whose value is no finite number what it is instead."""
    found = {metric.name: value(*judged) for metric, value in measures}
    odd = {
        name: f"its value is {value}"
        for name, value in found.items()
        if value is not None and not np.isfinite(value).all()
    }
    return {name: value for name, value in found.items() if value is not None and name not in odd}, odd


def _right_per(example: Example, response: Chosen, sizes: Sequence[int]) -> float | None:
    if not response.logprobs:
        return None
    scores = [p / size for p, size in zip(response.logprobs, sizes, strict=True)]
    return float(scores.index(max(scores)) in rights(example))


def _with_answer(shot: Example, answer: str) -> str:
    return str(shot.fields["prompt"]) + answer + SEPARATOR


def _seed(task: str, example: str) -> int:
    import zlib

    return zlib.crc32(f"{task}\0{example}".encode())


def _datasets(dataset: Dataset | Sequence[Dataset]) -> tuple[Dataset, ...]:
    return (dataset,) if isinstance(dataset, Dataset) else tuple(dataset)
