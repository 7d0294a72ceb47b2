"""Bringing a database's tables to this version's: Alembic, driven from here."""

from collections.abc import Callable
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from database.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"


class SchemaOutdated(RuntimeError):
    """The database has no tables yet, or another version's."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def head() -> str:
    """The newest migration's name."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise SchemaOutdated(f"no migrations in {MIGRATIONS}: install labelcast again")
    return found


def current(connection: Connection) -> str | None:
    """The migration this database stands at; None when it has no tables."""
    return MigrationContext.configure(connection).get_current_revision()


def upgrade(database: Database, *, then: Callable[[Connection], None] | None = None) -> bool:
    """Run the migrations that this database lacks, in one transaction; tell whether there were any.

    ``then`` ends that transaction: with it the rooms above fill new tables for what is stored already.

    Raises ``SchemaOutdated`` when a newer version of Labelcast has been at work in it.
    """
    with database.migrate() as connection:
        before = current(connection)
        if before == head():
            return False
        _require_known(before)
        command.upgrade(_config(connection), "head")
        if then is not None:
            then(connection)
    return True


def _require_known(found: str | None) -> None:
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaOutdated(
            f"the database is at migration {found}, which a newer Labelcast made: run that, or a newer one"
        )


def require_current(database: Database) -> None:
    """Raise ``SchemaOutdated``, saying what to do, unless the tables are this version's."""
    with database.read() as connection:
        found = current(connection)
    if found is None:
        raise SchemaOutdated("the database has no tables yet: run `labelcast init`")
    if found != head():
        _require_known(found)
        raise SchemaOutdated(f"the database is at migration {found}, not {head()}: run `labelcast init`")
