"""``/api/feeds``: the feeds that a publisher configures. Each label has one without."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from feeds.configured import (
    MAX_ENTRIES,
    add_feed,
    configured_feed,
    configured_feeds,
    remove_feed,
)
from posts.rules import parse
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
from web.api.fields import Asked, Line, Short, Slug
from web.api.problems import Problem, missing

router = APIRouter(tags=["feeds"])
Reads = Annotated[Caller, Depends(Need(TokenScope.FEEDS_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.FEEDS_WRITE))]

Content = Literal["full", "summary"]
Order = Literal["published", "updated"]
Rule = Annotated[Line, Field(min_length=1, max_length=2000)]
Entries = Annotated[int, Field(ge=1, le=MAX_ENTRIES)]


class FeedDocument(BaseModel):
    """A configured feed; what is null is as in the settings. ``url`` is its Atom form's address."""

    slug: str
    title: str | None
    subtitle: str | None
    rule: str
    entries: int | None
    content: Content | None
    order: Order | None
    language: str | None
    private: bool
    id: str
    url: str


class FeedPage(BaseModel):
    """Some feeds, by slug; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[FeedDocument]
    next: str | None


class FeedChange(Asked):
    """What is to be changed of a feed. What is not named stays; null is as in the settings."""

    rule: Rule | None = None
    title: Short | None = None
    subtitle: Short | None = None
    entries: Entries | None = None
    content: Content | None = None
    order: Order | None = None
    language: Short | None = None
    private: bool | None = None


class NewFeed(FeedChange):
    """A feed to be configured."""

    slug: Short = Field(min_length=1)
    rule: Rule


@router.get("/feeds", response_model=FeedPage)
def list_feeds(caller: Reads, *, limit: Limit = 50, cursor: Continue = None) -> Response:
    """List the configured feeds, by slug."""
    after = "" if cursor is None else read_cursor(cursor, str)[0]

    def look(connection: Connection) -> FeedPage:
        # A publisher has dozens of them.
        rows = sorted(configured_feeds(connection), key=lambda row: str(row.slug))
        found = [row for row in rows if row.slug > after]
        shown, following = page_of(found, limit, lambda row: write_cursor(row.slug))
        return FeedPage(items=[_document(caller, row) for row in shown], next=following)

    return show(caller, look)


@router.post("/feeds", status_code=201, response_model=FeedDocument)
def add(caller: Writes, body: NewFeed) -> Response:
    """Configure a feed."""

    def do(connection: Connection) -> Answer:
        if configured_feed(connection, body.slug) is not None:
            raise Problem(409, f"feed {body.slug}: there is one already: change it with PATCH")
        chosen = _columns(body)
        add_feed(connection, slug=body.slug, now=caller.now, **chosen)
        caller.record(connection, "feed.add", body.slug, rule=str(chosen["rule"]))
        made = _stored(connection, body.slug)
        return Answer(_document(caller, made), 201, {"Location": f"feeds/{body.slug}"})

    return act(caller, do)


@router.get("/feeds/{slug}", response_model=FeedDocument)
def get_feed(caller: Reads, slug: Slug) -> Response:
    """A configured feed by its slug."""
    return show(caller, lambda connection: _document(caller, _stored(connection, slug)))


@router.patch("/feeds/{slug}", response_model=FeedDocument)
def change(caller: Writes, slug: Slug, body: FeedChange) -> Response:
    """Change what is named of a feed; its id and address stay."""

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        require_match(caller, _document(caller, known))
        kept = {
            "rule": parse(known.rule),
            "title": known.title,
            "subtitle": known.subtitle,
            "entries": known.entries,
            "content": known.content,
            "ordering": known.ordering,
            "language": known.language,
            "is_private": known.is_private,
        }
        named = _columns(body)
        # What a feed must have cannot be taken away.
        named = {name: value for name, value in named.items() if value is not None or name not in _NEEDED}
        add_feed(connection, slug=slug, now=caller.now, replace=True, **(kept | named))
        if named:
            told = {name: str(value) for name, value in named.items()}
            caller.record(connection, "feed.change", slug, **told)
        return Answer(_document(caller, _stored(connection, slug)))

    return act(caller, do)


@router.delete("/feeds/{slug}", status_code=204, response_model=None)
def remove(caller: Writes, slug: Slug) -> Response:
    """Forget a configured feed; the posts stay, and those that were private for it alone are public."""

    def do(connection: Connection) -> Answer:
        require_match(caller, _document(caller, _stored(connection, slug)))
        remove_feed(connection, slug, now=caller.now)
        caller.record(connection, "feed.remove", slug)
        return Answer(status=204)

    return act(caller, do)


_NEEDED = ("rule", "is_private")
_NAMES = {"order": "ordering", "private": "is_private"}


def _columns(body: FeedChange) -> dict[str, Any]:
    """What was named, as ``add_feed`` takes it."""
    named = {name: getattr(body, name) for name in body.model_fields_set if name != "slug"}
    chosen = {_NAMES.get(name, name): value for name, value in named.items()}
    if chosen.get("rule") is not None:
        chosen["rule"] = parse(chosen["rule"])
    if isinstance(body, NewFeed):
        chosen["is_private"] = bool(chosen.get("is_private"))
    return chosen


def _stored(connection: Connection, slug: str) -> Any:
    found = configured_feed(connection, slug)
    if found is None:
        raise missing(f"there is no configured feed {slug!r}")
    return found


def _document(caller: Caller, row: Any) -> FeedDocument:
    return FeedDocument(
        slug=row.slug,
        title=row.title,
        subtitle=row.subtitle,
        rule=row.rule,
        entries=row.entries,
        content=row.content,
        order=row.ordering,
        language=row.language,
        private=row.is_private,
        id=row.uri,
        url=caller.work.feed_url(row.slug),
    )
