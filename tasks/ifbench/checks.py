"""The 58 instructions of IFBench, with what each asks and whether an answer follows it (Pyatkin et al. 2025).

Every check is written from the words of its instruction. No word of a dataset is read as a pattern.
"""

from typing import Any

from harness_tasks.ifbench import counts, fixed, forms, wording
from harness_tasks.instructions import PROMPT, Check, Instructions

CHECKS: dict[str, Check] = {
    **{f"count:{check.__name__}": check for check in (
        counts.conjunctions, counts.keywords_multiple, counts.numbers, counts.person_names, counts.pronouns,
        counts.punctuation, counts.unique_word_count, counts.word_count_range, counts.words_japanese,
    )},
    **{f"custom:{check.__name__}": check for check in (
        fixed.character_reverse, fixed.csv_city, fixed.csv_quotes, fixed.csv_special_character,
        fixed.date_format_list, fixed.european_capitals_sort, fixed.mcq_count_length, fixed.multiples,
        fixed.reverse_newline, fixed.sentence_alphabet, fixed.word_reverse,
    )},
    "format:list": forms.separated,
    "format:sub-bullets": forms.sub_bullets,
    **{f"format:{check.__name__}": check for check in (
        forms.emoji, forms.line_indent, forms.newline, forms.no_bullets_bullets, forms.no_whitespace,
        forms.options, forms.output_template, forms.parentheses, forms.quote_unquote, forms.quotes, forms.thesis,
        forms.title_case,
    )},
    **{f"ratio:{check.__name__}": check for check in (
        counts.overlap, counts.sentence_balance, counts.sentence_type, counts.sentence_words, counts.stop_words,
    )},
    **{f"repeat:{check.__name__}": check for check in (fixed.repeat_change, fixed.repeat_simple, fixed.repeat_span)},
    **{f"sentence:{check.__name__}": check for check in (
        wording.alliteration_increment, wording.increment, wording.keyword,
    )},
    "words:palindrome": counts.palindrome,
    "words:repeats": counts.repeats,
    **{f"words:{check.__name__}": check for check in (
        wording.alphabet, wording.consonants, wording.keywords_specific_position, wording.last_first,
        wording.no_consecutive, wording.odd_even_syllables, wording.paragraph_last_first, wording.prime_lengths,
        wording.start_verb, wording.vowel, wording.words_position,
    )},
}  # fmt: skip
NEEDS: dict[str, dict[str, type[Any] | tuple[str, ...]]] = {
    "count:conjunctions": {"small_n": int},
    "count:keywords_multiple": {f"keyword{n}": str for n in range(1, 6)},
    "count:numbers": {"N": int},
    "count:person_names": {"N": int, PROMPT: str},
    "count:pronouns": {"N": int},
    "count:unique_word_count": {"N": int},
    "count:word_count_range": {"min_words": int, "max_words": int},
    "count:words_japanese": {"N": int},
    "format:list": {"sep": str},
    "format:options": {"options": str},
    "ratio:overlap": {"percentage": int, "reference_text": str},
    "ratio:stop_words": {"percentage": int},
    "repeat:repeat_change": {"prompt_to_repeat": str},
    "repeat:repeat_span": {"prompt_to_repeat": str, "n_start": int, "n_end": int},
    "sentence:increment": {"small_n": int},
    "sentence:keyword": {"N": int, "word": str},
    "words:keywords_specific_position": {"keyword": str, "n": int, "m": int},
    "words:repeats": {"small_n": int},
    "words:words_position": {"keyword": str},
}
"""What an instruction asks, with its type; the others ask nothing."""

IFBENCH_INSTRUCTIONS = Instructions(CHECKS, NEEDS, marks={"count:person_names": counts.NAMES})
