"""RSS as feedgen writes it, with the hazards of its ways met."""

from functools import lru_cache
from threading import Lock
from typing import Any

from feedgen.feed import FeedGenerator

from feeds.formats.extras import EntryExtras, FeedExtras
from feeds.formats.frames import (
    GENERATOR,
    MARK_OF_UPDATED,
    EntryShape,
    EntryTexts,
    FeedShape,
    FeedTexts,
    Frame,
)

END = b"</channel></rss>\n"

# feedgen changes the process' locale while it writes a date: two at once may leave it changed.
_ONE_AT_A_TIME = Lock()


@lru_cache(maxsize=512)
def item_frame(shape: EntryShape) -> Frame:
    """feedgen's bytes for an item of this shape."""
    return Frame.cut(item_by_feedgen(shape.marked(with_summary=True)))


@lru_cache(maxsize=128)
def channel_frame(shape: FeedShape) -> Frame:
    """feedgen's bytes for a channel of this shape, opened where its items go."""
    return Frame.cut(channel_by_feedgen(shape.marked()).removesuffix(END.rstrip()))


def item_by_feedgen(texts: EntryTexts) -> bytes:
    """An ``item`` element as feedgen writes it in a document whose head declares its prefixes."""
    generator = _generator()
    generator.title("{}")
    generator.link(href="{}", rel="alternate")
    generator.description("{}")
    item = generator.add_entry(order="append")
    item.title(texts.title)
    item.guid(texts.id, permalink=False)
    if texts.url:
        item.link(href=texts.url, rel="alternate")
    # Both, and the summary first, or the text would stand as description (RSS Advisory Board's profile).
    item.description(texts.summary)
    if texts.body is not None:
        item.content(texts.body, type="html")
    item.category([{"term": name} for name in texts.labels])
    item.published(texts.published)
    # RSS wants an address for an author, and feedgen drops one without.
    item.dc.dc_creator(list(texts.authors))
    if texts.language:
        item.dc.dc_language([texts.language])
    if texts.files:
        first = texts.files[0]
        item.enclosure(first.url, first.length or "0", first.media_type)
    # RSS has one enclosure an item; more of them are media, each for itself and no alternative of another.
    media = [
        {"url": file.url, "type": file.media_type} | ({"fileSize": file.length} if file.length else {})
        for file in texts.files[1:]
    ]
    if texts.picture:
        media.append({"url": texts.picture, "medium": "image"})
        item.media.thumbnail([{"url": texts.picture}], group=None)
    item.media.content(media, group=None)
    document = _written(generator)
    return document[document.index(b"<item>") : document.rindex(END.rstrip())]


def channel_by_feedgen(texts: FeedTexts) -> bytes:
    """A document with a ``channel`` without items as feedgen writes it."""
    generator = _generator()
    generator.title(texts.title)
    generator.description(texts.subtitle or texts.title)
    generator.updated(texts.updated)
    generator.link(href=texts.self_url, rel="self", type="application/rss+xml")
    # The alternate comes last: the channel's link is the last one given.
    generator.link(href=texts.page_url, rel="alternate", type="text/html")
    generator.generator(GENERATOR)
    if texts.language:
        generator.language(texts.language)
    generator.dc.dc_creator([texts.author])
    generator.extras.texts = texts
    return _written(generator)


def _generator() -> Any:
    generator = FeedGenerator()
    # Each document declares these prefixes, for its items are made elsewhere.
    generator.load_extension("dc", atom=False)
    generator.load_extension("media", atom=False)
    generator.register_extension("extras", FeedExtras, EntryExtras, atom=False)
    generator.updated(MARK_OF_UPDATED)
    return generator


def _written(generator: Any) -> bytes:
    with _ONE_AT_A_TIME:
        document: bytes = generator.rss_str(encoding="UTF-8")
    return document.rstrip()
