"""A post as the API tells it, and as programs tell it to the API."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from sqlalchemy import Connection

from posts.model import Enclosure, Post, PostState, SourcePost
from posts.overrides import overrides_of
from web.api.fields import Asked, Instant, Line, Moment, Short, Text, Url

State = Literal["live", "private", "scheduled", "draft", "deleted", "hidden"]
SaidState = Literal["live", "draft", "deleted"]


class EnclosureDocument(Asked):
    """A file that goes with a post; ``length`` in bytes, 0 where nobody told it."""

    url: Url
    type: Short = ""
    length: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0


class PostDocument(BaseModel):
    """A post as it is stored; the names are those of JSON Lines. ``number`` is what addresses here hold.

    One that is ``hidden`` was taken back by the publisher, whatever its source says of it. A token that may
    write but not read is told no more than the number, the id, the state, the times and the notes.
    """

    number: int
    id: str
    url: str | None
    title: str
    published: Instant
    updated: Instant
    labels: list[str]
    author: str | None
    authors: list[str]
    state: State
    html: str | None
    enclosures: list[EnclosureDocument]
    picture: str | None
    language: str | None
    first_stored: Instant
    notes: list[str] = Field(description="What was cleaned or mended when it was stored.")


class PostPage(BaseModel):
    """Some posts, newest first; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[PostDocument]
    next: str | None


class PostChange(Asked):
    """What is to be changed of a post. What is not named stays; null takes away."""

    url: Url | None = None
    title: Text | None = Field(None, max_length=10_000)
    html: Text | None = None
    published: Moment | None = None
    updated: Moment | None = None
    labels: list[Line] | None = Field(None, max_length=200)
    author: Line | None = None
    authors: list[Line] | None = Field(None, max_length=200)
    state: SaidState | None = None
    draft: bool | None = None
    enclosures: list[EnclosureDocument] | None = Field(None, max_length=20)
    picture: Url | None = None
    language: Short | None = None


class PostWhole(PostChange):
    """A post as its CMS tells it, by the names of JSON Lines."""

    id: Line | None = None


def document(connection: Connection, one: Post) -> PostDocument:
    """A post as it is told."""
    return documents(connection, [one], html=True)[0]


def documents(connection: Connection, posts: Sequence[Post], *, html: bool) -> list[PostDocument]:
    """Posts as they are told, with their text or without."""
    overrides = overrides_of(connection, [one.id for one in posts])
    hidden = {number for number, override in overrides.items() if override.is_hidden}
    return [_document(one, is_hidden=one.id in hidden, html=html) for one in posts]


def _document(one: Post, *, is_hidden: bool, html: bool) -> PostDocument:
    return PostDocument(
        number=one.id,
        id=one.uri,
        url=one.url,
        title=one.title,
        published=one.published,
        updated=one.updated,
        labels=list(one.labels),
        author=", ".join(one.authors) or None,
        authors=list(one.authors),
        state="hidden" if is_hidden else one.state.value,
        html=one.html if html else None,
        enclosures=[EnclosureDocument(url=e.url, type=e.media_type, length=e.length) for e in one.enclosures],
        picture=one.picture,
        language=one.language,
        first_stored=one.first_stored,
        notes=list(one.notes),
    )


def source_of(body: PostWhole, *, uri: str | None) -> SourcePost:
    """A post as an importer would have read it."""
    authors = tuple(body.authors or ()) or ((body.author,) if body.author else ())
    return SourcePost(
        uri=uri,
        url=body.url,
        title=body.title,
        html=body.html or "",
        published=body.published,
        updated=body.updated,
        labels=tuple(body.labels or ()),
        authors=authors,
        state=_state(body) or PostState.LIVE,
        # What is not said of labels changes none.
        has_all_labels=body.labels is not None,
        enclosures=_enclosures(body),
        picture=body.picture,
        language=body.language,
    )


def changed(told: SourcePost, body: PostChange) -> SourcePost:
    """A stored post with what is named changed."""
    named = body.model_fields_set
    plain = ("url", "title", "published", "picture", "language")
    changes: dict[str, object] = {name: getattr(body, name) for name in plain if name in named}
    if "html" in named:
        changes["html"] = body.html or ""
    if body.updated is not None:
        changes["updated"] = body.updated
    if "labels" in named:
        changes |= {"labels": tuple(body.labels or ()), "has_all_labels": True}
    if {"author", "authors"} & named:
        changes["authors"] = tuple(body.authors or ()) or ((body.author,) if body.author else ())
    if "enclosures" in named:
        changes["enclosures"] = _enclosures(body)
    if (state := _state(body)) is not None:
        changes["state"] = state
    return replace(told, **changes)  # type: ignore[arg-type]


def _state(body: PostChange) -> PostState | None:
    """The state that was said; ``state`` wins over ``draft``."""
    if body.state is not None:
        return PostState(body.state)
    return None if body.draft is None else PostState.DRAFT if body.draft else PostState.LIVE


def _enclosures(body: PostChange) -> tuple[Enclosure, ...]:
    return tuple(Enclosure(one.url, one.type, one.length) for one in body.enclosures or ())


# Of a post that may be written but not read.
UNTOLD: Mapping[str, object] = {
    "url": None,
    "title": "",
    "labels": [],
    "author": None,
    "authors": [],
    "html": None,
    "enclosures": [],
    "picture": None,
    "language": None,
}
