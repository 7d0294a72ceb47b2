"""What the API has done for it: functions of the application, over one settings file."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from digests.choosing import Words, read_choices
from digests.model import Digest
from feeds.site import FeedSite
from labelcast.reader_export import about_reader
from labelcast.readers import (
    add_reader,
    change_reader,
    erase_reader,
    label_slug,
    pause_reader,
    suppression_salt,
    unsubscribe_reader,
)
from labelcast.scrubbing import Scrubber
from labelcast.webwork.secrets import webhook_secrets
from outbox.notices import enqueue
from subscribers.address import normalize
from web.api.access import Api
from web.api.app import create_api
from web.api.work import ApiWork
from web.pages import Pages

if TYPE_CHECKING:
    from labelcast.wiring_web import WebWiring

# By which words a reader was asked whom a program named.
WORDING = "A program of the publisher says that this reader wants the digest {slug}, and they were asked."


def make_api(wiring: "WebWiring", pages: Pages, *, wake: Callable[[], None]) -> ASGIApp:
    """The API of an application; ``pages`` render its documentation, ``wake`` has waiting mail sent."""
    settings = wiring.settings
    work = api_work(
        wiring.site,
        settings.secret_key,
        timezone=settings.timezone,
        wake=wake,
        scrub=Scrubber(wiring.database).scrub,
    )
    api = Api(wiring.database, work, lambda: datetime.now(UTC), wiring.token_uses)
    return create_api(api, api_page(pages))


def api_work(
    site: FeedSite,
    secrets: Sequence[str],
    *,
    timezone: str = "UTC",
    wake: Callable[[], None] = lambda: None,
    scrub: Callable[[], object] = lambda: None,
) -> ApiWork:
    """What is done for the API; ``secrets`` are the settings' secrets, the present one first."""
    return ApiWork(
        add_reader=add_reader,
        change_reader=change_reader,
        pause_reader=pause_reader,
        unsubscribe_reader=unsubscribe_reader,
        erase_reader=erase_reader,
        about_reader=about_reader,
        salt=suppression_salt,
        webhook_secrets=lambda token: webhook_secrets(token, secrets),
        feed_url=lambda slug: site.feed_url(slug, "atom", ()),
        ask_reader=ask_reader,
        wake=wake,
        scrub=scrub,
        site_url=site.url,
        timezone=timezone,
        language=site.language or "en",
    )


def api_page(pages: Pages) -> Callable[[Request, Mapping[str, Any]], Response]:
    """Renders what tells people about the API."""
    return lambda request, context: pages.render(request, "api.html", **context)


def ask_reader(
    connection: Connection, email: str, digest: Digest, words: Words, *, origin: str, now: datetime
) -> None:
    """Ask a reader by mail whether they want a digest; nothing else is kept of them before they agree.

    Raises ``AddressError``, ``CadenceError`` or ``DigestError``.
    """
    address = normalize(email)
    choices = read_choices(digest, words, slug_of=lambda name: label_slug(connection, name))
    payload = {
        "address": address.email,
        "digest": digest.id,
        "choices": choices,
        "origin": origin,
        "wording": WORDING.format(slug=digest.slug),
    }
    enqueue(connection, "signup", payload, key=f"signup:{digest.id}:{address.key}", now=now)
