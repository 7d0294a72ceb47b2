"""Inserting rows unless they are there, in one statement that two writers cannot both win."""

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Column, Connection, Select, Table
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.dml import ReturningInsert

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql


def insert_new(
    connection: Connection, table: Table, values: Mapping[str, Any], *, returning: Column[Any]
) -> Any | None:
    """Insert a row; the value of the column ``returning``, or None when one with its unique key is there."""
    statement = _statement(connection.dialect.name, table, returning)
    return connection.execute(statement, dict(values)).scalar_one_or_none()


def insert_all_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, returning: Column[Any]
) -> int:
    """Insert those of the rows whose unique keys are not there yet; tell how many that were."""
    return len(insert_which_new(connection, table, rows, returning=returning))


def insert_which_new(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], *, returning: Column[Any]
) -> list[Any]:
    """As ``insert_all_new``; the value of the column ``returning`` of each that was new."""
    statement = _statement(connection.dialect.name, table, returning)
    return list(connection.execute(statement, list(rows)).scalars())


def insert_found(connection: Connection, table: Table, columns: Iterable[str], found: Select[Any]) -> int:
    """Insert the rows that a SELECT finds unless their unique keys are there; tell how many were new.

    They never leave the database. There has to be a WHERE in it: SQLite would take the conflict clause for a
    part of a join otherwise.
    """
    statement = _insert(connection.dialect.name, table).from_select(list(columns), found)
    counted = {"preserve_rowcount": True}
    return connection.execute(statement.on_conflict_do_nothing(), execution_options=counted).rowcount


@cache
def _statement(dialect_name: str, table: Table, returning: Column[Any]) -> ReturningInsert[Any]:
    """Made once for each table: making it takes longer than running it, and lists have many readers."""
    return _insert(dialect_name, table).on_conflict_do_nothing().returning(returning)


def _insert(dialect_name: str, table: Table) -> "sqlite.Insert | postgresql.Insert":
    if dialect_name == "sqlite":
        return sqlite.insert(table)
    from sqlalchemy.dialects import postgresql  # noqa: PLC0415 # not imported where SQLite is the database

    return postgresql.insert(table)
