"""What a DKIM signature covers, in the relaxed canonical form (RFC 6376, section 3.4)."""

import re
from collections.abc import Sequence

from outbox.marks import MessageError

_FIELD = re.compile(rb"([!-9;-~]+)[ \t]*:(.*)", re.DOTALL)
_FOLD = re.compile(rb"\r\n(?=[ \t])")
# One space alone is what it becomes: it is left out, for it is in almost every line.
_SPACES = re.compile(rb"[ \t]{2,}|\t")

# What others write on the way, what is taken off on the way, and what speaks of one hop only (section 5.4.1);
# a signature never covers another one.
_NOT_SIGNED = {
    *(b"bcc", b"comments", b"keywords", b"received", b"resent-bcc", b"return-path"),
    *(b"arc-authentication-results", b"arc-message-signature", b"arc-seal"),
    *(b"authentication-results", b"dkim-signature", b"x-envelope-from", b"x-envelope-to"),
}
# Named once more than they stand there (section 8.15): one that is added later breaks the signature, instead
# of being shown in place of ours.
_OVERSIGNED = (
    *(b"from", b"to", b"cc", b"reply-to", b"date", b"subject", b"content-type"),
    *(b"list-unsubscribe", b"list-unsubscribe-post"),
)

Field = tuple[bytes, bytes]
"""A header field in canonical form: its name in small letters, and the whole field with its CRLF."""


def split_message(message: bytes) -> tuple[bytes, bytes]:
    """Header fields and body; the empty line between belongs to neither. Raises ``MessageError``."""
    head, empty, body = message.partition(b"\r\n\r\n")
    if not empty:
        raise MessageError("a message without an empty line after its header cannot be signed")
    return head + b"\r\n", body


def relaxed_fields(head: bytes) -> list[Field]:
    """Header fields in relaxed form (section 3.4.2), in their order. Raises ``MessageError`` for none.

    Marks stay as they are; a header holds no other NUL.
    """
    fields: list[Field] = []
    for line in _FOLD.sub(b"", head).split(b"\r\n")[:-1]:
        found = _FIELD.fullmatch(line)
        if found is None or b"\r" in line or b"\n" in line:
            raise MessageError("a message with a line in its header that is no field cannot be signed")
        name = found[1].lower()
        fields.append((name, name + b":" + relaxed_value(found[2]).strip(b" ") + b"\r\n"))
    return fields


def relaxed_value(value: bytes) -> bytes:
    """Runs of white space as one space; the ends are left to the caller."""
    return _SPACES.sub(b" ", value)


def signed_fields(fields: Sequence[Field]) -> tuple[list[bytes], list[bytes]]:
    """What a signature covers: the names for ``h=``, and the canonical fields they stand for, as hashed.

    Every field that is there, but for what changes on the way. Of a name that comes more than once the last
    is meant first (section 5.4.2). Raises ``MessageError`` where there is no From.
    """
    standing: dict[bytes, list[bytes]] = {}
    for name, field in fields:
        standing.setdefault(name, []).append(field)
    if b"from" not in standing:
        raise MessageError("a message without From cannot be signed")
    names = [name for name, _ in fields if name not in _NOT_SIGNED]
    covered = [standing[name].pop() for name in names]
    return [*names, *_OVERSIGNED], covered


def relaxed_lines(lines: bytes) -> bytes:
    """Whole lines of a body: one space for a run of white space, none before CRLF (section 3.4.4)."""
    return _SPACES.sub(b" ", lines).replace(b" \r\n", b"\r\n")


def relaxed_body(body: bytes) -> bytes:
    """A whole body in relaxed form (section 3.4.4): its empty lines at the end are nothing."""
    text = relaxed_lines(body if body.endswith(b"\r\n") else body + b"\r\n")
    end = len(text)
    while text[end - 2 : end] == b"\r\n":
        end -= 2
    return text[:end] + b"\r\n" if end > 0 else b""
