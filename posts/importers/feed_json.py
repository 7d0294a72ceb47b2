"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/)."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from posts.importers.encodings import decode
from posts.importers.errors import ImporterError, one_line
from posts.importers.feed_entry import FeedEntry, to_post
from posts.importers.markup import paragraphs
from posts.importers.source import Source
from posts.links import http_url
from posts.model import Enclosure, SkippedPost, SourcePost

# It is read whole: JSON has no other way.
MAX_BYTES = 32 << 20
_VERSION = re.compile(r'"version"\s*:\s*"https?:\\?/\\?/(?:www\.)?jsonfeed\.org\\?/version\\?/')


def is_json_feed(text: str) -> bool:
    """Whether this is the beginning of a JSON Feed."""
    return text.lstrip().startswith("{") and bool(_VERSION.search(text))


def read_json(source: Source) -> Iterator[SourcePost | SkippedPost]:
    """The posts of a JSON Feed; an item that cannot be read is skipped. Raises ``ImporterError``."""
    text = decode(source.read_all(limit=MAX_BYTES), source.charset)
    try:
        feed = json.loads(text)
    except json.JSONDecodeError as error:
        raise ImporterError(f"{source.name}:{error.lineno}: is no JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise ImporterError(f"{source.name}: is no JSON that can be read: {error}") from error
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        raise ImporterError(f"{source.name}: is no JSON Feed: it has no list of items")
    site = http_url(_text(feed.get("home_page_url")), base=source.url) or source.url
    authors = _authors(feed)
    for number, item in enumerate(items, start=1):
        where = f"item {number}"
        if not isinstance(item, dict):
            yield SkippedPost(id="", reason="the item is no JSON object", where=where)
            continue
        entry = _entry(item, where, site or http_url(_text(feed.get("feed_url"))))
        language = entry.language or _text(feed.get("language"))
        yield to_post(replace(entry, authors=entry.authors or authors, language=language))


def _entry(item: dict[str, Any], where: str, base: str | None) -> FeedEntry:
    text = _text(item.get("content_text")) or _text(item.get("summary"))
    return FeedEntry(
        id=_id(item.get("id")),
        link=_text(item.get("url")) or _text(item.get("external_url")),
        title=" ".join(_text(item.get("title")).split()) or None,
        html=_text(item.get("content_html")) or paragraphs(text),
        published=_date(item.get("date_published")),
        updated=_date(item.get("date_modified")),
        labels=[tag for tag in _list(item.get("tags")) if isinstance(tag, str)],
        authors=_authors(item),
        where=where,
        base=base,
        enclosures=_attachments(item),
        picture=_text(item.get("image")) or _text(item.get("banner_image")),
        language=_text(item.get("language")),
    )


def _attachments(item: dict[str, Any]) -> list[Enclosure]:
    return [
        Enclosure(_text(one.get("url")), _text(one.get("mime_type")), _size(one.get("size_in_bytes")))
        for one in _list(item.get("attachments"))
        if isinstance(one, dict)
    ]


def _size(value: Any) -> int:
    """Bytes; JSON knows one kind of number only."""
    is_whole = isinstance(value, int | float) and value >= 0 and value % 1 == 0
    return int(value) if is_whole else 0


def _id(value: Any) -> str:
    """The id as a string; the standard asks readers to take a number too."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return str(value) if is_number else _text(value)


def _date(value: Any) -> str:
    return value if isinstance(value, str) else one_line(str(value)) if value is not None else ""


def _authors(holder: dict[str, Any]) -> list[str]:
    """Version 1.1's list, else version 1's one."""
    written = _list(holder.get("authors")) or [holder.get("author")]
    return [name for author in written if isinstance(author, dict) and (name := _text(author.get("name")))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
