"""What became of one message, and the error of a transport that cannot be opened."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["sent", "deferred", "failed", "in_doubt", "withheld"]

# What is kept of a server's reply: enough to act on, never a screenful.
MAX_REPLY = 300


class TransportError(ConnectionError):
    """A way out that cannot be opened; one line says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one message.

    ``sent``: the next server has it. ``deferred``: it surely has not, and may take it later. ``failed``: it
    refused for good. ``in_doubt``: the whole message was on its way and no answer came. ``withheld``: the
    caller took its leave back before the message's first byte. ``reply`` is the server's last word, one
    printable line.
    """

    kind: Kind
    reply: str


def printable(text: str) -> str:
    """A stranger's text as one line: white space collapsed, the unprintable replaced, cut off."""
    line = " ".join(text.split())
    if not line.isprintable():
        line = "".join(character if character.isprintable() else "�" for character in line)
    return line if len(line) <= MAX_REPLY else line[: MAX_REPLY - 1] + "…"
