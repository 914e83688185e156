"""A new task to begin with: a description with its data or a package that every command knows, and a passing test."""

import keyword
import re
from collections.abc import Mapping
from pathlib import Path

from harness.errors import UsageError, quoted
from harness.files import write_text

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")

DESCRIPTION = """\
# Every key is explained in docs/tasks.md ("A task from a file"). Raise the version with every change to the prompt.
data = "{name}.csv"
prompt = "Question: {{question}}\\nAnswer:"
choices = {{columns = ["A", "B"]}}
answer = "answer"
slices = ["topic"]
version = 1
measures = "Say what a right answer shows."
limits = "Say what it does not show: who wrote the questions, what is left out, which language."
source = "written for this task"
licence = "CC-BY-4.0"
"""

QUESTIONS = """\
id,topic,question,A,B,answer
1,planets,Which planet has rings that a small telescope shows?,Mars,Saturn,B
2,planets,Which planet is nearest to the Sun?,Mercury,Venus,A
3,seas,Which ocean is the largest?,the Atlantic,the Pacific,B
4,seas,Which sea lies between Europe and Africa?,the Mediterranean,the Baltic,A
"""

FILE_TEST = '''\
"""A model that is always right scores best on the task, and one that is always wrong worst."""

from pathlib import Path

import harness
import pytest

TASK = str(Path(__file__).with_name("{name}.toml"))


@pytest.mark.parametrize(("rule", "value"), [("oracle", 1.0), ("opposite", 0.0)])
def test_right_is_best_and_wrong_is_worst(rule: str, value: float, tmp_path: Path) -> None:
    result = harness.evaluate(f"scripted:{{rule}}", TASK, store=str(tmp_path))
    (acc,) = [e for e in result.estimates if (e.metric, e.slice) == ("acc", "all")]
    assert (acc.value, acc.n, acc.failed) == (value, 4, 0)
'''

PROJECT = """\
[build-system]
requires = ["setuptools>=80"]
build-backend = "setuptools.build_meta"

[project]
name = "harness-{dashed}"
version = "0.1.0"
description = "The task {name} for harness."
requires-python = ">=3.11"
dependencies = ["rai-harness"]

[project.entry-points."harness.tasks"]
{name} = "harness_{name}:TASKS"

[tool.setuptools]
packages = ["harness_{name}"]
package-data = {{ harness_{name} = ["*.csv"] }}
"""

MODULE = '''\
"""The task {name}: every command knows it once this package is installed."""

from harness.data import packaged
from harness.kinds import About, Data, multiple_choice
from harness.types import Card

TASKS = (
    multiple_choice(
        "{name}",
        data=Data(packaged("harness_{name}", "{name}.csv"), slices=("topic",)),
        prompt="Question: {{question}}\\nAnswer:",
        choices=lambda row: [row["A"], row["B"]],
        target=lambda row: "AB".index(row["answer"]),
        about=About(
            version=1,  # raise it with every change to the prompt: old and new numbers must not be compared
            card=Card(
                measures="Say what a right answer shows.",
                limits="Say what it does not show: who wrote the questions, what is left out, which language.",
                source="written for this task",
                licence="CC-BY-4.0",
            ),
        ),
    ),
)
'''

PACKAGE_TEST = (
    FILE_TEST.replace('TASK = str(Path(__file__).with_name("{name}.toml"))\n', "(TASK,) = TASKS\n")
    .replace("import pytest\n", "import pytest\nfrom harness_{name} import TASKS\n")
    .replace("TASK, store", "[TASK], store")
)


def new_task(name: str, folder: Path, *, package: bool = False) -> list[Path]:
    """Write the files of a new task into ``folder``, which must not be there yet; returns them in the order to read.

    Raises UsageError for a name that no module can have and a folder that is there.
    """
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"a task cannot be called {quoted(name)}: valid are small letters, digits and _, a letter first"
        )
    if folder.exists():
        raise UsageError(f"{folder} is there already: name a new folder with --in")
    words = {"name": name, "dashed": name.replace("_", "-")}
    paths = []
    for file, text in (_package(name) if package else _files(name)).items():
        path = folder / file
        write_text(path, QUESTIONS if file.endswith(".csv") else text.format_map(words))
        paths.append(path)
    return paths


def _files(name: str) -> Mapping[str, str]:
    return {f"{name}.toml": DESCRIPTION, f"{name}.csv": QUESTIONS, f"test_{name}.py": FILE_TEST}


def _package(name: str) -> Mapping[str, str]:
    return {
        f"harness_{name}/__init__.py": MODULE,
        f"harness_{name}/{name}.csv": QUESTIONS,
        f"tests/test_{name}.py": PACKAGE_TEST,
        "pyproject.toml": PROJECT,
    }
