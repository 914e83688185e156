"""Help of a command with many options, in groups under headings."""

from collections.abc import Mapping, Sequence

import click

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
    "What is kept": ("name", "tags", "store", "samples_at", "json_file", "no_cache"),
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
