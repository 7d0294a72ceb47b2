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
from feeds.parts import PartSpec
from feeds.ruling import name_of_rule, stranger_in
from posts.lookup import load_labels
from posts.loosely import LooseLabels
from web.answers import CROSS_ORIGIN, Answer, Reply
from web.asked import Asked, BadRequest
from web.blogger import write_blogger
from web.encodings import CODINGS, Coding
from web.missing import Missing
from web.private import may_have, unauthorized
from web.resolving import KEY, Addresses, AddressRoute, parse_query, read_ours, split_address
from web.responding import coding_for, tags_in, wants_difference
from web.shortway import Answered, Note

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
        self._missing = missing
        self._addresses = addresses
        self._serves_renamed = renamed == "serve"
        self._note = note
        self._answered = answered
        self._extra = extra
        self._loose = LooseLabels()

    def routes(self) -> list[BaseRoute]:
        """One route, for all addresses of feeds."""
        return [AddressRoute(self._addresses, self.answer)]

    def prepare(self, asked: Asked) -> Answer | None:
        """What an address answers while nothing changes; None when that is for ``answer`` to tell each time.

        Raises ``DatabaseUnavailable`` and ``AddressError``.
        """
        built = self._build(asked)
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
            return Response(status_code=204, headers=_allowed(built))
        if built.spec.is_private and not self._is_let_in(request, built):
            return unauthorized()
        place = self._moved(asked, built)
        return (
            _redirect(request, built, place)
            if place
            else self._shown(request, Answer(built, extra=self._extra))
        )

    def _found(self, request: Request) -> tuple[Asked, BuiltFeed] | Response:
        """What is asked for and the feed; or the answer that says why there is none."""
        try:
            asked = self._addresses.find(request.scope["raw_path"], request.scope["query_string"])
            built = None if asked is None else self._build(asked)
        except BadRequest as error:
            return PlainTextResponse(f"{error}\n", status_code=400, headers={"Cache-Control": "no-store"})
        except AddressError as error:
            return self._missing.rule(request, str(error))
        if asked is None or built is None:
            return self._missing.label(request, self._unknown(asked))
        return asked, built

    def _is_let_in(self, request: Request, built: BuiltFeed) -> bool:
        with self._builder.database.read() as connection:
            return may_have(connection, request, built.spec.slug)

    def _build(self, asked: Asked) -> BuiltFeed | None:
        name = self._named(asked)
        if name is None:
            return None
        if asked.part is not None:
            return self._part(asked, name, asked.part)
        if asked.number is not None:
            return self._builder.archive(
                name, asked.number, asked.suffix, content=asked.content, edition=asked.edition
            )
        built = self._builder.build(
            name, asked.suffix, content=asked.content, query=asked.query, before=asked.before
        )
        # Under a rule nothing private ever stood elsewhere: who asks so must not learn that there is such.
        return None if built and asked.rule and built.spec.is_private else built

    def _part(self, asked: Asked, name: str, part: PartSpec) -> BuiltFeed | None:
        home = self._builder.site.home_url
        return self._builder.parts.build(
            name,
            asked.suffix,
            part,
            address=lambda start: home + write_blogger(asked, start=start),
            content=asked.content,
            query=asked.query,
        )

    def _named(self, asked: Asked) -> str | None:
        """The name of the feed; None when it has none."""
        if asked.rule is None:
            return asked.name
        with self._builder.database.read() as connection:
            return name_of_rule(connection, asked.rule, guess=self._loose.find)

    def _unknown(self, asked: Asked | None) -> str:
        """What a person would call that which is not there."""
        if asked is None:
            return ""
        if asked.rule is None:
            return asked.name or ""
        with self._builder.database.read() as connection:
            return stranger_in(connection, asked.rule, guess=self._loose.find)

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


def _allowed(built: BuiltFeed) -> dict[str, str]:
    """What may be done with a feed, also by other sites' scripts unless it is private."""
    allowed = {"Allow": ", ".join(METHODS)}
    return allowed if built.spec.is_private else allowed | CROSS_ORIGIN | PREFLIGHT


def _plain(tag: str) -> str:
    """The ETag of the plain form, by that of any."""
    for coding in CODINGS:
        tag = tag.removesuffix(f'-{coding}"') + '"' if tag.endswith(f'-{coding}"') else tag
    return tag
