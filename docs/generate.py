"""What the site has beside the pages of docs/: those of the repository's root, the command line, and linked sources.

mkdocs calls the functions that begin with ``on_``. Links are written for the repository; here they are led to the page
of the site, and a file that is no page gets one. A link to what is not there stays, and fails the strict build.
"""

import re
from itertools import chain
from pathlib import Path
from posixpath import dirname, normpath, relpath

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from harness.cli.main import cli

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "examples/README.md": "examples.md",
}
LANGUAGES = {"": "text", "ipynb": "json", "jsonl": "json"}
LINK = re.compile(r"(?<=\]\()(?!\w+:|#)([^)#\s]+)(#[^)\s]+)?(?=\))")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    made = {page: (ROOT / name).read_text(encoding="utf-8") for name, page in PAGES.items()}
    made["commands.md"] = commands()
    for name in linked():
        text = (ROOT / name).read_text(encoding="utf-8")
        kind = Path(name).suffix.lstrip(".")
        made[place(name)] = f"# {name}\n\n````{LANGUAGES.get(kind, kind)}\n{text}\n````\n"
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead a page's links to pages of the site."""
    here = page.file.src_uri
    if here.startswith("source/"):
        return markdown
    return LINK.sub(
        lambda link: relpath(place(target(origin(here), link[1])), dirname(here)) + (link[2] or ""), markdown
    )


def origin(page: str) -> str:
    """The file of the repository that a page of the site is."""
    return {site: name for name, site in PAGES.items()}.get(page, f"docs/{page}")


def target(name: str, link: str) -> str:
    """The path from the repository's root of what a file links to."""
    return normpath(f"{dirname(name)}/{link}".lstrip("/"))


def place(name: str) -> str:
    """Where in the site a file of the repository is."""
    return PAGES.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else f"source/{name}.md")


def linked() -> list[str]:
    """The files that pages link to and that are no pages, from the repository's root."""
    pages = [*PAGES, *(f"docs/{file.name}" for file in sorted((ROOT / "docs").glob("*.md")))]
    found = chain.from_iterable(
        (target(name, link[1]) for link in LINK.finditer((ROOT / name).read_text(encoding="utf-8"))) for name in pages
    )
    return sorted({name for name in found if place(name).startswith("source/") and (ROOT / name).is_file()})


def commands() -> str:
    """The page of the command line: every command with its help, as click prints it."""
    context = click.Context(cli, info_name="harness")
    return "\n".join(["# Command line", "", *_sections(context)])


def _sections(context: click.Context) -> list[str]:
    """One section for a command and for each of its own."""
    command = context.command
    with click.Context(command, parent=context.parent, info_name=context.info_name, max_content_width=100) as wide:
        found = [f"## {context.command_path}", "", "```text", wide.get_help(), "```", ""]
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            if inner is not None and not inner.hidden:
                found += _sections(click.Context(inner, parent=context, info_name=name))
    return found
