"""Tasks answered by writing: GSM8K, SQuAD, XQuAD, summaries, and descriptions from data."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from harness.data import hub
from harness.kinds import About, Data, Decoding, generation
from harness.metrics import measures, text
from harness.metrics.classify import proportion
from harness.metrics.measures import Measure, TextMeasure
from harness.types import Card, Dataset, Example, Failed, Judged, Response, Row, Shots, Task


def _same_number(extract: Callable[[str], str | None], metric: str, signature: str) -> TextMeasure:
    """1 if the number that ``extract`` finds in an answer is the published one."""

    def value(example: Example, answer: str) -> float:
        return float(extract(answer) == text.gsm8k_answer(example.fields["answer"]))

    return Measure(proportion(metric, signature=signature), value)


def _gsm8k() -> Task:
    task = generation(
        "gsm8k",
        data=Data(
            hub("openai/gsm8k", "main", "test"),
            shots=Shots(count=5, dataset=(hub("openai/gsm8k", "main", "train"),)),
        ),
        prompt="Question: {question}\nAnswer:",
        target="answer",
        decoding=Decoding(max_tokens=256, stop=("Question:", "</s>", "<|im_end|>")),
        extract=str,
        measures=(
            _same_number(text.gsm8k_answer, "strict-match", "number after ####"),
            _same_number(text.last_number, "flexible-extract", "last number"),
        ),
        about=About(version=3, card=GSM8K, tags=("generation", "mathematics")),
    )

    def judge(example: Example, responses: tuple[Response, ...]) -> Judged | Failed:
        """The prediction shown is the number, not the reasoning."""
        judged = task.judge(example, responses)
        if isinstance(judged, Failed):
            return judged
        said = judged.prediction
        return replace(judged, prediction=text.gsm8k_answer(said) or text.last_number(said) or "")

    return replace(task, judge=judge)


GSM8K = Card(
    measures="Grade-school arithmetic in words: the number after #### (strict-match) or the last one in the "
    "text (flexible-extract) must equal the published one.",
    limits="strict-match also tests the form of the answer; flexible-extract takes a number that was not meant "
    "as the answer. Unlike lm-evaluation-harness, numbers are compared by value (18.00 is 18) and dots alone "
    "are none. Questions may have been seen in training.",
    source="https://huggingface.co/datasets/openai/gsm8k",
    licence="MIT",
    citation="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems",
)


# -------------------------------------------------------------------------------------------------------------- reading
def squad(name: str, dataset: Dataset, *, language: str, citation: str, limits: str = "") -> Task:
    """Extractive questions in the format of SQuAD; questions of one passage are a cluster."""
    card = Card(
        measures=f"Answers that stand in a Wikipedia passage ({language}).",
        limits="Compared without case, ASCII punctuation and English articles, as the official script of SQuAD 1.1 "
        f"does; answers in other words count as wrong.{limits}",
        source=f"https://huggingface.co/datasets/{dataset.id}",
        licence="CC BY-SA 4.0",
        citation=citation,
    )
    return generation(
        name,
        data=Data(dataset, id="id", cluster="context"),
        prompt="Passage: {context}\n\nQuestion: {question}\n\nAnswer:",
        target=_answer_texts,
        decoding=Decoding(max_tokens=32, stop=("\n",)),
        measures=(measures.SQUAD_EM, measures.SQUAD_F1),
        about=About(version=1, card=card, tags=("generation", "reading")),
    )


def _answer_texts(row: Row) -> list[str]:
    texts: list[str] = row["answers"]["text"]
    return texts


SQUAD = "Rajpurkar et al. 2016, SQuAD: 100,000+ Questions for Machine Comprehension of Text"
XQUAD = "Artetxe et al. 2020, On the Cross-lingual Transferability of Monolingual Representations"
READING = (
    squad("squad", hub("rajpurkar/squad", "plain_text", "validation"), language="English", citation=SQUAD),
    squad("xquad/en", hub("google/xquad", "xquad.en", "validation"), language="English", citation=XQUAD),
    squad(
        "xquad/de",
        hub("google/xquad", "xquad.de", "validation"),
        language="German",
        citation=XQUAD,
        limits=" German articles stay, as in the published figures; MLQA's script would remove them.",
    ),
)


# ------------------------------------------------------------------------------------------------------------ summaries
def summary(name: str, dataset: Dataset, *, article: str, target: str, citation: str, limits: str) -> Task:
    """Summaries judged by ROUGE; ``article`` and ``target`` are columns."""
    card = Card(
        measures="Overlap of a summary with one reference.",
        limits="ROUGE rewards shared words, not faithfulness; one reference is not the only good summary. By "
        "rouge-score with stemming, without case; published figures are by ROUGE-1.5.5, whose tokens differ "
        f"slightly. {limits}",
        source=f"https://huggingface.co/datasets/{dataset.id}",
        licence="see source",
        citation=citation,
    )
    return generation(
        name,
        data=Data(dataset, id="id"),
        prompt="Article: {" + article + "}\n\nSummary:",
        target=target,
        decoding=Decoding(max_tokens=128, stop=("\n\n",)),
        measures=(measures.ROUGE_1, measures.ROUGE_2, measures.ROUGE_L, measures.ROUGE_LSUM),
        about=About(version=1, card=card, tags=("generation", "summary")),
    )


SUMMARIES = (
    summary(
        "cnn_dailymail",
        hub("abisee/cnn_dailymail", "3.0.0", "test"),
        article="article",
        target="highlights",
        citation="See et al. 2017, Get To The Point: Summarization with Pointer-Generator Networks",
        limits="The ROUGE-L of papers is that of whole summaries: compare rougeLsum. It takes a line as a sentence, so "
        "a summary written in one line is one sentence, where papers put each on a line of its own.",
    ),
    summary(
        "xsum",
        hub("EdinburghNLP/xsum", "default", "test"),
        article="document",
        target="summary",
        citation="Narayan et al. 2018, Don't Give Me the Details, Just the Summary!",
        limits="A summary is one sentence, so rougeL and rougeLsum agree unless a model writes several lines.",
    ),
)


# -------------------------------------------------------------------------------------------------- text from data
def by_meaning(rows: Sequence[Row]) -> Iterator[Row]:
    """E2E has a row per reference: those of one meaning representation become one example."""
    groups: dict[str, list[str]] = {}
    for row in rows:
        groups.setdefault(row["meaning_representation"], []).append(row["human_reference"])
    for number, (meaning, references) in enumerate(groups.items()):
        yield {"id": number, "meaning_representation": meaning, "references": references}


E2E_BLEU = measures.bleu(references="var", lowercase=True)
"""The challenge's own BLEU ignores case, as mteval-v13a does unless it is told otherwise."""
E2E = generation(
    "e2e_nlg",
    data=Data(
        hub("tuetschek/e2e_nlg", "default", "test"),
        prepare=by_meaning,
        shots=Shots(count=3, dataset=(hub("tuetschek/e2e_nlg", "default", "validation"),)),
    ),
    prompt="Data: {meaning_representation}\nText:",
    target="references",
    decoding=Decoding(max_tokens=80, stop=("\n",)),
    measures=(E2E_BLEU, measures.ROUGE_L),
    about=About(
        version=2,
        tags=("generation",),
        card=Card(
            measures="Describing a restaurant from attributes, against several references.",
            limits="One narrow domain in English; BLEU does not see a missing fact. BLEU is the challenge's (without "
            "case); rougeL is not: the challenge took coco's, which weights recall by 1.2 and pairs the best precision "
            "with the best recall of any reference. The examples shown come from the validation split; published "
            "systems were trained and shown none.",
            source="https://huggingface.co/datasets/tuetschek/e2e_nlg",
            licence="CC BY-SA 4.0",
            citation="Dusek et al. 2020, Evaluating the State-of-the-Art of End-to-End Natural Language Generation",
        ),
    ),
)

TASKS = (_gsm8k(), *READING, *SUMMARIES, E2E)
