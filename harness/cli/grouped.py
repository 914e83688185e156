"""Help of a command with many options, in groups under headings, and of a group of commands."""

from collections.abc import Mapping, Sequence

import click

from harness.errors import UnknownName

GROUPS: Mapping[str, Sequence[str]] = {
    "What is asked": (
        *("tasks", "limit", "limit_order", "shots", "shots_mode", "fewshot_as_turns"),
        *("seed", "scorer", "data", "skip_missing"),
    ),
    "Seen before": ("dry_run", "rates"),
    "How answers are drawn": ("max_tokens", "temperature", "top_p", "repeats", "best_of"),
    "Asked differently": ("perturb", "strength", "counterfactual", "defence"),
    "Model": ("base", "chat", "chat_template", "system", "truncate", "device", "dtype", "engine", "token_budget"),
    "Models behind a server": ("base_url", "concurrency", "timeout", "requests_per_minute", "tokens_per_minute"),
    "Several processes": ("workers", "ray", "threads", "shard"),
    "Without a network": ("bundle", "verify", "offline"),
    "Fine-tuning": ("protocol", "head_only", "train_limit"),
    "What is kept": ("name", "tags", "store", "samples_at", "json_file", "no_cache", "redact"),
    "Stopping and going on": ("max_minutes", "resume"),
    "Dangerous": ("trust_remote_code", "allow_pickle", "allow_code_execution"),
    "More": ("idle", "quiet", "help"),
}
"""Headings of ``harness run --help`` and the parameters under them."""


class GroupedCommand(click.Command):
    """A command whose help has its options under the headings of GROUPS."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write every option below its heading; one that is in no group comes last."""
        options = [param for param in self.get_params(ctx) if isinstance(param, click.Option)]
        records = {option.name: record for option in options if (record := option.get_help_record(ctx))}
        groups = {title: [records.pop(name) for name in names if name in records] for title, names in GROUPS.items()}
        groups["More"] += records.values()
        for title, rows in groups.items():
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)


class CommandGroup(click.Group):
    """A group whose help has the first sentence of each command in full; it tells the nearest of unknown commands."""

    def summary(self, ctx: click.Context, name: str) -> str:
        """What a command does, in a sentence."""
        command = self.get_command(ctx, name)
        return command.get_short_help_str(limit=1_000) if command else ""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write a line for every command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.summary(ctx, name)) for name in self.list_commands(ctx)])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is called. Raises click's UsageError with the nearest ones."""
        names = self.list_commands(ctx)
        if args[0] not in names and not args[0].startswith("-") and not ctx.resilient_parsing:
            raise click.UsageError(str(UnknownName("command", args[0], names)), ctx)
        return super().resolve_command(ctx, args)
