"""What feedgen writes around an Atom feed's texts.

feedgen and lxml take 60 µs for an entry without its body and twice that with it. Yet entries with as many
authors and labels differ only in their texts. So feedgen writes each such *frame* once, with marks where the
texts go.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from feedgen.entry import FeedEntry
from feedgen.ext.base import BaseEntryExtension
from feedgen.feed import FeedGenerator
from lxml import etree

GENERATOR = "Labelcast"

# feedgen takes datetimes only, so two moments are the marks for moments.
_PUBLISHED = datetime(1111, 11, 11, tzinfo=UTC)
_UPDATED = datetime(2222, 2, 22, tzinfo=UTC)
PUBLISHED = _PUBLISHED.isoformat()
UPDATED = _UPDATED.isoformat()
_MARK = re.compile(rf"(\{{\w+\}}|{re.escape(PUBLISHED)}|{re.escape(UPDATED)})")
END = b"</feed>"


class EntryLinks(BaseEntryExtension):  # type: ignore[misc] # feedgen ships no types
    """An entry's links with rel and type, which feedgen's own lose."""

    alternate: str | None = None

    def extend_atom(self, entry: Any) -> Any:
        """Put the links into the entry; without a namespace, as feedgen makes its own elements."""
        if self.alternate:
            etree.SubElement(entry, "link", href=self.alternate, rel="alternate", type="text/html")
        return entry


@dataclass(frozen=True, slots=True)
class EntryTexts:
    """All that feedgen is told of an entry; each text is fit for XML and none but ``url`` is empty."""

    id: str
    title: str
    body: str
    url: str | None
    published: datetime
    updated: datetime
    authors: Sequence[str]
    labels: Sequence[str]


@dataclass(frozen=True, slots=True)
class FeedTexts:
    """All that feedgen is told of a feed; each text is fit for XML."""

    id: str
    title: str
    subtitle: str | None
    updated: datetime
    author: str
    self_url: str
    page_url: str
    language: str | None


def entry_by_feedgen(texts: EntryTexts) -> bytes:
    """An ``entry`` element as feedgen writes it, with the hazards of its ways met."""
    entry = FeedEntry()
    entry.id(texts.id)
    entry.title(texts.title)
    # Both are always set: feedgen's own choice is the present time.
    entry.updated(texts.updated)
    entry.published(texts.published)
    # Fresh dicts, for feedgen changes those it is given; and no label but the term, for it writes empty ones.
    entry.author([{"name": name} for name in texts.authors])
    entry.category([{"term": name} for name in texts.labels])
    # With no type, feedgen's content is plain text.
    entry.content(texts.body, type="html")
    entry.register_extension("links", EntryLinks)
    entry.links.alternate = texts.url
    written: bytes = etree.tostring(entry.atom_entry(), encoding="UTF-8", xml_declaration=False)
    return written


def head_by_feedgen(texts: FeedTexts) -> bytes:
    """A ``feed`` document without entries as feedgen writes it."""
    generator = FeedGenerator()
    generator.id(texts.id)
    generator.title(texts.title)
    if texts.subtitle:
        generator.subtitle(texts.subtitle)
    generator.updated(texts.updated)
    generator.author({"name": texts.author})
    # The alternate comes last: an RSS channel's link is the last one given.
    generator.link(href=texts.self_url, rel="self", type="application/atom+xml")
    generator.link(href=texts.page_url, rel="alternate", type="text/html")
    generator.generator(GENERATOR)
    if texts.language:
        generator.language(texts.language)
    document: bytes = generator.atom_str(encoding="UTF-8")
    return document


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes of feedgen's with marks among them: every second part is one of ``marks``."""

    parts: tuple[bytes, ...]
    marks: tuple[str, ...]

    def filled(self, texts: Mapping[str, bytes]) -> bytes:
        """The bytes with the texts, escaped already, in place of the marks."""
        parts = list(self.parts)
        parts[1::2] = [texts[mark] for mark in self.marks]
        return b"".join(parts)


def _cut(marked: bytes) -> Frame:
    parts = _MARK.split(marked.decode())
    return Frame(tuple(part.encode() for part in parts), tuple(parts[1::2]))


@lru_cache(maxsize=512)
def entry_frame(authors: int, labels: int, *, linked: bool) -> Frame:
    """feedgen's bytes for an entry with so many authors and labels, and with a link or without one."""
    return _cut(
        entry_by_feedgen(
            EntryTexts(
                id="{id}",
                title="{title}",
                body="{body}",
                url="{url}" if linked else None,
                published=_PUBLISHED,
                updated=_UPDATED,
                authors=[f"{{author{number}}}" for number in range(authors)],
                labels=[f"{{label{number}}}" for number in range(labels)],
            )
        )
    )


@lru_cache(maxsize=4)
def feed_frame(*, subtitled: bool, languaged: bool) -> Frame:
    """feedgen's bytes for a feed, with a subtitle and a language or without, opened where its entries go."""
    document = head_by_feedgen(
        FeedTexts(
            id="{id}",
            title="{title}",
            subtitle="{subtitle}" if subtitled else None,
            updated=_UPDATED,
            author="{author}",
            self_url="{self}",
            page_url="{page}",
            language="{language}" if languaged else None,
        )
    )
    return _cut(document.rstrip().removesuffix(END))
