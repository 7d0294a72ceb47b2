"""``/api/deliveries`` and ``/api/editions``: what went to whom, and sending again."""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Connection
from starlette.responses import Response

from digests.deliveries import Delivered, list_deliveries, requeue
from digests.model import DeliveryState
from digests.standing import EditionStanding, edition_standings
from web.accounts.tokens import TokenScope
from web.api.access import Caller, Need
from web.api.answering import Answer, Continue, Limit, act, page_of, read_cursor, show, write_cursor
from web.api.fields import LARGEST_NUMBER, Asked, Instant, Number
from web.api.problems import missing

router = APIRouter(tags=["deliveries"])
Reads = Annotated[Caller, Depends(Need(TokenScope.DELIVERIES_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.DELIVERIES_WRITE))]

State = Literal["queued", "sending", "sent", "deferred", "failed", "in_doubt", "skipped"]
OfEdition = Annotated[
    int | None, Query(ge=1, le=LARGEST_NUMBER, description="Only those of the edition of this number.")
]


class DeliveryDocument(BaseModel):
    """One edition to one reader; ``reply`` is the server's last word."""

    id: int
    email: str | None
    subscriber: int
    digest: str
    edition: int
    state: State
    attempts: int
    doubts: int
    message_id: str
    due: Instant
    reply: str | None
    updated: Instant


class DeliveryPage(BaseModel):
    """Some deliveries, newest first; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[DeliveryDocument]
    next: str | None


class EditionDocument(BaseModel):
    """One digest's posts for one window; ``states`` tells how many deliveries stand in each.

    ``reason`` tells why it was not mailed: null, it was or will be.
    """

    edition: int
    digest: str
    window_start: Instant
    window_end: Instant
    labels: list[str]
    language: str
    reason: str | None
    readers: int
    subject: str | None
    states: dict[str, int]


class EditionPage(BaseModel):
    """Some editions, newest first; ``next`` is the ``cursor`` to go on with, null at the end."""

    items: list[EditionDocument]
    next: str | None


class Which(Asked):
    """Which deliveries are to be sent again: those of an edition, or (null) all."""

    edition: int | None = Field(None, ge=1, le=LARGEST_NUMBER)


class Queued(BaseModel):
    """How many deliveries were queued again."""

    queued: int


@router.get("/deliveries", response_model=DeliveryPage)
def list_(
    caller: Reads,
    *,
    state: Annotated[State | None, Query(description="Only those in this state.")] = None,
    edition: OfEdition = None,
    limit: Limit = 50,
    cursor: Continue = None,
) -> Response:
    """List deliveries, newest first."""
    before = None if cursor is None else read_cursor(cursor, int)[0]
    wanted = None if state is None else DeliveryState(state)

    def look(connection: Connection) -> DeliveryPage:
        found = list(
            list_deliveries(connection, state=wanted, number=edition, before=before, limit=limit + 1)
        )
        shown, following = page_of(found, limit, lambda one: write_cursor(one.id))
        return DeliveryPage(items=[_delivery(one) for one in shown], next=following)

    return show(caller, look)


@router.post("/deliveries/retry", response_model=Queued)
def retry(caller: Writes, body: Which) -> Response:
    """Queue again what failed; it goes out at the next tick."""
    return act(caller, lambda connection: _requeue(caller, connection, DeliveryState.FAILED, body))


@router.post("/deliveries/release", response_model=Queued)
def release(caller: Writes, body: Which) -> Response:
    """Queue again what is in doubt; it goes out at the next tick, under the Message-ID it had."""
    return act(caller, lambda connection: _requeue(caller, connection, DeliveryState.IN_DOUBT, body))


@router.get("/editions", response_model=EditionPage)
def list_editions(
    caller: Reads,
    *,
    digest: Annotated[str | None, Query(max_length=200, description="Only this digest's.")] = None,
    limit: Limit = 50,
    cursor: Continue = None,
) -> Response:
    """List editions, newest first, with how their deliveries stand."""
    before = None if cursor is None else read_cursor(cursor, int)[0]

    def look(connection: Connection) -> EditionPage:
        found = edition_standings(connection, slug=digest, before=before, limit=limit + 1)
        shown, following = page_of(found, limit, lambda one: write_cursor(one.id))
        return EditionPage(items=[_edition(one) for one in shown], next=following)

    return show(caller, look)


@router.get("/editions/{number}", response_model=EditionDocument)
def get_edition(caller: Reads, number: Number) -> Response:
    """An edition by its number."""

    def look(connection: Connection) -> EditionDocument:
        found = edition_standings(connection, number=number, limit=1)
        if not found:
            raise missing(f"there is no edition {number}")
        return _edition(found[0])

    return show(caller, look)


def _requeue(caller: Caller, connection: Connection, state: DeliveryState, which: Which) -> Answer:
    count = requeue(connection, state, number=which.edition, now=caller.now)
    if count:
        did = "delivery.retry" if state is DeliveryState.FAILED else "delivery.release"
        subject = "all" if which.edition is None else f"edition {which.edition}"
        caller.record(connection, did, subject, count=count)
    return Answer(Queued(queued=count))


def _delivery(one: Delivered) -> DeliveryDocument:
    return DeliveryDocument(
        id=one.id,
        email=one.email,
        subscriber=one.subscriber,
        digest=one.digest,
        edition=one.edition,
        state=one.state.value,
        attempts=one.attempts,
        doubts=one.doubts,
        message_id=one.message_id,
        due=one.due_at,
        reply=one.reply,
        updated=one.updated_at,
    )


def _edition(one: EditionStanding) -> EditionDocument:
    return EditionDocument(
        edition=one.id,
        digest=one.digest,
        window_start=one.window_start,
        window_end=one.window_end,
        labels=list(one.labels),
        language=one.language,
        reason=one.reason,
        readers=one.readers,
        subject=one.subject,
        states={state.value: count for state, count in one.states.items()},
    )
