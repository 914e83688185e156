"""Options that several commands share, and what they turn into."""

import os
from pathlib import Path

import click

from harness.visible import line

store_option = click.option(
    "--store", envvar="HARNESS_STORE", metavar="URL", help="Folder or SQLAlchemy URL of the store [./harness-results]."
)
samples_option = click.option(
    "--samples-at", envvar="HARNESS_SAMPLES", metavar="URL", help="Where sample files go, any fsspec URL."
)


FOLDER = "--json is a folder"
"""Key of a context's ``meta``: a path forgets the slash that says so."""


def _json_file(context: click.Context, _: click.Parameter, text: str | None) -> Path | None:
    if text == "-":
        from harness.files import apart

        context.with_resource(apart())
    if text and text.endswith(("/", os.sep)):
        if context.command.name != "run":
            raise click.BadParameter(f"{text} is a folder: name a file in it")
        context.meta[FOLDER] = True
    return None if text is None else Path(text)


json_option = click.option(
    "--json",
    "json_file",
    metavar="PATH",
    callback=_json_file,
    help="Also write JSON to this file; - prints it, and everything else to standard error.",
)
data_option = click.option(
    "--data", type=click.Path(path_type=Path), help="Folder of datasets in the Hub's layout [$HARNESS_DATA]."
)
base_option = click.option("--base", metavar="MODEL", help="The base of an adapter, where it names none of the Hub.")
quiet_option = click.option("--quiet", is_flag=True, help="No progress and no table.")


def mirror(data: Path | None) -> Path | None:
    """The folder of datasets: the option, else the environment. Raises a usage error if it is not there."""
    folder = data or (Path(os.environ["HARNESS_DATA"]) if os.environ.get("HARNESS_DATA") else None)
    if folder and not folder.is_dir():
        raise click.BadParameter(f"{folder} is not a folder", param_hint="--data")
    return folder


def notice(text: str) -> None:
    """One sentence for the user, on standard error."""
    click.echo(f"harness: {line(text, 2_000)}", err=True)


def typed() -> str:
    """The command line as it was typed, which a run keeps as a note; "" where a command is called from Python."""
    return str(click.get_current_context().find_root().obj or "")


def shares(text: str) -> tuple[float, ...]:
    """``--strength 0.1,0.3`` -> (0.1, 0.3). Raises a usage error for anything but numbers."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is not a list of numbers such as 0.1,0.3", param_hint="--strength"
        ) from None


def limit_of(text: str) -> int | str:
    """``--limit 30`` -> 30, ``--limit 10%`` -> "10%"; what is no number becomes a usage error."""
    return text if text.endswith("%") else int(text)


def names(text: tuple[str, ...]) -> list[str]:
    """``--tasks a,b --tasks c`` -> [a, b, c]."""
    return [name.strip() for part in text for name in part.split(",") if name.strip()]
