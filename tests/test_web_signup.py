"""Signing up on the web: one answer whatever is known, one mail however often, nothing before the yes."""

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import event, select
from starlette.testclient import TestClient

from digests.rendering.composing import Publisher
from digests.store import add_digest, remove_digest
from feeds.publishing.folder import Folder
from feeds.publishing.publish import publish
from labelcast.notices import composers
from labelcast.notices.press import NoticePress
from labelcast.readers import erase_reader
from outbox.model import notice
from outbox.notices import Notices
from outbox.outcome import Outcome
from subscribers.address import normalize
from subscribers.model import consent
from subscribers.store import find
from subscribers.suppression import SuppressionReason, suppress
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import MONDAY, NOW, SIGNER, WEEK, Reading, salt
from tests.web_client import ENVIRONMENT, tree, web_app
from web.blog.published import PageDocuments
from web.forms import LARGEST
from web.pages import Pages
from web.readers.readerlinks import ReaderLinks
from web.readers.signup import Signup
from web.readers.signuplimits import Allowed, SignupLimits, network_of

ANY = Allowed(0, 0, 0)
PUBLISHER = Publisher(
    "https://blog.example", "The Blog", "The Blog <news@blog.example>", None, "1 Road, Town", "UTC"
)


@dataclass
class Mailbox:
    """Where mail arrives, at once."""

    got: list[tuple[str, bytes]] = field(default_factory=list)
    usable = True
    broke = False

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def send(self, sender: str, recipient: str, data: bytes, *, may_send: Any, fence: Any) -> Outcome:
        assert sender == "news@blog.example"
        self.got.append((recipient, data))
        return Outcome("sent", "250 ok")


@dataclass
class Desk(Reading):
    """A blog that readers sign up at, and the mail that leaves."""

    now: datetime = NOW
    wakes: int = 0
    limits: SignupLimits = field(default_factory=lambda: SignupLimits(ANY))
    mailbox: Mailbox = field(default_factory=Mailbox)
    notices: Notices = field(init=False)

    def __post_init__(self) -> None:
        press = NoticePress(
            ENVIRONMENT,
            PUBLISHER,
            SIGNER,
            may_mail=self.limits.may_mail,
            may_remind=self.limits.may_remind,
        )
        self.notices = Notices(
            self.database,
            composers(press),
            connect=lambda: self.mailbox,
            sender="news@blog.example",
            clock=lambda: self.now,
        )

    def wake(self, times: int) -> None:
        """Counts; mail leaves when the test says so."""
        self.wakes += times

    def ask(self, email: str = "ann@example.org", /, **fields: Any) -> Any:
        return self.client.post("/subscribe", data={"email": email, **fields})

    def mails(self) -> list[EmailMessage]:
        """What left since the last time."""
        self.notices.drain(self.now)
        got, self.mailbox.got = self.mailbox.got, []
        return [message_from_bytes(data, policy=default) for _, data in got]

    def kinds(self) -> list[tuple[str, str]]:
        with self.database.read() as connection:
            return [(row.kind, row.state) for row in connection.execute(select(notice).order_by(notice.c.id))]


def desk_of(
    blog: FeedsBlog,
    allowed: Allowed = ANY,
    *,
    is_open: bool = True,
    origin: str = "192.0.2.7",
    **options: Any,
) -> Desk:
    """The digest ``weekly`` of everything, on a blog with the labels MEK and Iran."""
    blog.store(1, "MEK")
    blog.store(2, "Iran")
    with blog.database.write() as connection:
        add_digest(connection, "weekly", rule="all", title="The week", at="mon 08:00", now=MONDAY - WEEK)
    desk: Desk
    links = ReaderLinks(signer=SIGNER, salt=salt, now=lambda: desk.now, wake=lambda: desk.wake(1))
    limits = SignupLimits(allowed)
    signup = Signup(limits, is_open=is_open)
    app = web_app(blog, reader_links=links, signup=signup, **options)
    client = TestClient(app, follow_redirects=False, client=(origin, 50000))
    client.headers["accept-encoding"] = "identity"
    desk = Desk(blog, client, limits=limits)
    return desk


@pytest.fixture
def desk(sqlite_feed_blog: FeedsBlog) -> Desk:
    return desk_of(sqlite_feed_blog)


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def links_in(mail: EmailMessage) -> list[str]:
    return re.findall(r"https://blog\.example(/\w+/\S+)", text_of(mail))


def test_signing_up_from_the_form_to_the_yes_without_a_script(desk: Desk) -> None:
    page = desk.client.get("/labels/mek")
    (form,) = tree(page.text).xpath("//form[@class='signup-form choices']")
    fields = dict(form.form_values())
    assert fields["digest"] == "weekly"
    # That label is ticked.
    assert fields["label-weekly"] == "mek"
    answer = desk.client.post(
        "/subscribe",
        data=fields | {"email": " Ann@Example.org ", "at-weekly": "07:30", "timezone": "Europe/Paris"},
    )
    assert answer.status_code == 200
    assert "Look into your mail" in answer.text
    assert desk.wakes == 1
    (mail,) = desk.mails()
    assert (mail["To"], mail["From"]) == ("Ann@example.org", "The Blog <news@blog.example>")
    assert mail["Subject"] == "Confirm: The week by email?"
    (link,) = links_in(mail)
    with desk.database.read() as connection:
        reader = find(connection, "ann@example.org")
    assert reader is not None
    assert reader.state.value == "pending"
    asked = desk.client.get(link)
    assert "Do you want The week by email?" in asked.text
    assert "weekly, Monday 07:30 Europe/Paris" in asked.text
    assert desk.kinds() == [("signup", "sent")]
    assert "You are subscribed" in desk.client.post(link).text
    with desk.database.read() as connection:
        reader = find(connection, "ann@example.org")
        origins = list(connection.execute(select(consent.c.origin, consent.c.kind).order_by(consent.c.id)))
    assert reader is not None
    assert reader.state.value == "confirmed"
    (its,) = reader.subscriptions
    # What is the digest's own is stored as none.
    assert (its.labels, its.minute, its.timezone, its.cadence) == (("mek",), 450, "Europe/Paris", None)
    assert [tuple(row) for row in origins] == [("192.0.2.7", "asked"), ("192.0.2.7", "confirmed")]


def test_the_mail_is_one_persons_and_tells_nothing_of_who_asked(desk: Desk) -> None:
    desk.ask(label="mek")
    (mail,) = desk.mails()
    assert mail["Auto-Submitted"] == "auto-generated"
    assert not [name for name in mail if name.lower().startswith(("list-", "precedence", "feedback"))]
    whole = mail.as_string()
    assert "192.0.2.7" not in whole
    assert "Only posts with these labels: MEK" in text_of(mail)
    assert "good for 7 days" in text_of(mail)
    rich = mail.get_body(("html",))
    assert rich is not None
    page = tree(rich.get_content())
    assert page.xpath("//a[@class='button']/@href") == [f"https://blog.example{links_in(mail)[0]}"]
    assert not page.xpath("//form | //script | //img")


STANDINGS = ("unknown", "pending", "reader", "left", "suppressed", "erased", "over")


def stand(desk: Desk, standing: str) -> None:
    """Bring ann to where she stands."""
    if standing == "pending":
        desk.reader("ann", confirmed=False)
    elif standing in {"reader", "left"}:
        (number,) = desk.reader("ann")
        if standing == "left":
            desk.client.post(f"/unsubscribe/{SIGNER.sign('unsubscribe', number)}")
    elif standing in {"suppressed", "erased"}:
        desk.reader("ann")
        with desk.database.write() as connection:
            if standing == "erased":
                erase_reader(connection, "ann@example.org", now=NOW)
            else:
                reason = SuppressionReason.COMPLAINED
                suppress(connection, "ann@example.org", reason=reason, now=NOW, salt=salt(connection))
    elif standing == "over":
        desk.reader("ann")
        for number in range(31):
            desk.ask(label=["mek", "iran"][number % 2])
        desk.mails()


@pytest.mark.parametrize("standing", STANDINGS)
@pytest.mark.parametrize("path", ["/subscribe", "/subscribe/links"])
def test_whatever_is_known_the_answer_and_the_work_are_the_same(
    sqlite_feed_blog: FeedsBlog, standing: str, path: str
) -> None:
    desk = desk_of(sqlite_feed_blog, Allowed(3, 0, 0))
    stand(desk, standing)
    before = desk.wakes
    said: list[str] = []

    def note(_c: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    answers = {}
    for email in ("ann@example.org", "nobody@example.org"):
        said.clear()
        event.listen(desk.database.engine, "before_cursor_execute", note)
        answer = desk.client.post(path, data={"email": email})
        event.remove(desk.database.engine, "before_cursor_execute", note)
        kept = {name: value for name, value in answer.headers.items() if name != "date"}
        answers[email] = (answer.status_code, answer.content, kept, tuple(said))
    first, second = answers.values()
    assert first == second
    assert first[0] == 200
    assert desk.wakes == before + 2
    assert any("INSERT INTO notice" in statement for statement in first[3])
    assert not any(table in str(first[3]) for table in ("subscriber", "suppression", "consent"))


@pytest.mark.parametrize(
    ("standing", "subject"),
    [
        ("unknown", "Confirm: The week by email?"),
        ("pending", "Confirm: The week by email?"),
        ("left", "Confirm: The week by email?"),
        ("erased", "Confirm: The week by email?"),
        ("reader", "You get The week already"),
        ("suppressed", None),
        ("over", None),
    ],
)
def test_what_is_mailed_follows_from_what_is_known(
    sqlite_feed_blog: FeedsBlog, standing: str, subject: str | None
) -> None:
    desk = desk_of(sqlite_feed_blog, Allowed(3, 0, 0))
    stand(desk, standing)
    desk.ask(label="mek")
    assert [mail["Subject"] for mail in desk.mails()] == ([subject] if subject else [])


def test_who_gets_it_already_is_given_links_and_nothing_is_changed(desk: Desk) -> None:
    (number,) = desk.reader("ann", labels=("iran",))
    before = desk.dump()["subscription"]
    desk.ask(label="mek")
    (mail,) = desk.mails()
    assert links_in(mail) == [f"/preferences/{SIGNER.sign('preferences', number)}"]
    assert desk.client.get(links_in(mail)[0]).status_code == 200
    assert desk.dump()["subscription"] == before


def test_a_burst_for_one_address_is_one_mail(feed_blog: FeedsBlog) -> None:
    desk = desk_of(feed_blog)

    def ask(number: int) -> int:
        # Each with other choices; and mail is sent meanwhile.
        answer = desk.ask(weekday=str(number % 7), digest="weekly")
        if number % 20 == 0:
            desk.notices.drain(desk.now)
        return int(answer.status_code)

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(ask, range(160))) == {200}
    desk.mails()
    assert desk.kinds().count(("signup", "sent")) == 1


def test_the_newest_choices_hold_and_another_mail_waits_an_hour(desk: Desk) -> None:
    desk.ask(label="mek", cadence="daily")
    (mail,) = desk.mails()
    desk.now += timedelta(minutes=59)
    desk.ask(label="iran")
    assert desk.mails() == []
    assert desk.client.post(links_in(mail)[0]).status_code == 200
    with desk.database.read() as connection:
        reader = find(connection, "ann@example.org")
    assert reader is not None
    # Also where they are the digest's own again.
    assert [(one.labels, one.cadence) for one in reader.subscriptions] == [(("iran",), None)]


def test_no_address_is_mailed_more_often_in_a_day_but_the_newest_choices_hold(
    sqlite_feed_blog: FeedsBlog,
) -> None:
    desk = desk_of(sqlite_feed_blog, Allowed(3, 0, 0))
    mailed = []
    for hour in range(6):
        desk.ask(cadence="daily", at=f"0{hour}:00")
        mailed += desk.mails()
        desk.now += timedelta(hours=1)
    assert len(mailed) == 3
    # Whatever they are of.
    desk.client.post("/subscribe/links", data={"email": "ann@example.org"})
    assert desk.mails() == []
    assert "daily, 05:00" in desk.client.get(links_in(mailed[0])[0]).text


def test_after_an_hour_one_may_ask_again(desk: Desk) -> None:
    desk.ask()
    desk.mails()
    desk.now += timedelta(hours=1)
    desk.ask()
    assert len(desk.mails()) == 1


def test_no_link_is_good_for_longer_than_its_mail_says_and_all_say_the_same(desk: Desk) -> None:
    desk.ask()
    (mail,) = desk.mails()
    (link,) = links_in(mail)
    desk.now += timedelta(days=7)
    assert desk.client.get(link).status_code == 200
    desk.now += timedelta(seconds=1)
    forged = SIGNER.sign("preferences", 1)
    before = desk.dump()
    answers = {
        (answer.status_code, answer.text)
        for path in (link, f"/confirm/{forged}", "/confirm/x", f"{link[:-1]}", "/preferences/x")
        for method in ("GET", "POST")
        for answer in [desk.client.request(method, path)]
    }
    ((status, page),) = answers
    assert status == 404
    assert "expired" in page
    assert desk.dump() == before
    # And it offers a new one.
    (form,) = tree(page).xpath("//form")
    assert (form.action, form.method) == ("../subscribe/links", "POST")
    answer = desk.client.post("/subscribe/links", data={"email": "ann@example.org"})
    assert "Look into your mail" in answer.text
    (mail,) = desk.mails()
    assert mail["Subject"] == "Your links for The Blog"
    (link,) = links_in(mail)
    assert link.startswith("/confirm/")
    assert "You are subscribed" in desk.client.post(link).text


def test_new_links_are_of_all_that_a_reader_gets(desk: Desk) -> None:
    with desk.database.write() as connection:
        add_digest(connection, "daily", rule="all", title="The day", cadence="daily", now=MONDAY - WEEK)
    weekly, daily = desk.reader("ann", "weekly", "daily")
    desk.client.post("/subscribe/links", data={"email": "ann@example.org"})
    (mail,) = desk.mails()
    assert links_in(mail) == [f"/preferences/{SIGNER.sign('preferences', n)}" for n in (daily, weekly)]
    for email in ("nobody@example.org", "other@example.org"):
        desk.client.post("/subscribe/links", data={"email": email})
    assert desk.mails() == []


WRONG = {
    "email": [
        {"email": ""},
        {"email": "ann"},
        {"email": "ann@localhost"},
        {"email": "a@b.org\r\nBcc: x@y.z"},
    ],
    "digest": [{"digest": "none"}],
    "label": [{"label-weekly": "nope"}],
    "at": [{"at": "25:00"}, {"at": "noon"}],
    "timezone": [{"timezone": "Mars/Base"}],
    "cadence": [{"cadence": "hourly"}],
    "weekday": [{"weekday": "7"}],
}


@pytest.mark.parametrize(
    ("name", "fields"), [(name, fields) for name, some in WRONG.items() for fields in some]
)
def test_a_wrong_field_says_so_beside_it_and_keeps_what_was_typed(
    desk: Desk, name: str, fields: dict[str, str]
) -> None:
    typed = {"email": "ann@example.org", "at": "06:15", "timezone": "Europe/Paris"} | fields
    answer = desk.client.post("/subscribe", data=typed)
    assert answer.status_code == 422
    page = tree(answer.text)
    # One digest only: nothing is chosen, so what is wrong with that stands above.
    if name != "digest":
        assert page.xpath(f"//*[@id='wrong-{name}']")
    assert page.xpath("//*[@role='alert']")
    if name != "at":
        assert page.xpath("//input[@type='time']/@value") == ["06:15"]
    if "email" not in fields:
        assert page.xpath("//input[@type='email']/@value") == ["ann@example.org"]
    assert desk.kinds() == []


def test_what_only_a_machine_fills_in_is_thanked_for_and_forgotten(desk: Desk) -> None:
    (trap,) = tree(desk.client.get("/subscribe").text).xpath("//*[@class='trap']")
    (name,) = trap.xpath(".//input/@name")
    assert trap.get("aria-hidden") == "true"
    assert trap.xpath(".//input/@tabindex") == ["-1"]
    before = desk.dump()
    told = desk.ask("bob@example.org").text
    answer = desk.ask(**{name: "https://spam.example"})
    assert (answer.status_code, answer.text) == (200, told)
    assert len(desk.dump()["notice"]) == len(before["notice"]) + 1


@pytest.mark.parametrize(
    ("allowed", "emails"),
    [
        (Allowed(0, 3, 0), [f"r{n}@a{n}.example.org" for n in range(4)]),
        (Allowed(0, 0, 3), [f"r{n}@example.org" for n in range(4)]),
    ],
    ids=["network", "domain"],
)
def test_too_many_from_one_network_or_for_one_domain_are_told_to_wait(
    sqlite_feed_blog: FeedsBlog, allowed: Allowed, emails: list[str]
) -> None:
    desk = desk_of(sqlite_feed_blog, allowed)
    *first, last = [desk.ask(email) for email in emails]
    assert {answer.status_code for answer in first} == {200}
    assert last.status_code == 429
    assert 3000 < int(last.headers["retry-after"]) <= 3600
    assert "try again in 60 minutes" in last.text
    assert len(desk.kinds()) == 3
    # New links count too.
    assert desk.client.post("/subscribe/links", data={"email": emails[-1]}).status_code == 429


def test_a_network_is_a_24_or_a_48() -> None:
    assert network_of("192.0.2.7") == network_of("192.0.2.250") != network_of("192.0.3.7")
    assert network_of("2001:db8:1:2::3") == network_of("2001:db8:1:ffff::") != network_of("2001:db8:2::")
    assert network_of("::ffff:192.0.2.7") == "192.0.2.0/24"
    assert network_of("testclient") == "testclient"


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2)), max_size=40))
def test_no_more_are_taken_than_allowed_whatever_the_order(asked: list[tuple[int, int]]) -> None:
    limits = SignupLimits(Allowed(0, 5, 4))
    taken = [
        (network, domain)
        for network, domain in asked
        if not limits.wait(f"192.0.{network}.1", normalize(f"a@d{domain}.example"))
    ]
    for which, most, among in ((0, 5, range(4)), (1, 4, range(3))):
        counts = [sum(one[which] == n for one in taken) for n in among]
        assert max(counts) <= most
    # Whoever was refused had reached one of the limits.
    for network, domain in set(asked) - set(taken):
        assert sum(n == network for n, _ in taken) == 5 or sum(d == domain for _, d in taken) == 4


def test_forms_of_other_sites_are_refused_but_their_frame_is_not(desk: Desk) -> None:
    fields = {"email": "ann@example.org"}
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        for path in ("/subscribe", "/subscribe/frame", "/subscribe/links"):
            assert desk.client.post(path, data=fields, headers=headers).status_code == 403
    assert desk.kinds() == []
    frame = desk.client.get("/subscribe/frame?label=mek")
    (form,) = tree(frame.text).xpath("//form")
    assert form.action == "../subscribe/frame"
    answer = desk.client.post("/subscribe/frame", data=fields, headers={"sec-fetch-site": "same-origin"})
    assert answer.status_code == 200
    for one in (frame, answer, desk.client.post("/subscribe/frame", data={"email": "x"})):
        assert "frame-ancestors *" in one.headers["content-security-policy"]
        assert "set-cookie" not in one.headers
        assert 'class="masthead"' not in one.text
    for path in ("/subscribe", "/subscribe/embed", "/", "/labels/mek"):
        page = desk.client.get(path)
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


def test_what_to_paste_is_html_whatever_the_names_are(sqlite_feed_blog: FeedsBlog) -> None:
    sqlite_feed_blog.site = replace(sqlite_feed_blog.site, title='"><script>alert(1)</script>&amp;')
    desk = desk_of(sqlite_feed_blog)
    page = tree(desk.client.get("/subscribe/embed?label=mek&label=none&digest=%22%3E").text)
    assert not page.xpath("//script")
    frame, button = (tree(one.text) for one in page.xpath("//textarea"))
    assert frame.get("src") == "https://blog.example/subscribe/frame?label=mek"
    assert frame.get("title").startswith('"><script>')
    assert button.get("action") == "https://blog.example/subscribe"
    assert button.get("method") == "get"
    assert button.xpath(".//input/@name") == ["label"]
    assert not button.xpath(".//script")


def test_pages_with_the_form_may_run_our_script_and_others_may_not(desk: Desk) -> None:
    for path in ("/", "/labels/mek", "/subscribe", "/subscribe/frame"):
        page = desk.client.get(path)
        assert "script-src 'self'" in page.headers["content-security-policy"], path
        assert tree(page.text).xpath("//script[@src]/@src")
    for path in ("/labels/all", "/search", "/posts/1", "/subscribe/links?x"):
        page = desk.client.get(path)
        assert not tree(page.text).xpath("//script[@src]"), path


def test_pages_without_the_form_link_it(desk: Desk) -> None:
    assert tree(desk.client.get("/labels/all").text).xpath("//a[@class='signup']/@href") == ["../subscribe"]


def test_a_label_offers_the_digests_that_it_is_in(desk: Desk) -> None:
    with desk.database.write() as connection:
        add_digest(connection, "iran", rule="Iran or Other", title="Iran", cadence="daily", now=MONDAY)
        remove_digest(connection, "weekly", force=True)
    assert not tree(desk.client.get("/labels/mek").text).xpath("//form[@method='post']")
    (form,) = tree(desk.client.get("/labels/iran").text).xpath("//form[@method='post']")
    assert dict(form.form_values())["digest"] == "iran"
    # Asked for what is in none, the page offers what there is.
    assert desk.client.get("/subscribe?label=mek").status_code == 200


def test_of_several_digests_one_is_chosen(desk: Desk) -> None:
    with desk.database.write() as connection:
        add_digest(connection, "news", rule="all", title="A News", cadence="instant", now=MONDAY)
    form = tree(desk.client.get("/subscribe").text).xpath("//form[@method='post']")[0]
    # Not the one that comes at every moment, though its title is first.
    assert dict(form.form_values())["digest"] == "weekly"
    assert desk.client.post("/subscribe", data={"email": "ann@example.org"}).status_code == 422
    desk.ask(digest="news", **{"label-weekly": "mek", "label-news": "iran"})
    (mail,) = desk.mails()
    assert "The week" not in text_of(mail)
    assert "labels: Iran" in text_of(mail)


@pytest.mark.parametrize("how", ["closed", "elsewhere", "no digest"])
def test_where_nobody_signs_up_there_is_no_form(sqlite_feed_blog: FeedsBlog, how: str) -> None:
    options: Any = {"signup_url": "https://lists.example/join"} if how == "elsewhere" else {}
    desk = desk_of(sqlite_feed_blog, is_open=how != "closed", **options)
    if how == "no digest":
        with desk.database.write() as connection:
            remove_digest(connection, "weekly", force=True)
    for path in ("/", "/labels/mek", "/labels/all"):
        page = tree(desk.client.get(path).text)
        assert not page.xpath("//form[@method='post']")
        ways = page.xpath("//a[@class='signup']/@href")
        assert len(ways) == (how == "elsewhere")
        assert all(way.startswith("https://lists.example/join") for way in ways)
    for path in ("/subscribe", "/subscribe/frame", "/subscribe/embed"):
        assert desk.client.get(path).status_code == 404
    assert desk.client.post("/subscribe", data={"email": "ann@example.org"}).status_code == 404
    # Who gets mail already can have their links all the same.
    assert desk.client.get("/subscribe/links").status_code == 200


def test_a_look_changes_nothing_and_too_much_is_refused(desk: Desk) -> None:
    before = desk.dump()
    for path in (
        "/subscribe?label=mek&email=a@b.org",
        "/subscribe/frame",
        "/subscribe/embed",
        "/subscribe/links",
    ):
        assert desk.client.get(path).status_code == 200
        assert desk.client.head(path).content == b""
    body = b"email=ann@example.org&x=" + b"x" * LARGEST
    for path in ("/subscribe", "/subscribe/links"):
        answer = desk.client.post(
            path, content=body, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert answer.status_code == 413
    assert desk.client.post("/subscribe", json={"email": "ann@example.org"}).status_code == 422
    assert desk.dump() == before


def test_an_erasure_drops_what_waits_for_the_address(desk: Desk) -> None:
    desk.ask()
    with desk.database.write() as connection:
        assert erase_reader(connection, "ANN@example.org", now=NOW)
    assert desk.kinds() == []
    assert desk.mails() == []


@pytest.mark.parametrize("tag", ["en", "de", "es", "fr", "fa"])
def test_the_mail_speaks_the_digests_language(desk: Desk, tag: str) -> None:
    with desk.database.write() as connection:
        remove_digest(connection, "weekly", force=True)
        add_digest(connection, "one", rule="all", title="One", cadence="daily", now=MONDAY, language=tag)
    desk.ask()
    (mail,) = desk.mails()
    assert mail["Content-Language"] == tag
    assert ("Somebody" in text_of(mail)) == (tag == "en")


def test_published_files_link_the_form_once_there_is_a_digest(
    sqlite_feed_blog: FeedsBlog, tmp_path: Path
) -> None:
    sqlite_feed_blog.store(1, "MEK")
    builder = sqlite_feed_blog.builder()
    pages = Pages.of(ENVIRONMENT, sqlite_feed_blog.site, timezone="UTC", has_signup=True)
    sources = (PageDocuments(builder, pages),)

    def written() -> dict[str, str]:
        publish(sqlite_feed_blog.database, sources, Folder(tmp_path), compressed=False)
        return {
            name: (tmp_path / name).read_text(encoding="utf-8") for name in ("index.html", "labels/mek.html")
        }

    assert not any("subscribe" in page for page in written().values())
    with sqlite_feed_blog.database.write() as connection:
        add_digest(connection, "weekly", rule="MEK", title="The week", at="mon 08:00", now=MONDAY)
    found = {name: tree(page) for name, page in written().items()}
    assert not any(page.xpath("//form | //script[@src]") for page in found.values())
    assert {name: page.xpath("//a[@class='signup']/@href") for name, page in found.items()} == {
        "index.html": ["https://blog.example/subscribe"],
        "labels/mek.html": ["https://blog.example/subscribe?label=mek"],
    }
