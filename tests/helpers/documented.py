"""What the documentation says one may type: its sections, its code blocks, and its calls of the command line."""

import re
import shlex
from pathlib import Path

import click

from harness.cli.main import cli

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
)


def page(name: str) -> str:
    """The text of a page by its path from the root."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(text: str, heading: str) -> str:
    """What stands under a heading of the second level."""
    (found,) = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return str(found)


def blocks(text: str, language: str = "") -> list[str]:
    """The fenced code blocks of a language, in their order; by default those of none, which are typed into a shell."""
    fences = re.split(r"^```(.*)\n", text, flags=re.MULTILINE)  # text, language, block, "", text, language, ...
    return [block for name, block in zip(fences[1::4], fences[2::4], strict=True) if name == language]


def block(text: str, language: str, holding: str) -> str:
    """The one code block of a language that holds a text."""
    (found,) = (each for each in blocks(text, language) if holding in each)
    return found


def calls(text: str, *languages: str) -> list[str]:
    """Every call of harness in the blocks of a shell and in those of other languages, without comments."""
    lines = "\n".join(each for language in ("", *languages) for each in blocks(text, language)).splitlines()
    bare = (line.strip().removeprefix("- ").removeprefix("run: ").partition("  #")[0].strip() for line in lines)
    return [
        call.strip() for line in bare if line.startswith("harness ") for call in re.split(r" {2,}(?=harness )", line)
    ]


def parsed(line: str) -> str:
    """The full name of the command that a line calls; raises for words or options that it does not know."""
    words = shlex.split(line, comments=True)[1:]
    command: click.Command = cli
    context = command.make_context("harness", list(words))
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, [*context._protected_args, *context.args])
        assert command is not None
        context = command.make_context(name, list(words), parent=context)
    return context.command_path
