"""Plain JSON from outside as our frozen records: every field is there, is known and has its type."""

import math
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.errors import DataError, quoted

T = TypeVar("T")

WIDEST = 2**53
"""Whole numbers beyond it are no count of anything, and JSON does not keep them."""


@dataclass(frozen=True, slots=True)
class _Type:
    """A type hint, what stands before its brackets and what within: other types, or a Literal's values."""

    hint: Any
    kind: Any
    inner: tuple[Any, ...]


def built(kind: type[T], record: object, name: str) -> T:
    """A ``kind`` (a dataclass) from a mapping of its fields; ``name`` is what it is called in errors.

    Raises DataError that names the first field that is missing, unknown or of another type.
    """
    if isinstance(record, kind):
        return record
    if not isinstance(record, Mapping):
        raise DataError(f"{name} is {quoted(record, 80)}, not a table")
    known, types = _fields(kind), _types(kind)  # type: ignore[arg-type]  # a class is hashable
    for key in record:
        if key not in known:
            raise DataError(f"{name} has the unknown field {quoted(str(key), 80)}; valid: {', '.join(known)}")
    for key, needed in known.items():
        if needed and key not in record:
            raise DataError(f"{name} lacks the field {key}")
    return kind(**{key: _taken(value, types[key], f"{name}.{key}") for key, value in record.items()})


def taken(value: object, hint: Any, name: str) -> Any:
    """A value as its type wants it (lists become tuples). Raises DataError where it does not fit."""
    return _taken(value, _apart(hint), name)


def _taken(value: object, wanted: _Type, name: str) -> Any:
    hint, kind, inner = wanted.hint, wanted.kind, wanted.inner
    if kind in (Union, UnionType):
        return _one_of(value, inner, name)
    if kind is Literal:
        fits, result = isinstance(value, str) and value in inner, value
    elif kind is tuple:
        fits = isinstance(value, list | tuple) and (inner[-1].hint is Ellipsis or len(value) == len(inner))
        result = tuple(_taken(v, inner[0], name) for v in value) if isinstance(value, list | tuple) else value
    elif kind is not None and issubclass(kind, Mapping):
        fits = isinstance(value, Mapping) and all(isinstance(key, str) for key in value)
        result = (
            {k: _taken(v, inner[1], f"{name}.{k}") for k, v in value.items()} if isinstance(value, Mapping) else value
        )
    elif is_dataclass(hint):
        return built(hint, value, name)  # type: ignore[arg-type]  # a class, since it is a type hint
    else:
        fits, result = _is(value, hint), value
    if not fits:
        raise DataError(f"{name} is {quoted(value, 80)}, not {_words(hint)}")
    return result


def _one_of(value: object, types: tuple[_Type, ...], name: str) -> Any:
    if value is None and any(one.hint is NoneType for one in types):
        return None
    for one in types:
        try:
            return _taken(value, one, name)
        except DataError:
            continue
    raise DataError(f"{name} is {quoted(value, 80)}, not {' or '.join(_words(one.hint) for one in types)}")


def _is(value: object, hint: Any) -> bool:
    if hint is Any:
        return True
    if hint is NoneType:
        return value is None
    if hint is float:
        return not math.isnan(value) if isinstance(value, float) else _is(value, int)
    if hint is int:
        return type(value) is int and abs(value) < WIDEST
    return type(value) is hint


def _words(hint: Any) -> str:
    inner = get_args(hint)
    if get_origin(hint) in (Union, UnionType, Literal):
        return " or ".join(repr(part) if isinstance(part, str) else _words(part) for part in inner)
    names = {float: "a number", int: "a whole number", str: "a text", bool: "true or false", NoneType: "null"}
    return names.get(hint) or ("a list" if get_origin(hint) is tuple else "a table")


@cache
def _fields(kind: Any) -> dict[str, bool]:
    """Names of the fields, and whether each must be given."""
    return {f.name: f.default is MISSING and f.default_factory is MISSING for f in fields(kind)}


@cache
def _types(kind: Any) -> dict[str, _Type]:
    """The fields' types, taken apart once, since a store has many records of one kind.

    They are kept by record: kept by hint, ``int | float`` and ``float | int`` were one, and of types that both fit the
    first is taken.
    """
    return {name: _apart(hint) for name, hint in get_type_hints(kind).items()}


def _apart(hint: Any) -> _Type:
    kind, inner = get_origin(hint), get_args(hint)
    return _Type(hint, kind, inner if kind is Literal else tuple(map(_apart, inner)))
