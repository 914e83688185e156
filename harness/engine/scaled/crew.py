"""The workers of a run: started, watched, replaced when they die, joined by more when nodes come."""

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Literal

from harness.engine.backend import Options
from harness.engine.costs import Costs
from harness.engine.division import Unit
from harness.engine.scaled import cluster
from harness.engine.scaled.worker import Identity, Opener, Worker
from harness.errors import ModelError, listed


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds until something is taken for dead, and how often the cluster is looked at.

    ``heartbeat``: without a word of a worker. ``batch``: at one batch, though it answers. ``opening``: until an open
    model has planned. ``nobody``: without a single worker. ``look``: between two looks at the nodes.
    """

    heartbeat: float = 60.0
    batch: float = 3600.0
    opening: float = 3600.0
    nobody: float = 600.0
    look: float = 30.0


DELIVERY = 5.0
"""Seconds after which a worker answers although nothing is finished: its heartbeat."""


@dataclass(slots=True, eq=False)
class Member:
    """One worker as the driver sees it, with the call that it has not answered yet."""

    actor: Any
    number: int
    state: Literal["opening", "open", "planning", "free", "busy"] = "opening"
    call: Any = None
    called: float = field(default_factory=monotonic)
    report: Identity | None = None
    unit: Unit | None = None
    seen: int = 0
    busy: float = 0.0
    free_since: float | None = None
    moved: float = field(default_factory=monotonic)
    """When it last came on: opened, got a unit or finished a batch."""

    @property
    def where(self) -> str:
        """The host that it is on, as far as it is known."""
        return f"{self.report.host} (process {self.report.pid})" if self.report else "a node that has not answered yet"


@dataclass(frozen=True, slots=True)
class Reply:
    """What a member's call came to: a value, or why the member is lost; its own fault if its node lives on."""

    member: Member
    value: Any = None
    dead: str = ""
    own_fault: bool = False


class Crew:
    """Members are added up to the wanted number; each has at most one call under way."""

    def __init__(self, spec: str, options: Options, opener: Opener, size: cluster.Size, patience: Patience) -> None:
        self.ray = cluster.ray_module()
        self.size, self.patience = size, patience
        logging.getLogger("ray").setLevel(logging.ERROR)
        environment = {"OMP_NUM_THREADS": str(size.threads)}
        self._class = self.ray.remote(Worker).options(
            num_cpus=size.threads,
            num_gpus=size.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=4,
            scheduling_strategy="SPREAD",
            runtime_env={"env_vars": environment},
        )
        self._arguments = (spec, options, opener, size.threads, str(Path.cwd()))
        self.members: list[Member] = []
        self.costs: dict[int, Costs] = {}
        self.started = 0
        self.closed = False
        self._first: Identity | None = None
        self._gone: list[tuple[Member, float]] = []
        self._reports: list[Identity] = []
        self._looked = -patience.look

    def fill(self) -> None:
        """Start members where some are missing: at first, after a death, and when nodes have come."""
        now = monotonic()
        if now - self._looked < self.patience.look:
            return
        self._looked = now
        for _ in range(cluster.wanted(self.size) - len(self.members)):
            self.started += 1
            member = Member(self._class.remote(*self._arguments), self.started)
            self.call(member, lambda actor: actor.report.remote())
            self.members.append(member)

    def call(self, member: Member, start: Callable[[Any], Any]) -> None:
        """Begin a call."""
        member.call, member.called = start(member.actor), monotonic()

    def answers(self, seconds: float) -> Iterator[Reply]:
        """What the members have answered, waiting ``seconds`` at most; those that died or hang are gone afterwards."""
        self.fill()
        by_call = {member.call: member for member in self.members if member.call is not None}
        ready: list[Any] = []
        if by_call:
            ready, _ = self.ray.wait(list(by_call), num_returns=1, timeout=seconds)
        else:
            sleep(min(seconds, self.patience.look))
        for call in ready:
            member = by_call[call]
            try:
                value = self.ray.get(call)
            except self.ray.exceptions.RayError as error:
                yield self._lost(member, _first_line(error))
                continue
            member.call = None
            yield Reply(member, value)
        for member in [one for one in self.members if self._hangs(one)]:
            yield self._lost(member, "it does not answer")

    def _hangs(self, member: Member) -> bool:
        now = monotonic()
        if member.state == "busy":
            silent = now - member.called > DELIVERY + self.patience.heartbeat
            return silent or now - member.moved > self.patience.batch
        return member.state in ("open", "planning") and now - member.moved > self.patience.opening

    def _lost(self, member: Member, why: str) -> Reply:
        self.dismiss(member)
        self._looked = -self.patience.look  # look for a replacement at once
        alive = {node["NodeID"] for node in cluster.live_nodes()}
        return Reply(member, dead=why, own_fault=member.report is None or member.report.node in alive)

    def require_alike(self, member: Member) -> None:
        """Raises ModelError naming the node of a member that would not give the bits of the first."""
        assert member.report is not None
        first = self._first = self._first or member.report
        self._reports.append(member.report)
        ours, theirs = first.must_equal, member.report.must_equal
        differing = sorted(key for key in {*ours, *theirs} if ours.get(key) != theirs.get(key))
        if differing:
            parts = listed(
                f"{key} {theirs.get(key, 'none')[:24]}, not {ours.get(key, 'none')[:24]}" for key in differing
            )
            raise ModelError(f"the worker on {member.where} differs from the one on {first.host}: {parts}")

    def begin_anew(self) -> None:
        """Let all members plan again; one that is at something still is ended."""
        for member in [one for one in self.members if one.state in ("planning", "busy")]:
            self.dismiss(member)
        for member in self.members:
            member.state = "open" if member.report else "opening"

    def present(self) -> float:
        """Seconds that all members together were ready to compute."""
        now = monotonic()
        ends = [*self._gone, *((member, now) for member in self.members)]
        return sum(end - member.free_since for member, end in ends if member.free_since is not None)

    def busy(self) -> float:
        """Seconds that all members together computed."""
        return sum(member.busy for member in (*self.members, *(gone for gone, _ in self._gone)))

    def nodes(self) -> list[str]:
        """What each node was, and how many workers it had."""
        kinds = Counter(
            (r.host, r.node, r.must_equal.get("device", "?"), str(self.size.threads)) for r in self._reports
        )
        return [f"{host}: {n} x {device}, {threads} threads" for (host, _, device, threads), n in sorted(kinds.items())]

    def dismiss(self, member: Member) -> None:
        """End a member, whatever it is at."""
        if member in self.members:
            self.members.remove(member)
            self._gone.append((member, monotonic()))
        try:
            self.ray.kill(member.actor, no_restart=True)
        except Exception:  # it is gone already, or Ray is
            return

    def close(self) -> None:
        """End all members."""
        self.closed = True
        for member in list(self.members):
            self.dismiss(member)


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
