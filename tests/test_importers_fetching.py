"""Fetching over HTTP from real servers on this machine: only if changed, bounded, and never from inside."""

import gzip
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from database import Database
from posts.blog import create_blog
from posts.importers import ImporterError, find_importer, open_source
from posts.importers.fence import is_public
from posts.importers.fetching import Validators, fetch
from posts.intake import store_posts
from posts.model import SourcePost

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FEED = b"""<feed xmlns="http://www.w3.org/2005/Atom"><id>urn:feed</id>
<entry><id>a:1</id><title>Caf\xc3\xa9</title><link href="posts/1.html"/></entry></feed>"""
MIB = 1 << 20


@dataclass
class Site:
    """A web server whose answers a test sets by path: status, headers, body; it keeps what it was asked."""

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def says(self, path: str, body: bytes = b"", *, status: int = 200, **headers: str) -> str:
        """Set an answer; give back its URL."""
        self.answers[path] = (
            status,
            {name.replace("_", "-"): value for name, value in headers.items()},
            body,
        )
        return self.url + path


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            status, headers, body = site.answers.get(self.path, (404, {}, b""))
            if headers.get("ETag") and self.headers.get("If-None-Match") == headers["ETag"]:
                status, body = 304, b""
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304 and "Content-Length" not in headers:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Handler


@pytest.fixture
def new_site() -> Iterator[Callable[[], Site]]:
    """Starts web servers on loopback."""
    servers: list[tuple[ThreadingHTTPServer, threading.Thread]] = []

    def start() -> Site:
        site = Site()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        servers.append((server, thread))
        site.url = f"http://127.0.0.1:{server.server_port}"
        return site

    yield start
    for server, thread in servers:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def site(new_site: Callable[[], Site]) -> Site:
    """One web server."""
    return new_site()


def fetched(url: str) -> list[SourcePost]:
    with open_source(url, allow_private=True) as source:
        return [item for item in find_importer("auto", source).read(source) if isinstance(item, SourcePost)]


def refusal(url: str) -> str:
    with pytest.raises(ImporterError) as refused:
        open_source(url, allow_private=True)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def test_a_feed_is_fetched_and_its_links_are_resolved_against_its_address(site: Site) -> None:
    (post,) = fetched(site.says("/blog/feed.atom", FEED, Content_Type="application/atom+xml"))
    assert (post.uri, post.title, post.url) == ("a:1", "Café", f"{site.url}/blog/posts/1.html")
    assert site.asked[0][1]["accept-encoding"] == "gzip"


def test_the_temporary_file_goes_away(site: Site) -> None:
    with open_source(site.says("/f", FEED), allow_private=True) as source:
        assert source.path.read_bytes() == FEED
    assert not source.path.exists()


def test_what_came_packed_is_unpacked(site: Site) -> None:
    body = gzip.compress(FEED * 1000)
    with open_source(site.says("/f", body, Content_Encoding="gzip"), allow_private=True) as source:
        assert source.path.read_bytes() == FEED * 1000


def test_the_servers_charset_wins_over_the_documents(site: Site) -> None:
    body = b'<?xml version="1.0" encoding="utf-8"?>' + FEED.decode().encode("latin-1")
    (post,) = fetched(site.says("/f", body, Content_Type="application/atom+xml; charset=iso-8859-1"))
    assert post.title == "Café"


def test_a_feed_is_asked_for_only_if_changed_once_it_was_stored(
    sqlite_database: Database, site: Site
) -> None:
    url = site.says("/f", FEED, ETag='"one"', Last_Modified="Fri, 01 May 2020 10:00:00 GMT")
    with sqlite_database.write() as connection:
        create_blog(connection, site_url="https://blog.example", now=NOW)

    def imported(*, remember: bool) -> tuple[int, int, bool]:
        with open_source(url, database=sqlite_database, allow_private=True) as source:
            items = find_importer("auto", source).read(source)
            report = store_posts(sqlite_database, items, now=NOW)
            if remember:
                source.remember(sqlite_database, now=NOW)
            return report.new, report.unchanged, source.unchanged

    assert imported(remember=False) == (1, 0, False)
    assert imported(remember=True) == (0, 1, False)
    assert imported(remember=True) == (0, 0, True)
    asked = [headers.get("if-none-match") for _, headers in site.asked]
    assert asked == [None, None, '"one"']
    assert site.asked[2][1]["if-modified-since"] == "Fri, 01 May 2020 10:00:00 GMT"
    site.says("/f", FEED.replace(b"a:1", b"a:2"), ETag='"two"')
    assert imported(remember=True) == (1, 0, False)
    assert imported(remember=True) == (0, 0, True)


def test_a_server_that_says_unchanged_unasked_is_not_believed(site: Site) -> None:
    assert "answered 304" in refusal(site.says("/f", status=304))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_site_is_followed(site: Site, status: int) -> None:
    site.says("/new/feed", FEED)
    (post,) = fetched(site.says("/old", status=status, Location="/new/feed"))
    assert post.url == f"{site.url}/new/posts/1.html"


def test_a_redirect_into_a_private_network_is_not_followed(new_site: Callable[[], Site]) -> None:
    outer, inner = new_site(), new_site()
    secret = inner.says("/secret", FEED)
    assert "on a private network" in refusal(outer.says("/f", status=302, Location=secret))
    assert inner.asked == []


@pytest.mark.parametrize("location", ["file:///etc/passwd", "ftp://x.example/", "", "gopher://127.0.0.1/"])
def test_a_redirect_to_no_web_address_is_refused(site: Site, location: str) -> None:
    assert "redirects to" in refusal(site.says("/f", status=302, Location=location))


def test_redirects_come_to_an_end(site: Site) -> None:
    assert "redirects more than 5 times" in refusal(site.says("/f", status=302, Location="/f"))
    assert len(site.asked) == 6


def test_a_private_address_is_fetched_only_where_it_was_allowed(site: Site) -> None:
    url = site.says("/f", FEED)
    with pytest.raises(ImporterError, match="on a private network"):
        open_source(url)
    assert site.asked == []


def test_a_name_cannot_lead_to_one_address_when_looked_at_and_another_when_used(
    site: Site, tmp_path: Path
) -> None:
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked = []

    def resolver(host: str, port: int) -> list[str]:
        asked.append((host, port))
        return next(answers)

    url = site.says("/f", FEED).replace("127.0.0.1", "blog.example")
    target = tmp_path / "feed"
    got = fetch(url, target, allow_private=True, max_bytes=MIB, resolver=resolver)
    assert (target.read_bytes(), got.url, len(asked)) == (FEED, url, 1)
    assert site.asked[0][1]["host"] == url.split("/")[2]
    with pytest.raises(ImporterError, match=r"blog\.example is on a private network"):
        fetch(url, target, max_bytes=MIB, resolver=resolver)


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.215.14", True),
        ("2606:2800:21f:cb07:6820:80da:af6b:8b2c", True),
        ("127.0.0.1", False),
        ("127.9.9.9", False),
        ("0.0.0.0", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("fe80::1%eth0", False),
        ("fc00::1", False),
        ("ff02::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::a00:1", False),
        ("2002:7f00:1::", False),
        ("localhost", False),
    ],
)
def test_only_addresses_of_the_open_internet_are_public(address: str, *, public: bool) -> None:
    assert is_public(address) == public


@pytest.mark.parametrize(
    ("status", "headers", "reason"),
    [
        (404, {}, "the server answered 404 Not Found"),
        (500, {}, "the server answered 500"),
        (204, {}, "the server answered 204"),
        (429, {"Retry-After": "120"}, "429 Too Many Requests; it asks to wait 120 seconds"),
    ],
)
def test_an_answer_that_is_none_is_told(
    site: Site, status: int, headers: dict[str, str], reason: str
) -> None:
    site.answers["/f"] = (status, headers, b"")
    assert reason in refusal(f"{site.url}/f")


def test_too_large_an_answer_is_not_kept(site: Site, tmp_path: Path) -> None:
    url = site.says("/f", b"x" * (3 * MIB))
    with pytest.raises(ImporterError, match="is larger than 2 MiB"):
        fetch(url, tmp_path / "f", allow_private=True, max_bytes=2 * MIB)


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_kept(site: Site, tmp_path: Path) -> None:
    url = site.says("/f", gzip.compress(b"\x00" * (64 * MIB)), Content_Encoding="gzip")
    with pytest.raises(ImporterError, match="is larger than 2 MiB"):
        fetch(url, tmp_path / "f", allow_private=True, max_bytes=2 * MIB)
    assert (tmp_path / "f").stat().st_size <= 2 * MIB


@pytest.mark.parametrize(
    ("coding", "body", "reason"),
    [
        ("gzip", b"no gzip at all", "is no gzip, though the server says so"),
        ("gzip", gzip.compress(FEED)[:-12], "was cut off on the way"),
        ("br", b"\x0b", "came as br, which was not asked for"),
    ],
)
def test_a_packing_that_cannot_be_undone_is_refused(
    site: Site, coding: str, body: bytes, reason: str
) -> None:
    assert reason in refusal(site.says("/f", body, Content_Encoding=coding))


def test_an_answer_that_ends_too_early_is_refused(site: Site) -> None:
    assert "could not be fetched" in refusal(site.says("/f", FEED, Content_Length=str(len(FEED) + 10)))


def test_a_fetch_that_takes_too_long_is_given_up(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ImporterError, match="took too long"):
        fetch(site.says("/f", FEED), tmp_path / "f", allow_private=True, max_bytes=MIB, total_seconds=-1)


@pytest.mark.parametrize(
    "url", ["http://", "http://[::1", "http://blog.example:99999/", "https://a b/", "http://\x7f/"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    assert "\n" not in refusal(url)


def test_a_server_that_is_not_there_is_told(site: Site) -> None:
    free = site.url.rsplit(":", 1)[0] + ":1"
    assert "could not be fetched" in refusal(free + "/feed")


def test_a_password_in_an_address_is_used_and_never_told(site: Site) -> None:
    site.says("/f", FEED)
    url = site.url.replace("http://", "http://ada:secret@")
    with open_source(f"{url}/f", allow_private=True) as source:
        assert "secret" not in source.name
    assert site.asked[0][1]["authorization"].startswith("Basic ")
    assert "secret" not in refusal(f"{url}/nothing")


def test_an_odd_validator_is_not_sent_back(site: Site, tmp_path: Path) -> None:
    url = site.says("/f", FEED, ETag="x" * 5000)
    got = fetch(url, tmp_path / "f", allow_private=True, max_bytes=MIB)
    assert got.validators == Validators(url=url, etag=None, last_modified=None)
