"""A stored run written in the form of another tool."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from harness import plugins
from harness.api.reporting import report
from harness.errors import UsageError, quoted
from harness.exports import EXPORTS, Exporter, StoredRun
from harness.files import write_text
from harness.hidden import hidden
from harness.store import Store, open_store
from harness.types import Run

HUB = "hub"
"""The model card for the Hugging Face Hub, which is a report too."""


def export(run: str, to: str, folder: str | Path | None = None, *, store: str | None = None) -> list[Path]:
    """Write a finished run below a folder [export-RUN-TO] in the form of another tool; gives the paths of its files.

    ``to``: "csv" (all numbers), "eee" (a record of Every Eval Ever), "hub" (a model card with its metadata), "in-toto"
    (the newest gate's verdict as a test result), or what a plug-in offers. A second export writes the same bytes; no
    secret of the environment and no folder of the model stands in them.
    Raises UnknownName for a form that nothing offers, UsageError for a run that is not finished.
    """
    opened = open_store(store, create=False)
    stored = opened.run(run)
    if stored.status != "finished":
        raise UsageError(f"run {stored.id} is {stored.status}: only a finished run can be exported")
    target = Path(f"export-{stored.id}-{to}" if folder is None else folder)
    written = []
    for name, text in sorted(_files(opened, stored, to, store).items()):
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts:
            raise UsageError(f"the exporter {quoted(to, 40)} names the file {quoted(name, 80)}, which leads elsewhere")
        write_text(target / path, hidden(text))
        written.append(target / path)
    return written


def _files(store: Store, run: Run, to: str, url: str | None) -> Mapping[str, str]:
    offered, broken = plugins.functions("harness.exports")
    exporters: Mapping[str, Exporter] = EXPORTS | offered
    if to == HUB and HUB not in exporters:
        card = report(run.id, "card", store=url)
        return card if isinstance(card, dict) else {"README.md": card}
    if to not in exporters:
        raise plugins.unknown("form of export", to, [*exporters, HUB], broken)
    stored = StoredRun(
        run=run,
        estimates=tuple(store.results(run.id)),
        artifacts=tuple(store.artifacts(run.id)),
        verdicts=tuple(store.verdicts(run.id)),
        outcomes=lambda task: store.outcomes(run.id, task),
    )
    return exporters[to](stored)
