"""Digests over SMTP: ours, and the same mails rendered and sent one by one.

``python -m benchmarks.digests_smtp [--messages N] [--one-by-one N] [--connections N] [--rounds N]``

Both send an edition of 24 KB to Postfix's smtp-sink (Debian: postfix), unsigned. Ours is the whole of a tick
on an SQLite file: the deliveries planned, the edition rendered, every message spliced and sent, and each step
of each delivery committed to the ledger (``synchronous=FULL``). One by one is the usual loop: for each reader
the same Jinja2 templates are rendered, an ``EmailMessage`` is built and smtplib sends it over one connection
that stays open; it is spared the inlining of CSS, the choice of posts, and any record of what was sent. The
posts' excerpts are made once for all its readers.
"""

import argparse
import shutil
import smtplib
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from statistics import median
from time import perf_counter

from sqlalchemy import insert, select

import templates
from benchmarks.splice import sink
from benchmarks.timing import verdict
from database import Database, open_database, upgrade
from digests.cadence import Cadence
from digests.engine import Engine, Sending
from digests.model import edition
from digests.planning.editions import Planner
from digests.rendering.composing import Publisher, base_context, shown_context
from digests.rendering.content import views
from digests.rendering.grouping import grouped
from digests.rendering.printing import edition_contents
from digests.sending.letters import EditionLetters
from digests.store import add_digest
from outbox.smtp import SmtpConnection, SmtpSettings
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost
from subscribers.model import subscriber, subscription
from subscribers.tokens import TokenSigner
from templates.languages import language

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
PUBLISHER = Publisher("https://bench.example", "Bench", "News <news@bench.example>", None, "1 Street", "UTC")
SENDER = "news@bench.example"
POSTS = 11
BODY = "<p>" + "The council met on Tuesday evening and heard from nine of the residents. " * 3 + "</p>"
SIZE = (22_000, 26_000)


@dataclass(frozen=True, slots=True)
class Case:
    """A blog with readers, its engine, and a mail server that throws away what it gets."""

    database: Database
    engine: Engine
    settings: SmtpSettings


@contextmanager
def prepared(folder: Path, program: str, *, readers: int, connections: int) -> Iterator[Case]:
    """A database with so many readers of one digest, and news for them."""
    database = open_database(f"sqlite:///{folder / f'{readers}.db'}")
    upgrade(database)
    fill(database, readers)
    with sink(program) as settings:
        engine = Engine(
            database,
            environment=templates.environment(),
            publisher=PUBLISHER,
            planner=Planner(database, mail_domain="bench.example"),
            letters=EditionLetters(database, sender=SENDER, signer=TokenSigner(["x" * 32])),
            sending=Sending(connect=lambda: SmtpConnection(settings), connections=connections),
            clock=lambda: datetime.now(UTC),
        )
        yield Case(database, engine, settings)
    database.dispose()


def fill(database: Database, readers: int) -> None:
    began = NOW - timedelta(days=3)
    with database.write() as connection:
        create_blog(connection, site_url=PUBLISHER.site_url, now=began)
        digest = add_digest(connection, "news", rule="all", cadence=Cadence.INSTANT, now=began).id
        people = [
            {"id": n, "email": f"reader{n}@example.net", "email_key": f"reader{n}", "created_at": began}
            for n in range(1, readers + 1)
        ]
        connection.execute(insert(subscriber), [one | {"state": "confirmed"} for one in people])
        common = {"digest_id": digest, "state": "active", "labels": [], "created_at": began}
        rows = [{"subscriber_id": one["id"], "window_start": began} | common for one in people]
        connection.execute(insert(subscription), rows)


def publish_news(database: Database, round_: int) -> datetime:
    """New posts, for a new edition; when that was."""
    now = NOW + timedelta(hours=round_)
    posts = []
    for number in range(POSTS):
        url = f"https://bench.example/{round_}/{number}"
        title = f"Number {number} of the posts of this week"
        posts.append(
            SourcePost(
                uri=url, url=url, title=title, html=BODY, published=now, updated=now, labels=("Council",)
            )
        )
    store_posts(database, posts, now=now)
    return now


def ours(case: Case, round_: int, messages: int) -> float:
    """Messages a second of a whole tick."""
    now = publish_news(case.database, round_)
    began = perf_counter()
    case.engine.plan(now)
    case.engine.render(now)
    report = case.engine.deliver(now)
    taken = perf_counter() - began
    if report.states != {"sent": messages}:
        raise RuntimeError(str(report))
    return messages / taken


def one_by_one(case: Case, messages: int) -> float:
    """Messages a second of the usual loop, with the contents of the newest edition."""
    with case.database.read() as connection:
        number = connection.execute(select(edition.c.id).order_by(edition.c.id.desc()).limit(1)).scalar_one()
        digest, its, posts = edition_contents(connection, number)
    environment = templates.environment()
    began = perf_counter()
    spoken = language(its.language)
    base = base_context(digest, its, posts, PUBLISHER, spoken)
    site = PUBLISHER.site_url
    shown = list(views(posts, site_url=site, timezone="UTC", spoken=spoken, whole=True))
    groups = grouped(posts, shown, edition=its, timezone="UTC", site_url=site, spoken=spoken)
    common = base | shown_context(base, shown, groups) | {"cut": False, "subject": digest.title}
    with smtplib.SMTP(case.settings.host, case.settings.port, timeout=30) as server:
        for number in range(messages):
            token = f"{number}.x7Jk2mQ9-aTbWq3n_FzR5uYc"
            links = {
                "unsubscribe_url": f"{PUBLISHER.site_url}/unsubscribe/{token}",
                "preferences_url": f"{PUBLISHER.site_url}/preferences/{token}",
            }
            context = common | links
            rendered = {
                name: environment.get_template(f"email/digest/{name}").render(context)
                for name in ("subject.txt", "body.txt", "body.html")
            }
            mail = _message(rendered, f"reader{number}@example.net", links["unsubscribe_url"], number)
            server.sendmail(SENDER, [f"reader{number}@example.net"], mail)
    return messages / (perf_counter() - began)


def _message(rendered: dict[str, str], to: str, unsubscribe: str, number: int) -> bytes:
    message = EmailMessage(policy=SMTP)
    message["From"] = PUBLISHER.sender
    message["To"] = to
    message["Date"] = NOW
    message["Message-ID"] = f"<{number}.1@bench.example>"
    message["List-Id"] = "News <news.bench.example>"
    message["List-Unsubscribe"] = f"<{unsubscribe}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["List-Post"] = "NO"
    message["Auto-Submitted"] = "auto-generated"
    message["Precedence"] = "bulk"
    message["Feedback-ID"] = "1:news:bench"
    message["Subject"] = " ".join(rendered["subject.txt"].split())
    message.set_content(rendered["body.txt"], cte="quoted-printable")
    message.add_alternative(rendered["body.html"], subtype="html", cte="quoted-printable")
    return message.as_bytes(policy=SMTP.clone(max_line_length=0))


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--messages", type=int, default=5000)
    options.add_argument("--one-by-one", type=int, default=300)
    options.add_argument("--connections", type=int, default=20)
    options.add_argument("--rounds", type=int, default=5)
    chosen = options.parse_args()
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/bin")
    if program is None:
        sys.exit("smtp-sink is missing: apt-get install postfix")
    rates: dict[str, list[float]] = {"ours": [], "one by one": []}
    with (
        tempfile.TemporaryDirectory() as folder,
        prepared(Path(folder), program, readers=chosen.messages, connections=chosen.connections) as case,
    ):
        for round_ in range(chosen.rounds):
            rates["ours"].append(ours(case, round_, chosen.messages))
            rates["one by one"].append(one_by_one(case, chosen.one_by_one))
        with case.database.read() as connection:
            size = len(connection.execute(select(edition.c.message).limit(1)).scalar_one())
    if not SIZE[0] < size < SIZE[1]:
        raise RuntimeError(f"the message has {size} octets, not 24 KB")
    print(f"{size} octets a message, {chosen.connections} connections")
    for name, each in rates.items():
        print(f"{name:10}  {median(each):7.0f} messages/s (median), {max(each):7.0f} (best)")
    ratios = [mine / theirs for mine, theirs in zip(rates["ours"], rates["one by one"], strict=True)]
    verdict("messages/s, ours to one by one (median of rounds)", median(ratios), at_least=15)


if __name__ == "__main__":
    main()
