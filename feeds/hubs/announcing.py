"""From what changed to what hubs are told: asked at each tick, done in the background."""

from datetime import datetime

from sqlalchemy import Connection

from feeds.build import FeedBuilder
from feeds.configured import configured_feeds
from feeds.hubs.pinging import Pinger
from feeds.hubs.websub import Difference, difference, has_due, note, topics
from feeds.selection import changes


class Announcer:
    """Finds which topics changed and lets a pinger tell the site's hubs of them."""

    def __init__(self, builder: FeedBuilder, pinger: Pinger) -> None:
        self._builder = builder
        self._pinger = pinger
        self._seen: str | None = None

    def is_due(self, now: datetime) -> bool:
        """Whether anything changed since it was last asked, or a hub is to be told again."""
        if not self._pinger.hubs and self._seen is not None:
            return False
        with self._builder.database.read() as connection:
            return changes(connection) != self._seen or has_due(connection, now=now)

    def announce(self, now: datetime) -> str | None:
        """Write down what changed and begin to tell of it; waits for no hub."""
        with self._builder.database.read() as connection:
            seen = changes(connection)
            found = self._difference(connection) if seen != self._seen else None
        if found:
            with self._builder.database.write() as connection:
                note(connection, found, now=now)
        self._seen = seen
        with self._builder.database.read() as connection:
            is_due = has_due(connection, now=now)
        if is_due and self._pinger.hubs:
            self._pinger.begin(now)
        changed = {topic for _, topic, _ in found.changed} if found else set()
        return f"{len(changed)} topics changed, hubs are being told" if changed else None

    def _difference(self, connection: Connection) -> Difference:
        states = self._builder.states(connection) if self._pinger.hubs else []
        private = [row.slug for row in configured_feeds(connection) if row.is_private]
        wanted = topics(self._builder.site, states, private=private)
        return difference(connection, self._pinger.hubs, wanted)
