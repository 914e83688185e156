"""What a suite needs, collected for a bundle: data, files of the user's, models."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from harness import plugins
from harness.engine.source import folder_of, source_of
from harness.errors import ModelError, UsageError, quoted
from harness.kinds.file import code_of, is_task_file
from harness.offline.manifest import Origin, PackedFile, require_path
from harness.suite import Job
from harness.types import Task

MODEL_FILES = (
    "*.safetensors",
    "*.safetensors.index.json",
    "*.json",
    "*.txt",
    "*.model",
    "*.spm",
    "*.jinja",
    "LICENSE*",
    "NOTICE*",
    "README.md",
)
"""What is taken of a model's folder: no code and no pickles."""


class Packing:
    """Files by their paths in the bundle, models and files by the names that a suite calls them."""

    def __init__(self) -> None:
        self.entries: dict[str, PackedFile] = {}
        self.sources: dict[str, Path] = {}
        self.models: dict[str, str] = {}
        self.files: dict[str, str] = {}

    def add(self, path: str, source: Path, origin: Origin) -> None:
        """Take a file in. Raises UsageError for a path that a bundle cannot hold, and for a file that is not there."""
        require_path(path)
        total, size = hashlib.sha256(), 0
        try:
            with source.open("rb") as file:
                while chunk := file.read(1 << 20):
                    total.update(chunk)
                    size += len(chunk)
        except OSError as error:
            raise UsageError(f"cannot read {source}: {error.strerror}") from None
        self.entries[path] = PackedFile(path=path, size=size, sha256=total.hexdigest(), origin=origin)
        self.sources[path] = source

    # ----------------------------------------------------------------------------------------------------------- data
    def add_data(self, folder: Path, tasks: Iterable[Task]) -> None:
        """Everything in a folder in the Hub's layout, with the licences of the tasks that it is for."""
        known = {}
        for task in tasks:
            for dataset in (*task.shots.dataset, *task.dataset):
                origin = Origin(
                    kind="dataset", id=str(dataset), revision=dataset.revision or "", licence=task.card.licence
                )
                known[f"{dataset}.jsonl"] = origin
        for place in sorted(path for path in folder.rglob("*") if path.is_file()):
            name = place.relative_to(folder).as_posix()
            self.add(f"data/{name}", place, known[name])

    # ---------------------------------------------------------------------------------------------------------- files
    def add_files_of(self, job: Job, tasks: Sequence[Task]) -> None:
        """The files that a job names and those that its tasks read. Raises UsageError for what no bundle can hold."""
        for task in tasks:
            if task.open:
                raise UsageError(f"{task.name} reads its data through another package: a bundle cannot hold them")
            if task.judging and task.judging.base_url:
                raise UsageError(f"the judge of {task.name} is a server, and a bundle names none")
            for dataset in task.dataset + task.shots.dataset:
                if dataset.path:
                    self._file(dataset.path, licence=task.card.licence)
        words = [word for word in job.tasks if is_task_file(word)]
        words += [word for word in job.settings.counterfactual if Path(word).is_file()]
        scheme, _, rest = (job.settings.scorer or "").partition(":")
        if scheme == "lexicon":
            words.append(rest)
        for word in words:
            self.files[word] = self._file(word)

    def _file(self, word: str, licence: str = "") -> str:
        here = Path.cwd().resolve()
        place = Path(word).expanduser().resolve()
        if not place.is_relative_to(here):
            raise UsageError(f"{word} lies outside of {here}: a bundle holds files of the folder that it is made in")
        path = f"files/{place.relative_to(here).as_posix()}"
        if path not in self.entries:
            self.add(path, place, Origin(kind="file", id=place.name, licence=licence))
        return path

    # --------------------------------------------------------------------------------------------------------- models
    def add_models_of(self, job: Job) -> None:
        """Weights and tokenizer of the job's model, of its base and of its scorer. Raises the errors of loading."""
        if not plugins.is_local(job.model):
            raise UsageError(f"{job.model} has no weights that could be packed: leave out --models")
        folder = folder_of(job.model, job.options)
        self._model(job.model, folder)
        source = source_of(folder, job.options)
        if source.base:
            self._model(source.base, source.folder)
        scheme, _, rest = (job.settings.scorer or "").partition(":")
        if scheme == "hf":
            name = rest.partition("#")[0]
            if Path(name).expanduser().is_dir():
                raise UsageError(f"scorer {quoted(name)} is a folder: a bundle holds scorers of the Hub only")
            self._model(name, folder_of(f"hf:{name}", job.options))

    def _model(self, name: str, folder: Path) -> None:
        repo, _, revision = name.removeprefix("hf:").partition("@")
        of_hub = folder.parent.name == "snapshots" and not Path(name).expanduser().is_dir()
        if of_hub:
            cached = f"hub/models--{repo.replace('/', '--')}"
            root = f"{cached}/snapshots/{folder.name}"
            commit = folder.parent.parent / "refs" / (revision or "main")
            if commit.is_file():
                self.add(f"{cached}/refs/{revision or 'main'}", commit, Origin(kind="model", id=repo))
        else:
            if name in self.models:
                return
            root = self.models[name] = f"models/{len(self.models)}-{folder.name or 'model'}"
        origin = Origin(
            kind="model",
            id=repo if of_hub else name,
            revision=folder.name if of_hub else "",
            licence=licence_of(folder),
        )
        files = {path for pattern in MODEL_FILES for path in folder.glob(pattern) if path.is_file()}
        if not files:
            raise ModelError(f"{folder} holds no model")
        for path in sorted(files):
            self.add(f"{root}/{path.name}", path, origin)


def require_no_code(job: Job) -> None:
    """Raises UsageError for a task file that names code; nothing of it is loaded."""
    for word in filter(is_task_file, job.tasks):
        if coded := code_of(Path(word)):
            raise UsageError(
                f"{word} names the metric {quoted(coded[0])}, and a bundle holds no code: offer it as a plug-in and "
                "install that where the bundle goes"
            )


def licence_of(folder: Path) -> str:
    """The licence that the front matter of a model's page names; empty where there is none."""
    page = folder / "README.md"
    if not page.is_file():
        return ""
    lines = page.read_text(encoding="utf-8", errors="replace")[:20_000].splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    for line in lines[1:]:
        if line.strip() == "---":
            break
        if line.startswith("license:"):
            return line.removeprefix("license:").strip().strip("'\"")[:100]
    return ""
