"""What a server is sent for a request: its text, and the messages around it in a chat."""

from typing import Any

from harness.engine.backend import Options
from harness.engine.chat import messages_of, turns_of
from harness.engine.elsewhere.named import question_of_letters
from harness.types import Choose, Failed, Generate, Likelihood, PseudoLikelihood, Request


def addressed(request: Choose | Generate, options: Options, *, folded: bool = False) -> dict[str, Any]:
    """The part of a request's body that holds what is asked: messages in a chat, else the prompt as it is.

    ``folded``: what a task's system message says stands before the user's first, since the server takes none.
    """
    if not options.chat:
        return {"prompt": request.prompt}
    turns = turns_of(messages_of(request), options.system, folded=folded)
    return {"messages": [{"role": turn.role, "content": turn.content} for turn in turns]}


def shown(request: Request, options: Options) -> str:
    """What a server reads of a request, each message below its role."""
    if isinstance(request, Likelihood):
        return request.context
    if isinstance(request, PseudoLikelihood):
        return request.text
    lettered = question_of_letters(request) if isinstance(request, Choose) else request
    body = addressed(request if isinstance(lettered, Failed) else lettered, options)
    if "prompt" in body:
        return str(body["prompt"])
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in body["messages"])
