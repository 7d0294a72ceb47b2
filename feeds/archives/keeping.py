"""Archives stored when they should be: before a build of many feeds, or on the way to an answer."""

from collections.abc import Callable, Sequence

from sqlalchemy.exc import DBAPIError

from database import Database
from feeds.archives.layout import stamp_of
from feeds.archives.membership import is_archived
from feeds.archives.reading import Archives
from feeds.archives.storing import settle
from feeds.hasty import hasty_write
from feeds.selection import FeedState

# After the database refused to be written, nobody waits for it on the way to an answer for so long.
REFUSED_SECONDS = 5.0


class ArchiveKeeper:
    """Brings what is stored of archives up to date. Thread-safe; ``clock`` tells seconds that only grow."""

    def __init__(self, database: Database, archives: Archives, *, clock: Callable[[], float]) -> None:
        self._database = database
        self._archives = archives
        self._clock = clock
        self._refused_at: float | None = None
        self._settled: dict[str, str] = {}

    def settle(self, states: Sequence[FeedState]) -> int:
        """Store what is behind of these feeds' archives, in one transaction; tell how many were.

        Writes nothing where nothing is behind; costs nothing where nothing changed since it was asked last.
        Raises ``DatabaseUnavailable``.
        """
        per_document = self._archives.per_document
        stamps = {
            state.spec.uri: stamp_of(state, per_document) for state in states if is_archived(state.spec)
        }
        doubtful = [
            state for state in states if stamps.get(state.spec.uri) != self._settled.get(state.spec.uri)
        ]
        with self._database.read() as connection:
            due = self._archives.due(connection, doubtful)
        if due:
            with self._database.write() as connection:
                settle(connection, due, per_document=per_document)
        self._settled = stamps if len(self._settled) > 2 * len(stamps) else self._settled | stamps
        return len(due)

    def settle_now(self, state: FeedState) -> bool:
        """Store one feed's archive if the database can be written at once; tell whether it could.

        An archive is a promise, so it waits for the disk. A database that is busy or full is no error.
        """
        if self._refused_at is not None and self._clock() < self._refused_at + REFUSED_SECONDS:
            return False
        try:
            with hasty_write(self._database, is_durable=True) as connection:
                settle(connection, [state], per_document=self._archives.per_document)
        except DBAPIError:
            self._refused_at = self._clock()
            return False
        self._refused_at = None
        return True
