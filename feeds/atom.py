"""Atom (RFC 4287) by feedgen, at the price of joining bytes.

An entry, and a feed's head, is its frame with the escaped texts in their places: byte for byte what feedgen
would have written of them, which a test holds for any text there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from feeds.frames import END, PUBLISHED, UPDATED, entry_frame, feed_frame
from feeds.markup import attribute, escaped, legal
from feeds.selection import FeedSpec
from feeds.site import FeedSite
from posts.batch import PostContent


@dataclass(frozen=True, slots=True)
class AtomFormat:
    """Atom 1.0. Whoever changes what is written raises the number in ``kind``."""

    kind: str = "atom-1"
    suffix: str = "atom"
    media_type: str = "application/atom+xml"

    def entry(self, post: PostContent) -> bytes:
        """One post as an ``entry`` element (§4.1.2), its whole body included, its times in whole seconds."""
        authors, labels = _distinct(post.authors), _distinct(post.labels)
        frame = entry_frame(len(authors), len(labels), linked=bool(post.url))
        texts = {
            "{id}": escaped(post.uri),
            "{title}": escaped(post.title) or escaped(post.uri),
            "{url}": attribute(post.url or ""),
            "{body}": escaped(post.html),
            PUBLISHED: _moment(post.published),
            UPDATED: _moment(post.updated),
        }
        texts |= {f"{{author{number}}}": _author(name) for number, name in enumerate(authors)}
        texts |= {f"{{label{number}}}": _term(name) for number, name in enumerate(labels)}
        return frame.filled(texts) + b"\n"

    def feed(
        self, spec: FeedSpec, site: FeedSite, *, updated: datetime, entries: Sequence[bytes]
    ) -> list[bytes]:
        """The ``feed`` document (§4.1.1) in parts: head, entries, end."""
        texts = {
            "{id}": escaped(spec.uri),
            "{title}": escaped(spec.title) or escaped(spec.slug),
            "{subtitle}": escaped(spec.subtitle or ""),
            "{author}": escaped(site.author_name),
            "{self}": attribute(site.feed_url(spec.slug, self.suffix)),
            "{page}": attribute(spec.alternate_url),
            "{language}": attribute(site.language or ""),
            UPDATED: _moment(updated),
        }
        frame = feed_frame(subtitled=bool(spec.subtitle), languaged=bool(site.language))
        return [frame.filled(texts) + b"\n", *entries, END + b"\n"]


ATOM = AtomFormat()


@lru_cache(maxsize=4096)
def _author(name: str) -> bytes:
    return escaped(name)


@lru_cache(maxsize=4096)
def _term(name: str) -> bytes:
    return attribute(name)


def whole_seconds(moment: datetime) -> datetime:
    """The moment in UTC, its fraction of a second cut off."""
    return moment.astimezone(UTC).replace(microsecond=0)


def _moment(moment: datetime) -> bytes:
    in_utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return in_utc.isoformat(timespec="seconds").encode()


def _distinct(names: Iterable[str]) -> list[str]:
    """The names fit for XML, in their order, each once, without empty ones."""
    return list(dict.fromkeys(name for name in map(legal, names) if name.strip()))
