"""Feeds the long way: all that their addresses can answer. What stays the same is kept for the short way."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from posixpath import dirname, relpath
from typing import Literal
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from feeds.addresses import AddressError
from feeds.build import BuiltFeed, FeedBuilder
from feeds.specs import FeedSpec
from posts.lookup import load_labels
from web.feeds.answers import CROSS_ORIGIN, Answer, Reply
from web.feeds.asked import Asked, BadRequest
from web.feeds.encodings import CODINGS, Coding
from web.feeds.lookup import FeedLookup
from web.feeds.private import may_have, unauthorized
from web.feeds.resolving import KEY, Addresses, AddressRoute, parse_query, read_ours, split_address
from web.feeds.shortway import Answered, Note
from web.missing import Missing
from web.responding import coding_for, tags_in, wants_difference

METHODS = ("GET", "HEAD", "OPTIONS")
REDIRECT_CACHING = "public, max-age=3600"
# What scripts of other sites may send beside the plainest headers.
PREFLIGHT = {
    "Access-Control-Allow-Methods": "GET, HEAD",
    "Access-Control-Allow-Headers": "A-IM, If-Modified-Since, If-None-Match",
    "Access-Control-Max-Age": "86400",
}
Renamed = Literal["redirect", "serve"]


class FeedPages:
    """Serves the feeds that a builder builds.

    ``renamed`` is what the old address of a renamed label's feed answers: where it is now, or the feed.
    ``extra`` are headers that every answer bears.
    """

    def __init__(
        self,
        builder: FeedBuilder,
        missing: Missing,
        addresses: Addresses,
        *,
        renamed: Renamed,
        note: Note,
        answered: Answered,
        extra: Mapping[str, str],
    ) -> None:
        self._builder = builder
        self._lookup = FeedLookup(builder)
        self._missing = missing
        self._addresses = addresses
        self._serves_renamed = renamed == "serve"
        self._note = note
        self._answered = answered
        self._extra = extra

    def routes(self) -> list[BaseRoute]:
        """One route, for all addresses of feeds."""
        return [AddressRoute(self._addresses, self.answer)]

    def prepare(self, asked: Asked) -> Answer | None:
        """What an address answers while nothing changes; None when that is for ``answer`` to tell each time.

        Raises ``DatabaseUnavailable`` and ``AddressError``.
        """
        spec = self._lookup.spec(asked)
        if spec is None or spec.is_private:
            return None
        built = self._lookup.document(asked)
        if built is None or built.spec.is_private or self._moved(asked, built):
            return None
        return Answer(built, extra=self._extra)

    def differ(self, answer: Answer, none_match: Sequence[str], coding: Coding) -> Reply | None:
        """A 226 with what is new to the client (RFC 3229); None: let it have the whole feed.

        ``none_match`` are the values of If-None-Match.
        """
        for tag in tags_in(none_match):
            base = _plain(tag)
            part = None if base == answer.built.etag else self._builder.since(answer.built, base)
            if part is not None:
                return answer.difference(part, base, coding)
        return None

    def answer(self, request: Request) -> Response:
        """A feed; else where it is now, or why there is none."""
        response = self._answer(request)
        self._answered(response.status_code)
        return response

    def _answer(self, request: Request) -> Response:
        if request.method not in METHODS:
            return PlainTextResponse(
                "Feeds can only be read.\n", status_code=405, headers={"Allow": ", ".join(METHODS)}
            )
        found = self._found(request)
        if isinstance(found, Response):
            return found
        asked, built = found
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_allowed(built.spec))
        place = self._moved(asked, built)
        return (
            _redirect(request, built, place)
            if place
            else self._shown(request, Answer(built, extra=self._extra))
        )

    def _found(self, request: Request) -> tuple[Asked, BuiltFeed] | Response:
        """What is asked for and the feed; or the answer that says why there is none for this client."""
        try:
            asked = self._addresses.find(request.scope["raw_path"], request.scope["query_string"])
            return self._missing.nothing(request) if asked is None else self._opened(request, asked)
        except BadRequest as error:
            return PlainTextResponse(f"{error}\n", status_code=400, headers={"Cache-Control": "no-store"})
        except AddressError as error:
            return self._missing.rule(request, str(error))

    def _opened(self, request: Request, asked: Asked) -> tuple[Asked, BuiltFeed] | Response:
        spec = self._lookup.spec(asked)
        if spec is not None and spec.is_private:
            if request.method == "OPTIONS":
                return Response(status_code=204, headers=_allowed(spec))
            if not self._is_let_in(request, spec):
                return unauthorized()
        built = None if spec is None else self._lookup.document(asked)
        if spec is None or built is None:
            return self._missing.label(request, self._lookup.stranger(asked))
        # It may have become so meanwhile.
        return unauthorized() if built.spec.is_private and not spec.is_private else (asked, built)

    def _is_let_in(self, request: Request, spec: FeedSpec) -> bool:
        with self._builder.database.read() as connection:
            return may_have(connection, request, spec.slug)

    def _moved(self, asked: Asked, built: BuiltFeed) -> str | None:
        """The canonical address of what was asked for, from the front page on, unless that was asked."""
        if not asked.is_ours:
            return None
        place = "/" + built.self_url.removeprefix(self._builder.site.home_url)
        canonical = read_ours(*split_address(place))
        if asked == canonical:
            return None
        if self._serves_renamed and canonical == replace(asked, name=built.spec.slug):
            return None if self._is_renamed(asked.name) else place
        return place

    def _is_renamed(self, name: str | None) -> bool:
        if not name:
            return False
        with self._builder.database.read() as connection:
            return name in load_labels(connection, [name]).old_slugs

    def _shown(self, request: Request, answer: Answer) -> Response:
        """The feed, or what is new in it, or that the client has it."""
        built = answer.built
        if request.method == "GET" and request.client and answer.uri:
            self._note(
                answer.uri, request.client.host, request.headers.get("user-agent", ""), request.url.path
            )
        coding = coding_for(request.headers.get("accept-encoding"), len(built.body))
        none_match = request.headers.getlist("if-none-match")
        if answer.is_known(coding, none_match, request.headers.get("if-modified-since")):
            return answer.known(coding).as_response(request.method)
        if wants_difference(request.headers.get("a-im", ""), request.headers.get("user-agent", "")):
            part = self.differ(answer, none_match, coding)
            if part is not None:
                return part.as_response(request.method)
        return answer.make(coding).as_response(request.method)


def _redirect(request: Request, built: BuiltFeed, place: str) -> Response:
    """To a place of this site, from where the client is: it may know the site by another name.

    For good (301), unless it is an archive document that is not closed yet, or was one. A key that was asked
    with goes along, and then no cache may keep where.
    """
    path, _, query = place.partition("?")
    is_for_good = built.is_closed or (built.number is None and not built.is_moved)
    headers = {"Cache-Control": REDIRECT_CACHING if is_for_good else "no-cache"} | CROSS_ORIGIN
    key = parse_query(request.scope["query_string"]).get(KEY)
    if key is not None or built.spec.is_private:
        query = "&".join(filter(None, (query, urlencode({KEY: key}) if key is not None else "")))
        headers = {"Cache-Control": "private, no-store"}
    asked = request.scope["raw_path"].decode(errors="replace")
    where = f"./{relpath(path, dirname(asked))}" + (f"?{query}" if query else "")
    headers["Location"] = where.replace("./../", "../", 1)
    return Response(status_code=301 if is_for_good else 302, headers=headers)


def _allowed(spec: FeedSpec) -> dict[str, str]:
    """What may be done with a feed, also by other sites' scripts unless it is private."""
    allowed = {"Allow": ", ".join(METHODS)}
    return allowed if spec.is_private else allowed | CROSS_ORIGIN | PREFLIGHT


def _plain(tag: str) -> str:
    """The ETag of the plain form, by that of any."""
    for coding in CODINGS:
        tag = tag.removesuffix(f'-{coding}"') + '"' if tag.endswith(f'-{coding}"') else tag
    return tag
