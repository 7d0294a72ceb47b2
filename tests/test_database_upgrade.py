"""A filled database of the version before is brought to this one: nothing is lost, all holds that held."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, MetaData, Table, select
from sqlalchemy.exc import IntegrityError

from database import Database, open_database, upgrade
from database.migrate import MIGRATIONS, current
from posts.attached import first_picture
from posts.blog import get_blog
from posts.intake import store_posts
from posts.model import PostState, SourcePost, post
from posts.sanitize import source_hash
from posts.store import is_deleted_label, labels, list_posts
from posts.withdrawals import Withdrawn, withdrawn

# An index that SQLAlchemy knows by its words only.
pytestmark = pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")

T = "2026-03-01T12:00:00.000000Z"
CHANGED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
NOW = CHANGED + timedelta(days=1)
PICTURE = "https://x.example/2.png?a=1&b=2"
HTML = (
    '<p>a &amp; b <img width="1" src="https://x.example/1.gif" alt="">'
    '<img alt="&lt;" src="https://x.example/2.png?a=1&amp;b=2"></p>'
)
# What a source said of the first post when the version before stored it.
SAID = SourcePost(
    uri="tag:x,2026:1",
    url="https://x.example/1",
    title="One",
    html=HTML,
    published=CHANGED,
    updated=None,
    labels=("MEK", "iran"),
    authors=("Ann",),
)
# Number, state, was_withdrawn, HTML.
POSTS = (
    (1, "live", "false", HTML),
    (2, "deleted", "true", "<p>Gone.</p>"),
    (3, "draft", "true", '<img src="https://x.example/3.png">'),
    (4, "scheduled", "false", '<img src="data:image/png;base64,AAAA">'),
    (5, "deleted", "false", "<p>Never shown.</p>"),
    (6, "live", "true", "<p>Back again.</p>"),
)
# By post and label; the posts that are live.
TIES = ((1, 1), (1, 2), (2, 1), (3, 1), (4, 2), (6, 1))
LIVE = {1, 6}


def filling(blob: str) -> Iterator[str]:
    """A row or more for each table of the version before, without a word of this one's code."""
    yield f"blog VALUES (1, '5b1f6c4e-3a0c-5d0e-9c55-0d6f3f1e8a27', 'urn:uuid:all', 41, '{T}', '{T}')"
    for number, state, was_withdrawn, html in POSTS:
        yield (
            "post (id, uri, url, title, html, authors, published, updated, first_stored, visible_at, state,"
            f" was_withdrawn, source_hash, revision, notes) VALUES ({number}, 'tag:x,2026:{number}',"
            f" 'https://x.example/{number}', 'One', '{html}', '[\"Ann\"]', '{T}', '{T}', '{T}', '{T}',"
            f" '{state}', {was_withdrawn}, '{source_hash(SAID)}', 7, '[]')"
        )
    for number, name in ((1, "MEK"), (2, "iran")):
        yield (
            f"label VALUES ({number}, '{name}', lower('{name}'), lower('{name}'), 'urn:{name}', false, true,"
            f" 9, '{T}')"
        )
    yield "label_alias VALUES ('old', 'old', 1), ('gone', 'gone', NULL)"
    for post_id, label_id in TIES:
        name, live = ("MEK", "iran")[label_id - 1], str(post_id in LIVE).lower()
        yield f"post_label VALUES ({post_id}, {label_id}, '{name}', {live}, '{T}')"
    yield f"fetched VALUES ('https://x.example/', '\"1\"', NULL, '{T}')"
    yield f"feed VALUES ('own', 'urn:uuid:own', 'MEK or iran', 'Own', NULL, 5, '{T}')"
    yield f"fragment VALUES (1, 'atom-1', 7, {blob}), (6, 'atom-1', 7, {blob})"
    yield (
        "digest VALUES (1, 'news', 'News', 'all', 'digest', 'en', 'weekly', '[\"weekly\"]', 480, 0, 1, 'UTC',"
        f" 9, 9, '{T}')"
    )
    yield f"subscriber VALUES (1, 'a@x.example', 'a@x.example', 'confirmed', 'en', '{T}', '{T}')"
    yield f"suppression VALUES ('00', 'bounced', '{T}')"
    yield f"consent VALUES (1, 1, 1, '{T}', 'page', 'Yes')"
    yield f"edition VALUES (1, 1, '{T}', '{T}', '', 'en', 'digest', false, '{T}', {blob}, '{T}')"
    yield (
        "subscription VALUES (1, 1, 1, 'active', '[]', NULL, NULL, NULL, NULL, NULL,"
        f" '{T}', '{T}', '{T}', NULL)"
    )
    yield (f"delivery VALUES (1, 1, 1, 1, 'sent', 1, 0, '<1@x>', '{T}', NULL, NULL, '250 ok', '{T}', '{T}')")
    yield "edition_post VALUES (1, 0, 1), (1, 1, 2)"


@pytest.fixture
def former(database_url: str) -> Iterator[Database]:
    """A filled database of the version before, once of each kind."""
    with filled(database_url) as database:
        yield database


@pytest.fixture
def sqlite_former(sqlite_url: str) -> Iterator[Database]:
    """As ``former``, on SQLite only."""
    with filled(sqlite_url) as database:
        yield database


@contextmanager
def filled(url: str) -> Iterator[Database]:
    """A database brought to the version before, and filled."""
    database = open_database(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.migrate() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        for row in filling("X'3C61'" if database.is_sqlite else "'\\x3C61'"):
            connection.exec_driver_sql(f"INSERT INTO {row}")
        if not database.is_sqlite:
            for table in ("post", "label"):
                connection.exec_driver_sql(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), 100)")
    yield database
    database.dispose()


def tables(connection: Connection) -> dict[str, Table]:
    """The tables as they stand in the database."""
    found = MetaData()
    found.reflect(connection)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def content(connection: Connection, known: dict[str, Table]) -> dict[str, list[Any]]:
    """Every row of these tables, in the columns they have there."""
    return {
        name: list(connection.execute(select(table).order_by(*table.primary_key.columns)))
        for name, table in known.items()
    }


def test_every_row_is_still_there_as_it_was(former: Database) -> None:
    with former.read() as connection:
        known = tables(connection)
        before = content(connection, known)
    assert all(before.values()), "a table that is empty proves nothing"
    assert upgrade(former)
    with former.read() as connection:
        after = content(connection, known)
    for name, rows in before.items():
        assert after[name] == rows, name
    assert not upgrade(former)


def test_what_is_new_of_a_post_says_what_is_known(former: Database) -> None:
    upgrade(former)
    query = select(
        post.c.enclosures,
        post.c.picture,
        post.c.language,
        post.c.withdrawn_at,
        post.c.edited_at,
        post.c.changed_in,
    ).order_by(post.c.id)
    nothing: tuple[Any, ...] = ([], None, None, None, None, 0)
    with former.read() as connection:
        assert [tuple(row) for row in connection.execute(query)] == [
            ([], PICTURE, None, None, None, 0),
            ([], None, None, CHANGED, None, 0),
            ([], "https://x.example/3.png", None, CHANGED, None, 0),
            nothing,
            nothing,
            nothing,
        ]
        assert withdrawn(connection, label_id=1, since=None, limit=9) == [
            Withdrawn("tag:x,2026:3", CHANGED),
            Withdrawn("tag:x,2026:2", CHANGED),
        ]
        assert get_blog(connection).public_revision == get_blog(connection).revision
        assert is_deleted_label(connection, "gone")
        for one in list_posts(connection):
            assert one.picture == first_picture(one.html)
        assert [(one.name, one.posts, one.revision) for one in labels(connection)] == [
            ("iran", 1, 9),
            ("MEK", 2, 9),
        ]


def everything(database: Database) -> dict[str, list[Any]]:
    """All rows of all tables."""
    with database.read() as connection:
        return content(connection, tables(connection))


def test_the_same_source_again_changes_nothing(former: Database) -> None:
    upgrade(former)
    before = everything(former)
    assert store_posts(former, [SAID], now=NOW).unchanged == 1
    assert everything(former) == before


def test_a_source_read_again_changes_no_revision_where_nothing_differs_for_readers(former: Database) -> None:
    upgrade(former)
    before = everything(former)
    told = replace(SAID, picture=PICTURE)
    assert source_hash(told) != source_hash(SAID)
    assert store_posts(former, [told], now=NOW).unchanged == 1
    after = everything(former)
    assert [row.source_hash for row in after["post"][:1]] == [source_hash(told)]
    rest = {name: rows for name, rows in before.items() if name != "post"}
    assert {name: rows for name, rows in after.items() if name != "post"} == rest
    assert [row.revision for row in after["post"]] == [7] * len(POSTS)


def test_a_source_that_told_more_all_along_changes_its_posts_once(former: Database) -> None:
    upgrade(former)
    told = replace(SAID, language="en")
    assert store_posts(former, [told], now=NOW).updated == 1
    with former.read() as connection:
        (one,) = (found for found in list_posts(connection) if found.uri == SAID.uri)
        assert (one.language, one.revision, one.updated) == ("en", 8, CHANGED)
        changed_in = select(post.c.changed_in).order_by(post.c.id)
        assert list(connection.execute(changed_in).scalars()) == [42, 0, 0, 0, 0, 0]
    assert store_posts(former, [told], now=NOW).unchanged == 1


@pytest.mark.parametrize(
    "refused",
    [
        "UPDATE post SET state = 'lost' WHERE id = 1",
        "UPDATE post SET uri = 'tag:x,2026:2' WHERE id = 1",
        "UPDATE post SET title = NULL WHERE id = 1",
        f"INSERT INTO post_label VALUES (99, 1, 'MEK', true, '{T}')",
        "INSERT INTO fragment VALUES (99, 'atom-1', 1, '')",
        "INSERT INTO post_author VALUES (1, 99, true, '2026-03-01T12:00:00.000000Z')",
    ],
)
def test_the_constraints_are_in_force_on_the_connections_that_there_are(
    former: Database, refused: str
) -> None:
    upgrade(former)
    with pytest.raises(IntegrityError), former.write() as connection:
        connection.exec_driver_sql(refused)
    with former.write() as connection:
        connection.exec_driver_sql("UPDATE post SET state = 'private' WHERE id = 1")


def test_a_post_takes_along_what_refers_to_it(former: Database) -> None:
    upgrade(former)
    with former.write() as connection:
        connection.exec_driver_sql("DELETE FROM edition_post WHERE post_id = 1")
        connection.exec_driver_sql("DELETE FROM post WHERE id = 1")
    after = everything(former)
    assert [row.post_id for row in after["fragment"]] == [6]
    assert [(row.post_id, row.label_id) for row in after["post_label"]] == [
        tie for tie in TIES if tie[0] != 1
    ]


def test_a_new_post_gets_a_number_of_its_own(former: Database) -> None:
    upgrade(former)
    new = replace(SAID, uri="tag:x,2026:7", state=PostState.LIVE)
    assert store_posts(former, [new], now=NOW).new == 1
    with former.read() as connection:
        assert len({one.id for one in list_posts(connection)}) == len(POSTS) + 1


def foreign_keys(database: Database) -> list[int]:
    """Whether SQLite looks at foreign keys, on each connection of the pool."""
    with database.read() as one, database.read() as other:
        return [each.exec_driver_sql("PRAGMA foreign_keys").scalar_one() for each in (one, other)]


def test_on_sqlite_foreign_keys_are_looked_at_again_afterwards(sqlite_former: Database) -> None:
    assert foreign_keys(sqlite_former) == [1, 1]
    upgrade(sqlite_former)
    assert foreign_keys(sqlite_former) == [1, 1]


def test_on_sqlite_a_database_with_orphans_stays_as_it_was(sqlite_former: Database) -> None:
    with closing(sqlite_former.engine.raw_connection()) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.execute(f"INSERT INTO post_label VALUES (99, 1, 'MEK', true, '{T}')")
        raw.execute("PRAGMA foreign_keys = ON")
    before = everything(sqlite_former)
    with pytest.raises(RuntimeError, match="rows that refer to nothing"):
        upgrade(sqlite_former)
    assert everything(sqlite_former) == before
    assert foreign_keys(sqlite_former) == [1, 1]
    with sqlite_former.read() as connection:
        assert current(connection) == "0001"
