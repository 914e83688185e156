"""`harness judge-check JUDGE --pairs FILE`: how far a judge agrees with people, and what sways it."""

from pathlib import Path

import click

from harness.cli.options import json_option
from harness.files import write_json


@click.command("judge-check")
@click.argument("judge")
@click.option(
    "--pairs",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    help="Pairs that people compared, of LLMBar's or FairEval's form; of a folder every pairs.jsonl below it.",
)
@click.option("--limit", "-n", type=click.IntRange(1), help="Draw so many pairs of every file.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of --limit.")
@click.option("--chat", is_flag=True, help="Ask through the model's chat template.")
@click.option("--system", help="System message for --chat.")
@click.option("--base-url", help="Server of an openai:NAME judge.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@click.option("--truncate", type=click.Choice(["left"]), help="Cut pairs that exceed the judge's context.")
@json_option
def command(
    judge: str, pairs: tuple[Path, ...], limit: int | None, seed: int, json_file: Path | None, **how: bool | str | None
) -> int:
    """Examine JUDGE on pairs of answers that people have compared, each shown in both orders: agreement and Cohen's
    kappa with people, the same ruling in both orders, and how often it prefers what stands first and what is longer.

    \b
    harness judge-check smollm2 --chat --pairs llmbar/Natural/dataset.json
    harness judge-check openai:NAME --base-url http://localhost:8000/v1 --chat --pairs exams/
    """
    from dataclasses import asdict

    from harness.api import judge_check
    from harness.cli.rating_table import print_section
    from harness.engine.backend import Options

    options = Options(**how)  # type: ignore[arg-type]  # the types are those of the options above
    sections = judge_check(judge, pairs, options=options, limit=limit, seed=seed)
    if json_file:
        write_json(json_file, [asdict(section) for section in sections])
    for section in sections:
        print_section(section)
    return 0
