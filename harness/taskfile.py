"""Tasks from a file alone: questions in JSON lines, or a text to be predicted."""

from pathlib import Path

from harness.data import file, read_rows
from harness.errors import DataError, UsageError
from harness.kinds import generation, likelihood, multiple_choice
from harness.metrics.likelihood import bits_per_byte, likelihood_row, perplexity, words
from harness.metrics.text import squad_em, squad_f1, squad_values
from harness.types import Card, Dataset, Task


def task_from_file(path: Path) -> Task:
    """Rows of ``question``, ``answer`` and, for multiple choice, ``choices``; named after the file.

    ``answer`` is a choice, its index, or the text (or list of texts) that is to be written. Optional: ``id``.
    Raises DataError for rows that lack a column, UsageError for other kinds of file.
    """
    if path.suffix != ".jsonl":
        raise UsageError(f"{path}: a task file is JSON lines (.jsonl), not {path.suffix}")
    dataset = file(path)
    if not path.is_file():
        raise DataError(f"{path}: no such task file")
    first = next(iter(read_rows(path)), None)
    if first is None:
        raise DataError(f"{path}: is empty")
    lacking = [column for column in ("question", "answer") if column not in first]
    if lacking:
        raise DataError(f"{path}:1: no column {lacking[0]!r}; there are {', '.join(first)}")
    card = _card(f"The questions of {path.name}.", str(path))
    prompt = "Question: {question}\nAnswer:"
    if "choices" in first:
        return multiple_choice(
            path.stem, version=1, dataset=dataset, prompt=prompt, choices="choices", target="answer", card=card
        )
    return generation(
        path.stem, version=1, dataset=dataset, prompt=prompt, target="answer", card=card, max_tokens=64, stop=("\n",),
        measures=(
            (squad_em, lambda e, answer: squad_values(answer, e.target)[0]),
            (squad_f1, lambda e, answer: squad_values(answer, e.target)[1]),
        ),
    )  # fmt: skip


def corpus(place: str) -> Task:
    """``FILE`` (one text) or ``FILE.jsonl[:COLUMN]`` (one text a row, column ``text``): its perplexities.

    Raises DataError for a missing file or column.
    """
    name, _, column = place.partition(".jsonl:")
    path = Path(name + ".jsonl" if column else place)
    if not path.is_file():
        raise DataError(f"{path}: no such corpus file")
    return likelihood(
        f"corpus/{path.stem}", version=1, dataset=Dataset(path.stem, split=path.suffix.lstrip("."), path=str(path)),
        text="{" + (column or "text") + "}",
        measures=(
            (perplexity("word_perplexity"), lambda e, r: likelihood_row(r.logprob, words(e.fields["text"]))),
            (perplexity("byte_perplexity"), lambda e, r: likelihood_row(r.logprob, r.bytes)),
            (perplexity("token_perplexity"), lambda e, r: likelihood_row(r.logprob, r.tokens)),
            (bits_per_byte, lambda e, r: likelihood_row(r.logprob, r.bytes)),
        ),
        card=_card(f"How well {path.name} is predicted.", place),
    )  # fmt: skip


def _card(measures: str, source: str) -> Card:
    return Card(measures=measures, limits="Not described.", source=source, licence="not stated")
