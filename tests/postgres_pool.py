"""PostgreSQL databases that are used again: to make one and to drop it takes longer than most tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

# Of a table that has grown beyond this the files are made anew; from a smaller one, rows go.
_SMALL = 2 * 8192
# All that a test may have left in a database beside rows. What ANALYZE noted would change others' plans.
_SHAPE = """
SELECT md5(coalesce(string_agg(said, ';' ORDER BY said), '')) FROM (
  SELECT concat_ws(' ', 'relation', relname, relkind, relchecks, relhastriggers, reloptions, relacl) AS said
    FROM pg_class WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'column', attrelid::regclass, attnum, attname, atttypid::regtype, attnotnull)
    FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid
    WHERE relnamespace = 'public'::regnamespace AND attnum > 0
  UNION ALL
  SELECT concat_ws(' ', 'default', adrelid::regclass, adnum, pg_get_expr(adbin, adrelid)) FROM pg_attrdef
  UNION ALL
  SELECT concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid)) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'index', indexrelid::regclass, indisvalid, pg_get_indexdef(indexrelid))
    FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid WHERE relnamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'trigger', tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
  UNION ALL
  SELECT concat_ws(' ', 'routine', proname, md5(prosrc)) FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace
  UNION ALL
  SELECT concat_ws(' ', 'schema', nspname) FROM pg_namespace WHERE nspname !~ '^pg_'
  UNION ALL
  SELECT concat_ws(' ', 'analyzed', relname) FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND oid IN (SELECT starelid FROM pg_statistic)
) AS all_of_it"""
_OTHERS_LEAVE = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"""
_TABLES = """
SELECT relname, pg_relation_size(oid) FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0"""
_ROWS_AS_BEFORE = (
    "INSERT INTO {0} OVERRIDING SYSTEM VALUE SELECT * FROM jsonb_populate_recordset(NULL::{0}, %s)"
)
_COUNTERS = """
SELECT seqrelid::regclass::text, pg_sequence_last_value(seqrelid) FROM pg_sequence
WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"""


@dataclass(frozen=True, slots=True)
class _Contents:
    """What is in the template: how it is made, each table's rows, and how far each counter is."""

    shape: str
    rows: dict[str, list[Any]]
    counters: dict[str, int]


@dataclass
class PostgresPool:
    """Databases of a server that are as ``template``, a database's name, whenever they are lent."""

    server: str
    template: str
    _free: list[str] = field(default_factory=list)
    _made: list[str] = field(default_factory=list)
    _contents: _Contents | None = None

    @contextmanager
    def lent(self) -> Iterator[str]:
        """The name of a database; what was done in it is undone afterwards."""
        name = self._free.pop() if self._free else self._make()
        yield name
        if self._is_as_before(name):
            self._free.append(name)
        else:
            self._drop(name)

    def close(self) -> None:
        """Drop them all."""
        for name in list(self._made):
            self._drop(name)

    def _make(self) -> str:
        if self._contents is None:
            with psycopg.connect(f"{self.server}/{self.template}") as connection:
                self._contents = _read(connection)
        name = f"labelcast_{uuid4().hex}"
        self._command(f'CREATE DATABASE "{name}" TEMPLATE "{self.template}"')
        # Processes are killed in these tests, machines are not.
        self._command(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
        self._made.append(name)
        return name

    def _drop(self, name: str) -> None:
        self._command(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        self._made.remove(name)

    def _command(self, said: str) -> None:
        with psycopg.connect(f"{self.server}/postgres", autocommit=True) as connection:
            connection.execute(said.encode())

    def _is_as_before(self, name: str) -> bool:
        """Whether a database is as the template again, now that its rows are taken away."""
        assert self._contents is not None
        try:
            with psycopg.connect(f"{self.server}/{name}", options="-c lock_timeout=5s") as connection:
                connection.execute(_OTHERS_LEAVE)
                if connection.execute(_SHAPE).fetchone() != (self._contents.shape,):
                    return False
                _restore(connection, self._contents)
        except psycopg.Error:
            return False
        return True


def _read(connection: psycopg.Connection) -> _Contents:
    (shape,) = connection.execute(_SHAPE).fetchone() or ("",)
    rows = {
        table: [
            row
            for (row,) in connection.execute(SQL("SELECT to_jsonb(t) FROM {} AS t").format(Identifier(table)))
        ]
        for table, _ in connection.execute(_TABLES).fetchall()
    }
    return _Contents(shape, rows, dict(connection.execute(_COUNTERS).fetchall()))


def _restore(connection: psycopg.Connection, contents: _Contents) -> None:
    """Only what it had in the beginning is in it, and its counters are where they were."""
    connection.execute("SET session_replication_role = replica")
    grown = []
    for table, size in connection.execute(_TABLES).fetchall():
        if size > _SMALL:
            grown.append(Identifier(table))
        else:
            connection.execute(SQL("DELETE FROM {}").format(Identifier(table)))
    if grown:
        connection.execute(SQL("TRUNCATE {} CASCADE").format(SQL(", ").join(grown)))
    for table, rows in contents.rows.items():
        connection.execute(SQL(_ROWS_AS_BEFORE).format(Identifier(table)), [Jsonb(rows)])
    connection.execute(
        "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"
        " WHERE pg_sequence_last_value(seqrelid) IS NOT NULL"
    )
    for name, at in contents.counters.items():
        connection.execute("SELECT setval(%s::regclass, %s)", [name, at])
