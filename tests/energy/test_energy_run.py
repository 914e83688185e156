"""A run tells what it has taken, from the meter to the command line."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from asking import ask
from click.testing import CliRunner
from tiny import causal, saved

from harness.answers.journal import Journal
from harness.api import evaluate
from harness.api.metering import energy_of
from harness.cli.main import cli
from harness.energy.account import account
from harness.energy.meter import Energy
from harness.engine.backend import Counted, Options
from harness.engine.causal.backend import Causal
from harness.engine.causal.roofline import needed
from harness.engine.load import load
from harness.errors import UsageError
from harness.run import Finished
from harness.store import open_store
from harness.store.ratings import now
from harness.types import Choose, Example, Generate, Likelihood, Outcome

MEASURED = Energy("rapl", "1 processor package", 10.0, 100.0, 4.0, True)


def test_a_backend_divides_what_it_computes(tmp_path: Path) -> None:
    backend = load(str(saved(causal("llama", 65), tmp_path)), Options(device="cpu"))
    assert isinstance(backend, Causal)
    asked = [Choose("w1 w2 w3", (" w4", " w5 w6")), Likelihood(" w7", "w1 w2"), Generate("w1 w2", 4)]
    responses = ask(backend, asked)
    assert isinstance(backend, Counted)
    found = backend.operations(responses)
    assert found is not None and min(found) > 0
    told = backend.stats()["operations"]
    least = needed(backend.checkpoint.model, 4, 5, 4)
    assert least < float(told) and sum(found) == pytest.approx(float(told), rel=0.5)
    assert (backend.info.devices, backend.info.parameters) == (("cpu",), backend.checkpoint.model.num_parameters())


def test_a_run_whose_answers_were_made_elsewhere_has_no_energy(tmp_path: Path) -> None:
    result = evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), limit=3)
    used = open_store(str(tmp_path / "s")).run(result.run.id).energy
    assert used is not None and used == result.run.energy
    assert (used.method, used.reason) == ("none", "the answers were computed elsewhere")
    assert used.joules is used.net_joules is used.tasks["demo/qa"].joules is None
    assert used.examples == 3
    words = ["energy", result.run.id, "--store", str(tmp_path / "s"), "--json", str(tmp_path / "e.json")]
    shown = CliRunner().invoke(cli, words)
    assert "not measured (the answers were computed elsewhere)" in shown.output
    told = json.loads((tmp_path / "e.json").read_text())
    assert told["joules_per_example"] is None and told["energy"]["joules"] is None


def test_measured_energy_is_told_with_a_users_factors(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "s"))
    run = evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), limit=4).run
    outcomes = {"demo/qa": tuple(store.outcomes(run.id, "demo/qa"))}
    used = account(MEASURED, outcomes, range(4), None)
    store.start(replace(run, id="measured", status="running", finished=None))
    engine = {"tokens_computed": 2e6}
    store.finish(replace(run, id="measured", energy=used, engine=engine, finished=now()), outcomes, [])
    (tmp_path / "rates.toml").write_text(
        '[co2]\ngrams_per_kwh = 360\nyear = 2024\nsource = "the grid"\n'
        '[price]\ncurrency = "EUR"\nmillion_tokens = 0.25\ndate = "2026-01-01"\nsource = "an offer"\n'
    )
    words = ["energy", "measured", "--store", str(tmp_path / "s"), "--rates", str(tmp_path / "rates.toml")]
    shown = CliRunner().invoke(cli, words)
    assert shown.exit_code == 0, shown.output
    for text in (
        "100 J in 10 s (60 J net of idling), rapl of 1 processor package, shared with other processes, 4 examples",
        "25 J, net 15 J", "6.944 Wh", "100 J for 4 examples, 25 J a correct answer",
        "0.01 g at 360 g/kWh, 2024, the grid", "0.5 EUR, rates of 2026-01-01, an offer",
    ):  # fmt: skip
        assert text in " ".join(shown.output.split()), text


def test_an_idle_time_below_nought_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="idle = -1 must be a number of seconds"):
        evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), idle=-1)


def test_reports_tell_what_answering_took(tmp_path: Path) -> None:
    from harness_reports import REPORTS

    run = evaluate("scripted:oracle", ["demo/qa"], store=str(tmp_path / "s"), limit=2).run
    store = open_store(str(tmp_path / "s"))
    for form in ("md", "html"):
        page = str(REPORTS[form](store, [run.id], None))
        assert "What answering took" in page and "not measured (the answers were computed elsewhere)" in page
    told = json.loads(str(REPORTS["json"](store, [run.id], None)))
    assert (
        told["reports"][0]["run"]["energy"]["joules"] is None
        and told["reports"][0]["run"]["energy"]["method"] == "none"
    )


def test_answers_that_were_known_took_nothing_and_are_not_divided(tmp_path: Path) -> None:
    backend = load(str(saved(causal("llama", 65), tmp_path / "m")), Options(device="cpu"))
    asked = [Likelihood(" w7", "w1 w2"), Likelihood(" w8 w9", "w1 w2")]
    responses = ask(backend, asked)
    with Journal.open(tmp_path / "j", {"identity": "x", "total": 3}) as journal:
        journal.append([(0, responses[0])], cached=True)
        journal.append([(1, responses[0]), (2, responses[1])])
        rows = [(asked[0], responses[0]), (asked[0], responses[0]), (asked[1], responses[1])]
        done = Finished(
            {"t": tuple(Outcome(Example(str(i), {}), (r,), (a,), None) for i, (r, a) in enumerate(rows))}, ()
        )
        used = energy_of(backend, MEASURED, journal, set(), done)
        assert (used.divided, used.examples, used.tasks["t"].joules) == ("operations", 2, pytest.approx(100.0))
        resumed = energy_of(backend, MEASURED, journal, {1}, done)
        assert (resumed.examples, resumed.tasks["t"].joules) == (1, pytest.approx(100.0))
        known = energy_of(backend, MEASURED, journal, {1, 2}, done)
        assert (known.joules, known.reason) == (None, "nothing was computed: every answer was already known")
