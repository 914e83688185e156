"""LoRA adapters: the merged model is the one whose weights are merged here by hand; what is not plain is refused."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import causal, encoder, saved, word_tokenizer

from harness.api import evaluate
from harness.engine.adapter import adapter_in, base_of
from harness.engine.backend import Options
from harness.engine.checkpoint import Checkpoint, read_checkpoint
from harness.engine.load import load
from harness.errors import HarnessError, ModelError, UsageError
from harness.types import Likelihood, Question

CONFIG = {
    "peft_type": "LORA",
    "base_model_name_or_path": "/somewhere/base",
    "r": 4,
    "lora_alpha": 8,
    "target_modules": ["q_proj", "down_proj"],
    "bias": "none",
    "megatron_core": "megatron.core",
    "loftq_config": {},
    "modules_to_save": None,
    "use_dora": False,
}
LAYERS = ("model.layers.0.self_attn.q_proj", "model.layers.1.mlp.down_proj")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))


def adapter(base: Path, folder: Path, layers: tuple[str, ...] = LAYERS, rank: int = 4, **config: Any) -> Path:
    """An adapter folder with random updates for some layers of a base."""
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    weights = load_file(base / "model.safetensors")
    tensors = {}
    for layer in layers:
        out, into = weights[f"{layer}.weight"].shape
        tensors[f"base_model.model.{layer}.lora_A.weight"] = torch.randn(rank, into) / 4
        tensors[f"base_model.model.{layer}.lora_B.weight"] = torch.randn(out, rank) / 4
    save_file(tensors, folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | {"r": rank} | config))
    return folder


def by_hand(base: Path, lora: Path, folder: Path, scale: float) -> Path:
    """A copy of the base whose weights have the updates."""
    shutil.copytree(base, folder)
    weights = load_file(folder / "model.safetensors")
    parts = load_file(lora / "adapter_model.safetensors")
    for key in [key for key in parts if key.endswith(".lora_A.weight")]:
        up = parts[key.replace("lora_A", "lora_B")]
        name = key.removeprefix("base_model.model.").replace(".lora_A", "")
        weights[name] = weights[name] + scale * (up @ parts[key])
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def read(folder: Path, base: Path | None) -> Checkpoint:
    return read_checkpoint("tiny", folder, Options(device="cpu", base=None if base is None else str(base)))


def change(folder: Path, edit: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "adapter_model.safetensors"
    save_file(edit(load_file(path)), path)


@pytest.mark.parametrize(
    ("config", "scale"), [({}, 2.0), ({"use_rslora": True}, 4.0), ({"lora_alpha": 3}, 0.75), ({"lora_alpha": 0}, 0.0)]
)
def test_the_updates_are_added_to_the_weights(base: Path, tmp_path: Path, config: Any, scale: float) -> None:
    lora = adapter(base, tmp_path / "lora", **config)
    merged = read(by_hand(base, lora, tmp_path / "merged", scale), None)
    ours = read(lora, base)
    theirs = dict(merged.model.named_parameters())
    for name, weight in ours.model.named_parameters():
        torch.testing.assert_close(weight, theirs[name], rtol=1e-6, atol=1e-6)
    plain = dict(read(base, None).model.named_parameters())
    changed = {name for name, weight in ours.model.named_parameters() if not torch.equal(weight, plain[name])}
    assert changed == ({f"{layer}.weight" for layer in LAYERS} if scale else set())


def test_answers_are_those_of_the_merged_model(base: Path, tmp_path: Path) -> None:
    lora = adapter(base, tmp_path / "lora")
    merged = by_hand(base, lora, tmp_path / "merged", 2.0)
    questions = [Question("t", str(i), 0, Likelihood("w1 w2", f" w{i} w3 w4")) for i in range(8)]
    answers = []
    for folder, options in ((lora, Options(device="cpu", base=str(base))), (merged, Options(device="cpu"))):
        batches = load(str(folder), options).answer(questions)
        answers.append([response.logprob for _, response in sorted(a for batch in batches for a in batch)])
    assert answers[0] == pytest.approx(answers[1], abs=1e-5)
    unchanged = load(str(base), Options(device="cpu")).answer(questions)
    before = [response.logprob for _, response in sorted(a for batch in unchanged for a in batch)]
    assert max(abs(a - b) for a, b in zip(before, answers[0], strict=True)) > 1e-3


def test_gpt2_keeps_its_weights_the_other_way_round(tmp_path: Path) -> None:
    base = Path(saved(causal("gpt2", 65), tmp_path / "base"))
    lora = tmp_path / "lora"
    lora.mkdir()
    down, up = torch.randn(4, 32), torch.randn(96, 4)
    name = "base_model.model.transformer.h.0.attn.c_attn"
    save_file({f"{name}.lora_A.weight": down, f"{name}.lora_B.weight": up}, lora / "adapter_model.safetensors")
    (lora / "adapter_config.json").write_text(json.dumps(CONFIG | {"fan_in_fan_out": True}))
    before, after = (read(*pair).model.transformer.h[0].attn.c_attn.weight for pair in ((base, None), (lora, base)))
    torch.testing.assert_close(after, before + 2 * (up @ down).T)


def test_layers_may_differ_in_rank(base: Path, tmp_path: Path) -> None:
    lora = adapter(base, tmp_path / "lora", rank=2)
    (lora / "adapter_config.json").write_text(json.dumps(CONFIG | {"r": 16, "rank_pattern": {"q_proj": 2}}))
    by = dict(read(by_hand(base, lora, tmp_path / "merged", 4.0), None).model.named_parameters())
    for name, weight in read(lora, base).model.named_parameters():
        torch.testing.assert_close(weight, by[name], rtol=1e-6, atol=1e-6)


def test_the_fingerprint_has_both_and_the_user_is_told(base: Path, tmp_path: Path) -> None:
    lora, other = (adapter(base, tmp_path / name) for name in ("lora", "other"))
    change(other, lambda tensors: {name: 2 * tensor for name, tensor in tensors.items()})
    plain, first, second = (read(*pair).fingerprint for pair in ((base, None), (lora, base), (other, base)))
    assert "adapter" not in plain
    assert first["weights"] == second["weights"] == plain["weights"]
    assert first["adapter"] != second["adapter"]
    assert read(lora, base).notices == (f"a LoRA adapter, added to its base {base}",)


def test_a_tokenizer_of_its_own_is_read_and_in_the_fingerprint(base: Path, tmp_path: Path) -> None:
    lora = adapter(base, tmp_path / "lora")
    tokenizer = word_tokenizer()
    tokenizer.chat_template = "{{ messages[0]['content'] }}"
    tokenizer.save_pretrained(lora)
    opened = read(lora, base)
    assert opened.tokenizer.chat_template == tokenizer.chat_template
    assert opened.fingerprint["tokenizer"] != read(base, None).fingerprint["tokenizer"]


def test_a_whole_run_with_its_recipe(base: Path, tmp_path: Path) -> None:
    lora = adapter(base, tmp_path / "lora")
    result = evaluate(str(lora), "demo/sentiment", options=Options(base=str(base)), limit=4, store=str(tmp_path / "s"))
    assert result.run.recipe["options"]["base"] == str(base)
    assert "adapter" in result.run.fingerprint


@pytest.mark.parametrize("named", ["/somewhere/base", "../base", "./a", "~/x", "base", "", "a/b/c", "C:\\base", 5])
def test_a_path_that_an_adapter_names_needs_the_users_word(base: Path, tmp_path: Path, named: Any) -> None:
    lora = adapter(base, tmp_path / "lora", base_model_name_or_path=named)
    with pytest.raises(UsageError, match="say what it belongs to with --base MODEL"):
        read(lora, None)


def test_a_name_of_the_hub_is_never_a_folder_here(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(base, tmp_path / "org/base")
    lora = adapter(base, tmp_path / "lora", base_model_name_or_path="org/base", revision="main")
    found = adapter_in(lora)
    assert found is not None
    assert base_of(found, Options()) == "hf:org/base@main"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match="org/base"):
        read(lora, None)
    for dangerous in ("trust_remote_code", "allow_pickle"):
        with pytest.raises(UsageError, match="chooses its base 'org/base', and so the code"):
            read_checkpoint("tiny", lora, Options(**{dangerous: True}))


def test_a_base_without_an_adapter_is_told(base: Path) -> None:
    with pytest.raises(UsageError, match="is the base of an adapter, and .* holds none"):
        read(base, base)
    with pytest.raises(UsageError, match="and scripted:oracle is none"):
        load("scripted:oracle", Options(base="x"))


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "peft_type = 'IA3' is not plain LoRA"),
        ({"bias": "all"}, "bias = 'all' is not plain LoRA"),
        ({"use_dora": True}, "'use_dora' = True is not plain LoRA"),
        ({"init_lora_weights": "pissa"}, "init_lora_weights = 'pissa'"),
        ({"modules_to_save": ["lm_head"]}, "'modules_to_save' = ['lm_head']"),
        ({"alpha_pattern": {"q_proj": 2}}, "'alpha_pattern' ="),
        ({"layer_replication": [[0, 2]]}, "'layer_replication' ="),
        ({"from_tomorrow": 1}, "'from_tomorrow' = 1 is not plain LoRA"),
        ({"r": 0}, "r = 0 is not a whole number"),
        ({"r": "8"}, "r = '8' is not a whole number"),
        ({"r": 8}, "has the rank 4 and 4, and r is 8"),
        ({"lora_alpha": None}, "lora_alpha = None is not a number"),
        ({"lora_alpha": 1e999}, "lora_alpha = inf is not a number"),
        ({"lora_alpha": True}, "lora_alpha = True is not a number"),
    ],
)
def test_what_is_not_plain_is_refused_by_name(base: Path, tmp_path: Path, config: Any, said: str) -> None:
    lora = adapter(base, tmp_path / "lora")
    (lora / "adapter_config.json").write_text(json.dumps(CONFIG | config))
    with pytest.raises(ModelError) as error:
        read(lora, base)
    assert said in str(error.value)


FIRST = f"base_model.model.{LAYERS[0]}"


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda t: t | {"base_model.model.lm_head.weight": torch.ones(2, 2)}, "is no plain LoRA update"),
        (lambda t: t | {f"{FIRST}.lora_magnitude_vector": torch.ones(2)}, "is no plain LoRA update"),
        (lambda t: {k: v for k, v in t.items() if k != f"{FIRST}.lora_B.weight"}, "only half of the update"),
        (lambda t: {}, "holds no updates"),
        (lambda t: {k.replace("q_proj", "z_proj"): v for k, v in t.items()}, "no linear layer"),
        (lambda t: {k.replace("self_attn.q_proj", "__class__"): v for k, v in t.items()}, "no linear layer"),
        (lambda t: {k.replace("layers.0.self_attn.q_proj", "embed_tokens"): v for k, v in t.items()}, "no linear"),
        (lambda t: {k: torch.cat([v, v], 1) if "A" in k else v for k, v in t.items()}, "has the shape (32, 64)"),
        (lambda t: {k: v * math.inf for k, v in t.items()}, "not finite"),
        (lambda t: {k: v.to(torch.int8) for k, v in t.items()}, "quantised"),
        (lambda t: {k: v[None].clone() for k, v in t.items()}, "is no plain LoRA update"),
    ],
)
def test_updates_that_fit_nowhere_are_refused(base: Path, tmp_path: Path, edit: Any, said: str) -> None:
    lora = adapter(base, tmp_path / "lora")
    change(lora, edit)
    with pytest.raises(ModelError) as error:
        read(lora, base)
    assert said in str(error.value)


def test_a_tied_head_and_files_that_are_missing_are_refused(base: Path, tmp_path: Path) -> None:
    tied = causal("llama", 65)
    tied.config.tie_word_embeddings = True
    tied.tie_weights()
    folder = Path(saved(tied, tmp_path / "tied"))
    lora = tmp_path / "lora"
    lora.mkdir()
    name = "base_model.model.lm_head"
    pair = {f"{name}.lora_A.weight": torch.ones(4, 32), f"{name}.lora_B.weight": torch.ones(65, 4)}
    save_file(pair, lora / "adapter_model.safetensors")
    (lora / "adapter_config.json").write_text(json.dumps(CONFIG))
    with pytest.raises(ModelError, match="shares its weights with another layer"):
        read(lora, folder)
    (lora / "adapter_model.safetensors").rename(lora / "adapter_model.bin")
    with pytest.raises(ModelError, match="without adapter_model.safetensors; pickled weights are not read"):
        read(lora, base)


def test_an_adapter_is_no_base_of_another_and_is_not_fine_tuned(base: Path, tmp_path: Path) -> None:
    lora = adapter(base, tmp_path / "lora")
    with pytest.raises(ModelError, match="a whole model is needed here"):
        read(adapter(base, tmp_path / "second"), lora)
    bert = Path(saved(encoder("masked", 65), tmp_path / "bert"))
    with pytest.raises(HarnessError, match="adapters are not fine-tuned"):
        from harness.api import finetune

        finetune(str(bert), "demo/sentiment", options=Options(base=str(base)), store=str(tmp_path / "s"))
