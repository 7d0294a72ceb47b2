"""Text, moments and addresses as feeds write them."""

import json
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime

import pytest
from hypothesis import given
from lxml import etree

from feeds.formats.markup import (
    attribute,
    escaped,
    html_escaped,
    html_of,
    json_string,
    legal,
    legal_bytes,
    profiled,
)
from feeds.formats.moments import rfc822, rfc3339, told_apart, whole_seconds
from feeds.formats.uris import uri_of
from tests.feeds_samples import any_text, as_html, in_seconds, moments, untimed, xml_text


@untimed
@given(xml_text)
def test_escaped_text_is_read_back_as_it_was(text: str) -> None:
    for written in (escaped(text), profiled(text)):
        element = etree.fromstring(b"<a>" + written + b"</a>")
        assert (element.text or "") == text
    value = etree.fromstring(b'<a b="' + attribute(text) + b'"/>').get("b")
    assert value == text


@untimed
@given(any_text)
def test_text_that_xml_cannot_hold_is_cut_away(text: str) -> None:
    element = etree.fromstring(b"<a>" + escaped(text) + b"</a>")
    assert (element.text or "") == legal(text) == legal_bytes(text).decode()
    assert set(text) - set(legal(text)) <= {*map(chr, range(0x20)), "\ufffe", "\uffff"} | {
        character for character in text if "\ud800" <= character <= "\udfff"
    }


@untimed
@given(xml_text)
def test_plain_text_made_html_is_escaped_twice(text: str) -> None:
    element = etree.fromstring(b"<a>" + html_of(text) + b"</a>")
    assert (element.text or "") == as_html(text)


def test_a_replacement_character_is_a_reference_in_html() -> None:
    assert html_escaped("<b>\ufffd</b>") == b"&lt;b&gt;&amp;#xFFFD;&lt;/b&gt;"


@untimed
@given(any_text)
def test_a_json_string_is_what_json_writes(text: str) -> None:
    assert json_string(legal_bytes(text)) == json.dumps(legal(text), ensure_ascii=False).encode()


@untimed
@given(moments)
def test_moments_are_what_the_standard_library_writes(moment: datetime) -> None:
    assert whole_seconds(moment) == in_seconds(moment)
    assert rfc3339(moment) == in_seconds(moment).isoformat().encode()
    assert rfc822(moment) == format_datetime(in_seconds(moment)).encode()


@untimed
@given(moments)
def test_a_moment_told_apart_is_the_same_second_every_time(moment: datetime) -> None:
    found = told_apart(moment, "tag:x,2026:1")
    assert found == told_apart(moment.astimezone(timezone(timedelta(hours=3))), "tag:x,2026:1")
    assert found.tzinfo is UTC
    assert whole_seconds(found) == whole_seconds(moment)
    assert moment.microsecond in {0, found.microsecond}
    assert found.microsecond > 0


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://x.example/a%20b?c=d#e", "https://x.example/a%20b?c=d#e"),
        ("https://x.example/ü?ö=政#ß", "https://x.example/%C3%BC?%C3%B6=%E6%94%BF#%C3%9F"),
        ("https://straße.example:8080/ä", "https://xn--strae-oqa.example:8080/%C3%A4"),
        ("https://ü_.example/", "https://%C3%BC_.example/"),
        ("https://ü@x.example/", "https://%C3%BC@x.example/"),
        ("http://x.example/\ud800ü", "http://x.example/%C3%BC"),
        ("mailto:ü", "mailto:%C3%BC"),
        ("https://x.example/a[1]?b=[c] d", "https://x.example/a%5B1%5D?b=%5Bc%5D%20d"),
        ('https://x.example/<"{|}\\^`>', "https://x.example/%3C%22%7B%7C%7D%5C%5E%60%3E"),
        ("http://me@[2001:db8::1]:80/[ü]", "http://me@[2001:db8::1]:80/%5B%C3%BC%5D"),
    ],
)
def test_an_address_becomes_a_uri(url: str, expected: str) -> None:
    assert uri_of(url) == expected


@untimed
@given(any_text)
def test_any_address_becomes_ascii(url: str) -> None:
    assert uri_of(url).isascii()
    assert uri_of(uri_of(url)) == uri_of(url)
