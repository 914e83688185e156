"""`harness rate`: campaigns in which people rate answers."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import click

from harness.cli.options import json_option, store_option
from harness.errors import UsageError
from harness.files import write_json, write_text
from harness.visible import interval, line, number

if TYPE_CHECKING:
    from harness.people.analysis import CampaignReport, Quantity

address_option = click.option(
    "--address", default="http://127.0.0.1:8502", show_default=True, help="Where raters reach `harness rate serve`."
)


@click.group("rate")
def command() -> None:
    """Let people rate the answers of stored runs."""


@command.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@address_option
@store_option
@json_option
def new(file: Path, address: str, store: str | None, json_file: Path | None) -> int:
    """Make the campaign that FILE (TOML) describes; prints one link for each rater, this once."""
    from harness.people import desk
    from harness.people.campaign import read_campaign
    from harness.store import open_store

    opened = open_store(store, create=False)
    campaign, tokens, dropped = desk.create(opened, read_campaign(file))
    links = {rater: link(address, campaign.id, token) for rater, token in tokens.items()}
    for reason, count in dropped.items():
        click.echo(f"not shown  {count} examples: {reason}")
    for rater, url in links.items():
        click.echo(f"{rater}  {url}")
    if json_file:
        write_json(json_file, {"campaign": campaign.id, "dropped": dropped, "links": links})
    return 0


@command.command("link")
@click.argument("campaign")
@click.argument("rater")
@click.option("--revoke", is_flag=True, help="No new link: the rater may no longer rate.")
@address_option
@store_option
def another(campaign: str, rater: str, revoke: bool, address: str, store: str | None) -> int:
    """Give RATER another link to CAMPAIGN; the one before ends."""
    from harness.people.desk import reissue
    from harness.store import open_store

    opened = open_store(store, create=False)
    token = reissue(opened, campaign, rater, revoke=revoke)
    known = opened.ratings.campaign(campaign).id
    click.echo(f"{rater} may no longer rate" if token is None else f"{rater}  {link(address, known, token)}")
    return 0


@command.command("list")
@store_option
@json_option
def list_campaigns(store: str | None, json_file: Path | None) -> int:
    """List campaigns: kind, task, and how much of each is rated."""
    from harness.cli.table import plain, wide_console
    from harness.store import open_store

    ratings = open_store(store, create=False).ratings
    rows = [
        {
            "campaign": one.id,
            "kind": one.definition["kind"],
            "task": one.definition["task"],
            "rated": len(ratings.ratings(one.id)),
            "assigned": len(ratings.assignments(one.id)),
            "created": one.created,
        }
        for one in ratings.campaigns()
    ]
    if json_file:
        write_json(json_file, rows)
    table = _table(*(rows[0] if rows else ("campaign",)))
    for row in rows:
        table.add_row(*plain(*row.values()))
    wide_console(120).print(table)
    return 0


@command.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8502, show_default=True, help="Port to listen at.")
@click.option("--name", "names", multiple=True, help="Also answer to this name, such as a proxy's; may be given again.")
@store_option
def serve(host: str, port: int, names: tuple[str, ...], store: str | None) -> int:
    """Open the rating page on a store; Ctrl-C ends it, and what was rated is kept."""
    from harness.cli.dashboard import serve_page

    return serve_page("rating.py", host, port, names, store)


@command.command("report")
@click.argument("campaign")
@click.option("--length", is_flag=True, help="Strengths at equal lengths of the answers.")
@click.option("--judge", metavar="METRIC", help="Also the mean rating of all answers, from people and this metric.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Also write one HTML page to this file.")
@store_option
@json_option
def report(  # one argument per option
    campaign: str, length: bool, judge: str | None, html_file: Path | None, store: str | None, json_file: Path | None
) -> int:
    """What the ratings of CAMPAIGN say: systems with intervals, agreement, and how careful each rater was."""
    from dataclasses import asdict

    from harness.people import analysis
    from harness.store import open_store

    opened = open_store(store, create=False)
    result = analysis.report(opened, campaign, length=length, judge=judge)
    if html_file:
        write_text(html_file, _page()(opened, campaign, None, length=length, judge=judge))
    if json_file:
        write_json(json_file, asdict(result))
    for text in _head(result):
        click.echo(text)
    for section in result.sections:
        _print(section.title, section.rows, section.note)
    _print_raters(result)
    return 0


@command.command("keep")
@click.argument("campaign")
@store_option
def keep_ratings(campaign: str, store: str | None) -> int:
    """Store the mean ratings of CAMPAIGN as a run for each system, for `harness gate`, `compare` and `show`."""
    from harness.people.keep import keep
    from harness.store import open_store

    for run in keep(open_store(store, create=False), campaign):
        click.echo(line(f"{run.id} {run.model}"))
    return 0


@command.command("export")
@click.argument("campaign")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
def export(campaign: str, file: Path, store: str | None) -> int:
    """Write every rating of CAMPAIGN to FILE, a JSON object a line, those taken back too."""
    from harness.people.exchange import exported
    from harness.store import open_store

    rows = exported(open_store(store, create=False), campaign)
    write_text(file, "".join(f"{row}\n" for row in rows))
    click.echo(f"{len(rows)} rows in {file}")
    return 0


@command.command("import")
@click.argument("campaign")
@click.argument("file", type=click.Path(path_type=Path))
@store_option
def import_ratings(campaign: str, file: Path, store: str | None) -> int:
    """Add the ratings of FILE, as `export` writes them, to CAMPAIGN; all are checked before any is kept."""
    from harness.people.exchange import imported
    from harness.store import open_store

    click.echo(f"{imported(open_store(store, create=False), campaign, file)} ratings added to {campaign}")
    return 0


def link(address: str, campaign: str, token: str) -> str:
    """Where a rater goes on rating."""
    return f"{address.rstrip('/')}/?{urlencode({'campaign': campaign, 'rater': token})}"


def _page() -> Any:
    """The writer of the HTML page of a campaign. Raises UsageError where the reports are not installed."""
    from importlib.metadata import entry_points

    writers = {key: writer for point in entry_points(group="harness.reports") for key, writer in point.load().items()}
    if "people" not in writers:
        raise UsageError("the report of campaigns is not installed: reinstall rai-harness")
    return writers["people"]


# ----------------------------------------------------------------------------------------------------------- as a table
def _head(result: "CampaignReport") -> Iterator[str]:
    campaign = result.campaign
    yield f"campaign   {campaign.id}  {campaign.kind}, {campaign.task}"
    for run, model in result.systems.items():
        yield line(f"system     {model}  (run {run})")
    yield f"ratings    {result.rated:,} of {result.assigned:,}; taken back {result.undone:,}"
    for what, counts in (("not shown", result.dropped), ("skipped", result.skipped)):
        yield from (line(f"{what:<10} {count:,}: {reason}") for reason, count in _first(counts))


def _first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: -pair[1])[:10]


def _print(title: str, rows: "tuple[Quantity, ...]", note: str) -> None:
    from harness.cli.table import plain, wide_console

    table = _table("", "value", "95 % interval", "n", "", title=title, caption=note)
    for row in rows:
        table.add_row(*plain(row.name, number(row.value), interval(row.low, row.high), row.n, row.note))
    wide_console(120).print(table)


def _print_raters(result: "CampaignReport") -> None:
    from harness.cli.table import plain, wide_console

    table = _table("rater", "rated", "skipped", "checks failed", "repeats alike", "seconds", "doubts", title="Raters")
    for one in result.raters:
        table.add_row(
            *plain(
                one.rater, one.rated, one.skipped, f"{one.failed} of {one.checks}", f"{one.same} of {one.repeated}",
                number(one.seconds), "; ".join(one.doubts) or "none",
            )
        )  # fmt: skip
    wide_console(120).print(table)


def _table(*columns: str, title: str = "", caption: str = "") -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(line(title)) if title else None, title_justify="left",
        caption=Text(line(caption)) if caption else None, caption_justify="left",
    )  # fmt: skip
    for name in columns:
        table.add_column(name)
    return table
