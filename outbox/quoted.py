"""Quoted-printable (RFC 2045, section 6.7) for texts with marks in them."""

import re

from outbox.marks import MessageError, split_marks

# Escaped text a line: a soft line break and an escaped first character still fit into the 76 octets allowed.
_WIDTH = 73

# What stands for each octet. "=" is the escape; tabs and spaces survive anywhere but at a line's end.
_ESCAPES = [chr(octet) if 32 <= octet < 127 and octet != 61 else f"={octet:02X}" for octet in range(256)]

# A line that starts with a dot would need stuffing; one that starts with "From " is changed by mailbox files.
_LINE_START = re.compile(r"^(?:\.|F(?=rom ))", re.MULTILINE)

_LINE_BREAK = re.compile(r"\r\n|\r|\n")

# A value that may stand in a line of its own, between soft line breaks, just as it is.
_PLAIN_VALUE = re.compile(rb"(?:[ -\-/-<>-~][ -<>-~]{0,59})?")


def quote(text: str) -> bytes:
    """A text as quoted-printable octets, CRLF line breaks, lines of at most 76; marks stay as they are.

    Each mark stands in a line of its own between soft line breaks, so that a value of up to 60 plain
    characters can take its place and nothing else moves. Line breaks of any kind come out as CRLF.
    Raises ``MessageError`` for a NUL outside a mark, or half a surrogate pair.
    """
    pieces = split_marks(text)
    quoted = [_quote_text(pieces[0], last=len(pieces) == 1)]
    for index in range(1, len(pieces), 2):
        before = quoted[-1]
        if before and not before.endswith("\r\n"):
            quoted.append("=\r\n")
        quoted.append(f"\x00{pieces[index]}\x00=\r\n")
        after = _quote_text(pieces[index + 1], last=index + 2 == len(pieces))
        if after:
            quoted.append(after)
    return "".join(quoted).encode("ascii")


def quote_value(value: bytes) -> bytes:
    """A mark's value as it may stand between soft line breaks: itself when it is plain, else quoted.

    Plain is printable ASCII without ``=`` and not starting with a dot, at most 60 octets. What is not is
    escaped and broken into lines, none of which starts with a dot.
    """
    if _PLAIN_VALUE.fullmatch(value):
        return value
    escaped = "".join([_ESCAPES[octet] for octet in value])
    return _LINE_START.sub(_escape_first, "".join(_wrap(escaped))).encode("ascii")


def _quote_text(text: str, *, last: bool) -> str:
    """One piece between marks; ``last`` is the text's end, where white space must be escaped."""
    try:
        lines = [line.encode() for line in _LINE_BREAK.split(text)]
    except UnicodeEncodeError as error:
        raise MessageError(
            f"half a surrogate pair stands in the text: {error.object[error.start]!r}"
        ) from error
    quoted: list[str] = []
    final = len(lines) - 1
    for number, line in enumerate(lines):
        escaped = "".join([_ESCAPES[octet] for octet in line])
        if escaped.endswith(" ") and (number < final or last):
            escaped = escaped[:-1] + "=20"
        quoted.extend(_wrap(escaped))
        if number < final:
            quoted.append("\r\n")
    return _LINE_START.sub(_escape_first, "".join(quoted))


def _wrap(escaped: str) -> list[str]:
    """The pieces of a long line with soft line breaks between, none inside an escape."""
    if len(escaped) <= _WIDTH:
        return [escaped]
    pieces: list[str] = []
    start = 0
    while len(escaped) - start > _WIDTH:
        end = start + _WIDTH
        if escaped[end - 1] == "=":
            end -= 1
        elif escaped[end - 2] == "=":
            end -= 2
        pieces.append(escaped[start:end] + "=\r\n")
        start = end
    pieces.append(escaped[start:])
    return pieces


def _escape_first(match: re.Match[str]) -> str:
    return f"={ord(match[0]):02X}"
