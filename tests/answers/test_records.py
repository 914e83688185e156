"""Records survive JSON bit for bit, and different requests have different keys."""

import json
import math
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.answers.records import (
    canonical,
    failure_of,
    request_from_json,
    request_key,
    request_to_json,
    response_from_json,
    response_to_json,
    settings_from_json,
    settings_to_json,
)
from harness.errors import DataError
from harness.types import (
    Choose,
    Chosen,
    Failed,
    Generate,
    Generated,
    Likelihood,
    Message,
    PseudoLikelihood,
    Request,
    Response,
    Scored,
    Settings,
)

TEXT = st.text(st.characters(codec=None), max_size=20)  # lone surrogates included
FLOAT = st.floats(allow_nan=False)
COUNT = st.integers(0, 10**6)
RESPONSES: st.SearchStrategy[Response] = st.one_of(
    st.builds(Chosen, COUNT, st.lists(FLOAT).map(tuple), st.lists(COUNT).map(tuple), TEXT),
    st.builds(Generated, TEXT, COUNT, st.sampled_from(("stop", "length", "end")), TEXT),
    st.builds(Scored, FLOAT, COUNT, COUNT, st.booleans(), st.lists(FLOAT).map(tuple)),
    st.builds(Failed, TEXT, TEXT),
)
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
TURNS = st.lists(st.builds(Message, st.sampled_from(("system", "user", "assistant")), TEXT), max_size=2).map(tuple)
REQUESTS: st.SearchStrategy[Request] = st.one_of(
    st.builds(Choose, TEXT, TEXTS, TEXTS, TEXTS, TURNS),
    st.builds(Generate, TEXT, COUNT, TEXTS, FLOAT, FLOAT, COUNT, TEXTS, TURNS),
    st.builds(Likelihood, TEXT, TEXT, st.none() | COUNT),
    st.builds(PseudoLikelihood, TEXT, TEXT),
)


def bits(number: float) -> bytes:
    return struct.pack("<d", number)


@given(RESPONSES)
def test_a_response_survives_a_line_of_json(response: Response) -> None:
    line = canonical(response_to_json(response))
    assert "\n" not in line and line.isascii()
    back = response_from_json(json.loads(line))
    assert back == response
    if isinstance(back, Chosen) and isinstance(response, Chosen):
        assert [bits(x) for x in back.logprobs] == [bits(x) for x in response.logprobs]


def test_what_older_journals_and_stores_hold_reads_as_it_was() -> None:
    old = {"kind": "generated", "text": "a", "tokens": 1, "finish": "end"}
    assert response_from_json(old) == Generated("a", 1, "end") and response_to_json(Generated("a", 1, "end")) == old
    request = Generate("a", 1)
    assert "messages" not in request_to_json(request) and request_from_json(request_to_json(request)) == request


def test_what_json_has_no_number_for_survives_too() -> None:
    response = Chosen(1, (-math.inf, math.inf, math.nan, -0.0, 5e-324), (1, 2, 3, 4, 5))
    back = response_from_json(json.loads(canonical(response_to_json(response))))
    assert isinstance(back, Chosen)
    assert back.logprobs[:2] == (-math.inf, math.inf)
    assert math.isnan(back.logprobs[2])
    assert math.copysign(1, back.logprobs[3]) == -1
    assert back.logprobs[4] == 5e-324


def test_numbers_of_numpy_become_plain_ones() -> None:
    scored = Scored(np.float32(-0.1), np.int64(2), 3, np.bool_(True), (np.float32(-0.1),))  # type: ignore[arg-type]
    back = response_from_json(json.loads(canonical(response_to_json(scored))))
    assert back == Scored(float(np.float32(-0.1)), 2, 3, True, (float(np.float32(-0.1)),))


@given(REQUESTS, REQUESTS)
def test_keys_are_equal_for_equal_requests_only(one: Request, other: Request) -> None:
    assert (request_key(one) == request_key(other)) == (one == other)


def test_a_key_tells_apart_what_joins_to_the_same_text() -> None:
    requests: list[Request] = [
        Choose("a", ("b", "c")),
        Choose("a", ("bc",)),
        Choose("a", ("b",), ("c",)),
        Choose("a", ("b",), (), ("c",)),
        Likelihood("b", "a"),
        Likelihood("ab"),
        Likelihood("ab", stride=1),
        PseudoLikelihood("b", "a"),
        Generate("a", 1),
        Generate("a", 2),
        Generate("a", 1, seed=1),
        Generate("a", 1, temperature=0.5),
        Generate("a", 1, ("b",)),
    ]
    assert len({request_key(request) for request in requests}) == len(requests)


def test_a_key_does_not_depend_on_how_a_number_was_written() -> None:
    assert request_key(Generate("a", 1, temperature=0)) == request_key(Generate("a", 1, temperature=0.0))


def test_the_key_of_a_request_stays_what_it_was() -> None:
    assert request_to_json(Likelihood("b", "a"))["kind"] == "likelihood"
    assert canonical(request_to_json(Likelihood("b", "a"))) == (
        '{"context":"a","kind":"likelihood","stride":null,"text":"b"}'
    )


@pytest.mark.parametrize(
    ("record", "word"),
    [
        ({"kind": "guess"}, "'guess'"),
        ({}, "None"),
        ({"kind": "failed", "failure": "x"}, "message"),
        ({"kind": "failed", "failure": "x", "message": "y", "more": 1}, "more"),
        ({"kind": "generated", "text": "x", "tokens": 1, "finish": "maybe"}, "'maybe'"),
        ({"kind": "chosen", "picked": 0, "logprobs": ["0x1"], "tokens": [1], "text": ""}, "'0x1'"),
        ({"kind": "chosen", "picked": 0.5, "logprobs": [], "tokens": [], "text": ""}, "0.5"),
        ({"kind": "scored", "logprob": True, "tokens": 1, "bytes": 1, "greedy": False, "token_logprobs": []}, "True"),
    ],
)
def test_a_record_of_another_shape_is_refused(record: dict[str, object], word: str) -> None:
    with pytest.raises(DataError, match=word):
        response_from_json(record)


def test_failures_of_older_releases_are_spelled_as_those_of_today_and_a_plug_in_keeps_its_own() -> None:
    assert failure_of("no choice", "neither") == Failed("no-choice", "neither")
    assert failure_of("rate-limit", "wait") == Failed("rate-limit", "wait")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        failure_of(3, "x")


def test_settings_of_older_runs_are_read_with_their_texts_as_lists() -> None:
    kept = {"limit": 3, "perturb": "case, typos", "strength": "0.1,1", "counterfactual": "", "rescored": "run-1"}
    settings = Settings(limit=3, limit_order="first", perturb=("case", "typos"), strength=(0.1, 1.0))
    assert settings_from_json(kept, "settings") == settings
    assert settings_from_json(json.loads(json.dumps(settings_to_json(settings))), "settings") == settings
    with pytest.raises(DataError, match="settings.strength"):
        settings_from_json({"strength": "much"}, "settings")
