"""Posts into the database: a source is read and cleaned first, then stored whole or not at all."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection, Select, select

from database import Database
from posts.blog import get_blog, news_from
from posts.labelbook import LabelBook
from posts.model import PostState, SkippedPost, SourcePost, post
from posts.privacy import move, under_private_rule
from posts.sanitize import Sanitizer
from posts.spool import Spool
from posts.writing import PostWriter

BATCH = 500
BATCH_CHARACTERS = 4_000_000


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did. ``notes`` is the number of its posts that had something cleaned."""

    new: int
    updated: int
    unchanged: int
    skipped: tuple[SkippedPost, ...]
    notes: int


def store_posts(
    database: Database,
    items: Iterable[SourcePost | SkippedPost],
    *,
    now: datetime,
    labels: Sequence[str] = (),
    dry_run: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Store a source's posts, each also under ``labels``; nothing at all when reading the source fails.

    First everything is read and cleaned into a temporary file, whatever its size; then one short transaction
    writes what is new or changed. The same import again touches no row. ``progress`` is told how many items
    were read so far. ``dry_run`` does all of it and takes it back.

    Reading may take long; should a digest have closed its window meanwhile, what is new counts as stored just
    after that, so that it is news to the next.

    Raises what the items raise, ``SpoolError``, ``DatabaseUnavailable``, ``posts.blog.BlogMissing``.
    """
    with Spool() as spool:
        skipped = _read(items, spool, labels=labels, now=now, progress=progress)
        with database.write() as connection:
            get_blog(connection, lock=True)
            stored_at = news_from(connection, now=now)
            book = LabelBook(connection, now=stored_at)
            writer = PostWriter(connection, book, now=stored_at)
            for posts in spool.batches(posts=BATCH, characters=BATCH_CHARACTERS):
                writer.write(posts)
            book.finish()
            if dry_run:
                connection.rollback()
        return ImportReport(writer.new, writer.updated, writer.unchanged, tuple(skipped), spool.noted)


def _read(
    items: Iterable[SourcePost | SkippedPost],
    spool: Spool,
    *,
    labels: Sequence[str],
    now: datetime,
    progress: Callable[[int], None] | None,
) -> list[SkippedPost]:
    sanitizer = Sanitizer()
    skipped = []
    for number, item in enumerate(items, start=1):
        found = item
        if isinstance(found, SourcePost):
            source = replace(found, labels=(*found.labels, *labels)) if labels else found
            cleaned = sanitizer.clean(source, now=now)
            lost = cleaned if isinstance(cleaned, SkippedPost) else spool.add(cleaned)
        else:
            lost = found
        if lost is not None:
            skipped.append(lost)
        if progress is not None:
            progress(number)
    return skipped


def has_scheduled(connection: Connection, *, now: datetime) -> bool:
    """Whether a scheduled post's time has come."""
    return connection.execute(_scheduled(now).limit(1)).first() is not None


def _scheduled(now: datetime) -> Select[int]:
    return select(post.c.id).where(post.c.state == PostState.SCHEDULED.value, post.c.published <= now)


def release_scheduled(connection: Connection, *, now: datetime) -> int:
    """Make the scheduled posts live, or private, whose time has come; tell how many there were.

    They are news from the instant they were promised for, so call it before any window up to ``now`` closes.
    """
    if not has_scheduled(connection, now=now):
        return 0
    book = LabelBook(connection, now=now)
    # Asked again: another process may have been faster while this one waited for its turn.
    numbers = connection.execute(_scheduled(now).order_by(post.c.id)).scalars().all()
    private = under_private_rule(connection, numbers)
    for state, those in (
        (PostState.LIVE, [number for number in numbers if number not in private]),
        (PostState.PRIVATE, sorted(private)),
    ):
        values = {"withdrawn_at": None} if state is PostState.LIVE else {}
        move(connection, book, those, PostState.SCHEDULED, state, **values)
    book.finish()
    return len(numbers)
