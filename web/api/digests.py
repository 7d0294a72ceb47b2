"""``/api/digests``: what is offered by email."""

from datetime import timedelta
from typing import Annotated, Any, ClassVar, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from digests import store
from digests.cadence import Cadence, next_slot
from digests.model import Digest
from digests.planning.calling import pause_digest, resume_digest
from digests.planning.introducing import introduce
from digests.removing import remove_or_mark
from posts.rules import parse
from subscribers.finding import Asked as AskedReaders
from subscribers.finding import count_readers
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
from web.api.fields import Asked, Instant, Line, Short, Slug, Text
from web.api.problems import Problem, missing, wrong

router = APIRouter(tags=["digests"])
Reads = Annotated[Caller, Depends(Need(TokenScope.DIGESTS_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.DIGESTS_WRITE))]

CadenceName = Literal["instant", "daily", "weekly", "monthly"]
Rule = Annotated[Line, Field(min_length=1, max_length=2000)]
_COUNTED = 10_000


class DigestDocument(BaseModel):
    """A digest. ``readers`` is null where there are more than 10,000; ``next_slot`` where it is instant."""

    # What changes by itself: who wants to change a digest need not get it again for that.
    VOLATILE: ClassVar[tuple[str, ...]] = ("next_slot", "readers")

    slug: str
    title: str
    rule: str
    cadence: CadenceName
    at: str
    timezone: str
    cadences: list[CadenceName]
    language: str
    template: str
    max_age_days: float
    max_lateness_hours: float
    content: Literal["full", "summary"]
    min_posts: int
    max_posts: int | None
    order: Literal["newest", "oldest"]
    group_by: Literal["none", "label", "day"]
    introduction: str | None
    introduced_at: Instant | None
    paused_at: Instant | None
    next_slot: Instant | None
    readers: int | None


class DigestPage(BaseModel):
    """Some digests, by slug; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[DigestDocument]
    next: str | None


class DigestChange(Asked):
    """What is to be changed of a digest. What is not named, or is null, stays.

    But ``max_posts`` null shows all posts, and ``introduction`` null takes it away.
    """

    title: Short | None = None
    rule: Rule | None = None
    cadence: CadenceName | None = None
    at: Short | None = None
    timezone: Short | None = None
    cadences: list[CadenceName] | None = Field(None, min_length=1, max_length=4)
    language: Short | None = None
    template: Short | None = None
    max_age_days: float | None = Field(None, gt=0, le=3660, allow_inf_nan=False)
    max_lateness_hours: float | None = Field(None, ge=1, le=87840, allow_inf_nan=False)
    content: Literal["full", "summary"] | None = None
    min_posts: int | None = Field(None, ge=1, le=1000)
    max_posts: int | None = Field(None, ge=1, le=1000)
    order: Literal["newest", "oldest"] | None = None
    group_by: Literal["none", "label", "day"] | None = None
    introduction: Text | None = Field(None, max_length=20_000)
    paused: bool | None = None


class NewDigest(DigestChange):
    """A digest to be offered."""

    slug: Short = Field(min_length=1)
    rule: Rule


@router.get("/digests", response_model=DigestPage)
def list_digests(caller: Reads, *, limit: Limit = 50, cursor: Continue = None) -> Response:
    """List all digests, by slug."""
    after = "" if cursor is None else read_cursor(cursor, str)[0]

    def look(connection: Connection) -> DigestPage:
        # A publisher has dozens of them.
        every = sorted(store.list_digests(connection), key=lambda its: its.slug)
        found = [its for its in every if its.slug > after]
        shown, following = page_of(found, limit, lambda its: write_cursor(its.slug))
        return DigestPage(items=[_document(caller, connection, its) for its in shown], next=following)

    return show(caller, look)


@router.post("/digests", status_code=201, response_model=DigestDocument)
def add(caller: Writes, body: NewDigest) -> Response:
    """Offer a digest."""

    def do(connection: Connection) -> Answer:
        if _find(connection, body.slug) is not None:
            raise Problem(409, f"digest {body.slug}: there is one already: change it with PATCH")
        ours = {"timezone": caller.work.timezone, "language": caller.work.language}
        made = store.add_digest(connection, body.slug, now=caller.now, **(ours | _options(body)))
        _further(caller, connection, made.slug, body)
        caller.record(connection, "digest.add", made.slug, rule=made.rule)
        shown = _document(caller, connection, _stored(connection, made.slug))
        return Answer(shown, 201, {"Location": f"digests/{made.slug}"})

    return act(caller, do)


@router.get("/digests/{slug}", response_model=DigestDocument)
def get_digest(caller: Reads, slug: Slug) -> Response:
    """A digest by its slug."""
    return show(caller, lambda connection: _document(caller, connection, _stored(connection, slug)))


@router.patch("/digests/{slug}", response_model=DigestDocument)
def change(caller: Writes, slug: Slug, body: DigestChange) -> Response:
    """Change what is named of a digest. What was sent stays as it was; readers' windows go on."""

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        require_match(caller, _document(caller, connection, known))
        options = _options(body)
        if options:
            store.update_digest(connection, slug, **options)
        _further(caller, connection, slug, body)
        if body.model_fields_set:
            caller.record(connection, "digest.change", slug, changed=sorted(body.model_fields_set))
        return Answer(_document(caller, connection, _stored(connection, slug)))

    return act(caller, do)


@router.delete("/digests/{slug}", status_code=204, response_model=None)
def remove(
    caller: Writes,
    slug: Slug,
    *,
    force: Annotated[Literal["true", "false"], Query(description="Also if it has readers?")] = "false",
) -> Response:
    """Remove a digest, with its subscriptions and what is recorded of its mail.

    One with very much is mailed no more at once, and gone within minutes.
    """

    def do(connection: Connection) -> Answer:
        known = _stored(connection, slug)
        require_match(caller, _document(caller, connection, known))
        try:
            if force != "true":
                store.check_unread(connection, known)
        except store.DigestError as error:
            said = f"digest {slug}: readers are subscribed to it: say force=true to end that"
            raise Problem(409, said) from error
        caller.record(connection, "digest.remove", slug, title=known.title)
        remove_or_mark(connection, known, now=caller.now)
        return Answer(status=204)

    return act(caller, do)


_SAID = {"order": "sort", "group_by": "grouping"}
_APART = {"slug", "introduction", "paused", "max_age_days", "max_lateness_hours"}


def _options(body: DigestChange) -> dict[str, Any]:
    """What was named, as ``digests.store`` takes it."""
    named = body.model_fields_set - _APART
    given = {_SAID.get(name, name): getattr(body, name) for name in named if getattr(body, name) is not None}
    if "max_posts" in named and body.max_posts is None:
        given["max_posts"] = 0
    if body.rule is not None:
        given["rule"] = str(parse(body.rule))
    if body.max_age_days is not None:
        given["max_age"] = timedelta(days=body.max_age_days)
    if body.max_lateness_hours is not None:
        given["max_lateness"] = timedelta(hours=body.max_lateness_hours)
    if isinstance(body, NewDigest) and body.cadences is not None and body.cadence is None:
        raise wrong("#/cadence", "say which of the cadences is the digest's own")
    return given


def _further(caller: Caller, connection: Connection, slug: str, body: DigestChange) -> None:
    """What is stored of a digest besides its options."""
    if "introduction" in body.model_fields_set:
        introduce(connection, slug, body.introduction, now=caller.now, base=caller.work.site_url)
    if body.paused is not None:
        if body.paused:
            pause_digest(connection, slug, now=caller.now)
        else:
            resume_digest(connection, slug)


def _find(connection: Connection, slug: str) -> Digest | None:
    return store.find_digest(connection, slug)


def _stored(connection: Connection, slug: str) -> Digest:
    found = _find(connection, slug)
    if found is None:
        raise missing(f"there is no digest {slug!r}")
    return found


def _document(caller: Caller, connection: Connection, its: Digest) -> DigestDocument:
    rhythm = store.reader_rhythm(its)
    is_instant = its.cadence == Cadence.INSTANT
    return DigestDocument(
        slug=its.slug,
        title=its.title,
        rule=its.rule,
        cadence=Cadence(its.cadence).value,
        at=store.digest_at(its),
        timezone=its.timezone,
        cadences=[Cadence(one).value for one in its.cadences],
        language=its.language,
        template=its.template,
        max_age_days=its.max_age / timedelta(days=1),
        max_lateness_hours=its.max_lateness / timedelta(hours=1),
        content="summary" if its.content == "summary" else "full",
        min_posts=its.min_posts,
        max_posts=its.max_posts,
        order="oldest" if its.sort == "oldest" else "newest",
        group_by=_grouping(its.grouping),
        introduction=its.introduction,
        introduced_at=its.introduced_at,
        paused_at=its.paused_at,
        next_slot=None if is_instant else next_slot(rhythm, caller.now),
        readers=count_readers(connection, AskedReaders(digest_id=its.id), most=_COUNTED),
    )


def _grouping(kept: str) -> Literal["none", "label", "day"]:
    return "label" if kept == "label" else "day" if kept == "day" else "none"
