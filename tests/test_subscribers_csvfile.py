"""CSV of subscribers: as spreadsheets write it, as hostile as it may be, and safe to open in one."""

import csv
import io
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from subscribers.csvexport import COLUMNS, write_csv
from subscribers.csvfile import BadRow, CsvError, Row, read_csv
from subscribers.model import Subscriber, SubscriberState, Subscription, SubscriptionState

NOW = datetime(2026, 3, 4, tzinfo=UTC)


def _read(text: str | bytes) -> list[Row | BadRow]:
    return list(read_csv(io.BytesIO(text.encode() if isinstance(text, str) else text)))


def _reader(email: str | None, *, labels: tuple[str, ...] | None = None) -> Subscriber:
    subscriptions: tuple[Subscription, ...] = ()
    if labels is not None:
        one = Subscription(
            1, "weekly", SubscriptionState.ACTIVE, labels, "daily", None, None, None, "Asia/Tokyo", None, None
        )
        subscriptions = (one,)
    state = SubscriberState.ERASED if email is None else SubscriberState.CONFIRMED
    return Subscriber(1, email, state, "en", NOW, subscriptions)


def _written(*readers: Subscriber) -> str:
    stream = io.StringIO(newline="")
    write_csv(stream, [(reader, {}, None) for reader in readers])
    return stream.getvalue()


FULL = [
    Row(2, "anna@example.com", ("iran", "U.S. politics"), "daily", "Asia/Tokyo"),
    Row(3, "bob@example.com"),
]


PLAIN = """email,labels,cadence,timezone
anna@example.com,iran;U.S. politics,daily,Asia/Tokyo
bob@example.com,,,
"""
SEMICOLONS = """email;labels;cadence;timezone\r
anna@example.com;"iran; U.S. politics";daily;Asia/Tokyo\r
bob@example.com\r
"""
TABS = """timezone\tEmail Address\tlabels\tname\tcadence
Asia/Tokyo\tanna@example.com\tiran;U.S. politics\tAnna\tdaily
\tbob@example.com"""
SPACES = """ "E-Mail", Labels, Cadence, Timezone
 anna@example.com , "iran;U.S. politics;", daily, Asia/Tokyo
bob@example.com"""


@pytest.mark.parametrize("text", [PLAIN, SEMICOLONS, TABS, SPACES])
def test_columns_are_found_by_their_names_whatever_separates_them(text: str) -> None:
    assert _read(text) == FULL
    assert _read(b"\xef\xbb\xbf" + text.encode()) == FULL
    assert _read(text.encode("utf-16")) == FULL
    assert list(read_csv(io.StringIO("\ufeff" + text))) == FULL


def test_one_column_of_addresses_needs_no_heading() -> None:
    assert _read("anna@example.com\nbob@example.com\n") == [
        Row(1, "anna@example.com"),
        Row(2, "bob@example.com"),
    ]
    assert _read(b"\xef\xbb\xbfanna@example.com") == [Row(1, "anna@example.com")]


def test_empty_lines_are_passed_over_and_lines_counted() -> None:
    assert _read("email\n\nanna@example.com\n , \nnobody\n") == [
        Row(3, "anna@example.com"),
        BadRow(5, "'nobody' is no email address: An email address must have an @-sign."),
    ]


@pytest.mark.parametrize("before", ["\r\n \r\n", "sep=;\r\n\r\n", "SEP=\t\r\n\r\n", "\r\nsep=\r\n"])
def test_empty_lines_and_the_one_of_excel_before_the_first_are_passed_over(before: str) -> None:
    semicolons = before + "email;name\r\nanna@example.com;x\r\nnobody;y\r\n"
    tabs = semicolons.replace(";", "\t")
    first, second = _read(tabs if "\t" in before else semicolons)
    assert first == Row(4, "anna@example.com")
    assert isinstance(second, BadRow)
    assert second.line == 5


def test_a_bad_line_among_good_ones_is_told_with_its_reason() -> None:
    first, second, third = _read('email,labels\nanna@example.com,x\n,iran\n"b@ex\nample.com",\n')
    assert first == Row(2, "anna@example.com", ("x",))
    assert second == BadRow(3, "no address")
    assert isinstance(third, BadRow)
    assert "line break" in third.reason
    assert third.line == 4


def test_an_empty_file_has_no_rows() -> None:
    assert _read("") == []
    assert _read("email\n") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("name,town\nAnna,Bonn\n", "line 1: no column is named `email`"),
        ("anna@example.com,Anna\n", "line 1: no column is named `email`"),
        ("Anna\n", "line 1: no column is named `email`"),
        ('email\n"anna@example.com\nbob@example.com\n', "line 2: no CSV: "),
        ('email\n"anna"@example.com\n', "line 2: no CSV: "),
        ("email\n" + "x" * 200_000, "line 2: no CSV: "),
        (b"email\n\xff\xe9@example.com\n", "not in UTF-8"),
        (b"\xff\xfee", "not in UTF-8"),
        (b"\x89PNG\r\n\x1a\n", "not in UTF-8"),
    ],
)
def test_what_is_no_csv_of_subscribers_is_refused_in_one_line(text: str | bytes, reason: str) -> None:
    with pytest.raises(CsvError, match=reason) as refused:
        _read(text)
    assert "\n" not in str(refused.value)


def test_each_subscription_is_a_line_and_the_erased_are_left_out() -> None:
    text = _written(
        _reader("anna@example.com", labels=("iran", "mek")), _reader("b@example.com"), _reader(None)
    )
    rest = len(COLUMNS) - 8
    assert text.splitlines() == [
        ",".join(COLUMNS),
        "anna@example.com,confirmed,en,weekly,active,iran;mek,daily,Asia/Tokyo" + "," * rest,
        "b@example.com,confirmed,en,,,,," + "," * rest,
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r=", "＝", "＋", "－", "＠"])
def test_no_cell_is_a_formula(start: str) -> None:
    text = _written(_reader(f"{start}cmd|' /C calc'!A0@example.com", labels=(f"{start}1+1",)))
    (cells,) = list(csv.reader(io.StringIO(text, newline="")))[1:]
    assert cells[0] == f"'{start}cmd|' /C calc'!A0@example.com"
    assert cells[5] == f"'{start}1+1"


@settings(deadline=None)
@given(
    st.text("=+-'abc", min_size=1, max_size=4),
    st.lists(st.text("=+-'abc", min_size=1, max_size=3), max_size=3),
)
def test_what_was_written_is_read_back(local_part: str, labels: list[str]) -> None:
    reader = _reader(f"{local_part}@example.com", labels=tuple(labels))
    assert _read(_written(reader)) == [
        Row(
            2,
            f"{local_part}@example.com",
            tuple(labels),
            "daily",
            "Asia/Tokyo",
            source="Labelcast",
            language="en",
            digest="weekly",
        )
    ]


@settings(deadline=None)
@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_any_bytes_are_rows_or_refused(content: bytes) -> None:
    for head in (b"", b"email,labels\n"):
        with suppress(CsvError):
            assert all(row.line >= 1 for row in _read(head + content))
