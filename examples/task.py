"""A task in Python: which capital belongs to a country? ``python examples/task.py [MODEL]`` evaluates a model on it."""

import sys
from pathlib import Path

import harness
from harness.data import file
from harness.kinds import About, Data, multiple_choice
from harness.types import Card, Shots

CAPITALS = multiple_choice(
    "geography/capitals",
    data=Data(
        file(Path(__file__).with_name("capitals.jsonl")),
        slices=("continent",),  # every number is also reported for each continent
        shots=Shots(count=2),  # two other rows stand before the question, with their answers
    ),
    prompt="Country: {country}\nCapital:",
    choices="choices",
    target="capital",  # the right choice itself; an index would do as well
    about=About(
        version=1,  # raise it whenever the prompt or the judging changes: old and new numbers must not be compared
        card=Card(
            measures="Knowledge of capitals, where the alternatives are large cities of the same country.",
            limits="Twelve well-known countries; nothing about smaller ones.",
            source="written for this example",
            licence="Apache-2.0",
        ),
    ),
)

if __name__ == "__main__":
    model = sys.argv[1] if len(sys.argv) > 1 else "scripted:oracle"
    result = harness.evaluate(model, [CAPITALS])
    acc = result.frame.query("metric == 'acc'")
    print(acc[["slice", "value", "low", "high", "n", "failed"]].round(3).to_string(index=False))
