"""`harness completion`: the script for a shell, and the names of tasks, models, runs, groups and metrics it offers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import chain

import click
from click.shell_completion import CompletionItem, get_completion_class

VARIABLE = "_HARNESS_COMPLETE"
"""Set by a shell that asks what could come next."""
SHELLS = ("bash", "zsh", "fish")
Names = Callable[[click.Context], Iterable[str]]


@click.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def command(shell: str) -> int:
    """Print the completion script; for bash put `eval "$(harness completion bash)"` into ~/.bashrc."""
    maker = get_completion_class(shell)
    if maker is None:
        raise click.UsageError(f"unknown shell {shell!r}; valid: {', '.join(SHELLS)}")
    click.echo(maker(click.get_current_context().find_root().command, {}, "harness", VARIABLE).source())
    return 0


def with_names(command: click.Command) -> click.Command:
    """The command, whose parameters of the names in SOURCES offer what there is to ask for."""
    for inner in command.commands.values() if isinstance(command, click.Group) else ():
        with_names(inner)
    for param in command.params:
        names = OWN.get((command.name, param.name)) or SOURCES.get(param.name or "")
        if names is not None:
            setattr(param, "shell_complete", partial(_offered, names))  # noqa: B010 - a method of the class
    return command


def _offered(names: Names, context: click.Context, incomplete: str) -> list[CompletionItem]:
    """What could stand in place of an incomplete word; files where no name begins like it.

    In a list with commas its last part is completed.
    """
    before, comma, last = incomplete.rpartition(",")
    fitting = [name for name in names(context) if name.startswith(last) and name.isprintable() and " " not in name]
    items = [CompletionItem(before + comma + name) for name in fitting]
    return items or [CompletionItem(incomplete, type="file")]


def _tasks(context: click.Context) -> Iterable[str]:
    from harness import plugins

    known = plugins.catalogue()
    tags = sorted({f"tag:{tag}" for task in known.tasks.values() for tag in task.tags})
    return [*known.tasks, *known.groups, *tags, "corpus:", "jailbreak:"]


def _tags(context: click.Context) -> Iterable[str]:
    from harness import plugins

    return sorted({tag for task in plugins.catalogue().tasks.values() for tag in task.tags})


def _groups(context: click.Context) -> Iterable[str]:
    from harness import plugins

    return plugins.catalogue().groups


def _metrics(context: click.Context) -> Iterable[str]:
    from harness import plugins

    return sorted({metric.name for task in plugins.catalogue().tasks.values() for metric in task.metrics})


def _everything(context: click.Context) -> Iterable[str]:
    return chain(_tasks(context), _metrics(context))


def _models(context: click.Context) -> Iterable[str]:
    from harness import plugins

    schemes = [name.partition(":")[0] + ":" for name in plugins.models() if ":" in name and "scripted" not in name]
    return ["smollm2", "scripted:oracle", "scripted:opposite", *dict.fromkeys(schemes)]


def _runs(context: click.Context) -> Iterable[str]:
    from harness.store.peek import run_names

    return run_names(context.params.get("store"))


def _files(context: click.Context) -> Iterable[str]:
    return ()


SOURCES: Mapping[str, Names] = {
    "tasks": _tasks,
    "task": _tasks,
    "models": _models,
    "model": _models,
    "base": _models,
    "order": _models,
    "run": _runs,
    "runs": _runs,
    "first": _runs,
    "others": _runs,
    "reference": _runs,
    "metric": _metrics,
    "metrics": _metrics,
    "group": _groups,
}
"""What a parameter of this name is completed with, in whatever command it stands."""
OWN: Mapping[tuple[str | None, str | None], Names] = {
    ("info", "name"): _everything,
    ("list", "tag"): _tags,
    ("list", "model"): _runs,
    ("report", "baseline"): _runs,
    ("membership", "others"): _files,
}
"""Parameters, by command, whose name means something else there."""
