"""Tasks answered by writing: GSM8K, SQuAD, XQuAD, summaries, and descriptions from data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.data import hub
from harness.kinds import TextMeasure, generation
from harness.metrics import text
from harness.metrics.classify import proportion
from harness.types import Card, Dataset, Example, Failed, Judged, Metric, Response, Row, Shots, Task


def _number(extract: Callable[[str], str | None]) -> Callable[[Example, str], float]:
    return lambda example, answer: float(extract(answer) == text.gsm8k_answer(example.fields["answer"]))


def _gsm8k() -> Task:
    task = generation(
        "gsm8k", version=3, dataset=hub("openai/gsm8k", "main", "test"), prompt="Question: {question}\nAnswer:",
        target="answer", extract=str, max_tokens=256, stop=("Question:", "</s>", "<|im_end|>"),
        measures=(
            (proportion("strict-match", signature="number after ####"), _number(text.gsm8k_answer)),
            (proportion("flexible-extract", signature="last number"), _number(text.last_number)),
        ),
        shots=Shots(count=5, dataset=(hub("openai/gsm8k", "main", "train"),)), tags=("generation", "mathematics"),
        card=Card(
            measures="Grade-school arithmetic in words: the number after #### (strict-match) or the last one in the "
            "text (flexible-extract) must equal the published one.",
            limits="strict-match also tests the form of the answer; flexible-extract takes a number that was not meant "
            "as the answer. Unlike lm-evaluation-harness, numbers are compared by value (18.00 is 18) and dots alone "
            "are none. Questions may have been seen in training.",
            source="https://huggingface.co/datasets/openai/gsm8k", licence="MIT",
            citation="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems",
        ),
    )  # fmt: skip

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The prediction shown is the number, not the reasoning."""
        judged = task.judge(example, responses)
        if isinstance(judged, Failed):
            return judged
        said = judged.prediction
        return replace(judged, prediction=text.gsm8k_answer(said) or text.last_number(said) or "")

    return replace(task, judge=judge)


SQUAD_MEASURES: tuple[TextMeasure, ...] = (
    (text.squad_em, lambda e, answer: text.squad_values(answer, e.target)[0]),
    (text.squad_f1, lambda e, answer: text.squad_values(answer, e.target)[1]),
)


def squad(name: str, dataset: Dataset, language: str, licence: str, citation: str, limits: str = "") -> Task:
    """Extractive questions in the format of SQuAD; questions of one passage are a cluster."""
    return generation(
        name, version=1, dataset=dataset, prompt="Passage: {context}\n\nQuestion: {question}\n\nAnswer:",
        target=lambda row: row["answers"]["text"], measures=SQUAD_MEASURES, max_tokens=32, stop=("\n",),
        id="id", cluster="context", tags=("generation", "reading"),
        card=Card(
            measures=f"Answers that stand in a Wikipedia passage ({language}).",
            limits="Compared without case, ASCII punctuation and English articles, as the official script of SQuAD 1.1 "
            f"does; answers in other words count as wrong.{limits}",
            source=f"https://huggingface.co/datasets/{dataset.id}", licence=licence, citation=citation,
        ),
    )  # fmt: skip


def rouge(metric: Metric) -> TextMeasure:
    """A ROUGE metric with its per-example value."""
    return metric, lambda e, answer: text.rouge_values(answer, e.target)[metric.name]


ROUGES = tuple(rouge(metric) for metric in text.rouges())


def summary(name: str, dataset: Dataset, article: str, target: str, licence: str, citation: str, limits: str) -> Task:
    """Summaries judged by ROUGE."""
    return generation(
        name, version=1, dataset=dataset, prompt="Article: {" + article + "}\n\nSummary:", target=target,
        measures=ROUGES, max_tokens=128, stop=("\n\n",), id="id", tags=("generation", "summary"),
        card=Card(
            measures="Overlap of a summary with one reference.",
            limits="ROUGE rewards shared words, not faithfulness; one reference is not the only good summary. By "
            "rouge-score with stemming, without case; published figures are by ROUGE-1.5.5, whose tokens differ "
            f"slightly. {limits}",
            source=f"https://huggingface.co/datasets/{dataset.id}", licence=licence, citation=citation,
        ),
    )  # fmt: skip


def by_meaning(rows: Sequence[Row]) -> Iterator[Row]:
    """E2E has a row per reference: those of one meaning representation become one example."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["meaning_representation"], []).append(row["human_reference"])
    for number, (meaning, references) in enumerate(groups.items()):
        yield {"id": number, "meaning_representation": meaning, "references": references}


E2E_BLEU = text.bleu(references="var", lowercase=True)
"""The challenge's own BLEU ignores case, as mteval-v13a does unless it is told otherwise."""
E2E = generation(
    "e2e_nlg",
    version=2,
    dataset=hub("tuetschek/e2e_nlg", "default", "test"),
    prepare=by_meaning,
    prompt="Data: {meaning_representation}\nText:",
    target="references",
    measures=(
        (E2E_BLEU, lambda e, answer: text.bleu_row(answer, e.target, lowercase=True)),
        *(m for m in ROUGES if m[0].name == "rougeL"),
    ),
    max_tokens=80,
    stop=("\n",),
    shots=Shots(count=3, dataset=(hub("tuetschek/e2e_nlg", "default", "validation"),)),
    tags=("generation",),
    card=Card(
        measures="Describing a restaurant from attributes, against several references.",
        limits="One narrow domain in English; BLEU does not see a missing fact. BLEU is the challenge's (without "
        "case); "
        "rougeL is not: the challenge took coco's, which weights recall by 1.2 and pairs the best precision with the "
        "best recall of any reference. The examples shown come from the validation split; published systems were "
        "trained and shown none.",
        source="https://huggingface.co/datasets/tuetschek/e2e_nlg",
        licence="CC BY-SA 4.0",
        citation="Dusek et al. 2020, Evaluating the State-of-the-Art of End-to-End Natural Language Generation",
    ),
)

XQUAD = "Artetxe et al. 2020, On the Cross-lingual Transferability of Monolingual Representations"
TASKS = (
    _gsm8k(),
    squad(
        "squad", hub("rajpurkar/squad", "plain_text", "validation"), "English", "CC BY-SA 4.0",
        "Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text",
    ),
    squad("xquad/en", hub("google/xquad", "xquad.en", "validation"), "English", "CC BY-SA 4.0", XQUAD),
    squad(
        "xquad/de", hub("google/xquad", "xquad.de", "validation"), "German", "CC BY-SA 4.0", XQUAD,
        " German articles stay, as in the published figures; MLQA's script would remove them.",
    ),
    summary(
        "cnn_dailymail", hub("abisee/cnn_dailymail", "3.0.0", "test"), "article", "highlights", "see source",
        "See et al. 2017, Get To The Point: Summarization with Pointer-Generator Networks",
        "The ROUGE-L of papers is that of whole summaries: compare rougeLsum. It takes a line as a sentence, so a "
        "summary "
        "written in one line is one sentence, where papers put each on a line of its own.",
    ),
    summary(
        "xsum", hub("EdinburghNLP/xsum", "default", "test"), "document", "summary", "see source",
        "Narayan et al. 2018, Don't Give Me the Details, Just the Summary!",
        "A summary is one sentence, so rougeL and rougeLsum agree unless a model writes several lines.",
    ),
    E2E,
)  # fmt: skip
