"""What a stored run has cost: joules, and with a user's factors carbon dioxide and money; unknown is None."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.energy.rates import Rates
from harness.types import EnergyUse, Run

WH_PER_THOUSAND = 1_000 / 3_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """Of one run. ``grams_co2`` and ``money`` are None without a factor, and where what they rest on is not known.

    Like the energy they are of what the run's last process computed; ``examples`` are all that the run has.
    """

    run: str
    examples: int
    energy: EnergyUse
    joules_per_example: float | None
    joules_per_token: float | None
    wh_per_thousand_examples: float | None
    net_joules_per_example: float | None
    grams_co2: float | None = None
    money: float | None = None
    rates: Rates


def costs(run: Run, rates: Rates | None = None) -> Costs | None:
    """The costs of a run, without ``rates`` neither carbon dioxide nor money; None for one that was never metered."""
    energy, rates = run.energy, rates or Rates()
    if energy is None:
        return None
    each = energy.per(energy.examples)
    return Costs(
        run=run.id,
        examples=sum(task.n for task in run.tasks),
        energy=energy,
        joules_per_example=each,
        joules_per_token=energy.per(energy.tokens),
        wh_per_thousand_examples=None if each is None else each * WH_PER_THOUSAND,
        net_joules_per_example=energy.per(energy.examples, net=True),
        grams_co2=rates.co2.grams(energy.joules) if rates.co2 and energy.joules is not None else None,
        money=rates.price.of(energy.seconds, *_tokens(run.engine)) if rates.price else None,
        rates=rates,
    )


def _tokens(engine: Mapping[str, float | str]) -> tuple[float | None, float | None]:
    """(tokens computed, or read and written by a server, those written among them); None for what is not known.

    A server that left one answer uncounted told too little of all.
    """
    computed, read, written = (engine.get(name) for name in ("tokens_computed", "prompt_tokens", "completion_tokens"))
    if isinstance(computed, float):
        return computed, None
    if isinstance(read, float) and isinstance(written, float) and engine.get("uncounted_answers") == 0:
        return read + written, written
    return None, None


def summary(energy: EnergyUse) -> str:
    """One line: what was measured and how, or why nothing was."""
    if energy.joules is None:
        return f"not measured ({energy.reason})"
    net = "idle power not measured" if energy.net_joules is None else f"{energy.net_joules:.4g} J net of idling"
    shared = ", shared with other processes" if energy.shared else ""
    return (
        f"{energy.joules:.4g} J in {energy.seconds:.4g} s ({net}), {energy.method} of {energy.device}{shared}, "
        f"{energy.examples} examples"
    )


def cost_table(run: Run, rates: Rates | None = None) -> list[tuple[str, str]]:
    """(what, how much) of a run for people; of one that was never metered that this is not known."""
    cost = costs(run, rates)
    return [("energy", "not measured (no meter was read)")] if cost is None else list(lines(cost))


def lines(costs: Costs) -> Iterator[tuple[str, str]]:
    """(what, how much) for people, only what is known."""
    energy, rates = costs.energy, costs.rates
    yield "energy", summary(energy)
    if energy.joules is not None:
        yield "an example", f"{_j(costs.joules_per_example)}, net {_j(costs.net_joules_per_example)}"
        yield "an answered token", _j(costs.joules_per_token)
        thousand = costs.wh_per_thousand_examples
        yield "1,000 examples", "-" if thousand is None else f"{thousand:.4g} Wh"
    for name, task in energy.tasks.items():
        if task.joules is not None:
            ends = f" [{task.low:.4g}, {task.high:.4g}]" if task.low is not None and task.high is not None else ""
            right = "" if task.joules_per_correct is None else f", {_j(task.joules_per_correct)}{ends} a correct answer"
            yield name, f"{_j(task.joules)} for {task.examples} examples{right}"
    if rates.co2:
        building = "" if rates.co2.pue is None else f", PUE {rates.co2.pue:g}"
        amount = "not known" if costs.grams_co2 is None else f"{costs.grams_co2:.4g} g"
        yield "CO2e", (f"{amount} at {rates.co2.grams_per_kwh:g} g/kWh, {rates.co2.year}, {rates.co2.source}{building}")
    if rates.price:
        amount = "not known" if costs.money is None else f"{costs.money:.4g} {rates.price.currency}"
        part = f" for {energy.examples} of {costs.examples} examples" if energy.examples < costs.examples else ""
        yield "price", f"{amount}{part}, rates of {rates.price.date}, {rates.price.source}"


def _j(joules: float | None) -> str:
    return "-" if joules is None else f"{joules:.4g} J"
