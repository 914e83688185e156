"""Translation: the general test sets of WMT22, and FLORES between any two of its languages here."""

from itertools import permutations

from harness.data import hub
from harness.kinds import translation
from harness.types import Card, Task

LANGUAGES = {
    "cs": "Czech", "de": "German", "en": "English", "fr": "French", "hi": "Hindi", "ru": "Russian", "zh": "Chinese",
}  # fmt: skip
LIMITS = "One reference; surface overlap only. BLEU depends on its tokenisation, which the signature names."


def wmt22(pair: str) -> Task:
    """The general test set of WMT22 for one pair, such as de-fr."""
    source, target = pair.split("-")
    return translation(
        f"wmt22/{pair}", version=1, dataset=hub(f"wmt/wmt22-{pair}", pair, "test"),
        source=lambda row: row["translation"][source], target=lambda row: row["translation"][target],
        languages=(LANGUAGES[source], LANGUAGES[target]), tokenize="zh" if target == "zh" else "13a",
        card=Card(
            measures=f"Translating mixed texts from {LANGUAGES[source]} to {LANGUAGES[target]}.",
            limits=LIMITS, source="https://www.statmt.org/wmt22/", licence="research use",
            citation="Kocmi et al. 2022, Findings of the 2022 Conference on Machine Translation",
        ),
    )  # fmt: skip


FLORES = {"deu_Latn": "de", "eng_Latn": "en", "fra_Latn": "fr", "hin_Deva": "hi", "zho_Hans": "zh"}


def flores(source: str, target: str) -> Task:
    """The devtest split of FLORES-200 from one language to another, each with its script, such as eng_Latn."""
    names = LANGUAGES[FLORES[source]], LANGUAGES[FLORES[target]]
    return translation(
        f"flores/{FLORES[source]}-{FLORES[target]}", version=1,
        dataset=hub("facebook/flores", f"{source}-{target}", "devtest"),
        source=f"sentence_{source}", target=f"sentence_{target}", languages=names,
        tokenize="zh" if target == "zho_Hans" else "13a", slices=("domain",), cluster="URL",
        card=Card(
            measures=f"Translating sentences of Wikimedia articles from {names[0]} to {names[1]}.",
            limits="Unless one side is English, both are translations of English. Sentences without their article. "
            + LIMITS,
            source="https://huggingface.co/datasets/facebook/flores", licence="CC BY-SA 4.0",
            citation="NLLB Team et al. 2022, No Language Left Behind",
        ),
    )  # fmt: skip


TASKS = (
    *(wmt22(pair) for pair in ("cs-en", "de-en", "de-fr", "en-de", "ru-en", "zh-en")),
    *(flores(source, target) for source, target in permutations(FLORES, 2)),
)
