"""One hash over what the store keeps of a run: a report says of which run it speaks, and anybody can check."""

import hashlib
import json
from dataclasses import asdict

from harness.store import samples
from harness.store.store import Store
from harness.store.transfer import OWN


def digest(store: Store, name: str) -> str:
    """The sha256 of a run: of its record, its numbers and the hashes of its files of samples, which are read for it.

    It is taken over JSON without spaces and with sorted keys: ``run`` (all fields but those that stay at home),
    ``results`` in their order, and ``samples`` as task, rows and sha256. Raises UnknownName, and StoreError for a file
    that is lost or is not the one that was written.
    """
    run = store.run(name)
    artifacts = store.artifacts(run.id)
    for artifact in artifacts:
        samples.check(store.folder, artifact)
    page = {
        "run": {key: value for key, value in asdict(run).items() if key not in OWN},
        "results": [asdict(e) for e in store.results(run.id)],
        "samples": [[artifact.task, artifact.rows, artifact.sha256] for artifact in artifacts],
    }
    return hashlib.sha256(json.dumps(page, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def lines(store: Store, names: list[str]) -> list[str]:
    """``SHA256  RUN`` for each run, as ``sha256sum`` writes it."""
    return [line(digest(store, name), store.run(name).id) for name in names]


def line(sha256: str, run: str) -> str:
    """``SHA256  RUN`` of one run."""
    return f"{sha256}  {run}"


def seal(listed: list[str]) -> str:
    """One hash over several runs: the sha256 of their lines."""
    return hashlib.sha256("".join(f"{line}\n" for line in listed).encode()).hexdigest()
