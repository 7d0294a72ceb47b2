"""The publisher's pages about Labelcast itself: overview, settings, doctor, audit log, accounts, tokens."""

import threading
from datetime import timedelta

import pytest
from argon2 import PasswordHasher
from sqlalchemy import insert, select
from starlette.testclient import TestClient

from digests.model import DeliveryState, delivery
from digests.store import add_digest
from subscribers.model import subscriber
from tests.admin_client import IDLE, AdminClient, admin_app_client, admin_client, log_in
from tests.feeds_blog import START, FeedsBlog
from tests.mailed_digests import add_edition
from tests.web_client import tree
from web.accounts import accounts, audit
from web.accounts.accounts import check_password, find_account, set_password
from web.accounts.attempts import PER_NETWORK
from web.accounts.sessions import begin_session, find_session
from web.accounts.tokens import TokenScope, find_token
from web.admin.frame import COOKIE
from web.admin.running.attention import MOST, told
from web.admin.running.doctor import GIVEN_UP, Desk
from web.admin.work import AdminWork, Finding, Setting
from web.model import Role, audit_entry

GOOD, OTHER = "correct horse battery", "another good password"
PROBLEM = Finding("mail", "problem", "mail.example:587: does not answer: see mail.transport")
FINE = Finding("database", "ok", "sqlite, its tables are up to date")


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch) -> FeedsBlog:
    """A blog whose passwords cost no time."""
    monkeypatch.setattr(accounts, "_hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    return sqlite_feed_blog


def words(page: object) -> str:
    """All that a page says, as one line."""
    return " ".join(" ".join(page.itertext()).split())  # type: ignore[attr-defined]


def did(blog: FeedsBlog) -> list[tuple[str, str, str]]:
    """What stands in the audit log."""
    with blog.database.read() as connection:
        rows = connection.execute(select(audit_entry).order_by(audit_entry.c.id))
        return [(row.actor, row.action, row.subject) for row in rows]


def test_the_overview_tells_what_to_do_first(blog: FeedsBlog) -> None:
    owner = admin_client(blog)
    page = words(owner.page("/"))
    assert "There is no post yet" in page
    assert "There is no digest yet" in page
    assert "What goes out next" not in page
    blog.store(1, "MEK")
    with blog.database.write() as connection:
        add_digest(
            connection, "week", rule="all", title="The <week>", cadence="weekly", at="mon 08:00", now=START
        )
        add_digest(connection, "once", rule="all", title="At once", cadence="instant", now=START)
    page = owner.page("/")
    assert "Nothing: all goes its way." in words(page)
    rows = page.xpath("//div[@aria-label='What goes out next']//tbody/tr")
    assert [words(row) for row in rows] == [
        "The <week> 5 January 2026, 08:00 UTC",
        "At once as soon as there is news",
    ]
    assert [words(card) for card in page.xpath("//ul[@class='cards']/li")] == [
        "1 Posts",
        "0 Readers",
        "2 Digests",
    ]


def test_the_overview_tells_of_trouble_first(feed_blog: FeedsBlog) -> None:
    blog = feed_blog
    work = AdminWork(trouble=lambda: "digests: no tick for an hour", examine=lambda: [FINE, PROBLEM])
    owner = admin_client(blog, work=work)
    assert owner.post("/doctor").status_code == 303
    stored(blog, {DeliveryState.FAILED: 3, DeliveryState.IN_DOUBT: 1, DeliveryState.SENT: 20})
    said = [words(one) for one in owner.page("/").xpath("//ul[@class='needs']/li")]
    assert [one.partition(" See")[0] for one in said] == [
        "▲ Problem The scheduler: digests: no tick for an hour.",
        f"▲ Problem mail: {PROBLEM.said}",
        "▲ Problem 1 message is in doubt.",
        "▲ Problem Of edition 1 of week 3 of 24 messages failed.",
        "◔ To do 3 messages failed.",
        "◔ To do There is no post yet: import some.",
    ]
    page = owner.page("/")
    (row,) = page.xpath("//div[@aria-label='What went out last']//tbody/tr")
    assert words(row) == "News W 1 January 2026, 12:00 UTC 24 20 3"


def stored(blog: FeedsBlog, states: dict[DeliveryState, int]) -> None:
    """An edition with deliveries in some states."""
    count = sum(states.values())
    with blog.database.write() as connection:
        its = add_digest(
            connection, "week", rule="all", title="W", cadence="weekly", at="mon 08:00", now=START
        )
        number = add_edition(connection, its, START, subject="News", readers=count)
        which = [state for state, some in states.items() for _ in range(some)]
        for at, state in enumerate(which):
            row = {"email": f"r{at}@example.net", "email_key": f"r{at}@example.net", "state": "confirmed"}
            reader = insert(subscriber).values(row | {"created_at": START}).returning(subscriber.c.id)
            connection.execute(
                insert(delivery).values(
                    edition_id=number,
                    subscriber_id=connection.execute(reader).scalar_one(),
                    state=state,
                    attempt=1,
                    doubts=0,
                    message_id=f"<{at}@example.net>",
                    due_at=START,
                    created_at=START,
                    updated_at=START,
                )
            )


@pytest.mark.parametrize(("number", "said"), [(0, "0"), (MOST, "10,000"), (MOST + 1, "more than 10,000")])
def test_a_number_is_told_as_far_as_it_was_counted(number: int, said: str) -> None:
    assert told(number) == said


def test_settings_are_shown_by_their_tables(blog: FeedsBlog) -> None:
    some = [
        Setting("site_title", ["A <blog>"], "file"),
        Setting("mail.transport", ["smtp://…@one", "smtp://…@two"], "environment"),
        Setting("mail.reply_to", [""], "default"),
        Setting("feeds.hubs", [], "default"),
    ]
    page = admin_client(blog, Role.VIEWER, work=AdminWork(settings=lambda: some)).page("/settings")
    assert [words(one) for one in page.xpath("//tbody/tr")] == [
        "site_title A <blog> file",
        "transport smtp://…@one smtp://…@two environment",
        "reply_to nothing default",
        "hubs none default",
    ]
    assert [words(one) for one in page.xpath("//h2")] == ["At the top", "[mail]", "[feeds]"]


def test_the_doctor_looks_when_told_and_keeps_what_it_found(blog: FeedsBlog) -> None:
    looked: list[int] = []

    def examine() -> list[Finding]:
        looked.append(1)
        return [FINE, PROBLEM]

    client = admin_app_client(blog, work=AdminWork(examine=examine))
    editor, viewer = log_in(client, blog, Role.EDITOR), log_in(admin_like(client), blog, Role.VIEWER)
    assert "Nobody has had it look" in words(editor.page("/doctor"))
    assert viewer.page("/doctor").xpath("//main//form") == []
    assert looked == []
    assert editor.post("/doctor").status_code == 303
    page = viewer.page("/doctor")
    assert [words(one) for one in page.xpath("//tbody/tr/th")] == ["mail", "database"]
    assert "1 problem" in words(page)
    assert PROBLEM.said in words(page)
    assert looked == [1]


def admin_like(client: TestClient) -> TestClient:
    """Another browser before the same application."""
    return TestClient(client.app, base_url=str(client.base_url), follow_redirects=False)


def test_the_doctor_looks_once_at_a_time_and_is_given_up_some_time() -> None:
    gates = [threading.Event(), threading.Event()]
    left = iter(gates)
    answers = iter([[PROBLEM], [FINE]])

    def examine() -> list[Finding]:
        gate, answer = next(left), next(answers)
        gate.wait(30)
        return answer

    desk = Desk(examine)
    first = desk.look(START)
    assert first is not None
    assert desk.look(START + GIVEN_UP / 2) is None
    assert desk.is_looking(START + GIVEN_UP / 2)
    assert not desk.is_looking(START + GIVEN_UP)
    second = desk.look(START + GIVEN_UP)
    assert second is not None
    gates[1].set()
    second.join()
    assert (list(desk.findings), desk.found_at) == ([FINE], START + GIVEN_UP)
    # What comes so late is of yesterday.
    gates[0].set()
    first.join()
    assert (list(desk.findings), desk.found_at, desk.problems) == ([FINE], START + GIVEN_UP, [])


def test_a_doctor_who_falls_over_keeps_what_was_found(blog: FeedsBlog) -> None:
    found = iter([[PROBLEM]])
    desk = Desk(lambda: next(found))
    for at in (START, START + timedelta(minutes=5)):
        thread = desk.look(at)
        assert thread is not None
        thread.join()
    assert (desk.problems, desk.found_at) == ([PROBLEM], START)
    assert "ended early" in desk.failed


def test_the_audit_log_is_paged_and_filtered(blog: FeedsBlog) -> None:
    viewer = admin_client(blog, Role.VIEWER)
    assert "Nothing has been changed here yet." in words(viewer.page("/audit"))
    with blog.database.write() as connection:
        for number in range(120):
            who, what = ("account:<anna>", "feed.change") if number % 40 == 0 else ("command", "post.hide")
            detail = {"role": "x" * 1000} if number == 80 else {"posts": number, "to": ["a", None]}
            audit.record(connection, actor=who, action=what, subject=f"s{number}", now=START, detail=detail)
    page = viewer.page("/audit")
    seen = [words(one) for one in page.xpath("//tbody/tr/th")]
    assert seen == [f"s{number}" for number in range(119, 69, -1)]
    assert words(page.xpath("//tbody/tr")[0]).endswith('command post.hide s119 posts: 119, to: ["a", null]')
    while older := page.xpath("//a[@rel='next']/@href"):
        page = viewer.page(f"/audit{older[0]}")
        seen += [words(one) for one in page.xpath("//tbody/tr/th")]
    assert seen == [f"s{number}" for number in range(119, -1, -1)]
    assert page.xpath("//select[@name='action']/option/@value") == ["", "feed.change", "post.hide"]
    annas = viewer.page("/audit?actor=account:%3Canna%3E&action=feed.change")
    assert [words(one) for one in annas.xpath("//tbody/tr/th")] == ["s80", "s40", "s0"]
    assert annas.xpath("//select[@name='actor']/option[@selected]/@value") == ["account:<anna>"]
    assert len(words(annas)) < 2000
    for odd in ("?before=x", "?before=%C2%B2", f"?before={'9' * 400}", "?actor=%00", "?action=nothing"):
        assert viewer.get(f"/audit{odd}").status_code == 200


def test_an_owner_makes_changes_and_removes_accounts(blog: FeedsBlog) -> None:
    owner = admin_client(blog)
    new = {"name": "Ben", "role": "viewer", "password": GOOD}
    assert owner.post("/accounts", new).status_code == 303
    assert "ben may log in." in words(owner.page("/accounts"))
    assert "ben may log in." not in words(owner.page("/accounts"))
    for wrong in (
        {"name": "Ben"},
        {"name": "b b"},
        {"name": "c", "password": "short"},
        {"name": "c", "role": "x"},
    ):
        answer = owner.post("/accounts", new | wrong)
        assert (answer.status_code, "Not made: " in answer.text, GOOD in answer.text) == (422, True, False)
    assert owner.post("/accounts/ben", {"do": "role", "role": "editor"}).status_code == 303
    assert owner.post("/accounts/ben", {"do": "password", "password": OTHER}).status_code == 303
    with blog.database.read() as connection:
        ben = check_password(connection, "ben", OTHER)
    assert ben is not None
    assert ben.role is Role.EDITOR
    assert "Remove the account ben?" in words(owner.page("/accounts/ben/remove"))
    assert owner.post("/accounts/ben/remove").status_code == 303
    assert owner.get("/accounts/ben").status_code == 404
    for path in ("/accounts/ben", "/accounts/ben/remove"):
        assert owner.post(path, {"do": "role", "role": "editor"}).status_code == 404
    changes = [("account.add", "ben"), ("account.role", "ben"), ("account.password", "ben")]
    assert did(blog) == [("account:owner", *one) for one in [*changes, ("account.remove", "ben")]]


def test_an_owner_does_not_take_their_own_account_away(blog: FeedsBlog) -> None:
    owner = admin_client(blog)
    with blog.database.write() as connection:
        set_password(connection, "second", GOOD, now=START, role=Role.OWNER)
    assert "This is your own account" in words(owner.page("/accounts/owner"))
    for path, data in [
        ("/accounts/owner", {"do": "role", "role": "viewer"}),
        ("/accounts/owner", {"do": "password", "password": GOOD}),
        ("/accounts/OWNER/remove", {}),
    ]:
        assert owner.post(path, data).status_code == 422
    with blog.database.read() as connection:
        known = find_account(connection, "owner")
    assert known is not None
    assert known.role is Role.OWNER


def test_my_password_is_changed_by_who_knows_it_and_ends_other_sessions(blog: FeedsBlog) -> None:
    me = admin_client(blog, Role.VIEWER)
    with blog.database.write() as connection:
        set_password(connection, "viewer", GOOD, now=START)
        token = begin_session(connection, 1, now=START, idle=IDLE)
        there = begin_session(connection, 1, now=START, idle=IDLE)
    me.client.cookies.set(COOKIE, token, path="/admin")
    me = AdminClient(me.client, token)
    form = {"old": GOOD, "new": OTHER, "again": OTHER}
    for wrong, said in [
        ({"old": OTHER}, "not your present password"),
        ({"again": GOOD}, "not the same as the new password"),
        ({"new": "short", "again": "short"}, "12 to 1000 characters"),
    ]:
        answer = me.post("/account/password", form | wrong)
        assert (answer.status_code, said in answer.text) == (422, True)
    assert me.get("/account").status_code == 200
    done = me.post("/account/password", form)
    assert done.status_code == 303
    with blog.database.read() as connection:
        assert check_password(connection, "viewer", OTHER) is not None
        assert find_session(connection, token, now=START) is None
        assert find_session(connection, there, now=START) is None
    # The browser has a session of its own again.
    assert "Your password is changed." in me.get("/account").text
    assert did(blog) == [("account:viewer", "account.password", "viewer")]


def test_who_finds_a_browser_logged_in_does_not_guess_on(blog: FeedsBlog) -> None:
    me = admin_client(blog, Role.VIEWER)
    me_token = me.token
    with blog.database.write() as connection:
        set_password(connection, "viewer", GOOD, now=START)
        me_token = begin_session(connection, 1, now=START, idle=IDLE)
    me.client.cookies.set(COOKIE, me_token, path="/admin")
    me = AdminClient(me.client, me_token)
    for _ in range(PER_NETWORK):
        assert me.post("/account/password", {"old": "x", "new": OTHER, "again": OTHER}).status_code == 422
    refused = me.post("/account/password", {"old": GOOD, "new": OTHER, "again": OTHER})
    assert (refused.status_code, "too many attempts" in refused.text) == (422, True)


def test_my_sessions_are_listed_and_ended(blog: FeedsBlog) -> None:
    me = admin_client(blog, Role.VIEWER)
    with blog.database.write() as connection:
        others = [begin_session(connection, 1, now=START, idle=IDLE) for _ in range(3)]
    page = me.page("/account")
    rows = page.xpath("//div[@aria-label='Where I am logged in']//tbody/tr")
    assert sum("this one" in words(row) for row in rows) == 1
    assert len(rows) == 4
    ref = page.xpath("//input[@name='session']/@value")[0]
    assert me.post("/account/sessions", {"session": ref}).status_code == 303
    assert "1 session is ended." in words(me.page("/account"))
    assert me.post("/account/sessions").status_code == 303
    assert "2 sessions are ended." in words(me.page("/account"))
    with blog.database.read() as connection:
        assert not any(find_session(connection, one, now=START) for one in others)


def test_a_token_is_made_shown_once_and_revoked(blog: FeedsBlog) -> None:
    owner = admin_client(blog)
    form = {"name": "The CMS", "scope": ["posts:write", "posts:read"], "days": "30"}
    made = owner.post("/tokens", form)
    assert made.status_code == 200
    secret = tree(made.text).xpath("string(//div[@role='status']//code)")
    with blog.database.read() as connection:
        token = find_token(connection, secret, now=START)
    assert token is not None
    assert token.scopes == {TokenScope.POSTS_READ, TokenScope.POSTS_WRITE}
    assert token.expires_at is not None
    page = owner.page("/tokens")
    assert secret not in words(page)
    assert "The CMS posts:read, posts:write" in words(page)
    # As when somebody loads the answer again.
    assert owner.post("/tokens", form).status_code == 422
    wrongs: tuple[dict[str, object], ...] = (
        {"name": "<b>"},
        {"scope": []},
        {"scope": ["all"]},
        {"days": "0"},
        {"days": "²"},
        {"days": "x"},
    )
    for wrong in wrongs:
        answer = owner.post("/tokens", form | {"name": "other"} | wrong)
        assert (answer.status_code, "Not made: " in answer.text) == (422, True), wrong
    (revoke,) = page.xpath("//table//a/@href")
    assert "Revoke the token The CMS?" in words(owner.page(revoke.removeprefix("../admin")))
    assert owner.post("/tokens/The%20CMS/revoke").status_code == 303
    with blog.database.read() as connection:
        assert find_token(connection, secret, now=START) is None
    assert owner.get("/tokens/The%20CMS/revoke").status_code == 404
    assert owner.post("/tokens/The%20CMS/revoke").status_code == 303
    assert did(blog) == [
        ("account:owner", "token.add", "The CMS"),
        ("account:owner", "token.revoke", "The CMS"),
    ]


def test_the_navigation_says_where_one_is(blog: FeedsBlog) -> None:
    owner = admin_client(blog)
    for path, name, current in [
        ("/", "Overview", "page"),
        ("/settings", "Settings", "page"),
        ("/doctor", "Settings", "true"),
        ("/tokens", "Settings", "true"),
    ]:
        marked = owner.page(path).xpath("//nav[@aria-label='Administration']/a[@aria-current]")
        assert [(words(one), one.get("aria-current")) for one in marked] == [(name, current)]
