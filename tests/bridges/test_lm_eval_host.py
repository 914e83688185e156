"""Our models behind lm-evaluation-harness's own seam give it the numbers of its own models."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_hub import build
from tiny import byte_tokenizer, causal, saved

pytest.importorskip("lm_eval", reason="the package lm-eval is not installed")

import lm_eval
from lm_eval.api.instance import Instance
from lm_eval_bridge import Ours, Theirs

from harness.bridges.lm_eval import UNASKED, HarnessLM, command_line
from harness.bridges.lm_eval_tasks import mirror
from harness.bridges.lm_eval_tasks.index import entries
from harness.bridges.lm_eval_tasks.opened import manager_of
from harness.engine.checkpoint import device_of
from harness.errors import RunError, UnknownName, Unsupported, UsageError

TASKS = ["arc_easy", "winogrande", "lambada_openai", "wikitext", "gsm8k", "gsm8k_cot_self_consistency"]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("hub"))


def numbers(hub: Path, model: Any, tasks: list[str], **options: Any) -> dict[str, dict[str, Any]]:
    with mirror.mirrored(hub), mirror.quiet():
        found = lm_eval.simple_evaluate(
            model, tasks=tasks, limit=4, bootstrap_iters=0, task_manager=manager_of(entries()), **options
        )
    return found["results"]


def test_their_results_are_those_of_a_model_of_theirs(hub: Path) -> None:
    assert numbers(hub, HarnessLM(Ours()), TASKS) == numbers(hub, Theirs(), TASKS)


def test_a_checkpoint_by_name_gives_the_numbers_of_hf(hub: Path, tmp_path: Path) -> None:
    tokenizer = byte_tokenizer()
    folder = tmp_path / "tiny"
    saved(causal("gpt2", len(tokenizer)), folder, tokenizer)
    tasks = ["arc_easy", "lambada_openai", "gsm8k_cot_zeroshot", "wikitext"]
    hf = {"model_args": f"pretrained={folder},dtype=float32", "device": "cpu", "batch_size": 4}
    ours = numbers(hub, "harness", tasks, model_args=f"model={folder},dtype=float32", device="cpu", batch_size=4)
    for task, row in numbers(hub, "hf", tasks, **hf).items():
        for name, value in row.items():
            assert ours[task][name] == (pytest.approx(value, rel=2e-4) if isinstance(value, float) else value), task
    untyped = {"device": UNASKED, "batch_size": 1, "max_batch_size": None}  # what the command line hands on
    assert HarnessLM.create_from_arg_string(f"model={folder},batch_size=2", untyped).backend.checkpoint.device == (
        device_of("auto")
    )
    typed = HarnessLM.create_from_arg_obj({"model": str(folder), "device": "cpu"}, untyped)
    assert typed.backend.checkpoint.device.type == "cpu"


def test_a_failed_answer_is_no_score() -> None:
    request = Instance("loglikelihood", {}, ("a", " b"), 0, ("made_up", 3, 1))
    with pytest.raises(RunError, match="made_up, document 3: scripted"):
        HarnessLM(Ours(failing=1)).loglikelihood([request])


def test_words_that_no_model_knows_are_refused() -> None:
    with pytest.raises(UnknownName, match="dtipe.*did you mean dtype"):
        HarnessLM("smollm2", dtipe="float32")
    with pytest.raises(UsageError, match="lack model=PATH"):
        HarnessLM(batch_size=8)
    with pytest.raises(Unsupported, match="no chat template"):
        HarnessLM(Ours()).apply_chat_template([{"role": "user", "content": "x"}])


def test_their_own_models_are_still_there() -> None:
    code = "import harness.bridges.lm_eval, lm_eval.api.registry as r; print(r.get_model('hf'), r.get_model('harness'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "HFLM" in done.stdout and "HarnessLM" in done.stdout


def test_their_command_line_knows_our_models(capsys: pytest.CaptureFixture[str]) -> None:
    before = list(sys.argv)
    assert command_line(["--help"]) == 0 and "lm-eval" in capsys.readouterr().out
    assert command_line(["run", "--nonsense"]) == 2
    with pytest.raises(UsageError, match="model 'harnes'.*names:.* harness"):
        command_line(["run", "--model", "harnes", "--tasks", "arc_easy"])
    assert sys.argv == before
