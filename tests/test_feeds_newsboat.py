"""A real feed reader: newsboat subscribes over HTTP, lists what is there, and asks again politely."""

import shutil
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tests.feeds_blog import FeedsBlog, post
from tests.web_client import web_app


@dataclass
class Listening:
    """The application, and which path was answered by which status."""

    app: ASGIApp
    answered: list[tuple[str, int]] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.answered.append((scope["path"], message["status"]))
            await send(message)

        await self.app(scope, receive, note)


@dataclass
class Newsboat:
    """newsboat with its own files, subscribed to one feed."""

    program: str
    folder: Path
    url: str

    def run(self, *commands: str) -> str:
        """What newsboat prints when it executes these."""
        (self.folder / "urls").write_text(f"{self.url}\n")
        (self.folder / "config").write_text("")
        files = {"-u": "urls", "-c": "cache.db", "-C": "config"}
        options = [part for flag, name in files.items() for part in (flag, str(self.folder / name))]
        done = subprocess.run(
            [self.program, *options, "-x", *commands],
            env={"HOME": str(self.folder), "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "no_proxy": "*"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def ask(self, query: str) -> list[tuple[object, ...]]:
        """Rows of what newsboat has stored."""
        connection = sqlite3.connect(self.folder / "cache.db")
        try:
            return connection.execute(query).fetchall()
        finally:
            connection.close()


@pytest.fixture
def newsboat(tmp_path: Path) -> Newsboat:
    program = shutil.which("newsboat")
    if program is None:
        pytest.skip("newsboat is not installed: apt-get install newsboat")
    folder = tmp_path / "newsboat"
    folder.mkdir()
    return Newsboat(program, folder, "")


@pytest.fixture
def mek(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """Four posts of MEK and one of something else."""
    blog = replace(sqlite_feed_blog, site=replace(sqlite_feed_blog.site, entries=25))
    blog.store_all([*(post(number, "MEK", "Iran") for number in range(1, 5)), post(5, "other")])
    return blog


@pytest.fixture
def served(mek: FeedsBlog) -> Iterator[tuple[Listening, str]]:
    """The blog on a port of this machine."""
    listening = Listening(web_app(mek))
    server = uvicorn.Server(uvicorn.Config(listening, port=0, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield listening, f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def test_newsboat_subscribes_lists_and_asks_politely(
    mek: FeedsBlog, newsboat: Newsboat, served: tuple[Listening, str]
) -> None:
    listening, address = served
    newsboat.url = f"{address}/feeds/mek.atom"
    newsboat.run("reload")
    assert newsboat.run("print-unread").split()[0] == "4"
    assert newsboat.ask("SELECT title, url FROM rss_feed") == [
        ("The Blog: MEK", f"{mek.site.url}/labels/mek")
    ]
    assert newsboat.ask("SELECT guid, title, url, author FROM rss_item ORDER BY pubDate DESC") == [
        (f"tag:blog.example,2026:{n}", f"Post {n}", f"{mek.site.url}/{n}", "Ann") for n in (4, 3, 2, 1)
    ]
    assert newsboat.ask("SELECT content FROM rss_item WHERE title = 'Post 4'") == [("<p>Text of 4</p>",)]

    # newsboat 2.21 notes the ETag in a row that it makes only afterwards: it has it from the second poll on.
    for _ in range(2):
        newsboat.run("reload")
    assert listening.answered == [("/feeds/mek.atom", status) for status in (200, 200, 304)]
    assert newsboat.run("print-unread").split()[0] == "4"

    # A new post comes once; an edit of an old one is no new post.
    mek.store_all([post(9, "MEK"), post(2, "MEK", "Iran", html="<p>edited</p>")])
    newsboat.run("reload")
    assert listening.answered[-1] == ("/feeds/mek.atom", 226)
    assert newsboat.run("print-unread").split()[0] == "5"
    assert newsboat.ask("SELECT count(*) FROM rss_item") == [(5,)]
