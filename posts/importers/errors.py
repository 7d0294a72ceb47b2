"""What an importer says when a source cannot be read, and how text of others gets into a one-line message."""

import re

# What may not stand in a one-line message: controls, lone surrogates, marks that turn writing about.
_UNPRINTABLE = re.compile(
    "[\x00-\x20\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]+"
)
SHORT = 120


class ImporterError(ValueError):
    """A source cannot be read at all; nothing of it is stored.

    The message is one line: where (``file:line``), what is wrong, and what to do where that is not plain.
    """

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message, limit=1000))


def one_line(text: str, *, limit: int = SHORT) -> str:
    """Text of others as it may stand in a message: one line, printable, at most ``limit`` characters."""
    flat = _UNPRINTABLE.sub(" ", text[: limit * 4]).strip()
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"
