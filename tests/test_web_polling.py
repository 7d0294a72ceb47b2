"""A client that asks too often is told to wait, and no other is."""

from hypothesis import given
from hypothesis import strategies as st

from web.feeds.polling import Polling

AN_HOUR = 120
INTERVAL = 30.0
AT_ONCE = 30


def test_some_may_come_at_once_and_then_one_an_interval() -> None:
    polling = Polling(AN_HOUR)
    assert [polling.wait("a", now=0.0) for _ in range(AT_ONCE)] == [0] * AT_ONCE
    assert polling.wait("a", now=0.0) == INTERVAL
    assert polling.wait("a", now=20.5) == 10
    assert polling.wait("a", now=INTERVAL) == 0
    assert polling.wait("a", now=INTERVAL) == INTERVAL


def test_another_client_is_another_matter() -> None:
    polling = Polling(AN_HOUR)
    for _ in range(AT_ONCE):
        polling.wait("a", now=0.0)
    assert polling.wait("a", now=0.0) > 0
    assert polling.wait("b", now=0.0) == 0


def test_who_rested_may_come_at_once_again_and_no_more_than_that() -> None:
    polling = Polling(AN_HOUR)
    for _ in range(AT_ONCE):
        polling.wait("a", now=0.0)
    later = [polling.wait("a", now=1_000_000.0) for _ in range(AT_ONCE + 1)]
    assert later == [0] * AT_ONCE + [INTERVAL]


def test_nobody_waits_when_it_is_off() -> None:
    polling = Polling(0)
    assert not any(polling.wait("a", now=0.0) for _ in range(10_000))


def test_a_few_may_always_come_at_once() -> None:
    polling = Polling(1)
    assert [polling.wait("a", now=0.0) for _ in range(11)] == [0] * 10 + [3600]


def test_only_so_many_clients_are_remembered_those_that_asked_last() -> None:
    polling = Polling(AN_HOUR, clients=2)
    for _ in range(AT_ONCE):
        polling.wait("a", now=0.0)
    polling.wait("b", now=0.0)
    polling.wait("c", now=0.0)
    assert polling.wait("a", now=0.0) == 0


def test_who_asks_in_vain_is_not_forgotten_for_it() -> None:
    polling = Polling(AN_HOUR, clients=2)
    for _ in range(AT_ONCE):
        polling.wait("a", now=0.0)
    for number in range(100):
        polling.wait(number, now=0.0)
        assert polling.wait("a", now=0.0) > 0


@given(st.lists(st.floats(min_value=INTERVAL, max_value=100_000), max_size=200))
def test_who_comes_no_oftener_than_it_may_is_never_told_to_wait(gaps: list[float]) -> None:
    polling, now = Polling(AN_HOUR), 0.0
    for gap in gaps:
        now += gap
        assert polling.wait("a", now=now) == 0


@given(st.lists(st.floats(min_value=0, max_value=60), min_size=50, max_size=300))
def test_nobody_gets_more_than_its_share_and_who_waits_as_told_is_let_in(gaps: list[float]) -> None:
    polling, now, served = Polling(AN_HOUR), 0.0, 0
    for gap in gaps:
        now += gap
        wait = polling.wait("a", now=now)
        if wait:
            now += wait
            assert polling.wait("a", now=now) == 0
        served += 1
    assert served <= AT_ONCE + now / INTERVAL + 1
