"""Readers that poll feeds over HTTP, for tests: each knows what it was answered and what it has seen."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from urllib.parse import urljoin, urlsplit

from starlette.testclient import TestClient

from tests.feeds_walking import Page, read

CODINGS = ("identity", "gzip", "br")


@dataclass(frozen=True)
class Answered:
    """What a reader got in the end: at which path, by which status, with which ETag."""

    path: str
    status: int
    body: bytes
    etag: str
    is_moved: bool


def get(client: TestClient, path: str, **headers: str) -> Answered:
    """A document, wherever it has moved to."""
    asked, is_moved = path, False
    for _ in range(5):
        response = client.get(asked, headers=headers)
        if response.status_code not in {301, 302}:
            assert response.status_code < 500, (asked, response.text)
            etag = response.headers.get("etag", "")
            return Answered(asked, response.status_code, response.content, etag, is_moved)
        asked, is_moved = urljoin(asked, response.headers["location"]), True
    raise AssertionError(f"{path} leads in circles")


@dataclass
class Reader:
    """One who follows a feed in a format and a coding.

    It asks with the ETag that it was given; with ``is_thorough`` it also reads those archive documents whose
    addresses it does not know yet. ``seen`` are the ids of all entries it ever had.
    """

    name: str
    suffix: str
    coding: str
    is_thorough: bool = False
    wants_differences: bool = False
    seen: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    # The newest whole document that it has, and the ETag it came with; with the path that it came from.
    body: bytes = b""
    etag: str = ""
    path: str = ""
    # Which feed it was, and how many merges of labels there had been then.
    feed_id: str = ""
    merges: int = -1

    @classmethod
    def some(cls, random: Random, name: str) -> "Reader":
        """One of a feed, in some way."""
        return cls(
            name,
            random.choice(["atom", "rss", "json"]),
            random.choice(CODINGS),
            is_thorough=random.random() < 0.6,
            wants_differences=random.random() < 0.3,
        )

    def poll(self, client: TestClient, anew: TestClient) -> list[Page] | None:
        """The documents read, none where nothing has changed; None when there is no such feed any more.

        ``anew`` is a client of a process that has just begun: it must be answered the same bytes.
        """
        path = f"/feeds/{self.name}.{self.suffix}"
        wants = {"accept-encoding": self.coding, "user-agent": "a reader/1.0"}
        known = {"if-none-match": self.etag} if self.etag else {}
        if self.wants_differences:
            known["a-im"] = "feed"
        got, whole = get(client, path, **wants, **known), get(anew, path, **wants)
        if got.status in {404, 410}:
            assert whole.status == got.status
            return None
        assert (got.etag, got.path) == (whole.etag, whole.path)
        if got.path == self.path:
            assert (whole.etag == self.etag) == (whole.body == self.body), path
            # 304 exactly when the bytes are those that it has.
            assert (got.status == 304) == (whole.body == self.body)
        pages = list(self._read(got, whole, client))
        self.body, self.etag, self.path = whole.body, whole.etag, whole.path
        return pages

    def _read(self, got: Answered, whole: Answered, client: TestClient) -> Iterator[Page]:
        assert got.status in {200, 226, 304}
        if got.status == 200:
            assert got.body == whole.body
        if got.status != 304:
            yield self._noted(got)
        page = self._noted(whole) if got.status == 226 else read(whole.path, self.suffix, whole.body)
        while self.is_thorough and page.older is not None and page.older not in self.known:
            self.known.add(page.older)
            older = get(client, _path(page.older), **{"accept-encoding": self.coding})
            assert older.status == 200, page.older
            self.known.add(older.path)
            page = self._noted(older)
            yield page

    def _noted(self, answered: Answered) -> Page:
        page = read(answered.path, self.suffix, answered.body)
        assert len(set(page.ids)) == len(page.ids), "an entry stands twice in one document"
        self.seen.update(page.ids)
        return page


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path
