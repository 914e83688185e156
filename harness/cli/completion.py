"""`harness completion`: the script that completes commands and options in a shell."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script; for bash put `eval "$(harness completion bash)"` into ~/.bashrc."""
    from harness.cli.main import cli

    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"unknown shell {shell!r}; valid: {', '.join(SHELLS)}")
    click.echo(maker(cli, {}, "harness", "_HARNESS_COMPLETE").source())
    return 0
