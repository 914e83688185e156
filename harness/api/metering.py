"""The energy of what a run computed now, divided among its examples."""

from collections.abc import Container, Sequence

from harness import run as running
from harness.answers.journal import Journal
from harness.energy.account import account
from harness.energy.meter import Energy, unmeasured
from harness.engine.backend import Backend, Counted
from harness.types import EnergyUse


def energy_of(
    backend: Backend, energy: Energy, journal: Journal, before: Container[int], done: running.Finished
) -> EnergyUse:
    """Only what was computed in the window counts, not what the cache knew or what was answered ``before``."""
    positions = range(len(journal.responses))
    computed = [i for i in positions if i not in before and i not in journal.cached]
    if not computed:
        energy = unmeasured("nothing was computed: every answer was already known", energy.device, energy.seconds)
    operations = _operations(backend, journal) if energy.joules is not None else None
    return account(energy, done.outcomes, computed, operations)


def _operations(backend: Backend, journal: Journal) -> Sequence[float] | None:
    """Of every question of the run, 0 for those that the cache answered; None where the model does not tell."""
    if not isinstance(backend, Counted):
        return None
    uncached = [i for i in range(len(journal.responses)) if i not in journal.cached]
    counted = backend.operations([journal.responses[i] for i in uncached])
    if counted is None:
        return None
    known = dict(zip(uncached, counted, strict=True))
    return [known.get(i, 0.0) for i in range(len(journal.responses))]
