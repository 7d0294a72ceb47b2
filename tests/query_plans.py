"""Watching SQLite as an application asks it: which statements go through a large table from end to end."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event, text

from database import Database

# So many steps of SQLite's machine are counted at once.
STEPS = 50
# Who looks at every row takes so many for each, at least: to see something of it, to decide, to go on.
STEPS_A_ROW = 3

# An automatic index is made of all rows, and thrown away.
_SCAN = re.compile(
    r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+)| VIRTUAL TABLE INDEX 0:)?(?: LEFT-JOIN)?$"
    r"|SEARCH (\w+) USING AUTOMATIC "
)
_PARTIAL = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql LIKE '% WHERE %'"


@dataclass(frozen=True, slots=True)
class Scan:
    """A statement that goes through a table, and what SQLite says of it; ``sorts``: then it sorts that."""

    table: str
    plan: str
    statement: str
    sorts: bool


@dataclass(slots=True)
class _Asked:
    """What a statement scans that is under way, and the steps that it took so far."""

    scans: tuple[Scan, ...]
    steps: int = 0


@dataclass(slots=True)
class Watch:
    """What was asked since, and of that what scans.

    ``rows`` are how many the large tables have, by their names; ``partial`` the indexes that hold only some
    rows of theirs, which may be gone through: there are few of them by what they are of.
    """

    rows: Mapping[str, int]
    partial: Collection[str]
    scans: list[Scan] = field(default_factory=list)
    _asked: dict[int, _Asked] = field(default_factory=dict)

    def take(self) -> list[Scan]:
        """The scans since this was last asked."""
        for key in list(self._asked):
            self._end(key)
        found, self.scans = self.scans, []
        return found

    def connected(self, driver: Any, _record: object) -> None:
        """Count the steps of a connection."""
        driver.set_progress_handler(lambda: self._step(id(driver)), STEPS)

    def asked(
        self, connection: Any, cursor: Any, statement: str, values: Any, _context: Any, many: bool
    ) -> None:
        """Look at the plan of a statement that is about to run."""
        key = id(connection.connection.dbapi_connection)
        self._end(key)
        if many or not statement.lstrip().startswith(("SELECT", "WITH")):
            return
        cursor.execute("EXPLAIN QUERY PLAN " + statement, values)
        self._asked[key] = _Asked(tuple(self._scanned(statement, [row[-1] for row in cursor.fetchall()])))

    def _scanned(self, statement: str, lines: list[str]) -> Iterator[Scan]:
        names = dict.fromkeys(self.rows, "") | {
            alias: table
            for table, alias in re.findall(r"\b(\w+) AS \"?(\w+)", statement)
            if table in self.rows
        }
        for line in lines:
            found = _SCAN.match(line)
            name = str(found[1] or found[3]) if found else ""
            if found is not None and name in names and found[2] not in self.partial:
                sorts = any("TEMP B-TREE" in one for one in lines)
                yield Scan(names[name] or name, line, " ".join(statement.split()), sorts)

    def _step(self, key: int) -> int:
        if key in self._asked:
            self._asked[key].steps += STEPS
        return 0

    def _end(self, key: int) -> None:
        asked = self._asked.pop(key, None)
        for scan in asked.scans if asked else ():
            # In the order of an index, and told how many to bring, it ends early: it did, or it must.
            is_short = asked is not None and asked.steps < STEPS_A_ROW * self.rows[scan.table]
            takes_all = "WHERE" not in scan.statement and not scan.sorts
            if "LIMIT" not in scan.statement or not (is_short or takes_all):
                self.scans.append(scan)


@contextmanager
def watched(database: Database, large: frozenset[str]) -> Iterator[Watch]:
    """Watch a database; ``large`` are the tables that nobody may go through."""
    with database.read() as connection:
        rows = {
            table: int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())
            for table in large
        }
        partial = frozenset(connection.execute(text(_PARTIAL)).scalars())
    watch = Watch(rows, partial)
    database.dispose()
    event.listen(database.engine, "connect", watch.connected)
    event.listen(database.engine, "before_cursor_execute", watch.asked)
    try:
        yield watch
    finally:
        event.remove(database.engine, "connect", watch.connected)
        event.remove(database.engine, "before_cursor_execute", watch.asked)
        database.dispose()
