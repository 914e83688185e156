"""How coreference is asked of a language model: whom does a pronoun mean?"""

from collections.abc import Sequence

from harness.types import Choose


def referent(sentence: str, pronoun: str, mentions: Sequence[str]) -> Choose:
    """Whom does a pronoun mean? The mentions as answers to a question."""
    prompt = f'{sentence}\nQuestion: Who does "{pronoun}" refer to?\nAnswer:'
    return Choose(prompt, tuple(" " + mention for mention in mentions))


CONVENTION = (
    "The model is asked who the pronoun refers to; its answer is the likelier of both mentions, by summed "
    "log-probability (to put a mention in the pronoun's place would take the gender away). Small models often answer "
    "by the wording of the mentions alone. "
)
"""For the cards of the tasks that ask so."""
