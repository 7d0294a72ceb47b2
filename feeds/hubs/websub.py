"""What WebSub hubs are to be told: a topic for each public feed and format, and what each was last told at.

A topic is a feed's self link. One that is new to us is only written down: nobody can have subscribed to it
yet, and of a blog of years that meets its first hub all are new. From then on each change of the feed makes
it due; a hub that does not answer is asked again, later and later, for about a day. A topic that goes (its
label was renamed or deleted) is told of once more, so that the hub meets what its address answers now.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, case, delete, func, null, select, update

from database.upsert import insert_all_new
from feeds.formats.known import SUFFIXES
from feeds.lasting import hubs_of
from feeds.model import ping
from feeds.selection import FeedState
from feeds.site import FeedSite

# With each try the wait doubles, up to the longest; these add up to about a day.
TRIES = 14
FIRST_WAIT = timedelta(minutes=1)
LONGEST_WAIT = timedelta(hours=4)
# Whoever took up a ping and is heard of no more: another takes it up after this.
LEASE = timedelta(minutes=10)

# The token of a topic that is no more.
GONE = ""
_LONGEST_ERROR = 200

_ONE = (ping.c.hub == bindparam("of")) & (ping.c.topic == bindparam("about"))


@dataclass(frozen=True, slots=True)
class Ping:
    """A hub to be told of a topic that now stands at ``token``, after so many tries in vain."""

    hub: str
    topic: str
    token: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Difference:
    """Between what the database knows of the topics and what they are: hubs, topics and their tokens."""

    new: tuple[tuple[str, str, str], ...]
    changed: tuple[tuple[str, str, str], ...]
    forgotten: tuple[tuple[str, str], ...]

    def __bool__(self) -> bool:
        return bool(self.new or self.changed or self.forgotten)


def topics(
    site: FeedSite, states: Iterable[FeedState], *, private: Iterable[str] = ()
) -> dict[str, str | None]:
    """Every topic of these feeds, and what it is at; None for those of which no hub is told.

    ``private`` are slugs: one that was public until now goes without a word.
    """
    tokens = {state.spec.slug: state.token if hubs_of(site, state.spec) else None for state in states}
    tokens |= dict.fromkeys(private)
    return {site.feed_url(slug, suffix): token for slug, token in tokens.items() for suffix in SUFFIXES}


def difference(connection: Connection, hubs: Sequence[str], wanted: Mapping[str, str | None]) -> Difference:
    """What is to be written down so that each hub knows, or will be told, what each topic is at."""
    known: dict[str, dict[str, tuple[str, bool]]] = {hub: {} for hub in hubs}
    forgotten = []
    query = select(ping.c.hub, ping.c.topic, ping.c.token, ping.c.told.is_not(None).label("was_told"))
    for row in connection.execute(query):
        if row.hub in known:
            known[row.hub][row.topic] = (row.token, row.was_told)
        else:
            forgotten.append((row.hub, row.topic))
    new, changed = [], []
    for hub, rows in known.items():
        new += [(hub, topic, token) for topic, token in wanted.items() if token and topic not in rows]
        for topic, (token, was_told) in rows.items():
            at = wanted.get(topic, GONE)
            if at is None or (at == GONE and not was_told):
                forgotten.append((hub, topic))
            elif at != token:
                changed.append((hub, topic, at))
    return Difference(tuple(sorted(new)), tuple(sorted(changed)), tuple(sorted(forgotten)))


def note(connection: Connection, found: Difference, *, now: datetime) -> None:
    """Write a difference down: what changed is due now, unless it waits for its next try already."""
    if found.new:
        rows = [
            {"hub": hub, "topic": topic, "token": token, "attempts": 0} for hub, topic, token in found.new
        ]
        insert_all_new(connection, ping, rows, returning=ping.c.hub)
    if found.changed:
        due_at = func.coalesce(ping.c.due_at, bindparam("now", now, type_=ping.c.due_at.type))
        moved = update(ping).where(_ONE, ping.c.token != bindparam("at"))
        rows = [{"of": hub, "about": topic, "at": token} for hub, topic, token in found.changed]
        connection.execute(moved.values(token=bindparam("at"), due_at=due_at), rows)
    if found.forgotten:
        gone = [{"of": hub, "about": topic} for hub, topic in found.forgotten]
        connection.execute(delete(ping).where(_ONE), gone)


def has_due(connection: Connection, *, now: datetime) -> bool:
    """Whether a hub is to be told of anything."""
    return connection.execute(select(ping.c.topic).where(ping.c.due_at <= now).limit(1)).first() is not None


def count_pings(connection: Connection) -> dict[str, int]:
    """Of how many topics hubs are to be told (``due``), and of how many they were in vain (``failed``)."""
    query = select(func.count(ping.c.due_at), func.count(ping.c.error)).select_from(ping)
    due, failed = connection.execute(query).one()
    return {"due": due, "failed": failed}


def claim(connection: Connection, hub: str, *, now: datetime, limit: int | None = None) -> list[Ping]:
    """Take up what a hub is to be told, what waited longest first: nobody else does so for ``LEASE``."""
    due = (
        select(ping.c.hub, ping.c.topic, ping.c.token, ping.c.attempts)
        .where(ping.c.hub == hub, ping.c.due_at <= now)
        .order_by(ping.c.due_at, ping.c.topic)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = [Ping(*row) for row in connection.execute(due)]
    if found:
        connection.execute(update(ping).where(_ONE).values(due_at=now + LEASE), _keys(found))
    return found


def record_told(connection: Connection, told: Sequence[Ping], *, now: datetime) -> None:
    """Remember that a hub took these; what changed meanwhile is due again."""
    as_told = ping.c.token == bindparam("at")
    rows = [{"of": one.hub, "about": one.topic, "at": one.token} for one in told]
    gone = [row for row in rows if row["at"] == GONE]
    if gone:
        connection.execute(delete(ping).where(_ONE, as_told), gone)
    if rows:
        again = case((as_told, null()), else_=bindparam("now", now, type_=ping.c.due_at.type))
        done = update(ping).where(_ONE).values(told=bindparam("at"), attempts=0, error=None, due_at=again)
        connection.execute(done, rows)


def record_refused(
    connection: Connection, refused: Sequence[Ping], *, error: str, jitter: float, now: datetime
) -> int:
    """Put these off until their next try, or give them up until they change; how many were given up."""
    last = [one for one in refused if one.attempts + 1 >= TRIES]
    later = [one for one in refused if one.attempts + 1 < TRIES]
    why = {"error": error[:_LONGEST_ERROR]}
    if last:
        connection.execute(delete(ping).where(_ONE, ping.c.token == GONE), _keys(last))
        connection.execute(update(ping).where(_ONE).values(due_at=None, attempts=0, **why), _keys(last))
    for attempts in {one.attempts for one in later}:
        some = _keys(one for one in later if one.attempts == attempts)
        values = {"due_at": now + wait(attempts, jitter), "attempts": attempts + 1, **why}
        connection.execute(update(ping).where(_ONE).values(values), some)
    return len(last)


def release(connection: Connection, untold: Sequence[Ping], *, now: datetime) -> None:
    """Give back what was taken up and not tried: it is due again at once."""
    if untold:
        connection.execute(update(ping).where(_ONE).values(due_at=now), _keys(untold))


def wait(attempts: int, jitter: float) -> timedelta:
    """How long to wait after so many tries before this one; ``jitter`` (0 to 1) moves it by up to a tenth."""
    longest: timedelta = min(FIRST_WAIT * 2**attempts, LONGEST_WAIT)
    return longest * (0.9 + 0.2 * jitter)


def _keys(pings: Iterable[Ping]) -> list[dict[str, str]]:
    return [{"of": one.hub, "about": one.topic} for one in pings]
