"""Past editions as everybody may see them: which are listed, and one of them as it was mailed."""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, exists, func, or_, select, true

from digests.cadence import previous_slot
from digests.model import IS_UNRENDERED, Digest, digest, edition, edition_post
from digests.rhythm import Cadence
from digests.store import reader_rhythm
from posts.model import PostState, post, post_override

_IS_MAILED = and_(edition.c.message.is_not(None), edition.c.reason.is_(None))
# Read by some only, or, by the publisher's hand, by nobody.
_IS_WITHHELD = or_(
    post.c.state == PostState.PRIVATE.value,
    exists().where(post_override.c.post_id == post.c.id, post_override.c.is_hidden == true()),
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A mailed edition for readers of all labels; ``fit`` is how far it is from what the digest itself is.

    0: in the digest's language, in HTML and with the digest's content.
    """

    id: int
    start: datetime
    end: datetime
    fit: int = 0


@dataclass(frozen=True, slots=True)
class PastEdition:
    """An edition as it is listed; ``subject`` is None where none was kept."""

    id: int
    window_start: datetime
    window_end: datetime
    rendered_at: datetime
    subject: str | None
    language: str


@dataclass(frozen=True, slots=True)
class MailedEdition:
    """An edition that was mailed; ``is_private`` once a post of it may be read by some only, or by none."""

    id: int
    digest: str
    rendered_at: datetime
    subject: str | None
    window_end: datetime
    is_private: bool


def archive_state(connection: Connection, its: Digest) -> tuple[object, ...]:
    """What changes whenever a further edition of a digest was made or rendered, its own or another's.

    Read from the ends of indexes, and from that of the few that are not rendered: not from all there are.
    """
    newest = select(func.max(edition.c.id)).scalar_subquery()
    last = select(func.max(edition.c.window_end)).where(edition.c.digest_id == its.id).scalar_subquery()
    waiting = select(newest, last, func.count(), func.sum(edition.c.id)).where(IS_UNRENDERED)
    return tuple(connection.execute(waiting).one())


def listed_editions(connection: Connection, its: Digest) -> list[int]:
    """The numbers of the editions that a digest's archive lists, newest first (see ``tiled``).

    One with a post that is private now, or hidden by hand, is not among them.
    """
    query = select(
        edition.c.id,
        edition.c.window_start,
        edition.c.window_end,
        edition.c.language,
        edition.c.form,
        edition.c.content,
    ).where(edition.c.digest_id == its.id, edition.c.labels == "", _IS_MAILED)
    hidden = _private_editions(connection, its)
    found = []
    for row in connection.execute(query):
        if row.id not in hidden:
            strange = (row.form != "html", row.language != its.language, row.content != its.content)
            fit = sum(weight for weight, is_strange in zip((4, 2, 1), strange, strict=True) if is_strange)
            found.append(Candidate(row.id, row.window_start, row.window_end, fit))
    return [one.id for one in reversed(tiled(its, found))]


def tiled(its: Digest, found: Iterable[Candidate]) -> list[Candidate]:
    """Of these editions, those that tell the digest's story once, oldest first: no two windows overlap.

    First those of the digest's own rhythm and kind. The rest (of readers with a rhythm of their own, of the
    days before the publisher changed the digest) stand in only where there is none of these, and not later
    than the newest of them: what is listed once is not taken back when the digest's own edition comes.
    """
    by_end = sorted(found, key=lambda one: (one.end, one.id))
    own = _one_an_end(its, [one for one in by_end if one.fit == 0 and _is_slot(its, one.end)])
    taken = _without_overlap([], own)
    until = taken[-1].end if taken else None
    rest = [one for one in by_end if until is None or one.end <= until]
    rest.sort(key=lambda one: (one.end, one.fit, one.start, one.id))
    return _without_overlap(taken, rest)


def past_editions(connection: Connection, numbers: Sequence[int]) -> list[PastEdition]:
    """These editions, in their order."""
    query = select(
        edition.c.id,
        edition.c.window_start,
        edition.c.window_end,
        edition.c.rendered_at,
        edition.c.subject,
        edition.c.language,
    )
    rows = connection.execute(query.where(edition.c.id.in_(numbers)))
    found = {row.id: PastEdition(*row) for row in rows}
    return [found[number] for number in numbers if number in found]


def mailed_edition(connection: Connection, slug: str, number: int) -> MailedEdition | None:
    """An edition of the digest of that slug as it was mailed; None when it was not, or is another's."""
    query = (
        select(edition.c.id, digest.c.slug, edition.c.rendered_at, edition.c.subject, edition.c.window_end)
        .join(digest, digest.c.id == edition.c.digest_id)
        .where(edition.c.id == number, digest.c.slug == slug, _IS_MAILED)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    private = select(post.c.id).join(edition_post, edition_post.c.post_id == post.c.id)
    mine = private.where(edition_post.c.edition_id == number, _IS_WITHHELD)
    return MailedEdition(*row, is_private=connection.execute(mine.limit(1)).first() is not None)


def edition_message(connection: Connection, number: int) -> bytes:
    """The stored message of an edition that was mailed."""
    message: bytes = connection.execute(select(edition.c.message).where(edition.c.id == number)).scalar_one()
    return message


def posts_of(connection: Connection, numbers: Sequence[int]) -> dict[int, list[int]]:
    """The posts of these editions, each edition's in its order."""
    query = select(edition_post.c.edition_id, edition_post.c.post_id).where(
        edition_post.c.edition_id.in_(numbers)
    )
    found: dict[int, list[int]] = {number: [] for number in numbers}
    for number, post_id in connection.execute(
        query.order_by(edition_post.c.edition_id, edition_post.c.position)
    ):
        found[number].append(post_id)
    return found


def _private_editions(connection: Connection, its: Digest) -> set[int]:
    query = (
        select(edition_post.c.edition_id)
        .join(post, post.c.id == edition_post.c.post_id)
        .join(edition, edition.c.id == edition_post.c.edition_id)
        .where(edition.c.digest_id == its.id, _IS_WITHHELD)
        .distinct()
    )
    return set(connection.execute(query).scalars())


def _is_slot(its: Digest, end: datetime) -> bool:
    """Whether a window ends where the digest's own do; those of the instant cadence end anywhere.

    When it was last sent beside its slots is one too; what was sent so before stands in where it fits.
    """
    rhythm = reader_rhythm(its)
    return rhythm.cadence is Cadence.INSTANT or end in {previous_slot(rhythm, end), its.send_at}


def _one_an_end(its: Digest, found: Sequence[Candidate]) -> list[Candidate]:
    """Of those that end together, first the one whose window is most like the digest's own."""
    rhythm = reader_rhythm(its)
    if rhythm.cadence is Cadence.INSTANT:
        return sorted(found, key=lambda one: (one.end, one.start, one.id))
    period = {end: end - _before(its, end) for end in {one.end for one in found}}
    return sorted(found, key=lambda one: (one.end, abs(one.end - one.start - period[one.end]), one.id))


def _before(its: Digest, end: datetime) -> datetime:
    """The digest's slot before the one at ``end``."""
    slot = previous_slot(reader_rhythm(its), end - timedelta(microseconds=1))
    return slot if its.send_at is None or its.send_at >= end else max(slot, its.send_at)


def _without_overlap(taken: Sequence[Candidate], found: Iterable[Candidate]) -> list[Candidate]:
    """Those taken already, and each further one whose window overlaps none before; by their ends."""
    kept = sorted(taken, key=lambda one: one.end)
    ends = [one.end for one in kept]
    for one in found:
        place = bisect_left(ends, one.end)
        before = kept[place - 1] if place else None
        after = kept[place] if place < len(kept) else None
        if (before is None or before.end <= one.start) and (after is None or after.start >= one.end):
            kept.insert(place, one)
            ends.insert(place, one.end)
    return kept
