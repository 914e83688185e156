"""`harness report RUN...`: a report of runs, by a writer that an entry point names."""

import os
from pathlib import Path

import click

from harness.cli.options import notice, store_option
from harness.files import write_text


@click.command("report")
@click.argument("runs", nargs=-1, required=True)
@click.option("--baseline", metavar="RUN", help="Also this run's numbers, and what differs from them.")
@click.option(
    "--format",
    "--card",
    "name",
    default="html",
    show_default=True,
    help="html, md, json; bias, responsible or card: folders of files.",
)
@click.option("--out", metavar="PATH", help="File, or folder [report-RUN.FORMAT]; - prints it.")
@click.option("--open", "opens", is_flag=True, help="Open the written page in the browser.")
@store_option
def command(
    runs: tuple[str, ...], baseline: str | None, name: str, out: str | None, opens: bool, store: str | None
) -> int:
    """Write a report of RUNS: every number with its n, interval, limits and run.

    \b
    harness report latest --open
    harness report ft-v1 ft-v2 --baseline main --out report.html
    harness report latest --card bias
    harness report qa bias safety --card responsible --out audit
    """
    from harness.api import report
    from harness.store import open_store

    if opens and name in ("md", "json", "card"):
        raise click.UsageError(f"--open needs a page: --format html, bias or responsible, not {name}")
    text = report(runs, name, baseline=baseline, store=store)
    if out == "-":
        _print(text, opens=opens)
        return 0
    suffix = f"-{name}" if isinstance(text, dict) else f".{name}"
    first = open_store(store, create=False).run(runs[0]).id
    more = f"-and-{len(runs) - 1}-more" if len(runs) > 1 else ""
    target = Path(out or f"report-{first}{more}{suffix}")
    if out and isinstance(text, str) and (out.endswith(("/", os.sep)) or target.is_dir()):
        target /= f"report-{first}{more}{suffix}"
    files = {target / path: part for path, part in text.items()} if isinstance(text, dict) else {target: text}
    for path, part in files.items():
        write_text(path, part)
        click.echo(path)
    if opens:
        _open(next((path for path in files if path.suffix == ".html"), target))
    return 0


def _print(text: str | dict[str, str], *, opens: bool) -> None:
    """To standard output. Raises a usage error for what needs files."""
    if isinstance(text, dict):
        raise click.UsageError(f"--out - prints one file, and these are {len(text)}: {', '.join(text)}; name a folder")
    if opens:
        raise click.UsageError("--open needs a file: --out - writes none")
    write_text(Path("-"), text)


def _open(page: Path) -> None:
    """Show a file in the browser, which $BROWSER names or the system knows."""
    import webbrowser

    if not webbrowser.open(page.absolute().as_uri()):
        notice(f"no browser could be opened: open {page} yourself")
