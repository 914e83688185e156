"""The tutorial from end to end, with a small model in place of the embedded one and names in place of BASE and RUN."""

import re

from documented import blocks, calls, page
from newcomers import Newcomer

TUTORIAL = page("docs/tutorial.md")
PUT = {"smollm2": "models/ft-v1", "BASE": "latest~1", "RUN": "latest"}


def test_the_tutorial_as_it_is_written(newcomer: Newcomer) -> None:
    [rules] = blocks(TUTORIAL, "toml")
    (newcomer.folder / "gate.toml").write_text(rules)
    lines = [re.sub(r"\b(smollm2|BASE|RUN)\b", lambda word: PUT[word[1]], line) for line in calls(TUTORIAL)]
    assert len(lines) >= 9
    for line in lines:
        newcomer.types(line, (0, 1, 4) if line.startswith("harness gate") else (0,))
