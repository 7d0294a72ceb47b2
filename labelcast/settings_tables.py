"""The tables of the settings file, each a frozen model; ``settings.py`` reads them."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from labelcast.kinds import (
    Aliases,
    BounceMailbox,
    DkimKeys,
    Hubs,
    Line,
    Mailbox,
    Networks,
    OptionalMailbox,
    QuietHours,
    Rate,
    ReturnPath,
    SignupAddress,
    Transports,
)

_FROZEN = ConfigDict(extra="forbid", frozen=True)


class MailSettings(BaseModel):
    """How mail leaves, and what stands on it."""

    model_config = _FROZEN

    transport: Transports = ("maildir:outbox",)
    sender: Mailbox = Field(default="labelcast@localhost", alias="from")
    reply_to: OptionalMailbox = ""
    postal_address: str = ""
    connections: Annotated[int, Field(ge=1, le=100)] = 4
    # A folder of the publisher's own templates, each of which stands for the one shipped here.
    templates: str = ""
    # Limits, for all processes together; 0: none.
    per_second: Rate = 0
    per_domain_second: Rate = 0
    connections_per_domain: Annotated[int, Field(ge=0, le=100)] = 0
    daily_cap: Annotated[int, Field(ge=0, le=10**9)] = 0
    # When nothing is sent, by the clock of the site's timezone: 22:00-07:00.
    quiet: QuietHours = ""


class DkimSettings(BaseModel):
    """How mail is signed."""

    model_config = _FROZEN

    domain: Line = ""
    # SELECTOR=FILE for each key.
    keys: DkimKeys = ()


class BounceSettings(BaseModel):
    """Where undelivered mail comes back to, and what follows."""

    model_config = _FROZEN

    return_path: ReturnPath = ""
    mailbox: BounceMailbox = ""
    soft_limit: Annotated[int, Field(ge=1, le=1000)] = 5
    soft_days: Annotated[int, Field(ge=1, le=365)] = 14


class AlertSettings(BaseModel):
    """Whom to tell when mail fails, and from which share of an edition on."""

    model_config = _FROZEN

    to: OptionalMailbox = ""
    share: Annotated[float, Field(gt=0, le=1)] = 0.05


class FeedSettings(BaseModel):
    """How feeds are built."""

    model_config = _FROZEN

    entries: Annotated[int, Field(ge=1, le=1000)] = 25
    content: Literal["full", "summary"] = "full"
    public_dir: str = "public"
    hubs: Hubs = ()
    # Other addresses of feeds: PATH=FEED.
    aliases: Aliases = ()
    # What the old address of a renamed label's feed answers: 301, or the feed (some readers never follow).
    renamed: Literal["redirect", "serve"] = "redirect"
    # Times an hour that one client may ask for one feed; 0: as often as it likes.
    polls_an_hour: Annotated[int, Field(ge=0, le=100_000)] = 120


class WebSettings(BaseModel):
    """Where the pages are served."""

    model_config = _FROZEN

    host: Line = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    signup_url: SignupAddress = ""
    # Whose word on where a request came from is taken.
    trusted_proxies: Networks = ("127.0.0.1", "::1")
    # How long a login lasts that is not used; one that is, thirty times as long at most.
    session_hours: Annotated[float, Field(gt=0, le=24 * 365)] = 12.0
    access_log: bool = True


class SignupSettings(BaseModel):
    """Signing up by the web, and how much of it is taken for a person's."""

    model_config = _FROZEN

    open: bool = True
    # How long the link in the mail that asks to confirm is good for.
    link_days: Annotated[int, Field(ge=1, le=365)] = 7
    # Limits, for each process; 0: none.
    per_address_day: Annotated[int, Field(ge=0, le=100_000)] = 3
    per_network_hour: Annotated[int, Field(ge=0, le=1_000_000)] = 30
    per_domain_hour: Annotated[int, Field(ge=0, le=1_000_000)] = 300


class SchedulerSettings(BaseModel):
    """How often it is asked what is due."""

    model_config = _FROZEN

    tick_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
