"""A run in shards: every job of an array answers its own part of one plan, and the last one joins them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from harness import run as running
from harness.answers.journal import Journal
from harness.answers.records import canonical
from harness.answers.shard import Shard, Share, read_shard, require_same, shards_in
from harness.api.recipe import Recipe
from harness.api.recording import described, identity_of, kept, machine_of
from harness.api.records import Listener, Result, Where
from harness.data import digest
from harness.engine.backend import Agenda, Backend, agenda_of
from harness.engine.division import Outside
from harness.engine.division import shards as divided
from harness.engine.elsewhere.merged import Merged
from harness.hidden import hidden_in
from harness.store import Store, open_store
from harness.talks import require_undivided
from harness.types import Question, Run, Settings


def record_shard(
    backend: Backend,
    planned: Sequence[running.Planned],
    settings: Settings,
    *,
    where: Where,
    listener: Listener,
    recipe: Recipe | None = None,
    left_out: Mapping[str, str] = {},
) -> Result:
    """Answer one shard of what is planned and keep the answers for ``merge``; one that was interrupted goes on.

    Nothing is judged and nothing enters the catalogue: the result has no numbers, and its run is not stored. Answers of
    earlier runs are not reused, for then every shard would plan for itself.
    Raises RunError while another process writes the same shard.
    """
    assert where.shard is not None
    share = Share.of(where.shard)
    require_undivided(planned)
    store = open_store(where.store, samples=where.samples)
    run = described(backend, planned, settings, where.name)
    identity = identity_of(run)
    questions = running.questions(planned)
    agenda = agenda_of(backend, questions)
    batches = agenda.batches()
    own = divided(batches, share.count)[share.number - 1]
    head = {
        "identity": identity,
        "total": len(questions),
        "questions": digest_of(questions),
        "plan": digest([batch.positions for batch in batches]),
        "about": _about(backend, run),
        "shard": [share.number, share.count],
        "own": len(own),
        "recipe": recipe.record() if recipe else None,
        "left_out": dict(left_out),
    }
    with Journal.open(share.path(folder_of(store), identity), head) as journal:
        if journal.notice:
            listener.notice(journal.notice)
        try:
            _answer(agenda, own, journal, listener)
        except BaseException:
            for text in kept(len(journal.responses), len(own), resuming=True):
                listener.notice(text)
            raise
        journal.note(dict(backend.stats()))
        message = f"shard {share}: {len(own)} of {len(questions)} questions are answered in {journal.path}"
    return Result(replace(run, status="interrupted", message=message), ())


def _answer(agenda: Agenda, own: frozenset[int], journal: Journal, listener: Listener) -> None:
    listener.progress(len(journal.responses), len(own))
    left = own - journal.responses.keys()
    for batch in agenda.answer(Outside(left)) if left else ():
        journal.append([(position, response) for position, response in batch if position in own])
        listener.progress(len(journal.responses), len(own))


def adopted(
    backend: Backend, planned: Sequence[running.Planned], settings: Settings, *, where: Where
) -> tuple[Backend, list[Shard]]:
    """The model behind the shards of the same run that were kept, if there are any, so that it answers only the rest.

    Raises UsageError for a shard that is still being written or is there twice.
    """
    run = described(backend, planned, settings, where.name)
    shards = [read_shard(path) for path in shards_in(folder_of(open_store(where.store, samples=where.samples)))]
    asked = identity_of(run), _about(backend, run)
    own = [shard for shard in shards if (shard.head["identity"], shard.head["about"]) == asked]
    if not own:
        return backend, []
    require_same(own)
    return Merged(backend.info, own, backend), own


def folder_of(store: Store) -> Path:
    """Where the shards of a store's runs are kept."""
    return store.journals.parent / "shards"


def digest_of(questions: Sequence[Question]) -> str:
    """What two runs share that ask the very same questions."""
    return digest([asdict(question) for question in questions])


def _about(backend: Backend, run: Run) -> dict[str, Any]:
    """What all shards of a run have in common, in words that a message can use."""
    about = {
        "model": run.model,
        "fingerprint": dict(run.fingerprint),
        "answers": sorted(kind.__name__ for kind in backend.info.answers),
        "settings": dict(run.settings),
        "tasks": {task.name: [task.fingerprint, task.data_sha256, task.n] for task in run.tasks},
        "machine": machine_of(backend),
    }
    plain: dict[str, Any] = json.loads(canonical(hidden_in(about)))
    return plain
