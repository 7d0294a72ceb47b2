"""JSON Feed 1.1: an item as its JSON bytes, a feed joined from its head, its items and an end."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from feeds.formats.format import FeedHead
from feeds.formats.heads import links_of
from feeds.formats.markup import json_string, legal, legal_bytes
from feeds.formats.moments import rfc3339
from feeds.formats.shown import distinct, title_of
from feeds.formats.summary import summary
from feeds.formats.uris import uri_of
from feeds.site import Content
from posts.batch import PostContent
from posts.model import Enclosure

VERSION = "https://jsonfeed.org/version/1.1"
END = b"\n]}\n"

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class JsonFormat:
    """JSON Feed 1.1. Whoever changes what is written raises the number in ``kind``."""

    kind: str = "json-1"
    suffix: str = "json"
    content: Content = "full"
    media_type: str = "application/feed+json"

    def entry(self, post: PostContent) -> bytes:
        """One post as an item; a post without a title has none here, for none is wanted."""
        parts = [b'{"id":', _string(post.uri)]
        if post.url:
            parts += (b',"url":', _string(uri_of(post.url)))
        if title := legal(post.title).strip():
            parts += (b',"title":', _string(title))
        parts += self._content(post)
        if post.picture:
            parts += (b',"image":', _string(uri_of(post.picture)))
        published, modified = rfc3339(post.published), rfc3339(post.updated)
        parts += (b',"date_published":"', published, b'","date_modified":"', modified, b'"')
        if authors := distinct(post.authors):
            parts += (b',"authors":[', b",".join(map(_author, authors)), b"]")
        if labels := distinct(post.labels):
            parts += (b',"tags":[', b",".join(map(_tag, labels)), b"]")
        if post.language:
            parts += (b',"language":', _string(post.language))
        if post.enclosures:
            parts += (b',"attachments":[', b",".join(map(_attachment, post.enclosures)), b"]")
        parts.append(b"}")
        return b"".join(parts)

    def _content(self, post: PostContent) -> tuple[bytes, ...]:
        if self.content == "summary":
            words = _string(legal(summary(post.html)) or title_of(post))
            # An item needs a content; of this one, the summary is all.
            return b',"summary":', words, b',"content_text":', words
        html = legal_bytes(post.html)
        if not html or html.isspace():
            return b',"content_text":', _string(title_of(post))
        return b',"content_html":', json_string(html)

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        """The document in parts: head, items, end."""
        spec = head.spec
        told: dict[str, object] = {
            "version": VERSION,
            "title": legal(spec.title) or legal(spec.slug),
            "home_page_url": legal(spec.alternate_url),
            "feed_url": legal(head.self_url),
        }
        if spec.subtitle:
            told["description"] = legal(spec.subtitle)
        links = dict(links_of(head))
        if older := links.get("prev-archive") or links.get("next"):
            told["next_url"] = legal(older)
        told["authors"] = [{"name": legal(head.site.author_name)}]
        if spec.language:
            told["language"] = legal(spec.language)
        if head.site.hubs:
            told["hubs"] = [{"type": "WebSub", "url": legal(hub)} for hub in head.site.hubs]
        begin = _written(told).encode().removesuffix(b"}") + b',"items":[\n'
        parts = [begin]
        for entry in entries:
            parts += (entry, b",\n")
        # No comma after the last.
        return [*parts[:-1], END] if entries else [begin, END]


JSON_FEED = JsonFormat()
JSON_FEED_SUMMARY = JsonFormat(kind="json-1-summary", content="summary")


def _string(text: str) -> bytes:
    return json_string(legal_bytes(text))


@lru_cache(maxsize=4096)
def _author(name: str) -> bytes:
    return b'{"name":%b}' % _string(name)


@lru_cache(maxsize=4096)
def _tag(name: str) -> bytes:
    return _string(name)


def _attachment(file: Enclosure) -> bytes:
    size = b',"size_in_bytes":%d' % file.length if file.length > 0 else b""
    return b'{"url":%b,"mime_type":%b%b}' % (_string(uri_of(file.url)), _string(file.media_type), size)
