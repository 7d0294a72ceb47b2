"""``labelcast digests set`` and ``introduce``, and what a digest shows, through the command line and back."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from database import open_database
from digests.removing import remove_or_mark
from digests.store import get_digest
from tests.conftest import Command


@pytest.fixture
def weekly(command: Command, blog: Path) -> Path:
    """The folder of a blog with one digest."""
    added = command("digests", "add", "weekly", "--rule", "all", "--timezone", "UTC", "--min-posts", "2")
    assert added.code == 0, added.err
    return blog


def _listed(command: Command) -> dict[str, Any]:
    (found,) = command("digests", "--json").json
    listed: dict[str, Any] = found
    return listed


@pytest.mark.usefixtures("weekly")
def test_a_digest_is_changed_in_what_is_given(command: Command) -> None:
    before = _listed(command)
    assert (before["min_posts"], before["max_posts"], before["order"]) == (2, None, "newest")
    changed = command(
        *("digests", "set", "weekly", "--max-posts", "10", "--order", "oldest", "--group-by", "label"),
        *("--content", "summary", "--at", "fri 17:30", "--title", "Each week"),
    )
    assert changed.code == 0, changed.err
    assert changed.err == "digest weekly: changed, weekly, Friday 17:30 UTC, with the rule all\n"
    after = _listed(command)
    expected = {
        "max_posts": 10,
        "order": "oldest",
        "group_by": "label",
        "content": "summary",
        "at": after["at"],
        "title": "Each week",
        "next_slot": after["next_slot"],
    }
    assert after == before | expected
    assert after["next_slot"].endswith("T17:30:00Z")
    again = command("digests", "set", "weekly", "--max-posts", "0")
    assert (again.code, _listed(command)["max_posts"]) == (0, None)
    assert "unchanged" in command("digests", "set", "weekly", "--title", "Each week").err


@pytest.mark.usefixtures("weekly")
def test_what_cannot_be_changed_is_one_line(command: Command) -> None:
    for arguments, code, reason in (
        (["weekly"], 2, "nothing to change is given"),
        (["wekly", "--title", "x"], 1, "there is weekly"),
        (["weekly", "--at", "noon"], 2, "no time of a day"),
        (["weekly", "--order", "best"], 2, "'--order': 'best' is not one of 'newest', 'oldest'"),
    ):
        refused = command("digests", "set", *arguments)
        assert (refused.code, reason in refused.err) == (code, True), refused.err
        assert refused.err.count("\n") == 1


@pytest.mark.usefixtures("weekly")
def test_readers_are_counted_where_digests_are_listed(command: Command) -> None:
    for number, confirmed in enumerate((["--confirmed"], ["--confirmed"], [])):
        added = command("subscribers", "add", f"r{number}@example.org", "--digest", "weekly", *confirmed)
        assert added.code == 0, added.err
    assert _listed(command)["readers"] == 2


def test_an_introduction_is_pinned_and_taken_away(command: Command, weekly: Path) -> None:
    (weekly / "words.html").write_text("<p>We have <b>moved</b>.</p><script>x()</script>", encoding="utf-8")
    pinned = command("digests", "introduce", "weekly", "words.html")
    assert pinned.code == 0, pinned.err
    assert _listed(command)["introduction"] == "<p>We have <b>moved</b>.</p>"
    assert command("digests", "introduce", "weekly", "--text", "Hello.").code == 0
    assert _listed(command)["introduction"] == "<p>Hello.</p>"
    assert command("digests", "introduce", "weekly", "--clear").code == 0
    assert (_listed(command)["introduction"], _listed(command)["introduced_at"]) == (None, None)


def test_an_introduction_is_given_in_one_way(command: Command, weekly: Path) -> None:
    (weekly / "latin").write_bytes(b"caf\xe9")
    for arguments, code in (
        ([], 2),
        (["--text", "x", "--clear"], 2),
        (["latin"], 2),
        (["missing"], 1),
        (["--text", " "], 1),
    ):
        refused = command("digests", "introduce", "weekly", *arguments)
        assert (refused.code, refused.err.count("\n")) == (code, 1), refused.err


def test_what_a_digest_shows_is_exported_and_applied(command: Command, weekly: Path) -> None:
    command("digests", "set", "weekly", "--max-posts", "7", "--group-by", "day")
    exported = command("config", "export").text
    for line in (
        "min_posts = 2",
        "max_posts = 7",
        'group_by = "day"',
        'order = "newest"',
        'content = "full"',
    ):
        assert line in exported
    changed = exported.replace('order = "newest"', 'order = "oldest"').replace(
        "max_posts = 7", "max_posts = 9"
    )
    (weekly / "config.toml").write_text(changed, encoding="utf-8")
    assert command("config", "apply", "config.toml").err == "digest weekly: changed\n"
    assert command("config", "apply", "config.toml").err == "digest weekly: unchanged\n"
    assert (_listed(command)["order"], _listed(command)["max_posts"]) == ("oldest", 9)
    (weekly / "config.toml").write_text(changed.replace('"oldest"', '"best"'), encoding="utf-8")
    refused = command("config", "apply", "config.toml")
    assert (refused.code, "order 'best' is none" in refused.err) == (2, True)


def test_what_was_exported_comes_back_as_it_was_also_where_all_posts_were_shown(
    command: Command, weekly: Path
) -> None:
    exported = command("config", "export").text
    (weekly / "config.toml").write_text(exported, encoding="utf-8")
    command("digests", "set", "weekly", "--max-posts", "7")
    assert command("config", "apply", "config.toml").err == "digest weekly: changed\n"
    assert command("config", "export").text == exported


@pytest.mark.usefixtures("weekly")
def test_a_template_that_is_not_there_yet_is_taken_and_warned_of(command: Command) -> None:
    changed = command("digests", "set", "weekly", "--template", "compct")
    assert changed.code == 0
    assert "warning: there is no template 'compct', and nothing is sent without; did you mean 'compact'?" in (
        changed.err
    )
    assert "warning" not in command("digests", "set", "weekly", "--template", "compact").err
    added = command("digests", "add", "daily", "--rule", "all", "--template", "own")
    assert "there are compact, digest, plain, text" in added.err


@pytest.mark.usefixtures("weekly")
def test_a_digest_is_paused_and_resumed(command: Command) -> None:
    assert command("digests", "pause", "weekly").err == "digest weekly: paused\n"
    paused = _listed(command)
    assert paused["paused_at"] is not None
    assert paused["next_slot"] is None
    assert "paused already" in command("digests", "pause", "weekly").err
    refused = command("digests", "send", "weekly", "--yes")
    assert (refused.code, "resume it first" in refused.err) == (1, True)
    assert command("digests", "resume", "weekly").err == "digest weekly: resumed\n"
    assert _listed(command)["paused_at"] is None
    assert "was not paused" in command("digests", "resume", "weekly").err


@pytest.mark.usefixtures("weekly")
def test_a_digest_is_sent_beside_its_slots_when_that_is_said(command: Command) -> None:
    added = command("subscribers", "add", "ann@example.org", "--digest", "weekly", "--confirmed")
    assert added.code == 0, added.err
    command("tick")
    refused = command("digests", "send", "weekly")
    assert (refused.code, "--yes" in refused.err) == (2, True)
    sent = command("digests", "send", "weekly", "--yes")
    assert (sent.code, sent.err) == (0, "digest weekly: goes out at the next tick\n")
    assert sent.out == b"1 would get nothing: they have nothing new\n"


def test_a_digest_with_much_goes_with_a_tick_or_with_the_command(
    command: Command, weekly: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digests.removing.PORTION", 0)
    command("digests", "add", "daily", "--rule", "all", "--cadence", "daily")
    for slug in ("weekly", "daily"):
        added = command("subscribers", "add", "ann@example.org", "--digest", slug, "--confirmed")
        assert added.code == 0, added.err
    refused = command("digests", "remove", "daily")
    assert (refused.code, "--force" in refused.err) == (1, True)
    removed = command("digests", "remove", "daily", "--force")
    assert (removed.code, removed.err) == (0, "digest daily: removed, with 1 subscriptions\n")
    database = open_database(f"sqlite:///{weekly / 'labelcast.db'}")
    with database.write() as connection:
        assert not remove_or_mark(connection, get_digest(connection, "weekly"), now=datetime.now(UTC))
    database.dispose()
    # What another process began, or left.
    assert "is being removed" in command("digests", "resume", "weekly").err
    assert command("tick").code == 0
    assert command("digests", "--json").json == []
