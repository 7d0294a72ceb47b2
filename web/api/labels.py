"""``/api/labels``: which there are, and giving them other names."""

from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from posts.curation import LabelError, delete_label, merge_labels, rename_label
from posts.labels import label_key
from posts.lookup import find_label, labels_after
from posts.model import Label
from web.accounts.tokens import TokenScope
from web.api.access import Caller, Need
from web.api.answering import (
    Answer,
    Continue,
    Limit,
    act,
    page_of,
    read_cursor,
    require_match,
    show,
    write_cursor,
)
from web.api.fields import Asked, Short, Slug
from web.api.problems import Problem, missing, wrong

router = APIRouter(tags=["labels"])
Reads = Annotated[Caller, Depends(Need(TokenScope.LABELS_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.LABELS_WRITE))]


class LabelDocument(BaseModel):
    """A label; ``posts`` is how many live ones it has, ``id`` the permanent id of its feed."""

    name: str
    slug: str
    posts: int
    id: str


class LabelPage(BaseModel):
    """Some labels; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[LabelDocument]
    next: str | None


class NewName(Asked):
    """What a label is to be called."""

    name: Short = Field(min_length=1)


class Into(Asked):
    """The label that stays, by name or slug."""

    into: Short = Field(min_length=1)


@router.get("/labels", response_model=LabelPage)
def list_labels(caller: Reads, *, limit: Limit = 50, cursor: Continue = None) -> Response:
    """List all labels in the order of their names."""
    after = "" if cursor is None else read_cursor(cursor, str)[0]

    def look(connection: Connection) -> LabelPage:
        found = labels_after(connection, after, limit=limit + 1)
        shown, following = page_of(found, limit, lambda pair: write_cursor(pair[0]))
        return LabelPage(items=[_document(one) for _, one in shown], next=following)

    return show(caller, look)


@router.get("/labels/{slug}", response_model=LabelDocument)
def get_label(caller: Reads, slug: Slug) -> Response:
    """A label by its slug or its name, the present one or a former one."""
    return show(caller, lambda connection: _document(_stored(connection, slug)))


@router.patch("/labels/{slug}", response_model=LabelDocument)
def rename(caller: Writes, slug: Slug, body: NewName) -> Response:
    """Give a label another name; the old one and its addresses go on leading to it."""

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        require_match(caller, _document(known))
        if not label_key(body.name):
            raise wrong("#/name", "is no name for a label: nothing readable is left of it")
        try:
            new = rename_label(connection, known.slug, body.name, now=caller.now)
        except LabelError as error:
            raise Problem(409, str(error)) from error
        if new.name != known.name:
            caller.record(connection, "label.rename", new.name, old=known.name)
        return Answer(_document(_stored(connection, new.slug)))

    return act(caller, do)


@router.post("/labels/{slug}/merge", response_model=LabelDocument)
def merge(caller: Writes, slug: Slug, body: Into) -> Response:
    """Make one label of two: this one goes, the other stays, and all names lead to it."""

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        if find_label(connection, body.into, counted=False) is None:
            raise wrong("#/into", f"no label is called {body.into!r}")
        try:
            stays = merge_labels(connection, known.slug, body.into, now=caller.now)
        except LabelError as error:
            raise Problem(409, str(error)) from error
        caller.record(connection, "label.merge", stays.name, merged=known.name)
        return Answer(_document(_stored(connection, stays.slug)))

    return act(caller, do)


@router.delete("/labels/{slug}", status_code=204, response_model=None)
def delete(caller: Writes, slug: Slug) -> Response:
    """Take a label away; its posts stay."""

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        require_match(caller, _document(known))
        try:
            delete_label(connection, known.slug, now=caller.now)
        except LabelError as error:
            raise Problem(409, str(error)) from error
        caller.record(connection, "label.delete", known.name)
        return Answer(status=204)

    return act(caller, do)


def _document(one: Label) -> LabelDocument:
    return LabelDocument(name=one.name, slug=one.slug, posts=one.posts, id=one.feed_uri)


def _stored(connection: Connection, slug: str) -> Label:
    found = find_label(connection, slug)
    if found is None:
        raise missing(f"there is no label {slug!r}")
    return found
