"""Messages in chunks (RFC 3030): the same octets, the same doubt, and DATA where there is no BDAT."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.accesstokens import AccessTokens
from outbox.chunking import chunks
from outbox.message import dot_stuff
from outbox.outcome import Outcome
from outbox.smtp import ServerMemory, SmtpConnection, SmtpSettings
from outbox.smtpurl import Timeouts
from tests.examples import often
from tests.smtp_faults import EXTENSIONS, SmtpFaults

T = TypeVar("T")
SENDER = "news@example.org"
READER = "reader@example.net"
MESSAGE = b"From: news@example.org\r\nSubject: News\r\n\r\nHello\r\n"
SOON = 0.1
PATIENT = Timeouts().capped(5)
BREAKS = ["drop", "hang", "dribble", "garbage", "endless", "huge"]


@pytest.fixture
def chunking(smtp_faults: SmtpFaults) -> SmtpFaults:
    """The programmable server with CHUNKING."""
    smtp_faults.extensions = (*EXTENSIONS, "CHUNKING")
    return smtp_faults


async def yes() -> bool:
    return True


def memory_of(url: str) -> ServerMemory:
    return ServerMemory(AccessTokens(SmtpSettings.parse(url)))


def run(
    url: str,
    story: Callable[[SmtpConnection], Awaitable[T]],
    timeouts: Timeouts = PATIENT,
    memory: ServerMemory | None = None,
) -> T:
    """Open a connection, do with it what the story says, close it."""

    async def whole() -> T:
        connection = SmtpConnection(replace(SmtpSettings.parse(url), timeouts=timeouts), memory=memory)
        await connection.open()
        try:
            return await story(connection)
        finally:
            await connection.close()

    return asyncio.run(whole())


def send_two(
    server: SmtpFaults, *, data: bytes = MESSAGE, timeouts: Timeouts = PATIENT, **leave: Any
) -> tuple[Outcome, Outcome, bool]:
    """What became of a first message and a second, which meets the faults; and whether it is usable then."""

    async def story(connection: SmtpConnection) -> tuple[Outcome, Outcome, bool]:
        first = await connection.send(SENDER, "first@example.net", MESSAGE, may_send=yes)
        second = await connection.send(SENDER, READER, data, may_send=yes, **leave)
        return first, second, connection.usable

    return run(server.url, story, timeouts)


def bdats(server: SmtpFaults) -> list[str]:
    return [line for line in server.lines if line[:4] in {"BDAT", "DATA"}]


def test_a_message_is_one_bdat_and_the_first_of_a_connection_sends_a_line_ahead(chunking: SmtpFaults) -> None:
    first, second, usable = send_two(chunking)
    assert (first.kind, second.kind, usable) == ("sent", "sent", True)
    assert [message.data for message in chunking.messages] == [MESSAGE, MESSAGE]
    ahead = MESSAGE.index(b"\n") + 1
    assert bdats(chunking) == [
        f"BDAT {ahead}",
        f"BDAT {len(MESSAGE) - ahead} LAST",
        f"BDAT {len(MESSAGE)} LAST",
    ]


@pytest.mark.parametrize(
    ("extensions", "option"),
    [((*EXTENSIONS, "CHUNKING"), "?chunking=no"), (("CHUNKING", "8BITMIME"), ""), (EXTENSIONS, "")],
)
def test_data_is_said_without_chunking_without_pipelining_or_where_it_is_told(
    smtp_faults: SmtpFaults, extensions: tuple[str, ...], option: str
) -> None:
    smtp_faults.extensions = extensions

    async def story(connection: SmtpConnection) -> Outcome:
        return await connection.send(SENDER, READER, MESSAGE, may_send=yes)

    assert run(smtp_faults.url + option, story).kind == "sent"
    assert bdats(smtp_faults) == ["DATA"]


lines = st.lists(
    st.one_of(st.sampled_from([b"", b".", b"..", b".x", b"QUIT"]), st.binary(max_size=6)), min_size=1
)


@given(lines, st.booleans(), st.booleans())
@settings(deadline=None, max_examples=often(150))
def test_chunks_say_what_data_would_have_said(texts: list[bytes], split: bool, cut: bool) -> None:
    message = b"\r\n".join(re.sub(rb"[\r\n]", b"", text) for text in texts) + (b"" if cut else b"\r\n")
    said = b"".join(
        found[2] for one in chunks(dot_stuff(message), split=split) if (found := _chunk(one)) is not None
    )
    assert said == (message if message.endswith(b"\r\n") else message + b"\r\n")
    assert len(chunks(message, split=split)) == 1 + split


def _chunk(octets: bytes) -> re.Match[bytes] | None:
    found = re.fullmatch(rb"BDAT (\d+)(?: LAST)?\r\n(.*)", octets, re.DOTALL)
    assert found is not None
    assert len(found[2]) == int(found[1])
    return found


def test_8_bit_lines_and_lines_with_dots_arrive_as_they_are(chunking: SmtpFaults) -> None:
    chunking.extensions = (*chunking.extensions, "SMTPUTF8")
    text = "Subject: x\r\n\r\nGrüße\r\n.\r\n.dot\r\nend".encode()
    _, second, _ = send_two(chunking, data=dot_stuff(text))
    assert second.kind == "sent"
    assert chunking.messages[1].data == text + b"\r\n"
    assert any("BODY=8BITMIME" in line for line in chunking.lines)


def test_a_refused_reader_gets_no_bdat_and_does_not_cost_the_connection(chunking: SmtpFaults) -> None:
    chunking.set_fault("^never@", "rcpt", "550 5.1.1 no such user")

    async def story(connection: SmtpConnection) -> list[Outcome]:
        readers = (READER, "never@example.net", READER)
        return [await connection.send(SENDER, reader, MESSAGE, may_send=yes) for reader in readers]

    outcomes = run(chunking.url, story)
    assert [outcome.kind for outcome in outcomes] == ["sent", "failed", "sent"]
    assert len(bdats(chunking)) == 3
    assert chunking.lines.count("RSET") == 1
    assert chunking.connections == 1


def test_bdat_is_said_only_once_the_leave_is_given_and_the_reader_taken(chunking: SmtpFaults) -> None:
    async def once_rcpt_was_heard() -> bool:
        await asyncio.to_thread(chunking.wait_for, lambda s: any(line.startswith("RCPT") for line in s.lines))
        assert not bdats(chunking)
        return True

    async def story(connection: SmtpConnection) -> Outcome:
        return await connection.send(SENDER, READER, MESSAGE, may_send=once_rcpt_was_heard)

    assert run(chunking.url, story).kind == "sent"


@pytest.mark.parametrize("holds", [0, 1])
def test_the_fence_withholds_before_each_part(chunking: SmtpFaults, holds: int) -> None:
    answers = iter([True] * holds + [False])

    async def story(connection: SmtpConnection) -> tuple[Outcome, bool]:
        sent = await connection.send(SENDER, READER, MESSAGE, may_send=yes, fence=lambda: next(answers))
        return sent, connection.usable

    outcome, usable = run(chunking.url, story)
    assert (outcome.kind, usable) == ("withheld", False)
    assert chunking.messages == []
    assert len(bdats(chunking)) == holds


@pytest.mark.parametrize(("reply", "kind"), [("452 4.3.1 full", "deferred"), ("554 5.7.1 spam", "failed")])
def test_a_refused_message_is_recorded_and_the_connection_goes_on(
    chunking: SmtpFaults, reply: str, kind: str
) -> None:
    chunking.set_fault(READER, "dot", reply, times=1)

    async def story(connection: SmtpConnection) -> list[Outcome]:
        return [await connection.send(SENDER, reader, MESSAGE, may_send=yes) for reader in (READER, "a@b.c")]

    refused, sent = run(chunking.url, story)
    assert refused == Outcome(kind, reply)  # type: ignore[arg-type]  # one of Kind
    assert sent.kind == "sent"
    assert (chunking.connections, chunking.lines.count("RSET")) == (1, 1)


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("action", [*BREAKS, "421 4.3.2 going down", "552 5.3.4 too big"])
def test_whatever_breaks_before_the_last_chunk_leaves_no_doubt(
    chunking: SmtpFaults, stage: Any, action: str
) -> None:
    chunking.set_fault("", stage, action)
    timeouts = Timeouts(mail=SOON, rcpt=SOON, data_block=SOON)

    async def story(connection: SmtpConnection) -> Outcome:
        return await connection.send(SENDER, READER, MESSAGE, may_send=yes)

    assert run(chunking.url, story, timeouts).kind == ("failed" if action[0] == "5" else "deferred")
    assert chunking.messages == []


@pytest.mark.parametrize("action", [*BREAKS, "keep-drop", "354 go on"])
def test_whatever_breaks_after_the_last_octet_leaves_it_in_doubt(chunking: SmtpFaults, action: str) -> None:
    chunking.set_fault(READER, "dot", action)
    first, second, usable = send_two(chunking, timeouts=Timeouts(data_end=SOON))
    assert (first.kind, second.kind, usable) == ("sent", "in_doubt", False)
    assert second.reply.startswith("sent whole, then ")
    assert len(chunking.messages) == 1 + (action == "keep-drop")


def test_an_answer_to_the_line_ahead_that_is_neither_yes_nor_no_defers(chunking: SmtpFaults) -> None:
    chunking.set_fault(READER, "data", "354 go on")

    async def story(connection: SmtpConnection) -> tuple[Outcome, bool]:
        return await connection.send(SENDER, READER, MESSAGE, may_send=yes), connection.usable

    assert run(chunking.url, story) == (Outcome("deferred", "354 go on"), False)
    assert chunking.messages == []


class NoBdat:
    """A server that offers CHUNKING; to BDAT it says what it is told, and reads the rest as commands."""

    def __init__(self, said: str, *, swallows: bool) -> None:
        self.said = said
        self.swallows = swallows
        self.lines: list[bytes] = []
        self.taken: list[bytes] = []
        self.talks: list[asyncio.Task[None] | None] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.append(asyncio.current_task())
        writer.write(b"220 hi\r\n")
        with suppress(ConnectionError):
            while line := await reader.readline():
                self.lines.append(line)
                if line.startswith(b"DATA"):
                    writer.write(b"354 go\r\n")
                writer.write(await self._reply(line, reader))
        writer.close()

    async def _reply(self, line: bytes, reader: asyncio.StreamReader) -> bytes:
        match line[:4]:
            case b"EHLO":
                return b"250-hi\r\n250-PIPELINING\r\n250 CHUNKING\r\n"
            case b"MAIL" | b"RCPT" | b"RSET":
                return b"250 ok\r\n"
            case b"QUIT":
                return b"221 bye\r\n"
            case b"BDAT":
                if self.swallows:
                    await reader.readexactly(int(line.split()[1]))
                return self.said.encode() + b"\r\n"
            case b"DATA":
                self.taken.append(await reader.readuntil(b"\r\n.\r\n"))
                return b"250 taken\r\n"
        return b"500 what?\r\n"


@pytest.mark.parametrize("said", ["500 what?", "502 5.5.1 not here", "503 5.5.1 not now"])
@pytest.mark.parametrize("swallows", [True, False])
def test_a_server_that_knows_no_bdat_gets_the_same_message_by_data_for_good(
    said: str, swallows: bool
) -> None:
    server = NoBdat(said, swallows=swallows)
    # Were the body read as commands, this would send another message.
    evil = MESSAGE + b"RSET\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:<x@example.org>\r\nDATA\r\nevil\r\n"

    async def story() -> list[Outcome]:
        listening = await asyncio.start_server(server.talk, "127.0.0.1", 0)
        async with listening:
            url = f"smtp://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
            memory, outcomes = memory_of(url), []
            for _ in range(2):
                connection = SmtpConnection(SmtpSettings.parse(url), memory=memory)
                await connection.open()
                outcomes += [await connection.send(SENDER, READER, evil, may_send=yes) for _ in range(2)]
                await connection.close()
            await asyncio.gather(*filter(None, server.talks))
            return outcomes

    assert asyncio.run(story()) == [Outcome("sent", "250 taken")] * 4
    assert server.taken == [evil + b".\r\n"] * 4
    assert sum(line.startswith(b"BDAT") for line in server.lines) == 1
    assert not any(b"evil@" in line for line in server.lines)


def test_a_server_that_refuses_only_the_last_chunk_is_asked_no_more(chunking: SmtpFaults) -> None:
    chunking.set_fault(READER, "dot", "503 5.5.1 out of step", times=1)
    memory = memory_of(chunking.url)

    async def story(connection: SmtpConnection) -> list[str]:
        first = await connection.send(SENDER, READER, MESSAGE, may_send=yes)
        await connection.open()
        return [first.kind, (await connection.send(SENDER, READER, MESSAGE, may_send=yes)).kind]

    assert run(chunking.url, story, memory=memory) == ["deferred", "sent"]
    assert (memory.has_bdat, bdats(chunking)[-1]) == (False, "DATA")
