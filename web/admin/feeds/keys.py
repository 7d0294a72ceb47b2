"""``/admin/feeds/configured/{slug}/keys``: who may read a private feed."""

from dataclasses import dataclass
from urllib.parse import quote, urlencode

from starlette.responses import Response
from starlette.routing import Route

from feeds.configured import configured_feed
from feeds.formats.known import SUFFIXES
from feeds.keys import GrantError, grant, grants, has_key, private_url, revoke
from feeds.selection import find_feed
from web.admin.feeds.form import sentence
from web.admin.frame import Done, Frame, Shown, Visit

_SIZE = 50


@dataclass(frozen=True, slots=True)
class FeedKeysPage:
    """The keys of a private feed: given, listed, taken away."""

    frame: Frame

    def routes(self) -> list[Route]:
        """Its address."""
        return [self.frame.route("/feeds/configured/{slug}/keys", self.show, self.act)]

    def show(self, visit: Visit) -> Shown | Response:
        """Who has a key, by name."""
        return self._page(visit)

    def act(self, visit: Visit) -> Shown | Done | Response:
        """Give a key, which is shown this once, or take one away."""
        slug, reader = visit.path("slug"), visit.one("reader")
        if not slug.isprintable():
            return self.frame.missing.nothing(visit.request)
        try:
            if visit.one("do") == "revoke":
                return self._revoke(visit, slug, reader)
            return self._grant(visit, slug, reader)
        except GrantError as error:
            return self._page(visit, wrong=sentence(error, slug), status=422)

    def _grant(self, visit: Visit, slug: str, reader: str) -> Shown | Response:
        suffix = visit.one("format")
        suffix = suffix if suffix in SUFFIXES else SUFFIXES[0]
        site = self.frame.pages.site
        with self.frame.database.write() as connection:
            replaces = has_key(connection, slug, reader)
            # Also what a page that is loaded again asks for.
            if replaces and visit.one("replace") != reader:
                return self._page(visit, replaces=reader, status=409)
            key = grant(connection, slug, reader, now=visit.now)
            visit.record(connection, "feed.grant", slug, replaced=replaces)
            spec = find_feed(connection, site, slug)
        address = "" if spec is None else private_url(site, spec, suffix, key)
        return self._page(visit, given=address, reader=reader)

    def _revoke(self, visit: Visit, slug: str, reader: str) -> Done:
        with self.frame.database.write() as connection:
            if revoke(connection, slug, reader, now=visit.now):
                visit.record(connection, "feed.revoke", slug)
        return Done(f"/feeds/configured/{quote(slug)}/keys", f"{reader} may read the feed no more.")

    def _page(
        self,
        visit: Visit,
        *,
        wrong: str = "",
        given: str = "",
        replaces: str = "",
        reader: str = "",
        status: int = 200,
    ) -> Shown | Response:
        slug = visit.path("slug")
        # What a database cannot take is nobody's name.
        words, after = (text if text.isprintable() else "" for text in map(visit.query, ("q", "after")))
        with self.frame.database.read() as connection:
            row = configured_feed(connection, slug)
            if row is None:
                return self.frame.missing.nothing(visit.request)
            found = (
                grants(connection, slug, after=after, words=words, limit=_SIZE + 1) if row.is_private else []
            )
        asked = [(name, value) for name, value in (("q", words),) if value]
        more = f"?{urlencode([*asked, ('after', found[_SIZE - 1].reader)])}" if len(found) > _SIZE else None
        return Shown(
            "feeds_keys.html",
            {
                "slug": slug,
                "is_private": row.is_private,
                "grants": found[:_SIZE],
                "more": more,
                "words": words,
                "is_first": not after,
                "wrong": {"reader": wrong} if wrong else {},
                "typed": visit.one("reader") if wrong or replaces else "",
                "format": visit.one("format") or SUFFIXES[0],
                "suffixes": SUFFIXES,
                "given": given,
                "reader": reader,
                "replaces": replaces,
            },
            status,
        )
