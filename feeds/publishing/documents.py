"""What is published: documents with their names, and what they come from."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from hashlib import sha256
from typing import Protocol

from sqlalchemy import Connection

SOON = "public, max-age=300"
SELDOM = "public, max-age=3600"


class Rank(IntEnum):
    """In which order documents are put in place: one only links to what is there already."""

    STYLE = 0
    ARCHIVE = 1
    FEED = 2
    PAGE = 3
    LISTING = 4


@dataclass(frozen=True, slots=True)
class Document:
    """A document to publish; ``revision`` changes whenever its bytes may, ``key`` tells its source which."""

    name: str
    revision: str
    media_type: str
    rank: Rank
    key: object
    caching: str = SOON


class Source(Protocol):
    """Where documents come from. Asked in this order, over one reading connection."""

    def prepare(self) -> None:
        """What must be written to the database before it is read."""

    def documents(self, connection: Connection) -> Iterable[Document]:
        """Every document there is to be, in the order they are best put in place in."""

    def make(self, connection: Connection, some: Sequence[Document]) -> Iterator[bytes]:
        """The bytes of some of them, in their order; one at a time, for they may be many."""

    def finish(self) -> None:
        """What can wait until the documents are in place."""


def digest(text: str) -> str:
    """A short text in place of a long one."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()[:16]
