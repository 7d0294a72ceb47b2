"""Blogger's JSON (``alt=json``): its Atom feed, each element an object and its text under ``$t``.

Only what stood at Blogger's addresses is answered so; JSON Feed is what a reader should take.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from feeds.formats.format import FeedHead
from feeds.formats.heads import links_of
from feeds.formats.markup import legal
from feeds.formats.moments import rfc3339
from feeds.formats.shown import distinct, title_of
from feeds.formats.summary import summary
from feeds.site import Content
from posts.batch import PostContent

LABEL_SCHEME = "http://www.blogger.com/atom/ns#"
END = b"\n]}}\n"

_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class GdataFormat:
    """Google Data's JSON as Blogger writes it. Whoever changes it raises the number in ``kind``."""

    kind: str = "gdata-1"
    suffix: str = "json"
    content: Content = "full"
    media_type: str = "application/json"

    def entry(self, post: PostContent) -> bytes:
        """One post as a member of ``entry``."""
        entry: dict[str, object] = {
            "id": _text(post.uri),
            "published": _text(rfc3339(post.published).decode()),
            "updated": _text(rfc3339(post.updated).decode()),
            "category": [{"scheme": LABEL_SCHEME, "term": name} for name in distinct(post.labels)],
            "title": _text(title_of(post), type="text"),
        }
        if self.content == "summary":
            entry["summary"] = _text(summary(post.html), type="text")
        else:
            entry["content"] = _text(post.html, type="html")
        links = [{"rel": "alternate", "type": "text/html", "href": legal(post.url)}] if post.url else []
        links += [
            {"rel": "enclosure", "type": legal(file.media_type), "href": legal(file.url)}
            for file in post.enclosures
        ]
        entry["link"] = links
        entry["author"] = [{"name": _text(name)} for name in distinct(post.authors)]
        if post.picture:
            entry["media$thumbnail"] = {"url": legal(post.picture)}
        return _written(entry).encode()

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        """The document in parts: head, entries, end."""
        spec = head.spec
        links = [{"rel": "self", "type": self.media_type, "href": legal(head.self_url)}]
        links.append({"rel": "alternate", "type": "text/html", "href": legal(spec.alternate_url)})
        links += [{"rel": rel, "href": legal(url)} for rel, url in links_of(head)]
        feed: dict[str, object] = {
            "xmlns": "http://www.w3.org/2005/Atom",
            "xmlns$openSearch": "http://a9.com/-/spec/opensearchrss/1.0/",
            "xmlns$media": "http://search.yahoo.com/mrss/",
            "id": _text(spec.uri),
            "updated": _text(rfc3339(head.updated).decode()),
            "title": _text(spec.title, type="text"),
            "subtitle": _text(spec.subtitle or "", type="html"),
            "link": links,
            "author": [{"name": _text(head.site.author_name)}],
            "openSearch$itemsPerPage": _text(str(len(entries))),
        }
        if head.total is not None:
            feed["openSearch$totalResults"] = _text(str(head.total))
        if head.start is not None:
            feed["openSearch$startIndex"] = _text(str(head.start))
        told = _written({"version": "1.0", "encoding": "UTF-8", "feed": feed})
        parts = [told.encode().removesuffix(b"}}") + b',"entry":[\n']
        for entry in entries:
            parts += (entry, b",\n")
        if entries:
            parts.pop()
        return [*parts, END]


def _text(text: str, **kind: str) -> dict[str, str]:
    return kind | {"$t": legal(text)}


GDATA = GdataFormat()
GDATA_SUMMARY = GdataFormat(kind="gdata-1-summary", content="summary")
