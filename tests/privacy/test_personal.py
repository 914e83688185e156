"""Personal data in texts: the checks of numbers, the labelled set, leaks of a run, and what a report may hold."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from harness.api import evaluate, report, rescore
from harness.cli.main import cli
from harness.errors import UsageError
from harness.privacy.leaks import leaks_of
from harness.privacy.personal import VALIDATORS, Redaction, iban, leaks, luhn, measured, personal, phone, ssn
from harness.store import open_store

ENTITIES = {"email": "EMAIL_ADDRESS", "card": "CREDIT_CARD", "iban": "IBAN_CODE", "phone": "PHONE_NUMBER",
            "ip": "IP_ADDRESS", "ssn": "US_SSN"}  # fmt: skip
CARD, ACCOUNT = "4111 1111 1111 1111", "DE89 3704 0044 0532 0130 00"


@pytest.mark.mirror
@pytest.mark.parametrize("kind", VALIDATORS)
def test_each_validator_is_as_good_as_it_says_on_labelled_texts(kind: str, mirror: Path) -> None:
    file = mirror / "microsoft/presidio-research/synth_dataset_v2/test.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    spans = [
        [(s["start_position"], s["end_position"]) for s in row["spans"] if s["entity_type"] == ENTITIES[kind]]
        for row in rows
    ]
    found = measured(zip([row["full_text"] for row in rows], spans, strict=True), kind)
    assert found == (VALIDATORS[kind].hits, VALIDATORS[kind].there, VALIDATORS[kind].false)


def test_what_is_published_of_them_is_reached() -> None:
    told = {kind: (v.hits, v.there) for kind, v in VALIDATORS.items() if kind != "phone"}
    assert told == {"email": (49, 49), "card": (136, 136), "iban": (20, 21), "ip": (14, 14), "ssn": (16, 16)}
    assert VALIDATORS["card"].false <= 4 and VALIDATORS["phone"].precision > 0.85


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("card", CARD, "4111 1111 1111 1112"),
        ("iban", ACCOUNT, "DE88 3704 0044 0532 0130 00"),
        ("ssn", "123-45-6789", "666-45-6789"),
        ("ip", "2001:db8::1", "300.1.1.1"),
        ("email", "a.b+c@mail.example.org", "a.b@c"),
        ("phone", "+49 30 1234567", "2026-04-16 11"),
    ],
)
def test_numbers_have_to_pass_their_check(kind: str, right: str, wrong: str) -> None:
    assert [(one.kind, one.value) for one in personal(f"It is {right}, he said.")] == [(kind, right)]
    assert kind not in {one.kind for one in personal(f"It is {wrong}, he said.")}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"Card: {CARD} 12/27", ("card", CARD)),
        ("4111111111111111 123", ("card", "4111111111111111")),
        ("4111-1111-1111-1111 5500 0000 0000 0004", ("card", "4111-1111-1111-1111")),
        ("Pay DE89370400440532013000 NOW", ("iban", "DE89370400440532013000")),
        (f"IBAN {ACCOUNT} EUR 500", ("iban", ACCOUNT)),
    ],
)
def test_what_stands_behind_a_number_does_not_hide_it(text: str, found: tuple[str, str]) -> None:
    assert [(one.kind, one.value) for one in personal(text)][:1] == [found]
    assert found[1] not in Redaction().text(text)


def test_checks_of_numbers() -> None:
    assert luhn("0" * 16) is False and luhn("4111111111111111") and not luhn("42")
    assert iban("GB82 WEST 1234 5698 7654 32") and not iban("GB82")
    assert not ssn("123-00-6789") and not ssn("900-12-3456") and not phone("12 34") and phone("555-1234")


def test_a_long_hostile_text_takes_no_long_time() -> None:
    from time import perf_counter

    started = perf_counter()
    for text in (
        "1" * 50_000,
        "1-" * 25_000,
        "a@" * 25_000,
        "a." * 25_000,
        "DE11" * 12_000,
        ":" * 50_000,
        "+1 (" * 9_000,
    ):
        list(personal(text))
    assert perf_counter() - started < 5


def test_what_the_prompt_holds_is_no_leak() -> None:
    counts, found = leaks([(f"Repeat {CARD}", f"{CARD} and x@y.org"), ("Hello", f"Pay {ACCOUNT}"), ("Hello", "Hi")])
    assert {one.kind: one.hits for one in counts} == {"email": 1, "card": 0, "iban": 1, "phone": 0, "ip": 0, "ssn": 0}
    assert [[one.kind for one in own] for own in found] == [["email"], ["iban"], []]
    assert counts[0].n == 3 and counts[0].interval[1] < 0.8


def test_redacted_texts_hold_nothing_that_can_be_looked_up() -> None:
    one, two = Redaction(), Redaction()
    text = one.text(f"Pay {CARD} or {CARD} to x@y.org.")
    assert CARD not in text and "x@y.org" not in text
    assert text.split("[")[1][:21] == text.split("[")[2][:21]  # equal where the data are
    assert one.of(CARD) != two.of(CARD)


def test_leaks_of_a_stored_run(tmp_path: Path) -> None:
    run = evaluate("replay:" + str(answers(tmp_path)), [str(asked(tmp_path))], store=str(tmp_path / "s")).run.id
    words = ["privacy", "leaks", run, "--store", str(tmp_path / "s"), "--json", str(tmp_path / "out.json")]
    plain = CliRunner().invoke(cli, words)
    assert plain.exit_code == 0, plain.output
    assert "email  1 of 2 answers" in plain.output and "finds 49 of 49 with 0 false" in plain.output
    assert "patterns cannot find names and addresses" in plain.output and "x@y.org" not in plain.output
    assert json.loads((tmp_path / "out.json").read_text())["leaks"][0]["value"] == "x@y.org"
    assert CliRunner().invoke(cli, [*words, "--redact"]).exit_code == 0
    assert "x@y.org" not in (tmp_path / "out.json").read_text()


def test_a_run_that_redacts_leaves_the_data_in_no_file_and_counts_it_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "asked.jsonl").write_text(
        "".join(json.dumps({"question": f"Who has {CARD}? ({i})", "answer": ACCOUNT}) + "\n" for i in range(2))
    )
    (tmp_path / "answers.txt").write_text(f"Ask x@y.org, then {CARD}\nx@y.org again\n")
    store, read = str(tmp_path / "s"), str(tmp_path / "asked.jsonl")
    said: list[str] = []
    plain = evaluate(f"replay:{tmp_path / 'answers.txt'}", [read], store=str(tmp_path / "plain"))
    run = evaluate(f"replay:{tmp_path / 'answers.txt'}", [read], store=store, redact=True, notice=said.append).run
    told = CliRunner().invoke(cli, ["privacy", "leaks", run.id, "--store", store, "--json", str(tmp_path / "s/l.json")])
    assert "email  2 of 2 answers" in told.output and "card   0 of 2 answers" in told.output
    for form in ("json", "md", "html"):
        said.append(str(report([run.id], form, store=store)))
    for form in ("csv", "eee", "inspect", "otel"):
        words = ["export", run.id, "--to", form, "--out", str(tmp_path / "s" / form), "--store", store]
        assert CliRunner().invoke(cli, words).exit_code == 0
    files = [file for file in (tmp_path / "s").rglob("*") if file.is_file()]
    tables = [str(pq.read_table(file).to_pylist()) for file in files if file.suffix == ".parquet"]
    everything = "\n".join([*(file.read_bytes().decode("latin-1") for file in files), *tables, *said, told.output])
    assert len(files) > 5 and not [one for one in (CARD, ACCOUNT, "x@y.org") if one in everything]
    [first, second] = open_store(store).outcomes(run.id, run.tasks[0].name)
    assert first.judged and first.judged.prediction.startswith("Ask [email ") and first.example.id
    assert re.findall(r"email \w+", str(first.responses)) == re.findall(r"email \w+", str(second.responses))
    assert [e.value for e in open_store(store).results(run.id)] == [e.value for e in plain.estimates]
    with pytest.raises(UsageError, match="keeps no personal data in its answers"):
        rescore(run.id, store=store)
    with pytest.raises(UsageError, match="the file of a shard holds answers as they are"):
        evaluate("scripted:oracle", [read], store=store, redact=True, shard="1/2")


def test_passages_that_group_questions_and_numbers_in_rows_are_redacted_too(tmp_path: Path) -> None:
    row = {"question": "Who wrote?", "answer": "none", "passage": "Ask x@y.org", "card": int(CARD.replace(" ", ""))}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n" + json.dumps(row | {"passage": "Ask z@y.org"}) + "\n")
    (tmp_path / "task.toml").write_text(
        'data = "rows.jsonl"\nprompt = "{question}"\nanswer = "answer"\ncluster = "passage"'
    )
    store = str(tmp_path / "s")
    run = evaluate("replay:" + str(answers(tmp_path)), [str(tmp_path / "task.toml")], store=store, redact=True).run
    outcomes = list(open_store(store).outcomes(run.id, run.tasks[0].name))
    assert "@y.org" not in str(outcomes) and str(row["card"]) not in str(outcomes)
    assert len({outcome.example.cluster for outcome in outcomes}) == 2


def test_a_run_that_only_says_so_is_looked_through_all_the_same(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "s"))
    run = evaluate("replay:" + str(answers(tmp_path)), [str(asked(tmp_path))], store=str(tmp_path / "s")).run
    said = replace(run, id="said", status="running", finished=None, settings={**run.settings, "redact": True})
    outcomes = {task.name: tuple(store.outcomes(run.id, task.name)) for task in run.tasks}
    store.start(said)
    store.finish(said, outcomes, [])
    report = leaks_of(store, "said")
    assert [(one.kind, one.hits) for one in report.kinds if one.hits] == [("email", 1)]
    assert report.redacted and "x@y.org" not in str(report)


def test_what_stands_for_personal_data_is_none_itself(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "s"))
    (tmp_path / "answers.txt").write_text("[email 4111111111111111]\nnobody\n")  # as good as a card's number
    run = evaluate(f"replay:{tmp_path / 'answers.txt'}", [str(asked(tmp_path))], store=str(tmp_path / "s")).run
    said = replace(run, id="said", status="running", finished=None, settings={**run.settings, "redact": True})
    store.start(said)
    store.finish(said, {task.name: tuple(store.outcomes(run.id, task.name)) for task in run.tasks}, [])
    assert [(one.kind, one.hits) for one in leaks_of(store, "said").kinds if one.hits] == [("email", 1)]


def test_a_run_that_began_to_redact_goes_on_to(tmp_path: Path) -> None:
    words, where = "replay:" + str(answers(tmp_path)), {"store": str(tmp_path / "s")}

    def stop(done: int, total: int) -> None:
        if done:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate(words, [str(asked(tmp_path))], redact=True, progress=stop, **where)  # type: ignore[arg-type]
    run = evaluate(words, [str(asked(tmp_path))], resume=True, **where).run  # type: ignore[arg-type]
    store = open_store(where["store"])
    assert len(store.runs()) == 1 and store.run(run.id).settings["redact"] is True
    assert "x@y.org" not in str(list(store.outcomes(run.id, run.tasks[0].name)))


def asked(folder: Path) -> Path:
    file = folder / "asked.jsonl"
    rows = [{"question": "Who wrote?", "answer": "none"}, {"question": "And then?", "answer": "none"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def answers(folder: Path) -> Path:
    file = folder / "answers.txt"
    file.write_text("ask x@y.org\nnobody\n")
    return file
