"""RSS 2.0 by feedgen, by the RSS Advisory Board's profile, at the price of joining bytes.

As with Atom, an item and a channel's head are frames with texts in their places.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from feeds.formats.format import FeedHead
from feeds.formats.frames import PUBLISHED_822, UPDATED_822, marks
from feeds.formats.heads import head_shape, head_texts
from feeds.formats.markup import escaped, profiled
from feeds.formats.moments import rfc822
from feeds.formats.rss_frames import END, channel_frame, item_frame
from feeds.formats.shown import body_in_html, common_texts, distinct, shape_of, summary_in_html, title_of
from feeds.formats.uris import uri_of
from feeds.site import Content
from posts.batch import PostContent


@dataclass(frozen=True, slots=True)
class RssFormat:
    """RSS 2.0. Whoever changes what is written raises the number in ``kind``."""

    kind: str = "rss-1"
    suffix: str = "rss"
    content: Content = "full"
    media_type: str = "application/rss+xml"

    def entry(self, post: PostContent) -> bytes:
        """One post as an ``item``: always with a summary, in a full one the body follows."""
        authors, labels = distinct(post.authors), distinct(post.labels)
        texts = common_texts(post)
        texts["{title}"] = profiled(title_of(post))
        texts["{summary}"] = summary_in_html(post)
        texts[PUBLISHED_822] = rfc822(post.published)
        if self.content == "full":
            texts["{body}"] = body_in_html(post)
        if post.language:
            texts["{language}"] = escaped(post.language)
        if post.url:
            texts["{url}"] = escaped(uri_of(post.url))
        texts.update(zip(marks("author", len(authors)), map(_name, authors), strict=True))
        texts.update(zip(marks("label", len(labels)), map(_name, labels), strict=True))
        frame = item_frame(shape_of(post, self.content, authors=len(authors), labels=len(labels)))
        return frame.filled(texts)

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        """The ``rss`` document in parts: the channel's head, items, end."""
        texts = head_texts(head, entries=len(entries), escaped=profiled)
        # Elements here, where Atom has attributes.
        texts["{page}"] = escaped(head.spec.alternate_url)
        texts["{language}"] = escaped(head.spec.language or "")
        texts[UPDATED_822] = rfc822(head.updated)
        frame = channel_frame(head_shape(head, deleted=0))
        return [frame.filled(texts), *entries, END]


RSS = RssFormat()
RSS_SUMMARY = RssFormat(kind="rss-1-summary", content="summary")


@lru_cache(maxsize=4096)
def _name(name: str) -> bytes:
    return profiled(name)
