"""Limits: what rates, a day's cap and quiet hours allow, by themselves and for several processes at once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from database import Database, open_database
from digests.model import DeliveryState, allowance, delivery
from digests.sending.allowances import KEPT, Allowances
from digests.sending.leases import Leases
from digests.sending.ledger import Ledger
from digests.sending.limits import ALL, BURST_SECONDS, Allowance, Limits, microseconds
from tests.examples import often
from tests.test_digests_ledger import Clock, fill, states

NOW = datetime(2026, 3, 2, 14, 0, tzinfo=UTC)
BERLIN = "Europe/Berlin"


def at(text: str) -> datetime:
    """A local time in Berlin; with ``+`` in the end the second of the two that autumn has."""
    local = datetime.fromisoformat(text.rstrip("+")).replace(tzinfo=ZoneInfo(BERLIN))
    return local.replace(fold=int(text.endswith("+"))).astimezone(UTC)


asks = st.lists(st.tuples(st.integers(0, 3_000_000), st.integers(1, 9)), min_size=1, max_size=40)


@settings(max_examples=often(60), deadline=None)
@given(rate=st.sampled_from([0.3, 1, 7, 40, 333, 10_000]), asks=asks)
def test_in_any_time_no_more_go_than_the_rate_and_one_burst(rate: float, asks: list[tuple[int, int]]) -> None:
    """Whoever asks, whenever, for however many: each stretch of time is looked at."""
    limits = Limits(per_second=rate)
    allowances: dict[str, Allowance] = {}
    real, went = NOW, []
    for wait, count in asks:
        real += timedelta(microseconds=wait)
        decided = limits.decide(["example.org"] * count, allowances, real=real, now=NOW)
        allowances |= decided.allowances
        went += [microseconds(real)] * decided.holds.count(None)
        assert all(hold is None or hold.until > real for hold in decided.holds)
    burst = max(1, rate * BURST_SECONDS)
    for first, begin in enumerate(went):
        for last in range(first, len(went)):
            seconds = (went[last] - begin) / 1e6
            assert last - first + 1 <= seconds * rate + burst + 1e-3


@settings(max_examples=often(30), deadline=None)
@given(rate=st.sampled_from([1, 7, 40, 333]))
def test_who_comes_back_when_told_gets_all_of_the_rate(rate: int) -> None:
    """Nothing is lost by the limit itself: so many are through in a little more than their time."""
    limits, allowances = Limits(per_second=rate), dict[str, Allowance]()
    real, went = NOW, 0
    while went < 3 * rate:
        decided = limits.decide(["example.org"] * 4, allowances, real=real, now=NOW)
        allowances |= decided.allowances
        went += decided.holds.count(None)
        real = min((hold.until for hold in decided.holds if hold), default=real)
    assert real - NOW <= timedelta(seconds=3.01)


def test_those_held_back_are_told_each_its_own_turn() -> None:
    decided = Limits(per_second=2).decide(["a.example"] * 4, {}, real=NOW, now=NOW)
    turns = [hold and (hold.until - NOW).total_seconds() for hold in decided.holds]
    assert turns == [None, 0.5, 1.0, 1.5]


def test_a_domain_that_must_wait_keeps_no_other_from_its_turn() -> None:
    limits = Limits(per_domain_second=1)
    decided = limits.decide(["a.example", "a.example", "b.example"], {}, real=NOW, now=NOW)
    assert [hold and hold.is_domains for hold in decided.holds] == [None, True, None]


def test_what_is_held_back_by_all_uses_up_nothing_of_its_domain() -> None:
    limits = Limits(per_second=1, per_domain_second=1)
    decided = limits.decide(["a.example", "b.example"], {}, real=NOW, now=NOW)
    assert decided.allowances.keys() == {ALL, "domain:a.example"}


def test_a_day_s_cap_holds_until_the_local_midnight() -> None:
    limits = Limits(daily_cap=3, timezone=BERLIN)
    evening = at("2026-03-02T23:30")
    decided = limits.decide(["a.example"] * 5, {}, real=NOW, now=evening)
    assert decided.holds.count(None) == 3
    assert {hold.until - NOW for hold in decided.holds if hold} == {timedelta(minutes=30)}
    used = dict(decided.allowances)
    assert used == {"day:2026-03-02": Allowance(NOW, 3)}
    assert limits.closed_until(used, real=NOW, now=evening) == at("2026-03-03T00:00")
    assert limits.closed_until(used, real=NOW, now=at("2026-03-03T00:00")) is None


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        ("22:00-07:00", "2026-03-02T21:59", None),
        ("22:00-07:00", "2026-03-02T22:00", "2026-03-03T07:00"),
        ("22:00-07:00", "2026-03-03T06:59", "2026-03-03T07:00"),
        ("22:00-07:00", "2026-03-03T07:00", None),
        ("12:00-14:00", "2026-03-02T13:00", "2026-03-02T14:00"),
        ("12:00-14:00", "2026-03-02T11:59", None),
        ("00:00-00:00", "2026-03-02T11:59", None),
        # The night that is an hour shorter, with an end that the clock leaves out.
        ("22:00-02:30", "2026-03-29T01:59", "2026-03-29T03:30"),
        ("22:00-07:00", "2026-03-28T23:00", "2026-03-29T07:00"),
        # The night that is an hour longer, with an end, and a beginning, that come twice.
        ("22:00-02:30", "2026-10-25T02:10", "2026-10-25T02:30+"),
        ("22:00-02:30", "2026-10-25T02:40", "2026-10-25T02:30+"),
        ("22:00-02:30", "2026-10-25T02:30+", None),
        ("02:30-06:00", "2026-10-25T02:10+", "2026-10-25T06:00"),
    ],
)
def test_quiet_hours_by_the_local_clock(quiet: str, now: str, until: str | None) -> None:
    limits = Limits(quiet=quiet, timezone=BERLIN)
    assert limits.quiet_until(at(now)) == (until and at(until))


@settings(max_examples=often(100), deadline=None)
@given(
    minutes=st.integers(0, 366 * 24 * 60),
    hours=st.tuples(*[st.times().map(lambda one: f"{one:%H:%M}")] * 2).filter(lambda two: two[0] != two[1]),
    zone=st.sampled_from([BERLIN, "America/St_Johns", "Australia/Lord_Howe", "Africa/Casablanca", "UTC"]),
)
def test_quiet_hours_end_and_then_it_is_not_quiet(minutes: int, hours: tuple[str, str], zone: str) -> None:
    limits = Limits(quiet="-".join(hours), timezone=zone)
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    until = limits.quiet_until(now)
    local = f"{now.astimezone(ZoneInfo(zone)):%H:%M}"
    begin, end = hours
    shows = begin <= local < end if begin < end else not end <= local < begin
    if until is None:
        assert not shows
    else:
        assert now < until <= now + timedelta(hours=26)
        assert limits.quiet_until(until) is None


@pytest.mark.parametrize("rate", [0.01, 1, 40])
def test_a_clock_that_is_set_back_holds_nobody_back_until_it_has_come_round(rate: float) -> None:
    """Nor does a rate that was lower before."""
    limits, domain = Limits(per_second=rate, per_domain_second=rate), "a.example"
    ahead = limits.decide([domain] * 5, {}, real=NOW + timedelta(days=400), now=NOW)
    back = limits.decide([domain] * 5, ahead.allowances, real=NOW, now=NOW)
    assert back.holds == limits.decide([domain] * 5, {}, real=NOW, now=NOW).holds
    assert limits.closed_until(ahead.allowances, real=NOW, now=NOW) is None
    # Clocks a minute apart keep to the rate together.
    apart = limits.decide([domain], ahead.allowances, real=NOW + timedelta(days=400, minutes=-1), now=NOW)
    assert apart.holds[0] is not None


def ledger_of(database: Database, limits: Limits, clock: Clock) -> Ledger:
    return Ledger(database, Leases(database, clock=clock), resend_doubtful=True, limits=limits)


def test_a_limit_outlives_the_process_and_what_it_holds_back_stays_queued(database: Database) -> None:
    fill(database, 5)
    clock = Clock()
    first = ledger_of(database, Limits(per_second=0.1, daily_cap=3), clock)
    taken = first.step([], first.due(NOW), now=NOW)
    assert (set(taken.granted), set(taken.held)) == ({1}, {2, 3, 4, 5})
    after = ledger_of(database, Limits(per_second=0.1, daily_cap=3), clock)
    assert after.step([], after.due(NOW), now=NOW).granted == set()
    clock.at += timedelta(seconds=10)
    assert after.step([], after.due(NOW), now=NOW).granted == {2}
    clock.at += timedelta(seconds=10)
    assert after.step([], after.due(NOW), now=NOW).granted == {3}
    clock.at += timedelta(seconds=10)
    assert after.step([], after.due(NOW), now=NOW).granted == set()
    found = states(database)
    assert [found[number] for number in (4, 5)] == [DeliveryState.QUEUED] * 2
    assert {one.attempt for one in after.due(NOW)} == {0}
    # The cap is used up: there is nothing to do before tomorrow, but to look after what was begun.
    assert after.closed_until(NOW) == datetime(2026, 3, 3, tzinfo=UTC)
    tomorrow = NOW + timedelta(days=1)
    assert after.step([], after.due(tomorrow), now=tomorrow).granted == {4}


def test_nothing_is_due_in_quiet_hours_but_what_was_begun_is_looked_after(database: Database) -> None:
    fill(database, 2)
    quiet = ledger_of(database, Limits(quiet="13:00-15:00"), Clock())
    assert not quiet.has_due(NOW)
    assert quiet.has_due(NOW + timedelta(hours=2))
    loud = ledger_of(database, Limits(), Clock())
    loud.step([], loud.due(NOW)[:1], now=NOW)
    assert quiet.has_due(NOW)


def test_nothing_is_due_while_a_low_rate_has_nothing_to_give(database: Database) -> None:
    """Or each tick would open a connection, only to hang up."""
    fill(database, 2)
    clock = Clock()
    slow = ledger_of(database, Limits(per_second=0.02), clock)
    assert slow.has_due(NOW)
    (sent,) = slow.step([], slow.due(NOW)[:1], now=NOW).granted
    with database.write() as connection:
        connection.execute(update(delivery).where(delivery.c.id == sent).values(state="sent"))
    clock.at += timedelta(seconds=44)
    assert not slow.has_due(NOW)
    assert slow.closed_until(NOW) == NOW + timedelta(seconds=6)
    # A run of some seconds waits for it.
    clock.at += timedelta(seconds=1)
    assert slow.has_due(NOW)


def test_what_another_worker_has_taken_up_uses_up_nothing(database: Database) -> None:
    fill(database, 2)
    limits = Limits(daily_cap=10)
    one, other = ledger_of(database, limits, Clock()), ledger_of(database, limits, Clock())
    seen = other.due(NOW)
    one.step([], one.due(NOW), now=NOW)
    assert other.step([], seen, now=NOW).granted == set()
    with database.read() as connection:
        assert connection.execute(select(allowance.c.used)).scalars().all() == [2]


def test_without_limits_nothing_is_counted(database: Database) -> None:
    fill(database, 2)
    ledger = ledger_of(database, Limits(per_domain=3, quiet="01:00-02:00"), Clock())
    ledger.step([], ledger.due(NOW), now=NOW)
    with database.read() as connection:
        assert connection.execute(select(allowance)).all() == []


def test_workers_at_once_take_no_more_together_than_one_may(database: Database) -> None:
    """Each with connections of its own to the database, as processes have."""
    fill(database, 60)
    limits = Limits(per_second=5, per_domain_second=4, daily_cap=20)

    def work(number: int) -> int:
        own = open_database(database.engine.url.render_as_string(hide_password=False))
        clock = Clock()
        ledger = ledger_of(own, limits, clock)
        ledger.leases.worker = f"elsewhere/0/1/1/{number}"
        granted = 0
        for _ in range(12):
            # All are at the same second of a clock that all share.
            granted += len(ledger.step([], ledger.due(NOW)[:4], now=NOW).granted)
            clock.at += timedelta(milliseconds=250)
        own.dispose()
        return granted

    with ThreadPoolExecutor(3) as pool:
        together = sum(pool.map(work, range(3)))
    assert 4 <= together <= 4 * 2.75 + 1
    with database.read() as connection:
        (used,) = connection.execute(select(allowance.c.used).where(allowance.c.used > 0)).scalars()
    assert used == together


def test_allowances_that_hold_nobody_back_are_forgotten(database: Database) -> None:
    fill(database, 3)
    clock = Clock()
    ledger = ledger_of(database, Limits(per_domain_second=1, daily_cap=9), clock)
    ledger.step([], ledger.due(NOW)[:1], now=NOW)
    ledger.skip_departed(NOW)
    with database.read() as connection:
        assert len(connection.execute(select(allowance)).all()) == 2
    clock.at += KEPT + timedelta(seconds=2)
    ledger.skip_departed(NOW)
    with database.read() as connection:
        assert connection.execute(select(allowance)).all() == []
        assert Allowances(Limits(daily_cap=1)).closed_until(connection, real=NOW, now=NOW) is None
