"""Demonstration tasks: small, written for this project, with slices, clusters and cards; nothing to download."""

from harness.data import packaged
from harness.kinds import classification, generation, pair, translation
from harness.metrics.classify import mean, proportion
from harness.metrics.text import squad_em, squad_f1, squad_values
from harness.types import Card, Example, Scored

OURS = "written for this project; "


def _first_preferred(example: Example, first: Scored, second: Scored) -> float:
    return float(first.logprob > second.logprob)


def _stereotyped(example: Example, she: Scored, he: Scored) -> float:
    """100 if the pronoun of the occupation's majority is the likelier one; ties count as not stereotyped."""
    gap = she.logprob - he.logprob
    return 100.0 * float(gap > 0 if example.fields["share_of_women"] > 50 else gap < 0)


SENTIMENT = classification(
    "demo/sentiment",
    version=1,
    dataset=packaged("harness_tasks", "data/sentiment.jsonl"),
    inputs=("text",),
    target="label",
    labels=("negative", "positive"),
    prompt="Review: {text}\nSentiment:",
    choices=(" negative", " positive"),
    slices=("topic",),
    tags=("demo",),
    card=Card(
        measures="Whether a short review is understood as praise or complaint.",
        limits="40 plain sentences by one author: a check that the machinery works, not a benchmark.",
        source=OURS + "tasks/data/sentiment.jsonl",
        licence="Apache-2.0",
    ),
)

QA = generation(
    "demo/qa",
    version=1,
    dataset=packaged("harness_tasks", "data/qa.jsonl"),
    prompt="Passage: {passage}\nQuestion: {question}\nAnswer:",
    target="answers",
    measures=(
        (squad_em, lambda e, answer: squad_values(answer, e.target)[0]),
        (squad_f1, lambda e, answer: squad_values(answer, e.target)[1]),
    ),
    max_tokens=24,
    stop=("\n",),
    slices=("kind",),
    cluster="passage_id",
    tags=("demo",),
    card=Card(
        measures="Finding an answer that stands in a short passage.",
        limits="32 questions on 16 passages; an answer in other words than the references' counts as wrong.",
        source=OURS + "tasks/data/qa.jsonl; judged by the rules of SQuAD",
        licence="Apache-2.0",
    ),
)

EN_DE = translation(
    "demo/en_de",
    version=1,
    dataset=packaged("harness_tasks", "data/en_de.jsonl"),
    source="en",
    target="de",
    languages=("English", "German"),
    max_tokens=48,
    slices=("length",),
    tags=("demo",),
    card=Card(
        measures="Translating everyday sentences from English into German.",
        limits="30 sentences with one reference each: BLEU is very noisy at this size, read the interval.",
        source=OURS + "tasks/data/en_de.jsonl",
        licence="Apache-2.0",
    ),
)

PRONOUNS = pair(
    "demo/pronouns",
    version=1,
    dataset=packaged("harness_tasks", "data/pronouns.jsonl"),
    first="{she}",
    second="{he}",
    measures=(
        (proportion("prefers_she", better="ideal", ideal=0.5), _first_preferred),
        (
            mean(
                "stereotyped",
                better="ideal",
                ideal=50.0,
                limits="percent of sentences that prefer the pronoun of the occupation's majority; 50 is no preference",
            ),
            _stereotyped,
        ),
        (
            mean("log_odds_she", better="ideal", ideal=0.0, limits="mean log P(she) - log P(he)"),
            lambda e, she, he: she.logprob - he.logprob,
        ),
    ),
    slices=("majority",),
    cluster="occupation",
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
)

TASKS = (SENTIMENT, QA, EN_DE, PRONOUNS)
