"""A real feed reader looked at closely: what newsboat has of a feed, and how politely it asks."""

from pathlib import Path

from tests.feed_programs import Newsboat, subscribe
from tests.feeds_blog import FeedsBlog, post
from tests.feeds_served import open_server


def test_newsboat_subscribes_lists_and_asks_politely(sqlite_feed_blog: FeedsBlog, tmp_path: Path) -> None:
    mek = sqlite_feed_blog
    mek.store_all([*(post(number, "MEK", "Iran") for number in range(1, 4)), post(5, "other")])
    with open_server(mek) as served:
        newsboat = subscribe("newsboat", tmp_path, f"{served.address}/feeds/mek.atom")
        assert isinstance(newsboat, Newsboat)
        newsboat.run("reload")
        assert newsboat.run("print-unread").split()[0] == "3"
        assert newsboat.ask("SELECT title, url FROM rss_feed") == [
            ("The Blog: MEK", f"{mek.site.url}/labels/mek")
        ]
        assert newsboat.ask("SELECT guid, title, url, author FROM rss_item ORDER BY pubDate DESC") == [
            (f"tag:blog.example,2026:{n}", f"Post {n}", f"{mek.site.url}/{n}", "Ann") for n in (3, 2, 1)
        ]
        assert newsboat.text("tag:blog.example,2026:3") == "<p>Text of 3</p>"

        # newsboat 2.21 notes the ETag in a row that it makes only afterwards: it has it from the second
        # poll on.
        for _ in range(2):
            newsboat.run("reload")
        assert served.take() == [("/feeds/mek.atom", status) for status in (200, 200, 304)]
        assert newsboat.run("print-unread").split()[0] == "3"

        # What is new or changed is all that it is sent.
        mek.store_all([post(9, "MEK"), post(2, "MEK", "Iran", html="<p>edited</p>")])
        newsboat.run("reload")
        assert served.take() == [("/feeds/mek.atom", 226)]
        assert newsboat.run("print-unread").split()[0] == "4"
        assert newsboat.ask("SELECT count(*) FROM rss_item") == [(4,)]
