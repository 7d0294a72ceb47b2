"""Fetching a source over HTTP(S): asked only if changed, in bounded time and size, and never from inside."""

import re
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2
from sqlalchemy import delete, select

from database import Database
from posts.importers.errors import ImporterError, one_line
from posts.importers.fence import Fenced, FencedTransport, Resolver, resolve
from posts.model import fetched

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
TOTAL_SECONDS = 900.0
MAX_REDIRECTS = 5
_PIECE = 1 << 20

_REDIRECTS = {301, 302, 303, 307, 308}
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_PASSWORD = re.compile(r"\A(https?://)[^/?#]*@", re.IGNORECASE)
_HEADERS = {
    "Accept": "application/atom+xml, application/rss+xml, application/feed+json, text/xml;q=0.9, */*;q=0.1",
    # Only what can be unpacked bit by bit, so that a small answer cannot fill the memory.
    "Accept-Encoding": "gzip",
    "User-Agent": "labelcast (feed importer)",
}


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server said about the state of a URL, to be sent back the next time (RFC 9110 §8.8)."""

    url: str
    etag: str | None
    last_modified: str | None


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of a fetch: ``url`` after redirects, the charset of the Content-Type, and its validators."""

    url: str
    charset: str | None
    unchanged: bool
    validators: Validators


def without_password(url: str) -> str:
    """A web address as it may be told and kept: without the name and password that it may hold."""
    return _PASSWORD.sub(r"\1", url)


def known_validators(database: Database, url: str) -> Validators | None:
    """What the server said of a URL the last time it was imported."""
    url = without_password(url)
    with database.read() as connection:
        row = connection.execute(
            select(fetched.c.etag, fetched.c.last_modified).where(fetched.c.url == url)
        ).one_or_none()
    return Validators(url=url, etag=row.etag, last_modified=row.last_modified) if row else None


def remember_fetch(database: Database, validators: Validators, *, now: datetime) -> None:
    """Keep what the server said of a URL, in place of what it said before."""
    with database.write() as connection:
        connection.execute(delete(fetched).where(fetched.c.url == validators.url))
        connection.execute(
            fetched.insert().values(
                url=validators.url,
                etag=validators.etag,
                last_modified=validators.last_modified,
                fetched_at=now,
            )
        )


def fetch(
    url: str,
    target: Path,
    *,
    known: Validators | None = None,
    allow_private: bool = False,
    max_bytes: int,
    total_seconds: float = TOTAL_SECONDS,
    resolver: Resolver = resolve,
) -> Fetched:
    """Fetch a URL into a file; with ``known``, only if it has changed since.

    ``allow_private`` trusts the origin of ``url`` itself, wherever it is; a redirect to any other origin
    must be on the open internet. Raises ``ImporterError`` for whatever goes wrong.
    """
    shown = without_password(url)
    try:
        parsed = httpx2.URL(url)
        transport = FencedTransport(trusted=parsed if allow_private else None, resolver=resolver)
        timeout = httpx2.Timeout(READ_SECONDS, connect=CONNECT_SECONDS)
        with httpx2.Client(transport=transport, timeout=timeout, trust_env=False) as client:
            return _Fetch(client, shown, known, max_bytes, time.monotonic() + total_seconds).run(
                parsed, target
            )
    except (httpx2.InvalidURL, ValueError) as error:
        if isinstance(error, ImporterError):
            raise
        raise ImporterError(f"{shown}: is no web address: {error}") from error
    except httpx2.TimeoutException as error:
        raise ImporterError(f"{shown}: the server did not answer in time; try again later") from error
    except Fenced as error:
        raise ImporterError(f"{shown}: was not fetched: {error}") from error
    except (httpx2.HTTPError, OSError) as error:
        raise ImporterError(f"{shown}: could not be fetched: {str(error) or type(error).__name__}") from error


class _Fetch:
    """One fetch, with its redirects, up to a deadline."""

    def __init__(
        self, client: httpx2.Client, url: str, known: Validators | None, max_bytes: int, deadline: float
    ) -> None:
        self._client = client
        self._url = url
        self._known = known
        self._max_bytes = max_bytes
        self._deadline = deadline

    def run(self, address: httpx2.URL, target: Path) -> Fetched:
        for _ in range(MAX_REDIRECTS + 1):
            with self._client.stream("GET", address, headers=self._headers()) as response:
                if response.status_code not in _REDIRECTS:
                    return self._answer(response, target)
                address = self._next(response)
        raise ImporterError(f"{self._url}: redirects more than {MAX_REDIRECTS} times")

    def _headers(self) -> dict[str, str]:
        headers = dict(_HEADERS)
        if self._known and self._known.etag:
            headers["If-None-Match"] = self._known.etag
        if self._known and self._known.last_modified:
            headers["If-Modified-Since"] = self._known.last_modified
        return headers

    def _next(self, response: httpx2.Response) -> httpx2.URL:
        location = response.headers.get("location", "")
        following = response.url.join(location)
        if not location or following.scheme not in {"http", "https"} or not following.host:
            raise ImporterError(f"{self._url}: redirects to {one_line(location) or 'nowhere'}")
        if response.url.scheme == "https" and following.scheme == "http":
            raise ImporterError(
                f"{self._url}: redirects from https to {one_line(str(following))}, which is not safe"
            )
        return following

    def _answer(self, response: httpx2.Response, target: Path) -> Fetched:
        if response.status_code == 304 and self._known:
            return self._fetched(response, unchanged=True)
        if response.status_code != 200:
            raise ImporterError(f"{self._url}: the server answered {_status(response)}")
        with target.open("wb") as file:
            size = 0
            for piece in self._unpacked(response):
                size += len(piece)
                if size > self._max_bytes:
                    raise ImporterError(f"{self._url}: is larger than {self._max_bytes >> 20} MiB")
                file.write(piece)
        return self._fetched(response, unchanged=False)

    def _unpacked(self, response: httpx2.Response) -> Iterator[bytes]:
        coding = response.headers.get("content-encoding", "identity").strip().lower()
        if coding in {"identity", ""}:
            yield from self._raw(response)
        elif coding in {"gzip", "x-gzip"}:
            yield from self._gunzipped(response)
        else:
            raise ImporterError(f"{self._url}: came as {one_line(coding)}, which was not asked for")

    def _raw(self, response: httpx2.Response) -> Iterator[bytes]:
        for data in response.iter_raw():
            if time.monotonic() > self._deadline:
                raise ImporterError(f"{self._url}: took too long; try again later")
            yield data

    def _gunzipped(self, response: httpx2.Response) -> Iterator[bytes]:
        unpacker = zlib.decompressobj(wbits=31)
        try:
            for data in self._raw(response):
                piece = unpacker.decompress(data, _PIECE)
                while piece:
                    yield piece
                    piece = unpacker.decompress(unpacker.unconsumed_tail, _PIECE)
            if not unpacker.eof:
                raise ImporterError(f"{self._url}: was cut off on the way; try again")
        except zlib.error as error:
            raise ImporterError(f"{self._url}: is no gzip, though the server says so") from error

    def _fetched(self, response: httpx2.Response, *, unchanged: bool) -> Fetched:
        found = _CHARSET.search(response.headers.get("content-type", ""))
        return Fetched(
            url=without_password(str(response.url)),
            charset=found[1] if found else None,
            unchanged=unchanged,
            validators=Validators(
                url=self._url,
                etag=_header(response, "etag"),
                last_modified=_header(response, "last-modified"),
            ),
        )


def _header(response: httpx2.Response, name: str) -> str | None:
    """A header that can be sent back as it is; None when it is absent or odd."""
    value = str(response.headers.get(name, ""))
    return value if value and len(value) <= 1000 and value.isascii() and value.isprintable() else None


def _status(response: httpx2.Response) -> str:
    said = f"{response.status_code} {one_line(response.reason_phrase)}".strip()
    wait = response.headers.get("retry-after", "")
    return (
        f"{said}; it asks to wait {one_line(wait)}" + (" seconds" if wait.isdigit() else "") if wait else said
    )
