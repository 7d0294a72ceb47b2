"""A thousand sign-ups for one address at once: one mail, whatever of two applications takes them."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from database import open_database
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import NOW, SIGNER, salt
from tests.test_web_signup import Desk, desk_of, stand
from tests.web_client import web_app
from web.readers.readerlinks import ReaderLinks
from web.readers.signup import Signup
from web.readers.signuplimits import Allowed, SignupLimits

TIMES = {"unknown": 1000, "reader": often(200)}
# Who was asked is known to both; who was told that they get it already, to the one that told them.
MAILS = {"unknown": 1, "reader": 2}
# The ways in, and what is sent beside an address.
WAYS: dict[str, dict[str, str]] = {
    "/subscribe": {"digest": "weekly"},
    "/subscribe/frame": {},
    "/subscribe/links": {},
}


def other_of(desk: Desk) -> Desk:
    """The same site in another application, with connections and counts of its own."""
    database = open_database(desk.database.engine.url.render_as_string(hide_password=False))
    limits = SignupLimits(Allowed(3, 0, 0))
    links = ReaderLinks(signer=SIGNER, salt=salt, now=lambda: NOW)
    app = web_app(replace(desk.blog, database=database), reader_links=links, signup=Signup(limits))
    client = TestClient(app, follow_redirects=False, client=("192.0.2.8", 50000))
    return Desk(replace(desk.blog, database=database), client, limits=limits)


@pytest.mark.parametrize("standing", ["unknown", "reader"])
def test_a_thousand_sign_ups_in_two_applications_are_one_mail_or_one_of_each(
    feed_blog: FeedsBlog, standing: str
) -> None:
    desk = desk_of(feed_blog, Allowed(3, 0, 0))
    if standing == "reader":
        desk.reader("ann")
    other = other_of(desk)

    def ask(number: int) -> int:
        one = (desk, other)[number % 2]
        # Each with other choices, in other letters; and mail is sent meanwhile, by both.
        email = "ann@example.org" if number % 3 else " Ann@EXAMPLE.org"
        answer = one.ask(email, weekday=str(number % 7), digest="weekly")
        if number % 50 in {24, 25}:
            one.notices.drain(NOW)
        return int(answer.status_code)

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(TIMES[standing]))) == {200}
    mailed = len([*desk.mails(), *other.mails()])
    other.database.dispose()
    assert 1 <= mailed <= MAILS[standing]


@pytest.mark.parametrize("standing", ["pending", "reader", "left", "suppressed", "erased"])
def test_what_is_known_of_an_address_changes_no_byte_and_no_statement(
    feed_blog: FeedsBlog, standing: str
) -> None:
    desk = desk_of(feed_blog)
    stand(desk, standing)
    said: list[Any] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        said.append((statement, len(str(parameters))))

    event.listen(desk.database.engine, "before_cursor_execute", note)
    for path, fields in WAYS.items():
        heard = []
        # As long as each other.
        for email in ("ann@example.org", "xyz@example.org", "ann@example.org"):
            said.clear()
            answer = desk.client.post(path, data={"email": email, **fields})
            kept = {name: value for name, value in answer.headers.items() if name != "date"}
            heard.append((answer.status_code, answer.content, kept, tuple(said)))
        assert heard[0] == heard[1] == heard[2]
        assert heard[0][3]
    event.remove(desk.database.engine, "before_cursor_execute", note)
