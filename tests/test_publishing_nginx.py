"""The published folder behind nginx, with just the configuration that ``docs/how-to-publish.md`` prints."""

import gzip
import http.client
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from feeds.publishing.documents import Source
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from feeds.publishing.sources import FeedDocuments, FeedList
from feeds.publishing.targets import MANIFEST
from tests.feeds_blog import FeedsBlog, post
from tests.linked_site import LinkedSite

PAGES: dict[str, list[str]] = {
    "index.html": [],
    "labels/bees.html": [],
    "labels/bees/2026-03.html": [],
    "labels/政治.html": [],
}
WHOLE = """
daemon off; pid {folder}/pid; error_log stderr; {user}
events {{ worker_connections 64; }}
http {{
    include /etc/nginx/mime.types; access_log off;
    client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
    uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
    {site}
}}
"""


@dataclass(frozen=True)
class Served:
    """A folder that nginx serves."""

    out: Path
    port: int

    def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", path, headers={key.replace("_", "-"): is_ for key, is_ in headers.items()})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {key.lower(): is_ for key, is_ in answer.getheaders()}, body


def configuration(docs: Path) -> str:
    """The first one that the page prints."""
    found = re.search(r"```nginx\n(map.+?)```", docs.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def served(sqlite_feed_blog: FeedsBlog, checkout: Path, tmp_path: Path) -> Iterator[Served]:
    """Feeds with archives, and pages, behind nginx."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is missing: apt install nginx-light")
    sqlite_feed_blog.store_all(post(number, "Bees", "政治") for number in range(1, 250))
    builder = sqlite_feed_blog.builder()
    out = tmp_path / "public"
    sources: list[Source] = [FeedDocuments(builder), FeedList(builder), LinkedSite(PAGES)]
    publish(sqlite_feed_blog.database, sources, Folder(out))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    site = configuration(checkout / "docs" / "how-to-publish.md")
    for told, here in {
        "listen 80;": f"listen 127.0.0.1:{port};",
        "root /srv/blog/public;": f"root {out};",
    }.items():
        assert told in site
        site = site.replace(told, here)
    user = "user root;" if os.getuid() == 0 else ""
    (tmp_path / "nginx.conf").write_text(WHOLE.format(folder=tmp_path, site=site, user=user))
    with subprocess.Popen(
        [program, "-c", tmp_path / "nginx.conf", "-p", tmp_path], stderr=subprocess.PIPE
    ) as server:
        _wait_for(port, server)
        yield Served(out, port)
        server.terminate()


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    server.kill()
    pytest.fail(f"nginx did not begin: {server.communicate()[1].decode()}")


def test_each_document_has_its_type_and_how_long_it_may_be_kept(served: Served) -> None:
    soon, seldom = "public, max-age=300", "public, max-age=3600"
    wanted = {
        "/feeds/bees.atom": ("application/atom+xml", soon),
        "/feeds/bees.rss": ("application/rss+xml", soon),
        "/feeds/bees.json": ("application/feed+json", soon),
        "/feeds/bees/archive/1.atom": ("application/atom+xml", seldom),
        "/feeds/bees/archive/1.atom?edition=1": ("application/atom+xml", seldom),
        "/feeds/%E6%94%BF%E6%B2%BB.atom": ("application/atom+xml", soon),
        "/feeds.opml": ("text/x-opml", soon),
    }
    for path, (media_type, caching) in wanted.items():
        status, headers, body = served.get(path)
        assert status == 200, path
        assert headers["content-type"].partition(";")[0] == media_type
        assert headers["cache-control"] == caching
        assert headers["access-control-allow-origin"] == "*"
        assert "accept-encoding" in headers["vary"].lower()
        assert body


def test_what_is_compressed_is_sent_as_it_lies_there(served: Served) -> None:
    status, headers, body = served.get("/feeds/bees.atom", Accept_Encoding="gzip")
    assert (status, headers["content-encoding"]) == (200, "gzip")
    assert headers["content-type"].startswith("application/atom+xml")
    assert body == (served.out / "feeds/bees.atom.gz").read_bytes()
    assert gzip.decompress(body) == served.get("/feeds/bees.atom")[2]


def test_who_has_it_gets_no_body(served: Served) -> None:
    for encoding in ("identity", "gzip"):
        _, headers, _ = served.get("/feeds/bees.atom", Accept_Encoding=encoding)
        for condition in (
            {"If_None_Match": headers["etag"]},
            {"If_Modified_Since": headers["last-modified"]},
        ):
            status, again, body = served.get("/feeds/bees.atom", Accept_Encoding=encoding, **condition)
            assert (status, body) == (304, b"")
            assert again["etag"] == headers["etag"]


def test_pages_have_their_addresses_without_an_ending(served: Served) -> None:
    wanted = {"/": "index.html", "/labels/bees": "labels/bees.html"}
    wanted |= {
        "/labels/bees/2026-03": "labels/bees/2026-03.html",
        "/labels/%E6%94%BF%E6%B2%BB": "labels/政治.html",
    }
    for path, name in wanted.items():
        status, headers, body = served.get(path)
        assert (status, body) == (200, (served.out / name).read_bytes()), path
        assert headers["content-type"] == "text/html; charset=utf-8"


def test_what_is_for_nobody_is_not_served(served: Served) -> None:
    (served.out / "feeds" / "bees.atom.labelcast-unfinished").write_text("half")
    assert (served.out / MANIFEST).is_file()
    for path in (f"/{MANIFEST}", "/feeds/bees.atom.labelcast-unfinished", "/feeds/none.atom", "/labels/none"):
        assert served.get(path)[0] == 404, path
