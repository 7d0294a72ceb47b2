"""``/digests``: the digests there are, their past editions as they were mailed, and these as a feed."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from digests.cadence import describe
from digests.model import Digest
from digests.past import (
    MailedEdition,
    archive_state,
    edition_message,
    listed_editions,
    mailed_edition,
    past_editions,
    posts_of,
)
from digests.store import find_digest, list_digests, reader_rhythm
from feeds.built import etag_of
from posts.blog import get_blog
from posts.model import PostState
from posts.reading import get_posts
from web.answers import CROSS_ORIGIN
from web.digestlinks import digest_url, edition_url, feed_url
from web.editionfeed import MEDIA_TYPE, POSTS, Issue, edition_feed, edition_title
from web.links import FeedLink, Links
from web.mailed import Mailed, for_everybody
from web.missing import Missing
from web.pages import HTML, PAGE_CACHING, Pages
from web.responding import Representation, respond

EDITIONS_A_PAGE = 25
EDITIONS_IN_FEED = 25
FEED_CACHING = "public, max-age=300"
# A mail's own page: whatever a template holds gets no script, no form, no origin and no cookie.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src https: http: data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")
_REMEMBERED = 64


@dataclass(frozen=True, slots=True)
class Archive:
    """What a digest's archive holds now: the editions listed, newest first. ``token`` changes with them."""

    token: object
    numbers: tuple[int, ...]
    feed: Representation | None = None


@dataclass(frozen=True, slots=True)
class ArchivePages:
    """Serves digests' past editions.

    An edition is shown as it was mailed, also when a post in it was deleted since: who got it has it. Once a
    post in it is private, the edition is gone (410), for it must not be read by everybody.
    """

    database: Database
    pages: Pages
    missing: Missing
    _archives: dict[str, Archive] = field(default_factory=dict)
    _mailed: dict[tuple[int, datetime], Mailed] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/digests", self.index),
            Route("/digests/{slug}.atom", self.feed),
            Route("/digests/{slug}", self.digest),
            Route("/digests/{slug}/{edition}", self.edition),
        ]

    def index(self, request: Request) -> Response:
        """The digests there are."""
        links = self.pages.links(request)
        with self.database.read() as connection:
            digests = list_digests(connection)
        shown = [(its, describe(reader_rhythm(its)), *_ways(links, its)) for its in digests]
        return self.pages.render(
            request, "digests.html", digests=shown, signup=self.pages.signup(links, None)
        )

    def digest(self, request: Request) -> Response:
        """A page of a digest's past editions, newest first."""
        page = _NUMBER.fullmatch(request.query_params.get("page", "1"))
        with self.database.read() as connection:
            its = find_digest(connection, request.path_params["slug"])
            if its is None or page is None:
                return self.missing.nothing(request)
            numbers = self._archive(connection, its).numbers
            begin = (int(page[0]) - 1) * EDITIONS_A_PAGE
            if begin and begin >= len(numbers):
                return self.missing.nothing(request)
            shown = past_editions(connection, numbers[begin : begin + EDITIONS_A_PAGE])
        links = self.pages.links(request)
        href, feed = _ways(links, its)
        newer, older = _turns(href, int(page[0]), len(numbers))
        return self.pages.render(
            request,
            "digest.html",
            digest=its,
            when=describe(reader_rhythm(its)),
            editions=[
                (links.relative(edition_url(links.site, its.slug, one.id)), edition_title(its, one), one)
                for one in shown
            ],
            total=len(numbers),
            feeds=[feed],
            signup=self.pages.signup(links, None),
            newer=newer,
            older=older,
            canonical=digest_url(links.site, its.slug),
        )

    def edition(self, request: Request) -> Response:
        """An edition as it was mailed, its reader's own links leading to the digest's archive."""
        slug, number = request.path_params["slug"], request.path_params["edition"]
        if _NUMBER.fullmatch(number) is None:
            return self.missing.nothing(request)
        with self.database.read() as connection:
            its = find_digest(connection, slug)
            found = mailed_edition(connection, slug, int(number))
            if found is None or its is None:
                return self.missing.nothing(request)
            if found.is_private:
                return self.missing.edition(request)
            mailed = self._as_mailed(connection, found)
            is_listed = found.id in self._archive(connection, its).numbers
        answer = self._shown(request, its, found, mailed)
        if not is_listed:
            answer.headers["X-Robots-Tag"] = "noindex"
        return answer

    def feed(self, request: Request) -> Response:
        """The newest editions as Atom."""
        with self.database.read() as connection:
            its = find_digest(connection, request.path_params["slug"])
            if its is None:
                return self.missing.nothing(request)
            archive = self._archive(connection, its)
            shown = archive.feed or self._feed(connection, its, archive)
        answer = respond(request, shown)
        answer.headers.update(CROSS_ORIGIN)
        answer.headers["Link"] = f'<{feed_url(self.pages.site, its.slug)}>; rel="self"; type="{MEDIA_TYPE}"'
        return answer

    def _shown(self, request: Request, its: Digest, found: MailedEdition, mailed: Mailed) -> Response:
        if mailed.html is None:
            href = _ways(self.pages.links(request), its)[0]
            return self.pages.render(
                request, "edition.html", digest=its, edition=found, text=mailed.text, href=href
            )
        body = mailed.html.encode(errors="replace")
        answer = respond(request, Representation(body, HTML, etag_of(body), PAGE_CACHING))
        answer.headers["Content-Security-Policy"] = MAIL_POLICY
        return answer

    def _as_mailed(self, connection: Connection, found: MailedEdition) -> Mailed:
        key = (found.id, found.rendered_at)
        mailed = self._mailed.get(key)
        if mailed is None:
            instead = digest_url(self.pages.site, found.digest)
            mailed = for_everybody(edition_message(connection, found.id), instead=instead)
            if len(self._mailed) >= _REMEMBERED:
                self._mailed.clear()
            self._mailed[key] = mailed
        return mailed

    def _archive(self, connection: Connection, its: Digest) -> Archive:
        """What is listed, asked for again when an edition came or a post changed."""
        token = (archive_state(connection, its), get_blog(connection).revision, its)
        kept = self._archives.get(its.slug)
        if kept is None or kept.token != token:
            if len(self._archives) >= _REMEMBERED:
                self._archives.clear()
            kept = self._archives[its.slug] = Archive(token, tuple(listed_editions(connection, its)))
        return kept

    def _feed(self, connection: Connection, its: Digest, archive: Archive) -> Representation:
        site = self.pages.site
        editions = past_editions(connection, archive.numbers[:EDITIONS_IN_FEED])
        ids = posts_of(connection, [one.id for one in editions])
        wanted = {number for some in ids.values() for number in some[:POSTS]}
        live = {one.id: one for one in get_posts(connection, sorted(wanted)) if one.state is PostState.LIVE}
        issues = [
            Issue(one, [live[number] for number in ids[one.id][:POSTS] if number in live], len(ids[one.id]))
            for one in editions
        ]
        body = edition_feed(site, get_blog(connection).feed_namespace, its, issues)
        changed = max((one.rendered_at for one in editions), default=None)
        shown = Representation(
            body, f"{MEDIA_TYPE}; charset=utf-8", etag_of(body), FEED_CACHING, last_modified=changed
        )
        self._archives[its.slug] = replace(archive, feed=shown)
        return shown


def _ways(links: Links, its: Digest) -> tuple[str, FeedLink]:
    """The addresses of a digest's archive and of its feed, as they stand on a page."""
    feed = FeedLink("Atom", MEDIA_TYPE, links.relative(feed_url(links.site, its.slug)))
    return links.relative(digest_url(links.site, its.slug)), feed


def _turns(href: str, page: int, total: int) -> tuple[str | None, str | None]:
    """The ways to newer and to older editions."""
    newer = None if page == 1 else href if page == 2 else f"{href}?page={page - 1}"
    return newer, f"{href}?page={page + 1}" if page * EDITIONS_A_PAGE < total else None
