"""A campaign end to end: smollm2 against a damaged copy of it, rated by a careful rater and by one who guesses.

python benchmarks/campaign.py [--noise 1] [--items 30]: prints the report; the exit code is 0 if it doubts the
guessing rater alone, and prefers the undamaged model.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from gate import damaged

import harness
from harness.engine.smollm2 import smollm2_folder
from harness.metrics.text import squad_values
from harness.people import analysis, desk
from harness.people.campaign import Campaign
from harness.people.desk import Desk, Shown
from harness.store import open_store

TASK = "demo/qa"


def careful(shown: Shown) -> dict[str, Any]:
    """Prefers what is closer to the reference, and does what a check of attention says."""
    if any(text.endswith("please choose this text.") for text in shown.texts):
        return {"choice": "first" if shown.texts[0].endswith("please choose this text.") else "second"}
    one, two = (squad_values(text, shown.reference.split("\n"))[1] for text in shown.texts)
    return {"choice": "first" if one > two else "second" if two > one else "tie"}


def guessing(seed: int) -> Callable[[Shown], dict[str, Any]]:
    rng = np.random.default_rng(seed)
    return lambda shown: {"choice": str(rng.choice(["first", "second", "tie"]))}


def rate(at: Desk, answer: Callable[[Shown], dict[str, Any]]) -> None:
    while (shown := at.next()) is not None:
        at.rate(shown.position, answer(shown))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--noise", type=float, default=1.0)
    parser.add_argument("--items", type=int, default=30)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = str(Path(folder) / "store")
        copy = damaged(smollm2_folder(), Path(folder) / "damaged", given.noise)
        print(f"noise of {given.noise:g} standard deviations on {copy}")
        runs = [harness.evaluate(model, TASK, store=place).run for model in ("smollm2", str(Path(folder) / "damaged"))]
        store = open_store(place)
        asked = Campaign(
            name="answers", kind="preference", runs=tuple(run.id for run in runs), task=TASK, items=given.items,
            instructions="Which answers the question better?", reference=True, attention=0.25, repeats=0.25,
        )  # fmt: skip
        made, tokens, dropped = desk.create(store, asked)
        for token, answer in zip(tokens.values(), (careful, guessing(0)), strict=True):
            rate(desk.enter(store, made.id, token), answer)
        found = analysis.report(store, made.id)
    print(f"left out: {dropped}")
    for section in found.sections:
        for row in section.rows:
            print(f"{section.title}: {row.name}: {row.value} [{row.low}, {row.high}], n {row.n}; {row.note}")
    for one in found.raters:
        print(f"{one.rater}: failed {one.failed} of {one.checks}, repeats {one.same} of {one.repeated}: {one.doubts}")
    wins = found.sections[0].rows[0]
    told = not found.raters[0].doubts and bool(found.raters[1].doubts)
    return 0 if told and wins.value is not None and wins.value > 0.5 else 1


if __name__ == "__main__":
    raise SystemExit(main())
