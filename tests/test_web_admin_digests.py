"""The publisher's pages of digests: the list, one of them, made and changed, paused, sent now, removed."""

from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from database import Database
from digests.cadence import Cadence, parse_at
from digests.model import Digest, delivery, digest
from digests.planning.calling import send_now
from digests.planning.editions import Planner
from digests.removing import count_rows, empty_and_remove, has_removals, remove_marked
from digests.store import add_digest, find_digest, get_digest, offered_digests, remove_digest
from subscribers.model import subscriber, subscription
from tests.admin_client import AdminClient, admin_client
from tests.feeds_blog import FeedsBlog, post
from tests.web_client import tree
from web.admin.digests.form import DigestForm, read
from web.admin.digests.pages import A_PAGE
from web.model import Role, audit_entry

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def blog(sqlite_feed_blog: FeedsBlog) -> FeedsBlog:
    """A blog with a weekly digest and three readers, one of whom chose daily."""
    blog = sqlite_feed_blog
    blog.now = NOW - timedelta(days=20)
    with blog.database.write() as connection:
        its = add_digest(
            connection, "weekly", rule="all", now=blog.now, at="mon 08:00", timezone="Europe/Berlin"
        )
    for number, chosen in enumerate(({}, {}, {"cadence": "daily"}), start=1):
        _reader(blog.database, number, its, **chosen)
    blog.now = NOW
    return blog


def _reader(database: Database, number: int, its: Digest, **chosen: Any) -> None:
    email, made = f"reader{number}@example.org", NOW - timedelta(days=10)
    with database.write() as connection:
        row = {"id": number, "email": email, "email_key": email, "state": "confirmed", "created_at": made}
        connection.execute(insert(subscriber).values(row))
        values: dict[str, Any] = {
            "subscriber_id": number,
            "digest_id": its.id,
            "state": "active",
            "labels": [],
        }
        connection.execute(insert(subscription).values(values | {"created_at": made} | chosen))


@pytest.fixture
def owner(blog: FeedsBlog) -> AdminClient:
    """Somebody who may do everything."""
    return admin_client(blog, now=NOW)


def _kept(blog: FeedsBlog, slug: str = "weekly") -> Digest:
    with blog.database.read() as connection:
        return get_digest(connection, slug)


def _audit(blog: FeedsBlog) -> list[str]:
    with blog.database.read() as connection:
        return list(connection.execute(select(audit_entry.c.action).order_by(audit_entry.c.id)).scalars())


def _form(owner: AdminClient, path: str = "/digests/weekly/edit") -> dict[str, Any]:
    """A form's fields, as the page has them."""
    form = owner.page(path).xpath("//form[@data-live]")[0]
    fields: dict[str, Any] = {}
    for one in form.xpath(".//input[@name] | .//select | .//textarea"):
        if one.get("type") in {"checkbox", "radio"}:
            if one.get("checked") is not None:
                fields.setdefault(one.get("name"), []).append(one.get("value"))
        elif one.tag == "select":
            fields[one.get("name")] = one.xpath("string(option[@selected]/@value)")
        else:
            fields[one.get("name")] = one.text.strip("\n") if one.tag == "textarea" else one.get("value")
    return fields


def test_the_list_tells_when_each_comes_next_and_to_how_many(owner: AdminClient) -> None:
    row = owner.page("/digests").xpath("//tbody/tr")[0]
    words = " ".join(row.text_content().split())
    assert words.startswith("Weekly Monday, 30 March 2026, 08:00 UTC+02:00 3 none yet")
    assert words.endswith("weekly, Monday 08:00 Europe/Berlin all")


def test_many_digests_are_told_some_at_a_time(owner: AdminClient, blog: FeedsBlog) -> None:
    with blog.database.write() as connection:
        for number in range(A_PAGE + 3):
            add_digest(connection, f"d{number:03}", rule="all", now=NOW)
    first = owner.page("/digests")
    assert len(first.xpath("//tbody/tr")) == A_PAGE
    second = owner.page(f"/digests{first.xpath('string(//a[@rel=$next]/@href)', next='next')}")
    assert len(second.xpath("//tbody/tr")) == 4
    assert second.xpath("//a[@rel='prev']")
    assert not second.xpath("//a[@rel='next']")


def test_each_page_is_there_on_both_databases(feed_blog: FeedsBlog) -> None:
    with feed_blog.database.write() as connection:
        its = add_digest(connection, "weekly", rule="all", now=NOW - timedelta(days=20))
    for number in (1, 2):
        _reader(feed_blog.database, number, its, timezone="Asia/Tokyo")
    feed_blog.now = NOW - HOUR
    feed_blog.store_all([replace(post(1), published=NOW - 2 * HOUR)])
    with feed_blog.database.write() as connection:
        send_now(connection, "weekly", last=None, now=NOW - HOUR)
    Planner(feed_blog.database, mail_domain="example.org").plan(NOW)
    owner = admin_client(feed_blog, now=NOW)
    for path in ("", "/weekly", "/weekly/edit", "/weekly/pause", "/weekly/send", "/weekly/remove"):
        assert owner.page(f"/digests{path}").xpath("//h1"), path
    assert owner.page("/digests").xpath("string(//td[@class='number'])") == "2"
    assert "Asia/Tokyo" in owner.page("/digests/weekly").text_content()


def test_a_viewer_sees_and_changes_nothing(blog: FeedsBlog) -> None:
    viewer = admin_client(blog, Role.VIEWER, now=NOW)
    page = viewer.page("/digests/weekly")
    assert page.xpath("//a[contains(@href, 'edit')]") == []
    for path in ("_new", "weekly/edit", "weekly/pause", "weekly/send", "weekly/remove"):
        assert viewer.get(f"/digests/{path}").status_code == 403
    for path in ("_new", "weekly/edit", "weekly/pause", "weekly/send", "weekly/remove", "weekly/test"):
        assert viewer.post(f"/digests/{path}", {"slug": "weekly"}).status_code == 403
    assert _kept(blog).paused_at is None


def test_a_digest_is_made_as_it_was_typed(owner: AdminClient, blog: FeedsBlog) -> None:
    typed = {
        "slug": "daily",
        "title": "Each day",
        "rule": "MEK",
        "cadence": "daily",
        "hour": "17:30",
        "cadences": ["instant"],
        "timezone": "europe/paris",
        "max_posts": "5",
        "min_posts": "2",
        "weekday": "0",
        "monthday": "1",
        "language": "fr",
        "template": "digest",
        "content": "summary",
        "sort": "oldest",
        "grouping": "day",
        "max_age": "7",
        "max_lateness": "",
    }
    answer = owner.post("/digests/_new", typed)
    assert (answer.status_code, answer.headers["location"].endswith("/digests/daily")) == (303, True)
    made = _kept(blog, "daily")
    assert (made.title, made.rule, made.cadence, made.minute) == ("Each day", "MEK", "daily", 17 * 60 + 30)
    assert (made.cadences, made.timezone, made.language) == (("instant", "daily"), "Europe/Paris", "fr")
    assert (made.min_posts, made.max_posts, made.sort, made.grouping) == (2, 5, "oldest", "day")
    assert (made.max_age, made.max_lateness) == (timedelta(days=7), timedelta(hours=12))
    assert _audit(blog) == ["digest.add"]
    assert owner.post("/digests/_new", typed).status_code == 422


@pytest.mark.parametrize(
    ("field", "typed", "said"),
    [
        ("slug", "Not A Slug", "use lower-case letters"),
        ("title", " ", "use 1 to 200 characters"),
        ("rule", "MEK and", "At character 8"),
        ("cadence", "hourly", "choose one of instant"),
        ("hour", "25:00", "is no time of a day"),
        ("timezone", "Berlin", "Europe/Berlin"),
        ("language", "deutsch!", "no language tag"),
        ("min_posts", "0", "from 1 to 1000"),
        ("max_posts", "-3", "from 0 to 1000"),
        ("max_age", "nan", "no number of days"),
        ("max_lateness", "0.5", "1 at least"),
        ("sort", "best", "none of newest, oldest"),
        ("weekday", "7", "from 0 to 6"),
    ],
)
def test_what_cannot_be_is_told_beside_what_was_typed(
    owner: AdminClient, blog: FeedsBlog, field: str, typed: str, said: str
) -> None:
    fields = _form(owner, "/digests/_new") | {
        "slug": "other",
        "title": "<Other>",
        "rule": "all",
        field: typed,
    }
    answer = owner.post("/digests/_new", fields)
    assert answer.status_code == 422
    page = tree(answer.text)
    assert said in page.xpath("string(//div[@role='alert'])")
    if field != "title":
        assert page.xpath("string(//input[@name='title']/@value)") == "<Other>"
    with blog.database.read() as connection:
        assert find_digest(connection, "other") is None


def test_a_form_sent_unchanged_changes_nothing(owner: AdminClient, blog: FeedsBlog) -> None:
    before = _kept(blog)
    assert owner.post("/digests/weekly/edit", _form(owner)).status_code == 303
    assert _kept(blog) == before
    assert _audit(blog) == []


def _seconds(least: int) -> st.SearchStrategy[timedelta]:
    return st.integers(least, 10**7).map(lambda number: timedelta(seconds=number))


def _offering(cadences: set[Cadence]) -> st.SearchStrategy[Digest]:
    offered = tuple(one for one in Cadence if one in cadences)
    return st.builds(
        Digest,
        id=st.just(1),
        slug=st.just("x"),
        title=st.just("A title"),
        rule=st.just("MEK"),
        template=st.just("digest"),
        language=st.just("en"),
        cadence=st.sampled_from(offered),
        cadences=st.just(offered),
        minute=st.integers(0, 1439),
        weekday=st.integers(0, 6),
        monthday=st.integers(1, 31),
        timezone=st.just("Asia/Tokyo"),
        max_age=_seconds(1),
        max_lateness=_seconds(3600),
        created_at=st.just(NOW),
        content=st.just("full"),
        sort=st.just("newest"),
        grouping=st.just("none"),
        min_posts=st.integers(1, 1000),
        max_posts=st.none() | st.integers(1, 1000),
    )


@given(st.sets(st.sampled_from(list(Cadence)), min_size=1).flatmap(_offering))
def test_a_form_says_what_the_digest_is(its: Digest) -> None:
    form = DigestForm.of(its)
    sent = {name: [value] if isinstance(value, str) else list(value) for name, value in asdict(form).items()}
    assert DigestForm.sent(sent) == form
    found = read(form, templates=["digest"], is_new=True)
    assert found.wrong == {}
    at = parse_at(found.said["at"])
    assert at.minute == its.minute
    assert at.weekday == (its.weekday if Cadence.WEEKLY in its.cadences else None)
    assert at.monthday == (its.monthday if Cadence.MONTHLY in its.cadences else None)
    assert (found.said["max_age"], found.said["max_lateness"]) == (its.max_age, its.max_lateness)
    assert (found.said["min_posts"], found.said["max_posts"] or None) == (its.min_posts, its.max_posts)


def test_a_change_of_rhythm_tells_first_how_many_it_is_for(owner: AdminClient, blog: FeedsBlog) -> None:
    fields = _form(owner) | {"hour": "09:00", "cadence": "weekly", "cadences": ["weekly", "monthly"]}
    asked = owner.post("/digests/weekly/edit", fields)
    assert asked.status_code == 422
    told = " ".join(tree(asked.text).xpath("//div[@role='alert']")[0].text_content().split())
    assert "It came weekly, Monday 08:00 Europe/Berlin; it will come weekly, Monday 09:00" in told
    # Also who chose daily gets it at nine.
    assert "3 readers follow" in told
    # Its slot of last Monday is more than two days ago.
    assert "at once" not in told
    assert "Daily is offered no more. 1 reader had chosen it" in told
    assert _kept(blog).minute == 8 * 60
    agreed = tree(asked.text).xpath("string(//button[@name='agreed']/@value)")
    assert owner.post("/digests/weekly/edit", fields | {"agreed": agreed}).status_code == 303
    assert (_kept(blog).minute, _kept(blog).cadences) == (9 * 60, ("weekly", "monthly"))
    assert _audit(blog) == ["digest.change"]


def test_a_slot_that_has_just_been_is_told_of(owner: AdminClient, blog: FeedsBlog) -> None:
    planner = Planner(blog.database, mail_domain="example.org")
    planner.plan(NOW - timedelta(days=4))
    blog.now = NOW - timedelta(days=2)
    blog.store_all([replace(post(1), published=blog.now)])
    fields = _form(owner) | {"weekday": "4", "hour": "12:00"}
    asked = owner.post("/digests/weekly/edit", fields)
    told = " ".join(tree(asked.text).xpath("//div[@role='alert']")[0].text_content().split())
    assert "Such a slot has just been, Friday, 27 March 2026, 12:00 UTC+01:00" in told
    agreed = tree(asked.text).xpath("string(//button[@name='agreed']/@value)")
    assert owner.post("/digests/weekly/edit", fields | {"agreed": agreed}).status_code == 303
    assert planner.plan(NOW).deliveries == 3


def test_what_touches_no_reader_is_kept_at_once(owner: AdminClient, blog: FeedsBlog) -> None:
    fields = _form(owner) | {"title": "News", "rule": "MEK or iran", "weekday": "0"}
    assert owner.post("/digests/weekly/edit", fields).status_code == 303
    assert (_kept(blog).title, _kept(blog).rule) == ("News", "MEK or iran")


def test_who_saves_later_is_told_what_the_other_kept(owner: AdminClient, blog: FeedsBlog) -> None:
    first, second = _form(owner), _form(owner)
    assert owner.post("/digests/weekly/edit", first | {"title": "Hers"}).status_code == 303
    later = owner.post("/digests/weekly/edit", second | {"title": "His"})
    assert later.status_code == 409
    page = tree(later.text)
    assert "title: Hers" in page.xpath("string(//div[@role='alert'])")
    assert page.xpath("string(//input[@name='title']/@value)") == "His"
    assert _kept(blog).title == "Hers"
    seal = page.xpath("string(//input[@name='seal']/@value)")
    assert owner.post("/digests/weekly/edit", second | {"title": "His", "seal": seal}).status_code == 303
    assert _kept(blog).title == "His"


def test_while_it_is_typed_the_slots_are_shown_with_what_the_clocks_do(owner: AdminClient) -> None:
    asked = {"cadence": "daily", "hour": "02:30", "timezone": "Europe/Berlin", "rule": "all"}
    shown = owner.get("/digests/_live", params=asked)
    words = " ".join(tree(shown.text).text_content().split())
    assert "Saturday, 28 March 2026, 02:30 UTC+01:00 01:30 in UTC" in words
    assert (
        "Sunday, 29 March 2026, 03:30 UTC+02:00 01:30 in UTC clocks go forward: 03:30 instead of 02:30"
        in words
    )
    assert "<html" not in shown.text
    wrong = owner.get("/digests/_live", params=asked | {"timezone": "Berlin", "rule": "("})
    assert "did you mean Europe/Berlin?" in wrong.text
    assert "This is no rule yet" in wrong.text
    looked = owner.post("/digests/_new", asked | {"do": "look", "slug": "x"})
    assert (looked.status_code, "clocks go forward" in looked.text) == (200, True)


def test_an_introduction_is_pinned_cleaned_and_taken_away(owner: AdminClient, blog: FeedsBlog) -> None:
    where = "/digests/weekly/introduction"
    assert owner.post(where, {"introduction": "<p>Hello<script>1</script>"}).status_code == 303
    assert _kept(blog).introduction == "<p>Hello</p>"
    assert owner.post(where, {"introduction": "<script>1</script>"}).status_code == 422
    assert owner.post(where, {"introduction": " "}).status_code == 303
    assert _kept(blog).introduction is None


def test_a_digest_is_paused_and_resumed(owner: AdminClient, blog: FeedsBlog) -> None:
    assert "3 readers" in owner.get("/digests/weekly/pause").text
    assert owner.post("/digests/weekly/pause").status_code == 303
    assert owner.post("/digests/weekly/pause").status_code == 303
    assert _kept(blog).paused_at == NOW
    assert owner.page("/digests").xpath("//span[contains(., 'paused')]")
    assert owner.page("/digests/weekly").xpath("//strong[text()='It is paused']")
    assert "resume it" in owner.get("/digests/weekly/send").text
    assert owner.post("/digests/weekly/resume").status_code == 303
    assert _kept(blog).paused_at is None
    assert _audit(blog) == ["digest.pause", "digest.resume"]


def test_resuming_tells_of_a_slot_that_is_sent_at_once(blog: FeedsBlog) -> None:
    with blog.database.write() as connection:
        connection.execute(update(digest).values(paused_at=NOW))
    monday = datetime(2026, 3, 30, 6, 0, tzinfo=UTC)
    soon = admin_client(blog, now=monday + HOUR)
    assert soon.page("/digests/weekly/pause").xpath("//strong[text()='at once']")


def test_sending_now_tells_first_and_sends_once_though_pressed_twice(
    owner: AdminClient, blog: FeedsBlog
) -> None:
    planner = Planner(blog.database, mail_domain="example.org")
    planner.plan(NOW - timedelta(days=1))
    with blog.database.write() as connection:
        connection.execute(update(subscription).where(subscription.c.id == 1).values(paused_until=NOW + HOUR))
    blog.now = NOW - HOUR
    blog.store_all([replace(post(1), published=NOW - 2 * HOUR)])
    page = owner.page("/digests/weekly/send")
    rows = [row.xpath("th/text() | td/text()") for row in page.xpath("//tbody/tr")]
    assert rows == [["1 post", "2"], ["nothing: they have paused", "1"]]
    last = {"last": page.xpath("string(//input[@name='last']/@value)")}
    assert owner.post("/digests/weekly/send", last).status_code == 303
    assert owner.post("/digests/weekly/send", last).status_code == 409
    assert _kept(blog).send_at == NOW
    assert planner.plan(NOW).deliveries == 2
    assert planner.plan(NOW + HOUR).deliveries == 0
    assert _audit(blog) == ["digest.send"]
    shown = owner.page("/digests/weekly")
    assert shown.xpath("//ol[@class='editionlist']/li")
    assert "waiting" in owner.get("/digests").text


def test_a_digest_is_removed_once_its_address_was_typed(owner: AdminClient, blog: FeedsBlog) -> None:
    assert "3 readers" in owner.get("/digests/weekly/remove").text
    assert owner.post("/digests/weekly/remove", {"slug": "weakly"}).status_code == 422
    assert owner.post("/digests/weekly/remove", {"slug": "weekly"}).status_code == 303
    with blog.database.read() as connection:
        assert find_digest(connection, "weekly") is None
    assert _audit(blog) == ["digest.remove"]


def test_a_digest_with_very_much_goes_with_the_next_ticks(
    blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch
) -> None:
    its = _kept(blog)
    with blog.database.read() as connection:
        assert count_rows(connection, its) == 3
        assert not has_removals(connection)
    monkeypatch.setattr("digests.removing.PORTION", 2)
    owner = admin_client(blog, now=NOW)
    for _ in range(2):
        assert owner.post("/digests/weekly/remove", {"slug": "weekly"}).status_code == 303
    assert "being removed" in owner.get("/digests/weekly").text
    assert "being removed" in owner.get("/digests").text
    # Nothing brings it back, and nobody comes to read it.
    assert owner.post("/digests/weekly/resume", {}).status_code == 303
    with blog.database.read() as connection:
        kept = get_digest(connection, "weekly")
        assert kept.paused_at == kept.removed_at == NOW
        assert offered_digests(connection) == []
        assert has_removals(connection)
    assert remove_marked(blog.database, stopping=lambda: True) == []
    assert [its.slug for its in remove_marked(blog.database)] == ["weekly"]
    with blog.database.read() as connection:
        assert not has_removals(connection)
        assert find_digest(connection, "weekly") is None
        assert connection.execute(select(subscription.c.id)).all() == []
    assert set(_audit(blog)) == {"digest.remove"}


def test_a_removal_that_was_stopped_goes_on_when_it_is_told_again(blog: FeedsBlog) -> None:
    told: list[int] = []
    its = _kept(blog)

    def stopping(done: int) -> None:
        told.append(done)
        if len(told) == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        empty_and_remove(blog.database, its, progress=stopping, portion=1)
    with blog.database.read() as connection:
        assert len(connection.execute(select(subscription.c.id)).all()) == 1
    assert empty_and_remove(blog.database, its, portion=1) == 1
    assert empty_and_remove(blog.database, its) == 0
    with blog.database.read() as connection:
        assert find_digest(connection, "weekly") is None


def test_one_that_is_made_anew_meanwhile_at_its_address_stays(blog: FeedsBlog) -> None:
    def anew(_done: int) -> None:
        with blog.database.write() as connection:
            remove_digest(connection, "weekly", force=True)
            made = add_digest(connection, "weekly", rule="all", now=NOW)
        _reader(blog.database, 9, made)

    assert empty_and_remove(blog.database, _kept(blog), progress=anew, portion=1) == 1
    with blog.database.read() as connection:
        assert find_digest(connection, "weekly") is not None
        assert len(connection.execute(select(subscription.c.id)).all()) == 1


def test_what_waits_to_be_mailed_goes_first(blog: FeedsBlog) -> None:
    blog.store_all([replace(post(1), published=NOW - HOUR)])
    with blog.database.write() as connection:
        send_now(connection, "weekly", last=None, now=NOW + HOUR)
    Planner(blog.database, mail_domain="example.org").plan(NOW + HOUR)
    with blog.database.write() as connection:
        ids = connection.execute(select(delivery.c.id).order_by(delivery.c.id)).scalars().all()
        connection.execute(update(delivery).where(delivery.c.id != ids[-1]).values(state="sent"))
    left: list[set[int]] = []

    def look(_done: int) -> None:
        with blog.database.read() as connection:
            left.append(set(connection.execute(select(delivery.c.id)).scalars()))

    empty_and_remove(blog.database, _kept(blog), progress=look, portion=1)
    assert len(ids) > 1
    assert left[0] == set(ids[:-1])


@pytest.mark.parametrize("path", ["", "/edit", "/pause", "/send", "/remove", "/preview", "/preview/mail"])
def test_a_digest_that_is_not_there_is_a_404(owner: AdminClient, path: str) -> None:
    assert owner.get(f"/digests/nothing{path}").status_code == 404
    if path not in {"", "/preview/mail"}:
        assert owner.post(f"/digests/nothing{path}", {"slug": "nothing"}).status_code in {303, 404}


def test_nothing_that_was_typed_is_taken_for_html(owner: AdminClient, blog: FeedsBlog) -> None:
    evil = "<img src=x onerror=alert(1)>"
    with blog.database.write() as connection:
        connection.execute(update(digest).values(title=evil, rule=f'"{evil}"', introduction=evil))
    for path in (
        "",
        "/weekly",
        "/weekly/edit",
        "/weekly/pause",
        "/weekly/send",
        "/weekly/remove",
        "/weekly/preview",
    ):
        answer = owner.get(f"/digests{path}")
        assert evil not in answer.text
    assert evil not in owner.get("/digests/_live", params={"rule": evil, "timezone": evil}).text
