"""An edition's message: rendered and encoded once, then spliced with each reader's few values."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from outbox.headers import HeaderError, header_field, line_room
from outbox.marks import MARK_BYTES, MessageError
from outbox.quoted import quote, quote_value

# Printable octets, white space only inside: nothing that ends a line, and no line of white space alone.
_HEADER_VALUE = re.compile(rb"[!-~\x80-\xff](?:[ -~\x80-\xff]*[!-~\x80-\xff])?")

# Fields that `build` writes itself, and fields that RFC 5322, section 3.6, allows once.
_OWN = {"mime-version", "content-type", "content-transfer-encoding", "subject"}
_ONCE = {"date", "from", "sender", "reply-to", "to", "cc", "bcc", "message-id", "in-reply-to", "references"}


@dataclass(frozen=True, slots=True)
class _Slot:
    """One mark: where its value goes among the segments, and how much of it a header line can take.

    ``room`` is None where no header field holds the mark.
    """

    name: str
    head: tuple[int, ...]
    body: tuple[int, ...]
    room: int | None


class MessageTemplate:
    """A whole message as bytes, with marks where a reader's values go.

    Made by ``build`` once for an edition, kept as one ``blob``, read back by ``parse``. ``splice`` makes a
    reader's message from it: a copy of a list and one join. Lines end in CRLF, hold at most 998 octets (76 in
    the bodies) and never start with a dot, so what is spliced needs no dot-stuffing.
    """

    __slots__ = ("_segments", "_slots", "blob")

    def __init__(self, blob: bytes, segments: Sequence[bytes], slots: Iterable[_Slot]) -> None:
        self.blob = blob
        self._segments = list(segments)
        self._slots = tuple(slots)

    @property
    def names(self) -> frozenset[str]:
        """The marks that ``splice`` wants values for."""
        return frozenset(slot.name for slot in self._slots)

    @classmethod
    def build(cls, *, subject: str, text: str, html: str | None, headers: Iterable[tuple[str, str]]) -> Self:
        """A multipart/alternative message (RFC 2046) of both bodies, or text/plain alone, where there is no
        HTML; quoted-printable, UTF-8.

        Marks (``outbox.marks.mark``) may stand in any of the texts and header values. The boundary follows
        from the bodies: the same input gives the same bytes. Raises ``HeaderError`` (see ``header_field``),
        also for a field given twice or one that is made here, and ``MessageError`` for a NUL that belongs to
        no mark.
        """
        fields = _header_fields(subject, headers) + b"MIME-Version: 1.0\r\n"
        plain = _part(b"text/plain", quote(text if html is not None or text.endswith("\n") else f"{text}\n"))
        if html is None:
            return cls.parse(fields + plain)
        rich = _part(b"text/html", quote(html))
        # "=_" occurs in no quoted-printable body, so the boundary cannot either.
        boundary = b"=_" + sha256(plain + b"\0" + rich).hexdigest()[:32].encode()
        parts = [fields, b'Content-Type: multipart/alternative; boundary="%b"\r\n' % boundary]
        parts += [b"\r\n--%b\r\n%b" % (boundary, part) for part in (plain, rich)]
        parts.append(b"\r\n--%b--\r\n" % boundary)
        return cls.parse(b"".join(parts))

    @classmethod
    def parse(cls, blob: bytes) -> Self:
        """The template from what ``build`` made. Raises ``MessageError`` for bytes that are none."""
        split_at = blob.find(b"\r\n\r\n") + 2
        pieces = MARK_BYTES.split(blob)
        segments = [b"" if index % 2 else piece for index, piece in enumerate(pieces)]
        if split_at < 2 or any(b"\0" in segment for segment in segments):
            raise MessageError("a stored message is damaged: it has no header, or half a mark")
        if not blob.endswith(b"\r\n") or blob.startswith(b".") or b"\n." in blob:
            raise MessageError(
                "a stored message is damaged: a line starts with a dot, or the last is cut off"
            )
        room = line_room(blob[:split_at])
        in_head = len(MARK_BYTES.split(blob[:split_at]))
        slots: dict[str, tuple[list[int], list[int]]] = {}
        for index in range(1, len(pieces), 2):
            places = slots.setdefault(pieces[index].decode("ascii"), ([], []))
            places[0 if index < in_head else 1].append(index)
        return cls(
            blob,
            segments,
            [_Slot(name, tuple(head), tuple(body), room.get(name)) for name, (head, body) in slots.items()],
        )

    def splice(self, values: Mapping[str, bytes]) -> bytes:
        """One reader's message. Values that no mark asks for are not looked at.

        A value goes into a header field as it is: printable, ASCII or UTF-8 (RFC 6532), as long as its line
        has room; into a body so that it decodes to itself, at no cost when it is plain (``quote_value``).
        Raises ``HeaderError`` for one that a header must not hold, ``MessageError`` where one is missing.
        """
        parts = self._segments.copy()
        for slot in self._slots:
            value = values.get(slot.name)
            if value is None:
                raise MessageError(f"the message has a mark {slot.name}, and no value was given for it")
            if slot.room is not None:
                _check_header_value(slot.name, value, slot.room)
                for index in slot.head:
                    parts[index] = value
            if slot.body:
                quoted = quote_value(value)
                for index in slot.body:
                    parts[index] = quoted
        return b"".join(parts)


def dot_stuff(message: bytes) -> bytes:
    """The message as SMTP sends it (RFC 5321, section 4.5.2): a line that starts with a dot gets one more."""
    stuffed = message.replace(b"\n.", b"\n..")
    return b"." + stuffed if stuffed.startswith(b".") else stuffed


def _header_fields(subject: str, headers: Iterable[tuple[str, str]]) -> bytes:
    fields: list[bytes] = []
    seen: set[str] = set()
    for name, value in headers:
        key = name.lower()
        if key in _OWN or (key in _ONCE and key in seen):
            raise HeaderError(f"{name}: this field is made here, or was given before: leave it out")
        seen.add(key)
        fields.append(header_field(name, value))
    return b"".join([*fields, header_field("Subject", subject)])


def _part(kind: bytes, quoted: bytes) -> bytes:
    """A body with its own header fields."""
    head = b"Content-Type: %b; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" % kind
    return head + quoted


def _check_header_value(name: str, value: bytes, room: int) -> None:
    if not _HEADER_VALUE.fullmatch(value):
        raise HeaderError(
            f"{name}: {value!r} must not stand in a header: it is empty or holds control characters"
        )
    if len(value) > room:
        raise HeaderError(
            f"{name}: {value[:40]!r}… has {len(value)} octets; the header line has room for {room}"
        )
    if not value.isascii():
        try:
            value.decode()
        except UnicodeDecodeError as error:
            raise HeaderError(f"{name}: {value!r} is not UTF-8") from error
