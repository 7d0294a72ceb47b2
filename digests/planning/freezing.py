"""Editions found or made: which posts each holds, how it shows them, or why it is not mailed."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, func, insert, select, update

from database import ManyRows
from digests.cadence import Cadence, Send, next_slot
from digests.model import Digest, NoMail, Options, delivery, edition, edition_post
from digests.planning.agenda import Due
from digests.planning.introducing import is_introduced
from digests.selection import choose
from posts.rules import parse
from posts.store import News, news


@dataclass(frozen=True, slots=True)
class EditionKey:
    """What readers share who share an edition, beside the digest's template."""

    digest_id: int
    window_start: datetime
    window_end: datetime
    labels: tuple[str, ...]
    language: str
    content: str
    form: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What readers of one key get: an edition by its number, or none; why it is not mailed; if it is new.

    ``TOO_FEW`` without an edition: the instant cadence, which waits without a word.
    """

    number: int | None
    reason: NoMail | None
    is_new: bool = False


class Editions:
    """The editions of one transaction: what was asked once is not asked of the database again.

    ``write`` in the end, for what is written of many editions is written at once.
    """

    def __init__(
        self,
        connection: Connection,
        digests: Mapping[int, Digest],
        *,
        aliases: Mapping[str, str],
        now: datetime,
    ) -> None:
        self._connection = connection
        self._digests = digests
        self._aliases = aliases
        self._now = now
        self._news: dict[tuple[int, datetime, datetime], Sequence[News]] = {}
        self._known: dict[tuple[int, datetime, datetime], dict[EditionKey, Verdict]] = {}
        self._more: Counter[int] = Counter()
        self._posts: list[dict[str, int]] = []

    def judge(self, key: EditionKey, group: Sequence[Due]) -> Verdict:
        """Find the edition of a key, or make it for these readers; either way they are counted in it."""
        known = self._known_of(key)
        if key in known:
            verdict = known[key]
            if verdict.number is not None:
                self._more[verdict.number] += sum(one.readers for one in group)
            return verdict
        its = self._digests[key.digest_id]
        chosen = choose(self._news_of(key), key.labels, aliases=self._aliases, sort=its.sort)
        reason = no_mail(len(chosen), its)
        if reason and all(one.rhythm.cadence is Cadence.INSTANT for one in group):
            return Verdict(None, reason)
        number = self._store(key, group, chosen if reason is None else (), reason)
        known[key] = Verdict(number, reason)
        return Verdict(number, reason, is_new=True)

    def write(self) -> None:
        """Write the posts of editions that were made, and how many readers came to those that were there."""
        if self._posts:
            self._connection.execute(insert(edition_post), self._posts)
        rows = [{"its_id": number, "more": more} for number, more in sorted(self._more.items())]
        if rows:
            _COUNT.run(self._connection, {}, rows)

    def recount(self, numbers: Iterable[int]) -> None:
        """Count the readers of mailed editions anew: some of those counted were in the ledger before."""
        theirs = select(func.count()).where(delivery.c.edition_id == edition.c.id).scalar_subquery()
        for number in numbers:
            step = update(edition).where(edition.c.id == number)
            self._connection.execute(step.values(readers=theirs))

    def _store(
        self, key: EditionKey, group: Sequence[Due], chosen: Sequence[int], reason: NoMail | None
    ) -> int:
        its = self._digests[key.digest_id]
        values = {
            "digest_id": key.digest_id,
            "window_start": key.window_start,
            "window_end": key.window_end,
            "labels": ",".join(key.labels),
            "language": key.language,
            "template": its.template,
            "content": key.content,
            "form": key.form,
            "folded": reason is None and self._is_folded(key, group),
            "created_at": self._now,
            "options": asdict(self._options(key, group) if reason is None else Options()),
            "reason": reason,
            "readers": sum(one.readers for one in group),
        }
        statement = insert(edition).values(values).returning(edition.c.id)
        number: int = self._connection.execute(statement).scalar_one()
        for place, post in enumerate(chosen):
            self._posts.append({"edition_id": number, "position": place, "post_id": post})
        return number

    def _options(self, key: EditionKey, group: Sequence[Due]) -> Options:
        its = self._digests[key.digest_id]
        members = ",".join(one.members for one in group)
        introduced = is_introduced(
            self._connection, its, start=key.window_start, end=key.window_end, members=members
        )
        return Options(its.max_posts, its.sort, its.grouping, its.introduction if introduced else None)

    def _is_folded(self, key: EditionKey, group: Sequence[Due]) -> bool:
        """Whether a slot in the window was missed; one at which there were too few posts was not."""
        late = [one for one in group if isinstance(one.decision, Send) and one.decision.folded]
        if not late or self._digests[key.digest_id].min_posts <= 1:
            return bool(late)
        waited = select(func.max(edition.c.window_end)).where(
            edition.c.digest_id == key.digest_id,
            edition.c.window_start == key.window_start,
            edition.c.window_end < key.window_end,
            edition.c.reason == NoMail.TOO_FEW,
        )
        last = self._connection.execute(waited).scalar_one() or key.window_start
        return any(next_slot(one.rhythm, last) < key.window_end for one in late)

    def _known_of(self, key: EditionKey) -> dict[EditionKey, Verdict]:
        """The stored editions of a window, by their keys."""
        window = (key.digest_id, key.window_start, key.window_end)
        if window not in self._known:
            columns = (edition.c.labels, edition.c.language, edition.c.content, edition.c.form)
            query = select(edition.c.id, edition.c.reason, *columns).where(
                edition.c.digest_id == key.digest_id,
                edition.c.window_start == key.window_start,
                edition.c.window_end == key.window_end,
                edition.c.template == self._digests[key.digest_id].template,
            )
            self._known[window] = {
                EditionKey(*window, _labels(labels), *rest): Verdict(number, reason and NoMail(reason))
                for number, reason, labels, *rest in self._connection.execute(query)
            }
        return self._known[window]

    def _news_of(self, key: EditionKey) -> Sequence[News]:
        window = (key.digest_id, key.window_start, key.window_end)
        if window not in self._news:
            its = self._digests[key.digest_id]
            self._news[window] = window_news(self._connection, its, key.window_start, key.window_end)
        return self._news[window]


_COUNT = ManyRows(
    update(edition)
    .where(edition.c.id == bindparam("its_id"))
    .values(readers=edition.c.readers + bindparam("more"))
)


def window_news(connection: Connection, its: Digest, start: datetime, end: datetime) -> Sequence[News]:
    """The posts that are news to a digest in the window ``(start, end]``."""
    return news(connection, parse(its.rule), after=start, until=end, max_age=its.max_age)


def no_mail(count: int, its: Digest) -> NoMail | None:
    """Why an edition of so many posts is not mailed; None when it is."""
    if not count:
        return NoMail.NOTHING_NEW
    return NoMail.TOO_FEW if count < its.min_posts else None


def _labels(joined: str) -> tuple[str, ...]:
    return tuple(joined.split(",")) if joined else ()
