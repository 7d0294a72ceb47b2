"""A whole blog with readers, digests and mail, at a time that stands still: for walks, flows and pictures."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from sqlalchemy import Connection, delete, func, insert, select, update
from starlette.applications import Starlette
from starlette.testclient import TestClient

from digests.choosing import Words
from digests.model import DeliveryState, delivery, edition
from digests.store import get_digest
from feeds.configured import add_feed
from feeds.keys import grant
from feeds.publishing.publish import PublishReport
from labelcast.demo import INSTANT, WEEKLY, build_demo, publish_news
from labelcast.publishing import SitePublisher
from labelcast.readers import add_reader, pause_reader, suppression_salt
from labelcast.settings import FILE_NAME, Settings, load_settings
from labelcast.settings_shown import shown_settings
from labelcast.wiring import Wiring
from posts.rules import parse
from subscribers.changing import ask_change
from subscribers.signup import request_subscription
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import dated
from web.accounts.accounts import find_account, set_password
from web.accounts.sessions import begin_session, csrf_of
from web.accounts.tokens import add_token
from web.admin.frame import COOKIE, CSRF_FIELD
from web.admin.work import Finding
from web.app import Administration
from web.model import Role, figure
from web.operations.figures import Figures
from web.readers.readerlinks import ReaderLinks

T = TypeVar("T")

# A Monday, when the weekly digest of the demo goes out.
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
SITE = "https://valley.example"
DAY = timedelta(days=1)
IDLE = timedelta(hours=12)
PASSWORD = "correct horse battery"
OWNER = "ann"
# Long enough for a bar, a list of two pages and every state.
READERS = 60
FINDINGS = (
    Finding("database", "ok", "answers, and its tables are those of this version"),
    Finding("SPF", "problem", "valley.example has no SPF record: add TXT “v=spf1 mx -all” to its zone"),
    Finding("DKIM", "not checked", "no key is set: `labelcast dkim new` makes one"),
    Finding("secret_key", "ok", "is long enough"),
)
MORE_POSTS = (
    '{"id": "tag:valley.example,2026:tea", "url": "https://valley.example/2026/11/tea.html", "title":'
    ' "Tea at the lock", "published": "2026-11-20T15:00:00Z", "labels": ["Letters"], "html": "<p>Tea.</p>"}\n'
    '{"title": "A line without an id"}\n'
)
MORE_READERS = "email,timezone\nzoe@valley.example,Europe/Paris\nnobody at all,\nyan@valley.example,\n"


def apart(do: Callable[[], T]) -> T:
    """What ``do`` gives, in a thread of its own: where a browser is driven an event loop runs already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(do).result()


class StagedWiring(Wiring):
    """The application, at the time that ``clock`` tells."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime]) -> None:
        super().__init__(settings)
        self.clock = clock

    def administration(self, trouble: Callable[[], str | None]) -> Administration:
        """The publisher's pages at that time; the doctor asks no name server."""
        made = super().administration(trouble)
        shown = shown_settings(_elsewhere(self.settings))
        work = replace(made.work, examine=lambda: FINDINGS, settings=lambda: shown)
        return replace(made, now=self.clock, work=work)

    @property
    def reader_links(self) -> ReaderLinks:
        """The pages behind links at that time."""
        return replace(super().reader_links, now=self.clock)

    def machine_time(self) -> datetime:
        """That time."""
        return self.clock()

    def tick(self, now: datetime) -> None:
        """All that is due then is done."""
        for done in apart(lambda: self.scheduler().tick(now)):
            assert done.error is None, (done.duty, done.error)

    def publishing(self, place: str | None = None, *, suffixes: Sequence[str] | None = None) -> SitePublisher:
        """Nothing is written to files, for that takes long."""
        return _Unpublished(self.builder, place or self.settings.feeds.public_dir)


class _Unpublished(SitePublisher):
    def publish(self, *, progress: Callable[[int, int], None] | None = None) -> PublishReport:
        return PublishReport((), 0, ())


def _at_now(settings: Settings) -> StagedWiring:
    return StagedWiring(settings, lambda: NOW)


def _elsewhere(settings: Settings) -> Settings:
    """The settings as if it stood where a real one would: pictures show no temporary folder."""
    place = "/var/lib/labelcast"
    return settings.model_copy(
        update={
            "database_url": f"sqlite:///{place}/labelcast.db",
            "mail": settings.mail.model_copy(update={"transport": (f"maildir:{place}/outbox",)}),
            "feeds": settings.feeds.model_copy(update={"public_dir": f"{place}/public"}),
        }
    )


@contextmanager
def serving(app: Starlette, listening: socket.socket | None = None) -> Iterator[str]:
    """The application on a socket that was opened for it, else a free port of its own, in a thread."""
    own = listening or open_socket()
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", ws="none", timeout_graceful_shutdown=2))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]})
    thread.start()
    while not server.started:
        assert thread.is_alive(), "uvicorn did not start"
        thread.join(0.01)
    try:
        yield address_of(own)
    finally:
        server.should_exit = True
        thread.join()
        own.close()


def open_socket() -> socket.socket:
    """A free port of this machine, listened at."""
    made = socket.socket()
    made.bind(("127.0.0.1", 0))
    made.listen()
    return made


def address_of(listening: socket.socket) -> str:
    """Where it is reached, as a browser writes it."""
    return f"http://127.0.0.1:{listening.getsockname()[1]}"


class Stage:
    """The seeded blog; ``token`` is that of its owner's session."""

    def __init__(self, folder: Path) -> None:
        apart(lambda: build_demo(folder, now=NOW - 7 * DAY, wire=_at_now))
        settings = load_settings(folder / FILE_NAME)
        fixed = {"site_url": SITE, "secret_key": ("the secret of a stage, long enough",)}
        self.wiring = StagedWiring(settings.model_copy(update=fixed), lambda: NOW)
        with self.wiring.database.write() as connection:
            self.token = _people(connection)
            _feeds(connection)
            _readers(connection)
        _mail(self.wiring)
        with self.wiring.database.write() as connection:
            _standing(connection)
            self._question = _asked(connection)
        self.app = self.wiring.app()
        _jobs(self)

    @property
    def edition(self) -> int:
        """The newest edition that was mailed."""
        with self.wiring.database.read() as connection:
            newest = select(func.max(delivery.c.edition_id))
            return int(connection.execute(newest).scalar_one())

    @property
    def listed_edition(self) -> int:
        """The newest past edition of the weekly digest, as its archive shows it."""
        with self.wiring.database.read() as connection:
            its = get_digest(connection, WEEKLY).id
            newest = select(func.max(edition.c.id)).where(edition.c.digest_id == its, edition.c.labels == "")
            return int(connection.execute(newest.where(edition.c.message.is_not(None))).scalar_one())

    @property
    def question(self) -> int:
        """A question to a new reader that waits for an answer."""
        return self._question

    @property
    def dated_reader(self) -> int:
        """What a link to a reader's data bears, made today."""
        return dated(1, NOW.date())

    def link(self, purpose: str, number: int) -> str:
        """A link as it stands in mail, from the root."""
        return f"/{purpose}/{self.wiring.signer.sign(purpose, number)}"


def _people(connection: Connection) -> str:
    for name, role in ((OWNER, Role.OWNER), ("ben", Role.EDITOR), ("cleo", Role.VIEWER)):
        set_password(connection, name, PASSWORD, now=NOW - 30 * DAY, role=role)
    add_token(connection, "the cms", ["posts:read", "posts:write"], now=NOW - 9 * DAY, life=90 * DAY)
    add_token(connection, "statistics", ["posts:read"], now=NOW - 40 * DAY, life=20 * DAY)
    owner = find_account(connection, OWNER)
    assert owner is not None
    return begin_session(connection, owner.id, now=NOW - timedelta(minutes=5), idle=IDLE)


def _feeds(connection: Connection) -> None:
    at = NOW - 6 * DAY
    add_feed(
        connection,
        slug="on-two-wheels",
        rule=parse('Cycling and not "Town hall"'),
        title="On two wheels",
        now=at,
    )
    add_feed(
        connection,
        slug="code-club-papers",
        rule=parse("C++"),
        title="Code club papers",
        is_private=True,
        now=at,
    )
    for reader in ("editor@valley.example", "The printer"):
        grant(connection, "code-club-papers", reader, now=at)


def _readers(connection: Connection) -> None:
    week, instant = get_digest(connection, WEEKLY), get_digest(connection, INSTANT)
    for number in range(1, READERS):
        chosen = Words(labels=("Bees", "Cycling")) if number % 3 == 0 else Words()
        add_reader(
            connection,
            f"reader{number:02}@{('valley', 'hill', 'moor')[number % 3]}.example",
            instant if number % 4 == 0 else week,
            chosen,
            confirmed=number % 10 != 7,
            origin="the stall at the market",
            now=NOW - timedelta(days=6, hours=number),
        )
    pause_reader(connection, "reader02@moor.example", WEEKLY, until="2026-12-20", now=NOW)
    salt = suppression_salt(connection)
    suppress(
        connection, "reader05@moor.example", reason=SuppressionReason.COMPLAINED, now=NOW - DAY, salt=salt
    )


def _mail(wiring: StagedWiring) -> None:
    for days in (5, 3, 1):
        at = NOW - days * DAY
        publish_news(wiring, now=at)
        wiring.tick(at + timedelta(minutes=1))
    wiring.tick(NOW)
    publish_news(wiring, now=NOW - timedelta(minutes=1))


def _standing(connection: Connection) -> None:
    """Mail that did not go so well, and figures of days before."""
    newest = connection.execute(select(func.max(delivery.c.edition_id))).scalar_one()
    mine = select(delivery.c.id).filter_by(edition_id=newest).order_by(delivery.c.id)
    numbers = list(connection.execute(mine).scalars())
    fates = (
        (DeliveryState.FAILED, "550 5.1.1 <reader> unknown here"),
        (DeliveryState.FAILED, "550 5.1.1 <reader> unknown here"),
        (DeliveryState.DEFERRED, "451 4.7.1 try again later"),
        (DeliveryState.IN_DOUBT, "the connection ended after the message was sent"),
    )
    for number, (state, reply) in zip(numbers, fates, strict=False):
        values = {"state": state, "reply": reply, "attempt": 2, "due_at": NOW + DAY}
        connection.execute(update(delivery).where(delivery.c.id == number).values(values))
    first = connection.execute(select(delivery.c.subscriber_id).order_by(delivery.c.id)).scalars().first()
    assert first is not None
    ask_change(connection, first, "another@valley.example", now=NOW, lasts=7 * DAY)


def _asked(connection: Connection) -> int:
    asked = request_subscription(
        connection,
        "newcomer@valley.example",
        digest_id=get_digest(connection, WEEKLY).id,
        wording="Send me The week in the valley.",
        origin="198.51.100.7",
        now=NOW - timedelta(hours=1),
        salt=suppression_salt(connection),
    )
    assert asked.number is not None
    return asked.number


def _figures(connection: Connection) -> None:
    rows = [
        {"kind": kind, "day": (NOW - back * DAY).date(), "name": name, "number": number}
        for back in range(1, 30)
        for kind, name, number in (
            ("readers", "confirmed", 80 - 2 * back + back % 3),
            ("readers", "pending", 4 + back % 5),
            ("readers", "suppressed", 3 - back // 12),
            ("mails", "sent", 70 - back if back % 7 == 0 else back % 4),
            ("mails", "failed", 3 if back % 7 == 0 else 0),
        )
    ]
    connection.execute(insert(figure), rows)


def _jobs(stage: Stage) -> None:
    """What is done by hand, as the publisher does it, which fills the log too."""
    Figures(stage.wiring.database).count(NOW)
    with stage.wiring.database.write() as connection:
        connection.execute(delete(figure).where(figure.c.day < NOW.date()))
        _figures(connection)
    with TestClient(stage.app, base_url=SITE, follow_redirects=False) as client:
        client.cookies.set(COOKIE, stage.token, path="/admin")
        post = _poster(client, stage.token)
        post("/doctor")
        post("/import", files={"file": ("posts.jsonl", MORE_POSTS)})
        post("/readers/import", {"digest": WEEKLY}, files={"file": ("readers.csv", MORE_READERS)})
        for path in ("/import/1", "/readers/import/2"):
            _wait(partial(_is_over, client, path))


def _poster(client: TestClient, token: str) -> Callable[..., Any]:
    def post(path: str, data: dict[str, Any] | None = None, **options: Any) -> Any:
        answer = client.post(f"/admin{path}", data={CSRF_FIELD: csrf_of(token)} | (data or {}), **options)
        assert answer.status_code == 303, (path, answer.status_code, answer.text[:500])
        return answer

    return post


def _is_over(client: TestClient, path: str) -> bool:
    return "running" not in client.get(f"/admin{path}/state").text


def _wait(is_so: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
