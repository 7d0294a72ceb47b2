"""How large a made-up publication is, what its labels are called, and how its tables are filled at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Table, text

from benchmarks.blog import label_name

__all__ = ["DAY", "NOW", "Size", "fill", "go_on_numbering", "slug_of"]


NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of everything."""

    posts: int = 100_000
    labels: int = 10_000
    readers: int = 1_000_000
    deliveries: int = 3_000_000
    editions: int = 600
    digests: int = 20
    feeds: int = 1_000

    def times(self, part: float) -> "Size":
        """The same publication, smaller."""
        return Size(
            int(self.posts * part),
            int(self.labels * part),
            int(self.readers * part),
            int(self.deliveries * part),
            max(60, int(self.editions * part)),
            self.digests,
            max(40, int(self.feeds * part)),
        )


def slug_of(number: int) -> str:
    """The slug of a label by its number, from 0, the most used first."""
    return label_name(number).lower().replace(" ", "-")


def fill(
    connection: Connection, table: Table, names: Sequence[str], rows: Iterable[tuple[object, ...]]
) -> None:
    """Write rows as fast as the database takes them."""
    columns = [table.c[name] for name in names]
    turn = [
        column.type.dialect_impl(connection.dialect).bind_processor(connection.dialect) for column in columns
    ]
    written = (
        tuple(value if how is None else how(value) for how, value in zip(turn, row, strict=True))
        for row in rows
    )
    driver: Any = connection.connection.dbapi_connection
    if driver is None:
        raise SystemExit("the connection is gone")
    cursor, listed = driver.cursor(), ", ".join(names)
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        cursor.executemany(f"INSERT INTO {table.name} ({listed}) VALUES ({marks})", written)
        return
    with cursor.copy(f"COPY {table.name} ({listed}) FROM STDIN") as copy:
        for row in written:
            copy.write_row(row)
    if "id" in names:
        go_on_numbering(connection, table)


def go_on_numbering(connection: Connection, table: Table) -> None:
    """Let PostgreSQL number new rows behind those that were written with their numbers."""
    if connection.dialect.name != "sqlite":
        query = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}"
        connection.execute(text(query))
