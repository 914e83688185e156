"""IFBench: how often something stands in an answer, and shares of it."""

import re
from collections import Counter

from harness_tasks.ifbench.english import (
    CONJUNCTIONS,
    FUNCTION_WORDS,
    PRONOUNS,
    ending,
    japanese,
    small_words,
    words,
)
from harness_tasks.ifeval.sentences import sentences
from harness_tasks.instructions import PROMPT, Asked

TIMES = (1, 2, 3, 5, 7)
"""How often each of the five keywords is wanted."""
NAMES = "from this list of person names:"


def conjunctions(answer: str, asked: Asked) -> bool:
    """At least so many different coordinating conjunctions."""
    return len(CONJUNCTIONS & {*small_words(answer)}) >= int(asked["small_n"])


def keywords_multiple(answer: str, asked: Asked) -> bool:
    """Five keywords, as words of their own in whatever case, exactly once, twice, three, five and seven times."""
    wanted = ((asked[f"keyword{n}"], times) for n, times in enumerate(TIMES, 1))
    return all(len(re.findall(rf"\b{re.escape(w)}\b", answer, re.IGNORECASE)) == times for w, times in wanted)


def numbers(answer: str, asked: Asked) -> bool:
    """Exactly so many numbers in digits, each with its decimals and thousands."""
    return len(re.findall(r"\d+(?:,\d{3})*(?:\.\d+)?", answer)) == int(asked["N"])


def person_names(answer: str, asked: Asked) -> bool:
    """At least so many different names of the list in the prompt."""
    prompt: str = asked[PROMPT]
    listed = re.match(r"[\w\s,]*", prompt.partition(NAMES)[2])
    names = {name.strip() for name in (listed[0] if listed else "").split(",")}
    return len(names & {*words(re.sub("['’]s\\b", "", answer))}) >= int(asked["N"])


def pronouns(answer: str, asked: Asked) -> bool:
    """At least so many pronouns, each as often as it stands."""
    return sum(word in PRONOUNS for word in re.findall(r"[a-z]+", answer.lower())) >= int(asked["N"])


def punctuation(answer: str, asked: Asked) -> bool:
    """Full stop, comma, exclamation and question mark, semicolon, colon and an interrobang."""
    return set(".,!?;:") <= set(answer) and any(sign in answer for sign in ("?!", "!?", "‽"))


def unique_word_count(answer: str, asked: Asked) -> bool:
    """At least so many different words."""
    return len(set(small_words(answer))) >= int(asked["N"])


def word_count_range(answer: str, asked: Asked) -> bool:
    """So many words, the bounds among them."""
    return int(asked["min_words"]) <= len(words(answer)) <= int(asked["max_words"])


def words_japanese(answer: str, asked: Asked) -> bool:
    """Every n-th word is Japanese, of which there is at least one."""
    nth = max(1, int(asked["N"]))
    every = answer.split()[nth - 1 :: nth]
    return bool(every) and all(map(japanese, every))


def repeats(answer: str, asked: Asked) -> bool:
    """No word more often than so."""
    return max(Counter(small_words(answer)).values(), default=0) <= int(asked["small_n"])


def palindrome(answer: str, asked: Asked) -> bool:
    """At least ten words of five letters or more that read the same from behind."""
    return sum(len(word) >= 5 and word == word[::-1] for word in small_words(answer)) >= 10


def overlap(answer: str, asked: Asked) -> bool:
    """Of the answer's different trigrams of signs a share, within two points, stands in the reference too."""
    ours, theirs = ({text[i : i + 3] for i in range(len(text) - 2)} for text in (answer, asked["reference_text"]))
    return bool(ours) and abs(100 * len(ours & theirs) / len(ours) - int(asked["percentage"])) <= 2


def stop_words(answer: str, asked: Asked) -> bool:
    """At most so many per cent of the words are function words."""
    own = small_words(answer)
    return bool(own) and 100 * sum(word in FUNCTION_WORDS for word in own) <= int(asked["percentage"]) * len(own)


def sentence_type(answer: str, asked: Asked) -> bool:
    """Twice as many sentences end with a full stop as with a question mark."""
    questions = len(ending(answer, "?"))
    return questions > 0 and len(ending(answer, ".")) == 2 * questions


def sentence_balance(answer: str, asked: Asked) -> bool:
    """As many sentences end with a full stop as with a question mark and with an exclamation mark."""
    counts = {len(ending(answer, stop)) for stop in ".?!"}
    return len(counts) == 1 and counts != {0}


def sentence_words(answer: str, asked: Asked) -> bool:
    """Three sentences of the same number of signs, no word of which comes twice."""
    own = [sentence.strip() for sentence in sentences(answer)]
    said = small_words(answer)
    return len(own) == 3 and len(set(map(len, own))) == 1 and len(set(said)) == len(said)
