"""A list of readers: each line with its digest, labels and rhythm looked up, then stored many at a time."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from digests.cadence import CadenceError, parse_at
from digests.choosing import Words, read_choices
from digests.model import Digest
from digests.offer import DigestError, check_language
from digests.store import list_digests
from labelcast.readers import WORDING, suppression_salt
from posts.labels import slugify
from posts.lookup import load_labels
from subscribers.address import address_key
from subscribers.csvfile import BadRow, CsvError, Row, Status
from subscribers.csvformats import LABELCAST
from subscribers.intake import Decision, Fate, Wanted
from subscribers.taking import BATCH, take_lines

UNDATED = " The list gives no date: this is when it was imported."
NO_DIGEST = "The publisher says that this reader agreed to get mail."
SERVICE = " So says the list of {source}."


@dataclass(frozen=True, slots=True)
class ReadersReport:
    """What an import of readers did, line by line.

    ``subscribed`` of which ``pending`` get nothing before they agree; ``already`` were subscribed and are as
    they were; ``suppressed`` are never written to; ``skipped`` could not be taken, or must not be. Each of
    these two is listed with its reason.
    """

    subscribed: int
    already: int
    pending: int
    suppressed: tuple[BadRow, ...]
    skipped: tuple[BadRow, ...]


def import_readers(
    connection: Connection,
    rows: Iterable[Row | BadRow],
    digest: Digest | None,
    *,
    vouched: bool,
    file: str,
    now: datetime,
    tags_as_labels: bool = False,
    advance: Callable[[int], None] | None = None,
) -> ReadersReport:
    """Take the readers of a list; without ``digest`` each line names its own.

    ``vouched``: the publisher says that those subscribed there agreed; what the list claims of that is kept.
    ``advance`` is told the lines that are done. A line that cannot be taken is skipped, and listed. Raises
    ``CsvError``.
    """
    resolver = _Resolver(connection, digest, file=file, now=now, tags_as_labels=tags_as_labels)
    salt = suppression_salt(connection)
    tally = _Tally()
    for some in _batches(rows):
        wanted = []
        for row in some:
            one = resolver.resolved(row)
            if isinstance(one, Wanted):
                wanted.append(one)
            else:
                tally.skip(one)
        decisions = take_lines(connection, wanted, vouched=vouched, now=now, salt=salt)
        for line, decision in zip(wanted, decisions, strict=True):
            tally.add(line.row.line, decision)
        if advance is not None and some:
            advance(some[-1].line)
    return tally.report()


class _Tally:
    """Counts what became of the lines."""

    def __init__(self) -> None:
        self._subscribed = self._already = self._pending = 0
        self._suppressed: list[BadRow] = []
        self._skipped: list[BadRow] = []

    def skip(self, bad: BadRow) -> None:
        """A line that could not be read or resolved."""
        self._skipped.append(bad)

    def add(self, line: int, decision: Decision) -> None:
        """A line that was decided."""
        match decision.fate:
            case Fate.SUBSCRIBED:
                self._subscribed += 1
                self._pending += decision.pending
            case Fate.ALREADY:
                self._already += 1
            case Fate.SUPPRESSED:
                self._suppressed.append(BadRow(line, decision.reason))
            case Fate.SKIPPED:
                self._skipped.append(BadRow(line, decision.reason))

    def report(self) -> ReadersReport:
        """All of it."""
        skipped = sorted(self._skipped, key=lambda bad: bad.line)
        return ReadersReport(
            self._subscribed, self._already, self._pending, tuple(self._suppressed), tuple(skipped)
        )


class _Resolver:
    """Looks up what the lines of a list name; most lines say the same, so that is remembered."""

    def __init__(
        self, connection: Connection, digest: Digest | None, *, file: str, now: datetime, tags_as_labels: bool
    ) -> None:
        self._digest = digest
        self._digests = {one.slug: one for one in list_digests(connection)}
        self._labels = load_labels(connection)
        self._file = file
        self._now = now
        self._tags_as_labels = tags_as_labels
        self._known: dict[tuple[Any, ...], Mapping[str, Any] | str] = {}

    def resolved(self, row: Row | BadRow) -> Wanted | BadRow:
        """A line with its digest and choices, or why it cannot be taken."""
        if isinstance(row, BadRow):
            return row
        digest = self._digest_of(row)
        if isinstance(digest, BadRow):
            return digest
        choices = self._choices(row, digest)
        if isinstance(choices, str):
            return BadRow(row.line, f"{row.email}: {choices}")
        if row.paused_until is not None:
            choices = {**choices, "paused_until": row.paused_until}
        language = self._language(row)
        return Wanted(
            row=replace(row, language=language) if language != row.language else row,
            key=address_key(row.email),
            digest_id=None if digest is None else digest.id,
            choices=choices,
            **self._claim(row, digest),
        )

    def _digest_of(self, row: Row) -> Digest | BadRow | None:
        """The digest that a line is about; None for a line about the reader alone."""
        if row.status not in {Status.SUBSCRIBED, Status.PENDING}:
            return None
        if self._digest is not None:
            return BadRow(row.line, f"{row.email} is not subscribed there") if row.ended else self._digest
        if row.digest is not None:
            missing = BadRow(row.line, f"{row.email}: digest {row.digest[:80]!r} is not there: add it first")
            return self._digests.get(row.digest, missing)
        if row.source == LABELCAST.title:
            return None
        raise CsvError(f"line {row.line}: the list names no digest: say which with --digest")

    def _choices(self, row: Row, digest: Digest | None) -> Mapping[str, Any] | str:
        """The columns that a line chooses, or what is wrong with them."""
        if digest is None:
            return {}
        tags = row.tags if self._tags_as_labels else ()
        days = (row.at, row.hour, row.weekday, row.monthday)
        how = (row.content, row.form, row.digest_language)
        asked = (digest.slug, row.labels, tags, row.cadence, row.timezone, row.guessed, days, how)
        if asked not in self._known:
            try:
                self._known[asked] = self._read(row, digest, tags)
            except (CadenceError, DigestError) as error:
                self._known[asked] = str(error)
        return self._known[asked]

    def _read(self, row: Row, digest: Digest, tags: Sequence[str]) -> Mapping[str, Any]:
        labels = [*row.labels, *(tag for tag in tags if self._labels.addressed(tag) is not None)]
        words = Words(
            labels=labels,
            cadence=row.cadence,
            at=row.at,
            timezone=row.timezone,
            language=row.digest_language,
            content=row.content,
            form=row.form,
        )
        try:
            choices = read_choices(digest, words, slug_of=self._slug)
        except CadenceError:
            if not row.guessed:
                raise
            choices = read_choices(digest, replace(words, timezone=None), slug_of=self._slug)
        return choices | _days(row)

    def _slug(self, name: str) -> str:
        found = self._labels.addressed(name)
        return slugify(name, taken=lambda _slug: False) if found is None else found.slug

    def _language(self, row: Row) -> str | None:
        """A reader's language; what is none is dropped: it changes no more than a few words."""
        try:
            return None if row.language is None else check_language(row.language.replace("_", "-"))
        except DigestError:
            return None

    def _claim(self, row: Row, digest: Digest | None) -> dict[str, Any]:
        """The consent that a line claims: when, from where, and in which words it is kept."""
        dated = row.agreed_at is not None and row.agreed_at <= self._now
        wording = NO_DIGEST if digest is None else WORDING.format(slug=digest.slug)
        wording += SERVICE.format(source=row.source) if row.source else ""
        source = f" ({row.agreed_from[:200]})" if row.agreed_from else ""
        return {
            "agreed_at": row.agreed_at if dated else self._now,
            "origin": f"csv:{self._file}:{row.line}{source}",
            "wording": wording if dated else wording + UNDATED,
        }


def _days(row: Row) -> dict[str, int]:
    """Hour, weekday and day of the month, each of which our own export tells apart."""
    found: dict[str, int | None] = {}
    if row.hour is not None:
        found["minute"] = parse_at(row.hour).minute
    if row.weekday is not None:
        found["weekday"] = parse_at(f"{row.weekday} 00:00").weekday
    if row.monthday is not None:
        found["monthday"] = parse_at(f"{row.monthday} 00:00").monthday
    return {name: value for name, value in found.items() if value is not None}


def _batches(rows: Iterable[Row | BadRow]) -> Iterator[list[Row | BadRow]]:
    some: list[Row | BadRow] = []
    for row in rows:
        some.append(row)
        if len(some) == BATCH:
            yield some
            some = []
    if some:
        yield some
