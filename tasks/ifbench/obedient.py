"""An answer that follows the instructions of a prompt, with which the task is tested: it says nothing else."""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle, islice, permutations
from string import ascii_lowercase

from harness_tasks.ifbench.checks import IFBENCH_INSTRUCTIONS
from harness_tasks.ifbench.counts import NAMES, TIMES
from harness_tasks.ifbench.fixed import CAPITALS, ONLY
from harness_tasks.instructions import PROMPT, Asked, follows

PALINDROMES = "level radar civic kayak madam refer rotor tenet stats solos"


def _spelled(number: int) -> str:
    """A word of its own for every number, from letters alone."""
    return "w" + "".join(ascii_lowercase[int(digit)] for digit in str(number))


def _different(count: int) -> str:
    return " ".join(map(_spelled, range(count)))


def _keywords(asked: Asked) -> str:
    return " ".join(asked[f"keyword{n}"] for n, times in enumerate(TIMES, 1) for _ in range(times))


def _names(asked: Asked) -> str:
    return str(asked[PROMPT].split(NAMES, 1)[1].split(" .")[0])


def _every_nth(asked: Asked) -> str:
    return " ".join(["so"] * (asked["N"] - 1) + ["はい"])


def _table(rows: int, head: str, mark: str = ",", quote: str = "") -> str:
    lines = [head.split(), *([["1"] * 5] * rows)]
    return "\n".join(mark.join(f"{quote}{cell}{quote}" for cell in line) for line in lines)


def _questions(asked: Asked) -> str:
    options = "\n".join(f"{letter}) it" for letter in "ABCDE")
    return "\n\n".join(f"Question {n}: {'so ' * n}?\n{options}" for n in range(1, 5))


def _overlapping(asked: Asked) -> str:
    """The reference cut where its trigrams are the wanted share, the rest in letters that it has not."""
    text: str = asked["reference_text"]
    strange = "".join(chr(0x2460 + n) for n in range(500))
    for length in range(5, len(text) + 1, 3):
        known = len({text[i : i + 3] for i in range(length - 2)})
        rest = known * 100 // asked["percentage"] - known
        if rest <= len(strange):
            answer = text[:length] + strange[:rest]
            if follows(IFBENCH_INSTRUCTIONS, "ratio:overlap", answer, asked):
                return answer
    return text


def _placed(asked: Asked) -> str:
    """The n-th sentence, all of which are of the words that are wanted."""
    nth, mth = int(asked["n"]), int(asked["m"])
    return "It is. " * (nth - 1) + "So " + "it " * (mth - 2) + f"{asked['keyword']}."


def _growing(asked: Asked) -> str:
    return f"So. {'so ' * (asked['small_n'])}so."


WRITERS: dict[str, Callable[[Asked], str]] = {
    "count:conjunctions": lambda asked: "for and nor but or yet so",
    "count:keywords_multiple": _keywords,
    "count:numbers": lambda asked: " ".join(["1"] * asked["N"]),
    "count:person_names": _names,
    "count:pronouns": lambda asked: "it " * asked["N"],
    "count:punctuation": lambda asked: "So: it is, then; it is! Is it? Is it?! It is.",
    "count:unique_word_count": lambda asked: _different(asked["N"]),
    "count:word_count_range": lambda asked: "so " * asked["max_words"],
    "count:words_japanese": _every_nth,
    "custom:character_reverse": lambda asked: "elgae dlab",
    "custom:csv_city": lambda asked: _table(7, "ID Country City Year Count"),
    "custom:csv_quotes": lambda asked: _table(3, "StudentID Subject Grade Semester Score", "\t", '"'),
    "custom:csv_special_character": lambda asked: _table(14, "ProductID Category Brand Price Stock")[:-1] + '"$"',
    "custom:date_format_list": lambda asked: "1796-04-12, 1800-06-14",
    "custom:european_capitals_sort": lambda asked: ", ".join(map(str.capitalize, CAPITALS.split())),
    "custom:mcq_count_length": _questions,
    "custom:multiples": lambda asked: "14, 21, 28, 35, 42, 49",
    "custom:reverse_newline": lambda asked: "\n".join(sorted(map(_spelled, range(10, 64)), reverse=True)),
    "custom:sentence_alphabet": lambda asked: " ".join(f"{letter.upper()}o it is." for letter in ascii_lowercase),
    "custom:word_reverse": lambda asked: "eagle bald the",
    "format:emoji": lambda asked: "So 🙂. It is 🙂.",
    "format:line_indent": lambda asked: "so\n it\n  is",
    "format:list": lambda asked: f"{asked['sep']} so it\n{asked['sep']} so it",
    "format:newline": lambda asked: "so\nit\nis",
    "format:no_bullets_bullets": lambda asked: "So it is. It is so.\n* so\n* it",
    "format:no_whitespace": lambda asked: "so",
    "format:options": lambda asked: asked["options"].split("/")[0].split(" or ")[0].split(",")[0],
    "format:output_template": lambda asked: "My Answer: so\nMy Conclusion: so\nFuture Outlook: so",
    "format:parentheses": lambda asked: "([{([so])}])",
    "format:quote_unquote": lambda asked: '"So" it is',
    "format:quotes": lambda asked: '"it is \'so "it" is\' so"',
    "format:sub-bullets": lambda asked: "* planet\n- star",
    "format:thesis": lambda asked: "<i>So.</i>",
    "format:title_case": lambda asked: "So It Is",
    "ratio:overlap": _overlapping,
    "ratio:sentence_balance": lambda asked: "Trust strength. Trust strength? Trust strength!",
    "ratio:sentence_type": lambda asked: "It is. So it is. Is it?",
    "ratio:sentence_words": lambda asked: "Birds sing.\n Stars glow.\n  Water runs.",
    "ratio:stop_words": lambda asked: "planet star",
    "repeat:repeat_change": lambda asked: "So " + asked["prompt_to_repeat"].split(None, 1)[1],
    "repeat:repeat_simple": lambda asked: ONLY,
    "repeat:repeat_span": lambda asked: " ".join(
        asked["prompt_to_repeat"].split()[asked["n_start"] : asked["n_end"] + 1]
    ),
    "sentence:alliteration_increment": lambda asked: "It stands. So she sang.",
    "sentence:increment": _growing,
    "sentence:keyword": lambda asked: "It is 🙂. " * (asked["N"] - 1) + f"So {asked['word']} 🙂.",
    "words:alphabet": lambda asked: "a b c d",
    "words:consonants": lambda asked: "branch planting",
    "words:keywords_specific_position": _placed,
    "words:last_first": lambda asked: "It is so. So it is.",
    "words:no_consecutive": lambda asked: "it so it so",
    "words:odd_even_syllables": lambda asked: "branch planting trust",
    "words:palindrome": lambda asked: PALINDROMES,
    "words:paragraph_last_first": lambda asked: "so it so\nit is it",
    "words:prime_lengths": lambda asked: "so the words",
    "words:repeats": lambda asked: "so it is",
    "words:start_verb": lambda asked: "Write",
    "words:vowel": lambda asked: "so it",
    "words:words_position": lambda asked: f"so {asked['keyword']} it {asked['keyword']} so",
}
"""By instruction how an answer that follows it is written."""


def obedient(instructions: Sequence[str], kwargs: Sequence[Asked]) -> str:
    """An answer that follows the instructions, as far as a few ways of putting their answers together go."""
    pairs = [*zip(instructions, kwargs, strict=True)]
    answers = _candidates([WRITERS[name](asked).strip() for name, asked in pairs])
    following = (a for a in answers if all(follows(IFBENCH_INSTRUCTIONS, name, a, asked) for name, asked in pairs))
    return next(following, WRITERS[instructions[0]](kwargs[0]))


def _candidates(parts: Sequence[str]) -> Iterator[str]:
    """Each part alone, all in every order, and these filled up with words to every length up to 500."""
    orders = [order for count in range(1, len(parts) + 1) for order in permutations(parts, count)]
    joined = [between.join(order) for order in orders for between in (" ", "\n")]
    joined += ["\n".join(text.split()) for text in joined]
    yield from joined
    if len(parts) > 1:
        for text in joined:
            yield from (f"{text} {' '.join(islice(cycle(('so', 'it')), count))}" for count in range(1, 500))
