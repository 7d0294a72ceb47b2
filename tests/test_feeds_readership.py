"""Counts of readers: distinct clients a day, what aggregators report, and nobody tracked."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from database import Database, DatabaseUnavailable, metadata, open_database
from feeds.agents import MAX_READERS, Report, read_report
from feeds.model import feed_poll, feed_readers, feed_report, poll_salt
from feeds.readership import EVERY, KEPT, MAX_AGENTS, Readers, Readership, readers

NOW = datetime(2026, 11, 23, 14, tzinfo=UTC)
DAY = timedelta(days=1)
FEED, OTHER = "urn:uuid:a", "urn:uuid:b"
NEWSBOAT = "newsboat/2.21.0 (Linux x86_64; https://newsboat.org/)"
FEEDLY = "Feedly/1.0 (+http://www.feedly.com/fetcher.html; {} subscribers; like FeedFetcher-Google)"


def counted(database: Database, now: datetime = NOW) -> dict[str, Readers]:
    with database.read() as connection:
        return readers(connection, now=now)


def rows(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(metadata.tables[table])).scalar_one()


# What a User-Agent says.


@pytest.mark.parametrize(
    ("user_agent", "said"),
    [
        (FEEDLY.format(462), Report("Feedly", 462)),
        ("Feedly/1.0 (+https://feedly.com/poller.html; 16 subscribers; )", Report("Feedly", 16)),
        ("Feedbin feed-id:1697787 - 102 subscribers", Report("Feedbin", 102, "1697787")),
        ("Feedbin feed-id:12345 - 1 subscriber", Report("Feedbin", 1, "12345")),
        (
            'NewsBlur Feed Fetcher - 27 subscribers - https://www.newsblur.com/x ("Mozilla/5.0 (Mac)")',
            Report("NewsBlur Feed Fetcher", 27),
        ),
        ("Mozilla/5.0 (compatible; inoreader.com; 114 subscribers)", Report("inoreader.com", 114)),
        (
            "Mozilla/5.0 (compatible; theoldreader.com; 1 subscribers; feed-id=cead6c3a837650eeefd8fe4a)",
            Report("theoldreader.com", 1, "cead6c3a837650eeefd8fe4a"),
        ),
        (
            "Mozilla/5.0 (compatible; BazQux/2.4; +https://bazqux.com/fetcher; 6 subscribers)",
            Report("BazQux", 6),
        ),
        ("Bloglovin/1.0 (http://www.bloglovin.com; 5 subscribers)", Report("Bloglovin", 5)),
        (
            "Overcast/1.0 Podcast Sync (1190 subscribers; feed-id=554901; +http://overcast.fm/)",
            Report("Overcast", 1190, "554901"),
        ),
        (
            "Feedfetcher-Google; (+http://www.google.com/feedfetcher.html; 4 subscribers; feed-id=9)",
            Report("Feedfetcher-Google", 4, "9"),
        ),
        (
            "Dreamwidth Studios (webmaster@dreamwidth.org; for https://www.dreamwidth.org/x/; 2 readers)",
            Report("Dreamwidth Studios", 2),
        ),
        (
            "PlainFeeder v0.0.1 (+http://plainfeeder.com/about ; Subscriber Count: 12)",
            Report("PlainFeeder", 12),
        ),
        ("Feedly/1.0 (0 subscribers)", Report("Feedly", 0)),
        ("Liar/1.0 (999999999999 subscribers)", Report("Liar", MAX_READERS)),
    ],
)
def test_an_aggregator_says_how_many_it_polls_for(user_agent: str, said: Report) -> None:
    assert read_report(user_agent) == said


@pytest.mark.parametrize(
    "user_agent",
    [
        "",
        NEWSBOAT,
        "NetNewsWire (RSS Reader; https://netnewswire.com/)",
        "Mozilla/5.0 (compatible; Miniflux/2.2.3; +https://miniflux.app)",
        "FreshRSS/1.20 (Linux; https://freshrss.org)",
        "Unread RSS Reader - https://www.goldenhillsoftware.com/unread/",
        "Reader/2.0 readers",
        "Feedreader 3.14 (Powered by Newsbrain)",
        "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "12 subscribers",
        "http://example.org/5 subscribers",
    ],
)
def test_a_persons_own_reader_says_nothing(user_agent: str) -> None:
    assert read_report(user_agent) is None


@given(st.text(max_size=200), st.integers(0, MAX_READERS), st.text(max_size=200))
def test_whatever_stands_there_is_read(before: str, count: int, after: str) -> None:
    report = read_report(f"{before} {count} subscribers {after}")
    if report is not None:
        assert 0 <= report.readers <= MAX_READERS
        assert not re.search(r"\d", report.agent)
        assert 0 < len(report.agent) <= 40


# Clients.


def test_a_client_counts_once_a_day_and_feed(database: Database) -> None:
    readership = Readership(database)
    for minute in range(3):
        now = NOW + timedelta(minutes=minute)
        for address in ("192.0.2.1", "192.0.2.2"):
            readership.note(FEED, address, NEWSBOAT, now)
        readership.note(OTHER, "192.0.2.1", NEWSBOAT, now)
        readership.flush(now)
    readership.note(FEED, "192.0.2.1", "Miniflux", NOW)
    readership.flush(NOW)
    assert counted(database) == {FEED: Readers(3, 0), OTHER: Readers(1, 0)}


def test_processes_count_together(database: Database) -> None:
    first, second = Readership(database), Readership(database)
    for readership in (first, second):
        readership.note(FEED, "192.0.2.1", NEWSBOAT, NOW)
    second.note(FEED, "192.0.2.2", NEWSBOAT, NOW)
    first.flush(NOW)
    second.flush(NOW)
    assert counted(database) == {FEED: Readers(2, 0)}
    assert rows(database, "poll_salt") == 1


def test_processes_that_flush_at_once_lose_nothing(database: Database) -> None:
    processes = [Readership(database) for _ in range(4)]
    for number, readership in enumerate(processes):
        for client in range(20):
            # Half of the clients are the process's own, half have asked all of them.
            whose = number if client % 2 else "all"
            for feed_uri in (FEED, OTHER):
                readership.note(feed_uri, f"{whose} {client}", NEWSBOAT, NOW)
                readership.note(feed_uri, "", f"Aggregator {whose} 5 subscribers".replace("0", "o"), NOW)
    with ThreadPoolExecutor(max_workers=4) as pool:
        list(pool.map(lambda one: one.flush(NOW), processes))
    assert {uri: found.clients for uri, found in counted(database).items()} == dict.fromkeys(
        (FEED, OTHER), 4 * 10 + 10
    )


def test_an_ipv6_network_is_one_client(database: Database) -> None:
    readership = Readership(database)
    for address in (
        "2001:db8:1:2::1",
        "2001:db8:1:2:ffff::9",
        "2001:db8:1:3::1",
        "fe80::1%eth0",
        "nonsense",
        "",
    ):
        readership.note(FEED, address, NEWSBOAT, NOW)
    readership.flush(NOW)
    assert counted(database)[FEED].clients == 5


def test_an_ipv4_address_is_the_same_through_an_ipv6_socket(sqlite_database: Database) -> None:
    readership = Readership(sqlite_database)
    for address in ("192.0.2.1", "::ffff:192.0.2.1", "::ffff:192.0.2.2"):
        readership.note(FEED, address, NEWSBOAT, NOW)
    readership.flush(NOW)
    assert counted(sqlite_database)[FEED].clients == 2


def test_a_day_is_counted_to_its_end_and_shown_the_next(database: Database) -> None:
    readership = Readership(database)
    for client in range(5):
        readership.note(FEED, f"192.0.2.{client}", NEWSBOAT, NOW)
    readership.flush(NOW)
    # Half a minute before midnight, stored after it.
    readership.note(FEED, "192.0.2.99", NEWSBOAT, datetime(2026, 11, 23, 23, 59, 30, tzinfo=UTC))
    tomorrow = datetime(2026, 11, 24, 0, 0, 10, tzinfo=UTC)
    readership.note(FEED, "192.0.2.1", NEWSBOAT, tomorrow)
    readership.flush(tomorrow)
    assert counted(database, tomorrow) == {FEED: Readers(5 + 1, 0)}
    assert counted(database, tomorrow + DAY) == {FEED: Readers(1, 0)}
    assert counted(database, tomorrow + 2 * DAY) == {}


def test_who_comes_again_the_next_day_is_not_known_again(database: Database) -> None:
    readership = Readership(database)
    hashes: list[bytes] = []
    for now in (NOW, NOW + DAY):
        readership.note(FEED, "192.0.2.1", NEWSBOAT, now)
        readership.flush(now)
        with database.read() as connection:
            hashes += connection.execute(select(feed_poll.c.client)).scalars().all()
            assert connection.execute(select(poll_salt.c.day)).scalars().all() == [now.date()]
    assert len(set(hashes)) == 2
    with database.read() as connection:
        days = connection.execute(select(feed_readers.c.day, feed_readers.c.clients)).all()
    assert sorted(days) == [(NOW.date(), 1), ((NOW + DAY).date(), 1)]


def test_salt_and_hashes_go_with_their_day_though_nobody_comes(database: Database) -> None:
    readership = Readership(database)
    readership.note(FEED, "192.0.2.1", NEWSBOAT, NOW)
    readership.flush(NOW)
    assert not readership.is_due(NOW + timedelta(hours=9))
    after = Readership(database)
    assert after.is_due(NOW + timedelta(hours=10))
    after.flush(NOW + timedelta(hours=10))
    assert (rows(database, "poll_salt"), rows(database, "feed_poll"), rows(database, "feed_readers")) == (
        0,
        0,
        1,
    )
    assert not Readership(database).is_due(NOW + timedelta(hours=10))
    after.flush(NOW + KEPT + 2 * DAY)
    assert rows(database, "feed_readers") == 0


def test_what_was_noted_too_late_of_a_day_that_is_gone_is_not_counted(database: Database) -> None:
    late, other = Readership(database), Readership(database)
    late.note(FEED, "192.0.2.1", NEWSBOAT, NOW)
    other.note(OTHER, "192.0.2.1", NEWSBOAT, NOW + DAY)
    other.flush(NOW + DAY)
    late.flush(NOW + DAY)
    assert counted(database, NOW + DAY) == {OTHER: Readers(1, 0)}
    assert rows(database, "poll_salt") == 1


# What aggregators report.


def test_an_aggregator_is_no_client_and_its_last_word_counts(database: Database) -> None:
    readership = Readership(database)
    for number, count in enumerate((100, 101, 100, 99)):
        readership.note(FEED, "192.0.2.7", FEEDLY.format(count), NOW + timedelta(hours=number))
        readership.flush(NOW + timedelta(hours=number))
    readership.note(FEED, "192.0.2.8", "Mozilla/5.0 (compatible; inoreader.com; 7 subscribers)", NOW)
    readership.note(FEED, "192.0.2.9", NEWSBOAT, NOW)
    readership.flush(NOW)
    assert counted(database) == {FEED: Readers(1, 99 + 7)}
    assert counted(database)[FEED].total == 107
    with database.read() as connection:
        assert set(connection.execute(select(feed_report.c.agent)).scalars()) == {"Feedly", "inoreader.com"}


def test_an_aggregator_that_has_a_feed_twice_reports_both(database: Database) -> None:
    readership = Readership(database)
    for feed_id, count in (("17", 100), ("18", 5), ("17", 101)):
        readership.note(FEED, "", f"Feedbin feed-id:{feed_id} - {count} subscribers", NOW)
    for asked, count in (("/feeds/a.atom", 30), ("/feeds/posts/default", 40), ("/feeds/a.atom", 31)):
        readership.note(FEED, "", FEEDLY.format(count), NOW, asked=asked)
    readership.flush(NOW)
    assert counted(database) == {FEED: Readers(0, 101 + 5 + 31 + 40)}


def test_an_aggregator_that_comes_no_more_is_forgotten(database: Database) -> None:
    readership = Readership(database)
    readership.note(FEED, "", FEEDLY.format(5), NOW)
    readership.flush(NOW)
    assert counted(database, NOW + KEPT - DAY) == {FEED: Readers(0, 5)}
    assert counted(database, NOW + KEPT) == {}
    readership.flush(NOW + KEPT)
    assert rows(database, "feed_report") == 0


def test_no_more_than_so_many_aggregators_are_believed(database: Database) -> None:
    readership = Readership(database)
    for turn in range(2):
        for number in range(MAX_AGENTS + 20):
            readership.note(FEED, "", f"Liar feed-id:{turn}x{number} - 1 subscribers", NOW)
        readership.flush(NOW)
    assert counted(database) == {FEED: Readers(0, MAX_AGENTS)}


# Memory, time, trouble.


def test_memory_is_bounded(sqlite_database: Database) -> None:
    readership = Readership(sqlite_database, max_clients=10, max_waiting=4)
    for _ in range(5):
        for client in range(100):
            readership.note(FEED, str(client), NEWSBOAT, NOW)
            readership.note(FEED, "", f"Liar feed-id:{client} - 1 subscribers", NOW)
        readership.flush(NOW)
    # Those that had no place wait for the next time they come.
    assert counted(sqlite_database) == {FEED: Readers(10, 4)}


def test_it_is_stored_once_a_minute(sqlite_database: Database) -> None:
    readership = Readership(sqlite_database)
    assert not readership.is_due(NOW)
    readership.note(FEED, "192.0.2.1", NEWSBOAT, NOW)
    assert readership.is_due(NOW)
    readership.flush(NOW)
    assert not readership.waits()
    readership.note(FEED, "192.0.2.2", NEWSBOAT, NOW)
    assert not readership.is_due(NOW + EVERY / 2)
    assert readership.is_due(NOW + EVERY)


def test_nothing_is_lost_while_the_database_is_away(sqlite_database: Database) -> None:
    readership = Readership(open_database("sqlite:////nonexistent/folder/labelcast.db"))
    readership.note(FEED, "192.0.2.1", NEWSBOAT, NOW)
    readership.note(FEED, "", FEEDLY.format(5), NOW)
    with pytest.raises(DatabaseUnavailable):
        readership.flush(NOW)
    readership.note(FEED, "", FEEDLY.format(6), NOW)
    readership.note(FEED, "192.0.2.2", NEWSBOAT, NOW)
    readership._database = sqlite_database
    readership.flush(NOW)
    assert counted(sqlite_database) == {FEED: Readers(2, 6)}


def test_many_threads_note_at_once(sqlite_database: Database) -> None:
    readership = Readership(sqlite_database)

    def poll(thread: int) -> None:
        for client in range(200):
            readership.note(FEED, f"192.0.{thread % 2}.{client}", NEWSBOAT, NOW)
            if client % 50 == 0:
                readership.flush(NOW)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(poll, range(8)))
    readership.flush(NOW)
    assert counted(sqlite_database) == {FEED: Readers(400, 0)}


# Privacy.

ADDRESSES = ("203.0.113.77", "2001:db8:aaaa:bbbb::cccc")
PROGRAMS = ("ReaderOfAnn/7.1 (her own)", FEEDLY.format(4321))


@pytest.fixture
def polled(database: Database) -> Readership:
    readership = Readership(database)
    for address in ADDRESSES:
        for program in PROGRAMS:
            readership.note(FEED, address, program, NOW, asked="/feeds/a.atom")
    readership.flush(NOW)
    return readership


def everything(database: Database, folder: Path) -> bytes:
    """All that the database holds, as bytes: its files, or the text of every row."""
    if database.is_sqlite:
        return b"".join(path.read_bytes() for path in folder.glob("labelcast.db*"))
    with database.read() as connection:
        tables = [
            connection.execute(text(f'SELECT t::text FROM "{table}" AS t')).scalars()
            for table in metadata.tables
        ]
        return "\n".join(row for rows in tables for row in rows).encode()


def test_no_address_and_no_user_agent_is_written(
    polled: Readership, database: Database, tmp_path: Path
) -> None:
    assert counted(database) == {FEED: Readers(2, 4321)}
    written = everything(database, tmp_path)
    assert FEED.encode() in written
    for secret in (*ADDRESSES, "2001:db8:aaaa:bbbb", *PROGRAMS, "ReaderOfAnn", "fetcher.html", "a.atom"):
        assert secret.encode() not in written


def test_a_days_salt_is_gone_from_the_file_with_its_day(sqlite_database: Database, tmp_path: Path) -> None:
    readership = Readership(sqlite_database)
    readership.note(FEED, ADDRESSES[0], NEWSBOAT, NOW)
    readership.flush(NOW)
    with sqlite_database.read() as connection:
        salt = connection.execute(select(poll_salt.c.salt)).scalar_one()
        client = connection.execute(select(feed_poll.c.client)).scalar_one()
    assert salt in everything(sqlite_database, tmp_path)
    readership.flush(NOW + DAY)
    # The last one to close the database puts its log back into the file.
    sqlite_database.dispose()
    left = everything(sqlite_database, tmp_path)
    assert FEED.encode() in left
    assert salt not in left
    assert client not in left
