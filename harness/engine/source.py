"""What a local model is read from: the folder that its name stands for, or that of a base and the adapter added to it.

What lies at the Hub is fetched when it is not here yet.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.engine import files
from harness.engine.adapter import Adapter, adapter_in, base_of, tokenizer_folder
from harness.engine.backend import Options
from harness.errors import ModelError, UnknownName, UsageError, quoted

VALID = ("smollm2", "PATH", "hf:ORG/NAME[@REVISION]", "openai:NAME", "replay:FILE", "scripted:RULE")
ELSEWHERE = ("openai", "replay", "scripted")
"""Schemes of models that have no weights here."""
_PATTERNS = ["*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.spm", "*.jinja"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """The folders of weights and tokenizer, the adapter that is added, and what its base is called."""

    folder: Path
    tokenizer: Path
    adapter: Adapter | None = None
    base: str = ""

    def require_settings(self) -> None:
        """Refuse settings that are Git LFS pointers, or no JSON. Raises ModelError with the path."""
        for folder in {self.folder, self.tokenizer}:
            files.require_settings(folder)

    def fingerprint(self, weights: Sequence[Path], code: bool) -> dict[str, str]:
        """Hashes of everything that is read, the adapter too; reads every byte."""
        prints = files.fingerprint_of(self.folder, weights, self.tokenizer, code)
        return prints | ({"adapter": self.adapter.sha256} if self.adapter else {})


def refuse_base(spec: str, options: Options) -> None:
    """Raise UsageError where a base is named for a server, a file of answers or a script, which have none."""
    scheme, _, rest = spec.partition(":")
    if options.base is not None and rest and scheme in ELSEWHERE:
        raise UsageError(f"--base {options.base} is the base of an adapter, and {spec} is none")


def source_of(folder: Path, options: Options) -> ModelSource:
    """Where the model in ``folder`` is read from; the base of an adapter is fetched where it is not there yet.

    Raises UsageError where the user has to name the base, or names one for a folder that holds no adapter.
    """
    adapter = adapter_in(folder)
    if adapter is None:
        if options.base is not None:
            raise UsageError(f"--base {options.base} is the base of an adapter, and {folder} holds none")
        return ModelSource(folder, folder)
    name = base_of(adapter, options)
    base = folder_of(name, options)
    return ModelSource(base, tokenizer_folder(adapter, base), adapter, name)


def folder_of(spec: str, options: Options) -> Path:
    """The local folder that holds the weights ``spec`` names; downloads from the Hub when they are not there yet."""
    if spec == "smollm2":
        from harness.engine.smollm2 import smollm2_folder

        return smollm2_folder()
    path = Path(spec).expanduser()
    if path.is_dir():
        return path
    if path.is_file():
        raise ModelError(
            f"{quoted(spec)} is a file; a model is a folder with config, tokenizer and safetensors weights"
        )
    name = spec.removeprefix("hf:")
    if name.startswith(("/", ".", "~")) or name.count("/") != 1 or ":" in name:
        raise UnknownName("model", spec, VALID)
    return download(name, options)


def download(name: str, options: Options) -> Path:
    """The snapshot of ``org/name[@revision]`` in the Hub's local cache, fetched when it is not there.

    Raises ModelError when neither the cache nor the network has it.
    """
    from huggingface_hub import snapshot_download

    repo, _, revision = name.partition("@")
    patterns = [*_PATTERNS, "*.bin"] if options.allow_pickle else _PATTERNS
    if options.trust_remote_code:
        patterns = [*patterns, "*.py"]
    try:
        return Path(snapshot_download(repo, revision=revision or None, allow_patterns=patterns))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0].removeprefix("Got: ") if str(error) else type(error).__name__
        offline = " (HF_HUB_OFFLINE is set)" if os.environ.get("HF_HUB_OFFLINE") == "1" else ""
        raise ModelError(f"no folder {name!r} here, and the Hub does not give that model{offline}: {reason}") from error
