"""Requests and responses as plain JSON and back, without losing a bit, and the hash that identifies a request."""

import hashlib
import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from typing import Any, cast

from harness.errors import DataError, quoted
from harness.reading.typed import built
from harness.types import (
    Choose,
    Chosen,
    Failed,
    FailureKind,
    Generate,
    Generated,
    Likelihood,
    PseudoLikelihood,
    Request,
    Response,
    Scored,
    Settings,
)

Json = dict[str, Any]

REQUESTS: Mapping[str, type[Request]] = {
    "choose": Choose,
    "generate": Generate,
    "likelihood": Likelihood,
    "pseudo-likelihood": PseudoLikelihood,
}


def request_key(request: Request) -> str:
    """sha256 (hex) of the canonical JSON of a request: equal requests, and only those, have equal keys."""
    return hashlib.sha256(canonical(request_to_json(request)).encode("ascii")).hexdigest()


def canonical(value: Any) -> str:
    """One line of ASCII JSON with sorted keys and no spaces; raises ValueError for floats that JSON cannot hold."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def request_to_json(request: Request) -> Json:
    """A plain dict whose "kind" is choose, generate, likelihood or pseudo-likelihood."""
    match request:
        case Choose():
            return {
                "kind": "choose",
                "prompt": request.prompt,
                "choices": list(request.choices),
                "inputs": list(request.inputs),
                "labels": list(request.labels),
                **_turns(request),
            }
        case Generate():
            return {
                "kind": "generate",
                "prompt": request.prompt,
                "max_tokens": request.max_tokens,
                "stop": list(request.stop),
                "temperature": _pack(request.temperature),
                "top_p": _pack(request.top_p),
                "seed": request.seed,
                "inputs": list(request.inputs),
                **_turns(request),
                **({"constraint": asdict(request.constraint)} if request.constraint else {}),
            }
        case Likelihood():
            return {"kind": "likelihood", "text": request.text, "context": request.context, "stride": request.stride}
        case PseudoLikelihood():
            return {"kind": "pseudo-likelihood", "text": request.text, "other": request.other}


def _turns(request: Choose | Generate) -> Json:
    """The messages of a request; nothing where it has none, so that its key is what it was before there were any."""
    return {"messages": [asdict(message) for message in request.messages]} if request.messages else {}


def request_from_json(record: Mapping[str, Any]) -> Request:
    """The request that ``request_to_json`` wrote. Raises DataError for an unknown kind, field or type."""
    kind = str(record.get("kind"))
    if kind not in REQUESTS:
        raise DataError(f"unknown kind of request {quoted(kind, 80)}; valid: {', '.join(REQUESTS)}")
    fields = {k: v for k, v in record.items() if k != "kind"}
    fields |= {k: float(fields[k]) for k in ("temperature", "top_p") if k in fields}
    return built(REQUESTS[kind], fields, f"a {kind} request")


def response_to_json(response: Response) -> Json:
    """A plain dict whose "kind" is chosen, generated, scored or failed; infinities and NaN become strings."""
    match response:
        case Chosen():
            return {
                "kind": "chosen",
                "picked": int(response.picked),
                "logprobs": [_pack(x) for x in response.logprobs],
                "tokens": [int(n) for n in response.tokens],
                "text": response.text,
            }
        case Generated():
            return {
                "kind": "generated",
                "text": response.text,
                "tokens": int(response.tokens),
                "finish": response.finish,
                **({"reasoning": response.reasoning} if response.reasoning else {}),
            }
        case Scored():
            return {
                "kind": "scored",
                "logprob": _pack(response.logprob),
                "tokens": int(response.tokens),
                "bytes": int(response.bytes),
                "greedy": bool(response.greedy),
                "token_logprobs": [_pack(x) for x in response.token_logprobs],
            }
        case Failed():
            return {"kind": "failed", "failure": response.kind, "message": response.message}


def response_from_json(record: Mapping[str, Any]) -> Response:
    """The response that ``response_to_json`` wrote. Raises DataError for an unknown kind or a wrong set of fields."""
    kind = record.get("kind")
    if kind not in _READERS:
        raise DataError(f"unknown kind of response {kind!r}; valid: {', '.join(_READERS)}")
    fields, read = _READERS[kind]
    odd = sorted((record.keys() ^ fields) - _OPTIONAL.get(kind, frozenset()))
    if odd:
        raise DataError(f"a {kind} response with missing or unknown fields {', '.join(odd)}")
    try:
        return read(record)
    except (TypeError, ValueError) as error:
        raise DataError(f"a {kind} response that cannot be read: {error}") from error


def _pack(number: float) -> float | str:
    """A float that JSON can hold: finite ones are exact as they are, the others go by name."""
    number = float(number)
    return number if math.isfinite(number) else str(number)


def _unpack(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, float | int | str):
        raise TypeError(f"{value!r} is no number")
    if isinstance(value, str) and value not in ("inf", "-inf", "nan"):
        raise ValueError(f"{value!r} is no number")
    return float(value)


def _is(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is no {kind.__name__}")
    return value


def _read_chosen(record: Mapping[str, Any]) -> Chosen:
    return Chosen(
        _is(record["picked"], int),
        tuple(_unpack(x) for x in record["logprobs"]),
        tuple(_is(n, int) for n in record["tokens"]),
        _is(record["text"], str),
    )


def _read_generated(record: Mapping[str, Any]) -> Generated:
    if record["finish"] not in ("stop", "length", "end"):
        raise ValueError(f"finish {record['finish']!r}; valid: stop, length, end")
    reasoning = _is(record.get("reasoning", ""), str)
    return Generated(_is(record["text"], str), _is(record["tokens"], int), record["finish"], reasoning)


def _read_scored(record: Mapping[str, Any]) -> Scored:
    return Scored(
        _unpack(record["logprob"]),
        _is(record["tokens"], int),
        _is(record["bytes"], int),
        _is(record["greedy"], bool),
        tuple(_unpack(x) for x in record["token_logprobs"]),
    )


def _read_failed(record: Mapping[str, Any]) -> Failed:
    return failure_of(record["failure"], record["message"])


RESPELLED = {"no choice": "no-choice", "no likelihood": "no-likelihood", "no scorer": "no-scorer"}
"""Kinds of failures as older releases wrote them."""


def failure_of(kind: object, message: object) -> Failed:
    """A failure as it was stored; a kind of a plug-in's own is kept. Raises as the readers do for what is no text."""
    spelled = RESPELLED.get(_is(kind, str), kind)
    return Failed(cast(FailureKind, spelled), _is(message, str))


_READERS: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any]], Response]]] = {
    "chosen": (frozenset({"kind", "picked", "logprobs", "tokens", "text"}), _read_chosen),
    "generated": (frozenset({"kind", "text", "tokens", "finish"}), _read_generated),
    "scored": (frozenset({"kind", "logprob", "tokens", "bytes", "greedy", "token_logprobs"}), _read_scored),
    "failed": (frozenset({"kind", "failure", "message"}), _read_failed),
}
_OPTIONAL = {"generated": frozenset({"reasoning"})}
"""Fields that are left out where they say nothing; older journals and stores have none of them."""


def sealed(record: Json) -> bytes:
    """One line, without its end: ``<crc32 of the JSON, 8 hex digits> <JSON>``."""
    text = canonical(record).encode("ascii")
    return b"%08x %s" % (zlib.crc32(text), text)


def unsealed(line: bytes) -> Json | None:
    """The record of such a line; None where a byte of it has changed, or where it is none."""
    checksum, _, text = line.partition(b" ")
    if checksum != b"%08x" % zlib.crc32(text):
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


# ----------------------------------------------------------------------------------------------------------- settings
def settings_to_json(settings: Settings) -> dict[str, Any]:
    """Settings as a run keeps them."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(settings).items()}


def settings_from_json(kept: Mapping[str, Any], name: str) -> Settings:
    """Settings that a run keeps; what is no setting is passed over. ``name`` is what they are called in errors.

    Older runs keep comma-separated texts where there are lists now, and their limits took the first examples.
    Raises DataError for values of a wrong type, UsageError for those that no run can have.
    """
    ours = {f.name for f in fields(Settings)}
    values = {"limit_order": "first"} | {key: value for key, value in kept.items() if key in ours}
    for key in ("perturb", "strength", "counterfactual"):
        if isinstance(values.get(key), str):
            words = [word.strip() for word in values[key].split(",") if word.strip()]
            values[key] = [_share(word) for word in words] if key == "strength" else words
    return built(Settings, values, name)


def _share(word: str) -> float | str:
    try:
        return float(word)
    except ValueError:
        return word
