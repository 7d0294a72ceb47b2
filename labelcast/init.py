"""Starting a blog: its settings file and its database. Run again it brings the database up to date."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from database import open_database, upgrade
from labelcast.settings import SettingsError, load_settings
from posts.backfill import complete
from posts.blog import create_blog


@dataclass(frozen=True, slots=True)
class InitReport:
    """What was made: the settings file (or it was there), and whether the database changed."""

    file: Path
    wrote_settings: bool
    migrated: bool


def initialise(file: Path, *, site_url: str, site_title: str, now: datetime) -> InitReport:
    """Write the settings into ``file`` unless it is there, then make or migrate its database.

    An existing file is never written to; ``site_url`` and ``site_title`` are for a new one. Raises
    ``SettingsError`` when the folder cannot be written or what the file says is wrong, and
    ``DatabaseUnavailable`` when there is no reaching the database.
    """
    wrote = write_settings(file, site_url=site_url, site_title=site_title)
    return InitReport(file=file, wrote_settings=wrote, migrated=prepare_database(file, now=now))


def prepare_database(file: Path, *, now: datetime) -> bool:
    """Make or migrate the database that ``file`` names; tell whether anything was done."""
    settings = load_settings(file)
    database = open_database(settings.database_url)
    try:
        migrated = upgrade(database, then=complete)
        with database.write() as connection:
            create_blog(connection, site_url=settings.site_url, now=now)
    finally:
        database.dispose()
    return migrated


def write_settings(
    file: Path,
    *,
    site_url: str,
    site_title: str,
    author: str = "",
    sender: str = "labelcast@localhost",
    postal_address: str = "",
) -> bool:
    """Write a settings file with a new secret, unless it is there; tell whether it was written."""
    text = _EXAMPLE.format(
        site_url=_toml(site_url),
        site_title=_toml(site_title),
        author=_toml(author),
        secret_key=_toml(secrets.token_urlsafe(32)),
        sender=_toml(sender),
        postal_address=_toml(postal_address),
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # "x": made only if it is not there, whoever else is at it. It holds a secret: for the owner's eyes.
        with file.open("x", encoding="utf-8") as stream:
            file.chmod(0o600)
            stream.write(text)
    except FileExistsError:
        if not file.is_file():
            raise SettingsError(f"{file}: cannot be written: something else is in its place") from None
        return False
    except OSError as error:
        raise SettingsError(f"{file}: cannot be written: {error.strerror}") from error
    return True


def _toml(value: str) -> str:
    """A TOML basic string."""
    escaped = "".join(
        f"\\u{ord(letter):04x}" if ord(letter) < 32 or letter in '"\\' or ord(letter) == 127 else letter
        for letter in value
    )
    return f'"{escaped}"'


_EXAMPLE = """\
# Labelcast's settings. Each can also come from the environment: LABELCAST_SITE_TITLE, LABELCAST_MAIL__FROM.
# All of them are told in docs/settings.md.

site_url = {site_url}  # where readers reach it; links in mail and feeds begin so
site_title = {site_title}
author = {author}
language = "en"
timezone = "UTC"                    # for instance America/Regina
database_url = "sqlite:///labelcast.db"
secret_key = {secret_key}  # signs the links in mail; keep it, and keep it secret
in_doubt = "resend"                 # or "hold": what to do when nobody knows whether a message arrived

[mail]
transport = "maildir:outbox"        # or smtp://user:password@host:587, smtps://…
from = {sender}  # The News <news@example.org>
reply_to = ""
postal_address = {postal_address}  # the law of many countries wants one under a digest
connections = 4
templates = ""                      # a folder with templates of your own
per_second = 0                      # limits, for all processes together; 0: none
per_domain_second = 0
connections_per_domain = 0
daily_cap = 0
quiet = ""                          # hours in which nothing is sent: 22:00-07:00

[dkim]
domain = ""                         # `labelcast dkim new` makes keys, and says what to write here
keys = []

[bounces]
return_path = ""                    # where undelivered mail comes back to: bounces@example.org
mailbox = ""                        # where it is read from: maildir:FOLDER, imaps://user:password@host/INBOX
soft_limit = 5                      # so many in so many days, and the address is given up
soft_days = 14

[alerts]
to = ""                             # whom to tell when too much of an edition fails
share = 0.05

[feeds]
entries = 25
content = "full"                    # or "summary"
public_dir = "public"
renamed = "redirect"                # or "serve": what the old address of a renamed label's feed answers
polls_an_hour = 120                 # of one feed by one reader; 0: any number

[web]
host = "127.0.0.1"
port = 8000
signup_url = ""                     # readers sign up here; or elsewhere: https://… or mailto:…
trusted_proxies = ["127.0.0.1", "::1"]
session_hours = 12                  # of an account that does nothing
access_log = true

[signup]
open = true
link_days = 7                       # how long the link to confirm is good for
per_address_day = 3                 # limits; 0: none
per_network_hour = 30
per_domain_hour = 300

[scheduler]
tick_seconds = 5
"""
