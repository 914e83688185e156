"""SuperGLUE: eight tasks of language understanding and its two diagnostic sets (Wang et al. 2019)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.data import hub
from harness.kinds import About, Column, Data, Template, classification, multiple_choice
from harness.kinds.choice import picking
from harness.metrics.classify import f1, mean, proportion, quotient
from harness.metrics.measures import ACC, F1_MACRO, MATTHEWS, ChoiceMeasure, Measure
from harness.metrics.text import squad_values
from harness.types import Card, Chosen, Example, Group, Response, Row, Shots, Task
from harness_tasks.grouped import PicksMeasure, grouped

HUB = "aps/super_glue"


def data(name: str, split: str = "validation", *, id: Column = "idx", cluster: Column | None = None) -> Data:
    """A split of one task; few-shot examples come from its train split, which the diagnostic sets do not have."""
    shots = Shots(dataset=(hub(HUB, name, "train"),)) if split == "validation" else Shots()
    return Data(hub(HUB, name, split), id=id, cluster=cluster, shots=shots)


def about(measures: str, limits: str = "", version: int = 1) -> About:
    """What all tasks of SuperGLUE say of themselves, with what one of them measures."""
    card = Card(
        measures=measures,
        limits=limits + "English only; test labels are not public, so the validation split is used.",
        source=f"https://huggingface.co/datasets/{HUB}",
        licence="each task's own terms, see the SuperGLUE site",
        citation="Wang et al. 2019, SuperGLUE: A Stickier Benchmark for General-Purpose Language Understanding Systems",
    )
    return About(version=version, card=card, tags=("superglue",))


def superglue(
    name: str,
    prompt: Template,
    labels: Mapping[str, str],
    about: About,
    *,
    measures: Sequence[ChoiceMeasure] = (ACC,),
    split: str = "validation",
) -> Task:
    """One task with fixed labels, each mapped to the continuation that a language model scores."""
    return classification(
        f"superglue/{name}",
        data=data(name, split),
        prompt=prompt,
        labels=labels,
        target="label",
        about=about,
        measures=measures,
    )


# ---------------------------------------------------------------------- several questions that belong together
def _all_right(gold: Sequence[int], picks: Sequence[int]) -> float:
    return float(list(gold) == list(picks))


def _hits(gold: Sequence[int], picks: Sequence[int]) -> tuple[float, float]:
    return float(sum(g == p for g, p in zip(gold, picks, strict=True))), float(len(gold))


def _positives(gold: Sequence[int], picks: Sequence[int]) -> tuple[float, float, float]:
    both = sum(g == p == 1 for g, p in zip(gold, picks, strict=True))
    return float(both), float(sum(g == 1 for g in gold)), float(sum(p == 1 for p in picks))


def _one_answer(gold: Sequence[int], picks: Sequence[int]) -> float | None:
    return float(len(set(picks)) == 1) if len(picks) > 1 else None


def accuracy(limits: str) -> PicksMeasure:
    """Right answers over all answers, of which an example has several."""
    return Measure(quotient("acc", bounds=(0.0, 1.0), limits=limits), _hits)


def _passage_and_question(row: Row) -> str:
    return f"{row['idx']['paragraph']}-{row['idx']['question']}"


MULTIRC = grouped(
    "superglue/multirc",
    data=data("multirc", id=_passage_and_question),
    prompt=Template("{paragraph}\nQuestion: {question}\nAnswer:", inputs=("paragraph", "question", "answer")),
    labels={
        "False": " {answer}\nIs the answer correct? no",
        "True": " {answer}\nIs the answer correct? yes",
    },
    measures=(
        Measure(proportion("exact_match", limits="every answer of a question is judged rightly"), _all_right),
        Measure(f1("f1a"), _positives),
        accuracy("answers, not questions"),
    ),
    about=about(
        "Which of several answers to a question about a passage are right.",
        "lm-evaluation-harness has yes and no exchanged in this task: its accuracy is 1 minus this one. ",
    ),
)

GENDERED = re.compile(r"\b(he|she|him|her|his|hers|himself|herself)\b", re.IGNORECASE)


def _without_gender(row: Row) -> str:
    return GENDERED.sub("_", row["premise"]) + " | " + GENDERED.sub("_", row["hypothesis"])


def _taking_turns(gold: Sequence[int]) -> list[int]:
    """Half of them right: all wrong would be even-handed."""
    return [i % 2 for i in range(len(gold))]


ENTAILED = {"entailment": " True", "not_entailment": " False"}
PARITY = proportion("gender_parity", limits="share of pairs with one answer; a constant answer reaches 1")
AXG = grouped(
    "superglue/axg",
    data=data("axg", "test", id=_without_gender),
    prompt=Template("{premise}\nQuestion: {hypothesis} True or False?\nAnswer:", inputs=("premise", "hypothesis")),
    labels=ENTAILED,
    measures=(accuracy("sentences, not pairs"), Measure(PARITY, _one_answer)),
    about=about(
        "Whether entailment depends on the gender of a pronoun: pairs that differ in nothing else.",
        "Two pronouns and occupations only; parity means nothing without accuracy. ",
    ),
    wrong=_taking_turns,
)


# ---------------------------------------------------------------------------------------------------------------- COPA
def _because(row: Row) -> str:
    return str(row["premise"]).strip()[:-1] + {"cause": " because", "effect": " therefore"}[row["question"]]


def _endings(row: Row) -> list[str]:
    return [" " + choice[0].lower() + choice[1:] for choice in (row["choice1"], row["choice2"])]


COPA = multiple_choice(
    "superglue/copa",
    data=data("copa"),
    prompt=_because,
    choices=_endings,
    target="label",
    measures=(ACC,),
    about=about(
        "Which of two sentences is the cause or the effect of another.",
        "100 examples. Two spaces precede a choice, as in lm-evaluation-harness. ",
    ),
)


# -------------------------------------------------------------------------------------------------------------- ReCoRD
def _passage_and_highlights(row: Row) -> str:
    text, *highlights = row["passage"].strip().split("\n@highlight\n")
    return f"{text}\n\n" + "".join(f"  - {highlight}.\n" for highlight in highlights)


def _entities(row: Row) -> list[str]:
    return sorted(set(row["entities"]))


def _filled_gaps(row: Row) -> list[str]:
    return ["  - " + row["query"].replace("@placeholder", entity) for entity in _entities(row)]


def _right_entities(row: Row) -> list[int]:
    """The entities that the official score counts as right, the first answer of the alphabet first."""
    entities, answers = _entities(row), sorted(set(row["answers"]))
    right = [index for index, entity in enumerate(entities) if squad_values(entity, answers)[0] == 1.0]
    return sorted(right, key=lambda index: entities[index] != answers[0])


def _exact(example: Example, picked: int, response: Chosen) -> float:
    return squad_values(_entities(example.fields)[picked], sorted(set(example.fields["answers"])))[0]


def _overlap(example: Example, picked: int, response: Chosen) -> float:
    return squad_values(_entities(example.fields)[picked], sorted(set(example.fields["answers"])))[1]


def _least_alike(example: Example) -> tuple[Response, ...]:
    """The entity that shares the fewest words with an answer."""
    count = len(example.fields["choices"])
    wrong = min(range(count), key=lambda i: _overlap(example, i, Chosen(i)))
    return (picking(wrong, count),)


RECORD = replace(
    multiple_choice(
        "superglue/record",
        data=data(
            "record",
            id=lambda row: f"{row['idx']['passage']}-{row['idx']['query']}",
            cluster=lambda row: row["idx"]["passage"],
        ),
        prompt=_passage_and_highlights,
        choices=_filled_gaps,
        target=_right_entities,
        measures=(Measure(proportion("exact_match"), _exact), Measure(mean("f1", bounds=(0.0, 1.0)), _overlap)),
        about=about(
            "Which named entity fills a gap in the summary of a news text.", "Any mention of it counts. ", version=2
        ),
    ),
    worst=_least_alike,
)


# -------------------------------------------------------------------------------------------------------- fixed labels
def _marked(row: Row) -> str:
    """The passage of a Winograd schema with its pronoun between stars; spans count words."""
    before = " ".join(row["text"].split()[: row["span2_index"]])
    passage = f"{before} *{row['span2_text']}*{row['text'][len(before) + len(row['span2_text']) + 1 :]}"
    for spaced, tight in ((" n't", "n't"), (" )", ")"), ("( ", "("), ('" ', '"'), (' "', '"')):
        passage = passage.replace(spaced, tight)
    passage = re.sub(r" (['.,])", r"\1", passage)
    question = f'does the pronoun "*{row["span2_text"]}*" refer to "*{row["span1_text"]}*"?'
    return f"Passage: {passage}\nQuestion: In the passage above, {question}\nAnswer:"


def _same_word(row: Row) -> str:
    word = row["sentence1"][row["start1"] : row["end1"]]
    return (
        f"Sentence 1: {row['sentence1']}\nSentence 2: {row['sentence2']}\nQuestion: Is the word '{word}' used in the "
        "same way in the two sentences above?\nAnswer:"
    )


NO_OR_YES = {"False": " no", "True": " yes"}
TASKS: tuple[Task, ...] = (
    superglue(
        "boolq",
        Template("{passage}\nQuestion: {question}?\nAnswer:", inputs=("question", "passage")),
        labels=NO_OR_YES,
        about=about("Yes-or-no questions that people asked, with a Wikipedia passage."),
    ),
    superglue(
        "cb",
        Template(
            "{premise}\nQuestion: {hypothesis}. True, False, or Neither?\nAnswer:", inputs=("premise", "hypothesis")
        ),
        labels={"entailment": " True", "contradiction": " False", "neutral": " Neither"},
        about=about("Whether a speaker is committed to an embedded clause.", "56 examples: intervals are very wide. "),
        measures=(ACC, F1_MACRO),
    ),
    COPA,
    MULTIRC,
    RECORD,
    superglue(
        "rte",
        Template("{premise}\nQuestion: {hypothesis} True or False?\nAnswer:", inputs=("premise", "hypothesis")),
        labels=ENTAILED,
        about=about("Entailment between short news texts.", "277 examples: intervals are wide. "),
    ),
    superglue(
        "wic",
        Template(_same_word, inputs=("sentence1", "sentence2", "word")),
        labels=NO_OR_YES,
        about=about("Whether a word has the same sense in two sentences."),
    ),
    superglue(
        "wsc",
        Template(_marked, inputs=("text", "span2_text", "span1_text")),
        labels=NO_OR_YES,
        about=about("What a pronoun refers to, where only common sense tells.", "104 examples: intervals are wide. "),
    ),
    superglue(
        "axb",
        Template("{sentence1}\nQuestion: {sentence2} True or False?\nAnswer:", inputs=("sentence1", "sentence2")),
        labels=ENTAILED,
        about=about("Diagnostic entailment cases."),
        measures=(ACC, MATTHEWS),
        split="test",
    ),
    AXG,
)

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
