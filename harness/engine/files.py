"""The files of a model folder: which of them hold the weights, whether they are whole, and the hash of what is read.

A folder may come from anybody: an index names no file outside of it, and pickles are read only where they are allowed.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.errors import HarnessError, ModelError

_WEIGHTS = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)  # in transformers' order
_SETTINGS = (
    "config.json",
    "generation_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
)
_VOCABULARIES = ("tokenizer.json", "vocab.json")  # large: read once, by the tokenizer
_TOKENIZER_NAMES = (
    "tokenizer",
    "vocab",
    "merges",
    "special_tokens",
    "added_tokens",
    "spiece",
    "sentencepiece",
    "source.spm",
    "target.spm",
)
_TOKENIZER_ENDS = (".model", ".spm", ".codes", ".bpe", ".tiktoken", ".jinja")
_FLOATS = ("F64", "F32", "F16", "BF16")
_POINTER = b"version https://git-lfs.github.com/spec/"


def sha256_of(paths: Iterable[Path], root: Path) -> str:
    """SHA-256 over the names (relative to ``root``) and contents of files, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(paths):
        digest.update(f"{path.relative_to(root)}\0{path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while chunk := file.read(1 << 22):
                digest.update(chunk)
    return digest.hexdigest()


def fingerprint_of(folder: Path, weights: Iterable[Path], tokenizer: Path, code: bool) -> dict[str, str]:
    """Hashes of weights, settings and tokenizer (which may lie in a folder of its own), and of the model's own code
    where that is run; reads every byte.
    """
    read = {"weights": weights, "config": filter(Path.is_file, folder.glob("*config.json"))}
    prints = {what: sha256_of(paths, folder) for what, paths in read.items()}
    prints["tokenizer"] = sha256_of(tokenizer_files(tokenizer), tokenizer)
    return prints | ({"code": sha256_of(filter(Path.is_file, folder.rglob("*.py")), folder)} if code else {})


def tokenizer_files(folder: Path) -> list[Path]:
    """The files that a tokenizer may be made of."""
    named = [path for path in folder.iterdir() if path.name.startswith(_TOKENIZER_NAMES)]
    ending = [path for path in folder.iterdir() if path.name.endswith(_TOKENIZER_ENDS)]
    return sorted({path for path in (*named, *ending) if path.is_file()})


def weight_files(folder: Path, allow_pickle: bool) -> list[Path]:
    """The files that hold the weights, every shard that an index names among them.

    Raises ModelError when there are none, when one is missing or lies outside of ``folder``, and for pickles that are
    not allowed.
    """
    if (folder / "adapter_config.json").is_file():
        raise ModelError(f"{folder} holds an adapter, and a whole model is needed here; merge it first")
    chosen = settings_of(folder / "config.json").get("transformers_weights")
    for name in (chosen,) if chosen else _WEIGHTS:
        path = _inside(folder, name, "config.json") if chosen else folder / name
        if path.is_file():
            files = _shards(folder, path) if path.name.endswith(".index.json") else [path]
            pickles = [shard.name for shard in files if shard.suffix != ".safetensors"]
            if pickles and not allow_pickle:
                only = "only " if len(pickles) == len(files) else ""
                raise ModelError(
                    f"{folder} holds {only}pickled weights ({pickles[0]}), which can run code; "
                    "--allow-pickle loads them"
                )
            return files
    raise ModelError(f"{folder} holds no weights; expected model.safetensors or model.safetensors.index.json")


def require_settings(folder: Path) -> None:
    """Refuse settings and tokenizer files that are Git LFS pointers, or no JSON. Raises ModelError with the path."""
    settings = [folder / name for name in _SETTINGS if (folder / name).is_file()]
    for path in (*settings, *tokenizer_files(folder)):
        _refuse_pointer(path)
    for path in settings:
        settings_of(path)


def require_weights(weights: Iterable[Path]) -> None:
    """Refuse weights that are Git LFS pointers, were cut, or are quantised. Raises ModelError with the path."""
    import safetensors

    for path in weights:
        _refuse_pointer(path)
        if path.suffix != ".safetensors":
            continue
        try:
            with safetensors.safe_open(path, "pt") as opened:
                keys = [key for key in opened.keys() if key.endswith(".weight")]  # noqa: SIM118 - no dictionary
                stored = {key: opened.get_slice(key).get_dtype() for key in keys}
        except (safetensors.SafetensorError, OSError) as error:
            raise ModelError(f"{path} is cut or damaged: {str(error)[:200]}") from error
        for key, dtype in stored.items():
            if dtype not in _FLOATS:
                raise ModelError(f"{path}: {key[:200]} is stored as {dtype}; quantised weights are not supported")


def broken_vocabulary(folder: Path) -> str:
    """Which of the large files of a tokenizer is no JSON, and why; empty when they all are."""
    for path in (folder / name for name in _VOCABULARIES if (folder / name).is_file()):
        try:
            settings_of(path)
        except ModelError as error:
            return str(error)
    return ""


def settings_of(path: Path) -> dict[str, Any]:
    """The object in a JSON file; empty when there is no such file. Raises ModelError with the file's path."""
    if not path.exists():
        return {}
    try:
        _refuse_pointer(path)
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path} is no JSON that can be read: {said(error)}") from error
    if not isinstance(settings, dict):
        raise ModelError(f"{path} holds a {type(settings).__name__}; expected a JSON object")
    return settings


def said(error: BaseException) -> str:
    """The first line of what an error says, at most 200 characters, with its type where that line is no sentence.

    A line that ends in a colon takes the next one along.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [""]
    line = " ".join(lines[: 2 if lines[0].endswith(":") else 1])
    is_sentence = isinstance(error, OSError | ValueError | ImportError | RuntimeError) and " " in line
    return (line if is_sentence else f"{type(error).__name__} {line}".strip())[:200]


@contextmanager
def told(what: str, why: Callable[[], str] = str) -> Iterator[None]:
    """Turn whatever a library raises over somebody's files into one line: ``what``, and ``why`` or its first words."""
    try:
        yield
    except (HarnessError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # a panic of the tokenizers library is no Exception
        raise ModelError(f"{what}: {why() or said(error)}") from error


def _shards(folder: Path, index: Path) -> list[Path]:
    """The files that an index names, each once."""
    said_there = settings_of(index)
    names = said_there.get("weight_map")
    if not isinstance(names, dict) or not names or not isinstance(said_there.get("metadata"), dict):
        raise ModelError(f"{index} is no index of weights: it needs the objects weight_map and metadata")
    return [_inside(folder, name, index.name) for name in sorted(set(map(str, names.values())))]


def _inside(folder: Path, name: Any, source: str) -> Path:
    """The file ``name`` of a folder, which ``source`` names.

    It must be in the folder, links followed; or, in the Hub's cache, in the ``blobs`` that a snapshot links to.
    """
    root = folder.resolve()
    allowed = [root, root.parent.parent / "blobs"] if root.parent.name == "snapshots" else [root]
    shown = repr(str(name)[:200])
    try:
        steps = Path(str(name))
        path = folder / steps
        target = path.resolve(strict=True)
    except FileNotFoundError:
        raise ModelError(f"{folder}: {source} names {shown}, which is not there") from None
    except (OSError, ValueError, RuntimeError) as error:
        raise ModelError(f"{folder}: {source} names {shown}, which cannot be read: {said(error)}") from error
    if steps.is_absolute() or ".." in steps.parts or not any(target.is_relative_to(place) for place in allowed):
        raise ModelError(f"{folder}: {source} names {shown}, which is outside of the folder")
    if not target.is_file():
        raise ModelError(f"{folder}: {source} names {shown}, which is no file")
    return path


def _refuse_pointer(path: Path) -> None:
    with path.open("rb") as file:
        pointer = file.read(len(_POINTER)) == _POINTER
    if pointer:
        raise ModelError(f"{path} is a Git LFS pointer and not the file itself; fetch it with `git lfs pull`")
