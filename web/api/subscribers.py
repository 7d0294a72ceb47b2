"""``/api/subscribers``: who reads by email."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel
from sqlalchemy import Connection
from starlette.responses import Response

from digests import store
from digests.cadence import CadenceError
from subscribers.finding import Asked as AskedReaders
from subscribers.finding import find_readers
from subscribers.model import Subscriber, SubscriberState
from subscribers.store import find, get_subscriber, get_subscribers
from subscribers.suppression import SuppressionReason, lift, suppress
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
from web.api.fields import Number, Slug
from web.api.problems import Problem, missing, wrong
from web.api.subscriber_documents import (
    AskedDocument,
    ChangedChoices,
    Data,
    NewSubscriber,
    Reason,
    State,
    SubscriberDocument,
    SubscriberPage,
    SuppressedAddress,
    document,
    words_of,
)

router = APIRouter(tags=["subscribers"])
Reads = Annotated[Caller, Depends(Need(TokenScope.SUBSCRIBERS_READ))]
Writes = Annotated[Caller, Depends(Need(TokenScope.SUBSCRIBERS_WRITE))]


@router.get("/subscribers", response_model=SubscriberPage)
def list_subscribers(
    caller: Reads,
    *,
    email: Annotated[
        str | None,
        Query(max_length=320, description="An address, its beginning, or a domain (`@example.org`)."),
    ] = None,
    state: Annotated[State | None, Query(description="Only readers in this state.")] = None,
    digest: Annotated[str | None, Query(max_length=200, description="Only readers of it.")] = None,
    limit: Limit = 50,
    cursor: Continue = None,
) -> Response:
    """List readers, those who came last first."""
    after = None if cursor is None else read_cursor(cursor, int)[0]

    def look(connection: Connection) -> SubscriberPage:
        its = None if digest is None else store.find_digest(connection, digest)
        if digest is not None and its is None:
            raise wrong("?digest", f"there is no digest {digest!r}")
        asked = AskedReaders(
            text=email or "",
            state=None if state is None else SubscriberState(state),
            digest_id=None if its is None else its.id,
        )
        salt = caller.work.salt(connection)
        page = find_readers(connection, asked, salt=salt, after=after, limit=limit)
        readers = get_subscribers(connection, [one.id for one in page.readers])
        return SubscriberPage(
            items=[document(one) for one in readers],
            next=None if page.then is None else write_cursor(page.then),
        )

    return show(caller, look)


@router.post(
    "/subscribers",
    status_code=201,
    response_model=SubscriberDocument,
    responses={200: {"model": SubscriberDocument}, 202: {"model": AskedDocument}},
)
def add(caller: Writes, body: NewSubscriber) -> Response:
    """Subscribe a reader to a digest. A reader who is subscribed already gets what is chosen now."""

    def do(connection: Connection) -> Answer:
        digest = store.find_digest(connection, body.digest)
        if digest is None:
            raise wrong("#/digest", f"there is no digest {body.digest!r}")
        words, origin = words_of(body), f"api:{caller.token.name}"
        if not body.confirmed and caller.work.ask_reader is not None:
            caller.work.ask_reader(connection, body.email, digest, words, origin=origin, now=caller.now)
            caller.record(connection, "reader.ask", digest.slug)
            return told(connection, 202)
        is_new = find(connection, body.email) is None
        reader = caller.work.add_reader(
            connection, body.email, digest, words, confirmed=body.confirmed, origin=origin, now=caller.now
        )
        caller.record(connection, "reader.add", f"reader {reader.id}", digest=digest.slug)
        return told(connection, 201 if is_new else 200)

    def told(connection: Connection, status: int) -> Answer:
        if status == 202:
            return Answer(AskedDocument(email=body.email, digest=body.digest), status)
        reader = find(connection, body.email)
        if reader is None:
            raise Problem(410, "this reader was erased")
        headers = {"Location": f"subscribers/{reader.id}"} if status == 201 else {}
        return _written(caller, reader, status, headers)

    response = act(caller, do, anew=told)
    if response.status_code == 202:
        caller.work.wake()
    return response


@router.get("/subscribers/{number}", response_model=SubscriberDocument)
def get(caller: Reads, number: Number) -> Response:
    """A reader by their number."""
    return show(caller, lambda connection: document(_stored(connection, number)))


@router.delete("/subscribers/{number}", status_code=204, response_model=None)
def erase(caller: Writes, number: Number) -> Response:
    """Forget who a reader is, as they wished; only they themselves can come back."""

    def do(connection: Connection) -> Answer:
        _require_match(caller, connection, number)
        caller.work.erase_reader(connection, _address(connection, number), now=caller.now)
        caller.record(connection, "reader.erase", f"reader {number}")
        return Answer(status=204)

    response = act(caller, do)
    caller.work.scrub()
    return response


@router.get("/subscribers/{number}/data", response_model=dict[str, Any])
def about(caller: Reads, number: Number) -> Response:
    """All that is kept about a reader: what to hand them when they ask for it."""

    def look(connection: Connection) -> BaseModel:
        return Data(caller.work.about_reader(connection, _address(connection, number)))

    return show(caller, look)


@router.patch("/subscribers/{number}/subscriptions/{digest}", response_model=SubscriberDocument)
def change(caller: Writes, number: Number, digest: Slug, body: ChangedChoices) -> Response:
    """Change what a reader chose of a digest."""

    def do(connection: Connection) -> Answer:
        _require_match(caller, connection, number)
        email = _held(connection, number, digest)
        if body.model_fields_set - {"paused_until"}:
            caller.work.change_reader(connection, email, digest, words_of(body))
        if "paused_until" in body.model_fields_set:
            until = None if body.paused_until is None else body.paused_until.isoformat()
            try:
                caller.work.pause_reader(connection, email, digest, until=until, now=caller.now)
            except CadenceError as error:
                raise wrong("#/paused_until", "has passed: nothing would be paused") from error
        if body.model_fields_set:
            caller.record(connection, "reader.change", f"reader {number}", digest=digest)
        return _written(caller, _stored(connection, number))

    return act(caller, do)


@router.delete("/subscribers/{number}/subscriptions/{digest}", response_model=SubscriberDocument)
def unsubscribe(caller: Writes, number: Number, digest: Slug) -> Response:
    """Unsubscribe a reader from a digest."""

    def do(connection: Connection) -> Answer:
        _require_match(caller, connection, number)
        email = _held(connection, number, digest)
        caller.work.unsubscribe_reader(connection, email, digest, now=caller.now)
        caller.record(connection, "reader.unsubscribe", f"reader {number}", digest=digest)
        return _written(caller, _stored(connection, number))

    return act(caller, do)


@router.put("/subscribers/{number}/suppression", response_model=SubscriberDocument)
def suppress_reader(caller: Writes, number: Number, body: Reason) -> Response:
    """Never write to a reader again. No list brings them back."""

    def do(connection: Connection) -> Answer:
        _require_match(caller, connection, number)
        _suppress(caller, connection, _address(connection, number), body)
        return _written(caller, _stored(connection, number))

    return act(caller, do)


@router.delete("/subscribers/{number}/suppression", response_model=SubscriberDocument)
def lift_suppression(caller: Writes, number: Number) -> Response:
    """Let a reader be written to again. Their subscriptions stay ended: they have to agree anew."""

    def do(connection: Connection) -> Answer:
        _require_match(caller, connection, number)
        email, salt = _address(connection, number), caller.work.salt(connection)
        if lift(connection, email, salt=salt):
            caller.record(connection, "reader.lift", f"reader {number}")
        return _written(caller, _stored(connection, number))

    return act(caller, do)


@router.post("/suppressions", status_code=204, response_model=None)
def suppress_address(caller: Writes, body: SuppressedAddress) -> Response:
    """Never write to an address, whether a reader has it or not."""

    def do(connection: Connection) -> Answer:
        _suppress(caller, connection, body.email, body)
        return Answer(status=204)

    return act(caller, do)


def _suppress(caller: Caller, connection: Connection, email: str, why: Reason) -> None:
    reason, salt = SuppressionReason(why.reason), caller.work.salt(connection)
    if suppress(connection, email, reason=reason, now=caller.now, salt=salt):
        known = find(connection, email)
        subject = "an address" if known is None else f"reader {known.id}"
        caller.record(connection, "reader.suppress", subject, reason=why.reason)


def _stored(connection: Connection, number: int) -> Subscriber:
    found = get_subscriber(connection, number)
    if found is None:
        raise missing(f"there is no reader {number}")
    return found


def _address(connection: Connection, number: int) -> str:
    """A reader's address; one who was erased has none."""
    found = _stored(connection, number)
    if found.email is None:
        raise Problem(410, f"reader {number} was erased")
    return found.email


def _held(connection: Connection, number: int, digest: str) -> str:
    """The address of a reader who is subscribed to a digest."""
    reader = _stored(connection, number)
    if reader.email is None:
        raise Problem(410, f"reader {number} was erased")
    if not any(one.digest == digest and one.state == "active" for one in reader.subscriptions):
        raise missing(f"reader {number} is not subscribed to {digest!r}")
    return reader.email


def _require_match(caller: Caller, connection: Connection, number: int) -> None:
    require_match(caller, document(_stored(connection, number)))


def _written(
    caller: Caller, one: Subscriber, status: int = 200, headers: Mapping[str, str] | None = None
) -> Answer:
    """A reader as who wrote of them is told: what writes may not read for that."""
    told = whole = document(one)
    if not caller.token.may(TokenScope.SUBSCRIBERS_READ):
        told = whole.model_copy(update={"email": None, "language": None, "subscriptions": []})
    return Answer(told, status, headers or {}, whole)
