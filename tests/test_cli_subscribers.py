"""``labelcast subscribers``: what a reader chooses, pauses and ends; lists in and out; all that is kept."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command

LISTS = Path(__file__).parent / "data" / "csv"
IDA = "ida@blog.example"


@pytest.fixture
def offered(command: Command, blog: Path) -> Path:
    for slug, cadence in (("weekly", "weekly"), ("daily", "daily")):
        made = command("digests", "add", slug, "--rule", "all", "--cadence", cadence)
        assert made.code == 0, made.err
    return blog


def _add(command: Command, *arguments: str, digest: str = "weekly") -> None:
    added = command("subscribers", "add", IDA, "--digest", digest, "--confirmed", *arguments)
    assert added.code == 0, added.err


def _held(command: Command, digest: str = "weekly") -> dict[str, Any]:
    (reader,) = command("subscribers", "--json").json
    found: dict[str, Any] = next(one for one in reader["subscriptions"] if one["digest"] == digest)
    return found


CHOICES = ("--cadence", "monthly", "--at", "last 07:30", "--timezone", "asia/tokyo", "--label", "Bees")
HOW = ("--language", "fa", "--content", "summary", "--form", "text")
CHOSEN = {
    "labels": ["bees"],
    "cadence": "monthly",
    "minute": 450,
    "weekday": None,
    "monthday": 31,
    "timezone": "Asia/Tokyo",
    "language": "fa",
    "content": "summary",
    "form": "text",
}
NOTHING = dict.fromkeys(CHOSEN) | {"labels": []}


def _chosen(one: dict[str, Any]) -> dict[str, Any]:
    return {name: one[name] for name in CHOSEN}


def test_a_reader_has_subscriptions_each_with_choices_of_its_own(command: Command, offered: Path) -> None:
    _add(command, *CHOICES, *HOW)
    _add(command, digest="daily")
    assert _chosen(_held(command)) == CHOSEN
    assert _chosen(_held(command, "daily")) == NOTHING


def test_choices_are_changed_one_by_one_and_go_back_to_the_digests_own(
    command: Command, offered: Path
) -> None:
    _add(command, *CHOICES, *HOW)
    changed = command("subscribers", "set", IDA, "--digest", "weekly", "--at", "15 08:00", "--form", "html")
    assert (changed.code, changed.err) == (0, f"{IDA}: changed for weekly\n")
    assert _chosen(_held(command)) == CHOSEN | {"minute": 480, "monthday": 15, "form": "html"}
    back = ("--at", "", "--label", "", "--cadence", "", "--language", "")
    assert command("subscribers", "set", IDA, "--digest", "weekly", *back).code == 0
    kept = {"timezone": "Asia/Tokyo", "content": "summary", "form": "html"}
    assert _chosen(_held(command)) == NOTHING | kept
    assert command("subscribers", "set", IDA, "--digest", "weekly", "--default", "--form", "text").code == 0
    assert _chosen(_held(command)) == NOTHING | {"form": "text"}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--at", "mon 08:00", "--cadence", "daily"], 2, "a weekday means nothing to daily"),
        (["--at", "15 08:00"], 2, "a day of the month means nothing to weekly"),
        (["--at", "08:00", "--cadence", "instant"], 2, "instant comes as soon as there is news"),
        (["--at", "25:00"], 2, "is no time of a day"),
        (["--content", "some"], 1, "content 'some' is none: choose one of full, summary"),
        (["--form", "pdf"], 1, "form 'pdf' is none: choose one of html, text"),
        (["--language", "no such"], 1, "is no language tag"),
        (["--timezone", "Mars/Base"], 2, "Mars/Base"),
        ([], 2, "nothing was chosen"),
    ],
)
def test_a_choice_that_cannot_be_is_one_line_and_changes_nothing(
    command: Command, offered: Path, arguments: list[str], code: int, said: str
) -> None:
    _add(command)
    before = _held(command)
    failed = command("subscribers", "set", IDA, "--digest", "weekly", *arguments)
    assert (failed.code, failed.err.count("\n")) == (code, 1)
    assert said in failed.err
    assert _held(command) == before


def test_only_a_subscription_can_be_changed(command: Command, offered: Path) -> None:
    nobody = command("subscribers", "set", IDA, "--digest", "weekly", "--form", "text")
    assert (nobody.code, nobody.err.count("\n")) == (1, 1)
    assert f"nobody has the address {IDA}" in nobody.err
    _add(command)
    other = command("subscribers", "unsubscribe", IDA, "--digest", "daily")
    assert (other.code, other.err) == (1, f"labelcast: {IDA} is subscribed not to daily, but to weekly\n")


def test_a_pause_ends_where_the_day_begins_for_the_reader(command: Command, offered: Path) -> None:
    _add(command, "--timezone", "Asia/Tokyo")
    _add(command, digest="daily")
    paused = command("subscribers", "pause", IDA, "--until", "2999-12-24")
    assert paused.code == 0, paused.err
    assert _held(command)["paused_until"] == "2999-12-23T15:00:00Z"
    assert _held(command, "daily")["paused_until"] == "2999-12-24T00:00:00Z"
    assert "weekly is paused until 2999-12-23T15:00:00Z" in paused.err
    assert "weekly (paused until 2999-12-23)" in command("subscribers").text
    assert command("subscribers", "resume", IDA, "--digest", "weekly").code == 0
    assert _held(command)["paused_until"] is None
    assert _held(command, "daily")["paused_until"] is not None
    exact = command("subscribers", "pause", IDA, "--digest", "weekly", "--until", "2999-12-24T08:00+09:00")
    assert exact.code == 0
    assert _held(command)["paused_until"] == "2999-12-23T23:00:00Z"


@pytest.mark.parametrize("until", ["2001-01-01", "soon", "2026-13-01", "9999-12-31T23:59-23:00"])
def test_a_pause_needs_a_day_to_come(command: Command, offered: Path, until: str) -> None:
    _add(command)
    failed = command("subscribers", "pause", IDA, "--until", until)
    assert (failed.code, failed.err.count("\n")) == (2, 1)
    assert _held(command)["paused_until"] is None


def test_who_unsubscribed_comes_back_by_a_new_consent_only(command: Command, offered: Path) -> None:
    _add(command)
    _add(command, digest="daily")
    assert command("subscribers", "unsubscribe", IDA, "--digest", "daily").code == 0
    assert (_held(command)["state"], _held(command, "daily")["state"]) == ("active", "ended")
    assert "unsubscribed from weekly" in command("subscribers", "unsubscribe", IDA).err
    assert command("subscribers", "unsubscribe", IDA).code == 1
    assert command("subscribers", "add", IDA, "--digest", "weekly").code == 1
    _add(command)
    assert _held(command)["state"] == "active"


def test_one_who_gets_mail_waits_for_a_digest_they_did_not_agree_to(command: Command, offered: Path) -> None:
    _add(command)
    added = command("subscribers", "add", IDA, "--digest", "daily")
    assert added.err == f"{IDA}: subscribed to daily; waits until they agree to it\n"
    assert _held(command, "daily")["state"] == "asked"
    assert "daily (asked)" in command("subscribers").text
    _add(command, digest="daily")
    assert _held(command, "daily")["state"] == "active"


def test_a_suppressed_address_stays_so_until_it_is_lifted(command: Command, offered: Path) -> None:
    _add(command)
    assert command("subscribers", "suppress", IDA, "--reason", "complained").code == 0
    assert "was suppressed before" in command("subscribers", "suppress", IDA).err
    assert command("subscribers", "add", IDA, "--digest", "weekly", "--confirmed").code == 1
    shown = command("subscribers", "show", IDA, "--json").json
    assert (shown["state"], shown["suppressed"]["reason"]) == ("suppressed", "complained")
    assert "may be written to again" in command("subscribers", "lift", IDA).err
    assert "was not suppressed" in command("subscribers", "lift", IDA).err
    assert _held(command)["state"] == "ended"
    assert command("subscribers", "suppress", "other@blog.example").code == 0
    assert command("subscribers", "show", "other@blog.example", "--json").json["suppressed"]


def test_all_that_is_kept_of_a_reader_is_shown(command: Command, offered: Path) -> None:
    _add(command, *CHOICES, *HOW)
    shown = command("subscribers", "show", IDA.upper().replace("BLOG.EXAMPLE", "blog.example"), "--json").json
    assert shown["email"] == IDA
    assert _chosen(shown["subscriptions"][0]) == CHOSEN
    (consent,) = shown["consents"]
    assert (consent["kind"], consent["origin"], consent["digest"]) == ("claimed", "command", "weekly")
    assert (shown["deliveries"], shown["bounces"], shown["suppressed"]) == ([], [], None)
    lines = command("subscribers", "show", IDA).text.splitlines()
    assert lines[0] == f"email\t{IDA}"
    assert any(line.startswith("consent\tkind claimed") for line in lines)
    nobody = command("subscribers", "show", "x@blog.example")
    assert (nobody.code, nobody.err.count("\n")) == (1, 1)


def test_a_list_of_another_service_is_taken_and_reported(command: Command, offered: Path) -> None:
    path = str(LISTS / "buttondown.csv")
    arguments = ("subscribers", "import", path, "--digest", "weekly", "--confirmed")
    tried = command(*arguments, "--dry-run", "--json")
    assert "nothing was stored" in tried.err
    assert command("subscribers", "--json").json == []
    taken = command(*arguments, "--format", "buttondown", "--json")
    assert taken.json == tried.json
    report = dict(taken.json)
    assert [one["line"] for one in report.pop("skipped")] == [5, 8]
    assert [one["line"] for one in report.pop("suppressed_lines")] == [6, 7]
    assert report == {"subscribed": 3, "already": 0, "suppressed": 2, "pending": 1}
    again = command(*arguments)
    assert again.text.splitlines() == [
        "0 subscribed, 3 already, 2 suppressed, 2 skipped",
        "suppressed line 6: gone@news.example is suppressed here: bounced on 2023-04-04",
        *(line for line in again.text.splitlines() if line.startswith("suppressed line 7")),
        "skipped line 5: del@news.example is not subscribed there: unsubscribed on 2023-03-03",
        "skipped line 8: odd@news.example: 'levitating' is no type of Buttondown's that is known",
    ]
    wrong = command(*arguments, "--format", "ghost")
    assert (wrong.code, wrong.err.count("\n")) == (1, 1)
    assert "this is no list of Ghost" in wrong.err


def test_an_export_is_taken_back_without_naming_a_digest(command: Command, offered: Path) -> None:
    _add(command, *CHOICES, *HOW)
    _add(command, digest="daily")
    (offered / "all.csv").write_bytes(command("subscribers", "export").out)
    before = command("subscribers", "--json").json
    again = command("subscribers", "import", "all.csv", "--confirmed", "--json")
    assert (again.json["subscribed"], again.json["already"]) == (0, 2)
    assert command("subscribers", "--json").json == before
    none = command("subscribers", "import", str(LISTS / "ghost.csv"))
    assert (none.code, none.err.count("\n")) == (1, 1)
    assert "--digest" in none.err


def test_a_pending_readers_subscriptions_do_not_come_due(command: Command, offered: Path) -> None:
    post = {"id": "tag:blog.example,2024:x", "title": "New", "published": "2024-06-05T10:00:00Z", "html": "x"}
    _add(command, digest="daily")
    assert command("subscribers", "add", "bo@blog.example", "--digest", "daily").code == 0
    assert command("subscribers", "add", IDA, "--digest", "weekly").code == 0
    assert command("tick", "--now", "2024-06-03T08:00Z").code == 0
    (offered / "new.jsonl").write_text(json.dumps(post), encoding="utf-8")
    assert command("import", "new.jsonl", "--now", "2024-06-05T11:00Z").code == 0
    assert command("tick", "--now", "2024-06-12T08:00Z").code == 0
    sent = command("deliveries", "--json").json
    assert [(one["email"], one["digest"]) for one in sent] == [(IDA, "daily")]
