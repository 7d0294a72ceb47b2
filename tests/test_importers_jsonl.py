"""JSON Lines: each field, each way a line can be bad, and what is refused as a whole."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posts.importers import ImporterError, find_importer, open_source
from posts.importers.jsonl import FIELDS, MAX_LINE_BYTES
from posts.model import Enclosure, PostState, SkippedPost, SourcePost
from tests.examples import often
from tests.importing import posts, read, written

GOOD: dict[str, Any] = {"id": "tag:blog.example,2020:1", "title": "One", "html": "<p>One.</p>"}


def lines(folder: Path, *items: Any) -> Path:
    text = "".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items)
    return written(folder, "posts.jsonl", text)


def test_every_field_is_read(tmp_path: Path) -> None:
    line = {
        "id": "tag:blog.example,2020:1",
        "url": "https://blog.example/1",
        "title": "One",
        "published": "2020-05-01T12:00:00+02:00",
        "updated": "2020-05-02",
        "labels": ["A", "B & C"],
        "authors": ["Ada", "Bo"],
        "draft": True,
        "html": "<p>One.</p>",
        "unknown": {"is": "passed over"},
    }
    assert posts(lines(tmp_path, line)) == [
        SourcePost(
            uri="tag:blog.example,2020:1",
            url="https://blog.example/1",
            title="One",
            html="<p>One.</p>",
            published=datetime(2020, 5, 1, 10, tzinfo=UTC),
            updated=datetime(2020, 5, 2, tzinfo=UTC),
            labels=("A", "B & C"),
            authors=("Ada", "Bo"),
            state=PostState.DRAFT,
            where="line 1",
            notes=("a date without a timezone was taken as UTC",),
        )
    ]


def test_only_an_id_or_a_link_is_needed(tmp_path: Path) -> None:
    by_id, by_link, by_number = posts(
        lines(tmp_path, {"id": "a:b"}, {"url": "http://blog.example/"}, {"id": 7})
    )
    assert (by_id.uri, by_id.url, by_id.title, by_id.html) == ("a:b", None, None, "")
    assert (by_link.uri, by_link.url) == (None, "http://blog.example/")
    assert by_number.uri == "7"


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, PostState.LIVE),
        ({"draft": False}, PostState.LIVE),
        ({"draft": True}, PostState.DRAFT),
        ({"state": "draft"}, PostState.DRAFT),
        ({"state": "deleted", "draft": True}, PostState.DELETED),
        ({"state": "scheduled"}, PostState.LIVE),
        ({"state": "live", "draft": None}, PostState.LIVE),
    ],
)
def test_the_state_is_told_by_state_else_by_draft(
    tmp_path: Path, fields: dict[str, Any], state: PostState
) -> None:
    assert [post.state for post in posts(lines(tmp_path, GOOD | fields))] == [state]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{nonsense", "the line is no JSON: "),
        ("[1, 2]", "line 2 is no JSON object"),
        ('{"id": ' + "[" * 100_000 + "]" * 100_000 + "}", "the line is no JSON that can be read"),
        ('{"id": ' + "9" * 5000 + "}", "the line is no JSON that can be read"),
        ({"title": "Nameless"}, "it has no id and no link"),
        ({"url": "ftp://blog.example/"}, "its url is no http or https address, and it has no id"),
        (GOOD | {"published": "yesterday"}, "published: 'yesterday' is no ISO 8601 date"),
        (GOOD | {"published": 1588291200}, "published: 1588291200 is no ISO 8601 date"),
        (GOOD | {"updated": "0001-01-01T00:00:00+14:00"}, "updated: "),
        (GOOD | {"labels": "A, B"}, "labels must be a list of strings"),
        (GOOD | {"labels": ["A", 1]}, "labels must be a list of strings"),
        (GOOD | {"html": ["<p>"]}, "html must be a string"),
        (GOOD | {"title": 5}, "title must be a string"),
        (GOOD | {"id": ["a"]}, "id must be a string"),
        (GOOD | {"draft": "yes"}, "draft must be true or false"),
        (GOOD | {"enclosures": {"url": "x"}}, "enclosures must be a list of objects"),
        (
            GOOD | {"enclosures": ["https://x.example/"]},
            "each of the enclosures must be an object with a url",
        ),
        (GOOD | {"enclosures": [{"type": "a/b"}]}, "each of the enclosures must be an object with a url"),
        (GOOD | {"enclosures": [{"url": "x", "type": 5}]}, "an enclosure's type must be a string"),
        (GOOD | {"enclosures": [{"url": "x", "length": True}]}, "an enclosure's length must be a whole"),
        (GOOD | {"enclosures": [{"url": "x", "length": "9"}]}, "an enclosure's length must be a whole"),
        (GOOD | {"picture": ["x"]}, "picture must be a string"),
        (GOOD | {"language": 7}, "language must be a string"),
        (GOOD | {"state": "gone"}, "state must be one of live, scheduled, draft, deleted"),
    ],
)
def test_a_bad_line_among_good_ones_is_listed_with_its_number(tmp_path: Path, bad: Any, reason: str) -> None:
    first, skipped, last = read(lines(tmp_path, GOOD, bad, GOOD | {"id": "a:b"}))
    assert isinstance(first, SourcePost)
    assert isinstance(last, SourcePost)
    assert isinstance(skipped, SkippedPost)
    assert skipped.reason.startswith(reason)
    assert (skipped.where, "\n" in skipped.reason) == ("line 2", False)


def test_a_line_that_is_no_utf8_or_too_long_is_listed(tmp_path: Path) -> None:
    good = json.dumps(GOOD).encode() + b"\n"
    long = b'{"id": "' + b"x" * MAX_LINE_BYTES + b'"}\n'
    found = read(written(tmp_path, "posts.jsonl", good + b'{"id": "\xff"}\n' + long + good))
    assert [item.where for item in found] == ["line 1", "line 2", "line 3", "line 4"]
    assert [item.reason for item in found if isinstance(item, SkippedPost)] == [
        "the line is no UTF-8 (byte 9)",
        "the line is longer than 16 MiB",
    ]


def test_empty_lines_a_byte_order_mark_and_a_missing_last_line_end_are_nothing(tmp_path: Path) -> None:
    data = b"\xef\xbb\xbf" + json.dumps(GOOD).encode() + b"\r\n\r\n\n" + json.dumps(GOOD).encode()
    found = posts(written(tmp_path, "posts.json", data))
    assert [post.where for post in found] == ["line 1", "line 4"]


def test_empty_texts_where_dates_go_are_no_dates(tmp_path: Path) -> None:
    (post,) = posts(lines(tmp_path, GOOD | {"published": "", "updated": None}))
    assert (post.published, post.updated) == (None, None)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\xff\xfe{\x00}\x00", "is no JSON Lines in UTF-8"),
        (b"id,title\n1,One\n", "is no JSON Lines: no line holds a post"),
        (b"nonsense\n" * 5000, "posts.jsonl:100: is no JSON Lines"),
        (json.dumps(GOOD).encode() + b'\n{"id": "a:b", "ti', "posts.jsonl:2: is cut off"),
        (b"", "is empty"),
        (b" \n\n", "is empty"),
    ],
)
def test_what_is_no_json_lines_is_refused_in_one_line(tmp_path: Path, data: bytes, reason: str) -> None:
    with pytest.raises(ImporterError, match=reason) as refused:
        read(written(tmp_path, "posts.jsonl", data), form="jsonl")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(("blog", "count", "labels"), [("18f-blog", 508, 142), ("go-blog", 274, 139)])
def test_real_blogs_are_read_whole(shared_data: Path, blog: str, count: int, labels: int) -> None:
    found = posts(shared_data / blog / "posts.jsonl")
    assert len(found) == count
    assert len({label for post in found for label in post.labels}) == labels
    assert all(post.uri and post.url and post.published and not post.notes for post in found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=6))
@settings(max_examples=often(150), deadline=None)
def test_whatever_the_fields_hold_a_line_is_a_post_or_is_listed(
    tmp_path_factory: pytest.TempPathFactory, line: dict[str, Any]
) -> None:
    found = read(lines(tmp_path_factory.mktemp("jsonl"), GOOD, line))
    assert len(found) == 2
    assert isinstance(found[1], SkippedPost) or found[1].uri or found[1].url


def test_the_documentation_names_every_field(checkout: Path) -> None:
    text = (checkout / "docs" / "jsonl.md").read_text(encoding="utf-8")
    told = {line.split("`")[1] for line in text.splitlines() if line.startswith("| `")}
    assert told == set(FIELDS)


def test_the_documentations_example_can_be_imported(checkout: Path, tmp_path: Path) -> None:
    text = (checkout / "docs" / "jsonl.md").read_text(encoding="utf-8")
    example = text.split("```json\n")[1].split("```")[0]
    found = posts(written(tmp_path, "example.jsonl", example))
    assert len(found) == 3
    assert {post.state for post in found} == {PostState.LIVE, PostState.DRAFT, PostState.DELETED}


def test_a_file_is_known_by_its_first_line_whatever_its_name(tmp_path: Path) -> None:
    with open_source(str(written(tmp_path, "export.txt", json.dumps(GOOD) + "\n"))) as source:
        assert find_importer("auto", source).name == "jsonl"


def test_what_goes_with_a_post_is_read_as_it_is_written(tmp_path: Path) -> None:
    files = [{"url": "/1.mp3", "type": "audio/mpeg", "length": 12}, {"url": "ftp:x", "length": None}]
    (post,) = posts(lines(tmp_path, GOOD | {"enclosures": files, "picture": "1.png", "language": "pt_BR"}))
    assert post.enclosures == (Enclosure("/1.mp3", "audio/mpeg", 12), Enclosure("ftp:x", "", 0))
    assert (post.picture, post.language) == ("1.png", "pt_BR")
