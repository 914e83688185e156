"""The energy of a stretch of time: what counts it, behind one small interface, and a watch over it."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from time import perf_counter
from typing import Literal, Protocol

Method = Literal["nvml_counter", "nvml_power_integral", "rapl", "none"]
SHORTEST = 1.0
"""Seconds below which a window says nothing: counters move every 20 to 100 ms."""


class Unreadable(Exception):
    """Why a device's energy cannot be read, in words for a person."""


class EnergyMeter(Protocol):
    """Something that counts the energy of a device."""

    method: Method
    device: str
    every: float
    """Seconds within which it has to be read again: a counter wraps, a power is sampled."""

    def joules(self) -> float:
        """Joules since it was opened; never less than before. Raises Unreadable."""
        ...

    def shared(self) -> bool | None:
        """Whether other processes use the device; None where nothing tells."""
        ...


@dataclass(frozen=True, slots=True)
class Energy:
    """What a window has taken. ``joules`` is None where it was not measured, and ``reason`` says why.

    ``idle_watts``: the device's power before the window, None where it was not measured. ``shared``: other processes
    were on the device, so that some of the energy is theirs; None where nothing tells.
    """

    method: Method
    device: str
    seconds: float
    joules: float | None = None
    idle_watts: float | None = None
    shared: bool | None = None
    reason: str = ""

    @property
    def net_joules(self) -> float | None:
        """What is left without the power that the idle device would have drawn all the same."""
        if self.joules is None or self.idle_watts is None:
            return None
        return max(0.0, self.joules - self.idle_watts * self.seconds)


def unmeasured(reason: str, device: str = "", seconds: float = 0.0) -> Energy:
    """A window that nothing counted."""
    return Energy("none", device, seconds, reason=reason)


class Unmetered:
    """A device that nothing counts; ``reason`` says why."""

    method: Method = "none"
    every = 60.0

    def __init__(self, device: str, reason: str) -> None:
        self.device, self._reason = device, reason

    def joules(self) -> float:
        """Raises Unreadable, always."""
        raise Unreadable(self._reason)

    def shared(self) -> bool | None:
        """Nothing tells."""
        return None


class Watch:
    """Measures the time between ``with`` and its end; ``energy`` has the result.

    A thread reads the meter as often as it has to be read. A reading that fails makes the whole window unmeasured: a
    part of the energy would be a wrong number.
    """

    def __init__(
        self, meter: EnergyMeter, idle_watts: float | None = None, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._meter, self._idle, self._clock = meter, idle_watts, clock
        self._over = Event()
        self._reason = ""
        self._shared: bool | None = None
        self.energy = unmeasured("the window has not ended", meter.device)

    def __enter__(self) -> "Watch":
        self._started, self._first = self._clock(), self._read()
        self._thread = Thread(target=self._keep_reading, name="energy", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        last, seconds = self._read(), self._clock() - self._started
        if seconds < SHORTEST and not self._reason:
            self._reason = f"the window of {seconds:.2f} s is shorter than {SHORTEST:g} s"
        if self._reason or self._first is None or last is None:
            self.energy = unmeasured(self._reason, self._meter.device, seconds)
            return
        self.energy = Energy(
            self._meter.method, self._meter.device, seconds, last - self._first, self._idle, self._shared
        )

    def _keep_reading(self) -> None:
        while not self._over.wait(self._meter.every):
            self._read()

    def _read(self) -> float | None:
        try:
            joules, shared = self._meter.joules(), self._meter.shared()
        except Unreadable as error:
            self._reason = self._reason or str(error)
            return None
        self._shared = shared if self._shared is None else self._shared or bool(shared)
        return joules


def idle_watts(meter: EnergyMeter, seconds: float) -> float | None:
    """Mean power over ``seconds`` in which nothing is asked of the device; None where it cannot be read."""
    with Watch(meter) as watch:
        Event().wait(seconds)
    energy = watch.energy
    return None if energy.joules is None else energy.joules / energy.seconds
