"""When tokens were used last, noted in memory: a GET writes nothing, and is a use all the same."""

import threading
from datetime import datetime

from database import Database
from web.accounts.tokens import NOTED_EVERY, AccessToken, note_uses


class TokenUses:
    """When tokens were used last: kept in memory until it is written, for a GET writes nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._noted: dict[int, datetime] = {}
        self._waiting: dict[int, datetime] = {}
        self._lock = threading.Lock()

    def note(self, token: AccessToken, now: datetime) -> None:
        """A token was used."""
        with self._lock:
            last = self._noted.get(token.id, token.used_at)
            if last is None or now - last >= NOTED_EVERY:
                self._noted[token.id] = self._waiting[token.id] = now

    def is_due(self, _now: datetime) -> bool:
        """Whether anything waits to be written."""
        return bool(self._waiting)

    def flush(self, _now: datetime) -> None:
        """Write what waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        with self._database.write() as connection:
            note_uses(connection, sorted(waiting.items()))
