"""Translation: the general test sets of WMT22."""

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


TASKS = tuple(wmt22(pair) for pair in ("cs-en", "de-en", "de-fr", "en-de", "ru-en", "zh-en"))
