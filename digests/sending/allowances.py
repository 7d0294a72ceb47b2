"""How far the limits are used up: one table for all processes, that outlives them.

It is read and written in the ledger's own transaction: what was allowed is counted if, and only if, its
intent is. Nothing here is touched where no limit is set.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select, update

from database.upsert import insert_all_new
from digests.model import allowance
from digests.sending.limits import Allowance, Decision, Limits

# Long past for any rate; a day's cap may be asked for by a rehearsal of yesterday.
KEPT = timedelta(days=7)


class AllowanceTaken(RuntimeError):
    """Another process changed an allowance that was locked: never, unless the database locks nothing."""


class Allowances:
    """The table under some limits."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits

    def lock(self, connection: Connection, domains: Sequence[str], now: datetime) -> Mapping[str, Allowance]:
        """The allowances that such messages need, held until the transaction ends.

        To be called before anything else is locked: two workers that each wait for what the other holds
        would wait for ever.
        """
        keys = self.limits.keys(domains, now)
        found = _read(connection, keys, lock=True) if keys else {}
        while missing := keys - found.keys():
            # There must be a row to be locked; one that is far in the past allows all that none would.
            rows = [{"key": key, "at": _LONG_AGO, "used": 0} for key in sorted(missing)]
            insert_all_new(connection, allowance, rows, returning=allowance.c.key)
            found = _read(connection, keys, lock=True)
        return found

    def closed_until(self, connection: Connection, *, real: datetime, now: datetime) -> datetime | None:
        """When sending may go on, where a limit leaves nothing to do at ``now``; else None."""
        keys = self.limits.keys([], now)
        return self.limits.closed_until(_read(connection, keys) if keys else {}, real=real, now=now)

    def store(self, connection: Connection, before: Mapping[str, Allowance], decided: Decision) -> None:
        """Write what a decision came to: a compare-and-swap on what it was made from."""
        rows = [
            {
                "its_key": key,
                "new_at": new.at,
                "new_used": new.used,
                "old_at": before[key].at,
                "old_used": before[key].used,
            }
            for key, new in sorted(decided.allowances.items())
        ]
        if rows and connection.execute(_SWAP, rows).rowcount != len(rows):
            raise AllowanceTaken("an allowance changed while it was locked")

    def forget(self, connection: Connection, real: datetime) -> None:
        """Drop what holds nobody back any more: a domain that mail was sent to once, a day long over."""
        if self.limits.is_counted:
            connection.execute(delete(allowance).where(allowance.c.at < real - KEPT))


_LONG_AGO = datetime.fromisoformat("2000-01-01T00:00:00Z")

_SWAP = (
    update(allowance)
    .where(
        allowance.c.key == bindparam("its_key"),
        allowance.c.at == bindparam("old_at"),
        allowance.c.used == bindparam("old_used"),
    )
    .values(at=bindparam("new_at"), used=bindparam("new_used"))
)


def _read(connection: Connection, keys: Collection[str], *, lock: bool = False) -> dict[str, Allowance]:
    query = select(allowance).where(allowance.c.key.in_(keys)).order_by(allowance.c.key)
    found = connection.execute(query.with_for_update() if lock else query)
    return {row.key: Allowance(row.at, row.used) for row in found}
