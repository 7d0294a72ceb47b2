"""The ground floor: the engine, its column types, the one ``MetaData`` and the migrations."""

from database.engine import Database, DatabaseUnavailable, open_database
from database.many import ManyRows
from database.metadata import metadata
from database.migrate import SchemaOutdated, require_current, upgrade
from database.types import Identity, Json, UtcDateTime

__all__ = [
    "Database",
    "DatabaseUnavailable",
    "Identity",
    "Json",
    "ManyRows",
    "SchemaOutdated",
    "UtcDateTime",
    "metadata",
    "open_database",
    "require_current",
    "upgrade",
]
