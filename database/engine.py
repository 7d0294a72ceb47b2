"""Opening the database, and the two ways to use it: a reader's snapshot and a writer's transaction."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, OperationalError

BUSY_SECONDS = 30
CONNECT_SECONDS = 10
# A process that was frozen inside a transaction must not hold its rows for ever.
IDLE_SECONDS = 120
# Compiling a statement (jit) takes longer than running any of ours.
_POSTGRES_OPTIONS = (
    f"-c timezone=utc -c jit=off -c lock_timeout={BUSY_SECONDS}s "
    f"-c idle_in_transaction_session_timeout={IDLE_SECONDS}s"
)


class DatabaseUnavailable(ConnectionError):
    """The database cannot be reached, is locked for too long, is full or broken, or its address is none.

    ``public`` is what may be told to whoever asks: it leaves out where the database stands.
    """

    public = "the database is gone, locked, full or broken: the log says which"


class Database:
    """An engine and the two ways to use it.

    ``read()`` gives a connection on one snapshot; ``write()`` one in a transaction that holds the
    write lock from its start (``BEGIN IMMEDIATE`` on SQLite), commits at the end of the block and rolls back
    when the block raises. Either raises ``DatabaseUnavailable`` when the database is gone, locked or full.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite (else it is PostgreSQL)."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A connection that sees one state of the database until the block ends."""
        options: dict[str, Any] = {"labelcast_writes": False}
        if not self.is_sqlite:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._transaction(options) as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection in a writing transaction, committed when the block ends."""
        with self._transaction({"labelcast_writes": True}) as connection:
            yield connection

    @contextmanager
    def migrate(self) -> Iterator[Connection]:
        """As ``write``, for changing tables: on SQLite foreign keys are looked at in the end only.

        SQLite changes a constraint by making the table anew; the old one must not take along the rows that
        refer to it.
        """
        if not self.is_sqlite:
            with self.write() as connection:
                yield connection
            return
        with self._transaction({"labelcast_writes": True, "labelcast_migrates": True}) as connection:
            driver: Any = connection.connection.dbapi_connection
            try:
                yield connection
                _require_no_orphans(connection)
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
            finally:
                driver.execute("PRAGMA foreign_keys = ON")

    @contextmanager
    def _transaction(self, options: dict[str, Any]) -> Iterator[Connection]:
        try:
            with self.engine.connect().execution_options(**options) as connection, connection.begin():
                yield connection
        except (OperationalError, InterfaceError) as error:
            raise DatabaseUnavailable(describe(error, self.engine.url)) from error
        except DatabaseError as error:
            # SQLite's word for a file that is damaged or no database, or the end of a connection that idled
            # too long (this process was frozen in a transaction); the other kinds are faults of ours.
            if type(error) is not DatabaseError and not error.connection_invalidated:
                raise
            raise DatabaseUnavailable(describe(error, self.engine.url)) from error

    def limit_cache(self, kibibytes: int) -> None:
        """Let a connection keep only so much of an SQLite file in this process' memory, not 64 MB."""
        if self.is_sqlite:
            event.listen(self.engine, "connect", lambda driver, _: _set_cache(driver, kibibytes))
            self.dispose()

    def dispose(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open the database at an SQLAlchemy URL: ``sqlite:///file`` or ``postgresql+psycopg://…``.

    No connection is made yet. Raises ``DatabaseUnavailable`` when the URL is none or names another kind.
    """
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        # It is not repeated: it may hold a password.
        said = "is no database address: write sqlite:///… or postgresql+psycopg://…"
        raise DatabaseUnavailable(f"database_url: {said}") from error
    if parsed.get_backend_name() == "sqlite":
        return Database(_sqlite(parsed))
    if parsed.drivername in {"postgresql", "postgres"}:
        parsed = parsed.set(drivername="postgresql+psycopg")
    if parsed.get_backend_name() != "postgresql":
        raise DatabaseUnavailable(
            f"database_url: {parsed.get_backend_name()} is not supported; use sqlite:///… or postgresql+psycopg://…"
        )
    try:
        return Database(_postgresql(parsed))
    except (NoSuchModuleError, ImportError) as error:
        raise DatabaseUnavailable(f"database_url: no driver for {parsed.drivername}") from error


def _sqlite(url: URL) -> Engine:
    # Readers' addresses are among what is stored: no error takes them into a log.
    engine = create_engine(
        url,
        module=sqlite_driver(),
        hide_parameters=True,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _postgresql(url: URL) -> Engine:
    return create_engine(
        url,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_SECONDS, "options": _POSTGRES_OPTIONS},
    )


def sqlite_driver() -> ModuleType:
    """The newest SQLite to be had: Python's own may be one that can corrupt a WAL when it is reset.

    A process that has a database open must open it with no other: each would take the other's locks away.
    """
    try:
        return import_module("pysqlite3")
    except ImportError:
        return import_module("sqlite3")


def _prepare_sqlite(dbapi_connection: Any, _record: object) -> None:
    # pysqlite's own implicit BEGIN comes too late to keep two writers apart; ours is sent by _begin_sqlite.
    dbapi_connection.isolation_level = None
    cursor = dbapi_connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()
    _set_cache(dbapi_connection, 65536)


def _set_cache(driver: Any, kibibytes: int) -> None:
    driver.execute(f"PRAGMA cache_size = -{kibibytes}")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get("labelcast_migrates", False):
        # Inside a transaction this would do nothing.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if options.get("labelcast_writes", True) else "BEGIN")


def _require_no_orphans(connection: Connection) -> None:
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if orphans:
        raise RuntimeError(f"the migration left rows that refer to nothing: {orphans[:3]}")


def describe(error: Exception, url: URL) -> str:
    """One line for a person: what the driver said, and of which database."""
    cause = getattr(error, "orig", None) or error
    said = " ".join(str(cause).split())
    return f"database {url.render_as_string(hide_password=True)}: {said}"
