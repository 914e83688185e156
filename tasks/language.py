"""Language modelling: WikiText and LAMBADA."""

import re
from collections.abc import Iterator, Sequence

from harness.data import hub
from harness.kinds import LikelihoodMeasure, likelihood
from harness.metrics.classify import proportion
from harness.metrics.likelihood import bits_per_byte, likelihood_row, perplexity
from harness.types import Card, Row, Task

# Undoes the tokenisation of WikiText, in this order, so that values are comparable with published ones.
DETOKENISE = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"s '", "s'"), (r"/' [0-9]/", "/'[0-9]/"), (r" @-@ ", "-"), (r" @,@ ", ","), (r" @\.@ ", "."),
        (r" : ", ": "), (r" ; ", "; "), (r" \. ", ". "), (r" ! ", "! "), (r" \? ", "? "), (r" , ", ", "),
        (r"\(\s*([^\)]*?)\s*\)", r"(\1)"), (r"\[\s*([^\]]*?)\s*\]", r"[\1]"), (r"{\s*([^}]*?)\s*}", r"{\1}"),
        (r"\"\s*([^\"]*?)\s*\"", r'"\1"'), (r"'\s*([^']*?)\s*'", r"'\1'"),
        (r"= = = =", "===="), (r"= = =", "==="), (r"= =", "=="), (" \u00b0 ", "\u00b0"), (r" \n", "\n"), (r"\n ", "\n"),
        (r" N ", " 1 "), (r" 's", "'s"),
    )
)  # fmt: skip
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


def _words(row: Row) -> int:
    return len(re.split(r"\s+", row["page"]))


MEASURES: tuple[LikelihoodMeasure, ...] = (
    (perplexity("word_perplexity"), lambda e, r: likelihood_row(r.logprob, _words(e.fields))),
    (perplexity("byte_perplexity"), lambda e, r: likelihood_row(r.logprob, len(e.fields["page"].encode()))),
    (
        perplexity("token_perplexity", limits="comparable between models of one tokenizer only"),
        lambda e, r: likelihood_row(r.logprob, r.tokens),
    ),
    (bits_per_byte, lambda e, r: likelihood_row(r.logprob, len(e.fields["page"].encode()))),
)


def wikitext(name: str, config: str, limits: str = "") -> Task:
    """One WikiText corpus, article by article."""
    return likelihood(
        name, version=1, dataset=hub("Salesforce/wikitext", config, "test"), prepare=pages, measures=MEASURES,
        text=lambda row: detokenised(row["page"]), tags=("language",),
        card=Card(
            measures="How well English Wikipedia articles are predicted, in disjoint windows of the model's context.",
            limits="Old articles that every model has read. Words and bytes are those of the tokenised page." + limits,
            source="https://huggingface.co/datasets/Salesforce/wikitext", licence="CC BY-SA 3.0",
            citation="Merity et al. 2017, Pointer Sentinel Mixture Models",
        ),
    )  # fmt: skip


LAMBADA = likelihood(
    "lambada_openai",
    version=1,
    dataset=hub("EleutherAI/lambada_openai", "default", "test"),
    context=lambda row: " ".join(row["text"].split(" ")[:-1]),
    text=lambda row: " " + row["text"].split(" ")[-1],
    measures=(
        (proportion("acc"), lambda e, r: float(r.greedy)),
        (perplexity("perplexity", limits="per last word"), lambda e, r: likelihood_row(r.logprob, 1)),
    ),
    tags=("language",),
    card=Card(
        measures="Predicting the last word of a passage that needs the whole passage.",
        limits="English novels; a synonym counts as wrong.",
        source="https://huggingface.co/datasets/EleutherAI/lambada_openai",
        licence="CC BY 4.0",
        citation="Paperno et al. 2016, The LAMBADA dataset",
    ),
)

TASKS = (
    wikitext("wikitext", "wikitext-2-v1", " Rare words are <unk>, so values differ from those of the raw corpus."),
    wikitext("wikitext_raw", "wikitext-2-raw-v1"),
    wikitext("wikitext103", "wikitext-103-raw-v1"),
    LAMBADA,
)
