"""Feed readers made by others, each subscribed to one feed over HTTP: newsboat, rss2email, reader."""

import mailbox
import shutil
import sqlite3
import subprocess
from collections import Counter
from dataclasses import dataclass, field
from email.message import Message
from pathlib import Path
from typing import Protocol

import pytest

from tests.feeds_reader import feed_reader

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "no_proxy": "*"}


class Subscribed(Protocol):
    """A program that reads one feed."""

    def poll(self) -> None:
        """Fetch what is new."""

    def news(self) -> Counter[str]:
        """How often each entry, by its id, was shown as new since the beginning."""

    def text(self, entry_id: str) -> str:
        """An entry's text as the program has it now."""


@dataclass
class Newsboat:
    """newsboat with its own files."""

    folder: Path
    url: str
    seen: Counter[str] = field(default_factory=Counter)

    def poll(self) -> None:
        """Reload; what is unread then is new, and is read."""
        self.run("reload")
        self.seen.update(str(guid) for (guid,) in self.ask("SELECT guid FROM rss_item WHERE unread = 1"))
        with sqlite3.connect(self.folder / "cache.db") as connection:
            connection.execute("UPDATE rss_item SET unread = 0")
        connection.close()

    def news(self) -> Counter[str]:
        """What was unread after a poll."""
        return self.seen

    def text(self, entry_id: str) -> str:
        """As it is stored."""
        ((found,),) = self.ask("SELECT content FROM rss_item WHERE guid = ?", entry_id)
        return str(found)

    def run(self, *commands: str) -> str:
        """What newsboat prints when it executes these."""
        (self.folder / "urls").write_text(f"{self.url}\n")
        (self.folder / "config").write_text("")
        files = {"-u": "urls", "-c": "cache.db", "-C": "config"}
        options = [part for flag, name in files.items() for part in (flag, str(self.folder / name))]
        return _run(self.folder, "newsboat", *options, "-x", *commands)

    def ask(self, query: str, *arguments: str) -> list[tuple[object, ...]]:
        """Rows of what newsboat has stored."""
        connection = sqlite3.connect(self.folder / "cache.db")
        try:
            return connection.execute(query, arguments).fetchall()
        finally:
            connection.close()


@dataclass
class Rss2Email:
    """rss2email, which mails each entry to a Maildir, and an edited one in reply to what it mailed before."""

    folder: Path
    url: str

    def poll(self) -> None:
        """``r2e run``."""
        if not (self.folder / "config").exists():
            (self.folder / "config").write_text(
                "[DEFAULT]\nfrom = r2e@blog.example\nto = ann@blog.example\nforce-from = True\n"
                "email-protocol = maildir\nmaildir-mailbox = INBOX\nreply-changes = True\n"
                f"maildir-path = {self.folder / 'mail'}\n"
            )
            (self.folder / "mail").mkdir()
            self._r2e("add", "label", self.url)
        self._r2e("run")

    def news(self) -> Counter[str]:
        """The mails that are no replies."""
        return Counter(mail["X-RSS-ID"] for mail in self.mails() if "In-Reply-To" not in mail)

    def text(self, entry_id: str) -> str:
        """That of the last mail of it."""
        of_it = [mail for mail in self.mails() if mail["X-RSS-ID"] == entry_id]
        replies = [mail for mail in of_it if "In-Reply-To" in mail]
        body = (replies or of_it)[-1].get_payload(decode=True)
        assert isinstance(body, bytes)
        return body.decode()

    def mails(self) -> list[Message]:
        """All it has mailed."""
        return list(mailbox.Maildir(self.folder / "mail" / "INBOX"))

    def _r2e(self, *arguments: str) -> None:
        said = _run(self.folder, "r2e", "-c", "config", "-d", "data.json", *arguments)
        assert "rror" not in said, said


@dataclass
class Library:
    """The library reader, with a database of its own."""

    folder: Path
    url: str
    seen: Counter[str] = field(default_factory=Counter)

    def poll(self) -> None:
        """Update; the entries that it calls new are new."""
        with feed_reader(self.folder) as reader:
            reader.add_feed(self.url, exist_ok=True)
            reader.after_entry_update_hooks.append(
                lambda _reader, entry, status: self.seen.update([entry.id] * (status.value == "new"))
            )
            # Of many, only those that are due would be.
            reader.update_feed(self.url)
            assert reader.get_feed(self.url).last_exception is None

    def news(self) -> Counter[str]:
        """What its hook was told."""
        return self.seen

    def text(self, entry_id: str) -> str:
        """As it is stored."""
        with feed_reader(self.folder) as reader:
            content = reader.get_entry((self.url, entry_id)).get_content()
            assert content is not None
            return content.value


PROGRAMS: dict[str, type[Newsboat] | type[Rss2Email] | type[Library]] = {
    "newsboat": Newsboat,
    "rss2email": Rss2Email,
    "reader": Library,
}
_COMMANDS = {"newsboat": "newsboat", "rss2email": "r2e"}


def subscribe(name: str, folder: Path, url: str) -> Newsboat | Rss2Email | Library:
    """A program by its name with its files in a folder of its own; skips where it is not installed."""
    if name in _COMMANDS and shutil.which(_COMMANDS[name]) is None:
        pytest.skip(f"{name} is not installed: apt-get install {name}")
    made = folder / name
    made.mkdir()
    return PROGRAMS[name](made, url)


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(
        command,
        cwd=folder,
        env=ENVIRONMENT | {"HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
