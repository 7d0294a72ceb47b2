"""Marks: the places in a message where a reader's own values go in, ``NUL NAME NUL``.

NUL occurs in no message, so a mark is never mistaken for text.
"""

import re

_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,39}")
MARK = re.compile(r"\x00([A-Z][A-Z0-9_]{0,39})\x00")
MARK_BYTES = re.compile(rb"\x00([A-Z][A-Z0-9_]{0,39})\x00")


class MessageError(ValueError):
    """A message that cannot be built or spliced; one line says why."""


def mark(name: str) -> str:
    """The mark of that name, to be put into a text, a header value or a URL.

    A name is upper-case ASCII: a letter, then up to 39 letters, digits or underscores. Raises
    ``MessageError`` for any other.
    """
    if not _NAME.fullmatch(name):
        raise MessageError(f"{name!r} is no name for a mark: use capital letters, digits and underscores")
    return f"\x00{name}\x00"


def split_marks(text: str) -> list[str]:
    """The text's pieces in turn: text, name, text, name, …, text.

    Raises ``MessageError`` for a NUL that belongs to no mark.
    """
    pieces = MARK.split(text)
    if any("\x00" in piece for piece in pieces[::2]):
        raise MessageError("a NUL stands in the text outside a mark: take control characters out before")
    return pieces
