"""Plain JSON as frozen records: of types that both fit, the first that the field names is taken."""

from dataclasses import dataclass

from harness.reading.typed import built


@dataclass(frozen=True, slots=True)
class Point:
    x: int


@dataclass(frozen=True, slots=True)
class Place:
    x: int


@dataclass(frozen=True, slots=True)
class PointFirst:
    one: Point | Place
    all: tuple[Point | Place, ...]


@dataclass(frozen=True, slots=True)
class PlaceFirst:
    one: Place | Point
    all: tuple[Place | Point, ...]


def test_the_order_of_types_is_the_fields_own() -> None:
    """Unions of the same types in another order are equal and have one hash."""
    for _ in range(2):
        for kind, first in ((PointFirst, Point), (PlaceFirst, Place)):
            made = built(kind, {"one": {"x": 1}, "all": [{"x": 2}]}, "it")
            assert made == kind(first(1), (first(2),))  # type: ignore[operator]
