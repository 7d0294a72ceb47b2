"""What is sent next: in turn, but no domain takes the lanes from the others."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from digests.sending.due import Pending
from digests.sending.waiting import Waiting
from tests.examples import often


def pending(number: int, domain: str, *, priority: int = 1) -> Pending:
    email = f"r{number}@{domain}"
    return Pending(number, 0, 1, 1, email, f"<{number}@a>", priority=priority, domain=domain)


def many(domain: str, count: int, *, start: int = 1) -> list[Pending]:
    return [pending(number, domain) for number in range(start, start + count)]


def taken(waiting: Waiting, *, is_all: bool = False, now: float = 0) -> list[Pending]:
    """All that lanes get which ask one after another."""
    found = []
    while waiting.busy < waiting.lanes and (one := waiting.take(now, is_all=is_all)):
        found.append(one)
    return found


def test_instant_mail_goes_first_then_by_number() -> None:
    waiting = Waiting(10)
    waiting.add([pending(1, "a"), pending(3, "b"), pending(2, "c"), pending(9, "d", priority=0)])
    assert [one.id for one in taken(waiting)] == [9, 1, 2, 3]


@given(st.integers(1, 40))
def test_a_slow_domain_gets_half_of_the_lanes_while_others_wait(lanes: int) -> None:
    waiting = Waiting(lanes)
    waiting.add(many("slow", 100))
    assert len(taken(waiting)) == (lanes + 1) // 2


@given(lanes=st.integers(2, 100), slow=st.integers(1, 6))
def test_each_slow_domain_takes_half_of_what_is_free(lanes: int, slow: int) -> None:
    waiting = Waiting(lanes)
    for number in range(slow):
        waiting.add(many(f"slow{number}", 100, start=1 + 100 * number))
    left = lanes - len(taken(waiting))
    assert left == lanes >> slow
    waiting.add([pending(9999, "quick")])
    assert [one.domain for one in taken(waiting)] == ["quick"] * min(left, 1)


@given(lanes=st.integers(1, 40), domains=st.integers(1, 5))
def test_nothing_is_left_idle_when_nobody_else_waits(lanes: int, domains: int) -> None:
    waiting = Waiting(lanes)
    for number in range(domains):
        waiting.add(many(f"d{number}", 100, start=1 + 100 * number))
    counts = Counter(one.domain for one in taken(waiting, is_all=True))
    assert counts.total() == lanes


def test_a_limit_on_a_domain_s_lanes_holds_also_when_nobody_else_waits() -> None:
    waiting = Waiting(10, per_domain=3)
    waiting.add(many("a", 100))
    assert len(taken(waiting, is_all=True)) == 3
    waiting.done("a")
    assert len(taken(waiting, is_all=True)) == 1


def test_a_held_domain_waits_for_its_time_and_is_next_then() -> None:
    waiting = Waiting(2)
    waiting.add([pending(1, "held"), pending(2, "other"), pending(3, "held")])
    first = waiting.take(0, is_all=False)
    assert first is not None
    waiting.put_back(first, until=5.0)
    assert (waiting.blocked, waiting.first_release) == (["held"], 5.0)
    assert [one.id for one in taken(waiting, now=4.9)] == [2]
    waiting.done("other")
    assert [one.id for one in taken(waiting, now=5.0, is_all=True)] == [1, 3]


steps = st.lists(
    st.tuples(st.sampled_from(["take", "all", "done", "back", "hold"]), st.integers(0, 9)), max_size=120
)


@settings(max_examples=often(80), deadline=None)
@given(
    lanes=st.integers(1, 8), per_domain=st.integers(0, 4), domains=st.lists(st.integers(0, 4)), steps=steps
)
def test_whatever_happens_everything_is_taken_once_and_in_turn(
    lanes: int, per_domain: int, domains: list[int], steps: list[tuple[str, int]]
) -> None:
    waiting = Waiting(lanes, per_domain=per_domain)
    everything = [pending(number, f"d{domain}") for number, domain in enumerate(domains, start=1)]
    waiting.add(everything)
    in_hand: list[Pending] = []
    through: list[Pending] = []
    now = 0.0
    for step, number in [*steps, *[("all", 0), ("done", 0)] * (len(domains) + 1)]:
        now += 1
        if step in {"take", "all"} and waiting.busy < lanes:
            one = waiting.take(now, is_all=step == "all")
            in_hand += [one] if one else []
            assert (
                not one or not per_domain or [each.domain for each in in_hand].count(one.domain) <= per_domain
            )
        elif in_hand and step in {"done", "back", "hold"}:
            one = in_hand.pop(number % len(in_hand))
            if step == "done":
                waiting.done(one.domain)
                through.append(one)
            else:
                waiting.put_back(one, until=now + number if step == "hold" else None)
        assert waiting.busy == len(in_hand)
        assert len(waiting) == len(everything) - len(in_hand) - len(through)
    while in_hand or len(waiting):
        now += 10
        while in_hand:
            one = in_hand.pop()
            waiting.done(one.domain)
            through.append(one)
        in_hand = taken(waiting, is_all=True, now=now)
        assert in_hand or not len(waiting)
    assert Counter(one.id for one in through) == dict.fromkeys(range(1, len(domains) + 1), 1)
