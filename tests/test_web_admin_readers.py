"""The publisher's pages of readers: found, looked at, each deed said first; lists taken in and out."""

import csv
import io
import json
import time
from typing import Any

import pytest
from sqlalchemy import select

from labelcast.webwork import streaming as reader_streaming
from labelcast.webwork.readers import reader_work
from outbox.model import notice
from subscribers.consent import record_consent
from subscribers.model import ConsentKind, consent, subscriber, subscription, suppression
from tests.admin_client import AdminClient
from tests.feeds_blog import FeedsBlog
from tests.readers_audience import NOW, Audience
from tests.web_client import tree
from web.admin.readers.deeds import DEEDS
from web.model import Role, job
from web.operations.figures import Figures


@pytest.fixture
def audience(sqlite_feed_blog: FeedsBlog) -> Audience:
    """Anna (1) gets two digests, bert (2) waits, carl (3) is suppressed, and one (4) was erased."""
    made = Audience(sqlite_feed_blog)
    made.digest()
    made.digest("daily")
    made.reader("anna@example.org", "weekly", "daily")
    made.reader("bert@example.org", "weekly", state="pending")
    made.reader("carl@example.org", state="suppressed")
    made.reader(None, state="erased")
    return made


@pytest.fixture
def owner(audience: Audience) -> AdminClient:
    """Somebody who may do everything."""
    return audience.client()


def rows(audience: Audience, table: Any) -> list[dict[str, Any]]:
    with audience.database.read() as connection:
        found = connection.execute(select(table).order_by(*table.primary_key.columns))
        return [dict(row._mapping) for row in found]


def words(page: Any) -> str:
    return " ".join(page.text_content().split())


def test_readers_are_listed_newest_first_with_their_state(owner: AdminClient) -> None:
    page = owner.page("/readers")
    listed = page.xpath("//tbody/tr")
    assert [row.xpath("string(th)") for row in listed] == [
        "Reader 4",
        "carl@example.org",
        "bert@example.org",
        "anna@example.org",
    ]
    assert ["pending" in words(row) for row in listed] == [False, False, True, False]
    assert (
        words(page.xpath("//ul[@class='tally']")[0]) == "◔ pending 1 ● confirmed 1 ▲ suppressed 1 ○ erased 1"
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("q=AN", ["anna@example.org"]),
        ("q=%40example.org&state=pending", ["bert@example.org"]),
        ("digest=daily", ["anna@example.org"]),
        ("q=reader+3", ["carl@example.org"]),
        ("q=%3Cscript%3E", []),
        ("state=nonsense&digest=none&after=x", ["Reader 4", "carl", "bert", "anna"]),
    ],
)
def test_readers_are_found(owner: AdminClient, asked: str, found: list[str]) -> None:
    page = owner.page(f"/readers?{asked}")
    listed = [row.xpath("string(th)") for row in page.xpath("//tbody/tr")]
    assert [one.startswith(start) for one, start in zip(listed, found, strict=True)] == [True] * len(found)


def test_a_long_list_goes_on_and_keeps_what_was_asked(audience: Audience, owner: AdminClient) -> None:
    for number in range(60):
        audience.reader(f"x{number:02}@example.com", "daily")
    first = owner.page("/readers?q=x&digest=daily")
    (further,) = first.xpath("//a[@rel='next']/@href")
    assert "digest=daily" in further
    second = owner.page("/readers" + further.partition("/admin/readers")[2])
    listed = [row.xpath("string(th)") for page in (first, second) for row in page.xpath("//tbody/tr")]
    assert listed == [f"x{number:02}@example.com" for number in range(60)]


def test_a_readers_page_tells_all_that_is_known(audience: Audience, owner: AdminClient) -> None:
    with audience.database.write() as connection:
        record_consent(
            connection,
            subscriber_id=1,
            digest_id=audience.digests["weekly"],
            at=NOW,
            origin="csv:old.csv:2",
            wording="Send me <b>news</b>",
            kind=ConsentKind.CLAIMED,
        )
    edition = audience.edition()
    audience.mail(edition, 1, "failed", "550 5.1.1 <anna@example.org>: no")
    page = owner.page("/readers/1")
    told = words(page)
    for piece in (
        "weekly, Monday 08:00 UTC, as the digest",
        "said to have agreed",
        "Send me <b>news</b>",
        "csv:old.csv:2",
        "550 5.1.1 <anna@example.org>: no",
        "▲ failed",
        "Edition 1",
    ):
        assert piece in told
    assert page.xpath(f"//a[contains(@href, '/admin/deliveries/{edition}')]")


def test_every_mail_to_a_reader_is_told_page_by_page(audience: Audience, owner: AdminClient) -> None:
    for _ in range(30):
        audience.mail(audience.edition(), 1)
    first = owner.page("/readers/1")
    (older,) = first.xpath("//a[@rel='next']/@href")
    second = owner.page("/readers/1" + older.partition("/readers/1")[2].partition("#")[0])
    mails = [
        row.xpath("string(th)").strip()
        for page in (first, second)
        for row in page.xpath("//h2[@id='mails']/following-sibling::div[1]//tbody/tr")
    ]
    assert mails == [f"Edition {number}" for number in range(30, 0, -1)]


def test_what_can_be_done_depends_on_what_a_reader_is(owner: AdminClient) -> None:
    offered = {
        number: {
            href.rsplit("/", 1)[1]
            for href in owner.page(f"/readers/{number}").xpath("//ul[@class='deeds']//a/@href")
        }
        for number in (1, 2, 3, 4)
    }
    assert offered == {
        1: {"pause", "unsubscribe", "suppress", "erase"},
        2: {"ask", "pause", "unsubscribe", "suppress", "erase"},
        3: {"lift", "erase"},
        4: set(),
    }
    assert owner.get("/readers/4/erase").status_code == 404
    assert owner.get("/readers/1/nonsense").status_code == 404
    assert owner.get("/readers/99/erase").status_code == 404
    assert owner.get(f"/readers/{'9' * 30}").status_code == 404


def test_a_viewer_sees_and_does_nothing(audience: Audience) -> None:
    viewer = audience.client(Role.VIEWER)
    before = rows(audience, subscriber), rows(audience, subscription)
    assert not viewer.page("/readers/1").xpath("//ul[@class='deeds']")
    assert viewer.get("/readers/export").status_code == 403
    assert viewer.get("/readers/import").status_code == 403
    for path in (*(f"/readers/1/{name}" for name in DEEDS), "/readers/1/data", "/readers/export"):
        assert viewer.post(path, {"reason": "by hand", "until": "2026-12-24"}).status_code == 403
    assert (rows(audience, subscriber), rows(audience, subscription)) == before
    assert audience.done() == []


def test_looking_at_a_deed_does_nothing(audience: Audience, owner: AdminClient) -> None:
    before = rows(audience, subscriber), rows(audience, subscription)
    for name in ("pause", "unsubscribe", "suppress", "erase"):
        page = owner.page(f"/readers/1/{name}")
        assert page.xpath("//ul[@class='said']/li")
        assert page.xpath("//form[@method='post']//button")
    assert (rows(audience, subscriber), rows(audience, subscription)) == before


def test_they_are_unsubscribed_from_one_digest_or_all(audience: Audience, owner: AdminClient) -> None:
    assert owner.post("/readers/1/unsubscribe", {"digest": "daily"}).status_code == 303
    assert [(row["state"]) for row in rows(audience, subscription)] == ["active", "ended", "active"]
    owner.post("/readers/1/unsubscribe", {"digest": ""})
    assert [(row["state"]) for row in rows(audience, subscription)] == ["ended", "ended", "active"]
    # From another page that stood open meanwhile.
    answer = owner.post("/readers/1/unsubscribe", {"digest": ""})
    assert answer.status_code == 422
    assert audience.done() == [("reader.unsubscribe", "reader 1")] * 2


def test_their_mail_is_paused_and_resumed(audience: Audience, owner: AdminClient) -> None:
    for wrong in ("", "soon", "2026-03-27", "2036-01-01", "9999-99-99"):
        assert owner.post("/readers/1/pause", {"until": wrong}).status_code == 422, wrong
    assert owner.post("/readers/1/pause", {"until": "2026-05-01", "digest": "daily"}).status_code == 303
    assert [str(row["paused_until"])[:10] for row in rows(audience, subscription)] == [
        "None",
        "2026-05-01",
        "None",
    ]
    assert "paused until 1 May 2026" in words(owner.page("/readers/1"))
    owner.post("/readers/1/resume", {"digest": ""})
    assert [row["paused_until"] for row in rows(audience, subscription)] == [None, None, None]


def test_a_suppressed_reader_can_be_let_in_again(audience: Audience, owner: AdminClient) -> None:
    assert owner.post("/readers/1/suppress", {"reason": "erased"}).status_code == 422
    assert owner.post("/readers/1/suppress", {"reason": "complained"}).status_code == 303
    assert [row["reason"] for row in rows(audience, suppression)] == ["complained"]
    assert "suppressed: complained, since" in words(owner.page("/readers/1"))
    assert owner.post("/readers/1/lift").status_code == 303
    assert rows(audience, suppression) == []
    assert rows(audience, subscriber)[0]["state"] == "confirmed"
    assert audience.done() == [("reader.suppress", "reader 1"), ("reader.lift", "reader 1")]


def test_who_waits_is_asked_again_once(audience: Audience, owner: AdminClient) -> None:
    for _ in range(2):
        assert owner.post("/readers/2/ask").status_code == 303
    (asked,) = rows(audience, notice)
    assert (asked["kind"], asked["state"]) == ("signup", "queued")
    assert asked["payload"]["address"] == "bert@example.org"
    assert asked["payload"]["digest"] == audience.digests["weekly"]


def test_an_erased_reader_is_gone_and_the_record_names_nobody(audience: Audience, owner: AdminClient) -> None:
    edition = audience.edition()
    audience.mail(edition, 1, "queued", "452 anna@example.org: later")
    said = owner.post("/readers/1/erase")
    assert said.status_code == 303
    page = owner.page("/readers/1")
    assert page.xpath("string(//h1)") == "Reader 1"
    assert "anna" not in words(page)
    everything = json.dumps(
        [rows(audience, table) for table in (subscriber, subscription, consent, notice)], default=str
    )
    assert "anna" not in everything
    assert audience.states() == {1: "skipped"}
    assert audience.done() == [("reader.erase", "reader 1")]


def test_all_that_is_kept_of_a_reader_is_a_file(audience: Audience, owner: AdminClient) -> None:
    audience.mail(audience.edition(), 1)
    answer = owner.post("/readers/1/data")
    assert answer.headers["content-disposition"] == 'attachment; filename="reader-1.json"'
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["email"] == "anna@example.org"
    assert len(document["deliveries"]) == 1
    assert owner.get("/readers/1/data").status_code == 404
    assert audience.done() == [("reader.data", "reader 1")]


def test_a_list_of_readers_is_taken_out_in_pieces(
    audience: Audience, owner: AdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_streaming, "PIECE", 2)
    audience.reader("=cmd@example.org", "daily")
    answer = owner.post("/readers/export")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="readers-2026-03-27.csv"'
    listed = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["email"], row["digest"]) for row in listed] == [
        ("anna@example.org", "daily"),
        ("anna@example.org", "weekly"),
        ("bert@example.org", "weekly"),
        ("carl@example.org", ""),
        ("'=cmd@example.org", "daily"),
    ]
    assert answer.text == "".join(
        piece.decode() for piece in reader_work(audience.database).export(None, None)
    )
    some = owner.post("/readers/export", {"digest": "daily", "state": "confirmed"}).text
    assert {row["email"] for row in csv.DictReader(io.StringIO(some))} == {
        "anna@example.org",
        "'=cmd@example.org",
    }
    assert owner.post("/readers/export", {"state": "erased"}).text.count("\n") == 1
    assert audience.done()[0] == ("readers.export", "readers")


def test_a_list_is_looked_at_then_taken(audience: Audience, owner: AdminClient) -> None:
    content = b"email\nnew@example.org\nanna@example.org\nno address\n"
    sent = owner.post(
        "/readers/import",
        {"digest": "daily", "vouched": "on", "form": "auto"},
        files={"file": ("list.csv", content)},
    )
    looked = _over(owner, sent)
    assert "This is what would come of it" in words(looked)
    assert len(rows(audience, subscriber)) == 4
    assert "is no email address" in words(looked)
    (form,) = looked.xpath("//form[contains(@action, '/readers/import/')]")
    taken = _over(owner, owner.post("/readers" + form.get("action").partition("/readers")[2]))
    assert "The list is taken in." in words(taken)
    assert [row["email"] for row in rows(audience, subscriber)][4:] == ["new@example.org"]
    assert rows(audience, consent)[-1]["origin"].startswith("csv:list.csv")
    # The file is gone: the same look cannot be taken twice.
    assert owner.post("/readers" + form.get("action").partition("/readers")[2]).status_code == 409
    assert audience.done() == [("readers.look", "list.csv"), ("readers.import", "list.csv")]


def test_what_is_kept_of_a_list_names_nobody(audience: Audience, owner: AdminClient) -> None:
    content = b"email,digest\ncarl@example.org,weekly\nzoe@example.org,none\n"
    page = _over(owner, owner.post("/readers/import", {"form": "auto"}, files={"file": ("l.csv", content)}))
    assert "example.org" not in json.dumps(rows(audience, job), default=str)
    assert "l.csv" in words(page)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xff\x00", "not in UTF-8"),
        (b"name\nx\n", "no column is named `email`"),
        (b'email\n"a', "no CSV"),
    ],
)
def test_a_file_that_is_no_list_changes_nothing(
    audience: Audience, owner: AdminClient, content: bytes, said: str
) -> None:
    sent = owner.post("/readers/import", {"digest": "daily"}, files={"file": ("x.csv", content)})
    assert said in words(_over(owner, sent))
    assert len(rows(audience, subscriber)) == 4


def test_a_form_without_a_file_says_so(owner: AdminClient) -> None:
    answer = owner.post("/readers/import", {"digest": "daily"})
    assert answer.status_code == 422
    assert "Choose a file." in answer.text


def _over(owner: AdminClient, sent: Any) -> Any:
    """The page of the job that was begun, once it is done."""
    assert sent.status_code == 303, words(tree(sent.text))
    path = "/readers" + sent.headers["location"].partition("/readers")[2]
    until = time.monotonic() + 60
    while time.monotonic() < until:
        page = tree(owner.get(path).text)
        if page.xpath("//*[@data-over]"):
            return page
        time.sleep(0.02)
    pytest.fail("it never ends")


def test_charts_tell_what_was_counted(audience: Audience, owner: AdminClient) -> None:
    assert "There are no figures yet" in words(owner.page("/readers/charts"))
    Figures(audience.database).count(NOW)
    page = owner.page("/readers/charts")
    assert page.xpath("//svg[@role='img']/title")
    assert words(page.xpath("//ul[@class='legend']")[0]) == "confirmed 1 pending 1 suppressed 1"
