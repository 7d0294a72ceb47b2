"""A message of anybody's, parsed within bounds of time and memory, whatever it holds."""

import re
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message

# A report says what it has to at its beginning; what follows is the mail that came back.
MAX_BYTES = 512 * 1024
# RFC 5322, section 2.1.1, allows 998 octets a line.
MAX_LINE = 2000
# A header goes on over so many octets: time to read its parameters grows with their square.
MAX_FOLDED = 8 * 1024
MAX_PARTS = 50
MAX_TEXT = 64 * 1024

_BOUNDARY = re.compile(rb"\bboundary\s*=", re.IGNORECASE)


def tame(data: bytes) -> bytes:
    """A message's beginning, with lines and headers cut where they are longer than any program's.

    What nests deeper than reports do becomes a message without parts.
    """
    short = b"\n".join(_lines(data[:MAX_BYTES]))
    if len(_BOUNDARY.findall(short)) > MAX_PARTS:
        head, _, body = short.partition(b"\n\n")
        return _BOUNDARY.sub(b"not-a-boundary=", head) + b"\n\n" + body
    return short


def parse(tamed: bytes) -> Message:
    """A tamed message, parsed."""
    return message_from_bytes(tamed)


def parts(message: Message) -> Iterator[Message]:
    """The message's own parts, without those of messages enclosed in it."""
    found = 0
    waiting = [message]
    while waiting and found < MAX_PARTS:
        part = waiting.pop()
        found += 1
        yield part
        payload = part.get_payload()
        if part.get_content_maintype() == "multipart" and isinstance(payload, list):
            waiting += [one for one in reversed(payload) if isinstance(one, Message)]


def header(message: Message, name: str) -> str:
    """A header's value in one line, UTF-8 read as such; empty where there is none."""
    return next(iter(headers(message, name)), "")


def headers(message: Message, name: str) -> list[str]:
    """The values of all the headers of a name."""
    wanted = name.lower()
    return [_text(value) for key, value in message.raw_items() if key.lower() == wanted]


def text(part: Message) -> str:
    """A part's text, its beginning; decoded as well as can be."""
    payload = part.get_payload(decode=True)
    if not isinstance(payload, bytes):
        return ""
    return payload[:MAX_TEXT].decode("utf-8", "replace")


def _text(value: object) -> str:
    raw = str(value).encode("utf-8", "surrogateescape")
    return " ".join(raw.decode("utf-8", "replace").split())[:MAX_LINE]


def _lines(data: bytes) -> Iterator[bytes]:
    """The lines; a long run of folded ones ends early."""
    folded = 0
    for line in data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\0", b"").split(b"\n"):
        short = line[:MAX_LINE]
        folded = folded + len(short) if short[:1] in b" \t" and short else 0
        if folded <= MAX_FOLDED:
            yield short
