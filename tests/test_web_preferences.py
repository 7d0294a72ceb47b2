"""What a reader gets, shown by the link in their mail and changed by a form that needs no script."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digests.store import add_digest, get_digest, update_digest
from posts.curation import rename_label
from posts.model import PostState
from subscribers.model import Subscription
from subscribers.store import get_subscriber
from subscribers.subscribing import change
from tests.examples import often
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import NOW, WEEK, Reading, link, reading
from tests.web_client import tree
from web.forms import read_form
from web.readers.choices import Choices, read_choices

HERE = link("preferences", 1)
SAVED = "Your choices are saved."


@pytest.fixture
def prefs(sqlite_feed_blog: FeedsBlog) -> Reading:
    """A blog with posts under a few labels, and a reader of its digest."""
    for number, label in enumerate(("MEK", "Iran", "U.S. politics"), 1):
        sqlite_feed_blog.store(number, label)
    made = reading(sqlite_feed_blog)
    made.reader("a")
    return made


def form(page: str) -> dict[str, Any]:
    """What a browser sends of the page's form of choices when nothing is touched."""
    (found,) = tree(page).xpath("//form[@class='choices']")
    return dict(read_form("application/x-www-form-urlencoded", _encoded(found.form_values())))


def _encoded(values: list[tuple[str, str]]) -> bytes:

    return urlencode(values).encode()


def post(prefs: Reading, address: str = HERE, **changes: Any) -> Any:
    """Send the form with some fields changed."""
    fields = form(prefs.client.get(address).text) | {"do": "save"} | changes
    return prefs.client.post(address, data=fields)


def kept(prefs: Reading, subscriber_id: int = 1) -> Subscription:
    with prefs.database.read() as connection:
        found = get_subscriber(connection, subscriber_id)
    assert found is not None
    return found.subscriptions[0]


def test_the_page_shows_what_a_reader_gets(prefs: Reading) -> None:
    page = prefs.client.get(HERE)
    assert page.status_code == 200
    assert "weekly, Monday 08:00 UTC" in page.text
    assert form(page.text) == {
        "which": ["all"], "cadence": ["weekly"], "weekday": ["0"], "monthday": ["1"], "at": ["08:00"],
        "timezone": ["UTC"], "content": ["full"], "form": ["html"], "language": [""], "paused_until": [""],
    }  # fmt: skip
    names = tree(page.text).xpath("//input[@type='checkbox']/following-sibling::span/text()")
    assert names == ["Iran", "MEK", "U.S. politics"]
    # No address stands there: a mail that is passed on takes its links along.
    assert "a@example.org" not in page.text


def test_the_form_sent_back_untouched_changes_nothing(prefs: Reading) -> None:
    before = prefs.dump()
    assert SAVED in post(prefs).text
    assert prefs.dump() == before


def test_choices_are_kept_and_shown(prefs: Reading) -> None:
    answer = post(
        prefs, which="some", label=["iran", "mek"], cadence="monthly", monthday="31", at="17:45",
        timezone="America/Regina", content="summary", form="text", language="fr", paused_until="2026-12-24",
    )  # fmt: skip
    assert answer.status_code == 200
    assert SAVED in answer.text
    its = kept(prefs)
    assert its.labels == ("iran", "mek")
    assert (its.cadence, its.minute, its.weekday, its.monthday) == ("monthly", 17 * 60 + 45, None, 31)
    assert (its.timezone, its.content, its.form, its.language) == ("America/Regina", "summary", "text", "fr")
    assert its.paused_until == datetime(2026, 12, 24, 6, 0, tzinfo=UTC)
    again = form(answer.text)
    assert again["label"] == ["iran", "mek"]
    assert (again["monthday"], again["at"], again["paused_until"]) == (["31"], ["17:45"], ["2026-12-24"])
    assert "Paused until Thursday, 24 December 2026." in answer.text
    assert form(prefs.client.get(HERE).text) == again


def test_what_is_the_digests_own_goes_along_with_it(prefs: Reading) -> None:
    post(prefs, at="09:00", content="summary")
    post(prefs, at="08:00", content="full")
    with prefs.database.write() as connection:
        update_digest(connection, "weekly", at="tue 10:00")
    assert (kept(prefs).minute, kept(prefs).content) == (None, None)
    assert "weekly, Tuesday 10:00 UTC" in prefs.client.get(HERE).text


def test_another_rhythm_gets_a_slot_of_its_own_and_the_window_goes_on(prefs: Reading) -> None:
    (number,) = prefs.reader("b", window_start=NOW - WEEK, next_slot=NOW + WEEK)
    here = link("preferences", number)
    post(prefs, here, content="summary")
    assert kept(prefs, 2).next_slot == NOW + WEEK
    post(prefs, here, cadence="daily")
    assert (kept(prefs, 2).window_start, kept(prefs, 2).next_slot) == (NOW - WEEK, None)


def test_a_pause_ends_by_a_button(prefs: Reading) -> None:
    page = post(prefs, paused_until="2026-12-01").text
    (button,) = tree(page).xpath("//form[@class='notice']//button")
    assert (button.get("name"), button.get("value")) == ("do", "resume")
    answer = prefs.client.post(HERE, data={"do": "resume"})
    assert "You get mail again." in answer.text
    assert kept(prefs).paused_until is None
    assert "Paused" not in answer.text


def test_a_pause_that_ends_today_goes_on_when_something_else_is_changed(prefs: Reading) -> None:
    until = NOW + timedelta(hours=3)
    with prefs.database.write() as connection:
        change(connection, 1, {"paused_until": until})
    assert form(prefs.client.get(HERE).text)["paused_until"] == ["2026-11-23"]
    assert SAVED in post(prefs, content="summary").text
    assert (kept(prefs).paused_until, kept(prefs).content) == (until, "summary")
    post(prefs, paused_until="")
    assert kept(prefs).paused_until is None


def test_a_cadence_that_is_offered_no_more_gives_way_to_the_digests_own(prefs: Reading) -> None:
    with prefs.database.write() as connection:
        change(connection, 1, {"cadence": "instant"})
        update_digest(connection, "weekly", cadences=["weekly", "daily"])
    assert form(prefs.client.get(HERE).text)["cadence"] == ["weekly"]
    post(prefs)
    assert kept(prefs).cadence is None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"which": "some"}, "Choose at least one label"),
        ({"which": "some", "label": ["secret"]}, "not there any more"),
        ({"cadence": "hourly"}, "Cadence &#39;hourly&#39; is none"),
        ({"at": "25:00"}, "is no time of a day"),
        ({"at": "mon 08:00"}, "Write the time of day like 08:00"),
        ({"weekday": "7"}, "Choose a day"),
        ({"monthday": "0"}, "Choose a day"),
        ({"monthday": "²"}, "Choose a day"),
        ({"timezone": "Mars/Olympus"}, "Timezone &#39;Mars/Olympus&#39; is unknown"),
        ({"content": "all"}, "Choose how a mail looks"),
        ({"form": ""}, "Choose how a mail looks"),
        ({"language": "<b>"}, "is no language tag"),
        ({"paused_until": "2026-11-23"}, "within two years"),
        ({"paused_until": "9999-12-31"}, "within two years"),
        ({"paused_until": "soon"}, "is no date: write one like"),
    ],
)
def test_what_cannot_be_chosen_changes_nothing_and_stays_in_the_form(
    prefs: Reading, changes: dict[str, Any], said: str
) -> None:
    before = prefs.dump()
    answer = post(prefs, **({"content": "summary", "at": "09:30"} | changes))
    assert answer.status_code == 422
    assert said in answer.text
    assert "Nothing was changed." in answer.text
    assert prefs.dump() == before
    if "at" not in changes:
        assert form(answer.text)["at"] == ["09:30"]


def test_a_post_that_is_no_form_of_ours_changes_nothing(prefs: Reading) -> None:
    before = prefs.dump()
    for body in (b"", b"do=", b"do=save", b"List-Unsubscribe=One-Click", b"&" * 5000, b"do=save&" * 2000):
        headers = {"content-type": "application/x-www-form-urlencoded"}
        assert prefs.client.post(HERE, content=body, headers=headers).status_code in {200, 422}
    prefs.client.post(HERE, files={"do": (None, "resume")})
    assert prefs.dump() == before


def test_only_cadences_on_offer_can_be_chosen(prefs: Reading) -> None:
    with prefs.database.write() as connection:
        update_digest(connection, "weekly", cadences=["weekly", "daily"])
    page = tree(prefs.client.get(HERE).text)
    assert page.xpath("//select[@name='cadence']/option/@value") == ["daily", "weekly"]
    assert page.xpath("//select[@name='monthday']") == []
    assert post(prefs, cadence="instant").status_code == 422
    assert SAVED in post(prefs, cadence="daily").text


def test_the_labels_of_a_list_are_offered_and_no_others(prefs: Reading) -> None:
    prefs.blog.store(9, "Hidden", state=PostState.DRAFT)
    with prefs.database.write() as connection:
        add_digest(connection, "two", rule='MEK or "U.S. politics" or hidden or nowhere', now=NOW)
        add_digest(connection, "one", rule="MEK", now=NOW)
    offered = {}
    for slug in ("two", "one"):
        (number,) = prefs.reader(slug, slug)
        page = tree(prefs.client.get(link("preferences", number)).text)
        offered[slug] = page.xpath("//input[@type='checkbox']/@value")
    assert offered == {"two": ["mek", "u.s-politics"], "one": []}


def test_a_label_that_was_renamed_stays_chosen(prefs: Reading) -> None:
    post(prefs, which="some", label=["mek"])
    with prefs.database.write() as connection:
        rename_label(connection, "MEK", "Mojahedin", now=NOW)
    assert form(prefs.client.get(HERE).text)["label"] == ["mojahedin"]
    post(prefs)
    assert kept(prefs).labels == ("mojahedin",)


def test_a_readers_other_digests_are_a_link_away_and_all_can_be_left(prefs: Reading) -> None:
    with prefs.database.write() as connection:
        add_digest(connection, "daily", rule="all", title="The day", cadence="daily", now=NOW)
    (other,) = prefs.reader("a", "daily")
    prefs.reader("b", "daily")
    page = tree(prefs.client.get(HERE).text)
    yours = page.xpath("//nav[@class='yours']//a")
    assert [(one.text, one.get("href"), one.get("aria-current")) for one in yours] == [
        ("The day", f"..{link('preferences', other)}", None),
        ("The week", f"..{link('preferences', 1)}", "page"),
    ]
    ways = page.xpath("//form[not(@class)]/@action")
    assert ways == [f"..{link('unsubscribe', 1)}", f"..{link('stop', 1)}"]
    prefs.client.post(link("unsubscribe", 1))
    gone = prefs.client.get(HERE)
    assert "You do not get The week" in gone.text
    assert post_to(gone.text) == [f"..{link('resubscribe', 1)}"]


def post_to(page: str) -> list[str]:
    """Where a page's forms post to."""
    found: list[str] = tree(page).xpath("//form/@action")
    return found


TEXTS = st.one_of(
    st.text(max_size=12), st.sampled_from(["weekly", "8:00", "31", "full", "html", "UTC", "en", ""])
)


@settings(max_examples=often(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    fields=st.lists(TEXTS, min_size=9, max_size=9),
    some=st.booleans(),
    labels=st.frozensets(TEXTS, max_size=3),
)
def test_whatever_is_typed_is_either_taken_or_told(
    prefs: Reading, fields: list[str], some: bool, labels: frozenset[str]
) -> None:
    with prefs.database.read() as connection:
        its = get_digest(connection, "weekly")
    changes, wrong = read_choices(Choices(some, labels, *fields), its, offered={"mek", "8:00"}, now=NOW)
    if not wrong:
        assert set(changes) == {
            "labels", "cadence", "minute", "weekday", "monthday", "timezone", "content", "form", "language",
            "paused_until",
        }  # fmt: skip
        assert set(changes["labels"]) <= {"mek", "8:00"}
    assert all(text.endswith(".") and len(text) < 400 for text in wrong.values())
