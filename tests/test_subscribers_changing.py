"""A reader's mail goes elsewhere only once both ends agreed, and never to where another reads."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from sqlalchemy import Connection, create_engine, event, select

from database import Database, metadata
from subscribers.address import AddressError
from subscribers.changing import (
    PER_DAY,
    End,
    Stage,
    TooManyChanges,
    agree,
    ask_change,
    drop_old_changes,
    find_change,
    has_old_changes,
    list_changes,
    moved_since,
    refuse,
)
from subscribers.listing import find, get_subscriber
from subscribers.model import SubscriberState, address_change, subscriber
from subscribers.store import SubscriberError, add_subscriber, erase
from subscribers.suppression import SuppressionReason, suppress
from subscribers.tokens import dated, undated
from tests.examples import often

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
DAY, LASTS = timedelta(days=1), timedelta(days=7)
SALT = "salt"


def add(connection: Connection, name: str, *, confirmed: bool = True) -> int:
    return add_subscriber(connection, f"{name}@example.org", confirmed=confirmed, now=NOW, salt=SALT).id


def ask(connection: Connection, reader: int, name: str, *, now: datetime = NOW) -> int:
    asked = ask_change(connection, reader, f"{name}@example.org", now=now, lasts=LASTS)
    assert asked is not None
    return asked.change.id


def both(connection: Connection, number: int, *, now: datetime = NOW) -> list[bool | None]:
    """Both ends agree; what each came to."""
    settled = [agree(connection, number, end, now=now, lasts=LASTS, salt=SALT) for end in End]
    return [None if one is None else one.moved for one in settled]


def email(connection: Connection, reader: int) -> str | None:
    found = get_subscriber(connection, reader)
    assert found is not None
    return found.email


def test_an_address_changes_when_both_ends_agreed_and_not_before(connection: Connection) -> None:
    reader = add(connection, "ann")
    number = ask(connection, reader, "Ann.New")
    assert agree(connection, number, End.NEW, now=NOW, lasts=LASTS, salt=SALT) is None
    assert email(connection, reader) == "ann@example.org"
    settled = agree(connection, number, End.OLD, now=NOW, lasts=LASTS, salt=SALT)
    assert settled is not None
    assert (settled.old, settled.new, settled.moved) == ("ann@example.org", "Ann.New@example.org", True)
    found = find(connection, "ann.new@EXAMPLE.org")
    assert found is not None
    assert found.id == reader
    assert find(connection, "ann@example.org") is None
    assert both(connection, number) == [None, None]
    assert moved_since(connection, reader, NOW - DAY)
    assert not moved_since(connection, reader, NOW)


@pytest.mark.parametrize("state", ["confirmed", "suppressed", "erased before", "pending"])
def test_where_another_reads_or_nobody_may_be_written_to_nothing_moves(
    connection: Connection, state: str
) -> None:
    reader = add(connection, "ann")
    other = add(connection, "bob", confirmed=state != "pending")
    number = ask(connection, reader, "bob")
    if state == "suppressed":
        suppress(connection, "bob@example.org", reason=SuppressionReason.COMPLAINED, now=NOW, salt=SALT)
    if state == "erased before":
        erase(connection, "bob@example.org", now=NOW - DAY, salt=SALT)
        number = ask(connection, reader, "bob")
    moves = both(connection, number)
    # Nobody agreed to anything with an address that was only typed into a form.
    assert moves == [None, state == "pending"]
    assert email(connection, reader) == ("bob@example.org" if state == "pending" else "ann@example.org")
    known = get_subscriber(connection, other)
    assert known is not None
    assert (known.email is None) == (state in {"pending", "erased before"})
    change = find_change(connection, number)
    assert change is not None
    assert (change.stage(NOW, LASTS), change.email) == (Stage.AGREED, None)


def test_one_end_is_enough_to_refuse(connection: Connection) -> None:
    reader = add(connection, "ann")
    number = ask(connection, reader, "new")
    agree(connection, number, End.OLD, now=NOW, lasts=LASTS, salt=SALT)
    assert refuse(connection, number, now=NOW)
    assert not refuse(connection, number, now=NOW)
    assert both(connection, number) == [None, None]
    assert email(connection, reader) == "ann@example.org"
    assert not refuse(connection, 99, now=NOW)
    assert both(connection, 99) == [None, None]


def test_what_nobody_answers_grows_old_and_the_address_is_forgotten(connection: Connection) -> None:
    reader = add(connection, "ann")
    number = ask(connection, reader, "new")
    agree(connection, number, End.NEW, now=NOW, lasts=LASTS, salt=SALT)
    assert both(connection, number, now=NOW + LASTS) == [None, None]
    assert drop_old_changes(connection, now=NOW + LASTS - DAY, lasts=LASTS) == 0
    assert not has_old_changes(connection, now=NOW + LASTS - DAY, lasts=LASTS)
    assert has_old_changes(connection, now=NOW + LASTS, lasts=LASTS)
    assert drop_old_changes(connection, now=NOW + LASTS, lasts=LASTS) == 1
    (change,) = list_changes(connection, reader)
    assert (change.email, change.settled_at) == (None, NOW + LASTS)
    assert not has_old_changes(connection, now=NOW + LASTS, lasts=LASTS)


def test_a_reader_asks_for_one_at_a_time_and_three_a_day(connection: Connection) -> None:
    reader = add(connection, "ann")
    first = ask(connection, reader, "one")
    assert ask(connection, reader, "ONE") == first
    second = ask(connection, reader, "two")
    assert both(connection, first) == [None, None]
    ask(connection, reader, "three")
    for name in ("four", "two"):
        with pytest.raises(TooManyChanges):
            ask(connection, reader, name)
    # The very same is asked for as often as they like: nothing is mailed.
    assert ask(connection, reader, "three") == second + 1
    assert PER_DAY == 3
    assert ask(connection, reader, "four", now=NOW + DAY) == second + 2


def test_who_gets_no_mail_asks_for_nothing_and_what_is_no_address_is_refused(connection: Connection) -> None:
    pending = add(connection, "ann", confirmed=False)
    assert ask_change(connection, pending, "new@example.org", now=NOW, lasts=LASTS) is None
    assert ask_change(connection, 99, "new@example.org", now=NOW, lasts=LASTS) is None
    for wrong in ("", "new", "a@b\r\nBcc: c@d.example", "a@localhost"):
        with pytest.raises(AddressError):
            ask_change(connection, pending, wrong, now=NOW, lasts=LASTS)


def test_who_is_erased_takes_their_changes_along(connection: Connection) -> None:
    ann, bob = add(connection, "ann"), add(connection, "bob")
    mine, his = ask(connection, ann, "new"), ask(connection, bob, "ann")
    erase(connection, "ann@example.org", now=NOW, salt=SALT)
    for number in (mine, his):
        change = find_change(connection, number)
        assert change is not None
        assert (change.email, change.settled_at) == (None, NOW)
        assert both(connection, number) == [None, None]
    assert email(connection, bob) == "bob@example.org"


def test_who_is_erased_is_forgotten_where_others_typed_their_address_however_they_wrote_it(
    connection: Connection,
) -> None:
    ann, bob = add(connection, "ann"), add(connection, "bob")
    typed = [ask(connection, bob, "Ann"), ask(connection, ann, "Stranger")]
    assert erase(connection, "ann@EXAMPLE.org", now=NOW, salt=SALT)
    carol = add(connection, "carol")
    typed.append(ask(connection, carol, "Nobody.Here"))
    # Nobody has it here: there is this to be forgotten, once.
    assert erase(connection, "nobody.here@example.org", now=NOW, salt=SALT)
    assert [find_change(connection, one).email for one in typed if find_change(connection, one)] == [None] * 3  # type: ignore[union-attr]
    with pytest.raises(SubscriberError):
        erase(connection, "nobody.here@example.org", now=NOW, salt=SALT)


def test_a_day_goes_with_a_number_and_comes_back() -> None:
    for number in (0, 1, 2**41 - 1):
        assert undated(dated(number, NOW.date())) == (number, NOW.date())
    assert undated(0) is None
    assert undated(2**63 - 1) is None


NAMES = ("ann", "bob", "cid", "new")


class Changing(RuleBasedStateMachine):
    """Readers ask, ends answer, time goes on, in any order; a plain model says who reads where."""

    def __init__(self) -> None:
        super().__init__()
        engine = create_engine("sqlite://")
        event.listen(engine, "connect", lambda raw, _record: raw.execute("PRAGMA foreign_keys=OFF"))
        self.engine = engine
        self.connection = engine.connect()
        metadata.create_all(self.connection)
        self.now = NOW
        self.reads: dict[int, str | None] = {add(self.connection, name): name for name in NAMES[:2]}
        self.waiting: set[str] = set()
        self.barred: set[str] = set()
        self.asked: dict[int, tuple[int, str, datetime]] = {}
        self.said: dict[int, set[End]] = {}

    def teardown(self) -> None:
        self.connection.close()
        self.engine.dispose()

    def open(self, number: int) -> bool:
        return number in self.said and self.now < self.asked[number][2] + LASTS

    @rule(reader=st.integers(1, 4), name=st.sampled_from(NAMES))
    def ask(self, reader: int, name: str) -> None:
        address = f"{name}@example.org"
        known = [n for n in self.said if self.asked[n][:2] == (reader, name) and self.open(n)]
        today = sum(one[0] == reader and one[2] > self.now - DAY for one in self.asked.values())
        try:
            asked = ask_change(self.connection, reader, address, now=self.now, lasts=LASTS)
        except TooManyChanges:
            assert today >= PER_DAY
            assert not known
            return
        if self.reads.get(reader) is None:
            assert asked is None
            return
        assert asked is not None
        if known:
            assert (asked.change.id, asked.is_new) == (known[0], False)
            return
        assert today < PER_DAY
        self.said = {n: said for n, said in self.said.items() if self.asked[n][0] != reader}
        self.asked[asked.change.id] = (reader, name, self.now)
        self.said[asked.change.id] = set()

    @rule(number=st.integers(1, 12), end=st.sampled_from(End))
    def agree(self, number: int, end: End) -> None:
        settled = agree(self.connection, number, end, now=self.now, lasts=LASTS, salt=SALT)
        if not self.open(number):
            assert settled is None
            return
        self.said[number].add(end)
        reader, name, _ = self.asked[number]
        if self.said[number] != set(End):
            assert settled is None
            return
        free = name not in self.barred and all(
            read != name or one == reader for one, read in self.reads.items()
        )
        assert settled is not None
        assert settled.moved == free
        del self.said[number]
        if free:
            self.waiting.discard(name)
            self.reads[reader] = name

    @rule(number=st.integers(1, 12))
    def refuse(self, number: int) -> None:
        refuse(self.connection, number, now=self.now)
        self.said.pop(number, None)

    @rule(days=st.integers(1, 8))
    def wait(self, days: int) -> None:
        self.now += days * DAY

    @rule(name=st.sampled_from(NAMES))
    def type_into_a_form(self, name: str) -> None:
        if name not in {*self.reads.values(), *self.waiting, *self.barred}:
            add(self.connection, name, confirmed=False)
            self.waiting.add(name)

    @rule(name=st.sampled_from(NAMES))
    def bar(self, name: str) -> None:
        if name not in self.reads.values():
            reason = SuppressionReason.BY_HAND
            suppress(self.connection, f"{name}@example.org", reason=reason, now=self.now, salt=SALT)
            self.barred.add(name)

    @invariant()
    def everybody_reads_where_they_agreed(self) -> None:
        rows = self.connection.execute(
            select(subscriber.c.id, subscriber.c.email).where(subscriber.c.state == SubscriberState.CONFIRMED)
        )
        theirs = {number: (email or "").removesuffix("@example.org") for number, email in rows}
        assert theirs == self.reads

    @invariant()
    def one_waits_for_each_and_what_is_settled_has_no_address(self) -> None:
        open_: list[int] = []
        for row in self.connection.execute(select(address_change)):
            assert (row.email is None) == (row.settled_at is not None)
            open_ += [row.subscriber_id] if row.settled_at is None else []
        assert len(open_) == len(set(open_))


TestChanging = Changing.TestCase
TestChanging.settings = settings(max_examples=often(30), stateful_step_count=25, deadline=None)


def test_both_ends_at_once_move_it_once(database: Database) -> None:
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 # for this one test

    with database.write() as connection:
        reader = add(connection, "ann")
        number = ask(connection, reader, "new")

    def answer(end: End) -> bool:
        with database.write() as connection:
            settled = agree(connection, number, end, now=NOW, lasts=LASTS, salt=SALT)
        return settled is not None and settled.moved

    with ThreadPoolExecutor(4) as pool:
        moved = list(pool.map(answer, (End.OLD, End.NEW, End.OLD, End.NEW)))
    assert sum(moved) == 1
    with database.read() as connection:
        assert email(connection, reader) == "new@example.org"
