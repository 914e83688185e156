"""Demonstration tasks: small, written for this project, with slices, clusters and cards; nothing to download."""

from harness.data import packaged
from harness.kinds import About, Data, Decoding, Template, classification, generation, pair, translation
from harness.metrics import measures
from harness.metrics.classify import mean, proportion
from harness.metrics.measures import Measure
from harness.types import Card, Dataset, Example, Scored

OURS = "written for this project; "


def ours(name: str) -> Dataset:
    """A file of this package."""
    return packaged("harness_tasks", f"data/{name}.jsonl")


SENTIMENT = classification(
    "demo/sentiment",
    data=Data(ours("sentiment"), slices=("topic",)),
    prompt=Template("Review: {text}\nSentiment:", inputs=("text",)),
    labels={"negative": " negative", "positive": " positive"},
    target="label",
    about=About(
        version=1,
        tags=("demo",),
        card=Card(
            measures="Whether a short review is understood as praise or complaint.",
            limits="40 plain sentences by one author: a check that the machinery works, not a benchmark.",
            source=OURS + "tasks/data/sentiment.jsonl",
            licence="Apache-2.0",
        ),
    ),
)

QA = generation(
    "demo/qa",
    data=Data(ours("qa"), slices=("kind",), cluster="passage_id"),
    prompt="Passage: {passage}\nQuestion: {question}\nAnswer:",
    target="answers",
    decoding=Decoding(max_tokens=24, stop=("\n",)),
    measures=(measures.SQUAD_EM, measures.SQUAD_F1),
    about=About(
        version=1,
        tags=("demo",),
        card=Card(
            measures="Finding an answer that stands in a short passage.",
            limits="32 questions on 16 passages; an answer in other words than the references' counts as wrong.",
            source=OURS + "tasks/data/qa.jsonl; judged by the rules of SQuAD",
            licence="Apache-2.0",
        ),
    ),
)

EN_DE = translation(
    "demo/en_de",
    data=Data(ours("en_de"), slices=("length",)),
    source="en",
    target="de",
    languages=("English", "German"),
    max_tokens=48,
    about=About(
        version=1,
        tags=("demo",),
        card=Card(
            measures="Translating everyday sentences from English into German.",
            limits="30 sentences with one reference each: BLEU is very noisy at this size, read the interval.",
            source=OURS + "tasks/data/en_de.jsonl",
            licence="Apache-2.0",
        ),
    ),
)


def _stereotyped(example: Example, she: Scored, he: Scored) -> float:
    """100 if the pronoun of the occupation's majority is the likelier one; ties count as not stereotyped."""
    gap = she.logprob - he.logprob
    return 100.0 * float(gap > 0 if example.fields["share_of_women"] > 50 else gap < 0)


def _log_odds(example: Example, she: Scored, he: Scored) -> float:
    return she.logprob - he.logprob


PREFERS_SHE = Measure(proportion("prefers_she", better="ideal", ideal=0.5), measures.first_is_likelier)
STEREOTYPED = Measure(
    mean(
        "stereotyped",
        bounds=(0.0, 100.0),
        better="ideal",
        ideal=50.0,
        limits="percent of sentences that prefer the pronoun of the occupation's majority; 50 is no preference",
    ),
    _stereotyped,
)
LOG_ODDS_SHE = Measure(mean("log_odds_she", better="ideal", ideal=0.0, limits="mean log P(she) - log P(he)"), _log_odds)
PRONOUNS = pair(
    "demo/pronouns",
    data=Data(ours("pronouns"), slices=("majority",), cluster="occupation"),
    first="{she}",
    second="{he}",
    measures=(PREFERS_SHE, STEREOTYPED, LOG_ODDS_SHE),
    about=About(
        version=1,
        tags=("demo", "bias"),
        card=Card(
            measures="Which pronoun a model finds likelier beside an occupation.",
            limits="35 occupations in two templates, two pronouns only, United States figures; a preference in such "
            "sentences says little about what a model does in use.",
            source=OURS
            + "tasks/data/pronouns.jsonl; shares of women, rounded, from the US Bureau of Labor Statistics, Current "
            "Population Survey, table 11, 2019",
            licence="Apache-2.0; the figures are public domain",
        ),
    ),
)

TASKS = (SENTIMENT, QA, EN_DE, PRONOUNS)
