"""Feeds that are no well-formed XML: feedparser reads what can be read."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import feedparser

from posts.importers.encodings import decode
from posts.importers.errors import ImporterError, one_line
from posts.importers.feed_entry import FeedEntry, to_post
from posts.importers.feed_media import Medium, files_of, picture_of, whole
from posts.importers.markup import paragraphs, plain, title_text
from posts.importers.source import Source
from posts.importers.xml import XmlFault, first_element
from posts.links import http_url
from posts.model import Enclosure, SkippedPost, SourcePost

# feedparser holds it all several times over, and takes seconds a MiB for what is broken on purpose.
MAX_BYTES = 2 << 20
_END = re.compile(r"</\s*(?:\w+:)?(?:rss|feed|RDF)\b[^<]*\Z", re.IGNORECASE)
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
# feedparser looks for addresses in authors' names, in a time that grows with the square of such a run.
_RUN = re.compile(r"([A-Za-z0-9_.+-]{256})[A-Za-z0-9_.+-]+")
_HTML_TYPES = {"text/html", "application/xhtml+xml"}


def read_broken(source: Source, fault: XmlFault) -> Iterator[SourcePost | SkippedPost]:
    """The posts of a feed in which ``fault`` was found; raises it when the feed is cut off or too large."""
    with source.open() as stream:
        data = stream.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImporterError(f"{fault}; a broken feed is read only up to {MAX_BYTES >> 20} MiB") from fault
    text = _ILLEGAL.sub("", decode(data, source.charset))
    start = first_element(text, source.name)
    if start is None:
        raise fault
    if not _END.search(text.rstrip()):
        raise ImporterError(
            f"{source.name}:{text.count(chr(10)) + 1}: is cut off: the feed does not end"
        ) from fault
    parsed = _parse(source, text[start:], fault)
    site = http_url(_string(parsed.feed, "link"), base=source.url) or source.url
    language = _string(parsed.feed, "language")
    note = f"the feed is broken and was read as far as can be: {str(fault).partition(': ')[2]}"
    for number, entry in enumerate(parsed.entries, start=1):
        read = _entry(entry, f"entry {number}", site, note)
        yield to_post(replace(read, language=read.language or language))


def _parse(source: Source, text: str, fault: XmlFault) -> Any:
    """The feed as feedparser sees it: bytes in memory, so nothing is fetched, and no DTD."""
    try:
        return feedparser.parse(
            io.BytesIO(_RUN.sub(r"\1", text).encode("utf-8", "replace")),
            response_headers={
                "content-type": "application/xml; charset=utf-8",
                "content-location": source.url or "",
            },
            # Posts are cleaned when they are stored, and by what is known then of their links.
            sanitize_html=False,
            resolve_relative_uris="xml:base" in text,
        )
    except Exception as error:
        # It is given what is broken on purpose, and has no errors of its own to tell.
        raise ImporterError(f"{fault}; nor can it be mended: {one_line(type(error).__name__)}") from error


def _entry(entry: Any, where: str, site: str | None, note: str) -> FeedEntry:
    identity, link = _string(entry, "id"), _string(entry, "link")
    detail = dict.get(entry, "title_detail") or {}
    title = _string(entry, "title")
    html, contents = _html(entry), _media(entry, "media_content")
    cover = dict.get(entry, "image") or {}
    return FeedEntry(
        id=identity,
        # feedparser gives the id for a link where there is none.
        link="" if link == identity and not link.startswith("http") else link,
        title=(plain(title) if dict.get(detail, "type") in _HTML_TYPES else title_text(title)) or None,
        html=html,
        published=_string(entry, "published") or _string(entry, "created"),
        updated=_string(entry, "updated"),
        labels=[
            dict.get(tag, "label") or dict.get(tag, "term") or "" for tag in dict.get(entry, "tags") or []
        ],
        authors=[dict.get(author, "name") or "" for author in dict.get(entry, "authors") or []],
        where=where,
        base=site,
        notes=(note,),
        enclosures=[*_linked(entry), *files_of(contents)],
        picture=picture_of(
            contents, _media(entry, "media_thumbnail"), cover=_string(cover, "href"), html=html
        ),
        language=_string(entry, "language") or _string(detail, "language"),
    )


def _linked(entry: Any) -> list[Enclosure]:
    links = [link for link in dict.get(entry, "links") or [] if _string(link, "rel") == "enclosure"]
    return [
        Enclosure(_string(link, "href"), _string(link, "type"), whole(_string(link, "length")))
        for link in links
    ]


def _media(entry: Any, key: str) -> list[Medium]:
    keys = ("url", "type", "medium", "filesize", "width", "height")
    return [Medium(*(_string(one, name) for name in keys)) for one in dict.get(entry, key) or []]


def _html(entry: Any) -> str:
    constructs = [*(dict.get(entry, "content") or [])]
    if detail := dict.get(entry, "summary_detail"):
        constructs.append(detail)
    constructs.sort(key=lambda content: dict.get(content, "type") not in _HTML_TYPES)
    for content in constructs:
        value = dict.get(content, "value") or ""
        if value.strip():
            return value if dict.get(content, "type") in _HTML_TYPES else paragraphs(value)
    return _string(entry, "summary")


def _string(holder: Any, key: str) -> str:
    # Through dict: feedparser's own look-up gives another key's value for an absent one, with a warning.
    value = dict.get(holder, key)
    return value if isinstance(value, str) else ""
