"""`harness fetch SUITE -o FILE`: a suite with all that it needs in one file."""

from pathlib import Path

import click

from harness.cli.options import data_option, mirror, notice


@click.command("fetch")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The bundle, a .tar.")
@click.option("--models", is_flag=True, help="Take along the weights and tokenizers too.")
@click.option("--wheels", type=click.Path(path_type=Path), help="Take along the wheels of this folder.")
@click.option("--sign", "key", type=click.Path(path_type=Path), metavar="KEY", help="Sign by this Ed25519 key (PEM).")
@data_option
def command(suite: Path, out: Path, models: bool, wheels: Path | None, key: Path | None, data: Path | None) -> int:
    """Pack the suite file SUITE with its data into one file, for a machine without a network.

    \b
    harness fetch suite.toml -o bundle.tar --models
    harness run suite.toml --bundle bundle.tar --offline

    `harness data fetch TASKS` fills a folder of data instead.
    """
    from harness.api import bundle

    manifest = bundle(suite, out, models=models, wheels=wheels, key=key, data=mirror(data), notice=notice)
    size = sum(entry.size for entry in manifest.entries)
    click.echo(f"{out}: {len(manifest.entries)} files, {size:,} bytes, bundle {manifest.id}")
    return 0
