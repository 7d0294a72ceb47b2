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


class SchedulerSettings(BaseModel):
    """How often it is asked what is due."""

    model_config = _FROZEN

    tick_seconds: Annotated[float, Field(gt=0, le=3600)] = 5.0
