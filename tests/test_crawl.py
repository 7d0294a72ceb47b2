"""Every link of every mail and page, followed as scanners and search engines do: nothing is done by it."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from lxml import etree, html

from database import Database
from tests.besieged import NOW, SITE, Besieged
from tests.mailed_digests import dump

LARGEST = 100 * 1024
ASKED_FIRST = (
    *("/", "/feeds.opml", "/digests", "/subscribe/frame", "/subscribe/embed", "/admin", "/api", "/healthz"),
    *("/readyz", "/metrics", "/admin/login", "/admin/feeds/labels?q=w", "/admin/import/1/report.json"),
    *("/admin/import/3/state", "/admin/readers/import/2/state", "/admin/deliveries/1/standing"),
)
# Of addresses alike but for numbers and what is asked for, as many are looked at.
ALIKE = {"sqlite": 2, "postgresql": 1}
# Entries of feeds as they were rendered, kept so that nobody renders them again: they follow from the posts.
KEPT = {"fragment"}
# What a look is counted in, once the scheduler writes down what was noted, and why it is.
COUNTED = {
    "feed_readers": "how many read a feed",
    "feed_poll": "the same, while the day lasts",
    "feed_report": "what fetchers for many tell of themselves",
    "poll_salt": "what their addresses are hashed with",
    "access_token": "when a program's token was last used",
}
# What leads nowhere for whoever has no more than the address, and why: others are faults.
NOWHERE = {
    r"/feeds/private\.\w+": "it is for those who have a key",
    r"/(unsubscribe|stop|preferences)/preview": "a preview is to nobody",
    r"/digests/[a-z]+/0": "nor is it an edition",
    r"/api/post": "it is asked by ?url= or ?id=",
}


@pytest.fixture
def site(database: Database, tmp_path: Path) -> Iterator[Besieged]:
    made = Besieged(database, tmp_path)
    yield made
    made.close()


@dataclass
class Crawl:
    """Follows links, each as who would see it: ``faults`` is what was wrong with their answers."""

    site: Besieged
    found: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    waiting: list[tuple[str, str, bool]] = field(default_factory=list)
    alike: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.somebody = self.site.client()
        self.owner = self.site.client(is_in=True)
        self.program = self.site.client()
        self.program.headers["authorization"] = f"Bearer {self.site.secret}"

    def add(self, url: str, said_by: str, *, is_form: bool = False) -> None:
        """An address that stands somewhere; those of other sites are left alone."""
        url = urldefrag(urljoin(SITE + said_by, url.strip())).url
        if not f"{url}/".startswith(f"{SITE}/") or re.match(r"/20\d\d/", urlsplit(url).path):
            # That of a post is at the blog.
            return
        address = url.removeprefix(SITE) or "/"
        if address not in self.found:
            self.found[address] = 0
            self.waiting.append((address, said_by, is_form))

    def go(self) -> None:
        """Follow them all."""
        while self.waiting:
            address, said_by, is_form = self.waiting.pop()
            shape = re.sub(r"=[^&]*", "=", re.sub(r"\d+", "0", address))
            self.alike[shape] += 1
            if self.alike[shape] <= ALIKE[self.site.database.engine.dialect.name]:
                self._look(address, said_by, is_form)

    def _look(self, address: str, said_by: str, is_form: bool) -> None:
        path = address.partition("?")[0]
        client = self.somebody
        if path.startswith("/admin"):
            client = self.owner
        elif path.startswith("/api"):
            client = self.program
        answer = client.get(address)
        self.found[address] = answer.status_code
        its = f"{address} (on {said_by}): {answer.status_code}"
        # A form's address is asked without the form, too: that may be told wrong, but does nothing.
        is_nowhere = is_form or any(re.fullmatch(pattern, path) for pattern in NOWHERE)
        if answer.status_code >= (500 if is_nowhere else 400):
            self.faults.append(its)
        if len(answer.content) > LARGEST:
            self.faults.append(f"{its}, {len(answer.content)} bytes")
        head = client.head(address)
        if (head.status_code, _told(head), head.content) != (answer.status_code, _told(answer), b""):
            self.faults.append(f"{its}: HEAD {head.status_code} {_told(head)} is not {_told(answer)}")
        if "location" in answer.headers:
            self.add(answer.headers["location"], address)
        self._read(address, answer.headers.get("content-type", ""), answer.content)

    def _read(self, address: str, media_type: str, body: bytes) -> None:
        kind = media_type.partition(";")[0]
        if kind == "text/html" and body.strip():
            self.read_html(html.fromstring(body.decode()), address)
        elif kind.endswith("xml"):
            for element in etree.fromstring(body).iter():
                for text in (element.text or "", *element.attrib.values()):
                    self._text(text, address)
        elif kind.endswith("json"):
            for text in _strings(json.loads(body)):
                self._text(text, address)
        elif kind.startswith("text/"):
            self._text(body.decode(), address)

    def read_html(self, page: Any, address: str) -> None:
        """What stands in attributes."""
        for name in ("href", "src", "action", "formaction", "poster", "cite", "data-live"):
            for element in page.xpath(f"//*[@{name}]"):
                self.add(element.get(name), address, is_form="action" in name)

    def _text(self, text: str, address: str) -> None:
        for url in re.findall(rf"{re.escape(SITE)}[^\s<>\"'&)\]]*", text):
            if "{" not in url and "…" not in url:
                self.add(url.rstrip(".,;"), address)

    def read_mail(self, data: bytes) -> None:
        """Its header fields, and every part."""
        mail = message_from_bytes(data, policy=default)
        where = "/"
        for name in ("List-Unsubscribe", "List-Id", "Archived-At", "List-Archive", "List-Help"):
            self._text(str(mail.get(name, "")), where)
        for part in mail.walk():
            if part.get_content_type() == "text/html":
                self.read_html(html.fromstring(part.get_content()), where)
            elif part.get_content_type() == "text/plain":
                self._text(part.get_content(), where)


def _told(answer: Any) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "date"}


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def _start(crawl: Crawl) -> None:
    """Everything in mail; the pages that nothing need lead to; what links bear, and what is behind it."""
    mails = crawl.site.mails()
    assert len(mails) > 12
    for mail in mails:
        crawl.read_mail(mail)
    for address in crawl.site.links():
        crawl.add(address, "/")
    key = crawl.site.key
    for address in ASKED_FIRST:
        crawl.add(address, "/")
    for suffix in ("atom", "rss", "json"):
        crawl.add(f"/feeds/private.{suffix}?key={key}", "/")
    for path, operations in crawl.program.get("/api/openapi.json").json()["paths"].items():
        if "get" in operations:
            filled = re.sub(r"\{number\}", "1", path).replace("{slug}", "{}")
            name = "label-1" if "labels" in path else "chosen" if "feeds" in path else "digest"
            crawl.add(
                f"/api{filled.format(name)}" if not path.startswith("/api") else filled.format(name), "/"
            )


def test_whoever_follows_every_link_does_nothing(site: Besieged) -> None:
    site.wiring.readership.flush(NOW)
    before = _rows(site)
    crawl = Crawl(site)
    _start(crawl)
    crawl.go()
    assert crawl.faults == []
    assert len(crawl.found) > 250
    assert _rows(site) == before
    site.wiring.readership.flush(NOW)
    site.wiring.token_uses.flush(NOW)
    after = _rows(site)
    changed = {name for name in after if after[name] != before[name]}
    assert changed <= set(COUNTED)
    assert "access_token" in changed


def _rows(site: Besieged) -> dict[str, list[str]]:
    return {name: rows for name, rows in dump(site.database).items() if name not in KEPT}
