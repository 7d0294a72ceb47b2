"""What becomes of a stored post when its source is imported again. Pure: data and ``now`` in, data out."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from posts.markup import text_of
from posts.model import PostState
from posts.sanitize import CleanPost

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class StoredPost:
    """A post's row, without its number, id and revision."""

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

    @property
    def was_live(self) -> bool:
        """Whether readers have had it, now or before."""
        return self.was_withdrawn or self.state is PostState.LIVE

    def looks_like(self, other: "StoredPost") -> bool:
        """Whether a reader sees no difference (labels aside)."""
        return _seen(self) == _seen(other)


def _seen(row: StoredPost) -> tuple[object, ...]:
    return (row.url, row.title, row.html, row.authors, row.published, row.updated, row.state)


def fresh(new: CleanPost, *, now: datetime) -> StoredPost:
    """A post that was never stored: news from ``max(published, now)`` on."""
    return StoredPost(
        url=new.url,
        title=new.title,
        html=new.html,
        authors=new.authors,
        published=new.published,
        updated=new.updated,
        first_stored=now,
        visible_at=max(new.published, now),
        state=_state(new.state, new.published, now),
        was_withdrawn=False,
        source_hash=new.source_hash,
        notes=new.notes,
    )


def merged(old: StoredPost, new: CleanPost, *, now: datetime) -> StoredPost:
    """A stored post after its source has changed it.

    It keeps ``first_stored``, and ``visible_at`` once readers have had it: an edit, a withdrawal and a return
    are no news. A post that was never live is news when it goes live. A deletion keeps what there was.
    """
    if new.state is PostState.DELETED:
        return replace(
            old,
            state=PostState.DELETED,
            was_withdrawn=old.was_live,
            source_hash=new.source_hash,
            notes=new.notes,
        )
    published = _published(old, new, now)
    state = _state(new.state, published, now)
    return StoredPost(
        url=new.url,
        title=new.title,
        html=new.html,
        authors=new.authors,
        published=published,
        updated=_updated(old, new, published, now),
        first_stored=old.first_stored,
        visible_at=_visible_at(old, published, state, now),
        state=state,
        was_withdrawn=old.was_withdrawn or (old.was_live and state is not PostState.LIVE),
        source_hash=new.source_hash,
        notes=new.notes,
    )


def _state(said: PostState, published: datetime, now: datetime) -> PostState:
    return PostState.SCHEDULED if said is PostState.LIVE and published > now else said


def _published(old: StoredPost, new: CleanPost, now: datetime) -> datetime:
    if new.is_dated:
        # A day alone tells nothing of a moment that is known already.
        is_same_day = new.is_day_only and abs(new.published - old.published) < DAY
        return old.published if is_same_day else new.published
    goes_live = new.state is PostState.LIVE and old.state is not PostState.SCHEDULED
    # What stood in for the date of a draft is no date that a reader should see.
    return now if goes_live and not old.was_live else old.published


def _visible_at(old: StoredPost, published: datetime, state: PostState, now: datetime) -> datetime:
    if old.was_live:
        return old.visible_at
    return max(published, now if state is PostState.LIVE else old.first_stored)


def _updated(old: StoredPost, new: CleanPost, published: datetime, now: datetime) -> datetime:
    """It moves on a significant edit only (RFC 4287 §4.2.15): of title or text, white space aside."""
    if not old.was_live:
        return max(published, new.updated) if new.is_edited else published
    if not _is_significant(old, new):
        return max(published, old.updated)
    return max(published, new.updated if new.is_edited else now)


def _is_significant(old: StoredPost, new: CleanPost) -> bool:
    if old.title.split() != new.title.split():
        return True
    return old.html != new.html and _letters(old.html) != _letters(new.html)


def _letters(html: str) -> str:
    return "".join(text_of(html).split())
