"""Reading a server's replies (RFC 5321, section 4.2) from whatever it sends."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from outbox.outcome import printable

# RFC 5321, section 4.5.3.1.5, allows a server 512 octets a line; many say more. Beyond this it is no reply.
MAX_LINE = 4096
MAX_LINES = 256

_LINE = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")


class ProtocolError(ValueError):
    """What came is no SMTP reply."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: its code and the text of its lines, as sent."""

    code: int
    lines: tuple[bytes, ...]

    @property
    def kind(self) -> int:
        """The code's first digit: 2 done, 3 go on, 4 not now, 5 no."""
        return self.code // 100

    def __str__(self) -> str:
        """The reply as one printable line, with its enhanced status code (RFC 3463) once."""
        texts = [line.decode(errors="replace").strip() for line in self.lines]
        found = _ENHANCED.match(texts[0])
        if found is not None and len(texts) > 1:
            texts[1:] = [text.removeprefix(found[0]) for text in texts[1:]]
        return printable(" ".join([str(self.code), *texts]))


class ReplyReader:
    """Takes octets as they come and gives the replies that are whole.

    It holds no more than one reply of ``MAX_LINES`` lines of ``MAX_LINE`` octets, whatever the server sends.
    """

    __slots__ = ("_buffer", "_code", "_lines")

    def __init__(self) -> None:
        self._buffer = b""
        self._code = b""
        self._lines: list[bytes] = []

    @property
    def is_between(self) -> bool:
        """Whether nothing of a next reply has come yet."""
        return not self._buffer and not self._lines

    def feed(self, octets: bytes) -> Iterator[Reply]:
        """The replies that these octets complete, in order.

        Raises ``ProtocolError`` after the last good one: no more can be read.
        """
        *lines, self._buffer = (self._buffer + octets).split(b"\n")
        for line in lines:
            reply = self._line(line.removesuffix(b"\r"))
            if reply is not None:
                yield reply
        if len(self._buffer) > MAX_LINE:
            raise ProtocolError(f"a line of more than {MAX_LINE} octets came where a reply was expected")

    def _line(self, line: bytes) -> Reply | None:
        found = _LINE.fullmatch(line)
        if found is None or len(line) > MAX_LINE or (self._lines and found[1] != self._code):
            said = printable(line[:60].decode(errors="replace"))
            raise ProtocolError(f"{said!r} came where a reply was expected")
        self._code = found[1]
        self._lines.append(found[3] or b"")
        if found[2] == b"-":
            if len(self._lines) >= MAX_LINES:
                raise ProtocolError(f"a reply of more than {MAX_LINES} lines came")
            return None
        reply = Reply(int(self._code), tuple(self._lines))
        self._lines.clear()
        return reply
