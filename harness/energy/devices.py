"""Which meter counts for the devices that a model computes on."""

from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from harness.energy.meter import EnergyMeter, Method, Unmetered, Unreadable, Watch, idle_watts
from harness.energy.nvml import gpu
from harness.energy.rapl import SYSFS, Rapl


class MeterGroup:
    """Several devices of one kind as one meter."""

    def __init__(self, meters: Sequence[EnergyMeter]) -> None:
        self._meters = meters
        self.method: Method = meters[0].method
        self.device = " + ".join(meter.device for meter in meters)
        self.every = min(meter.every for meter in meters)
        if len({meter.method for meter in meters}) > 1:
            raise Unreadable(f"{self.device} are not counted in one way")

    def joules(self) -> float:
        """The sum of all. Raises Unreadable where one cannot be read."""
        return sum(meter.joules() for meter in self._meters)

    def shared(self) -> bool | None:
        """Whether other processes use one of them."""
        answers = [meter.shared() for meter in self._meters]
        return True if True in answers else None if None in answers else False


def uuid_of(device: str) -> str:
    """The driver's name of a torch device: its own numbers leave out what CUDA_VISIBLE_DEVICES hides."""
    import torch

    uuid = str(torch.cuda.get_device_properties(device).uuid)
    return uuid if uuid.startswith(("GPU-", "MIG-")) else f"GPU-{uuid}"


def open_meter(
    devices: Sequence[str], *, sysfs: Path = SYSFS, nvml: Any = None, uuid: Callable[[str], str] = uuid_of
) -> EnergyMeter:
    """A meter of torch devices ("cpu", "cuda:0", ...). Raises Unreadable where their energy cannot be read.

    ``nvml`` stands in for the module ``pynvml``. A GPU's energy is its own: the processor that feeds it is not in it.
    """
    if not devices:
        raise Unreadable("the answers were computed elsewhere")
    kinds = {device.split(":")[0] for device in devices}
    if kinds == {"cpu"}:
        return Rapl(sysfs)
    if kinds != {"cuda"}:
        raise Unreadable(f"nothing counts the energy of {', '.join(devices)}")
    module = nvml or _pynvml()
    meters = [gpu(module, uuid(device)) for device in devices]
    return meters[0] if len(meters) == 1 else MeterGroup(meters)


def _pynvml() -> Any:
    try:
        return import_module("pynvml")
    except ImportError:
        raise Unreadable("the NVIDIA counter needs `pip install '.[energy]'` in the checkout of harness") from None


def watch(devices: Sequence[str], idle: float = 0.0) -> Watch:
    """A watch over the devices; their idle power is measured for ``idle`` seconds first.

    What cannot be measured is no error: the watch then says why.
    """
    try:
        meter = open_meter(devices)
    except Unreadable as error:
        return Watch(Unmetered(", ".join(devices), str(error)))
    return Watch(meter, idle_watts(meter, idle) if idle else None)
