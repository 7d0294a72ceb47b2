"""The demo: a sample blog in a folder of its own, with feeds, two digests, a reader and a mailbox."""

import json
import secrets
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Any

from digests.choosing import Words
from digests.deliveries import list_deliveries
from digests.model import DeliveryState
from digests.rhythm import WEEKDAYS
from digests.store import add_digest, find_digest
from feeds.selection import all_feeds
from labelcast.init import prepare_database, write_settings
from labelcast.readers import add_reader
from labelcast.settings import FILE_NAME, Settings, load_settings
from labelcast.wiring import Wiring
from posts.importers import find_importer, open_source
from posts.intake import ImportReport, store_posts
from posts.lookup import labels
from posts.model import PostState, SourcePost
from posts.store import list_posts
from web.accounts.accounts import set_password
from web.model import Role

READER = "reader@valley.example"
HOST = "valley.example"
WEEKLY = "the-week"
INSTANT = "at-once"
ACCOUNT = "demo"
PORT = 8000
PORTS = 100

# How long before the demo its blog was imported: long enough for a weekly digest to have had its week.
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class DemoReport:
    """What there is now, as a table: a thing, how many, and where."""

    rows: list[tuple[str, int, str]]


class DemoFailed(RuntimeError):
    """The demo did not come to what it should; one line says why."""


def build_demo(folder: Path, *, now: datetime, wire: Callable[[Settings], Wiring] = Wiring) -> DemoReport:
    """Make the demo in ``folder``, or bring it up to date; run again it adds only what became due meanwhile.

    It plays the last week: the posts come in a week ago, those of this week as scheduled ones, and a tick at
    ``now`` releases them and sends the weekly digest. ``wire`` makes the application of its settings. Raises
    ``DemoFailed`` and what the rooms raise.
    """
    file = folder / FILE_NAME
    write_settings(
        file,
        site_url=f"http://localhost:{PORT}",
        site_title="The Valley Sheet",
        author="The Valley Sheet",
        sender="The Valley Sheet <news@valley.example>",
        postal_address="The Valley Sheet, Old Fire Station, Upper Lock",
    )
    slot = now.replace(second=0, microsecond=0)
    prepare_database(file, now=slot - WEEK)
    wiring = wire(load_settings(file))
    try:
        posts = folder / "posts.jsonl"
        if not posts.exists():
            posts.write_text("".join(_dated(slot)), encoding="utf-8")
        imported = _import(wiring, posts, now=slot - WEEK)
        if _offer(wiring, WEEKLY, slot=slot):
            # Just after a slot: the reader's first window begins there, and what came in before is no news.
            _tick(wiring, slot - WEEK + timedelta(minutes=1))
        _tick(wiring, now)
        if _offer(wiring, INSTANT, slot=slot):
            _tick(wiring, now)
        return _report(wiring, imported)
    finally:
        wiring.close()


def publish_news(wiring: Wiring, *, now: datetime) -> str:
    """Publish one more post, as if somebody had just written it, and return its title."""
    flashes = [post for post in _sample() if post["days"] is None]
    post = flashes[now.minute % len(flashes)]
    news = SourcePost(
        uri=f"tag:{HOST},{now:%Y-%m-%d}:{post['slug']}-{now:%H%M%S}",
        url=f"https://{HOST}/{now:%Y/%m}/{post['slug']}-{now:%d-%H%M%S}.html",
        title=post["title"],
        html=post["html"],
        published=now,
        updated=now,
        labels=tuple(post["labels"]),
        authors=(post["author"],),
    )
    store_posts(wiring.database, [news], now=now)
    return str(post["title"])


def make_account(wiring: Wiring, *, now: datetime) -> tuple[str, str]:
    """Give the demo's owner a new password; returns the account's name and the password."""
    password = secrets.token_urlsafe(12)
    with wiring.database.write() as connection:
        account = set_password(connection, ACCOUNT, password, now=now, role=Role.OWNER)
    return account.name, password


def free_port(host: str, first: int = PORT) -> int:
    """The first port from ``first`` on that nobody listens at; raises ``DemoFailed`` when all are taken."""
    for port in range(first, first + PORTS):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                trial.bind((host, port))
            except OSError:
                continue
            return port
    raise DemoFailed(
        f"every port from {first} to {first + PORTS - 1} is taken: stop something, or use --once"
    )


def outbox_folder(wiring: Wiring) -> Path:
    """The demo's Maildir."""
    return Path(wiring.settings.mail.transport[0].removeprefix("maildir:"))


def _sample() -> Iterator[dict[str, Any]]:
    text = files("labelcast").joinpath("sample", "posts.jsonl").read_text(encoding="utf-8")
    return map(json.loads, text.splitlines())


def _dated(now: datetime) -> Iterator[str]:
    """The sample's posts as JSON lines, their dates so many days before ``now`` (some after it)."""
    for post in _sample():
        if post["days"] is None:
            continue
        published = (now - timedelta(days=post["days"])).replace(microsecond=0)
        line = {
            "id": f"tag:{HOST},{published:%Y-%m-%d}:{post['slug']}",
            "url": f"https://{HOST}/{published:%Y/%m}/{post['slug']}.html",
            "title": post["title"],
            "published": published.isoformat(),
            "labels": post["labels"],
            "author": post["author"],
            "draft": post.get("draft", False),
            "html": post["html"],
        }
        yield json.dumps(line, ensure_ascii=False) + "\n"


def _import(wiring: Wiring, posts: Path, *, now: datetime) -> ImportReport:
    with open_source(str(posts)) as source:
        return store_posts(wiring.database, find_importer("jsonl", source).read(source), now=now)


def _offer(wiring: Wiring, slug: str, *, slot: datetime) -> bool:
    """Offer one of the digests and subscribe the reader; False when that was done before."""
    with wiring.database.write() as connection:
        if find_digest(connection, slug) is not None:
            return False
        add = partial(add_digest, connection, slug, now=slot)
        if slug == WEEKLY:
            at = f"{WEEKDAYS[slot.weekday()][:3]} {slot:%H:%M}"
            digest = add(rule="all", title="The week in the valley", cadence="weekly", at=at)
        else:
            rule = 'Bees or "Town hall" or Cycling or Allotments'
            digest = add(rule=rule, title="News at once", cadence="instant")
        add_reader(connection, READER, digest, Words(), confirmed=True, origin="demo", now=slot)
    return True


def _tick(wiring: Wiring, now: datetime) -> None:
    for done in wiring.scheduler().tick(now):
        if done.error is not None:
            raise DemoFailed(f"{done.duty}: {' '.join(str(done.error).split())}") from done.error


def _report(wiring: Wiring, imported: ImportReport) -> DemoReport:
    with wiring.database.read() as connection:
        count = partial(list_posts, connection)
        live = len(count(state=PostState.LIVE))
        others = len(count()) - live
        of_labels = len(labels(connection))
        of_feeds = len(all_feeds(connection, wiring.site))
        sent = len(list(list_deliveries(connection, state=DeliveryState.SENT)))
    return DemoReport(
        [
            (
                "posts",
                live,
                f"{imported.new} new, {imported.unchanged} unchanged; {others} scheduled or drafts",
            ),
            ("labels", of_labels, f"{wiring.settings.site_url}/labels/…"),
            ("feeds", of_feeds, str(Path(wiring.settings.feeds.public_dir) / "feeds")),
            ("digests", 2, f"{WEEKLY} (weekly), {INSTANT} (instant)"),
            ("readers", 1, READER),
            ("mails", sent, str(outbox_folder(wiring))),
        ]
    )


def utc_now() -> datetime:
    """The instant it is."""
    return datetime.now(UTC)
