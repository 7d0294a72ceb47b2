"""A small blog that is served while it is played with: the clock is the test's, mail lands in a Maildir."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, TypeVar

from digests.choosing import Words
from digests.store import add_digest, get_digest
from labelcast.init import prepare_database, write_settings
from labelcast.readers import add_reader
from labelcast.settings import FILE_NAME, load_settings
from posts.intake import store_posts
from posts.model import SourcePost
from tests.stage import PASSWORD, StagedWiring, address_of, apart, open_socket, serving
from web.accounts.accounts import set_password
from web.model import Role

# A Monday.
BEGIN = datetime(2026, 11, 16, 9, 0, tzinfo=UTC)
PATIENCE = 20.0

T = TypeVar("T")


class Play:
    """The blog at ``address``, at the time ``now``; mail that was read is not read again."""

    def __init__(self, wiring: StagedWiring, folder: Path, address: str) -> None:
        self.wiring, self.folder, self.address = wiring, folder, address
        self.now = BEGIN
        wiring.clock = lambda: self.now
        self._read: set[str] = set()

    def publish(self, title: str, *labels: str) -> None:
        """A post appears."""
        slug = re.sub("[^a-z]+", "-", title.lower())
        said = SourcePost(
            uri=f"tag:blog.example,2026:{slug}",
            url=f"https://blog.example/{slug}",
            title=title,
            html=f"<p>All about {title}.</p>",
            published=self.now,
            updated=self.now,
            labels=labels,
            authors=("Ann",),
        )
        store_posts(self.wiring.database, [said], now=self.now)

    def add_readers(self, *emails: str, digest: str = "week") -> None:
        """Readers of a digest, who agreed elsewhere."""
        with self.wiring.database.write() as connection:
            its = get_digest(connection, digest)
            for email in emails:
                add_reader(connection, email, its, Words(), confirmed=True, origin="a list", now=self.now)

    def tick(self, now: datetime) -> None:
        """It becomes ``now``, and all that is due is done."""
        self.now = now
        self.wiring.tick(now)

    def prepare(self, now: datetime) -> None:
        """It becomes ``now``, and all that is due is done up to the first mail."""
        self.now = now
        for done in apart(lambda: self.wiring.scheduler(sending_seconds=0).tick(now)):
            assert done.error is None, (done.duty, done.error)

    def new_mails(self) -> list[EmailMessage]:
        """What has arrived since this was last asked, by whom it is to and its subject."""
        found = []
        for file in sorted((self.folder / "outbox" / "new").glob("*")):
            if file.name not in self._read:
                self._read.add(file.name)
                mail = message_from_bytes(file.read_bytes(), policy=default)
                assert isinstance(mail, EmailMessage)
                found.append(mail)
        return sorted(found, key=lambda mail: (mail["To"], mail["Subject"]))

    def await_mails(self, count: int) -> list[EmailMessage]:
        """So many mails, which a thread is about to send."""
        found: list[EmailMessage] = []

        def all_there() -> bool:
            found.extend(self.new_mails())
            return len(found) >= count

        await_(all_there)
        assert len(found) == count, [mail["Subject"] for mail in found]
        return sorted(found, key=lambda mail: (mail["To"], mail["Subject"]))


def await_(asked: Callable[[], T]) -> T:
    """What ``asked`` comes to give; fails when that takes far too long."""
    end = time.monotonic() + PATIENCE
    while not (found := asked()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)
    return found


def text_of(mail: EmailMessage) -> str:
    """A mail's plain words."""
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def link_in(mail: EmailMessage, purpose: str) -> str:
    """The link of a purpose in a mail."""
    found = re.search(rf"http://\S+/{purpose}/[\w.-]+", text_of(mail))
    assert found, text_of(mail)
    return found[0]


@contextmanager
def played(folder: Path) -> Iterator[Play]:
    """The blog with the digest ``week``, which readers may also have daily, an owner and a viewer."""
    listening = open_socket()
    file = folder / FILE_NAME
    write_settings(
        file,
        site_url=address_of(listening),
        site_title="The Blog",
        author="Ann",
        sender="The Blog <news@blog.example>",
        postal_address="Somewhere 1",
    )
    prepare_database(file, now=BEGIN)
    wiring = StagedWiring(load_settings(file), lambda: BEGIN)
    play = Play(wiring, folder, address_of(listening))
    _offer(wiring)
    # Before the slot that a new reader's first window begins at.
    play.now = BEGIN - timedelta(days=2)
    for title, label in (("Swarms", "Bees"), ("Hills", "Cycling"), ("Complaints", "Letters")):
        play.publish(title, label)
    play.now = BEGIN
    try:
        with serving(wiring.app(), listening):
            yield play
    finally:
        wiring.close()


def _offer(wiring: StagedWiring) -> None:
    with wiring.database.write() as connection:
        offered: dict[str, Any] = {"cadence": "weekly", "at": "mon 08:00", "cadences": ["weekly", "daily"]}
        add_digest(connection, "week", rule="all", title="The week", now=BEGIN, **offered)
        for name, role in (("ann", Role.OWNER), ("cleo", Role.VIEWER)):
            set_password(connection, name, PASSWORD, now=BEGIN, role=role)
