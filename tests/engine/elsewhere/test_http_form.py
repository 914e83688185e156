"""Answers within a JSON schema or an expression: passed on as the server wants it, refused where it does nothing."""

import json
from pathlib import Path
from typing import Any

import pytest
from asking import ask
from serving import Body, Handler, chat_answer, connect, serving

from harness import Constraint, Options, evaluate, show_prompt
from harness.answers.records import request_from_json, request_key, request_to_json
from harness.engine.elsewhere.http_form import NUMBER, PROBES, SPELLINGS, WORD
from harness.errors import Unsupported, UsageError
from harness.kinds.file import task_from_file
from harness.store import open_store
from harness.types import Failed, Generate, Generated

SCHEMA = {"type": "object", "properties": {"b": {"type": "integer"}, "a": {"type": "string"}}, "required": ["b", "a"]}
FORMS = {"json_schema": Constraint.json(SCHEMA), "regex": Constraint("regex", "[0-9]{3}")}
ANSWERS = {"json_schema": '{"b": 1, "a": "x"}', "regex": "123"}


def told(body: Body, name: str) -> Any:
    """What a server of one kind reads of a body; None where it says nothing that this one understands."""
    found = body.get(name)
    if name == "response_format":
        return found and found["json_schema"]["schema"]
    return found and (found.get("json") or found.get("regex")) if name == "structured_outputs" else found


def bound(kind: str, name: str, *, strict: bool) -> Any:
    """A server that knows one name of a constraint; others it refuses, where ``strict``, or passes over."""

    def act(handler: Handler, body: Body) -> Body | None:
        others = {n for names in SPELLINGS.values() for n in names} & body.keys() - {name}
        if strict and others:
            return handler.reply(400, json.dumps({"error": {"message": f"unknown {min(others)}"}}).encode())
        form = told(body, name)
        if form in (PROBES["regex"], json.loads(PROBES["json_schema"])):
            return chat_answer(PROBES["regex"] if kind == "regex" else json.dumps({WORD: NUMBER}))
        return chat_answer(ANSWERS[kind] if form in (SCHEMA, FORMS["regex"].text) else "yes, harness 47")

    return act


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind in SPELLINGS for name in SPELLINGS[kind]])
def test_a_constraint_is_passed_on_as_the_server_wants_it(kind: str, name: str, strict: bool) -> None:
    with serving(bound(kind, name, strict=strict)) as server:
        model = connect(server.url)
        free, held = ask(model, [Generate("q", 20), Generate("q", 20, constraint=FORMS[kind])])
        asked = len(server.bodies)
        ask(model, [Generate("r", 20, constraint=FORMS[kind])])
    assert isinstance(free, Generated) and free.text == "yes, harness 47"
    assert isinstance(held, Generated) and held.text == ANSWERS[kind]
    assert len(server.bodies) == asked + 1  # it is found out once
    if name == "response_format":
        assert list(server.bodies[-1][name]["json_schema"]["schema"]["properties"]) == ["b", "a"]


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize("strict", [True, False])
def test_a_server_that_does_nothing_about_it_is_refused_in_words(kind: str, strict: bool) -> None:
    with serving(bound(kind, "other", strict=strict)) as server:
        model = connect(server.url)
        with pytest.raises(Unsupported, match="openai:m does not hold its answers to a (JSON|regular)") as told_:
            ask(model, [Generate("q", 20, constraint=FORMS[kind])])
    words = "unknown" if strict else "changed nothing: 'yes, harness 47'"
    assert str(told_.value).count(words) == len(SPELLINGS[kind])


def test_a_schema_that_the_server_refuses_costs_that_answer_alone() -> None:
    def act(handler: Handler, body: Body) -> Body | None:
        if told(body, "response_format") == json.loads(PROBES["json_schema"]):
            return chat_answer(json.dumps({WORD: NUMBER}))
        if "response_format" in body:
            return handler.reply(400, b'{"error": {"message": "all fields must be required"}}')
        return chat_answer("fine")

    with serving(act) as server:
        free, held = ask(connect(server.url), [Generate("q", 9), Generate("q", 9, constraint=FORMS["json_schema"])])
    assert isinstance(free, Generated)
    assert isinstance(held, Failed) and held.kind == "refused" and "must be required" in held.message


def test_a_constraint_is_part_of_what_identifies_a_request() -> None:
    keys = {request_key(Generate("q", 9, constraint=form)) for form in (None, *FORMS.values())}
    assert len(keys) == 3 and "constraint" not in request_to_json(Generate("q", 9))
    other = Constraint.json({**SCHEMA, "properties": dict(reversed(SCHEMA["properties"].items()))})  # type: ignore[attr-defined]
    assert other != FORMS["json_schema"]
    for form in FORMS.values():
        request = Generate("q", 9, constraint=form)
        assert request_from_json(json.loads(json.dumps(request_to_json(request)))) == request


def described(folder: Path, text: str) -> Path:
    (folder / "q.jsonl").write_text('{"question": "Which?", "answer": "123"}\n')
    path = folder / "invoice.toml"
    path.write_text(f'data = "q.jsonl"\n{text}\n')
    return path


TOML = {
    "json_schema": "[json_schema]\ntype = 'object'\nrequired = ['b', 'a']\n[json_schema.properties]\n"
    "b = {type = 'integer'}\na = {type = 'string'}",
    "regex": "regex = '[0-9]{3}'",
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_a_task_file_says_it_and_the_whole_road_keeps_it(kind: str, tmp_path: Path) -> None:
    path = described(tmp_path, TOML[kind])
    with serving(bound(kind, next(iter(SPELLINGS[kind])), strict=True)) as server:
        result = evaluate("openai:m", [str(path)], options=Options(base_url=server.url, chat=True), store=str(tmp_path))
    [outcome] = open_store(str(tmp_path)).outcomes(result.run.id, "invoice")
    [request] = outcome.requests
    assert isinstance(request, Generate) and request.stop == ()  # a line end is part of an answer in JSON
    assert request.constraint and json_equal(request.constraint, FORMS[kind])
    assert outcome.judged and outcome.judged.values["exact_match"] == float(kind == "regex")  # judged as any answer
    [shown] = show_prompt([str(path)])
    assert "within the" in shown.decoding and request.constraint.text in shown.decoding


def json_equal(one: Constraint, other: Constraint) -> bool:
    return one == other or bool(json.loads(one.text) == json.loads(other.text))


def test_models_that_cannot_are_refused_before_anything_is_asked(tmp_path: Path) -> None:
    path = described(tmp_path, TOML["regex"])
    asked = []
    with pytest.raises(Unsupported, match="cannot answer Generate within a JSON schema or regex, which invoice asks"):
        evaluate(lambda prompt: asked.append(prompt) or "123", [str(path)], store=str(tmp_path / "s"))
    assert not asked
    oracle = evaluate("scripted:oracle", [str(path)], store=str(tmp_path / "s"))
    assert [e.value for e in oracle.estimates if e.metric == "exact_match"] == [1.0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("regex = ''", "regex = '' is empty"),
        ("json_schema = {}", "json_schema = {} is empty"),
        ("json_schema = 'a.json'", "json_schema = 'a.json' is not a table"),
        (f"{TOML['regex']}\n{TOML['json_schema']}", "an answer has one form: leave json_schema or regex out"),
        ("choices = ['1', '2']\nregex = '1'", "regex is for written answers: leave choices or regex out"),
        ("json_schema = {minimum = nan}", "json_schema is no JSON"),
        ("json_schema = {const = 2020-01-01}", "json_schema is no JSON"),
    ],
)
def test_what_is_no_constraint_is_refused(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=words.replace("{", r"\{")):
        task_from_file(described(tmp_path, text))
