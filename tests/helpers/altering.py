"""Plain JSON with one part of it changed, as a hostile or broken file may have it."""

import json
import random
from typing import Any

ODD: list[Any] = [
    None, True, -1, 0, 10**30, 1.5, float("nan"), float("inf"), "", "..", "../x", "a\0b", "\ud800", "\x1b[2J", "[red]",
    "=1+1", [], {}, [[]], {"a": None}, "x" * 5000,
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in plain JSON."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in inner for place in places(part, (*path, key)))]


def altered(page: Any, rng: random.Random) -> Any:
    """A page with one part taken out, changed, doubled or moved."""
    page = json.loads(json.dumps(page))
    *way, last = rng.choice(places(page)[1:])
    holder = page
    for key in way:
        holder = holder[key]
    kind = rng.randrange(4)
    if kind == 0:
        del holder[last]
    elif kind == 1 and isinstance(holder, dict):
        holder[rng.choice(["extra", "id", "\ud800"])] = holder[last]
    elif kind == 2 and isinstance(holder, list):
        holder.append(holder[last])
    else:
        holder[last] = rng.choice(ODD)
    return page
