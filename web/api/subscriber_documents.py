"""A reader as the API tells of them, and what programs say of one."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from digests.choosing import Words
from subscribers.model import Subscriber, Subscription
from web.api.fields import Address, Asked, Instant, Moment, Short

State = Literal["pending", "confirmed", "suppressed", "erased"]
CadenceChoice = Literal["instant", "daily", "weekly", "monthly"]


class SubscriptionDocument(BaseModel):
    """A reader's subscription to a digest; what is null of their choices is the digest's own.

    One that is ``asked`` waits until its reader agrees.
    """

    digest: str
    state: Literal["asked", "active", "ended"]
    labels: list[str]
    cadence: CadenceChoice | None
    minute: int | None
    weekday: int | None
    monthday: int | None
    timezone: str | None
    language: str | None
    content: str | None
    form: str | None
    paused_until: Instant | None
    window_start: Instant | None
    next_slot: Instant | None
    begun: Instant | None
    ended: Instant | None


class SubscriberDocument(BaseModel):
    """A reader by email. ``number`` is what addresses here hold; ``email`` is null once they are erased.

    A token that may write but not read is told no more than the number and the state.
    """

    number: int
    email: str | None
    state: State
    language: str | None
    added: Instant
    subscriptions: list[SubscriptionDocument]


class SubscriberPage(BaseModel):
    """Some readers, those who came last first; ``next`` is the ``cursor`` to go on with, null at the end.

    A page may hold few or none and yet have more behind it.
    """

    items: list[SubscriberDocument]
    next: str | None


class AskedDocument(BaseModel):
    """Somebody was asked by mail; nothing else is sent to them before they agree."""

    email: str
    digest: str
    state: Literal["asked"] = "asked"


class Choices(Asked):
    """What a reader chooses of a digest; what is not named stays, null is the digest's own."""

    labels: list[Short] | None = Field(None, max_length=200)
    cadence: CadenceChoice | None = None
    at: Short | None = None
    timezone: Short | None = None
    language: Short | None = None
    content: Literal["full", "summary"] | None = None
    form: Literal["html", "text"] | None = None


class ChangedChoices(Choices):
    """The same, and a pause: until an instant; null ends it."""

    paused_until: Moment | None = None


class NewSubscriber(Choices):
    """A reader of a digest.

    ``confirmed``: they agreed to get it, and you vouch for that; it is recorded. Else they are asked by mail.
    """

    email: Address
    digest: Short
    confirmed: bool = False


class Reason(Asked):
    """Why nothing is to be sent to an address."""

    reason: Literal["by hand", "bounced", "complained"] = "by hand"


class SuppressedAddress(Reason):
    """An address that is never to be written to."""

    email: Address


class Data(BaseModel):
    """A document of any form."""

    model_config = {"extra": "allow"}

    def __init__(self, document: dict[str, Any]) -> None:
        super().__init__(**document)


def document(one: Subscriber) -> SubscriberDocument:
    """A reader as they are told of."""
    return SubscriberDocument(
        number=one.id,
        email=one.email,
        state=one.state.value,
        language=one.language,
        added=one.created_at,
        subscriptions=[_subscription(held) for held in one.subscriptions],
    )


def _subscription(one: Subscription) -> SubscriptionDocument:
    cadence: Any = one.cadence
    return SubscriptionDocument(
        digest=one.digest,
        state="asked" if one.waits else one.state.value,
        labels=list(one.labels),
        cadence=cadence,
        minute=one.minute,
        weekday=one.weekday,
        monthday=one.monthday,
        timezone=one.timezone,
        language=one.language,
        content=one.content,
        form=one.form,
        paused_until=one.paused_until,
        window_start=one.window_start,
        next_slot=one.next_slot,
        begun=one.created_at,
        ended=one.ended_at,
    )


def words_of(body: Choices) -> Words:
    """What was named in a reader's words; null is the digest's own."""
    named: dict[str, Any] = {}
    for name in ("labels", "cadence", "at", "timezone", "language", "content", "form"):
        if name in body.model_fields_set:
            value = getattr(body, name)
            named[name] = value if value is not None else () if name == "labels" else ""
    return Words(**named)
