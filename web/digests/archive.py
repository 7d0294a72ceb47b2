"""``/digests``: the digests there are, their past editions as they were mailed, and these as a feed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import Database
from digests.model import Digest
from digests.past import (
    MailedEdition,
    PastEdition,
    archive_state,
    edition_message,
    listed_editions,
    mailed_edition,
    past_editions,
)
from digests.rhythm import describe_to_readers
from digests.store import find_digest, list_digests, reader_rhythm
from feeds.built import etag_of
from posts.blog import get_blog
from posts.model import Post
from templates.environment import day
from web.blog.signingup import with_form
from web.digests.around import neighbours, page_of, put_around
from web.digests.digestlinks import digest_url, feed_url
from web.digests.editionfeed import MEDIA_TYPE, Issue, edition_feed
from web.digests.itsposts import count_posts, posts_named
from web.digests.listed import Listed, listed, turn, ways
from web.digests.mailed import Mailed, for_everybody
from web.feeds.answers import CROSS_ORIGIN
from web.links import Links
from web.missing import Missing
from web.pages import HTML, PAGE_CACHING, Pages
from web.readers.signupform import Asked, signup_form, signup_way
from web.responding import Representation, respond

EDITIONS_A_PAGE = 25
EDITIONS_IN_FEED = 25
# Of each edition in a list so many posts are named; of so many digests the newest edition is.
POSTS_BESIDE = 3
MOST_LOOKED_INTO = 50
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
class Beside:
    """What belongs to an edition's page: all of the archive, the editions next to it, its posts."""

    numbers: Sequence[int]
    editions: Sequence[PastEdition]
    posts: Sequence[Post]


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
        """The digests there are, each with its newest edition."""
        links = self.pages.links(request)
        with self.database.read() as connection:
            digests = list_digests(connection)
            shown = [(its, describe_to_readers(reader_rhythm(its)), *ways(links, its)) for its in digests]
            newest = {its.slug: self._newest(connection, links, its) for its in digests[:MOST_LOOKED_INTO]}
            form, signup = signup_way(connection, self.pages, links, None)
        told = self.pages.render(
            request, "digests.html", digests=shown, newest=newest, form=form, signup=signup
        )
        return with_form(told, form)

    def _newest(self, connection: Connection, links: Links, its: Digest) -> Listed | None:
        editions = past_editions(connection, self._archive(connection, its).numbers[:1])
        return listed(links, its, editions[0]) if editions else None

    def digest(self, request: Request) -> Response:
        """A page of a digest's past editions, newest first; ``before`` is the last one of the page before."""
        before = request.query_params.get("before")
        links = self.pages.links(request)
        with self.database.read() as connection:
            its = find_digest(connection, request.path_params["slug"])
            if its is None or (before is not None and _NUMBER.fullmatch(before) is None):
                return self.missing.nothing(request)
            numbers = self._archive(connection, its).numbers
            page = page_of(numbers, None if before is None else int(before), EDITIONS_A_PAGE)
            if page is None:
                return self.missing.nothing(request)
            shown = past_editions(connection, numbers[page[0] : page[0] + EDITIONS_A_PAGE])
            posts = posts_named(connection, [one.id for one in shown], most=POSTS_BESIDE)
            form = None
            if self.pages.has_signup:
                form = signup_form(connection, links, Asked(digest=its.slug))
        href, feed = ways(links, its)
        newer, older = (turn(href, cursor) for cursor in page[1:])
        last = " – ".join(day(one.window_end, its.timezone) for one in (shown[-1], shown[0])) if shown else ""
        told = self.pages.render(
            request,
            "digest.html",
            digest=its,
            when=describe_to_readers(reader_rhythm(its)),
            editions=[
                (listed(links, its, one), [(post.title, links.post(post)) for post in posts[one.id]])
                for one in shown
            ],
            span=last if before is not None else "",
            total=len(numbers),
            feeds=[feed],
            form=form,
            signup=self.pages.signup(links, None) if form is None else None,
            newer=newer,
            older=older,
            canonical=digest_url(links.site, its.slug),
        )
        return with_form(told, form)

    def edition(self, request: Request) -> Response:
        """An edition as it was mailed, its reader's own links leading to the digest's archive."""
        slug, number = request.path_params["slug"], request.path_params["edition"]
        if _NUMBER.fullmatch(number) is None:
            return self.missing.nothing(request)
        with self.database.read() as connection:
            its = find_digest(connection, slug)
            found = None if its is None else mailed_edition(connection, slug, int(number))
            if found is None or its is None:
                return self.missing.nothing(request)
            if found.is_private:
                return self.missing.edition(request)
            mailed = self._as_mailed(connection, found)
            numbers = self._archive(connection, its).numbers
            beside = past_editions(connection, [one for one in neighbours(numbers, found.id) if one])
            posts = posts_named(connection, [found.id])[found.id]
        answer = self._shown(request, its, found, mailed, Beside(numbers, beside, posts))
        if found.id not in numbers:
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

    def _shown(
        self, request: Request, its: Digest, found: MailedEdition, mailed: Mailed, beside: Beside
    ) -> Response:
        links = self.pages.links(request)
        by_number = {one.id: listed(links, its, one) for one in beside.editions}
        newer, older = (by_number.get(one or 0) for one in neighbours(beside.numbers, found.id))
        told: dict[str, Any] = {
            "digest": its,
            "edition": found,
            "href": ways(links, its)[0],
            "newer": newer,
            "older": older,
            "posts": [(post.title, way) for post in beside.posts if (way := links.post(post)) is not None],
            "signup": f"{links.root}/subscribe?digest={its.slug}" if self.pages.has_signup else None,
        }
        if mailed.html is None:
            return self.pages.render(request, "edition.html", text=mailed.text, **told)
        bar = self.pages.environment.get_template("page/edition_bar.html").make_module(
            {"site": self.pages.site, "root": links.root} | told
        )
        parts = {name: str(getattr(bar, name)()) for name in ("title", "head", "above", "below")}
        body = put_around(mailed.html, **parts).encode(errors="replace")
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
        posts = posts_named(connection, [one.id for one in editions])
        counts = count_posts(connection, [one.id for one in editions])
        issues = [Issue(one, posts[one.id], counts[one.id]) for one in editions]
        body = edition_feed(site, get_blog(connection).feed_namespace, its, issues)
        changed = max((one.rendered_at for one in editions), default=None)
        shown = Representation(
            body, f"{MEDIA_TYPE}; charset=utf-8", etag_of(body), FEED_CACHING, last_modified=changed
        )
        self._archives[its.slug] = replace(archive, feed=shown)
        return shown
