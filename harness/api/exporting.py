"""A stored run written in the form of another tool."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness import plugins
from harness.api.reporting import report
from harness.errors import UsageError, quoted
from harness.exports import EXPORTS, TRACKERS, Exporter, StoredRun, tracked
from harness.files import write_text
from harness.hidden import hidden, hidden_in
from harness.store import Store, open_store
from harness.types import Run

HUB = "hub"
"""The model card for the Hugging Face Hub, which is a report too."""


def export(run: str, to: str, folder: str | Path | None = None, *, store: str | None = None) -> list[Path | str]:
    """Write a finished run below a folder [export-RUN-TO] in the form of another tool; gives the paths of its files.

    ``to``: "csv" (all numbers), "eee" (a record of Every Eval Ever), "hub" (a model card with its metadata), "in-toto"
    (the newest gate's verdict as a test result), "inspect" (a log for each task), "otel" (events of OpenTelemetry),
    "tensorboard", "trackio", "wandb" (a run for `wandb sync`), "mlflow", or what a plug-in offers. With
    MLFLOW_TRACKING_URI set, MLflow's run goes there, and its address is given instead of a path.
    A second export changes nothing; no secret of the environment and no folder of the model stands in what is written.
    Raises UnknownName for a form that nothing offers, UsageError for a run that is not finished or a package that is
    not installed.
    """
    opened = open_store(store, create=False)
    stored = opened.run(run)
    if stored.status != "finished":
        raise UsageError(f"run {stored.id} is {stored.status}: only a finished run can be exported")
    target = Path(f"export-{stored.id}-{to}" if folder is None else folder)
    offered, broken = plugins.functions("harness.exports")
    exporters: Mapping[str, Exporter] = EXPORTS | offered
    if to in exporters:
        return _write(exporters[to](_whole(opened, stored)), to, target)
    if to in TRACKERS:
        return [TRACKERS[to](tracked(_whole(opened, stored)), target)]
    if to == HUB:
        card = report(stored.id, "card", store=store)
        return _write(card if isinstance(card, dict) else {"README.md": card}, to, target)
    raise plugins.unknown("form of export", to, [*exporters, *TRACKERS, HUB], broken)


def _whole(store: Store, run: Run) -> StoredRun:
    return StoredRun(
        run=run,
        estimates=tuple(store.results(run.id)),
        artifacts=tuple(store.artifacts(run.id)),
        verdicts=tuple(store.verdicts(run.id)),
        outcomes=lambda task: store.outcomes(run.id, task),
    )


def _write(files: Mapping[str, str], to: str, folder: Path) -> list[Path | str]:
    """Write texts without a secret by the path of their files, none of which may lead out of the folder."""
    written: list[Path | str] = []
    for name, text in sorted(files.items()):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(f"the exporter {quoted(to, 40)} names the file {quoted(name, 80)}, which leads elsewhere")
        write_text(folder / path, _without_secrets(path.suffix, text))
        written.append(folder / path)
    return written


def _without_secrets(suffix: str, text: str) -> str:
    """JSON text by text, where a secret stands as it is: in the file a quote in it is escaped, and ends no URL."""
    lines = {".json": [text], ".jsonl": [line for line in text.split("\n") if line]}.get(suffix, [])
    try:
        pages = [hidden_in(json.loads(line)) for line in lines]
    except ValueError:  # an exporter of somebody else may call anything JSON
        pages = []
    indent = 1 if suffix == ".json" else None
    return "".join(json.dumps(page, indent=indent, ensure_ascii=False) + "\n" for page in pages) or hidden(text)
