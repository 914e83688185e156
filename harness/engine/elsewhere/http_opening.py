"""What a chat behind a server is asked before its first question: how its answers begin, and if it hears a system."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from harness.engine.elsewhere.http_answers import Said, Tags, opened_by
from harness.engine.elsewhere.http_body import IN_VAIN, PASSING, GaveUp
from harness.types import Generate, Message

OPENING = Generate("Is water wet? Answer yes or no.", 16)
RULED = replace(OPENING, messages=(Message("system", "Answer in one word."), Message("user", OPENING.prompt)))
FOLDED = "the server refuses system messages: those of the tasks stand before the user's first words"
MUSED = 2048
"""Tokens in which a model that thinks first has said yes, even where nothing tells its thought from an answer."""
Ask = Callable[[Generate], Awaitable[Said]]
"""Sends a request; raises GaveUp where no answer of the model's comes."""


async def opened(ask: Ask) -> Tags | None:
    """The tags of a thought that the server's template begins, so that every answer begins within it."""
    try:
        said = await ask(OPENING)
        if said.cut and not said.reasoning:
            said = await ask(replace(OPENING, max_tokens=MUSED))
    except GaveUp:
        return None  # the questions themselves will tell what is wrong
    return opened_by(said.text)


async def deaf(ask: Ask) -> bool:
    """Whether a question is refused behind a system message, before and after it is answered without one."""
    return await _refused(ask) and await _answered(ask) and await _refused(ask)


async def _refused(ask: Ask) -> bool:
    """Whether the server says no to a system message: being busy or gone, or silent on why, says nothing of it."""
    try:
        await ask(RULED)
    except GaveUp as error:
        return bool(error.said.strip()) and (error.status == 500 or error.status not in {None, *PASSING})
    return False


async def _answered(ask: Ask) -> bool:
    try:
        await ask(OPENING)
    except GaveUp as error:
        return error.kind not in ("refused", *IN_VAIN)
    return True
