"""Atom as feedgen writes it, with the hazards of its ways met."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from feedgen.feed import FeedGenerator

from feeds.formats.extras import EntryExtras, FeedExtras
from feeds.formats.frames import GENERATOR, EntryShape, EntryTexts, FeedShape, FeedTexts, Frame

END = b"</feed>\n"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=512)
def entry_frame(shape: EntryShape) -> Frame:
    """feedgen's bytes for an entry of this shape."""
    return Frame.cut(entry_by_feedgen(shape.marked(with_summary=shape.content == "summary")))


@lru_cache(maxsize=128)
def feed_frame(shape: FeedShape) -> Frame:
    """feedgen's bytes for a feed of this shape, opened where its entries go."""
    return Frame.cut(head_by_feedgen(shape.marked()).removesuffix(END.rstrip()))


def entry_by_feedgen(texts: EntryTexts) -> bytes:
    """An ``entry`` element as feedgen writes it in a feed whose head declares its prefixes."""
    generator = _generator()
    generator.id("{}")
    generator.title("{}")
    generator.updated(_EPOCH)
    entry = generator.add_entry(order="append")
    entry.id(texts.id)
    entry.title(texts.title)
    # Both are always set: feedgen's own choice is the present time.
    entry.updated(texts.updated)
    entry.published(texts.published)
    # Fresh dicts, for feedgen changes those it is given; and no label but the term, for it writes empty ones.
    entry.author([{"name": name} for name in texts.authors])
    entry.category([{"term": name} for name in texts.labels])
    if texts.body is None and texts.url:
        entry.summary(texts.summary, type="html")
    # With no type, feedgen's content is plain text. It wants one, for it sees no link: the extras drop it.
    entry.content(texts.body or texts.summary, type="html")
    if texts.picture:
        entry.media.thumbnail([{"url": texts.picture}], group=None)
    entry.extras.texts = texts
    document: bytes = generator.atom_str(encoding="UTF-8")
    return document[document.index(b"<entry") : document.rindex(END.rstrip())]


def head_by_feedgen(texts: FeedTexts) -> bytes:
    """A ``feed`` document without entries as feedgen writes it."""
    generator = _generator()
    generator.id(texts.id)
    generator.title(texts.title)
    if texts.subtitle:
        generator.subtitle(texts.subtitle)
    generator.updated(texts.updated)
    generator.author({"name": texts.author})
    generator.link(href=texts.self_url, rel="self", type="application/atom+xml")
    generator.link(href=texts.page_url, rel="alternate", type="text/html")
    generator.generator(GENERATOR)
    if texts.language:
        generator.language(texts.language)
    generator.extras.texts = texts
    document: bytes = generator.atom_str(encoding="UTF-8")
    return document.rstrip()


def _generator() -> Any:
    generator = FeedGenerator()
    # Each feed declares the prefix, for its entries are made elsewhere.
    generator.load_extension("media", rss=False)
    generator.register_extension("extras", FeedExtras, EntryExtras, rss=False)
    return generator
