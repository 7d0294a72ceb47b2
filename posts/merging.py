"""What becomes of a stored post when its source is imported again. Pure: data and ``now`` in, data out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from posts.markup import text_of
from posts.model import Enclosure, PostState
from posts.sanitize import CleanPost

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post's row, without its number, id and revisions."""

    url: str | None
    title: str
    html: str
    authors: tuple[str, ...]
    published: datetime
    updated: datetime
    first_stored: datetime
    visible_at: datetime
    state: PostState
    was_withdrawn: bool
    source_hash: str
    notes: tuple[str, ...]
    enclosures: tuple[Enclosure, ...] = ()
    picture: str | None = None
    language: str | None = None
    withdrawn_at: datetime | None = None
    edited_at: datetime | None = None

    @property
    def was_live(self) -> bool:
        """Whether everybody has had it, now or before."""
        return self.was_withdrawn or self.state is PostState.LIVE

    @property
    def was_read(self) -> bool:
        """Whether anybody has had it: everybody, or the readers of a private feed."""
        return self.was_live or self.state is PostState.PRIVATE

    def looks_like(self, other: "StoredPost") -> bool:
        """Whether a reader sees no difference (labels aside)."""
        return _seen(self) == _seen(other)


def _seen(row: StoredPost) -> tuple[object, ...]:
    text = (row.url, row.title, row.html, row.authors, row.published, row.updated, row.state)
    return (*text, row.enclosures, row.picture, row.language)


def fresh(new: CleanPost, *, now: datetime, is_private: bool = False) -> StoredPost:
    """A post that was never stored: news from ``max(published, now)`` on.

    ``is_private``: it is under the rule of a private feed (``posts.privacy``).
    """
    return StoredPost(
        url=new.url,
        title=new.title,
        html=new.html,
        authors=new.authors,
        published=new.published,
        updated=new.updated,
        first_stored=now,
        visible_at=max(new.published, now),
        state=state_of(new.state, new.published, now, is_private=is_private),
        was_withdrawn=False,
        source_hash=new.source_hash,
        notes=new.notes,
        enclosures=new.enclosures,
        picture=new.picture,
        language=new.language,
    )


def merged(old: StoredPost, new: CleanPost, *, now: datetime, is_private: bool = False) -> StoredPost:
    """A stored post after its source has changed it.

    It keeps ``first_stored``, and ``visible_at`` once readers have had it: an edit, a withdrawal and a return
    are no news. A post that was never live is news when it goes live. A deletion keeps what there was.
    """
    if new.state is PostState.DELETED:
        return replace(
            old,
            state=PostState.DELETED,
            was_withdrawn=old.was_live,
            withdrawn_at=_withdrawn_at(old, PostState.DELETED, now),
            source_hash=new.source_hash,
            notes=new.notes,
        )
    published = _published(old, new, now)
    state = state_of(new.state, published, now, is_private=is_private)
    return StoredPost(
        url=new.url,
        title=new.title,
        html=new.html,
        authors=new.authors,
        published=published,
        updated=_updated(old, new, published, now),
        # What was private and opens to everybody is as if it were stored now: old things are no news.
        first_stored=now if _opens(old, state) else old.first_stored,
        visible_at=_visible_at(old, published, state, now),
        state=state,
        was_withdrawn=old.was_withdrawn or (old.was_live and state is not PostState.LIVE),
        source_hash=new.source_hash,
        notes=new.notes,
        enclosures=new.enclosures,
        picture=new.picture,
        language=new.language,
        withdrawn_at=_withdrawn_at(old, state, now),
        edited_at=now if old.was_read and _is_significant(old, new) else old.edited_at,
    )


def state_of(said: PostState, published: datetime, now: datetime, *, is_private: bool) -> PostState:
    """How a post stands of which this is said, and that is published then."""
    if said is not PostState.LIVE:
        return said
    if published > now:
        return PostState.SCHEDULED
    return PostState.PRIVATE if is_private else PostState.LIVE


def _opens(old: StoredPost, state: PostState) -> bool:
    return old.state is PostState.PRIVATE and state is PostState.LIVE and not old.was_live


def _withdrawn_at(old: StoredPost, state: PostState, now: datetime) -> datetime | None:
    if state is PostState.LIVE:
        return None
    return now if old.state is PostState.LIVE else old.withdrawn_at


def _published(old: StoredPost, new: CleanPost, now: datetime) -> datetime:
    if new.is_dated:
        # A day alone tells nothing of a moment that is known already.
        is_same_day = new.is_day_only and abs(new.published - old.published) < DAY
        return old.published if is_same_day else new.published
    goes_live = new.state is PostState.LIVE and old.state is not PostState.SCHEDULED
    # What stood in for the date of a draft is no date that a reader should see.
    return now if goes_live and not old.was_read else old.published


def _visible_at(old: StoredPost, published: datetime, state: PostState, now: datetime) -> datetime:
    if old.was_live:
        return old.visible_at
    return max(published, now if state is PostState.LIVE else old.first_stored)


def _updated(old: StoredPost, new: CleanPost, published: datetime, now: datetime) -> datetime:
    """It moves on a significant edit only (RFC 4287 §4.2.15): of title or text, white space aside."""
    if not old.was_read:
        return max(published, new.updated) if new.is_edited else published
    if not _is_significant(old, new):
        return max(published, old.updated)
    # Nor does it go back, whatever the source says: a reader would not look at the edit.
    return max(published, old.updated, new.updated if new.is_edited else now)


def _is_significant(old: StoredPost, new: CleanPost) -> bool:
    if old.title.split() != new.title.split():
        return True
    return old.html != new.html and _letters(old.html) != _letters(new.html)


def _letters(html: str) -> str:
    return "".join(text_of(html).split())
