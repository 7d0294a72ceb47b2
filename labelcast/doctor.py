"""Looking a place over: one line for each thing that has to hold, and what to do where it does not."""

import asyncio
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parseaddr
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from jinja2 import TemplateError
from sqlalchemy import text

import labelcast
from database import Database, DatabaseUnavailable, SchemaOutdated, open_database, require_current
from labelcast.doctor_dns import Answers, mail_records
from labelcast.settings import Settings, SettingsError, load_settings
from outbox.dkim import Signer, make_signers
from outbox.dkimkeys import DkimError
from outbox.sendmail import sendmail_command
from outbox.smtp import SmtpConnection, SmtpSettings, TransportError
from templates import environment
from templates.filling import TemplateFault, check, email_files

ROOMS = (
    *("database", "templates", "scheduler", "posts", "subscribers"),
    *("outbox", "feeds", "digests", "web", "labelcast"),
)
TEMPLATES = (
    *("email/digest/subject.txt", "email/digest/body.txt", "email/digest/body.html"),
    *("page/labels.html", "page/posts.html", "page/post.html", "page/search.html", "page/missing.html"),
)
SMTP_SECONDS = 10.0
CLOCK_SECONDS = 5.0


class Health(StrEnum):
    """How one thing stands."""

    OK = "ok"
    PROBLEM = "problem"
    UNCHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at, how it stands, and a line that says more: on a problem, what to do."""

    what: str
    health: Health
    said: str


def examine(config: Path | None, *, now: Callable[[], datetime], answers: Answers) -> Iterator[Finding]:
    """Look everything over, one after the other; nothing is changed and no mail is sent.

    ``answers`` asks the DNS. Without readable settings only what needs none is looked at.
    """
    yield _origins()
    yield _templates()
    try:
        settings = load_settings(config)
    except SettingsError as error:
        yield Finding("settings", Health.PROBLEM, str(error))
        return
    yield Finding("settings", Health.OK, f"read; site_url is {settings.site_url}")
    if settings.mail.templates:
        yield _own_templates(Path(settings.mail.templates))
    yield from _database(settings, now)
    yield from map(_transport, settings.mail.transport)
    signers, signing = _signing(settings)
    yield from signing
    yield from mail_findings(settings, answers, signers)


def misplaced(rooms: dict[str, str | None], root: Path) -> list[str]:
    """The rooms that Python finds somewhere else than under ``root``, each with where. Pure.

    PyPI has a package called ``scheduler``, and others may come: installed beside Labelcast it would be taken
    for ours, or ours for it.
    """
    return [
        f"{room} is {origin or 'nowhere'}"
        for room, origin in rooms.items()
        if origin is None or not Path(origin).resolve().is_relative_to(root.resolve())
    ]


def sqlite_is_sound(version: str) -> bool:
    """Whether this SQLite is free of the bug that can damage a database when its WAL is reset.

    It is in 3.7.0 to 3.51.2, but not in 3.50.7 and later of that line: https://sqlite.org/wal.html#walresetbug
    """
    major, minor, patch = (int(part) for part in version.split(".")[:3])
    return (major, minor, patch) >= (3, 51, 3) or ((major, minor) == (3, 50) and patch >= 7)


def _origins() -> Finding:
    root = Path(labelcast.__file__).parent.parent
    found = {room: spec.origin if (spec := find_spec(room)) else None for room in ROOMS}
    wrong = misplaced(found, root)
    if not wrong:
        return Finding("modules", Health.OK, f"all {len(ROOMS)} rooms come from {root}")
    return Finding(
        "modules",
        Health.PROBLEM,
        f"not from {root}: {'; '.join(wrong)}: give Labelcast an environment of its own",
    )


def _templates() -> Finding:
    shipped = environment()
    for name in TEMPLATES:
        try:
            shipped.get_template(name)
        except TemplateError as error:
            said = f"{name}: {' '.join(str(error).split())}: install labelcast again"
            return Finding("templates", Health.PROBLEM, said)
    return Finding("templates", Health.OK, f"{len(TEMPLATES)} load")


def _own_templates(folder: Path) -> Finding:
    made = environment(folder)
    own = [name for name in email_files(made) if (folder / name).is_file()]
    try:
        for name in own or ["email/digest/subject.txt"]:
            check(made, name)
    except TemplateFault as error:
        return Finding("own templates", Health.PROBLEM, str(error))
    if not own:
        return Finding("own templates", Health.PROBLEM, f"{folder} has no file email/…")
    return Finding("own templates", Health.OK, f"{len(own)} load from {folder}")


def _database(settings: Settings, now: Callable[[], datetime]) -> Iterator[Finding]:
    try:
        database = open_database(settings.database_url)
        try:
            require_current(database)
            yield Finding("database", Health.OK, f"{database.engine.dialect.name}, its tables are up to date")
            yield _sqlite(database) if database.is_sqlite else _clock(database, now)
        finally:
            database.dispose()
    except (DatabaseUnavailable, SchemaOutdated) as error:
        yield Finding("database", Health.PROBLEM, str(error))


def _sqlite(database: Database) -> Finding:
    with database.read() as connection:
        version = str(connection.execute(text("SELECT sqlite_version()")).scalar_one())
    if sqlite_is_sound(version):
        return Finding("sqlite", Health.OK, version)
    said = (
        f"{version} can damage a database when its WAL is reset: get 3.51.3 or newer (pip install pysqlite3)"
    )
    return Finding("sqlite", Health.PROBLEM, said)


def _clock(database: Database, now: Callable[[], datetime]) -> Finding:
    with database.read() as connection:
        theirs: datetime = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
    apart = abs((theirs.astimezone(UTC) - now()).total_seconds())
    if apart <= CLOCK_SECONDS:
        return Finding("clock", Health.OK, f"{apart:.1f} s from the database's")
    said = f"{apart:.0f} s from the database's: let NTP set both, or digests come at the wrong time"
    return Finding("clock", Health.PROBLEM, said)


def _transport(transport: str) -> Finding:
    """How one way out stands."""
    if transport.startswith("maildir:"):
        return _maildir(Path(transport.removeprefix("maildir:")))
    if transport.startswith("sendmail:"):
        return _sendmail(transport.removeprefix("sendmail:"))
    server = SmtpSettings.parse(transport)
    try:
        return Finding("mail", Health.OK, asyncio.run(_greet(server)))
    except (TransportError, TimeoutError) as error:
        said = str(error) or f"{server}: no answer within {SMTP_SECONDS:.0f} seconds: see mail.transport"
        return Finding("mail", Health.PROBLEM, said)


def _maildir(folder: Path) -> Finding:
    standing = next(place for place in (folder, *folder.parents) if place.exists())
    if standing.is_dir() and os.access(standing, os.W_OK):
        return Finding("mail", Health.OK, f"into the folder {folder}; no server")
    said = f"{standing}: cannot be written: change mail.transport, or who may write there"
    return Finding("mail", Health.PROBLEM, said)


def _sendmail(written: str) -> Finding:
    program = sendmail_command(written)[0]
    if os.access(program, os.X_OK):
        return Finding("mail", Health.OK, f"through the program {program}")
    return Finding(
        "mail", Health.PROBLEM, f"{program}: no such program: install one, or change mail.transport"
    )


async def _greet(settings: SmtpSettings) -> str:
    """Connect, secure and log in as sending would, and leave without a message."""
    connection = SmtpConnection(settings)
    async with asyncio.timeout(SMTP_SECONDS):
        await connection.open()
        await connection.close()
    backup = ", a backup" if settings.weight == 0 else ""
    return f"{settings.host}:{settings.port} lets us in{backup}"


def _signing(settings: Settings) -> tuple[tuple[Signer, ...], list[Finding]]:
    """Who signs, as sending would have it; and what to say of the keys, if there are any."""
    dkim = settings.dkim
    if dkim.domain and not dkim.keys:
        said = f"dkim.domain is {dkim.domain}, and no key signs: set dkim.keys (`labelcast dkim new`)"
        return (), [Finding("signing", Health.PROBLEM, said)]
    try:
        signers = make_signers(domain=dkim.domain, keys=dkim.keys, sender=parseaddr(settings.mail.sender)[1])
    except DkimError as error:
        return (), [Finding("signing", Health.PROBLEM, str(error))]
    return signers, [_strength(signer) for signer in signers]


def _strength(signer: Signer) -> Finding:
    key = f"{signer.key.kind} key {signer.selector} of {signer.domain}"
    if not signer.key.is_weak:
        return Finding("signing", Health.OK, f"{key}, {signer.key.bits} bits")
    said = f"{key} has {signer.key.bits} bits only: big receivers want 2048; `labelcast dkim new` makes such"
    return Finding("signing", Health.PROBLEM, said)


def mail_findings(settings: Settings, answers: Answers, signers: Sequence[Signer] = ()) -> Iterator[Finding]:
    """The DNS records that big receivers want: SPF, DKIM, DMARC. None is needed for a Maildir."""
    if all(transport.startswith("maildir:") for transport in settings.mail.transport):
        yield Finding("dns", Health.UNCHECKED, "mail goes into a folder")
        return
    for what, found, said in mail_records(settings.mail.sender, answers, signers):
        health = Health.UNCHECKED if found is None else Health.OK if found else Health.PROBLEM
        yield Finding(what, health, said)
