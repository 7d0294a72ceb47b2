"""The ledger's steps succeed once, from the state they start in, whoever takes them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import insert, select, text, update

from database import Database, open_database, upgrade
from digests.deliveries import count_states, list_deliveries, requeue
from digests.model import DeliveryState, delivery, digest, edition
from digests.sending.leases import Leases
from digests.sending.ledger import GIVE_UP_AFTER, Ledger, Pending, backoff
from subscribers.model import subscriber, subscription
from tests.examples import often

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
ELSEWHERE = "elsewhere/0/1/1/1"


@dataclass
class Clock:
    """A clock that is put forward by hand."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at


def fill(database: Database, readers: int) -> None:
    """One edition of one digest, queued for so many readers."""
    with database.write() as connection:
        connection.execute(
            insert(digest).values(
                id=1,
                slug="weekly",
                title="Weekly",
                rule="all",
                template="digest",
                language="en",
                cadence="weekly",
                cadences=["weekly"],
                minute=480,
                weekday=0,
                monthday=1,
                timezone="UTC",
                max_age_seconds=1,
                max_lateness_seconds=1,
                created_at=NOW,
            )
        )
        connection.execute(
            insert(edition).values(
                id=1,
                digest_id=1,
                window_start=NOW,
                window_end=NOW,
                labels="",
                language="en",
                template="digest",
                folded=False,
                created_at=NOW,
                message=b"a message",
            )
        )
        for number in range(1, readers + 1):
            email = f"reader{number}@example.org"
            connection.execute(
                insert(subscriber).values(
                    id=number, email=email, email_key=email, state="confirmed", created_at=NOW
                )
            )
            connection.execute(
                insert(subscription).values(
                    id=number, subscriber_id=number, digest_id=1, state="active", labels=[], created_at=NOW
                )
            )
            connection.execute(
                insert(delivery).values(
                    id=number,
                    edition_id=1,
                    subscriber_id=number,
                    subscription_id=number,
                    state="queued",
                    attempt=0,
                    doubts=0,
                    message_id=f"<{number}@example.org>",
                    due_at=NOW,
                    created_at=NOW,
                    updated_at=NOW,
                )
            )


def ledger_of(database: Database, *, clock: Clock | None = None, resend: bool = True) -> Ledger:
    return Ledger(database, Leases(database, clock=clock or Clock()), resend_doubtful=resend)


def states(database: Database) -> dict[int, DeliveryState]:
    with database.read() as connection:
        return {row.id: DeliveryState(row.state) for row in connection.execute(select(delivery))}


@pytest.fixture
def three(database: Database) -> Database:
    """A ledger with one edition queued for three readers."""
    fill(database, 3)
    return database


def test_a_reader_who_left_a_moment_ago_is_not_due(three: Database) -> None:
    """Also if that was after the run of sending began, which may take an hour."""
    ledger = ledger_of(three)
    assert ledger.skip_departed(NOW) == 0
    with three.write() as connection:
        connection.execute(update(subscription).where(subscription.c.id == 1).values(state="ended"))
        gone = {"state": "erased", "email": None, "email_key": None}
        connection.execute(update(subscriber).where(subscriber.c.id == 2).values(gone))
    assert [one.id for one in ledger.due(NOW)] == [3]


def test_pages_of_what_cannot_be_sent_yet_keep_nobody_from_their_turn(three: Database) -> None:
    with three.write() as connection:
        connection.execute(update(subscription).where(subscription.c.id < 3).values(state="ended"))
    assert [one.id for one in ledger_of(three).due(NOW, limit=1)] == [3]


def test_a_page_begins_with_instant_mail_and_goes_on_with_the_rest(three: Database) -> None:
    """A few instant ones in front make no page of their own: a run has no more lanes than its first page."""
    with three.write() as connection:
        connection.execute(update(delivery).where(delivery.c.id == 3).values(priority=0))
    ledger = ledger_of(three)
    assert [one.id for one in ledger.due(NOW)] == [3, 1, 2]
    assert [one.id for one in ledger.due(NOW, limit=2)] == [3, 1]
    assert [one.id for one in ledger.due(NOW, after=(0, 3))] == [1, 2]
    assert [one.id for one in ledger.due(NOW, after=(1, 1))] == [2]


def test_an_intent_is_granted_once(three: Database) -> None:
    one, other = ledger_of(three), ledger_of(three)
    seen_by_one, seen_by_other = one.due(NOW), other.due(NOW)
    assert one.step([], seen_by_one[:2], now=NOW).granted == {1, 2}
    assert other.step([], seen_by_other, now=NOW).granted == {3}


def test_workers_that_want_the_same_do_not_lock_each_other_out(postgres_database: Database) -> None:
    """Each round takes up its intents in one order: one of two workers waits, none is thrown out."""
    fill(postgres_database, 2)
    ledger = ledger_of(postgres_database)
    first, second = ledger.due(NOW)
    waits = text(
        "SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))"
    )
    take = update(delivery).values(worker=ELSEWHERE)
    with ThreadPoolExecutor(1) as pool:
        with postgres_database.write() as other:
            other.execute(take.where(delivery.c.id == first.id))
            granted = pool.submit(ledger.step, [], [second, first], now=NOW)
            while other.execute(waits).first() is None:
                assert not granted.done()
            other.execute(take.where(delivery.c.id == second.id))
        assert granted.result().granted == {1, 2}


def test_results_and_intents_share_a_commit(three: Database) -> None:
    ledger = ledger_of(three)
    first, second, _ = ledger.due(NOW)
    ledger.step([], [first], now=NOW)
    sent = ledger.result(first, state=DeliveryState.SENT, reply="250 ok", now=NOW)
    assert ledger.step([sent], [second], now=NOW).granted == {2}
    assert states(three) == {1: DeliveryState.SENT, 2: DeliveryState.SENDING, 3: DeliveryState.QUEUED}


def test_a_deferred_one_waits_longer_each_time(three: Database) -> None:
    ledger = ledger_of(three)
    now = NOW
    for attempt in range(1, 5):
        (pending,) = [one for one in ledger.due(now) if one.id == 1]
        ledger.step([], [pending], now=now)
        result = ledger.result(pending, state=DeliveryState.DEFERRED, reply="451 later", now=now)
        ledger.step([result], [], now=now)
        assert result.due_at == now + backoff(attempt, 1)
        assert 1 not in [one.id for one in ledger.due(result.due_at - timedelta(seconds=1))]
        now = result.due_at
    assert backoff(1, 1) < backoff(2, 1) < backoff(3, 1) < backoff(4, 1) < backoff(99, 1)


def test_three_days_after_its_first_attempt_a_deferred_one_has_failed(three: Database) -> None:
    """Not after it was queued: what a limit held back for a week has not been tried for a week."""
    ledger = ledger_of(three)
    first = NOW + timedelta(days=7)
    for now, state in (
        (first, DeliveryState.DEFERRED),
        (first + GIVE_UP_AFTER, DeliveryState.DEFERRED),
        (first + GIVE_UP_AFTER + timedelta(hours=5), DeliveryState.FAILED),
    ):
        (pending,) = [one for one in ledger.due(now) if one.id == 1]
        ledger.step([], [pending], now=now)
        result = ledger.result(pending, state=DeliveryState.DEFERRED, reply="451 later", now=now)
        assert result.state is state
        ledger.step([result], [], now=now)
    assert result.reply == "gave up after 3 attempts in 3 days: 451 later"
    # Sent again by the operator, its three days start anew.
    with three.write() as connection:
        assert requeue(connection, DeliveryState.FAILED, now=now) == 1
    (pending,) = [one for one in ledger.due(now) if one.id == 1]
    assert pending.tried_at is None


def test_what_was_deferred_in_one_instant_does_not_come_back_in_one() -> None:
    """Each wait is its own, the same for whoever works it out, and a quarter longer at most."""
    for attempt in range(1, 9):
        waits = {backoff(attempt, number) for number in range(1000)}
        assert len(waits) > 990
        shortest, longest = min(waits), max(waits)
        assert longest < shortest * 1.25
        assert longest - shortest > shortest * 0.2
    assert backoff(3, 7) == backoff(3, 7)


def test_what_a_killed_process_was_sending_is_in_doubt_at_once(three: Database) -> None:
    killed = ledger_of(three)
    killed.step([], killed.due(NOW)[:1], now=NOW)
    after = ledger_of(three)  # a later run of the same process: the earlier one is known to be over
    assert after.leases.recover(NOW) == 1
    assert states(three)[1] is DeliveryState.IN_DOUBT
    assert [one.id for one in after.due(NOW)] == [1, 2, 3]
    with three.read() as connection:
        (listed,) = list_deliveries(connection, state=DeliveryState.IN_DOUBT)
    assert (listed.doubts, listed.attempts, listed.message_id) == (1, 1, "<1@example.org>")


def test_what_a_worker_elsewhere_sends_is_its_own_until_its_lease_ends(three: Database) -> None:
    clock = Clock()
    here, there = ledger_of(three, clock=clock), ledger_of(three, clock=clock)
    there.leases.worker = ELSEWHERE
    there.step([], there.due(NOW)[:1], now=NOW)
    assert here.leases.recover(NOW) == 0
    clock.at += there.leases.length + timedelta(seconds=1)
    assert here.leases.recover(NOW) == 1


def test_a_lease_that_is_renewed_does_not_end(three: Database) -> None:
    clock = Clock()
    here, there = ledger_of(three, clock=clock), ledger_of(three, clock=clock)
    there.leases.worker = ELSEWHERE
    (pending, *_) = there.due(NOW)
    there.step([], [pending], now=NOW)
    for _ in range(5):
        clock.at += there.leases.length * 0.9
        assert there.leases.renew([(pending.id, 1)]) == {pending.id}
        assert here.leases.recover(NOW) == 0


def test_a_frozen_worker_finds_its_lease_gone_and_its_result_refused(three: Database) -> None:
    clock = Clock()
    frozen, other = ledger_of(three, clock=clock), ledger_of(three, clock=clock)
    frozen.leases.worker = ELSEWHERE
    (pending, *_) = frozen.due(NOW)
    frozen.step([], [pending], now=NOW)
    clock.at += timedelta(hours=1)
    other.leases.recover(NOW)
    again = other.due(NOW)[0]
    assert (again.id, again.attempt) == (pending.id, 1)
    assert other.step([], [again], now=NOW).granted == {pending.id}
    # It comes back: it may not renew, and what it says of its attempt is not taken for the new one's.
    assert frozen.leases.renew([(pending.id, 1)]) == set()
    frozen.step([frozen.result(pending, state=DeliveryState.DEFERRED, reply="", now=NOW)], [], now=NOW)
    assert states(three)[pending.id] is DeliveryState.SENDING
    other.step([other.result(again, state=DeliveryState.SENT, reply="250", now=NOW)], [], now=NOW)
    assert states(three)[pending.id] is DeliveryState.SENT


def test_a_worker_that_comes_back_in_time_settles_the_doubt(three: Database) -> None:
    clock = Clock()
    frozen, other = ledger_of(three, clock=clock), ledger_of(three, clock=clock)
    frozen.leases.worker = ELSEWHERE
    (pending, *_) = frozen.due(NOW)
    frozen.step([], [pending], now=NOW)
    clock.at += timedelta(hours=1)
    other.leases.recover(NOW)
    frozen.step([frozen.result(pending, state=DeliveryState.SENT, reply="250", now=NOW)], [], now=NOW)
    assert states(three)[pending.id] is DeliveryState.SENT
    assert other.step([], [Pending(1, 1, 1, 1, "", "")], now=NOW).granted == set()


def test_what_is_in_doubt_is_held_where_the_operator_said_so(three: Database) -> None:
    killed = ledger_of(three)
    killed.step([], killed.due(NOW)[:1], now=NOW)
    holding = ledger_of(three, resend=False)
    holding.leases.recover(NOW)
    assert [one.id for one in holding.due(NOW)] == [2, 3]
    with three.write() as connection:
        assert requeue(connection, DeliveryState.IN_DOUBT, now=NOW) == 1
    assert [one.id for one in holding.due(NOW)] == [1, 2, 3]


def test_a_reader_who_left_is_skipped_and_it_says_why(three: Database) -> None:
    with three.write() as connection:
        connection.execute(update(subscription).where(subscription.c.id == 2).values(state="ended"))
        connection.execute(update(subscriber).where(subscriber.c.id == 3).values(state="suppressed"))
    ledger = ledger_of(three)
    assert ledger.skip_departed(NOW) == 2
    assert [one.id for one in ledger.due(NOW)] == [1]
    with three.read() as connection:
        skipped = list(list_deliveries(connection, state=DeliveryState.SKIPPED))
        assert count_states(connection) == {DeliveryState.QUEUED: 1, DeliveryState.SKIPPED: 2}
    assert {one.reply for one in skipped} == {"the reader left before it was sent"}


def test_who_pauses_is_not_sent_what_was_queued_before_and_it_says_why(three: Database) -> None:
    """Neither what was queued nor what a server deferred; a pause that is over holds nothing back."""
    ledger = ledger_of(three)
    assert ledger.skip_departed(NOW) == 0
    with three.write() as connection:
        pause = update(subscription).values(paused_until=NOW + timedelta(seconds=1))
        connection.execute(pause.where(subscription.c.id < 3))
        connection.execute(update(subscription).where(subscription.c.id == 3).values(paused_until=NOW))
        connection.execute(update(delivery).where(delivery.c.id == 2).values(state="deferred", attempt=1))
    assert [one.id for one in ledger.due(NOW)] == [3]
    assert ledger.skip_departed(NOW) == 2
    with three.read() as connection:
        skipped = list(list_deliveries(connection, state=DeliveryState.SKIPPED))
    assert {one.id: one.reply for one in skipped} == dict.fromkeys(
        (1, 2), "the reader paused before it was sent"
    )


def test_only_what_failed_or_is_in_doubt_is_queued_again(three: Database) -> None:
    with three.write() as connection, pytest.raises(ValueError, match="not what is sent"):
        requeue(connection, DeliveryState.SENT, now=NOW)


@dataclass
class Hand:
    """What a worker holds in its hand: the attempts it may be sending right now."""

    ledger: Ledger
    seen: list[Pending] = field(default_factory=list)
    holds: dict[int, Pending] = field(default_factory=dict)


class LedgerMachine(RuleBasedStateMachine):
    """Workers that fetch, take up, transmit, report, freeze and die in any order.

    The model counts what the server took. Nobody may be sent a message twice without a doubt recorded in
    between, and nobody who got one may stand as waiting with no doubt recorded.
    """

    workers = Bundle("workers")

    @initialize()
    def open(self) -> None:
        self.folder = TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name) / 'ledger.db'}")
        upgrade(self.database)
        fill(self.database, 3)
        self.clock = Clock()
        self.now = NOW
        self.taken = {1: 0, 2: 0, 3: 0}
        self.born = 0

    @rule(target=workers)
    def start_a_worker(self) -> Hand:
        hand = Hand(ledger_of(self.database, clock=self.clock))
        self.born += 1
        hand.ledger.leases.worker = f"elsewhere/0/1/1/{self.born}"
        return hand

    @rule(hand=workers)
    def fetch(self, hand: Hand) -> None:
        hand.seen = hand.ledger.due(self.now)

    @rule(hand=workers, pick=st.integers(0, 2))
    def take_up(self, hand: Hand, pick: int) -> None:
        chosen = [one for one in hand.seen if one.id - 1 == pick]
        granted = hand.ledger.step([], chosen, now=self.now).granted
        hand.holds |= {one.id: one for one in chosen if one.id in granted}

    @rule(
        hand=workers, pick=st.integers(1, 3), outcome=st.sampled_from(["sent", "deferred", "failed", "cut"])
    )
    def transmit(self, hand: Hand, pick: int, outcome: str) -> None:
        """Go through with an attempt, as a lane does: only while the lease is believed, then report."""
        pending = hand.holds.pop(pick, None)
        if pending is None or not self._believes(hand, pending):
            return
        if outcome in {"sent", "cut"}:
            self.taken[pick] += 1
        state = DeliveryState.IN_DOUBT if outcome == "cut" else DeliveryState(outcome)
        hand.ledger.step([hand.ledger.result(pending, state=state, reply="", now=self.now)], [], now=self.now)

    @rule(hand=workers, pick=st.integers(1, 3), too_late=st.booleans())
    def transmit_and_die(self, hand: Hand, pick: int, too_late: bool) -> None:
        pending = hand.holds.pop(pick, None)
        if pending is not None and self._believes(hand, pending) and too_late:
            self.taken[pick] += 1

    @rule(minutes=st.integers(1, 90))
    def time_goes_by(self, minutes: int) -> None:
        self.clock.at += timedelta(minutes=minutes)
        self.now += timedelta(minutes=minutes)

    @rule(hand=workers)
    def recover(self, hand: Hand) -> None:
        hand.ledger.leases.recover(self.now)

    @rule(state=st.sampled_from([DeliveryState.FAILED, DeliveryState.IN_DOUBT]))
    def operator_queues_again(self, state: DeliveryState) -> None:
        with self.database.write() as connection:
            requeue(connection, state, now=self.now)

    def _believes(self, hand: Hand, pending: Pending) -> bool:
        """The fence: a lane sends only while its lease, as it knows it, has not ended."""
        with self.database.read() as connection:
            row = connection.execute(select(delivery).where(delivery.c.id == pending.id)).one()
        mine = row.worker == hand.ledger.leases.worker and row.attempt == pending.attempt + 1
        return bool(mine and row.lease_until > self.clock.at)

    @invariant()
    def nobody_is_sent_to_twice_without_a_doubt(self) -> None:
        if not hasattr(self, "database"):
            return
        with self.database.read() as connection:
            for row in connection.execute(select(delivery)):
                assert self.taken[row.id] <= 1 + row.doubts
                if row.state == DeliveryState.SENT:
                    assert self.taken[row.id] >= 1
                if row.state in {DeliveryState.QUEUED, DeliveryState.DEFERRED} and self.taken[row.id]:
                    assert row.doubts >= self.taken[row.id]

    def teardown(self) -> None:
        if not hasattr(self, "database"):
            return
        try:
            self._finish()
        finally:
            self.database.dispose()
            self.folder.cleanup()

    def _finish(self) -> None:
        """However it went, a last worker gets the message to everybody who has not been refused."""
        self.clock.at += timedelta(days=1)
        last = ledger_of(self.database, clock=self.clock)
        until = self.now + timedelta(days=1)
        last.leases.recover(until)
        due = last.due(until)
        last.step([], due, now=until)
        for pending in due:
            self.taken[pending.id] += 1
        results = [last.result(one, state=DeliveryState.SENT, reply="250", now=until) for one in due]
        last.step(results, [], now=until)
        for number, state in states(self.database).items():
            assert state in {DeliveryState.SENT, DeliveryState.FAILED}
            assert state is DeliveryState.FAILED or self.taken[number] >= 1


TestLedgerMachine = LedgerMachine.TestCase
TestLedgerMachine.settings = settings(
    max_examples=often(12),
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
