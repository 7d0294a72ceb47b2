"""What is counted of strangers: exactly so often, and nothing is left of it when its time is over."""

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from subscribers.address import normalize
from web.readers.counted import Counted
from web.readers.signuplimits import Allowed, SignupLimits

HOUR = timedelta(hours=1)


@dataclass
class Clock:
    """Seconds, moved on by hand."""

    at: float = 1000.0

    def __call__(self) -> float:
        """What it is."""
        return self.at


@given(st.integers(1, 4), st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2000)), max_size=60))
def test_in_no_hour_is_more_let_through_and_nobody_waits_longer_than_told(
    most: int, asked: list[tuple[int, int]]
) -> None:
    clock = Clock()
    counted = Counted(most, HOUR, clock)
    taken: dict[int, list[float]] = {}
    for key, later in asked:
        clock.at += later
        lately = [one for one in taken.get(key, []) if one > clock.at - 3600]
        wait = counted.wait(key)
        assert counted.take(key) is (len(lately) < most) is (wait == 0)
        if wait == 0:
            taken.setdefault(key, []).append(clock.at)
        else:
            assert lately[0] + 3600 == clock.at + wait
    clock.at += 3600
    assert counted.wait("another") == 0
    assert len(counted) == 0


def test_there_is_a_most_of_it_and_the_newest_stay() -> None:
    counted = Counted(1, HOUR, Clock(), most_keys=3)
    assert all(counted.take(key) for key in range(10))
    assert len(counted) <= 3
    assert not counted.take(9)


def test_what_may_be_done_any_number_of_times_is_not_counted() -> None:
    counted = Counted(0, HOUR)
    assert all(counted.take("key") for _ in range(9))
    assert len(counted) == 0


def test_an_address_that_was_typed_is_forgotten_in_time() -> None:
    clock = Clock()
    limits = SignupLimits(Allowed(), clock=clock)
    for number in range(20):
        address = normalize(f"a{number}@d{number}.example")
        assert limits.wait(f"192.0.{number}.1", address) == 0
        assert not limits.is_over(address)
        assert limits.may_mail(address.email)
    assert len(limits) == 80
    clock.at += 24 * 3600
    assert limits.wait("192.0.2.1", normalize("ann@example.org")) == 0
    assert len(limits) <= 42
    assert limits.may_mail("ann@example.org")
    assert not limits.is_over(normalize("ann@example.org"))
    assert len(limits) == 4
