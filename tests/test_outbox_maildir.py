"""A Maildir as a way out: whole messages, each once, readable by any mail program."""

import asyncio
import errno
import os
from collections.abc import Awaitable, Callable
from mailbox import Maildir as Mailbox
from pathlib import Path

import pytest

from outbox.maildir import Maildir
from outbox.outcome import Outcome, TransportError

READER = "reader@example.net"


def message(number: int = 1, text: str = "Hello") -> bytes:
    return f"Subject: News\r\nMessage-ID:\r\n <{number}@example.org>\r\n\r\n{text}\r\n".encode()


async def yes() -> bool:
    return True


def send(
    folder: Path,
    *messages: bytes,
    recipient: str = READER,
    may_send: Callable[[], Awaitable[bool]] = yes,
    fence: Callable[[], bool] = lambda: True,
) -> list[Outcome]:
    """Open the Maildir and send all messages at once."""

    async def whole() -> list[Outcome]:
        maildir = Maildir(folder)
        seen = [maildir.usable]
        await maildir.open()
        seen.append(maildir.usable)
        assert seen == [False, True]
        sends = (
            maildir.send("news@example.org", recipient, data, may_send=may_send, fence=fence)
            for data in messages
        )
        outcomes = await asyncio.gather(*sends)
        await maildir.close()
        return outcomes

    return asyncio.run(whole())


def texts(folder: Path) -> list[str]:
    """What a mail program finds, sorted."""
    mailbox = Mailbox(folder, create=False)
    return sorted(str(kept.get_payload()) for kept in mailbox)


def test_a_mail_program_finds_every_message_whole(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "outbox"
    outcomes = send(folder, *(message(number, f"Hello {number}") for number in range(50)))
    assert {outcome.kind for outcome in outcomes} == {"sent"}
    assert texts(folder) == sorted(f"Hello {number}\n" for number in range(50))
    assert list((folder / "tmp").iterdir()) == []
    kept = next(iter((folder / "new").iterdir()))
    assert outcomes[0].reply.startswith("in new/")
    assert b"\r" not in kept.read_bytes()
    assert kept.stat().st_mode & 0o777 == 0o600


def test_a_message_sent_again_replaces_itself(tmp_path: Path) -> None:
    send(tmp_path, message(text="first"))
    send(tmp_path, message(text="second"), message(2, "other"))
    assert texts(tmp_path) == ["other\n", "second\n"]


def test_a_message_that_was_read_meanwhile_is_replaced_where_it_lies(tmp_path: Path) -> None:
    send(tmp_path, message(text="first"))
    mailbox = Mailbox(tmp_path, create=False)
    ((key, kept),) = mailbox.items()
    kept.set_subdir("cur")
    kept.set_flags("S")
    mailbox[key] = kept
    (outcome,) = send(tmp_path, message(text="second"))
    assert outcome.reply.startswith("in cur/")
    assert list((tmp_path / "new").iterdir()) == []
    ((_, again),) = Mailbox(tmp_path, create=False).items()
    assert (again.get_payload(), again.get_flags()) == ("second\n", "S")


def test_a_message_read_while_the_maildir_is_open_is_found_there(tmp_path: Path) -> None:
    async def story() -> list[str]:
        maildir = Maildir(tmp_path)
        await maildir.open()
        first = await maildir.send("", READER, message(), may_send=yes)
        (kept,) = (tmp_path / "new").iterdir()
        kept.rename(tmp_path / "cur" / f"{kept.name}:2,S")
        second = await maildir.send("", READER, message(), may_send=yes)
        return [first.reply[:6], second.reply[:6]]

    assert asyncio.run(story()) == ["in new", "in cur"]


def test_one_message_to_two_readers_is_two_and_without_an_id_its_text_tells(tmp_path: Path) -> None:
    send(tmp_path, message())
    send(tmp_path, message(), recipient="other@example.net")
    send(tmp_path, b"Subject: a\r\n\r\na\r\n", b"Subject: b\r\n\r\nb\r\n", b"Subject: b\r\n\r\nb\r\n")
    assert texts(tmp_path) == ["Hello\n", "Hello\n", "a\n", "b\n"]


def test_without_leave_or_behind_the_fence_nothing_is_left(tmp_path: Path) -> None:
    async def no() -> bool:
        return False

    assert send(tmp_path, message(), may_send=no)[0].kind == "withheld"
    assert send(tmp_path, message(), fence=lambda: False)[0].kind == "withheld"
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_full_disk_defers_and_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    (outcome,) = send(tmp_path, message())
    assert outcome == Outcome("deferred", f"maildir:{tmp_path}: No space left on device")
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == []


def test_a_folder_that_cannot_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TransportError, match=r"^maildir:.*file/outbox: Not a directory$"):
        send(tmp_path / "file" / "outbox", message())
    taken = tmp_path / "taken"
    taken.write_text("")
    with pytest.raises(TransportError, match=r"^maildir:.*taken: "):
        send(taken, message())


def test_what_gets_no_place_is_not_left_behind(tmp_path: Path) -> None:
    async def whole() -> Outcome:
        maildir = Maildir(tmp_path)
        await maildir.open()
        (tmp_path / "new").rmdir()
        return await maildir.send("news@example.org", READER, message(), may_send=yes)

    assert asyncio.run(whole()).kind == "deferred"
    assert list((tmp_path / "tmp").iterdir()) == []


def test_what_a_killed_sender_left_half_written_is_swept_when_it_is_old(tmp_path: Path) -> None:
    """After the 36 hours of the Maildir's rules, and nobody else's files."""
    send(tmp_path, message())
    placed = next((tmp_path / "new").iterdir()).name
    old, young, foreign = (tmp_path / "tmp" / name for name in (f"{placed}.0", f"{placed}.1", "1.M2P3.host"))
    for left in (old, young, foreign):
        left.write_text("Subject: Ne")
    for left in (old, foreign):
        os.utime(left, (0, 0))
    send(tmp_path)
    assert sorted((tmp_path / "tmp").iterdir()) == sorted([young, foreign])
