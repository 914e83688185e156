"""The same questions in eleven languages each: MGSM's arithmetic and XCOPA's causes and effects."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, generation, multiple_choice
from harness.metrics.classify import proportion
from harness.metrics.measures import ACC, Measure, TextMeasure
from harness.metrics.text import last_number, plain_number
from harness.types import Card, Dataset, Example, Request, Row, Shots, Task

TOGETHER = " The same item in all languages is one cluster."


def together(name: str, tasks: Mapping[str, Task]) -> Task:
    """The tasks of all languages as one, whose slices are the languages and whose clusters are the items.

    All have as many items, so that the number over all of them is the mean over languages.
    """
    first = next(iter(tasks.values()))

    def read(rows: Sequence[Row], dataset: Dataset) -> list[Example]:
        language = str(dataset.config)
        return [
            replace(own, id=f"{language}/{own.id}", slices={"language": language}, cluster=own.id)
            for own in tasks[language].read(rows, dataset)
        ]

    def ask(example: Example, shown: Sequence[Example]) -> tuple[Request, ...]:
        return tasks[example.slices["language"]].ask(example, shown)

    return replace(
        first,
        name=name,
        dataset=tuple(task.dataset[0] for task in tasks.values()),
        read=read,
        ask=ask,
        shots=replace(first.shots, by="language", dataset=tuple(task.shots.dataset[0] for task in tasks.values())),
        card=replace(first.card, limits=first.card.limits + TOGETHER),
    )


# ---------------------------------------------------------------------------------------------------------------- MGSM
QUESTION = {
    "bn": ("প্রশ্ন:", "Answer:"),
    "de": ("Frage:", "Antwort:"),
    "en": ("Question:", "Answer:"),
    "es": ("Pregunta:", "Respuesta:"),
    "fr": ("Question :", "Réponse :"),
    "ja": ("問題：", "Answer:"),
    "ru": ("Задача:", "Answer:"),
    "sw": ("Swali:", "Answer:"),
    "te": ("ప్రశ్న:", "Answer:"),
    "th": ("โจทย์:", "Answer:"),
    "zh": ("问题：", "Answer:"),
}
"""What stands before question and answer in lm-evaluation-harness's own files (mgsm_direct)."""


def _number(find: Callable[[str], str | None]) -> Callable[[Example, str], float]:
    def value(example: Example, answer: str) -> float:
        said = find(answer)
        return float(said is not None and said == plain_number(example.target[0]))

    return value


MGSM_MEASURES: tuple[TextMeasure, ...] = (
    Measure(proportion("flexible-extract", signature="last number"), _number(last_number)),
    Measure(proportion("exact_match", signature="the number and nothing else"), _number(plain_number)),
)


def numbered(rows: Sequence[Row]) -> Iterable[Row]:
    """Rows with their number, which is the item's in every language."""
    return ({**row, "item": number} for number, row in enumerate(rows))


def mgsm(language: str) -> Task:
    """The arithmetic of one language, asked for its result at once."""
    question, answer = QUESTION[language]

    def prompt(row: Row) -> str:
        asked = row["question"] if row["answer"] is not None else f"{question} {row['question']}"
        return f"{asked}\n{answer}"

    return generation(
        f"mgsm/{language}",
        data=Data(
            hub("juletxara/mgsm", language, "test"),
            id="item",
            prepare=numbered,
            shots=Shots(pick="first", dataset=(hub("juletxara/mgsm", language, "train"),)),
        ),
        prompt=Template(prompt, delimiter=""),
        target=lambda row: str(row["answer_number"]),
        decoding=Decoding(256, stop=(question, "</s>", "<|im_end|>")),
        measures=MGSM_MEASURES,
        about=About(
            version=1,
            tags=("mathematics", "languages", "generation"),
            card=Card(
                measures="Grade-school arithmetic of GSM8K in eleven languages: the last number of what is written "
                "(flexible-extract), or all of it (exact_match), is the published one.",
                limits="Asked for the result at once, as lm-evaluation-harness's mgsm_direct does; most published "
                "figures are with eight worked examples. Translated by people from English.",
                source="https://huggingface.co/datasets/juletxara/mgsm",
                licence="CC BY-SA 4.0",
                citation="Shi et al. 2022, Language Models are Multilingual Chain-of-Thought Reasoners",
            ),
        ),
    )


# --------------------------------------------------------------------------------------------------------------- XCOPA
CONNECTORS = {
    "et": ("sest", "seetõttu"),
    "ht": ("poukisa", "donk sa"),
    "id": ("karena", "maka"),
    "it": ("perché", "quindi"),
    "qu": ("imataq", "chaymi"),
    "sw": ("kwa sababu", "kwa hiyo"),
    "ta": ("காரணமாக", "எனவே"),
    "th": ("เพราะ", "ดังนั้น"),
    "tr": ("çünkü", "bu yüzden"),
    "vi": ("bởi vì", "vì vậy"),
    "zh": ("因为", "所以"),
}
"""What joins a premise to its cause and to its effect in lm-evaluation-harness's own files."""


def _small(choice: str) -> str:
    return choice[0].lower() + choice[1:]


def xcopa(language: str) -> Task:
    """Causes and effects in one language."""
    cause, effect = CONNECTORS[language]

    def prompt(row: Row) -> str:
        return f"{row['premise'].strip()[:-1]} {cause if row['question'] == 'cause' else effect}"

    return multiple_choice(
        f"xcopa/{language}",
        data=Data(
            hub("cambridgeltl/xcopa", language, "test"),
            id="idx",
            shots=Shots(dataset=(hub("cambridgeltl/xcopa", language, "validation"),)),
        ),
        prompt=prompt,
        choices=lambda row: [_small(row["choice1"]), _small(row["choice2"])],
        target="label",
        measures=(ACC,),
        about=About(
            version=1,
            tags=("knowledge", "languages"),
            card=Card(
                measures="Which of two sentences is the cause or the effect of another, in eleven languages.",
                limits="The connectors are lm-evaluation-harness's, and some read oddly. Chance is one half.",
                source="https://huggingface.co/datasets/cambridgeltl/xcopa",
                licence="CC BY 4.0",
                citation="Ponti et al. 2020, XCOPA: A Multilingual Dataset for Causal Commonsense Reasoning",
            ),
        ),
    )


MGSM = {language: mgsm(language) for language in QUESTION}
XCOPA = {language: xcopa(language) for language in CONNECTORS}
TASKS = (together("mgsm", MGSM), *MGSM.values(), together("xcopa", XCOPA), *XCOPA.values())
