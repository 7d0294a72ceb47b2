"""One message over SMTP: what became of it, whatever the server does."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import uvloop
from aiosmtpd.controller import Controller
from hypothesis import given, settings
from hypothesis import strategies as st

from outbox.outcome import MAX_REPLY, Outcome, TransportError
from outbox.replies import MAX_LINE, MAX_LINES, ProtocolError, ReplyReader
from outbox.smtp import SmtpConnection, SmtpSettings
from outbox.smtpurl import SmtpUrlError, Timeouts
from tests.smtp_faults import SmtpFaults

T = TypeVar("T")
SENDER = "news@example.org"
READER = "reader@example.net"
MESSAGE = b"From: news@example.org\r\nSubject: News\r\n\r\nHello\r\n"
PATIENT = Timeouts().capped(20)
SOON = 0.1
BIG = MESSAGE + b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 400_000


def free_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


# What makes the event loop; None: asyncio's own.
new_loop: Callable[[], asyncio.AbstractEventLoop] | None = None


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def connection_to(url: str, timeouts: Timeouts = PATIENT) -> SmtpConnection:
    return SmtpConnection(replace(SmtpSettings.parse(url), timeouts=timeouts))


def run(url: str, story: Callable[[SmtpConnection], Awaitable[T]], timeouts: Timeouts = PATIENT) -> T:
    """Open a connection, do with it what the story says, close it."""

    async def whole() -> T:
        connection = connection_to(url, timeouts)
        await connection.open()
        try:
            return await story(connection)
        finally:
            await connection.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(whole())


def send_one(
    server: SmtpFaults,
    recipient: str = READER,
    *,
    data: bytes = MESSAGE,
    may_send: Callable[[], Awaitable[bool]] = yes,
    fence: Callable[[], bool] = lambda: True,
    timeouts: Timeouts = PATIENT,
) -> tuple[Outcome, bool]:
    """What became of one message, and whether the connection was usable afterwards."""

    async def story(connection: SmtpConnection) -> tuple[Outcome, bool]:
        outcome = await connection.send(SENDER, recipient, data, may_send=may_send, fence=fence)
        return outcome, connection.usable

    return run(server.url, story, timeouts)


@pytest.fixture(params=["pipelining", "one by one", "uvloop"])
def server(
    request: pytest.FixtureRequest, smtp_faults: SmtpFaults, monkeypatch: pytest.MonkeyPatch
) -> SmtpFaults:
    """The programmable server, with PIPELINING and without; and with it for a sender that runs on uvloop."""
    if request.param == "uvloop":
        monkeypatch.setattr(sys.modules[__name__], "new_loop", uvloop.new_event_loop)
    if request.param == "one by one":
        smtp_faults.extensions = tuple(e for e in smtp_faults.extensions if e != "PIPELINING")
    return smtp_faults


def test_messages_go_out_one_after_another_over_one_connection(server: SmtpFaults) -> None:
    readers = [f"r{number}@example.net" for number in range(20)]

    async def story(connection: SmtpConnection) -> list[Outcome]:
        return [await connection.send(SENDER, reader, MESSAGE, may_send=yes) for reader in readers]

    assert {outcome.kind for outcome in run(server.url, story)} == {"sent"}
    assert server.messages == [((reader,), MESSAGE) for reader in readers]
    assert server.connections == 1
    assert server.lines[-1] == "QUIT"


def test_sends_begun_at_once_share_the_connection_and_keep_their_order(server: SmtpFaults) -> None:
    readers = [f"r{number}@example.net" for number in range(20)]
    server.set_fault("^r3@", "rcpt", "550 5.1.1 no such user")
    server.set_fault("^r7@", "dot", "451 4.3.0 later")

    async def story(connection: SmtpConnection) -> list[Outcome]:
        sends = (connection.send(SENDER, reader, MESSAGE, may_send=yes) for reader in readers)
        return await asyncio.gather(*sends)

    kinds = [outcome.kind for outcome in run(server.url, story)]
    assert kinds == ["sent"] * 3 + ["failed"] + ["sent"] * 3 + ["deferred"] + ["sent"] * 12
    taken = [reader for reader in readers if reader[:3] not in {"r3@", "r7@"}]
    assert [message.recipients for message in server.messages] == [(reader,) for reader in taken]


def test_dots_and_a_missing_last_line_end_arrive_as_they_should(server: SmtpFaults) -> None:
    outcome, _ = send_one(server, data=b"Subject: x\r\n\r\n..dot\r\nend")
    assert outcome.kind == "sent"
    assert server.messages == [((READER,), b"Subject: x\r\n\r\n.dot\r\nend\r\n")]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize(
    ("reply", "kind"), [("451 4.2.1 come back later", "deferred"), ("550 5.1.1 never here", "failed")]
)
def test_a_refusal_is_recorded_and_the_next_message_goes_out(
    server: SmtpFaults, stage: Any, reply: str, kind: str
) -> None:
    server.set_fault("", stage, reply, times=1)

    async def story(connection: SmtpConnection) -> list[Outcome]:
        return [await connection.send(SENDER, reader, MESSAGE, may_send=yes) for reader in ("a@b.c", READER)]

    refused, sent = run(server.url, story)
    assert refused == Outcome(kind, reply)  # type: ignore[arg-type]  # one of Kind
    assert sent.kind == "sent"
    assert server.messages == [((READER,), MESSAGE)]
    assert server.connections == 1


def test_a_refused_reader_costs_one_rset_and_not_the_connection(server: SmtpFaults) -> None:
    server.set_fault("^never@", "rcpt", "550 5.1.1 no such user")

    async def story(connection: SmtpConnection) -> list[str]:
        readers = ("a@example.net", "never@example.net", "b@example.net")
        return [(await connection.send(SENDER, one, MESSAGE, may_send=yes)).kind for one in readers]

    assert run(server.url, story) == ["sent", "failed", "sent"]
    assert (server.connections, server.lines.count("RSET")) == (1, 1)
    assert [message.recipients for message in server.messages] == [("a@example.net",), ("b@example.net",)]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "dot"])
def test_a_421_defers_and_ends_the_connection(server: SmtpFaults, stage: Any) -> None:
    server.set_fault("", stage, "421 4.3.2 going down")
    assert send_one(server) == (Outcome("deferred", "421 4.3.2 going down"), False)


@pytest.mark.parametrize("reply", ["530 5.7.0 log in first", "503 5.5.1 out of step"])
def test_a_refusal_of_the_connection_does_not_fail_the_reader(server: SmtpFaults, reply: str) -> None:
    server.set_fault("", "mail", reply)
    assert send_one(server) == (Outcome("deferred", reply), False)


BREAKS = ["drop", "hang", "dribble", "garbage", "endless", "huge"]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("action", BREAKS)
def test_whatever_breaks_before_the_message_is_written_defers_it(
    server: SmtpFaults, stage: Any, action: str
) -> None:
    server.set_fault("", stage, action)
    outcome, usable = send_one(server, timeouts=Timeouts(mail=SOON, rcpt=SOON, data=SOON))
    assert outcome.kind == "deferred"
    assert not usable
    assert server.messages == []


@pytest.mark.parametrize("action", [*BREAKS, "keep-drop", "354 go on and on"])
def test_whatever_breaks_after_the_final_dot_leaves_it_in_doubt(server: SmtpFaults, action: str) -> None:
    server.set_fault("", "dot", action)
    outcome, usable = send_one(server, timeouts=Timeouts(data_end=SOON))
    assert outcome.kind == "in_doubt"
    assert outcome.reply.startswith("sent whole, then ")
    assert not usable
    assert len(server.messages) == (action == "keep-drop")


def test_a_message_that_never_wholly_left_is_deferred_not_in_doubt(server: SmtpFaults) -> None:
    server.set_fault("", "data", "stall")
    outcome, usable = send_one(server, data=BIG, timeouts=Timeouts(data_block=SOON))
    assert outcome.kind == "deferred"
    assert outcome.reply == "not sent whole: the message was not taken within 0.1 s"
    assert not usable


def test_a_big_message_is_sent_whole(server: SmtpFaults) -> None:
    outcome, usable = send_one(server, data=BIG[: 2**23])
    assert (outcome.kind, usable) == ("sent", True)
    assert server.messages[0].data == BIG[: 2**23] + b"\r\n"


def test_data_is_said_only_once_the_leave_is_given(server: SmtpFaults) -> None:
    async def once_rcpt_was_heard() -> bool:
        await asyncio.to_thread(server.wait_for, lambda s: any(line.startswith("RCPT") for line in s.lines))
        assert "DATA" not in server.lines
        return True

    outcome, _ = send_one(server, may_send=once_rcpt_was_heard)
    assert outcome.kind == "sent"
    assert "DATA" in server.lines


def test_without_leave_nothing_is_sent_and_the_connection_goes_on(server: SmtpFaults) -> None:
    async def story(connection: SmtpConnection) -> list[str]:
        outcomes = [
            await connection.send(SENDER, "first@example.net", MESSAGE, may_send=no),
            await connection.send(SENDER, READER, MESSAGE, may_send=yes),
        ]
        return [outcome.kind for outcome in outcomes]

    assert run(server.url, story) == ["withheld", "sent"]
    assert server.messages == [((READER,), MESSAGE)]
    assert server.lines.count("DATA") == 1
    assert server.lines.count("RSET") == 1


def test_the_fence_cuts_the_connection_before_the_first_octet(server: SmtpFaults) -> None:
    outcome, usable = send_one(server, fence=lambda: False)
    assert (outcome.kind, usable) == ("withheld", False)
    assert "DATA" in server.lines
    assert server.messages == []


def test_no_leave_is_asked_twice_and_it_is_asked_even_if_the_server_refuses(server: SmtpFaults) -> None:
    asked: list[str] = []

    async def story(connection: SmtpConnection) -> list[Outcome]:
        outcomes = []
        for reader in ("never@example.net", "no address", READER, "x" * 250 + "@example.net"):

            async def may_send(reader: str = reader) -> bool:
                asked.append(reader)
                return True

            outcomes.append(await connection.send(SENDER, reader, MESSAGE, may_send=may_send))
        await connection.close()
        outcomes.append(await connection.send(SENDER, READER, MESSAGE, may_send=may_send))
        return outcomes

    server.set_fault("never", "rcpt", "550 5.1.1 no")
    kinds = [outcome.kind for outcome in run(server.url, story)]
    assert kinds == ["failed", "failed", "sent", "failed", "deferred"]
    assert len(asked) == 5
    assert [m.recipients for m in server.messages] == [(READER,)]


def test_a_leave_that_raises_cuts_the_connection_and_comes_through(server: SmtpFaults) -> None:
    async def story(connection: SmtpConnection) -> bool:
        async def gone() -> bool:
            raise ConnectionError("the database is gone")

        with pytest.raises(ConnectionError, match="database"):
            await connection.send(SENDER, READER, MESSAGE, may_send=gone)
        return connection.usable

    assert run(server.url, story) is False
    assert server.messages == []


def test_a_server_that_says_354_though_it_refused_gets_no_message_at_all(server: SmtpFaults) -> None:
    server.set_fault("", "rcpt", "550 5.1.1 no such user")
    server.set_fault("^$", "data", "354 go on")
    outcome, usable = send_one(server, may_send=lambda: asyncio.sleep(0, True))
    assert outcome == Outcome("failed", "550 5.1.1 no such user")
    assert usable == ("DATA" not in server.lines)
    assert server.messages == []


def test_the_size_limit_is_kept_before_anything_is_said(smtp_faults: SmtpFaults) -> None:
    smtp_faults.extensions = ("SIZE 20",)
    outcome, usable = send_one(smtp_faults)
    assert (outcome.kind, usable) == ("failed", True)
    assert outcome.reply == f"552 5.3.4 not sent: {len(MESSAGE)} octets, the server takes 20"
    assert not any(line.startswith("MAIL") for line in smtp_faults.lines)


def test_smtputf8_is_used_only_where_the_local_part_needs_it(smtp_faults: SmtpFaults) -> None:
    assert send_one(smtp_faults, "jörg@example.net")[0].reply.startswith("553 5.6.7 not sent")
    assert send_one(smtp_faults, "jorg@müller.example")[0].kind == "sent"
    smtp_faults.extensions = ("SMTPUTF8", "8BITMIME", "PIPELINING")
    assert send_one(smtp_faults, "jörg@müller.example", data="To: jörg\r\n\r\n".encode())[0].kind == "sent"
    said = [line for line in smtp_faults.lines if line[:4] in {"MAIL", "RCPT"}]
    assert said == [
        f"MAIL FROM:<{SENDER}> SIZE={len(MESSAGE)}",
        "RCPT TO:<jorg@xn--mller-kva.example>",
        f"MAIL FROM:<{SENDER}> BODY=8BITMIME SMTPUTF8",
        "RCPT TO:<jörg@xn--mller-kva.example>",
    ]


def test_an_8_bit_message_is_not_sent_to_a_7_bit_server(smtp_faults: SmtpFaults) -> None:
    smtp_faults.extensions = ()
    assert send_one(smtp_faults, data="Grüße\r\n".encode())[0].reply.startswith("554 5.6.3 not sent")


def test_no_address_can_smuggle_a_command(smtp_faults: SmtpFaults) -> None:
    outcome, _ = send_one(smtp_faults, "a@example.net>\r\nRCPT TO:<b@example.net")
    assert outcome.kind == "failed"
    assert not any("b@example.net" in line for line in smtp_faults.lines)


def test_a_server_that_knows_no_ehlo_is_greeted_with_helo(smtp_faults: SmtpFaults) -> None:
    smtp_faults.set_fault("EHLO", "ehlo", "502 5.5.1 what?")
    assert send_one(smtp_faults)[0].kind == "sent"
    assert [line[:4] for line in smtp_faults.lines[:2]] == ["EHLO", "HELO"]


@pytest.mark.parametrize(
    ("stage", "action", "said"),
    [
        ("connect", "554 5.7.1 not you", "takes no mail now: 554 5.7.1 not you"),
        ("connect", "421 4.3.2 too busy", "takes no mail now: 421 4.3.2 too busy"),
        ("connect", "drop", "the server closed the connection"),
        ("connect", "garbage", "came where a reply was expected"),
        ("connect", "hang", "no answer to the greeting within 0.1 s"),
        ("connect", "dribble", "no answer to the greeting within 0.1 s"),
        ("connect", "endless", f"a reply of more than {MAX_LINES} lines came"),
        ("connect", "huge", f"a line of more than {MAX_LINE} octets"),
        ("ehlo", "421 4.3.2 too busy", "refused EHLO: 421 4.3.2 too busy"),
        ("ehlo", "550 5.7.1 no", "refused EHLO: 550 5.7.1 no"),
        ("ehlo", "hang", "no answer to EHLO within 0.1 s"),
    ],
)
def test_a_server_that_cannot_be_talked_to_is_one_line(
    smtp_faults: SmtpFaults, stage: Any, action: str, said: str
) -> None:
    smtp_faults.set_fault("", stage, action)

    async def story() -> None:
        wait = SOON if action in {"hang", "dribble"} else 10
        cap = Timeouts(greeting=wait) if stage == "connect" else Timeouts(command=wait)
        connection = connection_to(smtp_faults.url, cap)
        with pytest.raises(TransportError) as caught:
            await connection.open()
        assert said in str(caught.value)
        assert str(caught.value).startswith(f"smtp://127.0.0.1:{smtp_faults.port}: ")
        assert "\n" not in str(caught.value)
        assert not connection.usable
        await connection.close()

    asyncio.run(story())


def test_nobody_listening_and_no_such_host_are_one_line() -> None:
    port = free_port()
    for url, said in (
        (f"smtp://127.0.0.1:{port}", "Connect"),
        ("smtp://127.0.0.1:1?starttls=require&cafile=/nowhere.pem", "cafile=/nowhere.pem"),
    ):
        with pytest.raises(TransportError, match=said):
            asyncio.run(connection_to(url).open())


def test_a_server_that_leaves_between_messages_is_noticed(smtp_faults: SmtpFaults) -> None:
    async def story(connection: SmtpConnection) -> tuple[Outcome, bool]:
        await connection.send(SENDER, READER, MESSAGE, may_send=yes)
        await asyncio.to_thread(smtp_faults.hang_up)
        while connection.usable:  # noqa: ASYNC110 - nothing tells; it is the very thing to be seen
            await asyncio.sleep(0.005)
        return await connection.send(SENDER, READER, MESSAGE, may_send=yes), connection.usable

    outcome, usable = run(smtp_faults.url, story)
    assert (outcome.kind, usable) == ("deferred", False)


def test_a_connection_can_be_opened_again(smtp_faults: SmtpFaults) -> None:
    smtp_faults.set_fault("", "rcpt", "drop", times=1)

    async def story(connection: SmtpConnection) -> list[str]:
        first = await connection.send(SENDER, READER, MESSAGE, may_send=yes)
        await connection.open()
        return [first.kind, (await connection.send("", READER, MESSAGE, may_send=yes)).kind]

    assert run(smtp_faults.url, story) == ["deferred", "sent"]
    assert smtp_faults.connections == 2


def test_a_cancelled_send_cuts_the_connection(smtp_faults: SmtpFaults) -> None:
    smtp_faults.set_fault("", "dot", "hang")

    async def story(connection: SmtpConnection) -> bool:
        task = asyncio.create_task(connection.send(SENDER, READER, MESSAGE, may_send=yes))
        await asyncio.to_thread(smtp_faults.wait_for, lambda s: "DATA" in s.lines)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return connection.usable

    assert run(smtp_faults.url, story) is False


lines = st.sampled_from([b"250 ok\r\n", b"250-a\r\n", b"550-b\n", b"421 bye\r\n", b"\r\n", b"25", b"x\n"])


@given(
    st.one_of(st.binary(max_size=300), st.lists(lines).map(b"".join)),
    st.lists(st.integers(1, 40), max_size=20),
)
@settings(deadline=None)
def test_replies_read_the_same_however_they_are_cut(octets: bytes, cuts: list[int]) -> None:
    stream = b"250-first\r\n250 2.0.0 last\r\n" + octets

    def read(chunks: list[bytes]) -> list[str]:
        reader = ReplyReader()
        replies: list[str] = []
        with suppress(ProtocolError):
            for chunk in chunks:
                for reply in reader.feed(chunk):
                    replies.append(str(reply))  # noqa: PERF401 - what came before an error counts
        return replies

    chunks, rest = [], stream
    for cut in cuts:
        chunks.append(rest[:cut])
        rest = rest[cut:]
    whole = read([stream])
    assert whole[0] == "250 first 2.0.0 last"
    assert read([*chunks, rest]) == whole


def test_a_reply_is_one_printable_line_with_its_enhanced_code_once() -> None:
    (reply,) = ReplyReader().feed(
        b"550-5.1.1 no such\tuser\r\n550-5.1.1 \x1b[31mhere\x00\r\n550 5.1.1 gr\xfc\xdfe\r\n"
    )
    assert str(reply) == "550 5.1.1 no such user �[31mhere� gr��e"
    (long,) = ReplyReader().feed(b"550 " + b"x" * 3000 + b"\r\n")
    assert len(str(long)) == MAX_REPLY
    (bare,) = ReplyReader().feed(b"250\n")
    assert str(bare) == "250"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mx.example.org", ("mx.example.org", 25, "offered", None, None)),
        ("smtp://me:p%40ss%3A@mx.example.org", ("mx.example.org", 587, "offered", "me", "p@ss:")),
        ("smtp://mx.example.org:2525?starttls=never", ("mx.example.org", 2525, "never", None, None)),
        ("smtp+starttls://mx.example.org", ("mx.example.org", 587, "required", None, None)),
        ("smtp://mx.example.org?starttls=require", ("mx.example.org", 25, "required", None, None)),
        ("smtps://me:pw@[2001:db8::1]", ("2001:db8::1", 465, "implicit", "me", "pw")),
    ],
)
def test_an_address_says_how_to_send(url: str, expected: tuple[Any, ...]) -> None:
    parsed = SmtpSettings.parse(url)
    assert (parsed.host, parsed.port, parsed.tls, parsed.user, parsed.password) == expected
    assert parsed.verify
    assert "pw" not in f"{parsed} {parsed!r}"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mx.example.org",
        "http://mx.example.org",
        "smtp://",
        "smtp://:25",
        "smtp://mx:port",
        "smtp://mx:0",
        "smtp://mx:99999",
        "smtp://mx/path",
        "smtp://mx#x",
        "smtp://mx\n",
        "smtp://m x",
        "smtp://mx..example.org",
        f"smtp://{'x' * 64}.example.org",
        "smtp://user@mx",
        "smtp://:secret@mx",
        "smtp://u:secret%0a@mx",
        "smtp://u:secret@mx?tls=yes",
        "smtp://mx?starttls=maybe",
        "smtps://mx?starttls=require",
        "smtp://mx?verify=",
        "smtp://mx?timeout=0",
        "smtp://mx?timeout=soon",
        "smtp://mx?helo=a%20b",
        "smtp://[::1",
    ],
)
def test_what_is_no_smtp_address_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(SmtpUrlError) as caught:
        SmtpSettings.parse(url)
    assert str(caught.value).startswith("transport: ")
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_cap_shortens_every_wait_that_is_longer() -> None:
    timeouts = SmtpSettings.parse("smtp://mx?timeout=60").timeouts
    assert (timeouts.data_end, timeouts.connect, timeouts.quit) == (60, 30, 5)
    assert Timeouts().data_end == 600


def test_aiosmtpd_takes_what_is_sent() -> None:
    class Keeper:
        def __init__(self) -> None:
            self.got: list[tuple[str, list[str], bytes]] = []

        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name
            self.got.append((envelope.mail_from, envelope.rcpt_tos, envelope.content))
            return "250 2.0.0 kept"

    keeper = Keeper()
    port = free_port()
    controller = Controller(
        keeper, hostname="127.0.0.1", port=port, server_hostname="test", enable_SMTPUTF8=True
    )
    controller.start()
    try:

        async def story(connection: SmtpConnection) -> list[Outcome]:
            return [
                await connection.send(SENDER, reader, MESSAGE, may_send=yes)
                for reader in (READER, "jörg@b.c")
            ]

        outcomes = run(f"smtp://127.0.0.1:{port}", story)
    finally:
        controller.stop()
    assert outcomes == [Outcome("sent", "250 2.0.0 kept")] * 2
    assert keeper.got == [(SENDER, [reader], MESSAGE) for reader in (READER, "jörg@b.c")]


@pytest.fixture
def smtp_sink(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """Postfix's test server: its address, and where it puts what it got."""
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        pytest.skip("smtp-sink is missing: apt install postfix")
    port = free_port()
    tmp_path.chmod(0o777)
    privileges = ["-u", "nobody"] if os.geteuid() == 0 else []
    command = [program, *privileges, "-d", "%M.", f"127.0.0.1:{port}", "64"]
    with subprocess.Popen(command, cwd=tmp_path) as process:
        yield f"smtp://127.0.0.1:{port}", tmp_path
        process.terminate()


def test_postfixs_sink_takes_what_is_sent(smtp_sink: tuple[str, Path]) -> None:
    url, folder = smtp_sink

    async def story() -> list[Outcome]:
        connection = connection_to(url)
        while not connection.usable:
            try:
                await connection.open()
            except TransportError:
                await asyncio.sleep(0.01)
        outcomes = [await connection.send(SENDER, READER, MESSAGE, may_send=yes) for _ in range(5)]
        await connection.close()
        return outcomes

    outcomes = asyncio.run(asyncio.wait_for(story(), 20))
    assert {outcome.kind for outcome in outcomes} == {"sent"}
    kept = [file.read_bytes() for file in folder.iterdir()]
    assert len(kept) == 5
    assert all(text.endswith(b"Hello\n\n") for text in kept)
