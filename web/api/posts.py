"""``/api/posts``: what a CMS calls when it publishes, and what reads them."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Literal
from uuid import uuid4

from fastapi import APIRouter, Depends, Query
from sqlalchemy import Connection
from starlette.responses import Response

from posts.finding import Shelf, Wanted, find_page
from posts.model import Post
from posts.putting import newest_urls, number_of, numbers_at, prepare, put, told_again, withdrawn
from posts.reading import get_posts
from posts.rules import All, And, HasLabel, Rule, parse
from posts.sanitize import CleanPost, permanent_id
from posts.scope import Cursor
from web.accounts.tokens import TokenScope
from web.api.access import Caller, Need
from web.api.answering import (
    Answer,
    Continue,
    Limit,
    act,
    read_cursor,
    require_match,
    show,
    write_cursor,
)
from web.api.fields import Number, RuleText
from web.api.post_documents import (
    UNTOLD,
    PostChange,
    PostDocument,
    PostPage,
    PostWhole,
    State,
    changed,
    document,
    documents,
    source_of,
)
from web.api.problems import Problem, missing, wrong

router = APIRouter(tags=["posts"])
Reads = Annotated[Caller, Depends(Need(TokenScope.POSTS_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.POSTS_WRITE))]

IdQuery = Annotated[str | None, Query(max_length=1000, description="Its permanent id.")]
UrlQuery = Annotated[str | None, Query(max_length=4096, description="Its address.")]


@router.get("/posts", response_model=PostPage)
def list_posts(
    caller: Reads,
    *,
    rule: RuleText = None,
    label: Annotated[str | None, Query(max_length=200, description="Only posts with this label.")] = None,
    state: Annotated[State | None, Query(description="Only posts in this state.")] = None,
    words: Annotated[str | None, Query(max_length=1000, description="Only posts with these words.")] = None,
    html: Annotated[Literal["true", "false"], Query(description="With their text?")] = "false",
    limit: Limit = 50,
    cursor: Continue = None,
) -> Response:
    """List posts, newest first."""
    before = None if cursor is None else Cursor(*read_cursor(cursor, datetime, int))
    shelf = None if state is None else Shelf(state)
    wanted = Wanted(words=words or "", rule=_rule(rule, label), shelf=shelf)

    def look(connection: Connection) -> PostPage:
        page = find_page(connection, wanted, before=before, limit=limit)
        posts = get_posts(connection, [one.id for one in page.posts])
        following = None if page.older is None else write_cursor(page.older.published, page.older.id)
        return PostPage(items=documents(connection, posts, html=html == "true"), next=following)

    return show(caller, look)


@router.post("/posts", status_code=201, response_model=PostDocument)
def create_post(caller: Writes, body: PostWhole) -> Response:
    """Store a new post. Without an id its url is the id; without both it is given an id."""
    source = source_of(body, uri=body.id if body.id or body.url else f"urn:uuid:{uuid4()}")
    cleaned = prepare(source, now=caller.now)

    def do(connection: Connection) -> Answer:
        if _known(connection, cleaned) is not None:
            raise Problem(
                409, f"there is a post with the id {cleaned.uri}: change it, or replace it with PUT"
            )
        return _put(caller, connection, cleaned)

    return act(caller, do)


@router.get("/posts/{number}", response_model=PostDocument)
def get_post(caller: Reads, number: Number) -> Response:
    """A post by its number."""
    return show(caller, lambda connection: document(connection, _stored(connection, number)))


@router.patch("/posts/{number}", response_model=PostDocument)
def change_post(caller: Writes, number: Number, body: PostChange) -> Response:
    """Change what is named of a post."""
    return act(caller, lambda connection: _change(caller, connection, number, body))


@router.delete("/posts/{number}", response_model=PostDocument)
def delete_post(caller: Writes, number: Number) -> Response:
    """Delete a post: it is shown no more, and feeds tell that it is gone."""
    return act(caller, lambda connection: _delete(caller, connection, number))


@router.get("/post", response_model=PostDocument)
def get_post_named(caller: Reads, *, id: IdQuery = None, url: UrlQuery = None) -> Response:  # noqa: A002
    """A post by its id, or its url."""
    find = _finder(id, url)
    return show(caller, lambda connection: document(connection, _stored(connection, find(connection))))


@router.put("/post", response_model=PostDocument, responses={201: {"model": PostDocument}})
def put_post(
    caller: Writes,
    body: PostWhole,
    *,
    id: IdQuery = None,  # noqa: A002
    url: UrlQuery = None,
) -> Response:
    """Store the post of this id, or url, in place of what is there. The same again changes nothing."""
    if not _one_of(id, url):
        raise wrong("?id", "name the post by its id or by its url, and by one of them")
    if id is not None and body.id not in {None, id}:
        raise wrong("#/id", "is another than that of the address")
    if url is not None and body.url not in {None, url}:
        raise wrong("#/url", "is another than that of the address")
    source = source_of(body, uri=id or body.id)
    cleaned = prepare(source if url is None else replace(source, url=url), now=caller.now)

    def do(connection: Connection) -> Answer:
        known = _known(connection, cleaned, at=url)
        require_match(caller, None if known is None else document(connection, known))
        return _put(caller, connection, cleaned if known is None else replace(cleaned, uri=known.uri))

    return act(caller, do)


@router.patch("/post", response_model=PostDocument)
def change_post_named(
    caller: Writes,
    body: PostChange,
    *,
    id: IdQuery = None,  # noqa: A002
    url: UrlQuery = None,
) -> Response:
    """Change what is named of the post of this id, or url."""
    find = _finder(id, url)
    return act(caller, lambda connection: _change(caller, connection, find(connection), body))


@router.delete("/post", response_model=PostDocument)
def delete_post_named(
    caller: Writes,
    *,
    id: IdQuery = None,  # noqa: A002
    url: UrlQuery = None,
) -> Response:
    """Delete the post of this id, or url."""
    find = _finder(id, url)
    return act(caller, lambda connection: _delete(caller, connection, find(connection)))


def _rule(rule: str | None, label: str | None) -> Rule:
    asked: list[Rule] = [] if rule is None else [parse(rule)]
    if label is not None:
        try:
            asked.append(HasLabel(label))
        except ValueError as error:
            raise wrong("?label", "is no name of a label") from error
    return And(tuple(asked)) if len(asked) > 1 else next(iter(asked), All())


def _one_of(*given: str | None) -> bool:
    return sum(one is not None and bool(one.strip()) for one in given) == 1


def _finder(uri: str | None, url: str | None) -> Callable[[Connection], int]:
    """Finds the number of the post that an address names; raises ``Problem``."""
    if not _one_of(uri, url):
        raise wrong("?id", "name the post by its id or by its url, and by one of them")

    def find(connection: Connection) -> int:
        if uri is not None:
            found = _numbers_of(connection, uri)
        else:
            # As it is stored: with what a URL cannot hold encoded.
            found = numbers_at(connection, permanent_id(None, url) or url or "")
        if len(found) > 1:
            raise Problem(409, "more than one post is named so: name it by the id that it is listed with")
        if not found:
            raise missing("there is no such post")
        return found[0]

    return find


def _numbers_of(connection: Connection, uri: str) -> list[int]:
    """The posts of an id as it is stored, else as a source within its blog tells it: ``17``."""
    known = number_of(connection, uri)
    if known is not None:
        return [known]
    ids = {permanent_id(uri, link) for link in (None, *newest_urls(connection))} - {None, uri}
    found = {number_of(connection, one) for one in ids if one is not None}
    return sorted(number for number in found if number is not None)


def _known(connection: Connection, cleaned: CleanPost, *, at: str | None = None) -> Post | None:
    """The post that is there already: by its id, or, where it was named by its url, at that."""
    number = number_of(connection, cleaned.uri)
    if number is None and at is not None and cleaned.url is not None:
        number = next(iter(numbers_at(connection, cleaned.url)), None)
    return None if number is None else _stored(connection, number)


def _stored(connection: Connection, number: int) -> Post:
    found = get_posts(connection, [number])
    if not found:
        raise missing(f"there is no post {number}")
    return found[0]


def _change(caller: Caller, connection: Connection, number: int, body: PostChange) -> Answer:
    stored = _stored(connection, number)
    require_match(caller, document(connection, stored))
    if not body.model_fields_set:
        return _written(caller, document(connection, stored))
    return _put(caller, connection, prepare(changed(told_again(connection, stored), body), now=caller.now))


def _delete(caller: Caller, connection: Connection, number: int) -> Answer:
    stored = _stored(connection, number)
    require_match(caller, document(connection, stored))
    gone = withdrawn(told_again(connection, stored))
    return _put(caller, connection, prepare(gone, now=caller.now), action="post.delete")


def _put(caller: Caller, connection: Connection, cleaned: CleanPost, *, action: str | None = None) -> Answer:
    stored = put(connection, cleaned, now=caller.now)
    if stored.is_new or stored.is_changed:
        did = action or ("post.add" if stored.is_new else "post.change")
        caller.record(connection, did, stored.post.title[:200], id=stored.post.uri)
    shown = document(connection, stored.post)
    if not stored.is_new:
        return _written(caller, shown)
    return _written(caller, shown, 201, {"Location": f"posts/{stored.post.id}"})


def _written(
    caller: Caller, whole: PostDocument, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """A post as who wrote it is told: what writes may not read for that, drafts least of all."""
    may_read = caller.token.may(TokenScope.POSTS_READ)
    return Answer(whole if may_read else whole.model_copy(update=UNTOLD), status, headers or {}, whole)
