"""What a feed's format must know how to do; each format is one file that fits this."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from feeds.selection import FeedSpec
from feeds.site import FeedSite
from posts.batch import PostContent


class Format(Protocol):
    """Posts to bytes, an entry at a time.

    An entry depends on its post alone, so that the same bytes serve in every feed.
    """

    @property
    def kind(self) -> str:
        """The format and its renderer's version, at most 16 characters; a new one makes all bytes anew."""

    @property
    def suffix(self) -> str:
        """How the file's name ends, without the dot."""

    @property
    def media_type(self) -> str:
        """The value of ``Content-Type``."""

    def entry(self, post: PostContent) -> bytes:
        """One post as UTF-8 bytes; never raises on a stored post."""

    def feed(
        self, spec: FeedSpec, site: FeedSite, *, updated: datetime, entries: Sequence[bytes]
    ) -> list[bytes]:
        """The feed's whole document, in parts to be joined, around entries that ``entry`` made."""
