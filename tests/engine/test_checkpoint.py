"""Model folders as they come: whole ones are read, all others are refused in one line that names the file."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import causal, encoder, saved, seq2seq, word_tokenizer

from harness.engine.backend import Options
from harness.engine.checkpoint import Checkpoint, read_checkpoint
from harness.engine.files import said, weight_files
from harness.engine.load import open_checkpoint, open_local
from harness.errors import ModelError, UsageError

CPU = Options(device="cpu")
INDEX = "model.safetensors.index.json"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(saved(causal("llama", 65), tmp_path_factory.mktemp("model")))


@pytest.fixture
def folder(base: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(base, tmp_path / "model"))


def read(folder: Path, options: Options = CPU) -> Checkpoint:
    return read_checkpoint("tiny", folder, options)


def reweigh(folder: Path, change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]) -> None:
    path = folder / "model.safetensors"
    save_file(change(load_file(path)), path, {"format": "pt"})


def set_json(path: Path, **values: Any) -> None:
    found = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(found | values), encoding="utf-8")


def shard(folder: Path, first: str = "one.safetensors", second: str = "two.safetensors") -> None:
    """The weights of a folder in two files that an index names."""
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    names = sorted(tensors)
    places = {name: first if i < len(names) // 2 else second for i, name in enumerate(names)}
    for file in (first, second):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        save_file({n: tensors[n] for n in names if places[n] == file}, folder / file, {"format": "pt"})
    (folder / INDEX).write_text(json.dumps({"metadata": {}, "weight_map": places}), encoding="utf-8")


# ------------------------------------------------------------------------------------------------------------ weights
@pytest.mark.parametrize("part", ["lm_head.weight", "model.layers.1.", "model.embed_tokens", "model.norm.weight"])
def test_weights_that_lack_are_refused_by_name(part: str, folder: Path) -> None:
    reweigh(folder, lambda tensors: {name: t for name, t in tensors.items() if not name.startswith(part)})
    with pytest.raises(ModelError, match=f"lacks weights, which would be random: .*{part}"):
        read(folder)


@pytest.mark.parametrize(
    ("model", "part"),
    [
        (lambda: causal("gpt2", 65), "h.1.mlp"),
        (lambda: encoder("masked", 65), "layer.1.output"),
        (lambda: encoder("masked", 65), "predictions.transform"),
        (lambda: encoder("classifier", 65), "classifier"),
        (lambda: seq2seq("t5", 65), "decoder.block.1"),
    ],
)
def test_weights_of_other_architectures_are_refused_by_name(
    model: Callable[[], Any], part: str, tmp_path: Path
) -> None:
    folder = saved(model(), tmp_path)
    read(folder)
    reweigh(folder, lambda tensors: {name: t for name, t in tensors.items() if part not in name})
    with pytest.raises(ModelError, match=f"would be random: .*{part}"):
        read(folder)


def test_renamed_weights_are_named_on_both_sides(folder: Path) -> None:
    reweigh(folder, lambda tensors: {name.replace("q_proj", "query"): t for name, t in tensors.items()})
    with pytest.raises(ModelError, match=r"random: model\.layers\.0\.self_attn\.q_proj.*not read.*self_attn\.query"):
        read(folder)


def test_another_shape_is_refused_with_both_shapes(folder: Path) -> None:
    set_json(folder / "config.json", intermediate_size=64)
    with pytest.raises(ModelError, match=r"down_proj\.weight has \(32, 48\), needs \(32, 64\)"):
        read(folder)


@pytest.mark.parametrize("kept", ["model.embed_tokens.weight", "lm_head.weight"])
def test_tied_weights_are_not_missing_whichever_is_stored(kept: str, folder: Path) -> None:
    set_json(folder / "config.json", tie_word_embeddings=True)
    reweigh(
        folder,
        lambda tensors: {
            name: t for name, t in tensors.items() if name == kept or not name.startswith(("model.embed", "lm_head"))
        },
    )
    model = read(folder).model
    stored = load_file(folder / "model.safetensors")[kept]
    assert torch.equal(model.lm_head.weight, stored) and torch.equal(model.model.embed_tokens.weight, stored)


def test_weights_without_a_place_are_told(folder: Path) -> None:
    reweigh(folder, lambda tensors: {**tensors, "bonus.weight": torch.zeros(2)})
    checkpoint = read(folder)
    assert len(checkpoint.notices) == 1 and "bonus.weight" in checkpoint.notices[0]
    assert open_checkpoint(checkpoint).info.notices == checkpoint.notices


# -------------------------------------------------------------------------------------------------------------- index
@pytest.mark.parametrize("first", ["one.safetensors", "parts/one.safetensors"])
def test_every_file_that_an_index_names_is_in_the_fingerprint(first: str, folder: Path) -> None:
    plain = read(folder).model.state_dict()
    shard(folder, first)
    before = read(folder)
    assert all(torch.equal(t, plain[name]) for name, t in before.model.state_dict().items())
    assert {path.name for path in weight_files(folder, False)} == {"one.safetensors", "two.safetensors"}
    tensors = load_file(folder / first)
    save_file({name: t + 1 for name, t in tensors.items()}, folder / first, {"format": "pt"})
    assert read(folder).fingerprint["weights"] != before.fingerprint["weights"]


def test_an_index_names_no_pickle_unless_that_is_allowed(folder: Path) -> None:
    shard(folder, "one.bin")
    with pytest.raises(ModelError, match=r"pickled weights \(one\.bin\).*--allow-pickle"):
        read(folder)


def test_pickles_are_read_where_they_are_allowed(folder: Path) -> None:
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="--allow-pickle"):
        read(folder)
    assert read(folder, Options(device="cpu", allow_pickle=True)).family == "causal"


def test_an_index_stays_in_its_folder(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.safetensors"
    shard(folder)
    shutil.copy(folder / "one.safetensors", outside)
    (folder / "link.safetensors").symlink_to(outside)
    (folder / "loop.safetensors").symlink_to("loop.safetensors")
    shutil.copy(folder / "one.safetensors", folder / "near.safetensors")
    (folder / "inner.safetensors").symlink_to("near.safetensors")
    text = (folder / INDEX).read_text()
    for name, reason in {
        "../outside.safetensors": "outside of the folder",
        "../model/one.safetensors": "outside of the folder",
        str(outside): "outside of the folder",
        str(folder / "one.safetensors"): "outside of the folder",
        "link.safetensors": "outside of the folder",
        "loop.safetensors": "cannot be read",
        "gone.safetensors": "not there",
        "a\0b": "cannot be read",
        ".": "is no file",
        "x" * 9000: "cannot be read",
    }.items():
        (folder / INDEX).write_text(text.replace('"one.safetensors"', json.dumps(name)))
        with pytest.raises(ModelError, match=reason) as raised:
            weight_files(folder, False)
        assert len(str(raised.value)) < 700
    (folder / INDEX).write_text(text.replace('"one.safetensors"', '"inner.safetensors"'))
    assert len(weight_files(folder, False)) == 2


def test_a_snapshot_of_the_hub_links_to_its_blobs_alone(folder: Path, tmp_path: Path) -> None:
    shard(folder)
    repo = tmp_path / "models--a--b"
    snapshot = repo / "snapshots" / "0123"
    (repo / "blobs").mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for path in folder.iterdir():
        path.rename(repo / "blobs" / path.name)
        (snapshot / path.name).symlink_to(Path("../../blobs") / path.name)
    assert read(snapshot).family == "causal"
    elsewhere = tmp_path / "elsewhere.safetensors"
    (repo / "blobs" / "one.safetensors").rename(elsewhere)
    (snapshot / "one.safetensors").unlink()
    (snapshot / "one.safetensors").symlink_to(elsewhere)
    with pytest.raises(ModelError, match="outside of the folder"):
        read(snapshot)


@pytest.mark.parametrize(
    "text", ["{}", '{"weight_map": {"a": "b"}}', '{"weight_map": ["a"], "metadata": {}}', "[]", "{"]
)
def test_an_index_of_another_form_is_refused(text: str, folder: Path) -> None:
    shard(folder)
    (folder / INDEX).write_text(text)
    with pytest.raises(ModelError, match=INDEX):
        read(folder)


def test_a_config_names_no_weights_outside_of_its_folder(folder: Path) -> None:
    shutil.copy(folder / "model.safetensors", folder.parent / "other.safetensors")
    set_json(folder / "config.json", transformers_weights="../other.safetensors")
    with pytest.raises(ModelError, match="outside of the folder"):
        read(folder)


# --------------------------------------------------------------------------------------------------------- odd folders
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"
FILES = ("config.json", "generation_config.json", "tokenizer_config.json", "tokenizer.json", "model.safetensors")


@pytest.mark.parametrize("content", [POINTER, b"", b"[]", b"\xff\xfe\x00", b"[" * 99_999, b"\xef\xbb\xbf{}"])
@pytest.mark.parametrize("file", FILES)
def test_a_broken_file_is_named(file: str, content: bytes, folder: Path) -> None:
    (folder / file).write_bytes(content)
    with pytest.raises(ModelError, match=file) as raised:
        read(folder)
    assert "\n" not in str(raised.value)
    assert ("Git LFS pointer" in str(raised.value)) == (content == POINTER)


@pytest.mark.parametrize("file", FILES)
def test_a_cut_file_is_named(file: str, folder: Path) -> None:
    (folder / file).write_bytes((folder / file).read_bytes()[:-9])
    with pytest.raises(ModelError, match=file):
        read(folder)


@pytest.mark.parametrize(
    ("file", "values", "words"),
    [
        ("config.json", {"hidden_size": "wide"}, "config.json.*hidden_size"),
        ("config.json", {"num_attention_heads": 0}, "config.json"),
        ("config.json", {"model_type": 3}, "config.json"),
        ("config.json", {"architectures": "LlamaForCausalLM"}, "architecture 'none'"),
        ("config.json", {"architectures": [7]}, "architecture '7'"),
        ("config.json", {"quantization_config": {"quant_method": "gptq", "bits": 4}}, r"quantised \(gptq\)"),
        (
            "config.json",
            {"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": True}},
            "bitsandbytes",
        ),
        (
            "config.json",
            {"quantization_config": {"quant_method": "torchao", "quant_type": "int4"}},
            "torchao",
        ),
        ("config.json", {"quantization_config": {"quant_method": "unheard"}}, r"quantised \(unheard\)"),
        ("generation_config.json", {"eos_token_id": "end"}, "eos_token_id 'end' is no token's number"),
        ("tokenizer_config.json", {"bos_token": 4}, "tokenizer_config.json"),
        ("tokenizer_config.json", {"tokenizer_class": 3}, "tokenizer_config.json"),
        ("tokenizer_config.json", {"extra_special_tokens": 5}, "tokenizer_config.json"),
        ("tokenizer_config.json", {"bos_token": "<begin>"}, "no embedding for .*<begin>"),
        ("tokenizer.json", {"added_tokens": None}, "tokenizer.json"),
        ("tokenizer.json", {"model": {"type": "Unheard"}}, "tokenizer.json"),
        ("tokenizer.json", {"model": {"type": "WordLevel", "vocab": {}, "unk_token": "u"}}, "tokenizer.json.*UNK"),
    ],
)
def test_odd_settings_are_refused_in_words(file: str, values: dict[str, Any], words: str, folder: Path) -> None:
    set_json(folder / file, **values)
    with pytest.raises(ModelError, match=words):
        open_local("tiny", folder, CPU)


@pytest.mark.parametrize("limit", ["many", None, -5, 0])
def test_a_limit_that_is_no_number_is_no_limit(limit: Any, tmp_path: Path) -> None:
    folder = saved(encoder("masked", 65), tmp_path)
    set_json(folder / "tokenizer_config.json", model_max_length=limit)
    assert open_local("tiny", folder, CPU).info.context == 64


def test_integer_weights_are_refused(folder: Path) -> None:
    reweigh(folder, lambda tensors: {name: t.to(torch.int8) for name, t in tensors.items()})
    with pytest.raises(ModelError, match=r"weight is stored as I8; quantised"):
        read(folder)


# ---------------------------------------------------------------------------------------------------- tokenizer, chat
def test_a_tokenizer_larger_than_the_embedding_is_refused_but_for_spare_special_tokens(folder: Path) -> None:
    tokenizer = word_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": ["<picture>"]})
    tokenizer.save_pretrained(folder)
    assert read(folder).rows == 65
    tokenizer.add_tokens(["zebra"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="no embedding for .*zebra"):
        read(folder)
    tokenizer = word_tokenizer()
    tokenizer.add_special_tokens({"pad_token": "<fill>"})
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match="<fill>"):
        read(folder)


def test_only_a_causal_model_reads_a_chat(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="masked model, which reads no chat"):
        read(saved(encoder("masked", 65), tmp_path), Options(device="cpu", chat=True))


def test_code_that_is_run_is_in_the_fingerprint(folder: Path) -> None:
    assert "code" not in read(folder).fingerprint
    trusting = Options(device="cpu", trust_remote_code=True)
    before = read(folder, trusting).fingerprint["code"]
    (folder / "modeling.py").write_text("")
    assert read(folder, trusting).fingerprint["code"] != before


def test_words_of_a_library_become_one_short_line() -> None:
    assert said(ValueError("\n  it broke\nthere")) == "it broke"
    assert said(TypeError("Field 'a':\n    wants a number\nmore")) == "TypeError Field 'a': wants a number"
    assert said(KeyError("added")) == "KeyError 'added'"
    assert len(said(ValueError("a b " * 99))) == 200


def test_scores_that_the_config_caps_are_capped_by_every_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Releases of transformers that say Gemma 2 can do with ``sdpa``, which knows no cap, leave the cap out."""
    from transformers.models.gemma2.modeling_gemma2 import Gemma2PreTrainedModel

    monkeypatch.setattr(Gemma2PreTrainedModel, "_supports_sdpa", True)
    checkpoint = read_checkpoint("capped", saved(causal("gemma2", 65), tmp_path), Options(device="cpu"))
    assert checkpoint.model.config._attn_implementation == "eager"
