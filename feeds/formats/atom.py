"""Atom (RFC 4287) by feedgen, at the price of joining bytes.

An entry, and a feed's head, is its frame with the escaped texts in their places: byte for byte what feedgen
would have written of them, which a test holds for any text there is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from feeds.formats.atom_frames import END, entry_frame, feed_frame
from feeds.formats.format import FeedHead
from feeds.formats.frames import PUBLISHED, UPDATED, marks
from feeds.formats.heads import head_shape, head_texts
from feeds.formats.markup import attribute, escaped
from feeds.formats.moments import rfc3339, told_apart
from feeds.formats.shown import body_in_html, common_texts, distinct, shape_of, summary_in_html, title_of
from feeds.formats.uris import uri_of
from feeds.site import Content
from posts.batch import PostContent


@dataclass(frozen=True, slots=True)
class AtomFormat:
    """Atom 1.0. Whoever changes what is written raises the number in ``kind``."""

    kind: str = "atom-2"
    suffix: str = "atom"
    content: Content = "full"
    media_type: str = "application/atom+xml"

    def entry(self, post: PostContent) -> bytes:
        """One post as an ``entry`` element (§4.1.2), with its whole body or a few plain words of it.

        ``published`` is in whole seconds; ``updated`` has a fraction that tells it from other entries'.
        """
        authors, labels = distinct(post.authors), distinct(post.labels)
        texts = common_texts(post)
        texts["{title}"] = escaped(title_of(post))
        texts[PUBLISHED] = rfc3339(post.published)
        texts[UPDATED] = told_apart(post.updated, post.uri).isoformat().encode()
        if self.content == "full":
            texts["{body}"] = body_in_html(post)
        else:
            texts["{summary}"] = summary_in_html(post)
        if post.url:
            texts["{url}"] = attribute(uri_of(post.url))
        texts.update(zip(marks("author", len(authors)), map(_author, authors), strict=True))
        texts.update(zip(marks("label", len(labels)), map(_term, labels), strict=True))
        frame = entry_frame(shape_of(post, self.content, authors=len(authors), labels=len(labels)))
        return frame.filled(texts)

    def feed(self, head: FeedHead, entries: Sequence[bytes]) -> list[bytes]:
        """The ``feed`` document (§4.1.1) in parts: head, entries, end."""
        texts = head_texts(head, entries=len(entries), escaped=escaped)
        texts[UPDATED] = rfc3339(head.updated)
        frame = feed_frame(head_shape(head, deleted=len(head.deleted)))
        return [frame.filled(texts), *entries, END]


ATOM = AtomFormat()
ATOM_SUMMARY = AtomFormat(kind="atom-2-summary", content="summary")


@lru_cache(maxsize=4096)
def _author(name: str) -> bytes:
    return escaped(name)


@lru_cache(maxsize=4096)
def _term(name: str) -> bytes:
    return attribute(name)
