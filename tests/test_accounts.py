"""Accounts, their passwords and sessions, and the audit log."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, select

from database import Database
from web.accounts import accounts, audit, sessions
from web.accounts.accounts import (
    AccountError,
    check_password,
    find_account,
    known_key,
    list_accounts,
    make_account,
    remove_account,
    set_password,
    set_role,
)
from web.model import Role, account, session

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
IDLE = timedelta(hours=12)
GOOD = "correct horse battery"


@pytest.fixture(autouse=True)
def _light(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password costs as good as nothing here; what it costs is told by another test."""
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


def test_the_first_account_is_an_owner_and_others_see_only(connection: Connection) -> None:
    assert set_password(connection, " Anna ", GOOD, now=NOW).role is Role.OWNER
    assert set_password(connection, "ben", GOOD, now=NOW).role is Role.VIEWER
    assert set_password(connection, "cleo@example.org", GOOD, now=NOW, role=Role.EDITOR).role is Role.EDITOR
    assert [one.name for one in list_accounts(connection)] == ["anna", "ben", "cleo@example.org"]
    kept = connection.execute(select(account.c.password_hash)).scalars().all()
    assert all(GOOD not in one and one.startswith("$argon2id$") for one in kept)


def test_a_password_is_its_own_accounts_only(connection: Connection) -> None:
    anna = set_password(connection, "anna", GOOD, now=NOW)
    set_password(connection, "ben", "another long one", now=NOW)
    assert check_password(connection, "ANNA ", GOOD) == anna
    for name, password in [("anna", "another long one"), ("ben", GOOD), ("nobody", GOOD), ("anna", "")]:
        assert check_password(connection, name, password) is None
    # What no database takes as text, and what looks like something else.
    for name in ["an\0na", "\ud800", "a" * 70_000, "' or 1=1 --", ""]:
        assert check_password(connection, name, GOOD) is None


@pytest.mark.parametrize("name", ["", "a b", "-anna", "a\0b", "a/b", "ä", "a" * 65, "<b>"])
def test_a_name_that_can_be_none_is_refused(connection: Connection, name: str) -> None:
    with pytest.raises(AccountError, match="is no name for an account"):
        set_password(connection, name, GOOD, now=NOW)


@pytest.mark.parametrize("password", ["", "short", "x" * 11, "x" * 1001])
def test_a_password_too_short_or_too_long_is_refused(connection: Connection, password: str) -> None:
    with pytest.raises(AccountError, match="12 to 1000 characters"):
        set_password(connection, "anna", password, now=NOW)


def test_the_last_owner_stays(connection: Connection) -> None:
    set_password(connection, "anna", GOOD, now=NOW)
    set_password(connection, "ben", GOOD, now=NOW)
    losses: list[Callable[[], object]] = [
        lambda: remove_account(connection, "anna"),
        lambda: set_role(connection, "anna", Role.EDITOR),
        lambda: set_password(connection, "anna", GOOD, now=NOW, role=Role.VIEWER),
    ]
    for lose in losses:
        with pytest.raises(AccountError, match="the only owner"):
            lose()
    set_role(connection, "ben", Role.OWNER)
    assert remove_account(connection, "anna").name == "anna"
    assert find_account(connection, "anna") is None
    with pytest.raises(AccountError, match="no such account"):
        set_role(connection, "anna", Role.OWNER)
    with pytest.raises(AccountError, match="already an account ben"):
        make_account(connection, "BEN", GOOD, Role.VIEWER, now=NOW)


def test_of_two_who_make_the_same_account_at_once_one_does(database: Database) -> None:
    ready, refused = threading.Barrier(2), []

    def make(password: str) -> None:
        ready.wait()
        try:
            with database.write() as connection:
                make_account(connection, "ben", password, Role.VIEWER, now=NOW)
        except AccountError as error:
            refused.append((password, str(error)))

    threads = [threading.Thread(target=make, args=[password]) for password in (GOOD, GOOD[::-1])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [said for _, said in refused] == ["there is already an account ben"]
    with database.read() as connection:
        assert check_password(connection, "ben", refused[0][0]) is None


def test_two_owners_who_remove_each_other_at_once_leave_one(database: Database) -> None:
    with database.write() as connection:
        for name in ("anna", "ben"):
            set_password(connection, name, GOOD, now=NOW, role=Role.OWNER)
    ready, refused = threading.Barrier(2), []

    def remove(name: str) -> None:
        ready.wait()
        try:
            with database.write() as connection:
                remove_account(connection, name)
        except AccountError as error:
            refused.append(str(error))

    threads = [threading.Thread(target=remove, args=[name]) for name in ("anna", "ben")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with database.read() as connection:
        assert len(list_accounts(connection)) == 1
    assert len(refused) == 1


def test_a_name_that_nobody_has_costs_what_a_real_one_does() -> None:
    real = PasswordHasher()
    assert not real.check_needs_rehash(accounts._NOBODYS)
    assert (real.memory_cost, real.time_cost) == (64 * 1024, 3)


def test_a_password_is_the_same_from_every_keyboard(connection: Connection) -> None:
    set_password(connection, "anna", "caf\u00e9 con le\u0301che", now=NOW)
    assert check_password(connection, "anna", "cafe\u0301 con l\u00e9che") is not None
    assert check_password(connection, "anna", "cafe con leche ") is None


def test_a_session_lasts_while_it_is_used_and_no_longer_than_thirty_times(connection: Connection) -> None:
    anna = set_password(connection, "anna", GOOD, now=NOW)
    token = sessions.begin_session(connection, anna.id, now=NOW, idle=IDLE)
    assert token not in str(connection.execute(select(session)).all())
    almost = NOW + IDLE - timedelta(seconds=1)
    login = sessions.find_session(connection, token, now=almost)
    assert login is not None
    assert (login.account, login.is_stale) == (anna, True)
    assert sessions.find_session(connection, token, now=NOW + IDLE) is None
    at = NOW
    while sessions.find_session(connection, token, now=at) is not None:
        sessions.touch(connection, token, now=at, idle=IDLE)
        at += IDLE - timedelta(hours=1)
    assert NOW + 30 * IDLE <= at < NOW + 31 * IDLE


def test_sessions_are_listed_and_ended_by_their_account_only(connection: Connection) -> None:
    anna = set_password(connection, "anna", GOOD, now=NOW)
    ben = set_password(connection, "ben", GOOD, now=NOW)
    begin = sessions.begin_session
    here, there, third = (begin(connection, anna.id, now=NOW, idle=IDLE) for _ in range(3))
    bens = begin(connection, ben.id, now=NOW, idle=IDLE)
    listed = sessions.list_sessions(connection, anna.id, now=NOW)
    assert {one.ref for one in listed} == {sessions.ref_of(token) for token in (here, there, third)}
    assert not sessions.end_one(connection, anna.id, sessions.ref_of(bens))
    assert not sessions.end_one(connection, anna.id, "")
    assert sessions.end_one(connection, anna.id, sessions.ref_of(there))
    assert sessions.end_others(connection, anna.id, here) == 1
    alive = [one for one in (here, there, third, bens) if sessions.find_session(connection, one, now=NOW)]
    assert alive == [here, bens]
    set_password(connection, "anna", GOOD, now=NOW)
    assert sessions.find_session(connection, here, now=NOW) is None


def test_a_form_is_its_sessions_own(connection: Connection) -> None:
    anna = set_password(connection, "anna", GOOD, now=NOW)
    one, other = (sessions.begin_session(connection, anna.id, now=NOW, idle=IDLE) for _ in range(2))
    login = sessions.find_session(connection, one, now=NOW)
    assert login is not None
    assert login.may_post(sessions.csrf_of(one))
    assert not any(login.may_post(given) for given in ("", one, sessions.csrf_of(other), "\ud800ä"))


def test_another_password_makes_another_key_for_the_marks_of_browsers(connection: Connection) -> None:
    set_password(connection, "anna", GOOD, now=NOW)
    before = known_key(connection, "anna")
    set_password(connection, "anna", GOOD, now=NOW)
    assert None not in {before, known_key(connection, "anna")}
    assert before != known_key(connection, "anna")
    assert known_key(connection, "nobody") is None


def test_the_audit_log_is_paged_and_filtered(connection: Connection) -> None:
    for number in range(7):
        who, what = ("account:anna", "feed.change") if number % 2 else ("command", "account.add")
        audit.record(connection, actor=who, action=what, subject=f"s{number}", now=NOW, detail={"n": number})
    newest = audit.entries(connection, limit=3)
    assert [one.subject for one in newest] == ["s6", "s5", "s4"]
    assert [one.subject for one in audit.entries(connection, before=newest[-1].id)] == [
        "s3",
        "s2",
        "s1",
        "s0",
    ]
    annas = audit.entries(connection, actor="account:anna")
    assert [one.subject for one in annas] == ["s5", "s3", "s1"]
    assert annas[0].detail == {"n": 5}
    assert audit.entries(connection, actor="account:anna", action="account.add") == []
    assert audit.actions(connection) == ["account.add", "feed.change"]
    assert audit.actors(connection) == ["account:anna", "command"]
