"""Knowledge and reasoning as multiple choice: ARC, PIQA, HellaSwag, WinoGrande and their like."""

import re

from harness.data import hub
from harness.kinds import About, Column, Data, multiple_choice, pair
from harness.metrics.measures import ACC, PAIR_ACC
from harness.types import Card, Row, Shots

SEEN = " Web-trained models may have seen the questions."


def data(id: str, config: str, split: str, *, cluster: Column | None = None) -> Data:
    """A split of a dataset of the Hub; few-shot examples come from its train split."""
    return Data(hub(id, config, split), cluster=cluster, shots=Shots(dataset=(hub(id, config, "train"),)))


def about(id: str, measures: str, *, limits: str, licence: str, citation: str, version: int = 1) -> About:
    """What a task of knowledge from a dataset of the Hub says of itself."""
    card = Card(
        measures=measures,
        limits=limits + SEEN,
        source=f"https://huggingface.co/datasets/{id}",
        licence=licence,
        citation=citation,
    )
    return About(version=version, card=card, tags=("knowledge",))


def _texts(row: Row) -> list[str]:
    texts: list[str] = row["choices"]["text"]
    return texts


def _key(row: Row) -> int:
    labels: list[str] = row["choices"]["label"]
    return labels.index(row["answerKey"].strip())


ARC_EASY, ARC_CHALLENGE = (
    multiple_choice(
        name,
        data=data("allenai/ai2_arc", config, "test"),
        prompt="Question: {question}\nAnswer:",
        choices=_texts,
        target=_key,
        about=about(
            "allenai/ai2_arc",
            "Grade-school science questions.",
            limits="English, United States curricula.",
            licence="CC BY-SA 4.0",
            citation="Clark et al. 2018, Think you have Solved Question Answering? Try ARC",
        ),
    )
    for name, config in (("arc_easy", "ARC-Easy"), ("arc_challenge", "ARC-Challenge"))
)

PIQA = multiple_choice(
    "piqa",
    data=data("ybisk/piqa", "plain_text", "validation"),
    prompt="Question: {goal}\nAnswer:",
    choices=lambda row: [row["sol1"], row["sol2"]],
    target="label",
    about=about(
        "ybisk/piqa",
        "Physical common sense: which of two ways reaches a goal.",
        limits="English how-to texts.",
        licence="AFL-3.0",
        citation="Bisk et al. 2020, PIQA: Reasoning about Physical Commonsense in Natural Language",
    ),
)

OPENBOOKQA = multiple_choice(
    "openbookqa",
    data=data("allenai/openbookqa", "main", "test"),
    prompt="{question_stem}",
    choices=_texts,
    target=_key,
    about=about(
        "allenai/openbookqa",
        "Elementary science facts applied.",
        limits="Asked without the book of facts.",
        licence="see source",
        citation="Mihaylov et al. 2018, Can a Suit of Armor Conduct Electricity?",
    ),
)


def _lettered(row: Row) -> str:
    options = "\n".join(f"{label}. {text}" for label, text in zip("ABCDE", _texts(row), strict=False))
    return f"Question: {row['question'].strip()}\n{options}\nAnswer:"


COMMONSENSE_QA = multiple_choice(
    "commonsense_qa",
    data=data("tau/commonsense_qa", "default", "validation"),
    prompt=_lettered,
    choices=("A", "B", "C", "D", "E"),
    target="answerKey",
    measures=(ACC,),
    about=about(
        "tau/commonsense_qa",
        "Everyday knowledge about concepts.",
        limits="The answer is a letter: hard for small models.",
        licence="MIT",
        citation="Talmor et al. 2019, CommonsenseQA",
    ),
)


def _clean(text: str) -> str:
    """HellaSwag's WikiHow part carries bracketed artefacts."""
    return re.sub(r"\[.*?\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")


HELLASWAG = multiple_choice(
    "hellaswag",
    data=data("Rowan/hellaswag", "default", "validation", cluster="source_id"),
    prompt=lambda row: _clean(f"{row['activity_label']}: {row['ctx_a']} {row['ctx_b'].capitalize()}"),
    choices=lambda row: [_clean(ending) for ending in row["endings"]],
    target=lambda row: int(row["label"]),
    about=about(
        "Rowan/hellaswag",
        "Which ending follows a description of an everyday scene.",
        limits="Endings were written by a machine and filtered against older models.",
        licence="MIT",
        citation="Zellers et al. 2019, HellaSwag: Can a Machine Really Finish Your Sentence?",
        version=2,
    ),
)


def _with_right_option(row: Row) -> str:
    return f"{row['sentence'].split('_')[0]}{row['option' + row['answer']]}"


def _with_wrong_option(row: Row) -> str:
    return f"{row['sentence'].split('_')[0]}{row['option2' if row['answer'] == '1' else 'option1']}"


def _after_gap(row: Row) -> str:
    return " " + str(row["sentence"].split("_", 1)[1]).strip()


WINOGRANDE = pair(
    "winogrande",
    data=Data(hub("allenai/winogrande", "winogrande_xl", "validation")),
    first=_after_gap,
    second=_after_gap,
    contexts=(_with_right_option, _with_wrong_option),
    measures=(PAIR_ACC,),
    about=about(
        "allenai/winogrande",
        "Gaps that need common sense; the text after the gap is scored.",
        limits="English.",
        licence="CC BY 4.0",
        citation="Sakaguchi et al. 2020, WinoGrande",
    ),
)

SOCIAL_IQA = multiple_choice(
    "social_iqa",
    data=data("allenai/social_i_qa", "default", "validation"),
    prompt="Q: {context} {question}\nA:",
    choices=lambda row: [row["answerA"], row["answerB"], row["answerC"]],
    target=lambda row: int(row["label"]) - 1,
    about=about(
        "allenai/social_i_qa",
        "What people feel, want and do in everyday situations.",
        limits="English; answers of crowd workers, some of which are a matter of taste.",
        licence="CC BY 4.0",
        citation="Sap et al. 2019, Social IQa: Commonsense Reasoning about Social Interactions",
    ),
)


def _supported(row: Row) -> str:
    return f"{row['support'].lstrip()}\nQuestion: {row['question']}\nAnswer:"


SCIQ = multiple_choice(
    "sciq",
    data=data("allenai/sciq", "default", "validation"),
    prompt=_supported,
    choices=lambda row: [row["distractor1"], row["distractor2"], row["distractor3"], row["correct_answer"]],
    target=lambda row: 3,
    about=about(
        "allenai/sciq",
        "Science examinations, most with a passage that holds the answer.",
        limits="Easy for models that read well. The validation split; published figures are mostly of the test split.",
        licence="CC BY-NC 3.0",
        citation="Welbl et al. 2017, Crowdsourcing Multiple Choice Science Questions",
    ),
)

TASKS = (ARC_EASY, ARC_CHALLENGE, PIQA, OPENBOOKQA, COMMONSENSE_QA, HELLASWAG, WINOGRANDE, SOCIAL_IQA, SCIQ)
