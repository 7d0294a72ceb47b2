"""Lists of readers of any length: written piece by piece, and taken from a file that was uploaded."""

import io
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from database import Database
from digests.model import digest
from digests.offer import DigestError
from digests.store import get_digest
from labelcast.reader_lists import ReadersReport, import_readers
from labelcast.readers import suppression_salt
from outbox.noticequeue import without_addresses
from subscribers.address import address_key
from subscribers.csvexport import Agreed, Consents, write_csv
from subscribers.csvfile import BadRow, CsvError, read_csv
from subscribers.model import (
    ConsentKind,
    Subscriber,
    SubscriberState,
    SubscriptionState,
    consent,
    suppression,
)
from subscribers.store import iterate_subscribers
from subscribers.suppression import address_hash
from web.admin.readers.work import ListProblem, ReaderList

PIECE = 1000
# Of the lines that were not taken so many are told; of the rest their number.
MOST_TOLD = 300

# A reader of the export, with their consents and why they are suppressed.
Line = tuple[Subscriber, Consents, str | None]


def stream_readers(
    database: Database, state: SubscriberState | None, digest_id: int | None
) -> Iterator[bytes]:
    """Readers as CSV: all, or those of a state, or those who get a digest, by its number.

    Nothing holds the database between two pieces, however slowly they are taken.
    """
    last, is_first = 0, True
    while True:
        with database.read() as connection:
            some = list(islice(iterate_subscribers(connection, state=state, after=last, batch=PIECE), PIECE))
            lines = list(lines_of(connection, _of_digest(connection, some, digest_id)))
        if is_first or lines:
            yield _csv(lines, heading=is_first)
        if len(some) < PIECE:
            return
        last, is_first = some[-1].id, False


def take_list(
    database: Database,
    readers: ReaderList,
    path: Path,
    *,
    now: datetime,
    progress: Callable[[int, int], None],
) -> Mapping[str, Any]:
    """Take the readers of a list that was uploaded, in one transaction; tell what became of them as JSON.

    Raises ``ListProblem``, and then nothing was changed.
    """
    with path.open("rb") as file:
        total = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b"")) + 1
    with database.write() as connection, connection.begin_nested() as trial, path.open("rb") as file:
        try:
            wanted = get_digest(connection, readers.digest) if readers.digest else None
            report = import_readers(
                connection,
                read_csv(file, form=readers.form),
                wanted,
                vouched=readers.vouched,
                file=readers.name,
                now=now,
                tags_as_labels=readers.tags_as_labels,
                advance=lambda done: progress(done, total),
            )
        except (CsvError, DigestError) as error:
            raise ListProblem(f"{readers.name}: {without_addresses(str(error))}") from error
        if readers.is_trial:
            trial.rollback()
    progress(total, total)
    return _told(report)


def _told(report: ReadersReport) -> Mapping[str, Any]:
    # What is kept of a list names nobody: they may have to be forgotten. The line says who it is.
    def lines(bad: tuple[BadRow, ...]) -> list[list[Any]]:
        return [[one.line, without_addresses(one.reason)] for one in bad[:MOST_TOLD]]

    return {
        "subscribed": report.subscribed,
        "pending": report.pending,
        "already": report.already,
        "suppressed": len(report.suppressed),
        "skipped": len(report.skipped),
        "suppressed_lines": lines(report.suppressed),
        "skipped_lines": lines(report.skipped),
    }


def _of_digest(connection: Connection, some: list[Subscriber], digest_id: int | None) -> list[Subscriber]:
    if digest_id is None:
        return some
    slug = connection.execute(select(digest.c.slug).where(digest.c.id == digest_id)).scalar()
    return [
        one
        for one in some
        if any(its.digest == slug and its.state is SubscriptionState.ACTIVE for its in one.subscriptions)
    ]


def lines_of(connection: Connection, some: list[Subscriber]) -> Iterator[Line]:
    """Readers in the order of their numbers, each with what a line of a list tells of them."""
    if not some:
        return
    consents = _consents(connection, [one.id for one in some])
    salt = suppression_salt(connection)
    hashes = {
        one.id: address_hash(address_key(one.email), salt=salt)
        for one in some
        if one.email is not None and one.state is SubscriberState.SUPPRESSED
    }
    asked = select(suppression.c.hash, suppression.c.reason).where(
        suppression.c.hash.in_(list(hashes.values()))
    )
    reasons = {row.hash: row.reason for row in connection.execute(asked)} if hashes else {}
    for one in some:
        yield one, consents.get(one.id, {}), reasons.get(hashes.get(one.id, ""))


def _consents(connection: Connection, readers: list[int]) -> dict[int, dict[str | None, Agreed]]:
    """The last consent of each of these readers to each digest, given or claimed."""
    query = (
        select(consent.c.subscriber_id, digest.c.slug, consent.c.at, consent.c.origin)
        .outerjoin(digest, digest.c.id == consent.c.digest_id)
        .where(consent.c.kind != ConsentKind.ASKED, consent.c.subscriber_id.in_(readers))
        .order_by(consent.c.at, consent.c.id)
    )
    found: dict[int, dict[str | None, Agreed]] = {}
    for number, slug, at, origin in connection.execute(query):
        found.setdefault(number, {})[slug] = Agreed(at, origin)
    return found


def _csv(lines: list[Line], *, heading: bool) -> bytes:
    text = io.StringIO(newline="")
    write_csv(text, lines, heading=heading)
    return text.getvalue().encode()
