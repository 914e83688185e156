"""The energy of processors from Linux's powercap files (Intel's and AMD's RAPL counters)."""

from dataclasses import dataclass, field
from pathlib import Path

from harness.energy.meter import Method, Unreadable

SYSFS = Path("/sys/class/powercap")
MOST_WATTS = 1_000.0
"""More than a processor draws: a counter is read before it could wrap twice at this power."""


@dataclass(slots=True)
class _Domain:
    """One counter in microjoules that starts again at 0 after ``limit``."""

    file: Path
    limit: int
    last: int
    total: int = 0

    def advance(self) -> int:
        now = _number(self.file)
        self.total += now - self.last if now >= self.last else now + self.limit - self.last
        self.last = now
        return self.total


@dataclass(slots=True)
class Rapl:
    """The packages of a machine and its memory. Raises Unreadable where there is no counter or it may not be read.

    Summed are the packages and the ``dram`` domains inside of them; cores and the graphics part lie within a package,
    and ``psys`` holds everything, so they would count twice.
    """

    sysfs: Path = SYSFS
    device: str = field(default="", init=False)
    method: Method = field(default="rapl", init=False)
    every: float = field(default=1.0, init=False)
    _domains: list[_Domain] = field(default_factory=list, init=False)

    def __post_init__(self) -> None:
        folders = sorted(folder for folder in self.sysfs.glob("intel-rapl:*") if _counted(folder))
        if not folders:
            raise Unreadable("no RAPL counters on this machine")
        for folder in folders:
            file, limit = folder / "energy_uj", _number(folder / "max_energy_range_uj")
            self._domains.append(_Domain(file, limit, _number(file)))
        self.every = min(60.0, min(domain.limit for domain in self._domains) / 1e6 / MOST_WATTS / 2)
        packages = sum(_name(folder).startswith("package") for folder in folders)
        self.device = f"{packages} processor package{'s' if packages > 1 else ''}"

    def joules(self) -> float:
        """Joules of all domains since the meter was opened. Raises Unreadable."""
        return sum(domain.advance() for domain in self._domains) / 1e6

    def shared(self) -> bool | None:
        """Always: whatever else the machine does is counted too."""
        return True


def _counted(folder: Path) -> bool:
    name = _name(folder)
    return name.startswith("package") or (name == "dram" and folder.name.count(":") == 2)


def _name(folder: Path) -> str:
    try:
        return (folder / "name").read_text(encoding="ascii").strip()
    except OSError:
        return ""


def _number(file: Path) -> int:
    try:
        return int(file.read_text(encoding="ascii"))
    except PermissionError:
        raise Unreadable(f"{file} may only be read by root: grant it with `chmod a+r {file}` or run as root") from None
    except (OSError, ValueError) as error:
        raise Unreadable(f"{file} cannot be read: {getattr(error, 'strerror', None) or 'it holds no number'}") from None
