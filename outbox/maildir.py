"""Sending into a Maildir: each message a file that is there whole or not at all."""

import asyncio
import os
import re
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from threading import Lock
from uuid import uuid4

from outbox.outcome import Outcome, TransportError, printable

# How long a file in tmp/ may be somebody's work in hand, by the rules of Maildirs.
_STALE_SECONDS = 36 * 3600
_SUFFIX = ".labelcast"

_MESSAGE_ID = re.compile(rb"^message-id:\s*(\S+)", re.IGNORECASE | re.MULTILINE)


class Maildir:
    """A Maildir to send into; it has the shape of an SMTP connection.

    A message's file name follows from its Message-ID and its recipient: sent again it replaces itself,
    wherever a mail reader has put it, and never doubles. It is on the disk, its name too, before it counts as
    sent. Many may be sent at once: the file system then makes them safe together.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path / "new"
        self._cur = path / "cur"
        self._tmp = path / "tmp"
        self._is_open = False
        self._read = _Read(self._cur)

    @property
    def usable(self) -> bool:
        """Whether it is open."""
        return self._is_open

    @property
    def broke(self) -> bool:
        """Whether it is not open."""
        return not self._is_open

    async def open(self) -> None:
        """Make the folders where they are missing, and sweep away what a killed sender left in ``tmp/``.

        Raises ``TransportError`` when that cannot be.
        """
        try:
            await asyncio.to_thread(self._make_folders)
            await asyncio.to_thread(self._sweep)
        except OSError as error:
            raise TransportError(self._said(error)) from error
        self._is_open = True

    async def close(self) -> None:
        """Nothing is held open."""
        self._is_open = False

    async def send(
        self,
        sender: str,  # noqa: ARG002 - a Maildir keeps no envelope
        recipient: str,
        data: bytes,
        *,
        may_send: Callable[[], Awaitable[bool]],
        fence: Callable[[], bool] = lambda: True,
    ) -> Outcome:
        """Put one message, CRLF line ends, into ``new/``; say what became of it.

        ``may_send`` is awaited once, before anything is written; ``fence`` is asked right before the message
        gets its place. What the file system refuses is deferred: never in doubt, for sending it again
        replaces it.
        """
        if not await may_send():
            return Outcome("withheld", "the leave to send was taken back")
        name = _name(data, recipient)
        written = self._tmp / f"{name}.{uuid4().hex}"
        try:
            await asyncio.to_thread(_write, written, data)
            if not fence():
                written.unlink()
                return Outcome("withheld", "the leave to send was taken back")
            place = await asyncio.to_thread(self._put, written, name)
        except OSError as error:
            with suppress(OSError):
                written.unlink()
            return Outcome("deferred", self._said(error))
        return Outcome("sent", f"in {place.relative_to(self._path)}")

    def _make_folders(self) -> None:
        for folder in (self._tmp, self._new, self._cur):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _sweep(self) -> None:
        """Remove what is too old to be still written, and was written here."""
        for left in self._tmp.glob(f"*{_SUFFIX}.*"):
            with suppress(FileNotFoundError):
                if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                    left.unlink()

    def _put(self, written: Path, name: str) -> Path:
        """Move a written file to its place: where an earlier one of that name was read to, else ``new/``."""
        place = self._read.find(name) or self._new / name
        written.rename(place)
        _sync(place.parent)
        return place

    def _said(self, error: OSError) -> str:
        return printable(f"maildir:{self._path}: {error.strerror or error}")


class _Read:
    """The messages that a mail reader moved to ``cur/``: names with flags behind a colon.

    The folder is listed again only when it changed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._seen = -1
        self._names: dict[str, str] = {}

    def find(self, name: str) -> Path | None:
        """Where the message of that base name is, if it was read."""
        with self._lock:
            changed = self._folder.stat().st_mtime_ns
            if changed != self._seen:
                self._names = {found.name.partition(":")[0]: found.name for found in self._folder.iterdir()}
                self._seen = changed
            found = self._names.get(name)
        return self._folder / found if found else None


def _name(data: bytes, recipient: str) -> str:
    """A file name that is the same whenever the same message goes to the same recipient."""
    head = data[: data.find(b"\r\n\r\n")]
    found = _MESSAGE_ID.search(head)
    return sha256((found[1] if found else data) + b"\0" + recipient.encode()).hexdigest()[:40] + _SUFFIX


def _write(file: Path, data: bytes) -> None:
    """Write a message as mail programs keep it, LF line ends, and wait until it is on the disk."""
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as opened:
            opened.write(data.replace(b"\r\n", b"\n"))
            opened.flush()
            os.fsync(opened.fileno())
    except OSError:
        file.unlink(missing_ok=True)
        raise


def _sync(folder: Path) -> None:
    """Wait until the folder's names are on the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
