"""``/api/webhooks/…``: what other systems call when a post is published there.

They can set no header of their own: the token stands in the address (``?token=…``), or the message is signed
(``?name=…``) with a secret that only they and we know.
"""

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from posts.model import Post, PostState, SourcePost
from posts.putting import newest_urls, number_of, numbers_at, prepare, put, told_again
from posts.reading import get_posts
from posts.sanitize import permanent_id
from web.accounts.audit import record
from web.accounts.tokens import AccessToken, TokenScope, find_named
from web.api.access import Api, refused
from web.api.answering import Answer
from web.api.problems import Problem, missing
from web.api.webhooks import ghost, wordpress
from web.api.webhooks.told import NotUnderstood, Told

router = APIRouter(tags=["webhooks"])

Token = Annotated[str, Query(max_length=200, description="A token with the scope `posts:write` alone.")]
Name = Annotated[str, Query(max_length=64, description="The name of the token whose secret signs it.")]


class Done(BaseModel):
    """What became of an event: ``stored``, ``unchanged``, ``withdrawn``, or ``ignored`` and why."""

    done: str
    number: int | None = None
    why: str | None = None


_BODY = {"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}}
_FORM = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"type": "object"}},
            "application/x-www-form-urlencoded": {"schema": {"type": "object"}},
        },
    }
}


@router.post("/webhooks/ghost", response_model=Done, openapi_extra=_BODY)
async def from_ghost(request: Request, *, token: Token = "", name: Name = "") -> Response:
    """An event of Ghost: a post was published, edited, unpublished or deleted."""
    return await run_in_threadpool(_ghost, request, token, name)


@router.post("/webhooks/wordpress", response_model=Done, openapi_extra=_FORM)
async def from_wordpress(request: Request, *, token: Token = "") -> Response:
    """An event of WordPress: a post was published, edited or deleted."""
    return await run_in_threadpool(_wordpress, request, token)


def _ghost(request: Request, token: str, name: str) -> Response:
    api: Api = request.app.state.labelcast
    body: bytes = request.scope["labelcast.body"]
    header = request.headers.get("x-ghost-signature", "")
    sender = _signer(api, request, name, header, body) if name else _bearer(api, request, token)
    return _take(api, sender, _read(lambda: ghost.read(body)))


def _wordpress(request: Request, token: str) -> Response:
    api: Api = request.app.state.labelcast
    body: bytes = request.scope["labelcast.body"]
    sender = _bearer(api, request, token)
    return _take(api, sender, _read(lambda: wordpress.read(request.headers.get("content-type", ""), body)))


def _read(reading: Any) -> Told:
    try:
        told: Told = reading()
    except NotUnderstood as error:
        raise Problem(422, str(error)) from error
    return told


def _bearer(api: Api, request: Request, token: str) -> AccessToken:
    """Whose token stands in the address: one that may do no more than this, for addresses get about."""
    found = api.admit(token, request.client.host if request.client else "")
    if found.scopes != {TokenScope.POSTS_WRITE}:
        said = f"the token {found.name} must have the scope posts:write and no other: it stands in an address"
        raise Problem(403, said)
    return found


def _signer(api: Api, request: Request, name: str, header: str, body: bytes) -> AccessToken:
    """Whose secret a message is signed with."""
    now = api.now()
    with api.database.read() as connection:
        found = find_named(connection, name)
    good = found is not None and not found.is_expired(now)
    if (
        found is None
        or not good
        or not ghost.is_signed(header, body, api.work.webhook_secrets(found), now=now)
    ):
        api.rates.count_bad(request.client.host if request.client else "", now)
        raise refused(is_wrong=True)
    if not found.may(TokenScope.POSTS_WRITE):
        raise Problem(403, f"the token {found.name} may not do this: it needs the scope posts:write")
    api.welcome(found, now)
    return found


def _take(api: Api, sender: AccessToken, told: Told) -> Response:
    """Store what an event tells; whatever is told twice changes nothing the second time."""
    if told.state is None:
        return Answer(Done(done="ignored", why=told.why)).response()
    if not (told.uri or told.url):
        raise Problem(422, "it tells neither an id nor a link of the post")
    now = api.now()
    with api.database.write() as connection:
        known = _known(connection, told)
        if known is None and told.state is not PostState.LIVE:
            # What nobody had cannot be taken from them.
            return Answer(Done(done="ignored", why="there is no such post here")).response()
        before = SourcePost(told.uri, told.url, None, "", None, None, has_all_labels=False)
        source = _told(told, before if known is None else told_again(connection, known))
        stored = put(connection, prepare(source, now=now), now=now)
        done = "unchanged"
        if stored.is_new or stored.is_changed:
            done = "stored" if told.state is PostState.LIVE else "withdrawn"
            did = {"stored": "post.add" if stored.is_new else "post.change", "withdrawn": "post.delete"}[done]
            actor, title = f"token:{sender.name}", stored.post.title[:200]
            detail = {"id": stored.post.uri}
            record(connection, actor=actor, action=did, subject=title, now=now, detail=detail)
    return Answer(Done(done=done, number=stored.post.id)).response()


def _told(told: Told, known: SourcePost) -> SourcePost:
    """What is known of a post with what was told; what was not stays."""
    changes = {"state": told.state, **told.changes}
    if told.url is not None and told.state is PostState.LIVE:
        changes["url"] = told.url
    if "labels" in told.changes:
        changes["has_all_labels"] = True
    return replace(known, **changes)


def _known(connection: Connection, told: Told) -> Post | None:
    """The post that an event is of: by its id as an import writes it, else by its link.

    An id that is no address of its own is one's own within its blog: where no link tells the blog, it is one
    of those whose posts are here.
    """
    links = [told.url] if told.url else newest_urls(connection) if told.uri else []
    for link in links:
        uri = permanent_id(told.uri, link)
        number = None if uri is None else number_of(connection, uri)
        if number is not None:
            return _stored(connection, number)
    at = numbers_at(connection, told.url) if told.url else []
    return _stored(connection, at[0]) if len(at) == 1 else None


def _stored(connection: Connection, number: int) -> Post:
    found = get_posts(connection, [number])
    if not found:
        raise missing("there is no such post")
    return found[0]
