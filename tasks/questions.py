"""Questions answered by writing: TriviaQA and Natural Questions from memory, DROP and CoQA about a passage."""

from collections.abc import Iterator, Sequence
from functools import partial

from harness.data import hub
from harness.kinds import About, Data, Decoding, Template, generation
from harness.metrics.classify import UNIT, mean, proportion
from harness.metrics.drop import drop_values
from harness.metrics.measures import SQUAD_EM, SQUAD_F1, Measure, TextMeasure
from harness.metrics.text import squad_values
from harness.types import Card, Example, Row, Shots, Task

SHORT = Decoding(32, stop=("\n", ".", ","))
"""A name or a date; the first full stop or comma ends it, as lm-evaluation-harness has it."""
MEMORY = (
    " Answers in other words than the listed ones count as wrong, and so do those that begin with a sentence: base "
    "models need the form shown by few-shot examples (--shots 5)."
)


# --------------------------------------------------------------------------------------------------------- from memory
def triviaqa(name: str, config: str, of: str) -> Task:
    """One configuration of TriviaQA without passages."""
    return generation(
        name,
        data=Data(
            hub("mandarjoshi/trivia_qa", config, "validation"),
            id="question_id",
            shots=Shots(dataset=(hub("mandarjoshi/trivia_qa", config, "train"),)),
        ),
        prompt="Question: {question}?\nAnswer:",
        target=lambda row: row["answer"]["aliases"],
        decoding=SHORT,
        measures=(SQUAD_EM, SQUAD_F1),
        about=About(
            version=1,
            tags=("knowledge", "generation"),
            card=Card(
                measures=f"Questions of quiz lovers ({of}), answered without a passage; any alias is right.",
                limits="Compared by SQuAD's normalisation, which TriviaQA's script shares." + MEMORY,
                source="https://huggingface.co/datasets/mandarjoshi/trivia_qa",
                licence="Apache-2.0",
                citation="Joshi et al. 2017, TriviaQA: A Large Scale Distantly Supervised Challenge Dataset",
            ),
        ),
    )


NQ_OPEN = generation(
    "nq_open",
    data=Data(
        hub("google-research-datasets/nq_open", "nq_open", "validation"),
        shots=Shots(dataset=(hub("google-research-datasets/nq_open", "nq_open", "train"),)),
    ),
    prompt=Template("Q: {question}?\nA:", description="Answer these questions:\n\n"),
    target="answer",
    decoding=SHORT,
    measures=(SQUAD_EM, SQUAD_F1),
    about=About(
        version=1,
        tags=("knowledge", "generation"),
        card=Card(
            measures="Questions that people asked a search engine, answered from memory.",
            limits="The answers are those of 2018's Wikipedia, and some are outdated." + MEMORY,
            source="https://huggingface.co/datasets/google-research-datasets/nq_open",
            licence="CC BY-SA 3.0",
            citation="Lee et al. 2019, Latent Retrieval for Weakly Supervised Open Domain Question Answering",
        ),
    ),
)


# ----------------------------------------------------------------------------------------------------- about a passage
def _accepted(row: Row) -> list[list[str]]:
    """Every accepted answer as its spans.

    The Hub's rows have the spans of all annotators one after another. Where these repeat as a whole, what repeats is
    one answer; else nothing tells which belong together, and each stands alone, as every number and date does.
    """
    if "accepted" in row:
        return list(row["accepted"])
    spans: list[str] = row["answers_spans"]["spans"]
    length = next((n for n in range(1, len(spans) // 2 + 1) if spans == spans[:n] * (len(spans) // n)), 1)
    one = length == len(set(spans)) and set(row["answers_spans"]["types"]) == {"span"}
    return [spans[:length]] if one else [[span] for span in spans]


def _drop(part: int, example: Example, answer: str) -> float:
    return drop_values(answer, _accepted(example.fields))[part]


DROP_EM: TextMeasure = Measure(proportion("exact_match", signature="DROP's normalisation"), partial(_drop, 0))
DROP_F1: TextMeasure = Measure(mean("f1", bounds=UNIT, signature="DROP's bags of words"), partial(_drop, 1))

DROP = generation(
    "drop",
    data=Data(
        hub("ucinlp/drop", "default", "validation"),
        id="query_id",
        cluster="passage",
        slices=lambda row: {"answer": row["answers_spans"]["types"][0]} if row["answers_spans"]["types"] else {},
        shots=Shots(dataset=(hub("ucinlp/drop", "default", "train"),)),
    ),
    prompt="Passage: {passage}\nQuestion: {question}\nAnswer:",
    target=lambda row: [", ".join(spans) for spans in _accepted(row)],
    decoding=Decoding(64, stop=("\n",)),
    measures=(DROP_EM, DROP_F1),
    about=About(
        version=2,
        tags=("reading", "generation"),
        card=Card(
            measures="Questions about a passage that need counting, comparing and adding, judged by the official match "
            "and F1 against the best accepted answer.",
            limits="Where several spans are wanted they are parted at commas. Rows of the Hub do not say which spans "
            "one annotator gave: unless all gave the same, one of several wanted spans counts as a whole answer. "
            "Stops at the line's end, where lm-evaluation-harness stops at a full stop, which cuts 3.5. Questions of "
            "a passage are one cluster.",
            source="https://huggingface.co/datasets/ucinlp/drop",
            licence="CC BY-SA 4.0",
            citation="Dua et al. 2019, DROP: A Reading Comprehension Benchmark Requiring Discrete Reasoning",
        ),
    ),
)


def turns(rows: Sequence[Row]) -> Iterator[Row]:
    """Every turn of every conversation, with the turns before it as people answered them."""
    for row in rows:
        questions, answers = row["questions"]["input_text"], row["answers"]["input_text"]
        others = [one["input_text"] for one in (row.get("additional_answers") or {}).values()]
        before = f"{row['story']}\n\n"
        for turn, (question, answer) in enumerate(zip(questions, answers, strict=True)):
            golds = list({text.lower(): text for text in (answer, *(other[turn] for other in others))[::-1]}.values())
            asked = f"{before}Q: {question}\n\nA:"
            yield {"id": f"{row['id']}/{turn + 1}", "story_id": row["id"], "source": row["source"], "turn": turn + 1,
                   "asked": asked, "golds": golds[::-1]}  # fmt: skip
            before = f"{asked} {answer}\n\n"


def _person(part: int, example: Example, answer: str) -> float:
    """The mean over people of the best score against the others, so that people can be scored alike (official)."""
    golds = example.target
    groups = [[g for g in golds if g is not left] for left in golds] if len(golds) > 1 else [golds]
    return sum(squad_values(answer, group)[part] for group in groups) / len(groups)


COQA_EM: TextMeasure = Measure(
    mean("em", bounds=UNIT, signature="squad normalisation, people left out"), partial(_person, 0)
)
COQA_F1: TextMeasure = Measure(
    mean("f1", bounds=UNIT, signature="squad normalisation, people left out"), partial(_person, 1)
)

COQA = generation(
    "coqa",
    data=Data(
        hub("EleutherAI/coqa", "default", "validation"),
        prepare=turns,
        cluster="story_id",
        slices=("source",),
    ),
    prompt="{asked}",
    target="golds",
    decoding=Decoding(64, stop=("\nQ:", "\n")),
    measures=(COQA_EM, COQA_F1),
    about=About(
        version=1,
        tags=("reading", "dialogue", "generation"),
        card=Card(
            measures="Conversations about a story: every question after the earlier ones with people's answers.",
            limits="An answer equal to one person's scores below 1 where the others said something else, as in the "
            "official script. The model's own earlier answers are not used. Questions of a story are one cluster.",
            source="https://huggingface.co/datasets/EleutherAI/coqa",
            licence="see source: each domain's own terms",
            citation="Reddy et al. 2019, CoQA: A Conversational Question Answering Challenge",
        ),
    ),
)

TASKS = (
    triviaqa("triviaqa", "rc.nocontext", "Wikipedia and the web"),
    triviaqa("triviaqa/wikipedia", "rc.wikipedia.nocontext", "Wikipedia"),
    NQ_OPEN,
    DROP,
    COQA,
)
