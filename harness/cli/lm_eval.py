"""`harness lm-eval`: the command line of lm-evaluation-harness, which knows our models."""

import click

from harness.cli.options import mirror


@click.command("lm-eval", context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def command(words: tuple[str, ...]) -> int:
    """Hand WORDS to lm-evaluation-harness, with our models as --model harness.

    Data sets are looked for in $HARNESS_DATA first. Needs the extra `lm-eval`.

    \b
    harness lm-eval run --model harness --model_args model=smollm2 --tasks arc_easy --limit 50
    harness lm-eval ls tasks
    """
    from harness.bridges.lm_eval_tasks.index import require_package

    require_package()
    from harness.bridges.lm_eval import command_line

    return command_line(words, mirror(None))
