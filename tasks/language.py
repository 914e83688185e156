"""Language modelling: WikiText and LAMBADA."""

import re
from collections.abc import Iterator, Sequence

from harness.data import hub
from harness.kinds import About, Data, likelihood
from harness.metrics.classify import proportion
from harness.metrics.likelihood import bits_per_byte, likelihood_row, perplexity, words
from harness.metrics.measures import TOKEN_PERPLEXITY, Measure
from harness.types import Card, Example, Row, Scored, Task

# Undoes the tokenisation of WikiText, in this order, so that values are comparable with published ones.
DETOKENISE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"s '", "s'"),
        (r"/' [0-9]/", "/'[0-9]/"),
        (r" @-@ ", "-"),
        (r" @,@ ", ","),
        (r" @\.@ ", "."),
        (r" : ", ": "),
        (r" ; ", "; "),
        (r" \. ", ". "),
        (r" ! ", "! "),
        (r" \? ", "? "),
        (r" , ", ", "),
        (r"\(\s*([^\)]*?)\s*\)", r"(\1)"),
        (r"\[\s*([^\]]*?)\s*\]", r"[\1]"),
        (r"{\s*([^}]*?)\s*}", r"{\1}"),
        (r"\"\s*([^\"]*?)\s*\"", r'"\1"'),
        (r"'\s*([^']*?)\s*'", r"'\1'"),
        (r"= = = =", "===="),
        (r"= = =", "==="),
        (r"= =", "=="),
        (" \u00b0 ", "\u00b0"),
        (r" \n", "\n"),
        (r"\n ", "\n"),
        (r" N ", " 1 "),
        (r" 's", "'s"),
    )
)
TITLE = re.compile(r" = [^=].*[^=] = \n")


def detokenised(page: str) -> str:
    """A page of WikiText as ordinary text."""
    for pattern, replacement in DETOKENISE:
        page = pattern.sub(replacement, page)
    return page


def pages(rows: Sequence[Row]) -> Iterator[Row]:
    """The lines of WikiText joined into its articles; a line that holds a title begins one."""
    page: list[str] = []
    for row in rows:
        if TITLE.fullmatch(row["text"]) and any(line.strip() for line in page):
            yield {"page": "".join(page)}
            page = []
        page.append(row["text"])
    if any(line.strip() for line in page):
        yield {"page": "".join(page)}


# --------------------------------------------------------------------- words and bytes are those of the tokenised page
def _per_word(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood_row(scored.logprob, words(example.fields["page"]))


def _per_byte(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood_row(scored.logprob, len(example.fields["page"].encode()))


MEASURES = (
    Measure(perplexity("word_perplexity"), _per_word),
    Measure(perplexity("byte_perplexity"), _per_byte),
    Measure(
        perplexity("token_perplexity", limits="comparable between models of one tokenizer only"), TOKEN_PERPLEXITY.value
    ),
    Measure(bits_per_byte, _per_byte),
)


def wikitext(name: str, config: str, limits: str = "") -> Task:
    """One WikiText corpus, article by article."""
    card = Card(
        measures="How well English Wikipedia articles are predicted, in disjoint windows of the model's context.",
        limits="Old articles that every model has read. Words and bytes are those of the tokenised page." + limits,
        source="https://huggingface.co/datasets/Salesforce/wikitext",
        licence="CC BY-SA 3.0",
        citation="Merity et al. 2017, Pointer Sentinel Mixture Models",
    )
    return likelihood(
        name,
        data=Data(hub("Salesforce/wikitext", config, "test"), prepare=pages),
        text=lambda row: detokenised(row["page"]),
        measures=MEASURES,
        about=About(version=1, card=card, tags=("language",)),
    )


# ------------------------------------------------------------------------------------------------------------- LAMBADA
def _is_greedy(example: Example, scored: Scored) -> float:
    return float(scored.greedy)


def _per_last_word(example: Example, scored: Scored) -> tuple[float, float]:
    return likelihood_row(scored.logprob, 1)


LAMBADA = likelihood(
    "lambada_openai",
    data=Data(hub("EleutherAI/lambada_openai", "default", "test")),
    context=lambda row: " ".join(row["text"].split(" ")[:-1]),
    text=lambda row: " " + row["text"].split(" ")[-1],
    measures=(
        Measure(proportion("acc"), _is_greedy),
        Measure(perplexity("perplexity", limits="per last word"), _per_last_word),
    ),
    about=About(
        version=1,
        tags=("language",),
        card=Card(
            measures="Predicting the last word of a passage that needs the whole passage.",
            limits="English novels; a synonym counts as wrong.",
            source="https://huggingface.co/datasets/EleutherAI/lambada_openai",
            licence="CC BY 4.0",
            citation="Paperno et al. 2016, The LAMBADA dataset",
        ),
    ),
)

TASKS = (
    wikitext("wikitext", "wikitext-2-v1", " Rare words are <unk>, so values differ from those of the raw corpus."),
    wikitext("wikitext_raw", "wikitext-2-raw-v1"),
    wikitext("wikitext103", "wikitext-103-raw-v1"),
    LAMBADA,
)
