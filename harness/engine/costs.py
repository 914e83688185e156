"""What several processes have cost together."""

from collections.abc import Mapping, Sequence

Costs = Mapping[str, float | str]
"""What a backend says of its work, see ``Backend.stats``."""
ADDED = (
    *("tokens_asked", "tokens_computed", "logits_read", "prompts_cut", "operations"),
    *("requests", "retries", "prompt_tokens", "completion_tokens", "uncounted_answers"),
)
"""Counts; what begins with ``seconds_`` adds up too."""
SHARES = {"share_saved": "tokens_asked", "padding": "tokens_computed"}
"""Shares, and what each is a share of."""


def summed(each: Sequence[Costs]) -> dict[str, float | str]:
    """The costs of several processes as one: counts and seconds added up, the largest peak of memory.

    Shares and rates follow from the sums; the distance from the machine's limit, measured for one process, is left out.
    Of what is a text, or the same for all, the first is taken.
    """
    total: dict[str, float | str] = {}
    for costs in each:
        for name, value in costs.items():
            before = total.get(name)
            if before is None:
                total[name] = value
            elif isinstance(value, str) or isinstance(before, str):
                continue
            elif name in ADDED or name.startswith("seconds_"):
                total[name] = before + value
            elif name == "peak_memory":
                total[name] = max(before, value)
    for share, whole in SHARES.items():
        if share in total:
            size = sum(number(costs, whole) for costs in each)
            total[share] = sum(number(c, share) * number(c, whole) for c in each) / size if size else 0.0
    seconds = number(total, "seconds_compute")
    if "tokens_per_second" in total:
        total["tokens_per_second"] = number(total, "tokens_computed") / seconds if seconds else 0.0
    total.pop("limit_fraction", None)
    return total


def number(costs: Costs, name: str) -> float:
    """One cost as a number; 0 where it is not known."""
    value = costs.get(name, 0.0)
    return 0.0 if isinstance(value, str) else float(value)
