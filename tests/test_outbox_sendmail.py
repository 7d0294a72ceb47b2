"""Sending through a program: what its end says of the message, and what it was given."""

import asyncio
import os
import signal
import threading
from pathlib import Path

import pytest
import uvloop

from labelcast.settings import Settings
from labelcast.wiring import Wiring
from outbox.outcome import Outcome, TransportError
from outbox.sendmail import DEFAULT, Sendmail, sendmail_command
from outbox.smtpoptions import SmtpUrlError

SENDER = "news@example.org"
READER = "reader@example.net"
MESSAGE = "From: news@example.org\r\nSubject: News\r\n\r\nGrüße\r\n..dot\r\n".encode()


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


class Program:
    """A program that keeps what it was given and then does as it is told, in shell."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "sendmail"
        self.given = folder / "given"
        self.text = folder / "text"

    def does(self, last: str) -> str:
        lines = [
            "#!/bin/sh",
            f"for word; do printf '%s\\n' \"$word\" >> {self.given}; done",
            f"cat > {self.text}",
            last,
        ]
        self.path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.path.chmod(0o755)
        return str(self.path)


@pytest.fixture
def fake(tmp_path: Path) -> Program:
    return Program(tmp_path)


async def send(program: str, recipient: str = READER, *, sender: str = SENDER, wait: float = 20) -> Outcome:
    way = Sendmail((program, "-oi"), wait_seconds=wait)
    await way.open()
    outcome = await way.send(sender, recipient, MESSAGE, may_send=yes)
    await way.close()
    assert not way.usable
    return outcome


def test_the_program_gets_the_envelope_as_words_and_the_message_with_lf(fake: Program) -> None:
    program = fake.does("exit 0")
    assert asyncio.run(send(program, "-q`id`$x@müller.example")).kind == "sent"
    words = fake.given.read_text(encoding="utf-8").splitlines()
    assert words == ["-oi", "-f", SENDER, "--", "-q`id`$x@xn--mller-kva.example"]
    assert fake.text.read_bytes() == "From: news@example.org\nSubject: News\n\nGrüße\n.dot\n".encode()
    fake.given.unlink()
    assert asyncio.run(send(program, sender="")).kind == "sent"
    assert fake.given.read_text(encoding="utf-8").splitlines()[1:3] == ["-f", "<>"]


@pytest.mark.parametrize(
    ("last", "kind", "said"),
    [
        ("exit 0", "sent", "took it"),
        ("echo 'queue is full' >&2; exit 75", "deferred", "ended with 75: queue is full"),
        (
            "echo no such user >&2; exit 67",
            "failed",
            "550 5.1.1 the program knows no such user (EX_NOUSER): no",
        ),
        ("exit 68", "failed", "550 5.1.2"),
        ("exit 65", "failed", "550 5.6.0"),
        *(
            (f"exit {code}", "deferred", f"ended with {code}")
            for code in (1, 64, 69, 70, 71, 77, 78, 127, 255)
        ),
        ("kill -KILL $$", "in_doubt", "killed by signal 9"),
        ("kill -TERM $$", "in_doubt", "killed by signal 15"),
        ("exit 137", "in_doubt", "killed by signal 9"),
    ],
)
def test_its_end_says_what_became_of_the_message(fake: Program, last: str, kind: str, said: str) -> None:
    outcome = asyncio.run(send(fake.does(last)))
    assert outcome.kind == kind
    assert said in outcome.reply
    assert outcome.reply.isprintable()


def test_a_program_that_does_not_end_is_killed_and_leaves_doubt(fake: Program) -> None:
    outcome = asyncio.run(send(fake.does(f"echo $$ > {fake.given}; exec sleep 1000"), wait=0.5))
    assert (outcome.kind, outcome.reply) == ("in_doubt", f"{fake.path} did not end within 0.5 s")


def test_a_cancelled_send_kills_the_program(fake: Program, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    program = fake.does(f"echo $$ > {begun}.new; mv {begun}.new {begun}; exec sleep 1000")

    async def story() -> None:
        task = asyncio.create_task(send(program))
        while not begun.exists():  # noqa: ASYNC110 - nothing else tells that the program runs
            await asyncio.sleep(0.005)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(story())
    with pytest.raises(ProcessLookupError):
        os.kill(int(begun.read_text(encoding="utf-8")), signal.SIGCONT)


def test_without_leave_and_behind_the_fence_no_program_runs(fake: Program) -> None:
    way = Sendmail((fake.does("exit 0"),))
    withheld = [
        asyncio.run(way.send(SENDER, READER, MESSAGE, may_send=no)),
        asyncio.run(way.send(SENDER, READER, MESSAGE, may_send=yes, fence=lambda: False)),
    ]
    assert [outcome.kind for outcome in withheld] == ["withheld", "withheld"]
    assert asyncio.run(way.send(SENDER, "no address", MESSAGE, may_send=yes)).kind == "failed"
    assert not fake.given.exists()


def test_a_program_that_is_gone_is_one_line_and_defers(fake: Program) -> None:
    way = Sendmail((str(fake.path),))
    with pytest.raises(TransportError, match="sendmail: no such program"):
        asyncio.run(way.open())
    assert asyncio.run(way.send(SENDER, READER, MESSAGE, may_send=yes)).kind == "deferred"


def test_many_run_at_once_in_a_thread_of_a_service_on_uvloop(fake: Program) -> None:
    program = fake.does("exit 0")
    outcomes: list[Outcome] = []

    async def many() -> None:
        outcomes.extend(await asyncio.gather(*(send(program) for _ in range(8))))

    def service() -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(many())

    thread = threading.Thread(target=service)
    thread.start()
    thread.join(30)
    assert [outcome.kind for outcome in outcomes] == ["sent"] * 8


def test_the_setting_names_the_program(fake: Program) -> None:
    program = fake.does("exit 0")
    assert sendmail_command("") == tuple(DEFAULT.split())
    assert sendmail_command("/opt/my\\ mail -oi -X 'a b'") == ("/opt/my mail", "-oi", "-X", "a b")
    for wrong in ("sendmail -oi", "'/usr/sbin", " "):
        with pytest.raises(SmtpUrlError, match=r"^transport: "):
            sendmail_command(wrong)
    mail = {"transport": (f"sendmail:{program} -oi",)}
    wiring = Wiring(Settings(secret_key="0123456789abcdef", mail=mail))  # type: ignore[arg-type]

    async def story() -> Outcome:
        way = wiring.connect()
        await way.open()
        return await way.send(SENDER, READER, MESSAGE, may_send=yes, fence=lambda: True)

    assert asyncio.run(story()) == Outcome("sent", f"{program} took it")
