"""`harness show-prompt TASK`: the first requests of a task as a model will see them."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.cli.options import data_option, json_option, limit_of, mirror, names
from harness.files import write_json
from harness.visible import cut

if TYPE_CHECKING:
    from harness.api import ShownPrompt


@click.command("show-prompt")
@click.argument("tasks", nargs=-1, required=True)
@click.option("--model", "-m", help="Show what this model's tokenizer makes of it; no weights are read.")
@click.option("--limit", "-n", type=limit_of, metavar="N|N%", default="1", show_default=True, help="Examples.")
@click.option("--shots", "-k", type=click.IntRange(0), help="Few-shot examples, instead of the task's own number.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the sample and of few-shot examples.")
@click.option("--chat", is_flag=True, help="Through the model's chat template.")
@click.option("--chat-template", metavar="FILE|NAME", help="With --chat: a file, or one of the model's own by name.")
@click.option("--fewshot-as-turns", is_flag=True, help="With --chat: show few-shot examples as earlier turns.")
@click.option("--system", help="System message for --chat.")
@click.option("--truncate", type=click.Choice(["left"]), help="Cut prompts that exceed the model's context.")
@click.option("--trust-remote-code", is_flag=True, help="Run code that comes with the model. Dangerous.")
@data_option
@json_option
def command(
    tasks: tuple[str, ...], model: str | None, limit: int | str, shots: int | None, seed: int, data: Path | None,
    json_file: Path | None, **how: bool | str | None,
) -> int:  # fmt: skip
    """Show the first requests of TASKS exactly as a model will read them: what is read, what is scored after it, where
    an answer ends.

    With --model special tokens are visible and prompt and choices are parted where the model's tokens part.

    \b
    harness show-prompt arc_easy --shots 3
    harness show-prompt gsm8k --model path/to/model --chat
    """
    from harness.api import show_prompt
    from harness.engine.backend import Options
    from harness.types import Settings

    turns = bool(how.pop("fewshot_as_turns"))
    options = Options(**how)  # type: ignore[arg-type]  # the types are those of the options above
    settings = Settings(limit=limit, shots=shots, seed=seed, fewshot_as_turns=turns)
    prompts = show_prompt(names(tasks), model, settings, options=options, data=mirror(data))
    if json_file:
        write_json(json_file, [asdict(one) for one in prompts])
    for one in prompts:
        for line in lines(one):
            click.echo(cut(line, 100_000))
    return 0


SEEN = {
    "tokens": "as the model's tokens",
    "messages": "as the server is sent it",
    "text": "as the task writes it; --model shows its tokens",
}


def lines(one: "ShownPrompt") -> Iterator[str]:
    """A request for people: a heading, the prompt behind bars, and each continuation quoted."""
    size = "" if one.tokens is None else f", {one.tokens:,} tokens"
    yield f"{one.task}, example {one.example}, request {one.part + 1}: {one.kind}, {SEEN[one.seen]}{size}"
    for text in one.prompt.split("\n"):
        yield f"  | {text}"
    for place, text in enumerate(one.continuations):
        yield f"  [{place}] {text!r}"
    if one.decoding:
        yield f"  ({one.decoding})"
    if one.gold:
        yield f"  right: {one.gold!r}"
    yield ""
