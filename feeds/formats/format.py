"""What a feed's format must know how to do; each format is one file that fits this."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from feeds.selection import FeedSpec
from feeds.site import Content, FeedSite
from posts.batch import PostContent


@dataclass(frozen=True, slots=True)
class Deleted:
    """A post that was in the feed and is no more (RFC 6721): its permanent id, and since when."""

    uri: str
    when: datetime


@dataclass(frozen=True, slots=True)
class FeedHead:
    """All that a feed's document says beside its entries. URLs are absolute and percent-encoded.

    ``updated`` is the newest of its entries'. ``self_url`` is the document's own address. Of an archive
    document (RFC 5005 §4) ``current`` is the subscription document. ``is_complete`` says that the document
    holds all there is. ``next_page`` leads to older entries in a feed that is paged and not archived (§3, and
    JSON Feed's ``next_url``). ``total`` and ``start`` (from 1) are what OpenSearch tells of a page.
    """

    spec: FeedSpec
    site: FeedSite
    updated: datetime
    self_url: str
    is_archive: bool = False
    is_complete: bool = False
    current: str | None = None
    prev_archive: str | None = None
    next_archive: str | None = None
    next_page: str | None = None
    previous_page: str | None = None
    total: int | None = None
    start: int | None = None
    deleted: tuple[Deleted, ...] = ()


class Format(Protocol):
    """Posts to bytes, an entry at a time.

    An entry depends on its post alone, so that the same bytes serve in every feed.
    """

    @property
    def kind(self) -> str:
        """Format, content and renderer's version, at most 16 characters; a new one makes all bytes anew."""

    @property
    def suffix(self) -> str:
        """How the file's name ends, without the dot."""

    @property
    def content(self) -> Content:
        """How much of each post an entry holds."""

    @property
    def media_type(self) -> str:
        """The value of ``Content-Type``."""

    def entry(self, post: PostContent) -> bytes:
        """One post as UTF-8 bytes; never raises on a stored post."""

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        """The feed's whole document, in parts to be joined, around entries that ``entry`` made."""
