"""The migrations make what the tables in the code say."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine.interfaces import ReflectedIndex

from database import Database, SchemaOutdated, metadata, open_database, require_current, upgrade
from database.migrate import MIGRATIONS, current, head, known

# SQLAlchemy knows them by their words only: ``FINDING`` of subscribers.model, ``URL_INDEX`` of posts.model.
_IN_WORDS = {"ix_subscriber_domain", "ix_subscriber_prefix", "ix_post_url"}


def _index(found: ReflectedIndex) -> str:
    """An index in words; the condition of a partial one is told as an object."""
    options = {name: str(value) for name, value in found.get("dialect_options", {}).items()}
    return str({**found, "dialect_options": options})


def _index_orders(connection: Connection) -> set[str]:
    """What SQLite keeps of each index, for what it tells of them leaves out which way they go."""
    if connection.dialect.name != "sqlite":
        return set()
    kept = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    )
    return {" ".join(row[0].split()) for row in kept}


def _shape(connection: Connection) -> dict[str, object]:
    """All that the database tells of its tables, in an order of its own."""
    seen = inspect(connection)
    return {"indexes": _index_orders(connection)} | {
        table: {
            "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in seen.get_columns(table)),
            "key": seen.get_pk_constraint(table),
            "foreign": sorted(map(str, seen.get_foreign_keys(table))),
            "unique": sorted(map(str, seen.get_unique_constraints(table))),
            "check": sorted(map(str, seen.get_check_constraints(table))),
            "indexes": sorted(map(_index, seen.get_indexes(table))),
        }
        for table in sorted(seen.get_table_names())
        # The full-text index is each database's own (migration 0002) and no table of the metadata.
        if table != "alembic_version" and not table.startswith("post_search")
    }


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_a_migrated_database_equals_a_fresh_one(database_url: str) -> None:
    database = open_database(database_url)
    with database.write() as connection:
        metadata.create_all(connection)
        fresh = _shape(connection)
        metadata.drop_all(connection)
    upgrade(database)
    with database.write() as connection:
        assert _shape(connection) == fresh
        options = {
            "include_name": lambda name, *_: not str(name).startswith("post_search") and name not in _IN_WORDS
        }
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
    database.dispose()


def test_migrating_twice_changes_nothing(database: Database) -> None:
    assert upgrade(database) is False


def test_migrations_are_known_without_alembic_as_it_knows_them(database: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    assert known() == [script.revision for script in scripts.walk_revisions()][::-1]
    assert head() == scripts.get_current_head()
    with database.read() as connection:
        assert current(connection) == MigrationContext.configure(connection).get_current_revision()


def test_a_database_without_tables_is_told_to_run_init(database_url: str) -> None:
    database = open_database(database_url)
    with pytest.raises(SchemaOutdated, match="run `labelcast init`"):
        require_current(database)
    upgrade(database)
    require_current(database)
    database.dispose()


def test_a_database_of_a_newer_version_is_left_alone(database: Database) -> None:
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    for step in (require_current, upgrade):
        with pytest.raises(SchemaOutdated, match="9999, which a newer Labelcast made") as refused:
            step(database)
        assert "\n" not in str(refused.value)
