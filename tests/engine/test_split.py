"""Models that accelerate spreads over devices, memory and disk, because they do not fit on one."""

from pathlib import Path

import pytest
import torch
from asking import ask
from tiny import causal, saved

from harness.engine import checkpoint
from harness.engine.backend import Options
from harness.engine.causal.backend import Causal
from harness.engine.checkpoint import read_checkpoint
from harness.engine.doctor import compare, requests_for
from harness.engine.load import open_checkpoint, open_local
from harness.errors import ModelError
from harness.types import Choose, Generate, Likelihood

LAYERS = {"model.embed_tokens": "cpu", "model.layers.0": "cpu", "model.layers.1": "cpu", "model.norm": "cpu",
          "model.rotary_emb": "cpu", "lm_head": "cpu"}  # fmt: skip


@pytest.mark.parametrize("away", ["model.layers.0", "model.layers.1", "lm_head"])
def test_a_model_that_accelerate_keeps_on_the_disk_in_part_gives_its_own_numbers(
    away: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    places = {"device_map": LAYERS | {away: "disk"}, "offload_folder": str(tmp_path / "off")}
    folder = saved(causal("llama", 65), tmp_path / "model")
    whole = open_local("tiny", folder, Options(device="cpu", engine="reference"))
    monkeypatch.setattr(checkpoint, "_placement", lambda device, weights: places)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)  # lanes would take each other's weights away
    try:
        split = read_checkpoint("tiny", folder, Options(device="cpu", token_budget=64))
        backend = open_checkpoint(split)
        assert isinstance(backend, Causal) and backend.lanes == 1
        for kind in (Choose, Generate, Likelihood):
            requests = requests_for(kind, (), 9)
            expected, answers = ask(whole, requests), ask(backend, requests)
            finding = compare(kind.__name__, "64", answers, expected, 0.0)
            assert finding.ok(), finding
    finally:
        torch.set_num_threads(threads)


def test_a_model_whose_embeddings_do_not_fit_is_refused_in_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("accelerate")
    places = {"device_map": {"": "disk"}, "offload_folder": str(tmp_path / "off")}
    folder = saved(causal("llama", 65), tmp_path / "model")
    monkeypatch.setattr(checkpoint, "_placement", lambda device, weights: places)
    with pytest.raises(ModelError, match="'tiny' does not fit into memory.*--dtype bfloat16"):
        open_local("tiny", folder, Options(device="cpu"))
