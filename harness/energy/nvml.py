"""The energy of NVIDIA GPUs: the driver's counter, or where it has none the integral of the power that it tells."""

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

from harness.energy.meter import EnergyMeter, Method, Unreadable

MIG = "a MIG slice has no counter of its own"


class _Device:
    """One GPU as the driver's library knows it. ``nvml``: the module ``pynvml`` or one that behaves like it."""

    def __init__(self, nvml: Any, uuid: str) -> None:
        self.nvml = nvml
        try:
            nvml.nvmlInit()
            self.handle = nvml.nvmlDeviceGetHandleByUUID(uuid)
            name = nvml.nvmlDeviceGetName(self.handle)
        except nvml.NVMLError as error:
            raise Unreadable(f"the NVIDIA driver does not answer: {error}") from None
        self.device = name.decode() if isinstance(name, bytes) else str(name)
        if uuid.startswith("MIG"):
            raise Unreadable(MIG)

    def shared(self) -> bool | None:
        """Whether other processes compute on the GPU."""
        try:
            running = self.nvml.nvmlDeviceGetComputeRunningProcesses(self.handle)
        except self.nvml.NVMLError:
            return None
        return any(process.pid != os.getpid() for process in running)


class Counter(_Device):
    """Millijoules that the driver has counted since it was loaded (Volta and newer)."""

    method: Method = "nvml_counter"
    every = 60.0

    def __init__(self, nvml: Any, uuid: str) -> None:
        super().__init__(nvml, uuid)
        self._first = self._last = self._read()

    def joules(self) -> float:
        """Raises Unreadable, also where the counter began anew."""
        now = self._read()
        if now < self._last:
            raise Unreadable("the driver's energy counter was reset while it was read")
        self._last = now
        return (now - self._first) / 1e3

    def _read(self) -> int:
        try:
            return int(self.nvml.nvmlDeviceGetTotalEnergyConsumption(self.handle))
        except self.nvml.NVMLError as error:
            raise Unreadable(f"{self.device} tells no energy: {error}") from None


class PowerIntegral(_Device):
    """The sum of power times time, by the trapezoid rule, from 20 readings a second.

    The power of the moment is read where the driver tells it: on many GPUs the plain one is the mean of the last
    second, and a window that ends at full load would lose half a second of it.
    """

    method: Method = "nvml_power_integral"
    every = 0.05

    def __init__(self, nvml: Any, uuid: str, clock: Callable[[], float] = perf_counter) -> None:
        super().__init__(nvml, uuid)
        self._clock = clock
        self._at, self._watts, self._sum = clock(), self._read(), 0.0

    def joules(self) -> float:
        """Raises Unreadable."""
        at, watts = self._clock(), self._read()
        self._sum += (at - self._at) * (watts + self._watts) / 2
        self._at, self._watts = at, watts
        return self._sum

    def _read(self) -> float:
        try:
            instant = self._instant()
            return float(self.nvml.nvmlDeviceGetPowerUsage(self.handle) if instant is None else instant) / 1e3
        except self.nvml.NVMLError as error:
            raise Unreadable(f"{self.device} tells no power: {error}") from None

    def _instant(self) -> int | None:
        """Milliwatts of the moment; None where the driver tells none."""
        try:
            (field,) = self.nvml.nvmlDeviceGetFieldValues(self.handle, [self.nvml.NVML_FI_DEV_POWER_INSTANT])
        except (AttributeError, self.nvml.NVMLError):  # a package or a driver from before there was such a field
            return None
        return int(field.value.uiVal) if field.nvmlReturn == self.nvml.NVML_SUCCESS else None


def gpu(nvml: Any, uuid: str) -> EnergyMeter:
    """The best meter that a GPU has. Raises Unreadable with the reasons of both."""
    try:
        return Counter(nvml, uuid)
    except Unreadable as first:
        if str(first) == MIG:
            raise
        try:
            return PowerIntegral(nvml, uuid)
        except Unreadable as second:
            raise Unreadable(f"{first}; {second}" if str(first) != str(second) else str(first)) from None
