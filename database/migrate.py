"""Bringing a database's tables to this version's: Alembic, driven from here."""

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

from database.engine import Database

MIGRATIONS = Path(__file__).parent / "migrations"
# Where Alembic writes down which migration a database stands at.
_STANDS_AT = table("alembic_version", column("version_num"))


class SchemaOutdated(RuntimeError):
    """The database has no tables yet, or another version's."""


def known() -> list[str]:
    """Every migration's name, in their order: the number that its file's name begins with."""
    return sorted(file.name.partition("_")[0] for file in MIGRATIONS.glob("versions/[0-9]*.py"))


def head() -> str:
    """The newest migration's name."""
    found = known()
    if not found:
        raise SchemaOutdated(f"no migrations in {MIGRATIONS}: install labelcast again")
    return found[-1]


def current(connection: Connection) -> str | None:
    """The migration this database stands at; None when it has no tables."""
    if not inspect(connection).has_table(_STANDS_AT.name):
        return None
    found: str | None = connection.execute(select(_STANDS_AT.c.version_num)).scalar_one_or_none()
    return found


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
        _run(connection)
        if then is not None:
            then(connection)
    return True


def _run(connection: Connection) -> None:
    # Alembic takes longer to import than all of SQLAlchemy, and every command asks how the database stands.
    from alembic import command  # noqa: PLC0415 # why: above
    from alembic.config import Config  # noqa: PLC0415 # the same

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _require_known(found: str | None) -> None:
    if found is not None and found not in known():
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
