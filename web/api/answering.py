"""How the API answers: documents, their tags, what is done once however often it is asked for, and pages."""

import binascii
import json
import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Annotated, Any, TypeVar
from urllib.parse import urlencode

from fastapi import Query
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response

from database.turns import take_turn
from web.api.access import Caller
from web.api.keeping import Kept, claim, keep
from web.api.problems import Problem, wrong
from web.responding import tags_in
from web.security import PRIVATE

JSON = "application/json"
# As PRIVATE, but that a program may keep what it got and ask whether it changed.
_READ = PRIVATE | {"Cache-Control": "private, no-cache"}
LONGEST_PAGE = 100
_KEY = re.compile(r"[!-~]{1,255}")

Item = TypeVar("Item")

Limit = Annotated[int, Query(ge=1, le=LONGEST_PAGE, description="How many at most.")]
Continue = Annotated[
    str | None, Query(max_length=500, description="Where to go on: `next` of the page before.")
]


@dataclass(frozen=True, slots=True)
class Answer:
    """A document, as it is answered; ``whole`` is what its tag is of, where less of it may be told."""

    document: BaseModel | None = None
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    whole: BaseModel | None = None

    def response(self) -> Response:
        """The answer to what acted: with the tag of what it shows now."""
        body = b"" if self.document is None else as_json(self.document)
        headers = {**PRIVATE, **self.headers}
        if self.document is not None and self.status < 300:
            headers["ETag"] = tag_of(self.whole or self.document)
        return Response(body, self.status, headers, JSON if body else None)


def as_json(document: BaseModel) -> bytes:
    """A document in JSON."""
    return document.model_dump_json().encode()


def tag_of(document: BaseModel) -> str:
    """The strong entity tag of a document: of what a program may change of it."""
    told = document.model_dump_json(exclude=volatile(document)).encode()
    return f'"{sha256(told).hexdigest()[:32]}"'


def volatile(document: BaseModel) -> set[str]:
    """The names of what changes by itself in a document, as its class says."""
    return set(getattr(type(document), "VOLATILE", ()))


def show(caller: Caller, look: Callable[[Connection], BaseModel]) -> Response:
    """The answer to a GET: what is seen over one state of the database; 304 for who has it."""
    with caller.api.database.read() as connection:
        caller.require_still(connection)
        document = look(connection)
    etag = tag_of(document)
    asked = caller.request.headers.getlist("if-none-match")
    if asked and not volatile(document) and {"*", etag} & set(tags_in(asked)):
        return Response(status_code=304, headers=_READ | {"ETag": etag})
    headers = _READ | {"ETag": etag, "Vary": "Authorization"}
    following = getattr(document, "next", None)
    if following is not None:
        headers["Link"] = f'<{_next_page(caller.request, following)}>; rel="next"'
    return Response(as_json(document), headers=headers, media_type=JSON)


def act(
    caller: Caller,
    do: Callable[[Connection], Answer],
    *,
    anew: Callable[[Connection, int], Answer] | None = None,
) -> Response:
    """The answer to what acts, done in one transaction; with an Idempotency-Key once, however often asked.

    ``anew`` makes the answer of a status again where it is of one person: such a one is not kept.
    """
    key = idempotency_key(caller.request)
    with caller.api.database.write() as connection:
        # What one program compares its If-Match with, or finds missing, no other changes meanwhile.
        take_turn(connection, "api")
        caller.require_still(connection)
        if key is not None:
            kept = claim(connection, own_key(caller, key), asked_hash(caller, key), now=caller.now)
            if kept is not None:
                return again(kept, None if anew is None else partial(anew, connection))
        response = do(connection).response()
        if key is not None:
            status = Kept(is_same=True, status=response.status_code)
            keep(connection, own_key(caller, key), kept_of(response) if anew is None else status)
    return response


def again(kept: Kept, anew: Callable[[int], Answer] | None = None) -> Response:
    """The answer that was given before; raises ``Problem`` where there is none yet, or to another request."""
    if not kept.is_same:
        raise Problem(422, "this Idempotency-Key came with another request before: use a new one")
    if kept.status is None:
        said = "the request with this Idempotency-Key is still being answered: ask again later"
        raise Problem(409, said, headers={"Retry-After": "5"})
    if anew is not None:
        response = anew(kept.status).response()
        response.headers["Idempotency-Replayed"] = "true"
        return response
    return Response(kept.body, kept.status, {**kept.headers, "Idempotency-Replayed": "true"})


def kept_of(response: Response) -> Kept:
    """An answer as it is kept."""
    names = ("content-type", "etag", "location", "cache-control", "referrer-policy", "x-robots-tag")
    headers = {name: response.headers[name] for name in names if name in response.headers}
    return Kept(True, response.status_code, headers, bytes(response.body))


def idempotency_key(request: Request) -> str | None:
    """What a POST names itself by; raises ``Problem`` (422) for what is no key."""
    if request.method != "POST":
        return None
    given = request.headers.getlist("idempotency-key")
    if not given:
        return None
    if len(given) > 1 or not _KEY.fullmatch(given[0]):
        raise wrong("Idempotency-Key", "is none: use 1 to 255 ASCII characters without blanks")
    return given[0]


def own_key(caller: Caller, key: str) -> str:
    """SHA-256 of a token and a key: no program can ask for what another was answered."""
    # A number may be another token's once its own is revoked.
    return sha256(f"{caller.token.id} {caller.token.created_at.isoformat()} {key}".encode()).hexdigest()


def asked_hash(caller: Caller, key: str) -> str:
    """SHA-256 of a request and its key: the same one has the same, and nobody can guess what it said."""
    url = caller.request.url
    told = f"{key} {caller.request.method} {url.path}?{url.query} {caller.body_hash}"
    return sha256(told.encode(errors="replace")).hexdigest()


def require_match(caller: Caller, document: BaseModel | None) -> None:
    """Go on only if what is there (None: nothing) is what the caller knows; raises ``Problem`` (412).

    RFC 9110 §13.1: If-Match compares strongly, ``If-None-Match: *`` is for what must not be there yet.
    """
    headers = caller.request.headers
    match, none_match = headers.getlist("if-match"), headers.getlist("if-none-match")
    known = None if document is None else tag_of(document)
    if match:
        weak = {tag for part in match for tag in part.split(",") if tag.strip().startswith("W/")}
        tags = set(tags_in(match)) - {tag.strip().removeprefix("W/") for tag in weak}
        if known is None or not {"*", known} & tags:
            raise Problem(412, "this has changed meanwhile: get it again, and change that")
    if none_match and known is not None and {"*", known} & set(tags_in(none_match)):
        raise Problem(412, "this is there already")


def _next_page(request: Request, cursor: str) -> str:
    """The address of the page that follows, from this one on: right below any path and name of the site."""
    others = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f"?{urlencode([*others, ('cursor', cursor)])}"


def write_cursor(*parts: int | str | datetime) -> str:
    """A place in a list, to go on from."""
    told = [part.isoformat() if isinstance(part, datetime) else part for part in parts]
    return urlsafe_b64encode(json.dumps(told).encode()).decode().rstrip("=")


def read_cursor(text: str, *kinds: type[int | str | datetime]) -> tuple[Any, ...]:
    """A place as ``write_cursor`` wrote it; raises ``Problem`` (422)."""
    problem = wrong("?cursor", "is none that a page before this one gave")
    try:
        parts = json.loads(urlsafe_b64decode(text.encode() + b"=" * (-len(text) % 4)))
        if not isinstance(parts, list) or len(parts) != len(kinds):
            raise problem
        return tuple(_part(part, kind) for part, kind in zip(parts, kinds, strict=True))
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error) as error:
        raise problem from error


def _part(part: object, kind: type) -> object:
    if kind is datetime:
        moment = datetime.fromisoformat(str(part))
        if moment.tzinfo is None:
            raise ValueError(part)
        return moment.astimezone(UTC)
    if type(part) is not kind or (isinstance(part, int) and not -1 <= part < 2**63):
        raise ValueError(part)
    if isinstance(part, str) and not part.isprintable():
        raise ValueError(part)
    return part


def page_of(
    found: Sequence[Item], limit: int, cursor: Callable[[Item], str]
) -> tuple[Sequence[Item], str | None]:
    """The items of a page, of which one more than ``limit`` was asked for, and where the next one begins."""
    shown = found[:limit]
    return shown, cursor(shown[-1]) if len(found) > limit else None
