"""The commands, told as a publisher would use them."""

import json
import socket
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command

POSTS: list[dict[str, Any]] = [
    {
        "id": "tag:blog.example,2024:one",
        "url": "https://blog.example/one",
        "title": "One",
        "published": "2024-05-01T10:00:00Z",
        "labels": ["Bees"],
        "author": "Ida",
        "html": "<p>First <b>post</b></p>",
    },
    {
        "id": "tag:blog.example,2024:two",
        "url": "https://blog.example/two",
        "title": "Two",
        "published": "2024-05-02T10:00:00Z",
        "labels": ["Bees", "C++"],
        "html": "<p>Second</p>",
    },
    {
        "id": "tag:blog.example,2024:three",
        "title": "Three",
        "published": "2024-05-03T10:00:00Z",
        "labels": ["Town hall"],
        "draft": True,
        "html": "<p>Third</p>",
    },
]


def write(path: Path, posts: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(post) + "\n" for post in posts), encoding="utf-8")
    return path.name


@pytest.fixture
def filled(command: Command, blog: Path) -> Path:
    """A blog with two live posts and a draft, imported early in May 2024."""
    finished = command("import", write(blog / "posts.jsonl", POSTS), "--now", "2024-05-04T00:00Z")
    assert finished.code == 0, finished.err
    return blog


def test_an_import_counts_and_again_changes_nothing(command: Command, blog: Path) -> None:
    file = write(blog / "posts.jsonl", POSTS)
    assert command("import", file).text == "3 new, 0 updated, 0 unchanged, 0 skipped\n"
    assert command("import", file).text == "0 new, 0 updated, 3 unchanged, 0 skipped\n"
    changed = [POSTS[0] | {"title": "Uno"}, *POSTS[1:]]
    assert command("import", write(blog / "posts.jsonl", changed), "--json").json == {
        "new": 0,
        "updated": 1,
        "unchanged": 2,
        "skipped": [],
    }


def test_a_bad_post_among_good_ones_is_skipped_and_listed(command: Command, blog: Path) -> None:
    bad = [
        *POSTS,
        {"id": "tag:blog.example,2024:four", "title": "Four", "published": "yesterday", "html": "x"},
    ]
    finished = command("import", write(blog / "posts.jsonl", bad))
    assert finished.code == 0
    assert "3 new, 0 updated, 0 unchanged, 1 skipped" in finished.text
    assert "skipped tag:blog.example,2024:four" in finished.text
    (skipped,) = command("import", "posts.jsonl", "--json").json["skipped"]
    assert skipped["id"] == "tag:blog.example,2024:four"
    assert skipped["reason"]


def test_a_dry_run_stores_nothing(command: Command, blog: Path) -> None:
    finished = command("import", write(blog / "posts.jsonl", POSTS), "--dry-run")
    assert finished.text == "3 new, 0 updated, 0 unchanged, 0 skipped\n"
    assert "nothing was stored" in finished.err
    assert command("posts", "--json").json == []


def test_what_was_cleaned_is_told_of_each_post(command: Command, blog: Path) -> None:
    odd = POSTS[0] | {"html": "<p onclick='x()'>First</p>"}
    assert "posts --json" not in command("import", write(blog / "posts.jsonl", [odd]), "--dry-run").err
    finished = command("import", write(blog / "posts.jsonl", [odd, POSTS[1]]))
    assert "cleaned or mended in 1 of them; `labelcast posts --json` has what, under notes" in finished.err
    assert [post["notes"] for post in command("posts", "--json").json] == [[], ["removed 1 event handler"]]


def test_labels_given_come_on_top(command: Command, blog: Path) -> None:
    assert (
        command("import", write(blog / "posts.jsonl", POSTS[:1]), "--label", "Old", "--label", "C#").code == 0
    )
    (post,) = command("posts", "--json").json
    assert set(post["labels"]) == {"Bees", "Old", "C#"}


def test_standard_input_is_a_source(program: Command) -> None:
    assert program("init").code == 0
    lines = "".join(json.dumps(post) + "\n" for post in POSTS)
    assert program("import", "-", stdin=lines.encode()).text.startswith("3 new")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nowhere.xml"], 1, "nowhere.xml: cannot be read"),
        (["empty.xml"], 1, "empty.xml: is empty"),
        (["cut.xml", "--format", "blogger"], 1, "cut.xml"),
        (["posts.jsonl", "--now", "soon"], 2, "--now: 'soon' is no date"),
        (["posts.jsonl", "--format", "word"], 2, "--format"),
    ],
)
def test_a_source_that_is_none_is_one_line_and_changes_nothing(
    command: Command, filled: Path, arguments: list[str], code: int, said: str
) -> None:
    (filled / "empty.xml").write_bytes(b"")
    (filled / "cut.xml").write_bytes(
        b"<?xml version='1.0'?><feed xmlns='http://www.w3.org/2005/Atom'><entry>"
    )
    before = command("posts", "--json").out
    finished = command("import", *arguments)
    assert finished.code == code
    assert finished.out == b""
    assert said in finished.err
    assert finished.err.count("\n") == 1
    assert command("posts", "--json").out == before


def test_a_post_is_hidden_and_shown_by_its_id_or_its_number(command: Command, filled: Path) -> None:
    newest = ("posts", "--state", "live", "--limit", "1")
    number, uri = command(*newest).text.split("\t")[0], command(*newest, "--json").json[0]["id"]
    for wanted in (number, uri):
        assert command("posts", "hide", wanted).code == 0
        assert command(*newest, "--json").json[0]["id"] != uri
        assert command("posts", "show", wanted).code == 0
        assert command(*newest, "--json").json[0]["id"] == uri
    assert "post '99': there is none of this id or number" in command("posts", "hide", "99").err


def test_posts_are_listed_newest_first_with_the_keys_promised(command: Command, filled: Path) -> None:
    posts = command("posts", "--json").json
    assert [post["title"] for post in posts] == ["Three", "Two", "One"]
    assert set(posts[0]) == {
        *("id", "url", "title", "published", "updated", "labels", "author", "state", "html", "notes"),
    }
    assert posts[2]["published"] == "2024-05-01T10:00:00Z"
    assert posts[2]["author"] == "Ida"
    assert [post["title"] for post in command("posts", "--label", "bees and not c++", "--json").json] == [
        "One"
    ]
    assert [post["title"] for post in command("posts", "--state", "draft", "--json").json] == ["Three"]
    assert len(command("posts", "--limit", "1", "--json").json) == 1
    assert command("posts", "--limit", "1").text.split("\t")[3] == "Three"


def test_a_rule_that_names_no_label_is_taken_with_a_warning(command: Command, filled: Path) -> None:
    finished = command("posts", "--label", "Beess", "--json")
    assert finished.code == 0
    assert finished.json == []
    assert "no post has the label 'Beess' yet; the nearest: Bees" in finished.err


def test_labels_can_be_listed_renamed_merged_and_deleted(command: Command, filled: Path) -> None:
    assert {label["name"]: label["posts"] for label in command("labels", "--json").json} == {
        "Bees": 2,
        "C++": 1,
        "Town hall": 0,
    }
    assert set(command("labels", "list", "--json").json[0]) == {"name", "slug", "posts"}
    assert command("labels", "rename", "bees", "Honey").code == 0
    assert command("labels", "merge", "C++", "Honey").code == 0
    assert command("labels", "delete", "Town hall").code == 0
    assert command("labels").text == "Honey\thoney\t2\n"
    assert len(command("posts", "--label", "bees", "--json").json) == 2
    finished = command("labels", "rename", "Nothing", "Something")
    assert finished.code == 1
    assert finished.err.count("\n") == 1


def test_digests_can_be_offered_previewed_and_removed(command: Command, filled: Path) -> None:
    offered = command(
        "digests", "add", "weekly", "--rule", "Bees", "--at", "mon 08:00", "--timezone", "America/Regina"
    )
    assert offered.code == 0, offered.err
    assert offered.err == "digest weekly: added, weekly, Monday 08:00 America/Regina, with the rule Bees\n"
    listed = command("digests").text
    assert listed.startswith("weekly\tWeekly\tBees\tweekly, Monday 08:00 America/Regina\t")
    assert listed.endswith("T14:00:00Z\t0\n")
    (digest,) = command("digests", "--json").json
    assert digest["rule"] == "Bees"
    assert digest["cadence"] == "weekly"
    assert digest["timezone"] == "America/Regina"

    before = (filled / "labelcast.db").read_bytes()
    news = command("digests", "preview", "weekly", "--at", "2024-05-06T08:00-06:00", "--format", "eml")
    assert news.err == ""
    message = message_from_bytes(news.out, policy=default)
    assert message["Subject"]
    assert "Second" in command("digests", "preview", "weekly", "--format", "text").text
    assert "<html" in command("digests", "preview", "weekly", "--format", "html").text
    assert "there is no news" in command("digests", "preview", "weekly").err
    assert (filled / "labelcast.db").read_bytes() == before
    assert list(filled.glob("outbox/new/*")) == []

    assert command("digests", "remove", "weekly").code == 0
    assert command("digests", "list", "--json").json == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["weekly", "--rule", "a and"], 2),
        (["weekly", "--rule", "all", "--cadence", "hourly"], 2),
        (["weekly", "--rule", "all", "--at", "noon"], 2),
        (["weekly", "--rule", "all", "--timezone", "Mars/Olympus"], 2),
        (["weekly", "--rule", "all", "--title", "a\r\nBcc: x@y.z"], 1),
        (["Not A Slug!", "--rule", "all"], 1),
    ],
)
def test_a_digest_that_cannot_be_is_one_line_and_not_stored(
    command: Command, blog: Path, arguments: list[str], code: int
) -> None:
    finished = command("digests", "add", *arguments)
    assert finished.code == code
    assert finished.err.count("\n") == 1
    assert command("digests", "--json").json == []


@pytest.fixture
def offered(command: Command, filled: Path) -> Path:
    assert command("digests", "add", "weekly", "--rule", "all").code == 0
    return filled


def test_readers_can_be_added_listed_exported_and_erased(command: Command, offered: Path) -> None:
    added = command(
        *("subscribers", "add", "Ida@blog.example", "--digest", "weekly", "--label", "Bees"),
        *("--cadence", "daily", "--timezone", "Europe/Oslo", "--confirmed"),
    )
    assert added.code == 0, added.err
    (reader,) = command("subscribers", "--json").json
    assert reader["email"] == "Ida@blog.example"
    assert reader["state"] == "confirmed"
    (subscription,) = reader["subscriptions"]
    assert subscription["digest"] == "weekly"
    assert subscription["labels"] == ["bees"]
    assert subscription["cadence"] == "daily"

    exported = command("subscribers", "export")
    assert exported.text.splitlines()[1].startswith("Ida@blog.example,confirmed,,weekly,active,bees,daily")
    assert command("subscribers", "erase", "ida@blog.example").code == 0
    assert command("subscribers", "--json").json[0]["email"] is None
    back = command("subscribers", "add", "ida@blog.example", "--digest", "weekly", "--confirmed")
    assert back.code == 1
    assert "as its reader wished" in back.err


def test_readers_come_from_csv_and_bad_lines_are_listed(command: Command, offered: Path) -> None:
    lines = [
        "email,labels,cadence",
        "a@blog.example,Bees,daily",
        "nobody,,",
        "b@blog.example,,hourly",
        "c@blog.example,,",
    ]
    (offered / "readers.csv").write_text("\n".join(lines), encoding="utf-8")
    finished = command("subscribers", "import", "readers.csv", "--digest", "weekly", "--confirmed")
    assert finished.code == 0, finished.err
    assert finished.text.splitlines()[0] == "2 subscribed, 0 already, 0 suppressed, 2 skipped"
    assert "skipped line 3" in finished.text
    assert "skipped line 4" in finished.text
    emails = [reader["email"] for reader in command("subscribers", "--json").json]
    assert emails == ["a@blog.example", "c@blog.example"]


def test_a_reader_may_choose_a_label_that_comes_tomorrow(command: Command, offered: Path) -> None:
    finished = command("subscribers", "add", "a@blog.example", "--digest", "weekly", "--label", "Beez")
    assert finished.code == 0, finished.err
    assert "no post has the label 'Beez' yet; the nearest: Bees" in finished.err
    (reader,) = command("subscribers", "--json").json
    assert reader["subscriptions"][0]["labels"] == ["beez"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["nobody", "--digest", "weekly"], 2, "is no email address"),
        (["a@blog.example\r\nBcc: b@blog.example", "--digest", "weekly"], 2, "is no email address"),
        (["a@blog.example", "--digest", "wekly"], 1, "there is weekly"),
        (["a@blog.example", "--digest", "weekly", "--cadence", "hourly"], 2, "hourly"),
        (["a@blog.example", "--digest", "weekly", "--timezone", "Mars/Olympus"], 2, "Mars/Olympus"),
    ],
)
def test_a_reader_that_cannot_be_is_one_line_and_not_stored(
    command: Command, offered: Path, arguments: list[str], code: int, said: str
) -> None:
    finished = command("subscribers", "add", *arguments)
    assert finished.code == code
    assert said in finished.err
    assert finished.err.count("\n") == 1
    assert command("subscribers", "--json").json == []


def test_a_file_that_is_no_csv_changes_nothing(command: Command, offered: Path) -> None:
    (offered / "readers.csv").write_bytes(b'email\na@blog.example\n"open')
    finished = command("subscribers", "import", "readers.csv", "--digest", "weekly")
    assert finished.code == 1
    assert finished.err.count("\n") == 1
    assert command("subscribers", "--json").json == []


def test_a_week_of_a_digest(command: Command, offered: Path) -> None:
    """Old posts are no news; a new one is, once."""
    assert command("subscribers", "add", "ida@blog.example", "--digest", "weekly", "--confirmed").code == 0
    assert command("tick", "--now", "2024-06-03T08:00Z").code == 0
    assert command("deliveries", "--json").json == []
    new = [
        POSTS[0] | {"id": "tag:blog.example,2024:new", "title": "New", "published": "2024-06-05T10:00:00Z"}
    ]
    imported = command("import", write(offered / "new.jsonl", new), "--now", "2024-06-05T11:00Z")
    assert imported.text.startswith("1 new")
    for _ in range(2):
        assert command("tick", "--now", "2024-06-10T08:00Z").code == 0
    (delivery,) = command("deliveries", "--json").json
    assert delivery["email"] == "ida@blog.example"
    assert delivery["state"] == "sent"
    assert {"email", "digest", "edition", "state", "attempts", "message_id", "reply"} <= set(delivery)
    (mail,) = (offered / "outbox" / "new").iterdir()
    message = message_from_bytes(mail.read_bytes(), policy=default)
    assert message["Message-ID"] == delivery["message_id"]
    assert command("deliveries", "list", "--state", "failed", "--json").json == []
    assert "0 deliveries" in command("deliveries", "retry").err
    assert "0 deliveries" in command("deliveries", "release").err


def test_tick_answers_json_and_nothing_else(command: Command, offered: Path) -> None:
    finished = command("tick", "--json")
    assert isinstance(finished.json, dict)
    assert finished.err == ""


def test_an_address_that_is_taken_is_an_error_of_its_own(command: Command, blog: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = blog / "labelcast.toml"
        settings.write_text(settings.read_text().replace("port = 8000", f"port = {port}"))
        finished = command("run")
    assert finished.code == 1
    assert f"127.0.0.1:{port}: the address is taken: set web.port to another" in finished.err


def test_nothing_to_run_is_bad_usage(command: Command, blog: Path) -> None:
    finished = command("run", "--no-web", "--no-scheduler")
    assert finished.code == 2
    assert finished.err.count("\n") == 1


def test_feeds_and_digests_as_a_file(command: Command, offered: Path) -> None:
    assert command("feeds", "add", "hives", "--rule", "Bees", "--entries", "5").code == 0
    exported = command("config", "export").text
    (offered / "config.toml").write_text(exported, encoding="utf-8")
    again = command("config", "apply", "config.toml")
    assert again.code == 0, again.err
    assert again.err.splitlines() == ["feed hives: unchanged", "digest weekly: unchanged"]
    assert command("config", "export").text == exported

    changed = (
        exported.replace("entries = 5", "entries = 9")
        + '\n[digests.monthly]\nrule = "Bees"\ncadence = "monthly"\n'
    )
    (offered / "config.toml").write_text(changed, encoding="utf-8")
    assert command("config", "apply", "config.toml").err.splitlines() == [
        "feed hives: changed",
        "digest weekly: unchanged",
        "digest monthly: added",
    ]
    assert command("config", "apply", "config.toml").err.count("unchanged") == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[feeds.a]\nrule = 'x and'\n", "[feeds.a]: "),
        ("[feeds.a]\nrule = 'x'\nentreis = 5\n", "[feeds.a]: entreis: unknown key"),
        ("[feeds.a]\nrule = 5\n", "[feeds.a]: rule: should be a string"),
        ("[feeds.a]\nentries = 5\n", "[feeds.a]: rule is missing"),
        ("[digests.a]\nrule = 'x'\nmax_age_days = inf\n", "[digests.a]: max_age_days: should be a number"),
        ("[digests.a]\nrule = 'x'\ncadence = 'hourly'\n", "[digests.a]: "),
        ("[web]\nport = 5\n", "[web]: only [feeds."),
        ("feeds = 5\n", "feeds: should be tables"),
        ("a = \n", "this is no TOML"),
    ],
)
def test_a_wrong_file_is_one_line_and_changes_nothing(
    command: Command, blog: Path, text: str, said: str
) -> None:
    good = "" if text.startswith("feeds =") else '[feeds.good]\nrule = "all"\n'
    (blog / "config.toml").write_text(good + text, encoding="utf-8")
    finished = command("config", "apply", "config.toml")
    assert finished.code == 2
    assert f"config.toml: {said}" in finished.err
    assert finished.err.count("\n") == 1
    assert command("config", "export").text == ""
