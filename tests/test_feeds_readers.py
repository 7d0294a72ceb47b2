"""Readers made by others follow a label: what is new comes once, what is edited or moved is not new."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from posts.curation import rename_label
from posts.model import PostState
from tests.feed_programs import Subscribed, subscribe
from tests.feeds_blog import FeedsBlog, post
from tests.feeds_served import Served, open_server

FOLLOWED = [
    ("newsboat", "atom"),
    ("newsboat", "rss"),
    ("rss2email", "atom"),
    ("rss2email", "rss"),
    ("reader", "atom"),
    ("reader", "rss"),
    ("reader", "json"),
]


@pytest.fixture(autouse=True)
def direct(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy stands between a reader and a port of this machine."""
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture
def mek(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """Four posts of MEK and one of something else."""
    blog = replace(sqlite_feed_blog, site=replace(sqlite_feed_blog.site, entries=25))
    blog.store_all([*(post(number, "MEK", "Iran") for number in range(1, 5)), post(5, "other")])
    return blog


@pytest.fixture
def served(mek: FeedsBlog) -> Iterator[Served]:
    """The blog on a port of this machine."""
    with open_server(mek) as opened:
        yield opened


def uris(*numbers: int) -> Counter[str]:
    """Posts by their ids, each once."""
    return Counter(f"tag:blog.example,2026:{number}" for number in numbers)


def polled(program: Subscribed, served: Served) -> list[tuple[str, int]]:
    """What a poll was answered."""
    served.take()
    program.poll()
    return served.take()


def settled(program: Subscribed, served: Served) -> int:
    """The status of a poll when nothing has changed and the program knows it."""
    # newsboat 2.21 notes the ETag in a row that it makes only afterwards: it has it from the second poll on.
    for _ in range(2):
        program.poll()
    return polled(program, served)[-1][1]


@pytest.mark.parametrize(("name", "suffix"), FOLLOWED)
def test_a_reader_follows_a_label(
    mek: FeedsBlog, served: Served, tmp_path: Path, name: str, suffix: str
) -> None:
    path = f"/feeds/mek.{suffix}"
    program = subscribe(name, tmp_path, served.address + path)
    assert polled(program, served) == [(path, 200)]
    assert program.news() == uris(1, 2, 3, 4)
    assert settled(program, served) == 304

    mek.store_all([post(9, "MEK")])
    program.poll()
    assert program.news() == uris(1, 2, 3, 4, 9)

    edited = replace(post(2, "MEK", "Iran", html="<p>Quite another text</p>"), updated=mek.now)
    mek.store_all([edited])
    program.poll()
    assert "Quite another text" in program.text("tag:blog.example,2026:2")
    assert program.news() == uris(1, 2, 3, 4, 9)

    mek.store_all([post(3, "MEK", "Iran", state=PostState.DELETED)])
    program.poll()
    # The library keeps the ETag of before when all that happened is that something went.
    assert settled(program, served) in ({226} if name == "reader" else {304})
    assert program.news() == uris(1, 2, 3, 4, 9)

    rename(mek, "MEK", "National Liberation")
    answers = polled(program, served)
    assert answers[0] == (path, 301)
    assert {status for _, status in answers[1:]} <= {200, 226, 304}
    assert program.news() == uris(1, 2, 3, 4, 9)

    mek.store_all([post(10, "National Liberation"), post(11, "other")])
    program.poll()
    assert program.news() == uris(1, 2, 3, 4, 9, 10)
    assert settled(program, served) == 304
    assert program.news() == uris(1, 2, 3, 4, 9, 10)


def rename(blog: FeedsBlog, old: str, new: str) -> None:
    """As a publisher does."""
    blog.now += timedelta(minutes=1)
    with blog.database.write() as connection:
        rename_label(connection, old, new, now=blog.now)
