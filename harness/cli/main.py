"""The command `harness`: finds its subcommands lazily and turns every error into one line and an exit code."""

import gc
import io
import os
import shlex
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from harness.cli.completion import VARIABLE, with_names
from harness.cli.grouped import CommandGroup
from harness.errors import HarnessError, RunError
from harness.hidden import hidden
from harness.visible import cut

LONGEST = 2_000
"""Characters of an error line."""

COMMANDS = {
    "run": "Evaluate models on tasks, or run a suite file.",
    "watch": "Evaluate checkpoints as they appear in a folder.",
    "merge": "Merge the shards of a job array into one run.",
    "list": "List tasks, groups, tags, metrics, models or runs.",
    "info": "Explain a task, a metric or a group.",
    "show-prompt": "Show what a model will be asked, before a run.",
    "fetch": "Pack a suite with its data for a machine without a network.",
    "data": "Fetch data sets for machines without the Hub.",
    "show": "Show the results of a run.",
    "samples": "Show the samples of one task of a run.",
    "runs": "List, remove, tag, hash, export or import runs.",
    "export": "Write a run in the form of another tool.",
    "import": "Import results of other harnesses as runs.",
    "rescore": "Score a run's stored answers again.",
    "compare": "Compare runs example by example.",
    "table": "Print runs x tasks as Markdown, LaTeX, CSV, JSON or HTML.",
    "baseline": "Name the run that others are compared with.",
    "contamination": "Look for benchmark items in a corpus.",
    "energy": "Show what runs cost: joules, CO2 and money.",
    "fairness": "Measure gaps between groups in accuracy and decisions.",
    "gate": "Check a run against rules; the exit code fails a build.",
    "privacy": "Measure memorisation; find personal data in answers.",
    "rate": "Let people rate answers.",
    "meta": "Compare metrics with ratings by people.",
    "judge-check": "Examine a judge on pairs that people compared.",
    "lm-eval": "Run lm-evaluation-harness with our models.",
    "report": "Write a report of runs, a bias card or a model card.",
    "dashboard": "Open the dashboard, or write it as plain pages.",
    "new-task": "Begin a task of your own: files and a test.",
    "doctor": "Check a model's fast path against the reference.",
    "completion": "Print the shell completion script.",
}


MODULES = {
    "import": "imports",
    "judge-check": "judge_check",
    "lm-eval": "lm_eval",
    "new-task": "new_task",
    "show-prompt": "show_prompt",
    "table": "tables",
}
"""Commands whose module is not called as they are: no module has a hyphen, ``harness.cli.table`` prints, and ``import``
is a word of Python's."""


class Lazy(CommandGroup):
    """A group whose subcommands live in ``harness.cli.NAME`` (or MODULES) and are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def summary(self, ctx: click.Context, name: str) -> str:
        return COMMANDS[name]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"harness.cli.{MODULES.get(cmd_name, cmd_name)}").command
        if not isinstance(command, click.Command):
            return None
        return with_names(command) if VARIABLE in os.environ else command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; a reader of its output that has seen enough, such as `head`, is no error."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes what is left when it ends
            return 0


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rai-harness", prog_name="harness")
@click.option("--debug", is_flag=True, help="Show the whole trace of an error.")
def cli(debug: bool) -> None:
    """Evaluate language models: every number with its uncertainty, every failure a failure.

    \b
    Exit codes: 0 ok, 1 the gate failed, 2 usage or configuration, 3 a run or its surroundings failed,
    4 inconclusive unless the rule allows that, 5 stopped by --max-minutes, 130 interrupted.
    """


def main(args: list[str] | None = None) -> None:  # noqa: C901 - a clause for every kind of error
    """Run the command line and exit with its code."""
    gc.set_threshold(50_000)  # by default a sixth of a short run goes into looking for garbage in imported modules
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that lacks a letter is no reason to lose a run
    words = sys.argv[1:] if args is None else args
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    try:
        code = _code_of(words)
    except (click.exceptions.Abort, KeyboardInterrupt):
        _stop("interrupted", 130)
    except click.exceptions.NoArgsIsHelpError as error:  # a group without a command
        click.echo(error.format_message(), err=True)
        sys.exit(2)
    except click.ClickException as error:
        _stop(_usage(error), 2)
    except HarnessError as error:
        if debug:
            raise
        _stop(str(error), error.exit_code)
    except OSError as error:
        if debug:
            raise
        _stop(f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}", 3)
    except Exception as error:  # a fault of ours or of a library: still one line, and a run may have been begun
        if debug:
            raise
        if isinstance(error, RuntimeError) and "home directory" in str(error):
            _stop("there is no home directory: set HOME to a writable folder", 3)
        text = " ".join(str(error).split())[:300]
        _stop(f"unexpected {type(error).__name__}: {text} (--debug shows the trace)", 3)
    sys.exit(code)


def _code_of(words: list[str]) -> int:
    """Run a command; gives its exit code."""
    try:
        Path.cwd()
    except FileNotFoundError:
        raise RunError("the working directory no longer exists: change to another one") from None
    try:
        command = shlex.join(["harness", *words])  # a note for people, never parsed
        code = cli.main(words, prog_name="harness", standalone_mode=False, obj=command)
    except SystemExit as error:  # no command of ours ends so: exit code 0 would say that all is well
        if VARIABLE in os.environ:
            raise  # as click ends when it has told the shell what could come next
        raise RunError(f"a metric, scorer or plug-in ended the program: sys.exit({error.code!r:.80})") from error
    return code if isinstance(code, int) else 0


def _usage(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    hint = f" (see `{context.command_path} --help`)" if context else ""
    return " ".join(error.format_message().split()) + hint


def _stop(message: str, code: int) -> NoReturn:
    """One line on standard error: no secret, no control character, no more than LONGEST characters of it."""
    click.echo(f"harness: {cut(' '.join(hidden(message).split()), LONGEST)}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
