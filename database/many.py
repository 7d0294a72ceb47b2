"""A statement for many rows, on the hot paths: compiled once, its values handed to the driver as they are."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Insert, Update
from sqlalchemy.engine import Compiled

Row = Mapping[str, Any]


class ManyRows:
    """An UPDATE or INSERT whose rows need no conversion but that done once for all of them.

    SQLAlchemy turns each value of each row into what the driver wants, which takes longer than the statement.
    Here the values that all rows share go through that once, the others (numbers and text) not at all.
    """

    def __init__(self, statement: Update | Insert) -> None:
        self._statement = statement
        self._compiled: dict[str, Compiled] = {}

    def run(self, connection: Connection, shared: Row, rows: Iterable[Row]) -> int:
        """Execute it for each row; how many rows it met. ``shared`` may hold datetimes, rows may not."""
        compiled = self._for(connection)
        converters = compiled._bind_processors  # type: ignore[attr-defined]  # noqa: SLF001 - no public way
        common = {
            name: converters[name](value) if name in converters else value
            for name, value in {**compiled.params, **shared}.items()
        }
        order = compiled.positiontup  # type: ignore[attr-defined] # of an SQL statement's compiler
        if order is None:
            named = [{**common, **row} for row in rows]
            return connection.exec_driver_sql(compiled.string, named).rowcount
        merged = ({**common, **row} for row in rows)
        placed = [tuple([one[name] for name in order]) for one in merged]
        return connection.exec_driver_sql(compiled.string, placed).rowcount

    def _for(self, connection: Connection) -> Compiled:
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = self._statement.compile(dialect=connection.dialect)
        return self._compiled[name]
