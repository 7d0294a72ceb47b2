"""Column types that mean the same on SQLite and on PostgreSQL."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator, TypeEngine

# A row's number: 64 bits on PostgreSQL; on SQLite only INTEGER is an alias of the rowid.
Identity = BigInteger().with_variant(Integer, "sqlite")


class _Json(TypeDecorator[Any]):
    """A JSON document: comparable and indexable on PostgreSQL, text on SQLite."""

    impl = JSON
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """``jsonb`` on PostgreSQL."""
        if dialect.name != "postgresql":
            return dialect.type_descriptor(JSON())
        from sqlalchemy.dialects.postgresql import JSONB  # noqa: PLC0415 # not where SQLite is the database

        return dialect.type_descriptor(JSONB())


Json = _Json()


@lru_cache(maxsize=4096)
def _as_text(value: datetime) -> str:
    """The text of an instant; remembered, since the rows of one statement mostly share theirs."""
    return value.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


class UtcDateTime(TypeDecorator[datetime]):
    """An instant in UTC, to the microsecond; a datetime without a zone is refused.

    ``timestamptz`` on PostgreSQL; on SQLite text of one width (``2026-11-23T05:54:00.000000Z``),
    which sorts as the instants do.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Text of 27 characters on SQLite, ``timestamptz`` elsewhere."""
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(27))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Turn an aware datetime into what is stored; raise ``ValueError`` on a naive one."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a datetime without a timezone cannot be stored: {value!r}")
        if dialect.name == "sqlite":
            return _as_text(value)
        return value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Turn what is stored into an aware datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value)
        stored: datetime = value
        return stored.astimezone(UTC)
