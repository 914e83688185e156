"""What a server is sent for a request: its text, and the messages around it in a chat."""

from typing import Any

from harness.engine.backend import Options
from harness.engine.elsewhere.named import question_of_letters
from harness.types import Choose, Failed, Request


def addressed(prompt: str, options: Options) -> dict[str, Any]:
    """The part of a request's body that holds the prompt: messages in a chat, else the text as it is."""
    if not options.chat:
        return {"prompt": prompt}
    system = [{"role": "system", "content": options.system}] if options.system else []
    return {"messages": [*system, {"role": "user", "content": prompt}]}


def shown(request: Request, prompt: str, options: Options) -> str:
    """What a server reads of a request of which ``prompt`` is the text, each message below its role."""
    lettered = question_of_letters(request) if isinstance(request, Choose) else prompt
    asked = prompt if isinstance(lettered, Failed) else lettered
    body = addressed(asked, options)
    if "prompt" in body:
        return asked
    return "\n".join(f"[{message['role']}]\n{message['content']}" for message in body["messages"])
