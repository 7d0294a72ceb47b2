"""Which of a feed's posts stand in which of its documents (RFC 5005 §4). Pure.

A post is in one document at any time: in a closed archive document; or in the subscription document; or in
the open archive document, which holds what is in neither. No entry ever comes to a closed one.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from feeds.archives.paging import Place
from feeds.formats.format import Deleted
from feeds.selection import FeedState

PER_DOCUMENT = 100


# The posts in a document, newest first: the id of each, and the revision that it is shown at.
Held = Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ArchiveDocument:
    """One of a feed's archive documents; ``number`` counts from 1, the oldest.

    ``holds`` changes whenever one of its entries does or goes. ``edition`` is what its address must say to
    mean just these entries: nothing while a closed one is as it was closed. ``closed_at`` is when it was
    closed, or the one before it.
    """

    number: int
    edition: str
    holds: str
    is_closed: bool
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a feed's posts stand, as one state of the database has it. Newest come first.

    ``shown`` is in the subscription document, ``rest`` in the open archive document; before that there are
    ``closed`` closed ones, stored under ``archive_id``. A feed that is not archived has its older posts on
    further pages: ``older`` is where the next begins. ``is_due``: what is stored of its archive is behind the
    posts; ``is_cut``: so far behind that not all of ``rest`` was read.
    """

    state: FeedState
    shown: Held
    rest: Held = field(default_factory=dict)
    open: ArchiveDocument | None = None
    closed: int = 0
    archive_id: int | None = None
    older: Place | None = None
    deleted: tuple[Deleted, ...] = ()
    is_due: bool = False
    is_cut: bool = False

    @property
    def is_complete(self) -> bool:
        """Whether the subscription document holds all there is (RFC 5005 §2)."""
        return self.open is None and self.older is None


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides over posts' places beside when they were published.

    The revision of each, and when those were edited that ever were: moments as the driver gives them.
    """

    revisions: dict[int, int]
    edited: dict[int, Any]

    def held(self, post_ids: Iterable[int]) -> Held:
        """These posts at their present revisions."""
        revisions = self.revisions
        return {post_id: revisions[post_id] for post_id in post_ids}


def capacity(entries: int, per_document: int) -> int:
    """How many posts a feed may have with nothing stored of its archive."""
    return entries + 2 * per_document


def stamp_of(state: FeedState, per_document: int) -> str:
    """A short text that changes whenever a feed's posts may stand elsewhere."""
    told = f"{state.token}\n{state.spec.entries} {per_document}"
    return sha256(told.encode(errors="surrogatepass")).hexdigest()[:16]


def comebacks(beyond: Sequence[int], facts: Facts, *, edge: Any, limit: int) -> Collection[int]:
    """Of the posts beyond the newest, those that an edit brings back: edited since ``edge``, at most so many.

    ``edge`` is when the last of the newest was published, and None while there is no such.
    """
    if edge is None:
        return ()
    edited = [(facts.edited[post_id], post_id) for post_id in beyond if post_id in facts.edited]
    back = sorted((one for one in edited if one[0] >= edge), reverse=True)
    return {post_id for _, post_id in back[:limit]}


def split(pool: Sequence[int], facts: Facts, *, edge: Any, entries: int) -> tuple[Held, Held]:
    """What the subscription document shows of the posts that are in no closed document, and the rest."""
    newest, beyond = pool[:entries], pool[entries:]
    back = comebacks(beyond, facts, edge=edge, limit=entries)
    if not back:
        return facts.held(newest), facts.held(beyond)
    shown = [*newest, *[post_id for post_id in beyond if post_id in back]]
    return facts.held(shown), facts.held(post_id for post_id in beyond if post_id not in back)


def open_document(rest: Held, *, closed: int, closed_at: datetime | None) -> ArchiveDocument | None:
    """The open archive document after so many closed ones; once one was closed there always is one."""
    if not rest and not closed:
        return None
    holds = digest_of(rest)
    return ArchiveDocument(closed + 1, holds, holds, is_closed=False, closed_at=closed_at)


def digest_of(held: Held) -> str:
    """A hash over a document's posts and their revisions, in whatever order they come."""
    told = ",".join([f"{post_id}.{held[post_id]}" for post_id in sorted(held)])
    return sha256(told.encode()).hexdigest()[:16]
