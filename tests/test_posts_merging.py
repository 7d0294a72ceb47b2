"""What becomes of a stored post when its source has changed: what moves, what stays, whatever the order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posts.merging import StoredPost, fresh, merged
from posts.model import Enclosure, PostState, SkippedPost, SourcePost
from posts.sanitize import CleanPost, clean_post

NOW = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
PUBLISHED = NOW - timedelta(days=3)
FILE = Enclosure("https://blog.example/1.mp3", "audio/mpeg", 5)

# Each row is one text, or title, to whoever reads it.
TEXTS = (
    ("<p>Some text.</p>", "<div>Some\n   text.</div>", "<p>Some <b>te</b>xt.</p>", "Some&#32;text&#46;"),
    ("<p>Some other text.</p>", "<h2>Some other</h2><ul><li>text.</li></ul>"),
    ("",),
)
TITLES = (("A title", "  A\n title", "A <b>title</b>", "A&#32;title"), ("Another",))


def said(*, now: datetime = NOW, **changes: Any) -> CleanPost:
    """A post cleaned; ``changes`` are of what its source says."""
    values: dict[str, Any] = {
        "uri": "tag:blog.example,2026:1",
        "url": "https://blog.example/1",
        "title": TITLES[0][0],
        "html": TEXTS[0][0],
        "published": PUBLISHED,
        "updated": PUBLISHED,
        "authors": ("Ann",),
    }
    cleaned = clean_post(SourcePost(**(values | changes)), now=now)
    assert not isinstance(cleaned, SkippedPost)
    return cleaned


@pytest.mark.parametrize(
    "changes", [{"enclosures": (FILE,)}, {"picture": "https://blog.example/1.png"}, {"language": "en"}]
)
def test_what_is_with_a_post_is_seen_and_is_no_significant_edit(changes: dict[str, Any]) -> None:
    old = fresh(said(), now=NOW)
    new = merged(old, said(**changes, updated=NOW), now=NOW + HOUR)
    assert not new.looks_like(old)
    assert (new.updated, new.edited_at) == (old.updated, None)
    assert merged(new, said(), now=NOW + HOUR).looks_like(old)


@pytest.mark.parametrize("shown", [True, False])
def test_the_first_edit_counts_once_readers_have_the_post(shown: bool) -> None:
    state = PostState.LIVE if shown else PostState.DRAFT
    old = fresh(said(state=state), now=NOW)
    new = merged(old, said(state=state, title="Another"), now=NOW + HOUR)
    assert new.edited_at == (NOW + HOUR if shown else None)
    assert merged(new, said(state=state, title="Another", language="en"), now=NOW + 2 * HOUR) == replace(
        new, language="en", source_hash=said(state=state, title="Another", language="en").source_hash
    )


def test_updated_does_not_go_back_whatever_the_source_says() -> None:
    old = merged(fresh(said(), now=NOW), said(title="Another", updated=NOW), now=NOW)
    back = merged(old, said(title="A third", updated=PUBLISHED), now=NOW + HOUR)
    assert (back.updated, back.edited_at) == (NOW, NOW + HOUR)


def test_a_private_post_has_readers_and_was_never_withdrawn() -> None:
    private = fresh(said(), now=NOW, is_private=True)
    assert (private.state, private.was_read, private.was_live) == (PostState.PRIVATE, True, False)
    edited = merged(private, said(title="Another", updated=NOW), now=NOW + HOUR, is_private=True)
    assert (edited.state, edited.updated, edited.edited_at) == (PostState.PRIVATE, NOW, NOW + HOUR)
    gone = merged(edited, said(state=PostState.DELETED), now=NOW + HOUR)
    assert (gone.was_withdrawn, gone.withdrawn_at) == (False, None)


def test_a_private_post_without_a_date_keeps_the_one_it_got() -> None:
    undated: dict[str, Any] = {"published": None, "updated": None}
    private = fresh(said(**undated), now=NOW, is_private=True)
    later = NOW + HOUR
    assert merged(private, said(**undated, language="en", now=later), now=later, is_private=True) == replace(
        private, language="en", source_hash=said(**undated, language="en").source_hash
    )


def test_a_live_post_that_becomes_private_is_withdrawn_and_a_scheduled_one_waits() -> None:
    hidden = merged(fresh(said(), now=NOW), said(), now=NOW + HOUR, is_private=True)
    assert (hidden.state, hidden.was_withdrawn, hidden.withdrawn_at) == (PostState.PRIVATE, True, NOW + HOUR)
    back = merged(hidden, said(), now=NOW + 2 * HOUR)
    assert (back.state, back.withdrawn_at, back.visible_at) == (PostState.LIVE, None, NOW)
    ahead = said(published=NOW + HOUR, updated=None)
    assert fresh(ahead, now=NOW, is_private=True).state is PostState.SCHEDULED
    assert fresh(said(state=PostState.DRAFT), now=NOW, is_private=True).state is PostState.DRAFT


def test_a_deletion_keeps_what_there_was() -> None:
    old = fresh(said(enclosures=(FILE,), language="en"), now=NOW)
    tombstone = said(state=PostState.DELETED, title=None, html="", updated=NOW)
    gone = merged(old, tombstone, now=NOW + HOUR)
    assert gone == replace(
        old,
        state=PostState.DELETED,
        was_withdrawn=True,
        withdrawn_at=NOW + HOUR,
        source_hash=tombstone.source_hash,
        notes=tombstone.notes,
    )
    assert merged(gone, said(state=PostState.DRAFT), now=NOW + 2 * HOUR).withdrawn_at == NOW + HOUR


@st.composite
def versions(draw: st.DrawFn) -> tuple[int, int, dict[str, Any], bool]:
    """Which text and title a source has, what it says in full, and whether a private rule is over it."""
    text, title = draw(st.integers(0, len(TEXTS) - 1)), draw(st.integers(0, len(TITLES) - 1))
    moments = st.sampled_from([PUBLISHED, PUBLISHED + HOUR, NOW, NOW + HOUR, NOW + 3 * HOUR])
    values = {
        "html": draw(st.sampled_from(TEXTS[text])),
        "title": draw(st.sampled_from(TITLES[title])),
        "published": draw(st.none() | st.sampled_from([PUBLISHED, PUBLISHED + HOUR, NOW + 4 * HOUR])),
        "updated": draw(st.none() | moments),
        "authors": draw(st.sampled_from([("Ann",), ("Bob",)])),
        "language": draw(st.sampled_from([None, "en"])),
        "state": draw(st.sampled_from([PostState.LIVE] * 3 + [PostState.DRAFT, PostState.DELETED])),
    }
    return text, title, values, draw(st.booleans())


def history(told: list[tuple[int, int, dict[str, Any], bool]]) -> list[StoredPost]:
    """The row after each import, an hour apart."""
    rows: list[StoredPost] = []
    for number, (_, _, values, is_private) in enumerate(told):
        now = NOW + number * HOUR
        new = said(now=now, **values)
        if rows:
            rows.append(merged(rows[-1], new, now=now, is_private=is_private))
        else:
            rows.append(fresh(new, now=now, is_private=is_private))
    return rows


@given(st.lists(versions(), min_size=2, max_size=6))
def test_updated_moves_on_a_significant_edit_only(
    told: list[tuple[int, int, dict[str, Any], bool]],
) -> None:
    rows = history(told)
    # What the row holds: a deletion brings no text.
    held = [(text, title) for text, title, *_ in told]
    for number, (old, new) in enumerate(pairwise(rows), start=1):
        now = NOW + number * HOUR
        if told[number][2]["state"] is PostState.DELETED:
            held[number] = held[number - 1]
        is_edited = held[number] != held[number - 1]
        if not old.was_read:
            assert new.edited_at == old.edited_at
            continue
        assert new.updated >= max(old.updated, new.published)
        if is_edited:
            assert new.edited_at == now
        else:
            assert new.edited_at == old.edited_at
            assert new.updated == max(old.updated, new.published)


@given(st.lists(versions(), min_size=1, max_size=6))
def test_withdrawn_at_is_when_it_last_left_everybodys_sight(
    told: list[tuple[int, int, dict[str, Any], bool]],
) -> None:
    was_live, left = False, None
    for number, row in enumerate(history(told)):
        if row.state is PostState.LIVE:
            was_live, left = True, None
        elif was_live and left is None:
            left = NOW + number * HOUR
        assert (row.withdrawn_at, row.was_live) == (left, was_live)
        assert row.was_withdrawn >= (row.withdrawn_at is not None)
