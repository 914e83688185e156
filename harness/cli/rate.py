"""`harness rate`: campaigns in which people rate answers."""

from pathlib import Path

import click

from harness.cli import rating_table
from harness.cli.grouped import CommandGroup
from harness.cli.options import json_option, store_option
from harness.files import write_json, write_text
from harness.visible import line

address_option = click.option(
    "--address", default="http://127.0.0.1:8502", show_default=True, help="Where raters reach `harness rate serve`."
)


@click.group("rate", cls=CommandGroup)
def command() -> None:
    """Let people rate the answers of stored runs."""


@command.command("new")
@click.argument("file", type=click.Path(path_type=Path))
@address_option
@store_option
@json_option
def new(file: Path, address: str, store: str | None, json_file: Path | None) -> int:
    """Create the campaign that FILE (TOML) describes, and print each rater's link: it is shown only once."""
    from harness.people import desk
    from harness.people.campaign import read_campaign
    from harness.store import open_store

    opened = open_store(store, create=False)
    campaign, tokens, dropped = desk.create(opened, read_campaign(file))
    links = {rater: desk.link(address, campaign.id, token) for rater, token in tokens.items()}
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
@click.option("--revoke", is_flag=True, help="Only revoke the old link: the rater may no longer rate.")
@address_option
@store_option
def another(campaign: str, rater: str, revoke: bool, address: str, store: str | None) -> int:
    """Give RATER a new link to CAMPAIGN; the old one stops working."""
    from harness.people import desk
    from harness.store import open_store

    opened = open_store(store, create=False)
    token = desk.reissue(opened, campaign, rater, revoke=revoke)
    known = opened.ratings.campaign(campaign).id
    click.echo(f"{rater} may no longer rate" if token is None else f"{rater}  {desk.link(address, known, token)}")
    return 0


@command.command("list")
@store_option
@json_option
def list_campaigns(store: str | None, json_file: Path | None) -> int:
    """List campaigns: kind, task, and how much of each is rated."""
    from dataclasses import asdict

    from harness.people.desk import progress
    from harness.store import open_store

    rows = [asdict(row) for row in progress(open_store(store, create=False))]
    if json_file:
        write_json(json_file, rows)
    rating_table.print_rows(rows or [{"campaign": "none yet"}])
    return 0


@command.command("serve")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(1, 65535), default=8502, show_default=True, help="Port to listen at.")
@click.option("--name", "names", multiple=True, help="Also answer to this name, such as a proxy's; may be given again.")
@store_option
def serve(host: str, port: int, names: tuple[str, ...], store: str | None) -> int:
    """Serve the rating page; Ctrl-C ends it, and all ratings are kept."""
    from harness.cli.dashboard import serve_page

    return serve_page("rating.py", host, port, names, store)


@command.command("report")
@click.argument("campaign")
@click.option("--length", is_flag=True, help="Estimate strengths at equal answer lengths.")
@click.option("--judge", metavar="METRIC", help="Also the mean rating of all answers, from people and this metric.")
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Also write one HTML page to this file.")
@store_option
@json_option
def report(  # one argument per option
    campaign: str, length: bool, judge: str | None, html_file: Path | None, store: str | None, json_file: Path | None
) -> int:
    """Report what the ratings of CAMPAIGN say: systems with intervals, agreement, and how careful each rater was."""
    from dataclasses import asdict

    from harness.api.reporting import campaign_page
    from harness.people import analysis
    from harness.store import open_store

    opened = open_store(store, create=False)
    result = analysis.report(opened, campaign, length=length, judge=judge)
    if html_file:
        write_text(html_file, campaign_page(opened, campaign, length=length, judge=judge))
    if json_file:
        write_json(json_file, asdict(result))
    rating_table.print_report(result)
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
    """Write every rating of CAMPAIGN to FILE, one JSON object per line, including those taken back."""
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
    """Add the ratings of FILE, as `export` writes them, to CAMPAIGN; all are checked before any is stored."""
    from harness.people.exchange import imported
    from harness.store import open_store

    click.echo(f"{imported(open_store(store, create=False), campaign, file)} ratings added to {campaign}")
    return 0
