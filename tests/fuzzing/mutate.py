"""Small damages to a file: bytes as disks and editors change them, values as people write them."""

from random import Random

ODD = (
    b"null", b"true", b"false", b"NaN", b"-Infinity", b"nan", b"inf", b"-1", b"0", b"1.10", b"1e999", b"-0", b"010",
    b"0x1f", b"9" * 30, b"9" * 5000, b"2024-01-31", b"2024-01-31T10:00:00Z", b"12:30", b"yes", b"~", b'""', b"''",
    b'"\\ud800"', b'"\\u0000"', b'"\\udfff\\ud83d"', b"[]", b"{}", b"[[]]", b'{"a": 1}', b"[1, 2]", b'["a", null]',
    b'"' + b"x" * 3000 + b'"', b'"{question.__class__}"', b'"{question:>99999999}"', b'"{}"', b'"{0}"', b'"{"',
    b'"[red]"', b'"\\n"', b"*a", b"&a", b"<<", b"!!python/object:os.system", b"[" * 200, b"{" * 200, b"[" * 3000,
    b'{"a":' * 3000, b"[" * 70 + b"]" * 70, b"a." * 500 + b"a = 1",
)  # fmt: skip
"""Values that stand where another was meant."""
BYTES = (
    b"\xef\xbb\xbf", b"\xff\xfe", b"\0", b"\r\n", b"\r", b"\n", b"\n\n", b"\xe2\x80\xa8", b"\xc2\x85", b"\xff",
    b"\xed\xa0\x80", b"\xf0\x9f\x98\x80", b"\xc5\xbf", b"\xe2\x84\xaa", b'"', b"'", b",", b":", b"=", b"#", b"\\",
    b"{", b"}", b"[", b"]", b"\t", b" ", b"\x1b[31m", b"\x7f", b"|", b"-", b"*",
)  # fmt: skip
"""Bytes and signs that come in by accident."""
ENDS = b'\n,:=[]{}"'


def mutated(content: bytes, rng: Random) -> bytes:
    """The content with one to three damages."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        content = rng.choice(DAMAGES)(content, rng)
    return content


def _value(content: bytes, rng: Random) -> bytes:
    """A value replaced by an odd one."""
    start, end = _span(content, rng)
    return content[:start] + rng.choice(ODD) + content[end:]


def _swapped(content: bytes, rng: Random) -> bytes:
    """A value replaced by another of the same file."""
    (start, end), (first, last) = _span(content, rng), _span(content, rng)
    return content[:start] + content[first:last] + content[end:]


def _span(content: bytes, rng: Random) -> tuple[int, int]:
    """What stands between two separators."""
    marks = [i for i, byte in enumerate(content) if byte in ENDS]
    if len(marks) < 2:
        return 0, len(content)
    place = rng.randrange(len(marks) - 1)
    return marks[place] + 1, marks[place + 1]


def _inserted(content: bytes, rng: Random) -> bytes:
    place = rng.choice((0, len(content), rng.randint(0, len(content))))
    return content[:place] + rng.choice(BYTES) + content[place:]


def _flipped(content: bytes, rng: Random) -> bytes:
    if not content:
        return content
    place = rng.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << rng.randrange(8))]) + content[place + 1 :]


def _cut(content: bytes, rng: Random) -> bytes:
    start, end = sorted((rng.randint(0, len(content)), rng.randint(0, len(content))))
    return rng.choice((content[:start], content[end:], content[:start] + content[end:]))


def _lines(content: bytes, rng: Random) -> bytes:
    """A line twice, gone, or in another place."""
    lines = content.splitlines(keepends=True)
    if not lines:
        return content
    line = lines.pop(rng.randrange(len(lines)))
    for _ in range(rng.randrange(3)):
        lines.insert(rng.randint(0, len(lines)), line)
    return b"".join(lines)


DAMAGES = (_value, _value, _value, _swapped, _inserted, _flipped, _cut, _lines)
