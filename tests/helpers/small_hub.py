"""A folder of datasets in the Hub's layout with made-up rows, for the task files of lm-evaluation-harness."""

import json
from pathlib import Path

NAMES = ("Ada", "Bo", "Cleo", "Dan", "Eve", "Finn", "Gus", "Hal")


def choices(number: int) -> dict[str, list[str]]:
    return {"text": [f"{name} has {number + place}" for place, name in enumerate(NAMES[:4])], "label": list("ABCD")}


def arc(number: int) -> dict[str, object]:
    return {
        "id": f"q{number}",
        "question": f"Who has {number}?",
        "choices": choices(number),
        "answerKey": "ABCD"[number % 4],
    }


def mmlu(number: int) -> dict[str, object]:
    return {"question": f"What follows {number}?", "choices": [str(number + i) for i in range(4)], "answer": number % 4}


def gsm8k(number: int) -> dict[str, object]:
    return {
        "question": f"{NAMES[number % 8]} has {number} and 2. How many?",
        "answer": f"It is {number} + 2\n#### {number + 2}",
    }


def winogrande(number: int) -> dict[str, object]:
    sentence = f"{NAMES[number % 8]} gave _ the {number} apples because it was kind."
    return {"sentence": sentence, "option1": "Ivy", "option2": "Jo", "answer": str(1 + number % 2)}


def truthful(number: int) -> dict[str, object]:
    targets = {"choices": [f"yes {number}", "no", "perhaps"], "labels": [1, 0, number % 2]}
    return {"question": f"Is {number} a number?", "mc1_targets": targets, "mc2_targets": targets}


def xcopa(number: int) -> dict[str, object]:
    asked = "cause" if number % 2 else "effect"
    two = {"choice1": f"It rained {number}.", "choice2": "It snowed."}
    return {"premise": f"The street {number} was wet.", "question": asked, "label": number % 2, **two}


def page(number: int) -> dict[str, object]:
    return {"page": f" = Title {number} = \n\n {NAMES[number % 8]} went , with @-@ care , to {number} towns . \n"}


ROWS = {
    ("allenai/ai2_arc", "ARC-Easy", "test"): arc,
    ("allenai/ai2_arc", "ARC-Easy", "train"): arc,
    ("allenai/ai2_arc", "ARC-Challenge", "test"): arc,
    ("allenai/winogrande", "winogrande_xl", "validation"): winogrande,
    ("cais/mmlu", "anatomy", "test"): mmlu,
    ("cais/mmlu", "anatomy", "dev"): mmlu,
    ("openai/gsm8k", "main", "train"): gsm8k,
    ("openai/gsm8k", "main", "test"): gsm8k,
    ("EleutherAI/lambada_openai", "default", "test"): lambda n: {"text": f"{NAMES[n % 8]} saw the town number {n}"},
    ("EleutherAI/wikitext_document_level", "wikitext-2-raw-v1", "test"): page,
    ("nyu-mll/glue", "cola", "validation"): lambda n: {"sentence": f"{n} birds sings.", "label": n % 2, "idx": n},
    ("nyu-mll/glue", "mrpc", "validation"): lambda n: {"sentence1": f"a {n}", "sentence2": f"b {n}", "label": n % 2},
    ("aps/super_glue", "cb", "validation"): lambda n: {"premise": f"p {n}", "hypothesis": f"h {n}", "label": n % 3},
    ("truthfulqa/truthful_qa", "multiple_choice", "validation"): truthful,
    **{
        ("cambridgeltl/xcopa", language, split): xcopa
        for language in ("et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh")
        for split in ("validation", "test")
    },
}


def build(folder: Path) -> Path:
    """The folder; splits have different numbers of rows, so that averages by size differ from others."""
    for place, ((id, config, split), row) in enumerate(ROWS.items()):
        file = folder / id / config / f"{split}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(row(n)) + "\n" for n in range(8 + place % 5)), encoding="utf-8")
    return folder
