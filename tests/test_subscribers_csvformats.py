"""The lists of other mailing services: known by their columns, and honoured in what they say of readers."""

import io
import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.csvfile import BadRow, CsvError, Row, Status, read_csv
from subscribers.csvformats import FORMATS
from subscribers.csvformats.dates import read_date
from subscribers.csvformats.shape import attribute, listed
from tests.examples import often

LISTS = Path(__file__).parent / "data" / "csv"
FILES = sorted(LISTS.glob("*.csv"))


def _read(name: str, *, form: str = "auto") -> dict[str, Row]:
    """The rows of a sample by what stands before their @."""
    rows = list(read_csv(io.BytesIO((LISTS / f"{name}.csv").read_bytes()), form=form))
    return {row.email.partition("@")[0]: row for row in rows if isinstance(row, Row)}


def _bad(name: str) -> list[BadRow]:
    rows = read_csv(io.BytesIO((LISTS / f"{name}.csv").read_bytes()))
    return [row for row in rows if isinstance(row, BadRow)]


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_there_is_a_sample_of_each_service() -> None:
    told = {file.stem.partition("_")[0] for file in FILES}
    assert told == {one.name for one in FORMATS} - {"labelcast", "plain"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_list_is_known_by_its_columns(file: Path) -> None:
    name = file.stem.partition("_")[0]
    known = list(read_csv(io.BytesIO(file.read_bytes())))
    assert known == list(read_csv(io.BytesIO(file.read_bytes()), form=name))
    titles = {row.source for row in known if isinstance(row, Row)}
    assert titles == {one.title for one in FORMATS if one.name == name}
    wrong = "ghost" if name != "ghost" else "listmonk"
    with pytest.raises(CsvError, match="line 1: this is no list of "):
        list(read_csv(io.BytesIO(file.read_bytes()), form=wrong))


def test_mailchimps_subscribed_agreed_when_they_confirmed() -> None:
    rows = _read("mailchimp_subscribed")
    ada = rows["ada"]
    assert (ada.status, ada.agreed_at, ada.agreed_from, ada.timezone, ada.tags) == (
        Status.SUBSCRIBED,
        _at("2018-02-12T10:54:27"),
        "198.51.100.8",
        "Europe/Oslo",
        ("Bees", "Lorem, ipsum"),
    )
    assert (rows["bo"].agreed_at, rows["bo"].agreed_from) == (_at("2023-04-21T11:16:57"), None)
    assert rows["chi"].agreed_at is None
    assert (rows["chi"].timezone, rows["chi"].guessed, rows["chi"].tags) == ("US/Nowhere", True, ("Bees",))


def test_mailchimps_unsubscribed_and_cleaned_are_no_readers() -> None:
    left = _read("mailchimp_unsubscribed")
    assert [(row.status, row.since) for row in left.values()] == [
        (Status.UNSUBSCRIBED, _at("2018-07-23T12:19:27")),
        (Status.UNSUBSCRIBED, None),
    ]
    (gone,) = _read("mailchimp_cleaned").values()
    assert (gone.status, gone.since) == (Status.BOUNCED, _at("2020-03-23T17:30:05"))


def test_a_column_of_mailchimps_that_a_publisher_made_unsubscribes_nobody_by_being_there() -> None:
    text = (LISTS / "mailchimp_subscribed.csv").read_text(encoding="utf-8")
    lines = [line + (",UNSUB_TIME" if number == 0 else ",") for number, line in enumerate(text.splitlines())]
    rows = list(read_csv(io.StringIO("\n".join(lines))))
    assert {row.status for row in rows if isinstance(row, Row)} == {Status.SUBSCRIBED}


def test_listmonk_mails_only_those_enabled() -> None:
    rows = _read("listmonk")
    assert {name: row.status for name, row in rows.items()} == {
        "ada": Status.SUBSCRIBED,
        "bo": Status.SUBSCRIBED,
        "del": Status.UNSUBSCRIBED,
        "zed": Status.UNSUBSCRIBED,
    }
    assert (rows["ada"].agreed_at, rows["ada"].timezone, rows["ada"].language) == (
        _at("2021-05-03T12:52:10"),
        "Europe/Oslo",
        "nb",
    )
    assert (rows["zed"].why, rows["zed"].since) == ("blocklisted", _at("2024-02-29T12:00:00"))


def test_feedburners_unverified_stay_pending() -> None:
    rows = _read("feedburner")
    assert {name: row.status for name, row in rows.items()} == {
        "ada": Status.SUBSCRIBED,
        "bo": Status.PENDING,
        "chi": Status.PENDING,
        "del": Status.UNSUBSCRIBED,
    }
    assert rows["ada"].agreed_at == _at("2009-06-17T09:52")


def test_substacks_money_is_no_matter_and_its_disabled_get_no_mail() -> None:
    rows = _read("substack")
    assert {name: row.status for name, row in rows.items()} == {
        "ada": Status.SUBSCRIBED,
        "bo": Status.SUBSCRIBED,
        "del": Status.UNSUBSCRIBED,
    }
    assert rows["ada"].agreed_at == datetime(2018, 8, 27, 15, 6, 27, 713000, UTC)


def test_buttondowns_types_say_who_gets_mail_and_an_unknown_one_is_no_yes() -> None:
    rows = _read("buttondown")
    assert {name: row.status for name, row in rows.items()} == {
        "ada": Status.SUBSCRIBED,
        "bo": Status.PENDING,
        "chi": Status.SUBSCRIBED,
        "del": Status.UNSUBSCRIBED,
        "gone": Status.BOUNCED,
        "cross": Status.COMPLAINED,
    }
    assert (rows["ada"].tags, rows["chi"].tags) == (("Bees", "VIP"), ("Bees",))
    assert (rows["ada"].agreed_from, rows["ada"].timezone) == ("198.51.100.9", "Asia/Tokyo")
    assert rows["gone"].since == _at("2023-04-04T08:00:00")
    assert _bad("buttondown") == [
        BadRow(8, "odd@news.example: 'levitating' is no type of Buttondown's that is known")
    ]


def test_ghosts_members_without_newsletters_get_no_mail() -> None:
    rows = _read("ghost")
    assert {name: (row.status, row.why) for name, row in rows.items()} == {
        "ada": (Status.SUBSCRIBED, ""),
        "bo": (Status.SUBSCRIBED, ""),
        "del": (Status.UNSUBSCRIBED, "not subscribed to emails"),
        "gus": (Status.UNSUBSCRIBED, "deleted"),
    }
    assert (rows["ada"].tags, rows["ada"].agreed_at) == (("Bees", "VIP"), _at("2024-01-15T10:00:00"))


def test_any_lists_status_is_heeded() -> None:
    text = "email,status\na@x.example,\nb@x.example,Pending\nc@x.example,bounced\nd@x.example,maybe\n"
    *rows, last = read_csv(io.StringIO(text))
    assert [row.status for row in rows if isinstance(row, Row)] == ["subscribed", "pending", "bounced"]
    assert last == BadRow(5, "d@x.example: status 'maybe' does not say that they are subscribed")


def test_a_list_of_a_service_nobody_knows_is_refused() -> None:
    with pytest.raises(CsvError, match="format 'sparrow' of a list is unknown: choose auto or one of labelc"):
        list(read_csv(io.StringIO("email\n"), form="sparrow"))


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2018-02-12 10:54:27", "2018-02-12T10:54:27"),
        ("2018-08-27T15:06:27Z", "2018-08-27T15:06:27"),
        ("2018-08-27T15:06:27+02:00", "2018-08-27T13:06:27"),
        ("2018-08-27", "2018-08-27T00:00:00"),
        ("2024-05-01 10:11:12.123456789 -0330 NDT", "2024-05-01T13:41:12"),
        ("2024-05-01 10:11:12 +0545 +0545", "2024-05-01T04:26:12"),
        ("9/27/21 14:14", "2021-09-27T14:14:00"),
        ("06/17/2009", "2009-06-17T00:00:00"),
        ("06/17/2009 12:05:09 AM", "2009-06-17T00:05:09"),
        ("06/17/2009 1:05 pm", "2009-06-17T13:05:00"),
    ],
)
def test_each_services_dates_are_read(text: str, instant: str) -> None:
    assert read_date(f" {text} ") == _at(instant)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "31/12/2009", "0001-01-01", "2999-01-01", "2024-13-01", "1/1/1 1:1", "9" * 40]
)
def test_a_date_that_is_none_is_none(text: str) -> None:
    assert read_date(text) is None


def test_names_in_a_cell_are_read_however_they_are_listed() -> None:
    assert listed('"VIP","a, b"') == ("VIP", "a, b")
    assert listed(" x , ,y") == ("x", "y")
    assert listed('["a", 1, "b"]') == ("a", "b")
    assert listed('["a"') == ()
    assert listed('"open') == ("open",)
    assert listed("") == ()
    assert attribute('{"lang": "nb", "tz": 3}', "tz", "lang") == "nb"
    assert attribute("[" * 10_000, "lang") is None


HEADINGS = sorted({name for one in FORMATS for mark in one.marks for name in mark} | {"tags", "unsub_time"})


@settings(deadline=None, max_examples=often(60))
@given(
    headings=st.lists(st.sampled_from(HEADINGS), min_size=1, max_size=10),
    rows=st.lists(
        st.lists(st.sampled_from(["a@x.example", "true", '"', "active", "[1"]) | st.text(max_size=8))
    ),
    form=st.sampled_from(["auto", *(one.name for one in FORMATS)]),
)
def test_any_rubbish_under_any_headings_is_rows_or_refused(
    headings: list[str], rows: list[list[str]], form: str
) -> None:
    content = "\n".join([",".join(headings), *(",".join(cells) for cells in rows)])
    with suppress(CsvError):
        for row in read_csv(io.BytesIO(content.encode(errors="replace")), form=form):
            assert row.line >= 1


@settings(deadline=None, max_examples=often(100))
@given(st.text(max_size=30) | st.dates().map(str) | st.datetimes().map(str))
def test_any_text_is_a_date_or_none(text: str) -> None:
    found = read_date(text)
    assert found is None or found.tzinfo is UTC


@settings(deadline=None, max_examples=often(100))
@given(st.text(max_size=30) | st.recursive(st.integers() | st.text(max_size=4), st.lists).map(json.dumps))
def test_any_cell_is_names(text: str) -> None:
    assert all(name and name == name.strip() for name in listed(text))


@pytest.mark.parametrize(
    ("column", "gone", "there"),
    [
        ("Unsubscribed", "2020-01-01", ""),
        ("unsubscribed_at", "1577836800", "NULL"),
        ("BLACKLISTED", "1", "0"),
        ("opt-out", "Yes", "No"),
        ("Bounced", "true", "false"),
        ("Subscribed", "false", "true"),
        ("opt_in", "0", "2019-01-01"),
    ],
)
def test_any_lists_column_of_those_who_left_is_heeded(column: str, gone: str, there: str) -> None:
    text = f"email,{column}\na@x.example,{gone}\nb@x.example,{there}\n"
    first, second = read_csv(io.StringIO(text))
    assert isinstance(first, Row)
    assert isinstance(second, Row)
    assert (first.status, second.status) == (Status.UNSUBSCRIBED, Status.SUBSCRIBED)
    assert first.why.endswith(f": {gone}")
