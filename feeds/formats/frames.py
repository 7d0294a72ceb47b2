"""What feedgen writes around a feed's texts, in Atom and in RSS.

feedgen and lxml take 60 µs for an entry without its body and twice that with it. Yet entries with as many
authors and labels differ only in their texts. So feedgen writes each such *frame* once, with marks where the
texts go.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from feeds.formats.moments import rfc822
from feeds.site import Content

GENERATOR = "Labelcast"

# feedgen takes datetimes only, so two moments are the marks for moments: as Atom writes them, as RSS does.
MARK_OF_PUBLISHED = datetime(1111, 11, 11, tzinfo=UTC)
MARK_OF_UPDATED = datetime(2222, 2, 22, tzinfo=UTC)
PUBLISHED = MARK_OF_PUBLISHED.isoformat()
UPDATED = MARK_OF_UPDATED.isoformat()
PUBLISHED_822 = rfc822(MARK_OF_PUBLISHED).decode()
UPDATED_822 = rfc822(MARK_OF_UPDATED).decode()
_MOMENTS = "|".join(map(re.escape, (PUBLISHED, UPDATED, PUBLISHED_822, UPDATED_822)))
_MARK = re.compile(rf"(\{{\w+\}}|{_MOMENTS})")


@lru_cache(maxsize=1024)
def marks(of: str, count: int) -> tuple[str, ...]:
    """Marks for so many texts of one kind."""
    return tuple(f"{{{of}{number}}}" for number in range(count))


class FileTexts(NamedTuple):
    """What feedgen is told of an enclosure; no length where it is not known."""

    url: str
    media_type: str
    length: str | None


class DeletedTexts(NamedTuple):
    """What feedgen is told of a post that is gone."""

    uri: str
    when: str


@dataclass(frozen=True, slots=True)
class EntryTexts:
    """All that feedgen is told of an entry; each text is fit for XML, and none that is there is empty.

    A full entry has a ``body`` in HTML. An Atom entry has a ``summary`` instead, an RSS item besides.
    """

    id: str
    title: str
    published: datetime
    updated: datetime
    body: str | None = None
    summary: str | None = None
    url: str | None = None
    authors: Sequence[str] = ()
    labels: Sequence[str] = ()
    files: Sequence[FileTexts] = ()
    picture: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class FeedTexts:
    """All that feedgen is told of a feed; each text is fit for XML.

    ``links`` are relations and addresses, beside those to itself and to its page.
    """

    id: str
    title: str
    subtitle: str | None
    updated: datetime
    author: str
    self_url: str
    page_url: str
    language: str | None
    links: Sequence[tuple[str, str]] = ()
    is_archive: bool = False
    is_complete: bool = False
    total: str | None = None
    start: str | None = None
    per_page: str | None = None
    deleted: Sequence[DeletedTexts] = ()


class EntryShape(NamedTuple):
    """In what entries' frames differ. ``files`` tells of each enclosure whether its length is known."""

    content: Content
    authors: int
    labels: int
    files: tuple[bool, ...]
    is_linked: bool
    is_pictured: bool
    has_language: bool

    def marked(self, *, with_summary: bool) -> EntryTexts:
        """Marks in place of the texts of an entry of this shape."""
        count = len(self.files)
        return EntryTexts(
            id="{id}",
            title="{title}",
            published=MARK_OF_PUBLISHED,
            updated=MARK_OF_UPDATED,
            body="{body}" if self.content == "full" else None,
            summary="{summary}" if with_summary else None,
            url="{url}" if self.is_linked else None,
            authors=marks("author", self.authors),
            labels=marks("label", self.labels),
            files=[
                FileTexts(url, media_type, length if is_known else None)
                for url, media_type, length, is_known in zip(
                    marks("file", count),
                    marks("type", count),
                    marks("length", count),
                    self.files,
                    strict=True,
                )
            ],
            picture="{picture}" if self.is_pictured else None,
            language="{language}" if self.has_language else None,
        )


class FeedShape(NamedTuple):
    """In what feeds' frames differ. ``links`` are the relations of their links, in their order."""

    has_subtitle: bool
    has_language: bool
    links: tuple[str, ...]
    is_archive: bool
    is_complete: bool
    has_total: bool
    has_start: bool
    deleted: int

    def marked(self) -> FeedTexts:
        """Marks in place of the texts of a feed of this shape."""
        return FeedTexts(
            id="{id}",
            title="{title}",
            subtitle="{subtitle}" if self.has_subtitle else None,
            updated=MARK_OF_UPDATED,
            author="{author}",
            self_url="{self}",
            page_url="{page}",
            language="{language}" if self.has_language else None,
            links=list(zip(self.links, marks("link", len(self.links)), strict=True)),
            is_archive=self.is_archive,
            is_complete=self.is_complete,
            total="{total}" if self.has_total else None,
            start="{start}" if self.has_start else None,
            per_page="{per_page}" if self.has_total or self.has_start else None,
            deleted=list(map(DeletedTexts, marks("ref", self.deleted), marks("when", self.deleted))),
        )


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of feedgen's with marks among them: every second part is one of ``marks``."""

    parts: tuple[bytes, ...]
    marks: tuple[str, ...]

    @classmethod
    def cut(cls, marked: bytes) -> "Frame":
        """The frame that lies in what feedgen wrote of marks; a line, for a feed is read by people too."""
        parts = _MARK.split(f"{marked.decode()}\n")
        return cls(tuple(part.encode() for part in parts), tuple(parts[1::2]))

    def filled(self, texts: Mapping[str, bytes]) -> bytes:
        """The bytes with the texts, escaped already, in place of the marks."""
        parts = list(self.parts)
        parts[1::2] = [texts[mark] for mark in self.marks]
        return b"".join(parts)
