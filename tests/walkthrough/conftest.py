"""A newcomer's folder: two fine-tuned models and some questions, beside files that are named like our packages."""

import json
import os
import random
import shlex
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from forked import caller
from tiny import byte_tokenizer, causal, saved

TRAP = "raise SystemExit('a file of the working folder was imported')\n"
BARE = {name: value for name, value in os.environ.items() if not name.startswith("HARNESS_")}


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody who types what the documentation says, in a folder of their own."""

    folder: Path

    def types(self, line: str, expected: Sequence[int] = (0,), **env: str) -> str:
        """What a line prints to either side; it must end with one of the expected exit codes."""
        # A shell reads the quotes and comments as they are written; the folder is looked into first, as -m does.
        harness = f'harness() {{ PYTHONPATH=$PWD:$PYTHONPATH {shlex.join(caller())} "$@"; }}'
        done = subprocess.run(
            ["bash", "-c", f"{harness}\n{line}"], cwd=self.folder, env=BARE | env, capture_output=True, text=True,
            timeout=240, check=False,
        )  # fmt: skip
        assert done.returncode in expected, f"{line}: exit code {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Newcomer:
    folder = tmp_path_factory.mktemp("mine")
    (folder / "tasks.py").write_text(TRAP)
    for name in ("reports", "dashboard"):
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(TRAP)
    tokenizer = byte_tokenizer()
    for name, seed in (("ft-v1", 0), ("ft-v2", 1)):
        model = causal("llama", len(tokenizer))
        noise = random.Random(seed)
        model.lm_head.weight.data.mul_(1 + 0.01 * noise.random() * seed)
        saved(model, folder / "models" / name, tokenizer)
    (folder / "questions.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in sums(800)))
    return Newcomer(folder)


def sums(count: int) -> list[dict[str, object]]:
    draw = random.Random(0)
    rows = []
    for _ in range(count):
        a, b = draw.randint(1, 49), draw.randint(1, 49)
        choices = [str(a + b), str(a + b + draw.choice((-10, -1, 1, 10)))]
        rows.append({"question": f"{a} + {b} = ?", "choices": sorted(choices), "answer": str(a + b)})
    return rows
