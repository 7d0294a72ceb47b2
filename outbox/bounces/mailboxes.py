"""Where mail that came back lies: a Maildir, a file, standard input, or a mailbox on a server."""

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO

from outbox.bounces.mail import MOST_BYTES, Mail, MailboxError

_CHUNK = 64 * 1024


Opened = AbstractContextManager[Iterator[Mail]]


def open_mailbox(source: str, *, stdin: BinaryIO | None = None) -> Opened:
    """The messages of a source that wait to be read, opened as ``with``.

    ``source`` is a Maildir (``maildir:FOLDER`` or its path), an mbox or a single message (a file),
    ``-`` (``stdin``), ``imap(s)://user:password@host:port/FOLDER`` or ``pop3(s)://user:password@host:port``.
    Raises ``MailboxError``, then or while it is read, and ``MailboxUrlError`` for an address that is none.
    """
    scheme = source.partition("://")[0] if "://" in source else ""
    if scheme in {"imap", "imaps"}:
        from outbox.bounces.imapbox import imap_mailbox  # noqa: PLC0415 # few read one

        return imap_mailbox(source)
    if scheme in {"pop3", "pop3s"}:
        from outbox.bounces.popbox import pop_mailbox  # noqa: PLC0415 # few read one

        return pop_mailbox(source)
    if source == "-" and stdin is not None:
        return _pipe(stdin)
    path = Path(source.removeprefix("maildir:"))
    return _maildir(path) if source.startswith("maildir:") or path.is_dir() else _file(path)


def _left(_may_go: bool) -> None:
    """A source that is read and left as it is."""


@contextmanager
def _pipe(stdin: BinaryIO) -> Iterator[Iterator[Mail]]:
    """One message; all of it is read, for the mail server that writes it must not see the pipe break."""
    data = stdin.read(MOST_BYTES)
    while stdin.read(_CHUNK):
        pass
    yield iter([Mail(_without_envelope(data), _left)])


@contextmanager
def _maildir(path: Path) -> Iterator[Iterator[Mail]]:
    if not (path / "new").is_dir() or not (path / "cur").is_dir():
        raise MailboxError(f"{path}: no Maildir: it has no folders new/ and cur/")
    yield _unseen(path)


def _unseen(path: Path) -> Iterator[Mail]:
    """Those in ``new/``, and those in ``cur/`` that a mail program moved there and nobody has read."""
    for folder in (path / "new", path / "cur"):
        for name in sorted(file.name for file in folder.iterdir()):
            flags = name.partition(":2,")[2]
            if name.startswith(".") or (folder.name == "cur" and "S" in flags):
                continue
            data = _begin(folder / name)
            if data is not None:
                yield Mail(data, _mover(folder / name, path / "cur"))


def _mover(file: Path, cur: Path) -> Callable[[bool], None]:
    """Moves a message to where those lie that were read."""

    def settle(_may_go: bool) -> None:
        base, _, flags = file.name.partition(":2,")
        target = cur / f"{base}:2,{''.join(sorted({*flags, 'S'}))}"
        try:
            file.rename(target)
        except FileNotFoundError:
            return  # another process was as far
        except OSError as error:
            raise MailboxError(f"{file}: {error.strerror}: it will be read again") from error

    return settle


def _begin(file: Path) -> bytes | None:
    """A file's beginning; None when it has gone meanwhile, or is no file."""
    try:
        # Not through a link, nor of a pipe: whoever may write here may not have us read elsewhere.
        opened = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        if file.is_symlink():
            return None
        raise MailboxError(f"{file}: {error.strerror}: let this user read it") from error
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        return None
    with os.fdopen(opened, "rb") as stream:
        return stream.read(MOST_BYTES)


@contextmanager
def _file(path: Path) -> Iterator[Iterator[Mail]]:
    """An mbox, which begins with ``From ``, or one message."""
    try:
        stream = path.open("rb")
    except OSError as error:
        raise MailboxError(f"{path}: {error.strerror}: name a Maildir, an mbox or a message") from error
    with stream:
        if stream.peek(5)[:5] == b"From ":
            yield _messages(stream)
        else:
            yield iter([Mail(stream.read(MOST_BYTES), _left)])


def _messages(stream: BinaryIO) -> Iterator[Mail]:
    """The messages of an mbox (RFC 4155): each begins with a line ``From ``, after an empty one."""
    lines: list[bytes] = []
    size = 0
    is_after_empty, is_whole = True, True
    while line := stream.readline(_CHUNK):
        if is_whole and is_after_empty and line.startswith(b"From "):
            if lines:
                yield Mail(b"".join(lines), _left)
            lines, size = [], 0
        elif size < MOST_BYTES:
            lines.append(line)
            size += len(line)
        is_after_empty = is_whole and line in {b"\n", b"\r\n"}
        is_whole = line.endswith(b"\n")
    if lines:
        yield Mail(b"".join(lines), _left)


def _without_envelope(data: bytes) -> bytes:
    """A message without the ``From `` line that some mail servers write before it."""
    return data.partition(b"\n")[2] if data.startswith(b"From ") else data
