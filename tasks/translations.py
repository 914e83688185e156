"""Translation: the general test sets of WMT22, and FLORES between any two of its languages.

The pairs in ``TASKS`` are listed; ``wmt22/SOURCE-TARGET`` and ``flores/CODE-CODE`` name every other one.
"""

from collections.abc import Mapping
from itertools import permutations

from harness.data import hub
from harness.errors import UnknownName
from harness.kinds import About, Data, translation
from harness.types import Card, Task

LANGUAGES = {
    "cs": "Czech",
    "de": "German",
    "en": "English",
    "fr": "French",
    "hr": "Croatian",
    "ja": "Japanese",
    "liv": "Livonian",
    "ru": "Russian",
    "sah": "Yakut",
    "uk": "Ukrainian",
    "zh": "Chinese",
}
LIMITS = "One reference; surface overlap only. BLEU depends on its tokenisation, which the signature names."
WMT22 = {"ja": " Published BLEU into Japanese is tokenised by MeCab, ours by character: not comparable; chrF is."}
"""By target language, where the published measure is another one."""
TOKENISERS = {"zh": "zh", "zho_Hans": "zh", "ja": "char", "jpn_Jpan": "char", "tha_Thai": "char"}
"""By target language, for those without spaces between words; 13a for the others."""


def wmt22(pair: str) -> Task:
    """The general test set of WMT22 for one pair, such as de-fr. Raises UnknownName for a language it does not have."""
    source, target = _languages(pair, LANGUAGES)
    card = Card(
        measures=f"Translating mixed texts from {LANGUAGES[source]} to {LANGUAGES[target]}.",
        limits=LIMITS + WMT22.get(target, ""),
        source="https://www.statmt.org/wmt22/",
        licence="research use",
        citation="Kocmi et al. 2022, Findings of the 2022 Conference on Machine Translation",
    )
    return translation(
        f"wmt22/{pair}",
        data=Data(hub(f"wmt/wmt22-{pair}", pair, "test")),
        source=lambda row: row["translation"][source],
        target=lambda row: row["translation"][target],
        languages=(LANGUAGES[source], LANGUAGES[target]),
        tokenize=TOKENISERS.get(target, "13a"),
        about=About(version=1, card=card, tags=("translation",)),
    )


FLORES = {"deu_Latn": "de", "eng_Latn": "en", "fra_Latn": "fr", "hin_Deva": "hi", "zho_Hans": "zh"}
"""The languages between which every pair is listed, under short names."""
NAMES = {
    "afr_Latn": "Afrikaans",
    "amh_Ethi": "Amharic",
    "arb_Arab": "Arabic",
    "ben_Beng": "Bengali",
    "bul_Cyrl": "Bulgarian",
    "cat_Latn": "Catalan",
    "ces_Latn": "Czech",
    "cym_Latn": "Welsh",
    "dan_Latn": "Danish",
    "deu_Latn": "German",
    "ell_Grek": "Greek",
    "eng_Latn": "English",
    "est_Latn": "Estonian",
    "eus_Latn": "Basque",
    "fin_Latn": "Finnish",
    "fra_Latn": "French",
    "gle_Latn": "Irish",
    "glg_Latn": "Galician",
    "guj_Gujr": "Gujarati",
    "hau_Latn": "Hausa",
    "heb_Hebr": "Hebrew",
    "hin_Deva": "Hindi",
    "hrv_Latn": "Croatian",
    "hun_Latn": "Hungarian",
    "hye_Armn": "Armenian",
    "ibo_Latn": "Igbo",
    "ind_Latn": "Indonesian",
    "isl_Latn": "Icelandic",
    "ita_Latn": "Italian",
    "jpn_Jpan": "Japanese",
    "kan_Knda": "Kannada",
    "kat_Geor": "Georgian",
    "kaz_Cyrl": "Kazakh",
    "kor_Hang": "Korean",
    "lit_Latn": "Lithuanian",
    "lvs_Latn": "Latvian",
    "mal_Mlym": "Malayalam",
    "mar_Deva": "Marathi",
    "mkd_Cyrl": "Macedonian",
    "mlt_Latn": "Maltese",
    "nld_Latn": "Dutch",
    "nob_Latn": "Norwegian",
    "pan_Guru": "Punjabi",
    "pes_Arab": "Persian",
    "pol_Latn": "Polish",
    "por_Latn": "Portuguese",
    "ron_Latn": "Romanian",
    "rus_Cyrl": "Russian",
    "slk_Latn": "Slovak",
    "slv_Latn": "Slovenian",
    "som_Latn": "Somali",
    "spa_Latn": "Spanish",
    "srp_Cyrl": "Serbian",
    "swe_Latn": "Swedish",
    "swh_Latn": "Swahili",
    "tam_Taml": "Tamil",
    "tel_Telu": "Telugu",
    "tha_Thai": "Thai",
    "tur_Latn": "Turkish",
    "ukr_Cyrl": "Ukrainian",
    "urd_Arab": "Urdu",
    "vie_Latn": "Vietnamese",
    "xho_Latn": "Xhosa",
    "yor_Latn": "Yoruba",
    "zho_Hans": "Chinese",
    "zul_Latn": "Zulu",
}


def flores(pair: str) -> Task:
    """The devtest split of FLORES-200 for one pair: deu_Latn-jpn_Jpan, or de-zh of those with short names.

    Raises UnknownName for a language that has no name here.
    """
    codes = {short: code for code, short in FLORES.items()} | {code: code for code in NAMES}
    source, target = (codes[name] for name in _languages(pair, codes))
    names = NAMES[source], NAMES[target]
    listed = {source, target} <= FLORES.keys()
    label = f"{FLORES[source]}-{FLORES[target]}" if listed else f"{source}-{target}"
    card = Card(
        measures=f"Translating sentences of Wikimedia articles from {names[0]} to {names[1]}.",
        limits="Unless one side is English, both are translations of English. Sentences without their article. "
        "Published BLEU is spBLEU, over the pieces of a SentencePiece model: not comparable with bleu here; chrf++ "
        "is the published one. " + LIMITS,
        source="https://huggingface.co/datasets/facebook/flores",
        licence="CC BY-SA 4.0",
        citation="NLLB Team et al. 2022, No Language Left Behind",
    )
    return translation(
        f"flores/{label}",
        data=Data(hub("facebook/flores", f"{source}-{target}", "devtest"), slices=("domain",), cluster="URL"),
        source=f"sentence_{source}",
        target=f"sentence_{target}",
        languages=names,
        tokenize=TOKENISERS.get(target, "13a"),
        about=About(version=1, card=card, tags=("translation",)),
    )


def _languages(pair: str, known: Mapping[str, str]) -> tuple[str, str]:
    source, _, target = pair.partition("-")
    for name in (source, target):
        if name not in known:
            raise UnknownName("language", name, known)
    if source == target:
        raise UnknownName("pair of languages", pair, [f"{source}-{other}" for other in known if other != source])
    return source, target


TASKS = (
    *(wmt22(pair) for pair in ("cs-en", "de-en", "de-fr", "en-de", "ru-en", "zh-en")),
    *(flores("-".join(pair)) for pair in permutations(FLORES.values(), 2)),
)
