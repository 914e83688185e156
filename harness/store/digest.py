"""One hash over what the store keeps of a run: a report says of which run it speaks, and anybody can check."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

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
    return _sha256(page)


@dataclass(frozen=True, slots=True)
class Signature:
    """The sha256 of a run, and that of what audits kept with it since, where any did."""

    run: str
    sha256: str
    audits: str | None

    @property
    def lines(self) -> list[tuple[str, str]]:
        """(whose, sha256), one or two."""
        return [(self.run, self.sha256), *([(f"{self.run} audits", self.audits)] if self.audits else [])]


def signature(store: Store, name: str) -> Signature:
    """Both hashes of a run; raises as ``digest`` does. Results of audits are hashed as JSON, the newest of each."""
    run = store.run(name)
    results = [asdict(one) for one in store.audit_results(run.id)]
    return Signature(run.id, digest(store, run.id), _sha256(results) if results else None)


def lines(signatures: Sequence[Signature]) -> list[str]:
    """``SHA256  RUN`` for each run, as ``sha256sum`` writes it, and ``SHA256  RUN audits`` below."""
    return [f"{sha256}  {whose}" for signed in signatures for whose, sha256 in signed.lines]


def seal(signatures: Sequence[Signature]) -> str:
    """One hash over several runs: the sha256 of their lines."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines(signatures)).encode()).hexdigest()


def _sha256(page: object) -> str:
    return hashlib.sha256(json.dumps(page, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
