"""Header fields: folded at white space only, RFC 2047 for text, and nothing in them that could end them."""

import re
from base64 import b64encode

from outbox.marks import MARK_BYTES, MessageError, split_marks

# RFC 5322, section 2.1.1: octets in a line without its CRLF.
MAX_LINE = 998
_FOLD_AT = 76

# What a mark is taken to need when lines are folded; the real limit is checked when its value is known.
_MARK_LENGTH = 40

_NAME = re.compile(r"[!-9;-~]+")
_CONTROL = re.compile(r"[\x01-\x08\x0a-\x1f\x7f]")
_WORD = re.compile(rb"[ \t]*[^ \t]+")

# Header fields whose value is text for people: the only ones that are ever encoded as a whole.
_TEXT = {"comments", "subject"}

# Encoded words have at most 75 octets (RFC 2047, section 2); these may stand in a phrase too (section 5).
_ENCODED_WORD = 75
_Q_LITERAL = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


class HeaderError(MessageError):
    """A header field that must not be sent: CR, LF or controls in it, too long, or not to be encoded."""


def header_field(name: str, value: str) -> bytes:
    """One header field, folded, with its final CRLF; marks in the value stay as they are.

    Subject and Comments are text: what is not ASCII becomes encoded words. Every other value must be ASCII
    already (see ``encode_text`` and ``outbox.addresses``) and is never changed, only folded where it has
    white space. Raises ``HeaderError`` for CR, LF or another control character, an empty value, text that is
    not ASCII where it must be, or a word that fits no line of 998 octets.
    """
    if not _NAME.fullmatch(name):
        raise HeaderError(
            f"{name!r} is no name for a header field: use printable ASCII without colon or space"
        )
    value = value.strip(" \t")
    _refuse_controls(name, value)
    if name.lower() in _TEXT:
        value = encode_text(value)
    if not value.isascii():
        raise HeaderError(f"{name}: {value!r} is not ASCII: encode it before it comes here")
    if not value:
        raise HeaderError(f"{name}: the value is empty: leave the field out")
    return _fold(name, value.encode("ascii"))


def encode_text(text: str, *, start: int = 9) -> str:
    """Text for people as it may stand in a header: itself when it is plain ASCII, else encoded words.

    ``start`` is the column where the first word stands (9: after ``Subject: ``). A mark keeps its place, and
    must have white space between it and text that has to be encoded; ``HeaderError`` when it has not.
    """
    pieces = split_marks(text)
    if all(_is_plain(piece) for piece in pieces[::2]):
        return text
    encoded = [_encode_piece(pieces[0], start, first=True, last=len(pieces) == 1)]
    for index in range(1, len(pieces), 2):
        last = index + 2 == len(pieces)
        encoded.append(f"\x00{pieces[index]}\x00")
        encoded.append(_encode_piece(pieces[index + 1], 1, first=False, last=last))
    return "".join(encoded)


def line_room(head: bytes) -> dict[str, int]:
    """How long each mark's value may be so that no line of these header fields is over 998 octets.

    Marks that share a line share its room equally.
    """
    room: dict[str, int] = {}
    for line in head.split(b"\r\n"):
        names = MARK_BYTES.findall(line)
        if not names:
            continue
        free = MAX_LINE - len(MARK_BYTES.sub(b"", line))
        for name in names:
            each = free // len(names)
            room[name.decode("ascii")] = min(each, room.get(name.decode("ascii"), MAX_LINE))
    return room


def _refuse_controls(name: str, value: str) -> None:
    without_marks = "".join(split_marks(value)[::2])
    if found := _CONTROL.search(without_marks):
        what = {"\r": "a carriage return", "\n": "a line feed"}.get(found[0], "a control character")
        raise HeaderError(f"{name}: {what} stands in the value {without_marks!r}")


def _is_plain(piece: str) -> bool:
    # "=?" would be read as an encoded word, and a long word could not be folded.
    return piece.isascii() and "=?" not in piece and all(len(word) <= MAX_LINE - 60 for word in piece.split())


def _encode_piece(piece: str, start: int, *, first: bool, last: bool) -> str:
    """One piece between marks; the space beside a mark stays outside the encoded words, where it is kept."""
    if _is_plain(piece):
        return piece
    if (not first and not piece.startswith(" ")) or (not last and not piece.endswith(" ")):
        raise HeaderError(f"a mark needs a space between it and {piece!r}, which has to be encoded")
    before = "" if first else " "
    after = "" if last else " "
    inner = piece[len(before) : len(piece) - len(after)]
    return before + " ".join(_encoded_words(inner, start)) + after


def _encoded_words(text: str, start: int) -> list[str]:
    """Encoded words, each of whole characters and fitting its line; the spaces are inside them."""
    try:
        octets = text.encode()
    except UnicodeEncodeError as error:
        raise HeaderError(f"half a surrogate pair stands in {text!r}") from error
    by_q = sum(1 if octet in _Q_LITERAL or octet == 32 else 3 for octet in octets)
    encode, frame = (_q, "=?utf-8?q?{}?=") if by_q <= 4 * -(-len(octets) // 3) else (_b, "=?utf-8?b?{}?=")
    room = min(_ENCODED_WORD, max(_FOLD_AT - start, 24)) - 12
    words: list[str] = []
    pending = ""
    for character in text:
        if pending and len(encode((pending + character).encode())) > room:
            words.append(frame.format(encode(pending.encode())))
            pending = ""
            room = _ENCODED_WORD - 12
        pending += character
    words.append(frame.format(encode(pending.encode())))
    return words


def _b(octets: bytes) -> str:
    return b64encode(octets).decode("ascii")


def _q(octets: bytes) -> str:
    return "".join("_" if o == 32 else chr(o) if o in _Q_LITERAL else f"={o:02X}" for o in octets)


def _fold(name: str, value: bytes) -> bytes:
    """The field with CRLF before white space where a line gets long; the first word stays beside the name."""
    words: list[bytes] = _WORD.findall(value)
    lines = [f"{name}: ".encode("ascii") + words[0]]
    for word in words[1:]:
        if _width(lines[-1]) + _width(word) > _FOLD_AT:
            lines.append(word)
        else:
            lines[-1] += word
    for line in lines:
        if len(MARK_BYTES.sub(b"", line)) > MAX_LINE:
            raise HeaderError(
                f"{name}: {line[:60]!r}… has no white space to fold at within {MAX_LINE} octets"
            )
    return b"\r\n".join([*lines, b""])


def _width(line: bytes) -> int:
    marks = MARK_BYTES.findall(line)
    return len(MARK_BYTES.sub(b"", line)) + _MARK_LENGTH * len(marks)
