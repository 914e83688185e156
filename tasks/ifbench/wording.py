"""IFBench: what the words and sentences of an answer look like, one after another."""

import re
from itertools import pairwise

from harness_tasks.ifbench.english import VOWELS, is_verb, rising, small_words, syllables, words
from harness_tasks.ifeval.sentences import sentences
from harness_tasks.instructions import Asked


def alliteration_increment(answer: str, asked: Asked) -> bool:
    """Every sentence has a longer run of words with one first letter than the sentence before it."""
    return rising([_longest_run([word[0] for word in small_words(sentence)]) for sentence in sentences(answer)])


def _longest_run(letters: list[str]) -> int:
    longest = length = min(1, len(letters))
    for one, other in pairwise(letters):
        length = length + 1 if one == other else 1
        longest = max(longest, length)
    return longest


def increment(answer: str, asked: Asked) -> bool:
    """Every sentence has exactly so many words more than the sentence before it."""
    counts = [len(words(sentence)) for sentence in sentences(answer)]
    return all(other - one == int(asked["small_n"]) for one, other in pairwise(counts))


def keyword(answer: str, asked: Asked) -> bool:
    """The n-th sentence holds a word, in whatever case."""
    own, nth = sentences(answer), int(asked["N"])
    return (
        0 < nth <= len(own) and re.search(rf"\b{re.escape(asked['word'])}\b", own[nth - 1], re.IGNORECASE) is not None
    )


def keywords_specific_position(answer: str, asked: Asked) -> bool:
    """The m-th word of the n-th sentence is the keyword."""
    own, nth, mth = sentences(answer), int(asked["n"]), int(asked["m"])
    said = small_words(own[nth - 1]) if 0 < nth <= len(own) else []
    return 0 < mth <= len(said) and said[mth - 1] == asked["keyword"].lower()


def words_position(answer: str, asked: Asked) -> bool:
    """The second word and the last but one are the keyword."""
    said = small_words(answer)
    return len(said) > 2 and said[1] == said[-2] == asked["keyword"].lower()


def alphabet(answer: str, asked: Asked) -> bool:
    """Every word begins with the letter behind that of the word before it, and a follows z."""
    letters = [ord(word[0]) - ord("a") for word in small_words(answer)]
    return all(0 <= one < 26 and other == (one + 1) % 26 for one, other in pairwise(letters))


def consonants(answer: str, asked: Asked) -> bool:
    """Every word has two consonants side by side; y is none."""
    return all(re.search("[bcdfghjklmnpqrstvwxz]{2}", word) for word in small_words(answer))


def last_first(answer: str, asked: Asked) -> bool:
    """The last word of every sentence is the first of the next one."""
    own = [said for said in map(small_words, sentences(answer)) if said]
    return all(one[-1] == other[0] for one, other in pairwise(own))


def no_consecutive(answer: str, asked: Asked) -> bool:
    """No two words side by side begin alike."""
    return all(one[0] != other[0] for one, other in pairwise(small_words(answer)))


def odd_even_syllables(answer: str, asked: Asked) -> bool:
    """Words of an odd and of an even number of syllables take turns."""
    return all((syllables(one) + syllables(other)) % 2 for one, other in pairwise(words(answer)))


def paragraph_last_first(answer: str, asked: Asked) -> bool:
    """Every paragraph, of a line, ends with the word that it begins with."""
    own = [said for said in map(small_words, answer.split("\n")) if said]
    return all(said[0] == said[-1] for said in own)


def prime_lengths(answer: str, asked: Asked) -> bool:
    """Every word has a prime number of signs."""
    return all(_is_prime(len(word)) for word in words(answer))


def _is_prime(number: int) -> bool:
    return number > 1 and all(number % divisor for divisor in range(2, int(number**0.5) + 1))


def start_verb(answer: str, asked: Asked) -> bool:
    """The first word is a form of a verb that the list has."""
    return any(map(is_verb, words(answer)[:1]))


def vowel(answer: str, asked: Asked) -> bool:
    """At most three different vowels in all."""
    return len(set(VOWELS) & set(answer.lower())) <= 3
