"""GLUE: nine tasks of sentence understanding and its diagnostic set (Wang et al. 2019)."""

from collections.abc import Mapping, Sequence
from contextlib import suppress

from harness.data import hub
from harness.kinds import About, Data, Template, classification
from harness.metrics.classify import pearson, pearson_row, spearman
from harness.metrics.measures import ACC, F1, MATTHEWS, ChoiceMeasure, Measure
from harness.types import Card, Chosen, Example, Group, Row, Shots, Task

HUB = "nyu-mll/glue"


def data(config: str, split: str = "validation") -> Data:
    """A split of one configuration; few-shot examples come from its train split."""
    return Data(hub(HUB, config, split), id="idx", shots=Shots(dataset=(hub(HUB, config, "train"),)))


def about(measures: str, limits: str = "") -> About:
    """What all tasks of GLUE say of themselves, with what one of them measures."""
    card = Card(
        measures=measures,
        limits=limits
        + "English only; test labels are not public, so the validation split is used, which models may have seen.",
        source=f"https://huggingface.co/datasets/{HUB}",
        licence="each task's own terms, see the GLUE site",
        citation="Wang et al. 2019, GLUE: A Multi-Task Benchmark and Analysis Platform for Natural Language "
        "Understanding",
    )
    return About(version=1, card=card, tags=("glue",))


def glue(
    name: str,
    prompt: Template,
    labels: Mapping[str, str],
    about: About,
    *,
    measures: Sequence[ChoiceMeasure] = (ACC,),
    split: str = "validation",
) -> Task:
    """One task of GLUE; ``labels`` maps each label to the continuation that a language model scores."""
    return classification(
        f"glue/{name}",
        data=data(name.removesuffix("_mismatched"), split),
        prompt=prompt,
        labels=labels,
        target="label",
        about=about,
        measures=measures,
    )


def mnli(name: str, split: str, about: About, measures: Sequence[ChoiceMeasure] = (ACC,)) -> Task:
    """Entailment, neutrality or contradiction of a premise and a hypothesis."""
    return glue(
        name,
        Template(_true_false_or_neither, inputs=("premise", "hypothesis")),
        labels={"entailment": " True", "neutral": " Neither", "contradiction": " False"},
        about=about,
        measures=measures,
        split=split,
    )


def _true_false_or_neither(row: Row) -> str:
    hypothesis = row["hypothesis"].strip()
    stop = "" if hypothesis.endswith(".") else "."
    return f"{row['premise']}\nQuestion: {hypothesis}{stop} True, False or Neither?\nAnswer:"


# ------------------------------------------------------------------------------------------------- similarity, 0 to 5
def _similarity(picked: int, response: Chosen) -> float:
    """The number that a regression head gave, else the whole number that was chosen."""
    with suppress(ValueError):
        return float(response.text)
    return float(picked)


def _moments(example: Example, picked: int, response: Chosen) -> tuple[float, ...]:
    return pearson_row(example.fields["label"], _similarity(picked, response))


def _gold_and_similarity(example: Example, picked: int, response: Chosen) -> tuple[float, ...]:
    return example.fields["label"], _similarity(picked, response)


def _nearest_whole(row: Row) -> int:
    return int(row["label"] + 0.5)


SENTENCES = ("sentence1", "sentence2")
STSB = classification(
    "glue/stsb",
    data=data("stsb"),
    prompt=Template(
        "Sentence 1: {sentence1}\nSentence 2: {sentence2}\nQuestion: How similar, from 0 to 5?\nAnswer:",
        inputs=SENTENCES,
    ),
    labels={str(score): f" {score}" for score in range(6)},
    target=_nearest_whole,
    measures=(Measure(pearson(), _moments), Measure(spearman(), _gold_and_similarity)),
    about=about(
        "Similarity of two sentences from 0 to 5.", "Language models choose a whole number, which lowers correlations. "
    ),
)


# ------------------------------------------------------------------------------------------------------------- labels
TRUE_OR_FALSE = Template("{sentence1}\nQuestion: {sentence2} True or False?\nAnswer:", inputs=SENTENCES)
TASKS: tuple[Task, ...] = (
    glue(
        "cola",
        Template("{sentence}\nQuestion: Does this sentence make sense?\nAnswer:", inputs=("sentence",)),
        labels={"unacceptable": " no", "acceptable": " yes"},
        about=about("Whether a sentence is acceptable English.", "Judgements of linguists on textbook examples. "),
        measures=(MATTHEWS, ACC),
    ),
    glue(
        "sst2",
        Template("{sentence}\nQuestion: Is this sentence positive or negative?\nAnswer:", inputs=("sentence",)),
        labels={"negative": " negative", "positive": " positive"},
        about=about("Sentiment of phrases from film reviews."),
    ),
    glue(
        "mrpc",
        Template(
            "Sentence 1: {sentence1}\nSentence 2: {sentence2}\n"
            "Question: Do both sentences mean the same thing?\nAnswer:",
            inputs=SENTENCES,
        ),
        labels={"not_equivalent": " no", "equivalent": " yes"},
        about=about("Paraphrases in news."),
        measures=(ACC, F1),
    ),
    glue(
        "qqp",
        Template(
            "Question 1: {question1}\nQuestion 2: {question2}\n"
            "Question: Do both questions ask the same thing?\nAnswer:",
            inputs=("question1", "question2"),
        ),
        labels={"not_duplicate": " no", "duplicate": " yes"},
        about=about("Whether two questions of Quora ask the same."),
        measures=(ACC, F1),
    ),
    mnli("mnli", "validation_matched", about("Entailment, matched genres.")),
    mnli("mnli_mismatched", "validation_mismatched", about("Entailment, genres not in training.")),
    glue(
        "qnli",
        Template(
            "{question}\n{sentence}\nQuestion: Does this response answer the question?\nAnswer:",
            inputs=("question", "sentence"),
        ),
        labels={"entailment": " yes", "not_entailment": " no"},
        about=about("Whether a sentence answers a question."),
    ),
    glue(
        "rte",
        TRUE_OR_FALSE,
        labels={"entailment": " True", "not_entailment": " False"},
        about=about("Entailment between short news texts.", "277 examples: intervals are wide. "),
    ),
    glue(
        "wnli",
        TRUE_OR_FALSE,
        labels={"not_entailment": " False", "entailment": " True"},
        about=about("Pronoun resolution as entailment.", "71 examples, adversarial to the train split. "),
    ),
    mnli(
        "ax",
        "test",
        about("Diagnostic entailment cases.", "The labels are not on the Hub (-1): a labelled copy is needed. "),
        measures=(MATTHEWS, ACC),
    ),
    STSB,
)

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
