"""A whole site for attackers: every table has rows, and every text in it is what a test puts there."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from database import Database, open_database, upgrade
from digests.choosing import Words
from digests.model import DeliveryState, delivery, edition
from digests.planning.introducing import introduce
from digests.store import add_digest, get_digest
from feeds.configured import add_feed
from feeds.keys import grant
from feeds.publishing.publish import PublishReport
from labelcast.publishing import SitePublisher
from labelcast.readers import add_reader, suppression_salt
from labelcast.settings import Settings
from labelcast.settings_tables import AlertSettings
from labelcast.wiring import Wiring
from outbox.notices import enqueue
from posts.blog import create_blog
from posts.intake import store_posts
from posts.model import SourcePost
from posts.rules import parse
from subscribers.changing import ask_change
from subscribers.signup import request_subscription
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import dated
from web.accounts.accounts import set_password
from web.accounts.audit import record
from web.accounts.sessions import begin_session, csrf_of
from web.accounts.tokens import TokenScope, add_token
from web.admin.frame import COOKIE
from web.app import Administration
from web.model import JobState, Role, job
from web.readers.readerlinks import ReaderLinks

# A Monday.
NOW = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
DAY = timedelta(days=1)
IDLE = timedelta(hours=12)
SITE = "https://siege.example"
ACTS = frozenset({"POST", "PUT", "PATCH", "DELETE"})
TEMPLATES = ("digest", "compact", "plain", "text")


def plain_words() -> Iterator[str]:
    """Texts that mean nothing by harm."""
    number = 0
    while True:
        number += 1
        yield f"Word {number}"


class FixedWiring(Wiring):
    """The application at a time that stands still; nothing is written to files."""

    def machine_time(self) -> datetime:
        """That time."""
        return NOW

    def administration(self, trouble: Callable[[], str | None]) -> Administration:
        """The publisher's pages at that time; the doctor asks nobody."""
        made = super().administration(trouble)
        return replace(made, now=self.machine_time, work=replace(made.work, examine=lambda: ()))

    @property
    def reader_links(self) -> ReaderLinks:
        """The pages behind links at that time; what is to be mailed waits."""
        return replace(super().reader_links, now=self.machine_time, wake=lambda: None)

    def publishing(self, place: str | None = None, *, suffixes: Any = None) -> SitePublisher:
        """What writes no files, which would take most of the time."""
        made = super().publishing(place, suffixes=suffixes)
        vars(made)["publish"] = lambda: PublishReport((), 0, ())
        return made

    def tick(self, now: datetime) -> None:
        """All that is due then is done."""
        for done in self.scheduler().tick(now):
            assert done.error is None, (done.duty, done.error)


@dataclass
class Besieged:
    """The site, over a migrated database; ``words`` are the texts that stand in it.

    ``path`` is what it stands below; of what there may be any number of there are ``bulk`` more. Texts that
    may hold markup have pictures.example for canary.example: pictures of other sites are shown.
    """

    database: Database
    folder: Path
    words: Callable[[], Iterator[str]] = plain_words
    posts: int = 12
    bulk: int = 0
    path: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Seed it."""
        self._word = self.words()
        url = self.database.engine.url.render_as_string(hide_password=False)
        settings = Settings(
            site_url=SITE + self.path,
            site_title=self._line(),
            author=self._line(),
            secret_key=("a secret that is long enough to be one",),
            database_url=url,
            alerts=AlertSettings(to="operator@siege.example"),
            **self.more,
        )
        mail = settings.mail.model_copy(
            update={
                "sender": "news@siege.example",
                "transport": (f"maildir:{self.folder / 'outbox'}",),
                "postal_address": self._line(),
            }
        )
        self.wiring = FixedWiring(settings.model_copy(update={"mail": mail}))
        with self.database.write() as connection:
            create_blog(connection, site_url=SITE, now=NOW - 60 * DAY)
        store_posts(self.database, self._posts(), now=NOW - 3 * DAY)
        self._seed()
        for minutes in (-60, 1):
            self.wiring.tick(NOW + timedelta(minutes=minutes))
        self._afterwards()
        # The operator is told of what failed.
        self.wiring.tick(NOW + timedelta(minutes=2))
        self.app = self.wiring.app()

    def close(self) -> None:
        """Let go of all."""
        self.wiring.close()

    def word(self) -> str:
        """The next text, as a database can hold it."""
        return next(self._word).replace("\0", "").encode(errors="replace").decode()

    def _rich(self) -> str:
        """The next one, where it may have markup."""
        return self.word().replace("canary.example", "pictures.example")

    def _line(self, most: int = 200) -> str:
        """The next one that is a line of that length."""
        return " ".join("".join(c if c.isprintable() else " " for c in self.word()).split())[:most] or "x"

    def _posts(self) -> Iterator[SourcePost]:
        """Each text as a title, a label, an author's name and a body, and wherever an address may stand."""
        for number in range(self.posts):
            text = next(self._word)
            rich = text.replace("canary.example", "pictures.example")
            at = NOW - timedelta(days=1 + number // 40, minutes=number)
            yield SourcePost(
                uri=f"tag:siege.example,2026:{number}",
                url=rich if number % 7 == 3 else f"{SITE}/2026/{number}.html",
                title=text,
                html=f"<p>Before {rich} after</p>{rich}<a href='{rich}'>a</a>"
                f"<img src=\"{rich}\" alt='{rich}'>",
                published=at,
                updated=at,
                labels=(text, "All of it", f"Label {number % 3}", *(("Secret",) if number in {4, 9} else ())),
                authors=(text,),
                picture=rich,
                language=text,
            )

    def _seed(self) -> None:
        at = NOW - 2 * DAY
        with self.database.write() as connection:
            for name, role in (("owner", Role.OWNER), ("editor", Role.EDITOR), ("viewer", Role.VIEWER)):
                set_password(connection, name, "correct horse battery", now=at, role=role)
            self.session = begin_session(connection, 1, now=NOW - timedelta(minutes=5), idle=IDLE)
            self.secret = add_token(connection, "cms", tuple(map(str, TokenScope)), now=at)[1]
            add_feed(
                connection,
                slug="chosen",
                rule=parse('"All of it" and not "Secret"'),
                title=self._line(),
                subtitle=self._line(),
                now=at,
            )
            add_feed(
                connection, slug="private", rule=parse("Secret"), title=self._line(), is_private=True, now=at
            )
            self.key = grant(connection, "private", self._line(80), now=at)
            for template in TEMPLATES:
                add_digest(
                    connection,
                    template,
                    rule="all",
                    title=self._line(100),
                    cadence="daily",
                    at="08:00",
                    template=template,
                    now=at,
                )
                introduce(connection, template, f"Words {self._rich()[:2000]}", now=at)
            add_digest(
                connection, "instant", rule='"Label 1"', title=self._line(100), cadence="instant", now=at
            )
            for number, slug in enumerate((*TEMPLATES, "instant", *TEMPLATES), start=1):
                its = get_digest(connection, slug)
                add_reader(
                    connection,
                    f"reader{number}@readers.example",
                    its,
                    Words(),
                    confirmed=number != 9,
                    origin=self._line(100),
                    now=at,
                )
            salt = suppression_salt(connection)
            suppress(
                connection, "reader8@readers.example", reason=SuppressionReason.COMPLAINED, now=at, salt=salt
            )
            asked = request_subscription(
                connection,
                "new@readers.example",
                digest_id=1,
                wording=self.word(),
                origin=self._line(100),
                now=NOW,
                salt=salt,
            )
            self.question = asked.number or 0
            asked_change = ask_change(connection, 2, "moved@readers.example", now=NOW, lasts=7 * DAY)
            assert asked_change is not None
            change, asked_by = {"change": asked_change.change.id}, {"origin": "192.0.2.1"}
            wanted = {"digest": 1, "choices": {}, "wording": self.word()}
            for kind, payload in (
                ("signup", {"address": "asks@readers.example", **wanted, **asked_by}),
                ("signup", {"address": "reader2@readers.example", **wanted, **asked_by, "digest": 2}),
                ("links", {"address": "reader1@readers.example", **asked_by}),
                ("address-old", change),
                ("address-new", change),
                ("address-moved", {"address": "x@readers.example", "moved": True, "subscriber": 1}),
                ("data", {"subscriber": 1}),
            ):
                enqueue(connection, kind, payload, key=f"{kind}:{payload}", now=NOW - DAY)

    def _afterwards(self) -> None:
        """What was done by hand, and mail that did not arrive."""
        with self.database.write() as connection:
            # Else the newest could not be read for what the servers said.
            numbers = list(connection.execute(select(delivery.c.id).order_by(delivery.c.id)).scalars())
            for number, state in zip(
                numbers, (DeliveryState.FAILED, DeliveryState.DEFERRED, DeliveryState.IN_DOUBT), strict=False
            ):
                values = {"state": state, "reply": f"550 {self.word()}", "attempt": 2, "due_at": NOW + DAY}
                connection.execute(update(delivery).where(delivery.c.id == number).values(values))
            for number in range(self.bulk):
                grant(connection, "private", f"{number} {self._line(80)}", now=NOW)
                add_feed(
                    connection,
                    slug=f"feed-{number}",
                    rule=parse('"All of it"'),
                    title=self._line(),
                    subtitle=self._line(),
                    now=NOW,
                )
            for action in ("feed.change", "posts.import", "digest.change", *["feed.add"] * self.bulk):
                detail = {"title": self.word(), "was": self.word()}
                record(
                    connection,
                    actor=self._line(60),
                    action=action,
                    subject=self.word(),
                    now=NOW,
                    detail=detail,
                )
            beat = {"actor": "account:owner", "started_at": NOW, "beat_at": datetime.now(UTC)}
            failed = {"state": JobState.FAILED, "finished_at": NOW}
            runs = {"state": JobState.RUNNING, "done": 3, "total": 9}
            for row in (
                {"kind": "posts.import", "title": self.word(), "report": {"error": self.word()}} | failed,
                {"kind": "readers.import", "title": self.word(), "report": {"error": self.word()}} | failed,
                {"kind": "posts.import", "title": self.word(), "report": None, "finished_at": None} | runs,
            ):
                connection.execute(insert(job).values(row | beat))

    def client(self, *, is_in: bool = False, **options: Any) -> TestClient:
        """Somebody; ``is_in``: the owner."""
        made = TestClient(self.app, base_url=SITE, follow_redirects=False, **options)
        made.headers["accept-encoding"] = "identity"
        if is_in:
            made.cookies.set(COOKIE, self.session, path=f"{self.path}/admin")
        return made

    @property
    def csrf(self) -> str:
        """What the owner's forms bear."""
        return csrf_of(self.session)

    def link(self, purpose: str, number: int = 1, page: str = "") -> str:
        """A link as it stands in mail, from the root."""
        return f"/{purpose}/{self.wiring.signer.sign(purpose, number)}{page}"

    def links(self) -> list[str]:
        """A good link of every purpose that is read here, with all pages behind it."""
        numbers = {"confirm": self.question, "data": dated(1, NOW.date())}
        return [
            self.link(purpose, numbers.get(purpose, 1), page)
            for purpose, pages in doors(self.app).items()
            for page in pages
        ]

    @property
    def edition(self) -> int:
        """One that was mailed."""
        with self.database.read() as connection:
            return int(connection.execute(select(func.min(edition.c.id))).scalar_one())

    def mails(self) -> list[bytes]:
        """All that were sent."""
        return [file.read_bytes() for file in sorted((self.folder / "outbox" / "new").iterdir())]


def every_route(routes: Any, before: str = "") -> Iterator[tuple[str, Any]]:
    """Each address of an application and of those mounted in it."""
    for route in routes:
        if isinstance(route, Mount):
            inner: Any = route.app
            while not hasattr(inner, "routes"):
                # What is made when it is first asked for, and what stands before it.
                if hasattr(inner, "_begin"):
                    inner._made or inner._begin()
                    inner = inner._made[0]
                else:
                    inner = inner._app
            yield from every_route(inner.routes, before + route.path)
        else:
            yield before + getattr(route, "path", "/feeds/all.atom"), route


def doors(app: Starlette) -> dict[str, tuple[str, ...]]:
    """Each purpose of a reader's link that the application answers, and the pages behind it."""
    found: dict[str, tuple[str, ...]] = {}
    for route in app.routes:
        if isinstance(route, Route) and "/{token}" in route.path:
            purpose, _, page = route.path[1:].partition("/{token}")
            found[purpose] = (*found.get(purpose, ()), page)
    return found


def addresses(site: Besieged, *, acting: bool) -> Iterator[tuple[str, str]]:
    """Each route's method and address, with something there for each parameter."""
    purposes = {link.split("/")[1]: link.split("/")[2] for link in site.links()}
    for path, route in every_route(site.app.routes):
        for method in sorted(getattr(route, "methods", None) or {"GET"}):
            if (method in ACTS) is not acting or method == "HEAD":
                continue
            filled = path
            if "{token}" in path:
                filled = path.replace("{token}", purposes[path.split("/")[1]])
            for area, slug in (
                ("labels", "label-1"),
                ("label/", "label-1"),
                ("feeds", "chosen"),
                ("", "digest"),
            ):
                if area in path:
                    filled = filled.replace("{slug}", slug)
                    break
            yield method, re.sub(r"\{[^}]*\}", "1", filled)


@pytest.fixture(scope="session")
def besieged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Besieged]:
    """The site, for tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("besieged")
    database = open_database(f"sqlite:///{folder / 'labelcast.db'}")
    upgrade(database)
    made = Besieged(database, folder)
    yield made
    made.close()
    database.dispose()
