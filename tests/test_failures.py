"""Reasons of failures: grouped whatever they quote, counted, and never longer than a line."""

from harness.failures import reasons
from harness.types import Example, Failed, Outcome


def outcomes(*failures: Failed | None) -> list[Outcome]:
    return [Outcome(Example(str(i), {}), (), (), None, failure) for i, failure in enumerate(failures)]


def test_messages_that_differ_in_numbers_or_quotes_alone_are_one_reason() -> None:
    rows = outcomes(
        Failed("server", "HTTP 500: gone"), None, Failed("unparsed", "no choice in 'it\\'s A'"),
        Failed("unparsed", 'no choice in "A, B"'), Failed("server", "HTTP 500: out of memory"),
        Failed("server", "HTTP 503: out of memory"), Failed("server", "HTTP 503: out of memory"),
    )  # fmt: skip
    assert list(reasons({"x": rows, "fine": outcomes(None)})) == [
        "x: 3 of 7 failed: server: HTTP 500: out of memory",
        "x: 2 of 7 failed: unparsed: no choice in 'it\\'s A'",
        "x: 1 of 7 failed: server: HTTP 500: gone",
    ]


def test_many_reasons_are_counted_and_long_ones_cut() -> None:
    rows = outcomes(*(Failed("metric", f"reason {'abcdefgh'[i]}\x1b\n{'x' * 1000}") for i in range(8)))
    lines = list(reasons({"x": rows}))
    assert len(lines) == 6 and lines[-1] == "x: 3 of 8 failed for 3 other reasons"
    assert all(len(line) < 300 and line.isprintable() and r"\u001b" in line for line in lines[:-1])
