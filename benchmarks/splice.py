"""Messages made and sent, without the ledger: splicing against ``EmailMessage``, and the bare SMTP client.

``python -m benchmarks.splice [--messages N] [--connections N] [--rounds N]``

A message has 24 KB. Sending goes to Postfix's smtp-sink (Debian: postfix) over a few connections, with
asyncio's own event loop and with uvloop, beside smtplib over one connection. Where there is no smtp-sink,
only the making is timed.
"""

import argparse
import asyncio
import shutil
import smtplib
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from time import perf_counter, process_time, sleep

import uvloop

from benchmarks.timing import in_turns, show, verdict
from outbox.bulk import bulk_headers
from outbox.marks import mark
from outbox.message import MessageTemplate
from outbox.smtp import SmtpConnection, SmtpSettings

SENDER = "news@example.org"
TOKEN = "x7Jk2mQ9-aTbWq3n_FzR5uYc"
URL = "https://example.org/unsubscribe/"
MADE_AT_ONCE = 200
TEXT = "Grüße from the council: the school budget passed, the river bridge did not.\n" * 60
HTML = '<p style="color:#222;font:16px sans-serif">Grüße from the council: the budget passed.</p>\n' * 190


def template() -> MessageTemplate:
    """An edition's message of 24 KB."""
    headers = bulk_headers(
        sender=("The Daily", SENDER),
        date=datetime(2026, 1, 5, 8, tzinfo=UTC),
        list_id=("Daily", "daily.example.org"),
        unsubscribe_url=URL + mark("UNSUBSCRIBE"),
        feedback_id="1:daily:labelcast",
        language="en",
    )
    link = URL + mark("UNSUBSCRIBE")
    return MessageTemplate.build(
        subject="News of the week",
        text=TEXT + link + "\n",
        html=f'{HTML}<a href="{link}">x</a>\n',
        headers=headers,
    )


def values(number: int) -> dict[str, bytes]:
    """One reader's."""
    return {
        "TO": b"reader%d@example.net" % number,
        "MESSAGE_ID": b"<%d.1@example.org>" % number,
        "UNSUBSCRIBE": TOKEN.encode(),
    }


def email_message(number: int) -> bytes:
    """The same message by the standard library."""
    message = EmailMessage(policy=SMTP)
    message["From"] = f"The Daily <{SENDER}>"
    message["To"] = f"reader{number}@example.net"
    message["Date"] = datetime(2026, 1, 5, 8, tzinfo=UTC)
    message["Message-ID"] = f"<{number}.1@example.org>"
    message["List-Id"] = "Daily <daily.example.org>"
    message["List-Unsubscribe"] = f"<{URL}{TOKEN}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message["Subject"] = "News of the week"
    message.set_content(f"{TEXT}{URL}{TOKEN}\n", cte="quoted-printable")
    message.add_alternative(f'{HTML}<a href="{URL}{TOKEN}">x</a>\n', subtype="html", cte="quoted-printable")
    return message.as_bytes(policy=SMTP.clone(max_line_length=0))


def make(rounds: int) -> bool:
    """Time the making of messages."""
    edition = template()
    print(f"one message has {len(edition.splice(values(0)))} octets; {MADE_AT_ONCE} at once:")
    timed = in_turns(
        {
            "splice": lambda: sum(len(edition.splice(values(number))) for number in range(MADE_AT_ONCE)),
            "EmailMessage": lambda: sum(len(email_message(number)) for number in range(MADE_AT_ONCE)),
        },
        rounds=rounds,
    )
    show(timed)
    print(f"splice takes {timed['splice'].median / MADE_AT_ONCE * 1e6:.1f} µs a message")
    return verdict(
        "EmailMessage / splice", timed["EmailMessage"].median / timed["splice"].median, at_least=100
    )


@contextmanager
def sink(program: str) -> Iterator[SmtpSettings]:
    """Postfix's smtp-sink on a free port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([program, "-u", "nobody", f"127.0.0.1:{port}", "512"]) as process:
        try:
            while True:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except ConnectionRefusedError:
                    sleep(0.02)
            yield SmtpSettings.parse(f"smtp://127.0.0.1:{port}")
        finally:
            process.terminate()


async def send_all(settings: SmtpSettings, messages: int, connections: int) -> None:
    """Splice and send so many messages over so many connections."""
    edition = template()
    numbers = iter(range(messages))

    async def may_send() -> bool:
        return True

    async def lane() -> None:
        connection = SmtpConnection(settings)
        await connection.open()
        for number in numbers:
            data = edition.splice(values(number))
            outcome = await connection.send(
                SENDER, f"reader{number}@example.net", data, may_send=may_send, fence=lambda: True
            )
            if outcome.kind != "sent":
                raise RuntimeError(str(outcome))
        await connection.close()

    async with asyncio.TaskGroup() as lanes:
        for _ in range(connections):
            lanes.create_task(lane())


def send_by_smtplib(settings: SmtpSettings, messages: int) -> None:
    """Make and send messages by the standard library alone."""
    with smtplib.SMTP(settings.host, settings.port, timeout=60) as connection:
        for number in range(messages):
            connection.sendmail(SENDER, f"reader{number}@example.net", email_message(number))


@dataclass(frozen=True, slots=True)
class Rate:
    """Messages a second, by the clock and by this process's share of a processor."""

    by_clock: float
    by_processor: float


def rate(send: Callable[[], object], messages: int) -> Rate:
    """Time one run of sending."""
    start, used = perf_counter(), process_time()
    send()
    return Rate(messages / (perf_counter() - start), messages / (process_time() - used))


def send(program: str, *, messages: int, connections: int, rounds: int) -> bool:
    """Time the sending. The figure is by processor: smtp-sink, and whoever else, shares the machine."""
    best: dict[str, Rate] = {}
    few = max(messages // 50, 10)
    for _ in range(rounds):
        with sink(program) as settings:
            rates = {
                "asyncio": rate(lambda: asyncio.run(send_all(settings, messages, connections)), messages),
                "uvloop": rate(lambda: uvloop.run(send_all(settings, messages, connections)), messages),
                "EmailMessage + smtplib": rate(lambda: send_by_smtplib(settings, few), few),
            }
        for name, found in rates.items():
            before = best.get(name, found)
            best[name] = Rate(
                max(found.by_clock, before.by_clock), max(found.by_processor, before.by_processor)
            )
    print(f"sending {messages} over {connections} connections to smtp-sink, best of {rounds}:")
    for name, found in best.items():
        print(f"{name:24} {found.by_clock:7.0f} messages/s, {found.by_processor:7.0f} a processor second")
    return verdict("uvloop, messages a processor second", best["uvloop"].by_processor, at_least=3000)


def main() -> None:
    """Run it; exit 1 when a figure is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    met = make(given.rounds)
    program = shutil.which("smtp-sink", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    if program is None:
        print("smtp-sink is missing (apt install postfix): nothing was sent")
    else:
        met &= send(program, messages=given.messages, connections=given.connections, rounds=given.rounds)
    raise SystemExit(0 if met else 1)


if __name__ == "__main__":
    main()
