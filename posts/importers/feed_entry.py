"""What every kind of feed comes down to: an entry, and how it becomes a post."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from posts.importers.dates import NoDate, parse_any
from posts.importers.errors import one_line
from posts.links import http_url
from posts.model import Enclosure, PostState, SkippedPost, SourcePost

_ADDRESS = re.compile(r"[^\s@<>()]+@[^\s@<>()]+")


@dataclass(frozen=True, slots=True)
class FeedEntry:
    """An entry as its feed writes it; ``base`` is what its addresses are relative to."""

    id: str
    link: str
    title: str | None
    html: str
    published: str
    updated: str
    labels: Sequence[str]
    authors: Sequence[str]
    where: str
    base: str | None = None
    state: PostState = PostState.LIVE
    notes: Sequence[str] = ()
    enclosures: Sequence[Enclosure] = ()
    picture: str | None = None
    language: str | None = None


def to_post(entry: FeedEntry) -> SourcePost | SkippedPost:
    """The entry as a post, or why it is none."""
    uri, link = entry.id.strip() or None, entry.link.strip()
    url = http_url(link, base=entry.base) if link else None
    if uri is None and url is None:
        return SkippedPost(
            id=one_line(entry.title or ""), reason="it has no id and no link", where=entry.where
        )
    try:
        published, updated = (
            parse_any(text) if text.strip() else None for text in (entry.published, entry.updated)
        )
    except NoDate as error:
        return SkippedPost(id=one_line(entry.id or url or ""), reason=str(error), where=entry.where)
    notes = list(entry.notes)
    if link and url is None and link != uri:
        notes.append(f"its link “{one_line(link)}” is no http or https address and was left out")
    return SourcePost(
        uri=uri,
        url=url,
        title=entry.title or None,
        html=entry.html,
        published=published,
        updated=updated,
        labels=distinct(entry.labels),
        authors=distinct(map(author_name, entry.authors)),
        state=entry.state,
        where=entry.where,
        notes=tuple(notes),
        enclosures=tuple(replace(one, url=_absolute(one.url, entry.base)) for one in entry.enclosures),
        picture=_absolute(entry.picture, entry.base) if entry.picture else None,
        language=entry.language or None,
    )


def _absolute(address: str, base: str | None) -> str:
    """The address made absolute where that can be; whether it is of use is decided when it is cleaned."""
    return http_url(address, base=base) or address


def author_name(written: str) -> str:
    """The name in ``me@example.org (Name)`` or ``Name <me@example.org>``; empty where only an address stands.

    An address is not given on: a feed is public.
    """
    if "@" not in written:
        return " ".join(written.split())
    bare = _ADDRESS.sub("", written)
    return " ".join(re.sub(r"[<>()]", " ", bare).split())


def distinct(texts: Iterable[str]) -> tuple[str, ...]:
    """The texts that hold anything, each once, in their order, white space collapsed."""
    return tuple(dict.fromkeys(flat for text in texts if (flat := " ".join(text.split()))))
