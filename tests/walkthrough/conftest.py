"""A newcomer's folder: two fine-tuned models and some questions, beside files that are named like our packages."""

import json
import random

import pytest
from newcomers import Newcomer
from tiny import byte_tokenizer, causal, saved

TRAP = "raise SystemExit('a file of the working folder was imported')\n"


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
