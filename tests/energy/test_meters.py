"""Counters that wrap, vanish, refuse and start anew: a number is the device's own or there is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.energy.devices import MeterGroup, open_meter
from harness.energy.meter import Energy, Unreadable, Watch, idle_watts, unmeasured
from harness.energy.nvml import PowerIntegral
from harness.energy.rapl import Rapl


def domain(root: Path, folder: str, name: str, energy: int, limit: int = 1_000_000_000) -> Path:
    place = root / folder
    place.mkdir(parents=True)
    for file, text in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", limit)):
        (place / file).write_text(f"{text}\n")
    return place / "energy_uj"


def test_packages_and_memory_are_summed_and_what_lies_inside_a_package_is_not(tmp_path: Path) -> None:
    files = [
        domain(tmp_path, "intel-rapl:0", "package-0", 100),
        domain(tmp_path, "intel-rapl:0:0", "core", 100),
        domain(tmp_path, "intel-rapl:0:1", "uncore", 100),
        domain(tmp_path, "intel-rapl:0:2", "dram", 100),
        domain(tmp_path, "intel-rapl:1", "package-1", 100),
        domain(tmp_path, "intel-rapl:2", "psys", 100),
    ]
    meter = Rapl(tmp_path)
    for file, joules in zip(files, (5, 1000, 1000, 2, 3, 1000), strict=True):
        file.write_text(f"{100 + joules * 1_000_000}\n")
    assert meter.joules() == pytest.approx(5 + 2 + 3)
    assert meter.device == "2 processor packages"


def test_a_counter_that_wraps_goes_on(tmp_path: Path) -> None:
    file = domain(tmp_path, "intel-rapl:0", "package-0", 9_000_000, 10_000_000)
    meter = Rapl(tmp_path)
    file.write_text("500000")
    assert meter.joules() == pytest.approx(1.5)
    file.write_text("400000")  # around once more
    assert meter.joules() == pytest.approx(11.4)
    assert meter.every == pytest.approx(0.005)  # half of what 1,000 W take to wrap


def test_refused_and_missing_counters_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreadable, match="no RAPL counters on this machine"):
        Rapl(tmp_path)
    file = domain(tmp_path, "intel-rapl:0", "package-0", 1)
    read = Path.read_text

    def refuse(path: Path, *args: Any, **named: Any) -> str:
        if path == file:
            raise PermissionError(13, "Permission denied")
        return read(path, *args, **named)

    monkeypatch.setattr(Path, "read_text", refuse)  # root may read every file
    with pytest.raises(Unreadable, match=r"may only be read by root: grant it with `chmod a\+r"):
        Rapl(tmp_path)


def test_a_file_that_vanishes_leaves_no_number(tmp_path: Path) -> None:
    file = domain(tmp_path, "intel-rapl:0", "package-0", 1)
    with Watch(Rapl(tmp_path)) as watch:
        file.unlink()
    assert (watch.energy.method, watch.energy.joules, watch.energy.net_joules) == ("none", None, None)
    assert "energy_uj cannot be read: No such file" in watch.energy.reason


class Nvml:
    """A driver of one GPU; ``energy`` and ``power`` are what it tells next, the last of them again and again."""

    class NVMLError(Exception):
        pass

    def __init__(self, energy: list[int] | None, power: list[int] | None = None, others: int = 0) -> None:
        self.energy, self.power, self.others = energy, power, others

    def nvmlInit(self) -> None:  # noqa: N802 - the driver's names
        pass

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:  # noqa: N802
        if not uuid.startswith(("GPU-", "MIG-")):
            raise self.NVMLError("Not Found")
        return uuid

    def nvmlDeviceGetName(self, handle: str) -> bytes:  # noqa: N802
        return b"Some GPU"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        return self._next(self.energy)

    def nvmlDeviceGetPowerUsage(self, handle: str) -> int:  # noqa: N802
        return self._next(self.power)

    def nvmlDeviceGetComputeRunningProcesses(self, handle: str) -> list[SimpleNamespace]:  # noqa: N802
        return [SimpleNamespace(pid=1)] * self.others

    def _next(self, values: list[int] | None) -> int:
        if values is None:
            raise self.NVMLError("Not Supported")
        return values.pop(0) if len(values) > 1 else values[0]


def gpus(nvml: Nvml, *uuids: str) -> Any:
    names = {f"cuda:{i}": uuid for i, uuid in enumerate(uuids)}
    return open_meter(list(names), nvml=nvml, uuid=names.__getitem__)


def test_the_drivers_counter_is_read_in_millijoules() -> None:
    meter = gpus(Nvml([1_000, 6_000], others=1), "GPU-a")
    assert (meter.method, meter.joules(), meter.device, meter.shared()) == ("nvml_counter", 5.0, "Some GPU", True)


def test_a_counter_that_was_reset_leaves_no_number() -> None:
    with Watch(gpus(Nvml([5_000, 9_000, 20]), "GPU-a")) as watch:
        pass
    assert watch.energy == unmeasured(
        "the driver's energy counter was reset while it was read", "Some GPU", watch.energy.seconds
    )


def test_without_a_counter_power_is_integrated() -> None:
    meter = gpus(Nvml(None, [100_000]), "GPU-a")
    assert meter.method == "nvml_power_integral"
    ticks = iter([0.0, 1.0, 3.0])
    meter = PowerIntegral(Nvml(None, [100_000, 200_000, 300_000]), "GPU-a", lambda: next(ticks))
    assert (meter.joules(), meter.joules()) == (150.0, 150.0 + 500.0)  # trapezoids


class Newer(Nvml):
    """A driver that tells the power of the moment too, or not, beside the mean of the last second."""

    NVML_SUCCESS, NVML_FI_DEV_POWER_INSTANT = 0, 186

    def __init__(self, instant: int | None) -> None:
        super().__init__(None, [100_000])
        self.instant = instant

    def nvmlDeviceGetFieldValues(self, handle: str, fields: list[int]) -> list[SimpleNamespace]:  # noqa: N802
        assert fields == [self.NVML_FI_DEV_POWER_INSTANT]
        value = SimpleNamespace(uiVal=self.instant or 0)
        return [SimpleNamespace(nvmlReturn=0 if self.instant else 3, value=value)]


def test_the_power_of_the_moment_is_integrated_where_the_driver_tells_it() -> None:
    for instant, joules in ((300_000, 300.0), (None, 100.0)):
        meter = PowerIntegral(Newer(instant), "GPU-a", iter([0.0, 1.0]).__next__)
        assert meter.joules() == joules


@pytest.mark.parametrize(
    ("nvml", "uuid", "reason"),
    [
        (Nvml([1]), "MIG-a", "a MIG slice has no counter of its own"),
        (Nvml(None), "GPU-a", "Some GPU tells no energy: Not Supported; Some GPU tells no power: Not Supported"),
        (Nvml([1]), "odd", "the NVIDIA driver does not answer: Not Found"),
    ],
)
def test_a_gpu_that_tells_nothing_says_why(nvml: Nvml, uuid: str, reason: str) -> None:
    with pytest.raises(Unreadable) as error:
        gpus(nvml, uuid)
    assert str(error.value) == reason


def test_several_devices_are_one_meter() -> None:
    meter = gpus(Nvml([0, 0, 2_000, 3_000]), "GPU-a", "GPU-b")
    assert isinstance(meter, MeterGroup)
    assert (meter.joules(), meter.shared()) == (5.0, False)


@pytest.mark.parametrize(
    ("devices", "reason"),
    [((), "the answers were computed elsewhere"), (("mps:0",), "nothing counts the energy of mps:0"),
     (("cpu", "cuda:0"), "nothing counts the energy of cpu, cuda:0")],
)  # fmt: skip
def test_devices_without_a_counter(devices: tuple[str, ...], reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        open_meter(devices)


class Steady:
    """100 W by a clock that the test moves; ``reads`` counts how often it was looked at."""

    method, device, every = "rapl", "a processor", 0.001

    def __init__(self) -> None:
        self.now, self.reads = 0.0, 0

    def joules(self) -> float:
        self.reads += 1
        return 100 * self.now

    def shared(self) -> bool | None:
        return self.reads > 1


def test_a_watch_reads_on_its_own_and_takes_the_idle_power_off() -> None:
    meter = Steady()
    with Watch(meter, 40.0, clock=lambda: meter.now) as watch:  # type: ignore[arg-type]
        while meter.reads < 4:
            pass
        meter.now = 10.0
    assert watch.energy == Energy("rapl", "a processor", 10.0, 1_000.0, 40.0, True)
    assert watch.energy.net_joules == 600.0


def test_a_short_window_is_no_measurement() -> None:
    meter = Steady()
    with Watch(meter, clock=lambda: meter.now) as watch:  # type: ignore[arg-type]
        meter.now = 0.5
    assert (watch.energy.joules, watch.energy.reason) == (None, "the window of 0.50 s is shorter than 1 s")


def test_idle_power_that_cannot_be_told_is_none(tmp_path: Path) -> None:
    domain(tmp_path, "intel-rapl:0", "package-0", 1)
    assert idle_watts(Rapl(tmp_path), 0.01) is None
