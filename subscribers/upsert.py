"""Inserting a row unless it is there, in one statement that two writers cannot both win."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_new(
    connection: Connection, table: Table, values: Mapping[str, Any], *, returning: ColumnElement[Any]
) -> Any | None:
    """Insert a row; the value of the column ``returning``, or None when one with its unique key is there."""
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(values).on_conflict_do_nothing().returning(returning)
    return connection.execute(statement).scalar_one_or_none()
