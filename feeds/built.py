"""What building feeds yields: one with what HTTP says of it, or the bytes of many."""

from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from feeds.archives.layout import Held
from feeds.formats.format import FeedHead, Format
from feeds.fragments import Fragment
from feeds.selection import FeedSpec


def etag_of(body: bytes) -> str:
    """A document's strong ETag, with its quotes: it grows from these very bytes."""
    return f'"{sha256(body).hexdigest()[:32]}"'


@dataclass(frozen=True, slots=True)
class BuiltFeed:
    """A feed's document and what HTTP says of it.

    ``etag`` is strong, grows from these very bytes and has its quotes. ``last_modified`` (whole seconds,
    UTC) is when a post of the feed last came, changed or went: it moves too when one is deleted or loses the
    label. ``revision`` changes whenever the bytes may have. ``self_url`` is the document's own address, the
    canonical one; ``head`` and ``held`` are what it was made of. Of an archive document ``number`` is its own
    and ``edition`` what stands in its address, if anything; to a closed one no entry ever comes.
    ``is_moved``: it was asked for in another edition, of which there is nothing any more.
    """

    spec: FeedSpec
    form: Format
    body: bytes
    etag: str
    last_modified: datetime
    revision: str
    head: FeedHead
    held: Held
    number: int | None = None
    edition: str = ""
    is_closed: bool = False
    is_moved: bool = False

    @property
    def media_type(self) -> str:
        """The value of ``Content-Type``."""
        return self.form.media_type

    @property
    def self_url(self) -> str:
        """The document's one canonical address, percent-encoded."""
        return self.head.self_url

    @property
    def hubs(self) -> tuple[str, ...]:
        """The WebSub hubs that are told when the document changes."""
        return self.head.site.hubs

    @property
    def is_archive(self) -> bool:
        """Whether it is one of the feed's archive documents (RFC 5005 §4)."""
        return self.number is not None


@dataclass(frozen=True, slots=True)
class Assembled:
    """Documents' bytes, each in parts to be joined, and the entries rendered for them but not kept yet."""

    documents: list[list[bytes]]
    fresh: list[Fragment]
