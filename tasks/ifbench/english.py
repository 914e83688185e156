"""What the checks of IFBench know of English: words, kinds of sentences, syllables, parts of speech by lists."""

import re
from collections.abc import Sequence
from itertools import pairwise

from harness_tasks.ifeval.sentences import sentences


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


CONJUNCTIONS = _set("for and nor but or yet so")
PRONOUNS = _set(
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves this that these those who whom whose which what "
    "whoever whomever whichever whatever anybody anyone anything everybody everyone everything nobody nothing "
    "somebody someone something each either neither both few many several some any all none another other others "
    "one oneself"
)
FUNCTION_WORDS = _set(
    "a an the "  # articles, then pronouns and words that stand before a noun
    "i me my myself we us our ours ourselves you your yours yourself yourselves he him his himself she her hers "
    "herself it its itself they them their theirs themselves this that these those who whom what which all any both "
    "each few more most other own same some such no "
    "am is are was were be been being have has had having do does did doing can will should "  # auxiliaries
    "about above after against at before below between by down during for from in into of off on out over through to "
    "under until up with "  # prepositions, then conjunctions and adverbs
    "and as because but if nor or than while again further here how just not now once only so then there too very when "
    "where why"
)
"""Stop words: articles, pronouns, auxiliaries, prepositions, conjunctions, and adverbs that mean little alone."""
SMALL_WORDS = _set(
    "a an the and but for nor or so yet as at by from in into of off on onto out over per to up via with than if is "
    "that vs"
)
"""Words that a title may leave small, unless it begins with them."""
VERBS = _set(
    "accept achieve acknowledge act adapt add address adjust admit adopt advance advise allow analyze analyse answer "
    "apply approach arrange ask assemble assess assign assume attempt avoid awake balance be become begin behold "
    "believe blend break bring build calculate call capture carry catch celebrate challenge change check choose claim "
    "clarify classify collect combine come compare complete compose compute conceive conclude conduct connect consider "
    "construct contain continue contribute control convert convey cook copy cover craft create cut dance deal decide "
    "define deliver delve demonstrate denote derive describe design destroy determine develop discover discuss display "
    "divide do draft draw dream drive eat embark embrace emerge employ enable encounter encourage engage enhance "
    "enjoy ensure enter envision escape establish evaluate examine execute exist expand expect experience explain "
    "explore express extend face fall feel fight fill find finish fix flee fly focus follow forge forget form gather "
    "generate get give go grab grow guess hand handle happen have hear help hold hope identify ignite illustrate "
    "imagine immerse implement improve include increase indicate insert inspire integrate introduce investigate invite "
    "involve join journey jump keep know laugh launch lead learn leave let leverage lie listen live look love maintain "
    "make manage marvel master measure meet mix modify move need note notice observe obtain offer open operate "
    "organize outline perform picture place plan play ponder practice prepare present prevent proceed produce promote "
    "protect prove provide pursue put question raise reach read realize recall receive recognize reduce refer reflect "
    "remain remember remove replace represent require research resolve respond return reveal review rewrite ride rise "
    "run save say search see seek select send set shape share shine show simulate sing sit sketch solve speak spend "
    "stand start state step stop strive study submit suffer suggest summarize support suppose survive sustain take "
    "talk teach tell test think touch trace track train transform translate travel treat try turn uncover understand "
    "unfold unite unleash unlock unveil update use utilize venture verify view visit visualize wait walk want "
    "watch welcome witness wonder work write yearn yield"
)
"""Verbs with which an answer may begin, in the form of the imperative."""
PAST = _set(
    "began came did felt found gave got had held knew left led made met ran said sat saw spoke stood told took thought "
    "was were went wrote is are am been has does given known seen taken written proven shown"
)
VOWELS = "aeiou"


def bare(text: str) -> str:
    """A text from its first letter or digit to its last one."""
    return text[_leading(text) : len(text) - _leading(text[::-1])]


def closing(text: str) -> str:
    """The signs behind the last letter or digit of a text."""
    return text[len(text) - _leading(text[::-1]) :]


def _leading(text: str) -> int:
    return next((place for place, sign in enumerate(text) if sign.isalnum()), len(text))


def words(text: str) -> list[str]:
    """What stands between blanks, without the signs around it; signs alone are no word."""
    return [word for word in map(bare, text.split()) if word]


def small_words(text: str) -> list[str]:
    """The words in small letters."""
    return [word.lower() for word in words(text)]


def ending(text: str, stops: str) -> list[str]:
    """The sentences that end with one of the stops."""
    return [one for one in sentences(text) if one.rstrip("\"'”’)]*_").endswith(tuple(stops))]


def syllables(word: str) -> int:
    """About how many syllables a word has: groups of vowels, without the e that is not spoken; at least one."""
    letters = re.sub(r"[^a-z]", "", word.lower())
    silent = re.sub(r"(?<![aeiouytd])ed$|(?<![aeioul])e$|(?<![aeioulcghjsxz])es$|(?<=[aeiou]l)es?$", "", letters)
    return max(1, len(re.findall(r"[aeiouy]+", silent)))


def is_verb(word: str) -> bool:
    """Whether a word is a form of one of the verbs of the lists."""
    small = word.lower()
    if small in VERBS or small in PAST:
        return True
    for end in ("ing", "ed", "es", "s", "d"):
        stem = small.removesuffix(end)
        if stem != small and not VERBS.isdisjoint({stem, stem + "e", stem[:-1], re.sub("i$", "y", stem)}):
            return True
    return False


def is_emoji(sign: str) -> bool:
    """Whether a sign is a pictograph."""
    return bool(re.fullmatch(r"[\U0001f000-\U0001faff\u2600-\u27bf\u2b00-\u2bff\u2190-\u21ff\u2300-\u23ff]", sign))


def japanese(word: str) -> bool:
    """Whether a word holds kana or Chinese characters."""
    return re.search(r"[\u3040-\u30ff\u3400-\u9fff\uff66-\uff9d]", word) is not None


def rising(numbers: Sequence[int]) -> bool:
    """Whether every number is greater than the one before it."""
    return all(one < other for one, other in pairwise(numbers))
