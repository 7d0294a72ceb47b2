"""Where there are more labels than boxes, any of them is asked for by its name, without a script."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from starlette.testclient import TestClient

from digests.store import add_digest
from outbox.model import notice
from posts.curation import rename_label
from posts.labels import label_key
from posts.model import Label, PostState
from posts.rules import All, And, HasLabel, Not, Or, Rule, matches
from subscribers.store import get_subscriber
from tests.feeds_blog import FeedsBlog
from tests.mailed_digests import NOW, SIGNER, Reading, link, reading, salt
from tests.web_client import tree, web_app
from web.readers import offers
from web.readers.offers import can_be_in
from web.readers.readerlinks import ReaderLinks
from web.readers.signup import Signup
from web.readers.signuplimits import Allowed, SignupLimits

HERE = link("preferences", 1)
CHOICES = {
    "which": "all", "cadence": "weekly", "weekday": "0", "monthday": "1", "at": "08:00", "timezone": "UTC",
    "content": "full", "form": "html", "language": "", "paused_until": "", "do": "save",
}  # fmt: skip
RULES = st.recursive(
    st.one_of(st.just(All()), st.sampled_from("abcd").map(HasLabel)),
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda rules: And(tuple(rules))),
        st.lists(inner, min_size=2, max_size=3).map(lambda rules: Or(tuple(rules))),
    ),
    max_leaves=6,
)


@pytest.fixture
def prefs(feed_blog: FeedsBlog, monkeypatch: pytest.MonkeyPatch) -> Reading:
    """A blog with more labels than a page has boxes for."""
    monkeypatch.setattr(offers, "MOST_LABELS", 2)
    for number, names in enumerate((["MEK", "Iran"], ["MEK", "Iran"], ["Bees"], ["Beetles"], ["Tea, green"])):
        feed_blog.store(number, *names)
    feed_blog.store(9, "Bee secrets", state=PostState.DRAFT)
    made = reading(feed_blog)
    made.reader("a")
    return made


def chosen(prefs: Reading) -> tuple[str, ...]:
    with prefs.database.read() as connection:
        found = get_subscriber(connection, 1)
    assert found is not None
    return tuple(found.subscriptions[0].labels)


def save(prefs: Reading, **changes: Any) -> Any:
    return prefs.client.post(HERE, data=CHOICES | changes)


def signing_up(prefs: Reading) -> TestClient:
    links = ReaderLinks(signer=SIGNER, salt=salt, now=lambda: NOW)
    app = web_app(prefs.blog, reader_links=links, signup=Signup(SignupLimits(Allowed(0, 0, 0))))
    return TestClient(app, client=("192.0.2.7", 50000))


def boxes(page: str) -> Mapping[str, bool]:
    found = tree(page).xpath("//input[@type='checkbox']")
    values = [one.get("value") for one in found]
    assert len(values) == len(set(values))
    return {one.get("value"): one.get("checked") is not None for one in found}


def test_a_reader_keeps_what_they_chose_and_adds_any_label_by_its_name(prefs: Reading) -> None:
    assert boxes(prefs.client.get(HERE).text) == {"iran": False, "mek": False}
    # Who names a label wants some only, whatever is marked.
    answer = save(prefs, more=" beetles ,IRAN")
    assert answer.status_code == 200
    assert chosen(prefs) == ("beetles", "iran")
    assert boxes(answer.text) == {"beetles": True, "iran": True, "mek": False}
    # A name with a comma in it is one too.
    save(prefs, which="some", label=["beetles"], more="Tea, green")
    assert chosen(prefs) == ("beetles", "tea-green")
    save(prefs, which="some", label=["bees"])
    assert chosen(prefs) == ("bees",)


def test_a_part_of_a_name_shows_the_labels_that_have_it_and_changes_nothing_yet(prefs: Reading) -> None:
    save(prefs, which="some", label=["beetles"])
    before = prefs.dump()
    answer = save(prefs, which="some", label=["beetles", "mek"], more="bee, Iran", content="summary")
    assert answer.status_code == 422
    assert "No label here is called “bee”" in answer.text
    assert prefs.dump() == before
    # What nobody may know of yet is not found.
    assert boxes(answer.text) == {"bees": False, "beetles": True, "iran": True, "mek": True}
    assert "Nothing was changed." in answer.text
    assert "secrets" not in answer.text
    again = save(prefs, which="some", label=list(boxes(answer.text)))
    assert again.status_code == 200
    assert chosen(prefs) == ("bees", "beetles", "iran", "mek")


@pytest.mark.parametrize(("typed", "near"), [("Beatels", {"bees": False, "beetles": False}), ("zyzzyva", {})])
def test_what_no_name_holds_shows_what_looks_like_it(
    prefs: Reading, typed: str, near: dict[str, bool]
) -> None:
    answer = save(prefs, more=typed)
    assert answer.status_code == 422
    assert boxes(answer.text) == {"iran": False, "mek": False} | near
    assert chosen(prefs) == ()


def test_of_many_names_that_are_none_nothing_is_lost(prefs: Reading) -> None:
    answer = save(prefs, more="uuu, vvv, iran, www, bee, zzz")
    assert answer.status_code == 422
    assert boxes(answer.text) == {"iran": True, "mek": False}
    assert "Write what else you typed once more: bee, zzz" in answer.text


def test_a_digest_of_listed_labels_takes_no_other(prefs: Reading) -> None:
    with prefs.database.write() as connection:
        add_digest(connection, "two", rule="MEK or iran", now=NOW)
    (number,) = prefs.reader("b", "two")
    there = link("preferences", number)
    page = prefs.client.get(there)
    assert not tree(page.text).xpath("//input[@name='more']")
    answer = prefs.client.post(there, data=CHOICES | {"which": "some", "label": ["bees"]})
    assert answer.status_code == 422


def test_what_a_rule_shuts_out_is_not_offered(prefs: Reading) -> None:
    with prefs.database.write() as connection:
        add_digest(connection, "rest", rule="not mek and not bees", now=NOW)
    (number,) = prefs.reader("b", "rest")
    there = link("preferences", number)
    assert boxes(prefs.client.get(there).text) == {"iran": False, "beetles": False}
    assert prefs.client.post(there, data=CHOICES | {"more": "mek"}).status_code == 422
    assert prefs.client.post(there, data=CHOICES | {"more": "tea-green"}).status_code == 200


def test_who_signs_up_names_labels_too(prefs: Reading) -> None:
    client = signing_up(prefs)
    (its,) = list(tree(client.get("/subscribe").text).xpath("//input[@name='digest']/@value"))
    fields = {"email": "ann@example.org", "digest": its, f"label-{its}": ["mek"]}
    asked = client.post("/subscribe", data=fields | {f"more-{its}": "bee"})
    assert asked.status_code == 422
    assert boxes(asked.text) == {"bees": False, "beetles": False, "iran": False, "mek": True}
    assert "ann@example.org" in asked.text
    given = client.post("/subscribe", data=fields | {f"more-{its}": "beetles"})
    assert given.status_code == 200
    with prefs.database.read() as connection:
        (payload,) = connection.execute(select(notice.c.payload)).scalars()
    assert payload["choices"]["labels"] == ["beetles", "mek"]
    snippet = client.get("/subscribe/embed?label=mek&more=bees,bee").text
    assert boxes(snippet) == {"bees": True, "beetles": False, "iran": False, "mek": True}
    assert 'name="label" value="bees"' in tree(snippet).xpath("//textarea")[1].text


def test_a_form_from_before_a_label_was_renamed_means_it_still(prefs: Reading) -> None:
    client = signing_up(prefs)
    (its,) = list(tree(client.get("/subscribe").text).xpath("//input[@name='digest']/@value"))
    with prefs.database.write() as connection:
        rename_label(connection, "beetles", "Coleoptera", now=NOW)
    answer = save(prefs, which="some", label=["beetles", "iran"], at="8 h")
    assert boxes(answer.text) == {"coleoptera": True, "iran": True, "mek": False}
    assert save(prefs, which="some", label=["beetles", "iran"]).status_code == 200
    assert chosen(prefs) == ("coleoptera", "iran")
    fields = {"email": "ann@example.org", "digest": its, "label": "beetles"}
    assert boxes(client.post("/subscribe", data=fields | {"email": ""}).text)["coleoptera"]
    assert client.post("/subscribe", data=fields).status_code == 200
    with prefs.database.read() as connection:
        (payload,) = connection.execute(select(notice.c.payload)).scalars()
    assert payload["choices"]["labels"] == ["coleoptera"]


def test_nobody_learns_what_a_label_was_called_before_a_post_had_it(prefs: Reading) -> None:
    prefs.blog.store(20, "Hushed", state=PostState.DRAFT)
    with prefs.database.write() as connection:
        rename_label(connection, "Hushed", "Wool", now=NOW)
    prefs.blog.store(21, "Wool")
    client = signing_up(prefs)
    for page in (
        client.get("/subscribe?label=hushed"),
        client.get("/subscribe/embed?more=hushed"),
        save(prefs, more="hushed"),
        save(prefs, which="some", label=["hushed"]),
    ):
        assert "wool" not in boxes(page.text)
    assert chosen(prefs) == ()
    assert save(prefs, more="wool").status_code == 200


@given(RULES, st.sampled_from("abcd"))
def test_a_label_can_be_in_a_rule_where_some_post_that_has_it_is(rule: Rule, name: str) -> None:
    """Of the labels in a rule any others may be beside it; more than needed may be offered, never less."""
    others = [one for one in "abcd" if one != name]
    some = [{name, *(one for place, one in enumerate(others) if bits >> place & 1)} for bits in range(8)]
    label = Label(1, name, name, "urn:x", 1, NOW)
    if any(matches(rule, {label_key(one) for one in keys}) for keys in some):
        assert can_be_in(rule, label)
