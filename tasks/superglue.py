"""SuperGLUE: eight tasks of language understanding and its two diagnostic sets (Wang et al. 2019)."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.data import hub
from harness.errors import DataError
from harness.groups import Group
from harness.kinds import ACC, SEPARATOR, ChoiceMeasure, classification, multiple_choice
from harness.metrics.classify import confusion_row, f1, f1_labels, matthews, mean, proportion, quotient
from harness.metrics.text import squad_values
from harness.types import (
    Card,
    Choose,
    Chosen,
    Dataset,
    Example,
    Judged,
    Metric,
    Request,
    Response,
    Row,
    Shots,
    Task,
    Value,
)

HUB = "aps/super_glue"
PicksMeasure = tuple[Metric, Callable[[Sequence[int], Sequence[int]], Value | None]]
"""Metric and (gold labels, picked labels) of all the questions of one example -> value."""


def card(measures: str, limits: str = "") -> Card:
    """A card of this family."""
    return Card(
        measures=measures,
        limits=limits + "English only; test labels are not public, so the validation split is used.",
        source=f"https://huggingface.co/datasets/{HUB}",
        licence="each task's own terms, see the SuperGLUE site",
        citation="Wang et al. 2019, SuperGLUE: A Stickier Benchmark for General-Purpose Language Understanding Systems",
    )


def superglue(
    name: str, inputs: tuple[str, ...], labels: tuple[str, ...], prompt: str | Callable[[Row], str],
    choices: tuple[str, ...], about: Card, measures: tuple[ChoiceMeasure, ...] = (ACC,), split: str = "validation",
) -> Task:  # fmt: skip
    """One task with fixed labels; few-shot examples come from its train split, where it has one."""
    return classification(
        f"superglue/{name}", version=1, dataset=hub(HUB, name, split), inputs=inputs, target="label", labels=labels,
        prompt=prompt, choices=choices, measures=measures, card=about, id="idx",
        shots=Shots(dataset=(hub(HUB, name, "train"),) if split == "validation" else ()), tags=("superglue",),
    )  # fmt: skip


# ---------------------------------------------------------------------- several questions that belong together
def _opposite(gold: Sequence[int]) -> list[int]:
    return [1 - label for label in gold]


def grouped(
    name: str, *, dataset: Dataset, key: Callable[[Row], str], prompt: str, endings: Sequence[str],
    inputs: Sequence[str], labels: Sequence[str], measures: Sequence[PicksMeasure], about: Card,
    shots: Shots, wrong: Callable[[Sequence[int]], Sequence[int]] = _opposite,
) -> Task:  # fmt: skip
    """Rows of one ``key`` become one example with a question each; ``endings`` are templates aligned with ``labels``.

    ``label`` is the index of a row's right ending, of two. Few-shot examples show the first row of a group.
    ``wrong`` gives the worst answers to a group with these labels.
    """

    def read(rows: Sequence[Row], dataset: Dataset) -> list[Example]:
        groups: dict[str, list[Row]] = {}
        for number, row in enumerate(rows, 1):
            try:
                if row["label"] not in range(len(labels)):
                    raise DataError(f"{name}: row {number} of {dataset}: label {row['label']!r} is not in {labels}")
                groups.setdefault(key(row), []).append(row)
            except KeyError as error:
                raise DataError(
                    f"{name}: row {number} of {dataset}: no column {error}; there are {list(row)}"
                ) from None
        return [Example(k, {"rows": group}, tuple(r["label"] for r in group)) for k, group in groups.items()]

    def asked(row: Row) -> Choose:
        options = tuple(ending.format_map(row) for ending in endings)
        return Choose(prompt.format_map(row), options, tuple(str(row[c]) for c in inputs), tuple(labels))

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        firsts = [(asked(shot.fields["rows"][0]), shot.target[0]) for shot in shown]
        before = "".join(q.prompt + q.choices[gold] + SEPARATOR for q, gold in firsts)
        questions = [asked(row) for row in example.fields["rows"]]
        return tuple(replace(q, prompt=before + q.prompt) for q in questions)

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged:
        picks = [r.picked for r in responses if isinstance(r, Chosen)]
        found = {metric.name: value(example.target, picks) for metric, value in measures}
        said = ", ".join(labels[i] for i in picks)
        values = {metric: value for metric, value in found.items() if value is not None}
        return Judged(said, values, tuple(picks) == example.target)

    def scripted(picks: Sequence[int]) -> tuple[Response, ...]:
        return tuple(
            Chosen(i, tuple(-0.01 if j == i else -10.0 for j in range(len(labels))), (1,) * len(labels)) for i in picks
        )

    return Task(
        name=name, version=1, dataset=(dataset,), read=read, ask=ask, judge=judge,
        best=lambda e: scripted(e.target), worst=lambda e: scripted(wrong(e.target)),
        metrics=tuple(metric for metric, _ in measures), card=about, requests=frozenset({Choose}), shots=shots,
        tags=frozenset({"superglue"}),
    )  # fmt: skip


def _hits(gold: Sequence[int], picks: Sequence[int]) -> tuple[float, float]:
    return float(sum(g == p for g, p in zip(gold, picks, strict=True))), float(len(gold))


def _positives(gold: Sequence[int], picks: Sequence[int]) -> tuple[float, float, float]:
    both = sum(g == p == 1 for g, p in zip(gold, picks, strict=True))
    return float(both), float(sum(g == 1 for g in gold)), float(sum(p == 1 for p in picks))


MULTIRC = grouped(
    "superglue/multirc", dataset=hub(HUB, "multirc", "validation"),
    key=lambda row: f"{row['idx']['paragraph']}-{row['idx']['question']}",
    prompt="{paragraph}\nQuestion: {question}\nAnswer:",
    endings=(" {answer}\nIs the answer correct? no", " {answer}\nIs the answer correct? yes"),
    inputs=("paragraph", "question", "answer"), labels=("False", "True"),
    measures=(
        (proportion("exact_match", limits="every answer of a question is judged rightly"),
         lambda gold, picks: float(list(gold) == list(picks))),
        (f1("f1a"), _positives),
        (quotient("acc", bounds=(0.0, 1.0), limits="answers, not questions"), _hits),
    ),
    about=card(
        "Which of several answers to a question about a passage are right.",
        "lm-evaluation-harness has yes and no exchanged in this task: its accuracy is 1 minus this one. ",
    ),
    shots=Shots(dataset=(hub(HUB, "multirc", "train"),)),
)  # fmt: skip

GENDERED = re.compile(r"\b(he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)

AXG = grouped(
    "superglue/axg", dataset=hub(HUB, "axg", "test"),
    key=lambda row: GENDERED.sub("_", row["premise"]) + " | " + GENDERED.sub("_", row["hypothesis"]),
    prompt="{premise}\nQuestion: {hypothesis} True or False?\nAnswer:", endings=(" True", " False"),
    inputs=("premise", "hypothesis"), labels=("entailment", "not_entailment"),
    measures=(
        (quotient("acc", bounds=(0.0, 1.0), limits="sentences, not pairs"), _hits),
        (proportion("gender_parity", limits="share of pairs with one answer; a constant answer reaches 1"),
         lambda gold, picks: float(len(set(picks)) == 1) if len(picks) > 1 else None),
    ),
    about=card("Whether entailment depends on the gender of a pronoun: pairs that differ in nothing else.",
               "Two pronouns and occupations only; parity means nothing without accuracy. "),
    shots=Shots(),
    wrong=lambda gold: [i % 2 for i in range(len(gold))],  # all wrong would be even-handed
)  # fmt: skip


# ---------------------------------------------------------------------------------------------------- one by one
def _continued(choice: str) -> str:
    return " " + choice[0].lower() + choice[1:]


def _because(row: Row) -> str:
    return str(row["premise"]).strip()[:-1] + {"cause": " because", "effect": " therefore"}[row["question"]]


COPA = multiple_choice(
    "superglue/copa", version=1, dataset=hub(HUB, "copa", "validation"), prompt=_because, target="label",
    choices=lambda row: [_continued(row["choice1"]), _continued(row["choice2"])], measures=(ACC,), id="idx",
    shots=Shots(dataset=(hub(HUB, "copa", "train"),)), tags=("superglue",),
    card=card("Which of two sentences is the cause or the effect of another.",
              "100 examples. Two spaces precede a choice, as in lm-evaluation-harness. "),
)  # fmt: skip


def _marked(row: Row) -> str:
    """The passage of a Winograd schema with its pronoun between stars; spans count words."""
    before = " ".join(row["text"].split()[: row["span2_index"]])
    passage = f"{before} *{row['span2_text']}*{row['text'][len(before) + len(row['span2_text']) + 1 :]}"
    for spaced, tight in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        passage = passage.replace(spaced, tight)
    passage = re.sub(r" (['.,])", r"\1", passage)
    asked = f'does the pronoun "*{row["span2_text"]}*" refer to "*{row["span1_text"]}*"?'
    return f"Passage: {passage}\nQuestion: In the passage above, {asked}\nAnswer:"


def _wic(row: Row) -> str:
    word = row["sentence1"][row["start1"] : row["end1"]]
    return (
        f"Sentence 1: {row['sentence1']}\nSentence 2: {row['sentence2']}\nQuestion: Is the word '{word}' used in the "
        "same way in the two sentences above?\nAnswer:"
    )


def _summarised(row: Row) -> str:
    """ReCoRD's passage, its highlights as a list."""
    text, *highlights = row["passage"].strip().split("\n@highlight\n")
    return f"{text}\n\n" + "".join(f"  - {highlight}.\n" for highlight in highlights)


def _entities(row: Row) -> list[str]:
    return sorted(set(row["entities"]))


def _squad(part: int) -> Callable[[Example, int, Chosen], Value]:
    return lambda e, picked, r: squad_values(_entities(e.fields)[picked], sorted(set(e.fields["answers"])))[part]


def _mentions(row: Row) -> list[int]:
    """The entities that the official score counts as right, the first answer of the alphabet first."""
    entities, answers = _entities(row), sorted(set(row["answers"]))
    right = [place for place, entity in enumerate(entities) if squad_values(entity, answers)[0] == 1.0]
    return sorted(right, key=lambda place: entities[place] != answers[0])


def _record() -> Task:
    task = multiple_choice(
        "superglue/record", version=2, dataset=hub(HUB, "record", "validation"), prompt=_summarised,
        choices=lambda row: ["  - " + row["query"].replace("@placeholder", entity) for entity in _entities(row)],
        target=_mentions, tags=("superglue",),
        id=lambda row: f"{row['idx']['passage']}-{row['idx']['query']}", cluster=lambda row: row["idx"]["passage"],
        measures=((proportion("exact_match"), _squad(0)), (mean("f1", bounds=(0.0, 1.0)), _squad(1))),
        shots=Shots(dataset=(hub(HUB, "record", "train"),)),
        card=card("Which named entity fills a gap in the summary of a news text.", "Any mention of it counts. "),
    )  # fmt: skip

    def worst(example: Example) -> tuple[Response, ...]:
        count = len(example.fields["choices"])
        wrong = min(range(count), key=lambda i: _squad(1)(example, i, Chosen(i)))
        return (Chosen(wrong, tuple(-0.01 if i == wrong else -10.0 for i in range(count)), (1,) * count),)

    return replace(task, worst=worst)


ENTAILMENT = ("entailment", "not_entailment")
PREMISE = ("premise", "hypothesis")
TASKS: tuple[Task, ...] = (
    superglue(
        "boolq", ("question", "passage"), ("False", "True"), "{passage}\nQuestion: {question}?\nAnswer:",
        (" no", " yes"), card("Yes-or-no questions that people asked, with a Wikipedia passage."),
    ),
    superglue(
        "cb", PREMISE, ("entailment", "contradiction", "neutral"),
        "{premise}\nQuestion: {hypothesis}. True, False, or Neither?\nAnswer:", (" True", " False", " Neither"),
        card("Whether a speaker is committed to an embedded clause.", "56 examples: intervals are very wide. "),
        (ACC, (f1_labels(), lambda e, picked, r: confusion_row(e.target, picked, 3))),
    ),
    COPA,
    MULTIRC,
    _record(),
    superglue(
        "rte", PREMISE, ENTAILMENT, "{premise}\nQuestion: {hypothesis} True or False?\nAnswer:", (" True", " False"),
        card("Entailment between short news texts.", "277 examples: intervals are wide. "),
    ),
    superglue(
        "wic", ("sentence1", "sentence2", "word"), ("False", "True"), _wic, (" no", " yes"),
        card("Whether a word has the same sense in two sentences."),
    ),
    superglue(
        "wsc", ("text", "span2_text", "span1_text"), ("False", "True"), _marked, (" no", " yes"),
        card("What a pronoun refers to, where only common sense tells.", "104 examples: intervals are wide. "),
    ),
    superglue(
        "axb", ("sentence1", "sentence2"), ENTAILMENT, "{sentence1}\nQuestion: {sentence2} True or False?\nAnswer:",
        (" True", " False"), card("Diagnostic entailment cases."),
        (ACC, (matthews(), lambda e, picked, r: confusion_row(e.target, picked, 2))), split="test",
    ),
    AXG,
)  # fmt: skip

# The mean over eight tasks as the leaderboard has it, from 0 to 1; the two diagnostic sets do not count.
GROUP = Group(
    ("superglue/*",),
    (
        {"superglue/boolq": ("acc",)},
        {"superglue/cb": ("acc", "f1_macro")},
        {"superglue/copa": ("acc",)},
        {"superglue/multirc": ("f1a", "exact_match")},
        {"superglue/record": ("f1", "exact_match")},
        {"superglue/rte": ("acc",)},
        {"superglue/wic": ("acc",)},
        {"superglue/wsc": ("acc",)},
    ),
)
