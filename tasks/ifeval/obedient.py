"""An answer that follows the instructions of a prompt, with which the task is tested: it says nothing else."""

import json
from collections.abc import Sequence
from itertools import cycle, islice

from harness_tasks.ifeval.checks import FEWER, OPTIONS
from harness_tasks.ifeval.language import SCRIPTS, WORDS
from harness_tasks.instructions import Asked

PLAIN = "the of and to in is that it you was on are as at this but by we can all no so if what do"
"""English words without commas or capitals, of which the answer is made."""
SAMPLES = {
    "bn": "বাংলা",
    "gu": "ગુજરાતી",
    "he": "עברית",
    "ja": "ひらがな",
    "kn": "ಕನ್ನಡ",
    "ko": "한국어",
    "ml": "മലയാളം",
    "pa": "ਪੰਜਾਬੀ",
    "ta": "தமிழ்",
    "te": "తెలుగు",
    "th": "ภาษาไทย",
}
"""A word of each language that a script tells."""


def obedient(instructions: Sequence[str], kwargs: Sequence[Asked]) -> str:
    """An answer that follows instructions, as far as they go together.

    Where one stands twice (at least 20 and less than 26 sentences) the least that satisfies both is written.
    """
    pairs = [*zip(instructions, kwargs, strict=True)]
    asked = dict(sorted(pairs, key=lambda pair: FEWER not in pair[1].values()))
    often = [own for name, own in pairs if name == "keywords:frequency" and own["relation"] != FEWER]
    repeated = [own["keyword"] for own in often for _ in range(own["frequency"])]
    body = _arranged(asked, _sentences(asked) + repeated + _extras(asked))
    before = asked.get("combination:repeat_prompt", {}).get("prompt_to_repeat", "")
    heading = "<<it is this>>" if "detectable_format:title" in asked else ""
    option = OPTIONS[0] if "detectable_format:constrained_response" in asked else ""
    marker = asked.get("detectable_content:postscript", {}).get("postscript_marker", "")
    end = asked.get("startend:end_checker", {}).get("end_phrase", "")
    answer = "\n".join(part for part in (before, heading, body, option, marker and f"{marker} it is so", end) if part)
    if "punctuation:no_comma" in asked:
        answer = answer.replace(",", "")
    if "change_case:english_capital" in asked:
        answer = answer.upper()
    if "change_case:english_lowercase" in asked:
        answer = answer.lower()
    if "detectable_format:json_format" in asked:
        return json.dumps(answer)
    return f'"{answer}"' if "startend:quotation" in asked else answer


def _at_least(asked: dict[str, Asked], instruction: str, count: str, relation: str = "relation") -> int:
    """How many of something are wanted; 0 where fewer are, or none."""
    own = asked.get(instruction)
    return 0 if own is None or own.get(relation) == FEWER else own[count]


def _words(asked: dict[str, Asked]) -> list[str]:
    """Words that may be used freely: of the language that is asked for, without what is forbidden."""
    language = asked.get("language:response_language", {}).get("language", "en")
    if language in SCRIPTS.values():
        return [SAMPLES[language]]
    if language != "en":
        (own,) = (known[language] for known in WORDS.values() if language in known)
        return own.split()
    taboo = [*asked.get("keywords:forbidden_words", {}).get("forbidden_words", ())]
    letter, keyword = asked.get("keywords:letter_frequency", {}), asked.get("keywords:frequency", {})
    taboo += [keyword["keyword"]] if keyword.get("relation") == FEWER else []
    parts = [letter["letter"].lower()] if letter.get("let_relation") == FEWER else []
    small = {word.lower() for word in taboo}
    return [word for word in PLAIN.split() if word not in small and not any(part in word for part in parts)]


def _sentences(asked: dict[str, Asked]) -> list[str]:
    """As many sentences as are wanted, and as many as the wanted words fill; at least one."""
    words = list(islice(cycle(_words(asked)), 10))
    count = _at_least(asked, "length_constraints:number_sentences", "num_sentences")
    filled = -(-_at_least(asked, "length_constraints:number_words", "num_words") // len(words))
    short = "length_constraints:number_words" in asked and not filled
    stop = "." if count or not filled else ""
    return [" ".join(words[: 3 if short else None]) + stop] * max(1, count, filled)


def _extras(asked: dict[str, Asked]) -> list[str]:
    """Whatever has to occur so often: keywords, letters, capitals, places to fill in, highlighted passages."""
    keywords: list[str] = list(asked.get("keywords:existence", {}).get("keywords", ()))
    letters = _at_least(asked, "keywords:letter_frequency", "let_frequency", "let_relation")
    capitals = _at_least(asked, "change_case:capital_word_frequency", "capital_frequency", "capital_relation")
    return [
        *keywords,
        *([asked["keywords:letter_frequency"]["letter"] * letters] if letters else []),
        *(["IT"] * capitals),
        *(["[it]"] * _at_least(asked, "detectable_content:number_placeholders", "num_placeholders")),
        *(["so *it is*"] * _at_least(asked, "detectable_format:number_highlighted_sections", "num_highlights")),
    ]


def _arranged(asked: dict[str, Asked], parts: Sequence[str]) -> str:
    """The parts on one line, with the lines, sections and paragraphs that are wanted around them."""
    text, word = " ".join(parts), _words(asked)[0]
    if bullets := _at_least(asked, "detectable_format:number_bullet_lists", "num_bullets"):
        text += "".join(f"\n* {word}" for _ in range(bullets))
    if own := asked.get("detectable_format:multiple_sections"):
        text += "".join(f"\n{own['section_spliter']} {n}\n{word}" for n in range(1, own["num_sections"] + 1))
    if count := _at_least(asked, "length_constraints:number_paragraphs", "num_paragraphs"):
        text = "\n***\n".join([text, *[word] * (count - 1)])
    if own := asked.get("length_constraints:nth_paragraph_first_word"):
        paragraphs = [word] * own["num_paragraphs"]
        paragraphs[0] += f" {text}"
        nth = own["nth_paragraph"] - 1
        paragraphs[nth] = f"{own['first_word']} {paragraphs[nth]}"
        text = "\n\n".join(paragraphs)
    return f"{text}\n******\n{word}" if "combination:two_responses" in asked else text
