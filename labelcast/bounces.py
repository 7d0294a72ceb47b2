"""Reading mailboxes of mail that came back: each message in a transaction, and put away only after it."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import BinaryIO

import structlog

from database import Database
from digests.returns.consequences import Returned, SoftLimits, Taken, take_back, warn_of_held
from digests.sending.due import domain_of
from outbox.bounces.mail import Mail
from outbox.bounces.mailboxes import open_mailbox
from outbox.bounces.reading import message_key, read_reports
from outbox.bounces.report import Report, ReportKind
from scheduler import Duty
from subscribers.tokens import TokenSigner

# How often the mailbox of the settings is looked into.
POLL_EVERY = timedelta(minutes=5)
# What is told one by one of refusals for policy; `bounces list` has all.
MOST_TOLD = 20

log = structlog.get_logger("bounces")


@dataclass(slots=True)
class BouncesReport:
    """What a mailbox held: how many messages of each kind, and what the operator should hear."""

    counts: Counter[Taken] = field(default_factory=Counter)
    suppressed: int = 0
    policy: list[Returned] = field(default_factory=list)
    # Hard ones that are not believed as yet, by domain.
    held: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        counts = self.counts
        said = (
            f"{counts[Taken.HARD]} hard, {counts[Taken.SOFT]} soft, {counts[Taken.POLICY]} policy, "
            f"{counts[Taken.COMPLAINT]} complaints, {counts[Taken.NOT_OURS]} not ours, "
            f"{counts[Taken.NONE]} no bounce"
        )
        return said + (f", {counts[Taken.KNOWN]} read before" if counts[Taken.KNOWN] else "")


class BounceReader:
    """Reads what came back, over one database."""

    def __init__(self, database: Database, *, signer: TokenSigner, limits: SoftLimits) -> None:
        self._database = database
        self._signer = signer
        self._limits = limits

    def read(
        self,
        source: str,
        *,
        now: datetime,
        stdin: BinaryIO | None = None,
        dry_run: bool = False,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> BouncesReport:
        """Read a mailbox to its end, or until ``stopping``; ``progress`` is told how many it was so far.

        Raises ``MailboxError`` or ``MailboxUrlError``; what was read before that stays dealt with. A message
        that was dealt with by a process killed before it put it away is known the next time.
        """
        report = BouncesReport()
        with open_mailbox(source, stdin=stdin) as mails:
            for mail in mails:
                self._take(mail, report, now=now, dry_run=dry_run)
                progress(report.counts.total())
                if stopping():
                    break
        return report

    def _take(self, mail: Mail, report: BouncesReport, *, now: datetime, dry_run: bool) -> None:
        reports = read_reports(mail.data)
        # What says nothing, and that is most of it, need not wait for the database.
        says = any(one.kind is not ReportKind.NONE for one in reports)
        taken = self._record(mail, reports, now=now, dry_run=dry_run) if says else [Returned(Taken.NONE)]
        if not dry_run:
            mail.settle(all(one.is_automatic for one in reports))
        report.counts[taken[0].taken] += 1
        report.suppressed += sum(one.suppressed for one in taken)
        report.policy += [one for one in taken if one.taken is Taken.POLICY]
        report.held.update(domain_of(one.email) for one in taken if one.held and one.email)

    def _record(
        self, mail: Mail, reports: Sequence[Report], *, now: datetime, dry_run: bool
    ) -> list[Returned]:
        key = message_key(mail.data)
        with self._database.write() as connection:
            attempt = connection.begin_nested()
            taken = take_back(connection, key, reports, signer=self._signer, limits=self._limits, now=now)
            if dry_run:
                attempt.rollback()
        return taken


def reading_bounces(reader: BounceReader, mailbox: str, *, stopping: Callable[[], bool]) -> Duty:
    """The duty to look into the mailbox of the settings now and then; a server may take its time."""
    last: datetime | None = None

    def is_due(now: datetime) -> bool:
        return last is None or not timedelta(0) <= now - last < POLL_EVERY

    def read(now: datetime) -> str | None:
        nonlocal last
        # Also when it fails: a server that is down is not asked at every tick.
        last = now
        report = reader.read(mailbox, now=now, stopping=stopping)
        for one in report.policy[:MOST_TOLD]:
            log.warning("mail refused for policy", recipient=one.email, said=one.diagnostic)
        for domain in report.held:
            warn_of_held(domain, now.date())
        return str(report) if report.counts.total() else None

    return Duty("bounces", is_due, read, is_long=True)
