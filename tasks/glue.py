"""GLUE: nine tasks of sentence understanding and its diagnostic set (Wang et al. 2019)."""

from contextlib import suppress

from harness.data import hub
from harness.groups import Group
from harness.kinds import ACC, ChoiceMeasure, classification
from harness.metrics.classify import confusion_row, f1, f1_row, matthews, pearson, pearson_row, spearman
from harness.types import Card, Chosen, Example, Row, Shots, Task

HUB = "nyu-mll/glue"
CITATION = "Wang et al. 2019, GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language Understanding"

F1: ChoiceMeasure = (f1(), lambda e, picked, r: f1_row(e.target == 1, picked == 1))


def matthews_of(labels: int) -> ChoiceMeasure:
    """Matthews correlation of a task with so many labels."""
    return matthews(), lambda e, picked, r: confusion_row(e.target, picked, labels)


def card(measures: str, limits: str = "") -> Card:
    """A card of this family."""
    return Card(
        measures=measures,
        limits=limits
        + "English only; test labels are not public, so the validation split is used, which models may have seen.",
        source=f"https://huggingface.co/datasets/{HUB}",
        licence="each task's own terms, see the GLUE site",
        citation=CITATION,
    )


def glue(
    name: str, inputs: tuple[str, ...], labels: tuple[str, ...], prompt: object, choices: tuple[str, ...], about: Card,
    measures: tuple[ChoiceMeasure, ...] = (ACC,), split: str = "validation",
) -> Task:  # fmt: skip
    """One GLUE task; few-shot examples come from its train split."""
    config = name.removesuffix("_mismatched")
    return classification(
        f"glue/{name}", version=1, dataset=hub(HUB, config, split), inputs=inputs, target="label", labels=labels,
        prompt=prompt, choices=choices, measures=measures, card=about, id="idx",  # type: ignore[arg-type]
        shots=Shots(dataset=(hub(HUB, config, "train"),)), tags=("glue",),
    )  # fmt: skip


def _mnli(row: Row) -> str:
    hypothesis = row["hypothesis"].strip()
    stop = "" if hypothesis.endswith(".") else "."
    return f"{row['premise']}\nQuestion: {hypothesis}{stop} True, False or Neither?\nAnswer:"


def _said(picked: int, response: Chosen) -> float:
    """The similarity: the number that a regression head gave, else the whole number that was chosen."""
    with suppress(ValueError):
        return float(response.text)
    return float(picked)


def _expected(example: Example, picked: int, response: Chosen) -> tuple[float, ...]:
    return pearson_row(example.fields["label"], _said(picked, response))


NLI = ("entailment", "neutral", "contradiction")
MNLI_CHOICES = (" True", " Neither", " False")
PAIR = ("sentence1", "sentence2")
SAME = "Sentence 1: {sentence1}\nSentence 2: {sentence2}\nQuestion: Do both sentences mean the same thing?\nAnswer:"

TASKS: tuple[Task, ...] = (
    glue(
        "cola", ("sentence",), ("unacceptable", "acceptable"),
        "{sentence}\nQuestion: Does this sentence make sense?\nAnswer:", (" no", " yes"),
        card("Whether a sentence is acceptable English.", "Judgements of linguists on textbook examples. "),
        (matthews_of(2), ACC),
    ),
    glue(
        "sst2", ("sentence",), ("negative", "positive"),
        "{sentence}\nQuestion: Is this sentence positive or negative?\nAnswer:", (" negative", " positive"),
        card("Sentiment of phrases from film reviews."),
    ),
    glue(
        "mrpc", PAIR, ("not_equivalent", "equivalent"), SAME, (" no", " yes"), card("Paraphrases in news."), (ACC, F1),
    ),
    glue(
        "qqp", ("question1", "question2"), ("not_duplicate", "duplicate"),
        "Question 1: {question1}\nQuestion 2: {question2}\nQuestion: Do both questions ask the same thing?\nAnswer:",
        (" no", " yes"), card("Whether two questions of Quora ask the same."), (ACC, F1),
    ),
    glue(
        "mnli", ("premise", "hypothesis"), NLI, _mnli, MNLI_CHOICES, card("Entailment, matched genres."),
        split="validation_matched",
    ),
    glue(
        "mnli_mismatched", ("premise", "hypothesis"), NLI, _mnli, MNLI_CHOICES,
        card("Entailment, genres not in training."), split="validation_mismatched",
    ),
    glue(
        "qnli", ("question", "sentence"), ("entailment", "not_entailment"),
        "{question}\n{sentence}\nQuestion: Does this response answer the question?\nAnswer:", (" yes", " no"),
        card("Whether a sentence answers a question."),
    ),
    glue(
        "rte", PAIR, ("entailment", "not_entailment"), "{sentence1}\nQuestion: {sentence2} True or False?\nAnswer:",
        (" True", " False"), card("Entailment between short news texts.", "277 examples: intervals are wide. "),
    ),
    glue(
        "wnli", PAIR, ("not_entailment", "entailment"), "{sentence1}\nQuestion: {sentence2} True or False?\nAnswer:",
        (" False", " True"), card("Pronoun resolution as entailment.", "71 examples, adversarial to the train split. "),
    ),
    glue(
        "ax", ("premise", "hypothesis"), NLI, _mnli, MNLI_CHOICES,
        card("Diagnostic entailment cases.", "The labels are not on the Hub (-1): a labelled copy is needed. "),
        (matthews_of(3), ACC), split="test",
    ),
)  # fmt: skip

STSB = classification(
    "glue/stsb",
    version=1,
    dataset=hub(HUB, "stsb", "validation"),
    inputs=PAIR,
    target=lambda row: int(row["label"] + 0.5),
    labels=("0", "1", "2", "3", "4", "5"),
    prompt="Sentence 1: {sentence1}\nSentence 2: {sentence2}\nQuestion: How similar, from 0 to 5?\nAnswer:",
    choices=(" 0", " 1", " 2", " 3", " 4", " 5"),
    measures=((pearson(), _expected), (spearman(), lambda e, picked, r: (e.fields["label"], _said(picked, r)))),
    id="idx",
    shots=Shots(dataset=(hub(HUB, "stsb", "train"),)),
    tags=("glue",),
    card=card(
        "Similarity of two sentences from 0 to 5.", "Language models choose a whole number, which lowers correlations. "
    ),
)
TASKS = (*TASKS, STSB)

# The mean over nine tasks as the leaderboard has it, from 0 to 1: both genres of MNLI are one task, and of a task with
# two metrics their mean counts. The diagnostic set does not.
GROUP = Group(
    ("glue/*",),
    (
        {"glue/cola": ("matthews",)},
        {"glue/sst2": ("acc",)},
        {"glue/mrpc": ("acc", "f1")},
        {"glue/stsb": ("pearson", "spearman")},
        {"glue/qqp": ("acc", "f1")},
        {"glue/mnli": ("acc",), "glue/mnli_mismatched": ("acc",)},
        {"glue/qnli": ("acc",)},
        {"glue/rte": ("acc",)},
        {"glue/wnli": ("acc",)},
    ),
)
