"""How a server is told what an answer must look like. Each names it otherwise, and some take the name and do nothing:
a probe that no model would answer by chance tells which name holds.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Literal

from harness.engine.elsewhere.http_answers import Said
from harness.engine.elsewhere.http_body import IN_VAIN, GaveUp, Json
from harness.errors import Unsupported, quoted
from harness.types import Constraint, Generate

Kind = Literal["json_schema", "regex"]
Spelling = Callable[[str], Json]
"""The part of a request's body that holds a constraint, from its text."""
Ask = Callable[[Generate, Json], Awaitable[Said]]
"""Asks the server for a text, with more in the body."""

WORD, NUMBER = "harness", 4711
PROBES: Mapping[Kind, str] = {
    "json_schema": Constraint.json(
        {
            "type": "object",
            "properties": {WORD: {"type": "integer", "enum": [NUMBER]}},
            "required": [WORD],
            "additionalProperties": False,
        }
    ).text,
    "regex": f"{WORD} {NUMBER}",
}
QUESTION = Generate("Say yes.", 64)
SHOWN = 40
"""Characters of an answer to a probe that a message quotes."""


def _openai(text: str) -> Json:
    schema = {"name": "answer", "strict": True, "schema": json.loads(text)}
    return {"response_format": {"type": "json_schema", "json_schema": schema}}


SPELLINGS: Mapping[Kind, Mapping[str, Spelling]] = {
    "json_schema": {
        "response_format": _openai,
        "structured_outputs": lambda text: {"structured_outputs": {"json": json.loads(text)}},
        "guided_json": lambda text: {"guided_json": json.loads(text)},
    },
    "regex": {
        "structured_outputs": lambda text: {"structured_outputs": {"regex": text}},
        "guided_regex": lambda text: {"guided_regex": text},
        "regex": lambda text: {"regex": text},
    },
}
"""By their names: OpenAI's and most servers', vLLM's since 0.12, vLLM's before, SGLang's."""


async def spelling(kind: Kind, ask: Ask, server: str) -> Spelling:
    """The first spelling that binds the server's answers. Raises Unsupported with what came of each where none does,
    GaveUp where nobody answers.
    """
    found = []
    for name, spell in SPELLINGS[kind].items():
        try:
            said = await ask(QUESTION, {"temperature": 0.0, **spell(PROBES[kind])})
        except GaveUp as error:
            if error.kind in IN_VAIN:
                raise
            found.append(f"{name}: {error}")
            continue
        if _fits(kind, said.text):
            return spell
        found.append(f"{name} changed nothing: {quoted(said.text, SHOWN)}")
    form = "JSON schema" if kind == "json_schema" else "regular expression"
    raise Unsupported(f"{server} does not hold its answers to a {form} ({'; '.join(found)})")


def _fits(kind: Kind, text: str) -> bool:
    """Whether the answer to a probe is the only one that it allows."""
    if kind == "regex":
        return text.strip() == PROBES[kind]
    try:
        answer: Any = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(answer == {WORD: NUMBER})
