"""A mail to the operator when too much of an edition fails: what, how much of it, why, and what to do."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from database import Database
from digests.model import DeliveryState
from digests.sending.delivery import Connection
from digests.standing import (
    AnswerCount,
    EditionStanding,
    claim_alerts,
    count_answers,
    failing_editions,
    mark_alerted,
    release_alerts,
)
from outbox.addresses import ascii_address, format_address, needs_smtputf8, recipient_value
from outbox.dkim import Signer, sign
from outbox.message import dot_stuff
from outbox.single import send_one

# Editions older than this fail no more: retries end after three days.
SINCE = timedelta(days=7)
# How often it is looked, unless something failed just now; and how long after a mail that could not be sent.
EVERY = timedelta(minutes=10)
# In one mail.
MOST_EDITIONS = 20
MOST_ANSWERS = 5


class Alerts:
    """Tells the operator of editions that fail, once each, all that is known at a time in one mail.

    ``to`` and ``sender`` are ``Name <address>``; ``share`` is the part of an edition's readers from which on
    it is told; ``connect`` makes a connection; ``signers`` sign it. Of several processes one tells at a
    time. Killed between the mail and its record, it tells twice.
    """

    def __init__(
        self,
        database: Database,
        *,
        to: str,
        sender: str,
        site: str,
        share: float,
        connect: Callable[[], Connection],
        signers: Sequence[Signer] = (),
    ) -> None:
        self._database = database
        self._to = to
        self._sender = sender
        self._site = site
        self._share = share
        self._connect = connect
        self._signers = signers
        self._next_look: datetime | None = None

    def noticed(self) -> None:
        """Something failed just now: look at the next tick."""
        self._next_look = None

    def is_due(self, now: datetime) -> bool:
        """Whether there is an edition to tell of; asked of the database every ``EVERY`` only."""
        if not self._to or (self._next_look is not None and now < self._next_look <= now + EVERY):
            return False
        self._next_look = now + EVERY
        return bool(self._failing(now))

    def tell(self, now: datetime) -> str | None:
        """Send the mail; raises ``ConnectionError`` when it cannot leave, and it is tried again later."""
        with self._database.write() as connection:
            if not claim_alerts(connection, now=now, length=EVERY):
                return None
        try:
            return self._tell(now)
        finally:
            with self._database.write() as connection:
                release_alerts(connection, now=now)

    def _tell(self, now: datetime) -> str | None:
        failing = self._failing(now)
        if not failing:
            return None
        with self._database.read() as connection:
            answers = {
                one.id: count_answers(connection, number=one.id, state=DeliveryState.FAILED)
                for one in failing
            }
        message = alert_message(failing, answers, to=self._to, sender=self._sender, site=self._site, now=now)
        # An address that is not ASCII stands there as it is (RFC 6532).
        octets = message.as_bytes(policy=SMTP.clone(utf8=needs_smtputf8(str(message["To"]))))
        sender, to = parseaddr(self._sender)[1], parseaddr(self._to)[1]
        signed = dot_stuff(sign(octets, self._signers, at=now))
        outcome = asyncio.run(send_one(self._connect(), sender, to, signed))
        if outcome.kind not in {"sent", "in_doubt"}:
            raise ConnectionError(f"the operator could not be told that mail fails: {outcome.reply}")
        with self._database.write() as connection:
            mark_alerted(connection, [one.id for one in failing], now=now)
        return f"the operator was told of {len(failing)} editions that fail"

    def _failing(self, now: datetime) -> list[EditionStanding]:
        with self._database.read() as connection:
            return failing_editions(connection, share=self._share, since=now - SINCE, limit=MOST_EDITIONS)


def alert_message(
    failing: Sequence[EditionStanding],
    answers: dict[int, list[AnswerCount]],
    *,
    to: str,
    sender: str,
    site: str,
    now: datetime,
) -> EmailMessage:
    """The mail: a paragraph for each edition, the most frequent answers, and the commands that help."""
    message = EmailMessage(policy=SMTP)
    message["From"] = format_address(*parseaddr(sender))
    message["To"] = recipient_value(parseaddr(to)[1]).decode()
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=ascii_address(parseaddr(sender)[1]).rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    failed = sum(one.states.get(DeliveryState.FAILED, 0) for one in failing)
    message["Subject"] = f"{site}: {failed} mails of digests failed"
    paragraphs = [_paragraph(one, answers.get(one.id, [])) for one in failing]
    message.set_content("\n".join([*paragraphs, _WHAT_TO_DO]), cte="quoted-printable")
    return message


def _paragraph(one: EditionStanding, answers: Sequence[AnswerCount]) -> str:
    failed = one.states.get(DeliveryState.FAILED, 0)
    share = failed / max(one.readers, 1)
    window = f"{one.window_end:%Y-%m-%d %H:%M} UTC"
    lines = [
        f"Digest {one.digest}, edition {one.id} ({window}): {failed} of {one.readers} failed, {share:.0%}."
    ]
    lines += [f"  {each.count} x {each.example}" for each in answers[:MOST_ANSWERS]]
    # Of this edition only: without a number all that ever failed would be sent again, also of years ago.
    lines.append(f"  Sent again, once mended: labelcast deliveries retry --edition {one.id}")
    return "\n".join([*lines, ""])


_WHAT_TO_DO = """\
What servers said in full: labelcast deliveries list --state failed
Counted by answer:         labelcast deliveries answers
"""
