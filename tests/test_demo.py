"""The demo: built twice, served, and its digest sent while somebody watches."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable
from email import message_from_bytes
from email.policy import default
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from lxml import etree

from labelcast.demo import free_port
from tests.conftest import ROOT, Command

ENOUGH_SECONDS = 90

T = TypeVar("T")


def _sample() -> list[dict[str, Any]]:
    text = files("labelcast").joinpath("sample", "posts.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def test_the_sample_blog_is_one_worth_looking_at() -> None:
    posts = [post for post in _sample() if post["days"] is not None]
    labels = Counter(label for post in posts for label in post["labels"])
    assert len(posts) >= 30
    assert len(labels) >= 12
    assert {"C++", "園芸", "Straße", "Lost & found"} <= set(labels)
    days = [post["days"] for post in posts]
    assert max(days) > 720
    assert min(days) < 0
    assert any(post.get("draft") for post in posts)


def test_once_builds_everything_and_again_changes_nothing(command: Command, tmp_path: Path) -> None:
    first = command("demo", "--once", "d")
    assert first.code == 0, first.err
    assert first.err == ""
    table = {row.split("\t")[0]: row.split("\t")[1:] for row in first.text.splitlines()}
    assert int(table["posts"][0]) >= 30
    authors = {post["author"] for post in _sample()}
    assert int(table["feeds"][0]) == 1 + int(table["labels"][0]) + len(authors)
    assert table["mails"][0] == "1"
    before = {path: path.read_bytes() for path in (tmp_path / "d" / "public").rglob("*.atom")}
    assert len([path for path in before if "archive" not in path.parts]) == int(table["feeds"][0])

    again = command("demo", "--once", "d")
    assert again.code == 0, again.err
    assert "0 new, 45 unchanged" in again.text
    assert {path: path.read_bytes() for path in (tmp_path / "d" / "public").rglob("*.atom")} == before
    assert len(list((tmp_path / "d" / "outbox" / "new").iterdir())) == 1


def test_what_it_builds_is_a_feed_and_a_mail(command: Command, tmp_path: Path) -> None:
    assert command("demo", "--once").code == 0
    folder = tmp_path / "labelcast-demo"
    feed = etree.parse(folder / "public" / "feeds" / "all.atom")
    assert len(feed.findall("{http://www.w3.org/2005/Atom}entry")) == 25
    (mail,) = (folder / "outbox" / "new").iterdir()
    message = message_from_bytes(mail.read_bytes(), policy=default)
    assert message["To"] == "reader@valley.example"
    text = message.get_body(("plain",))
    assert text is not None
    assert "Listening to a hive in the cold" in text.get_content()
    assert "Why there is a page now" not in text.get_content()


def test_a_port_that_is_taken_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert free_port("127.0.0.1", port) > port


def _get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode())


def test_it_is_served_and_a_digest_goes_out_while_one_watches(tmp_path: Path) -> None:
    path = {"PYTHONPATH": str(ROOT)} if (ROOT / "labelcast").is_dir() else {}
    said = (tmp_path / "said").open("w+b")
    serving = subprocess.Popen(
        [sys.executable, "-m", "labelcast", "demo"],
        cwd=tmp_path,
        env=os.environ | path,
        stdout=said,
        stderr=said,
    )
    try:
        address = _wait_for(lambda: _address(tmp_path / "said"))
        assert "Cycling" in _wait_for(lambda: _answer(address))
        assert "The week in the valley" in _get(f"{address}outbox")
        assert "<entry>" in _get(f"{address}feeds/cycling.atom")
        asked = b"email=watcher%40valley.example&digest=the-week"
        with urllib.request.urlopen(f"{address}subscribe", data=asked, timeout=10) as answer:
            assert "Look into your mail" in answer.read().decode()
        assert _wait_for(lambda: "Confirm: The week in the valley" in _get(f"{address}outbox"))
        assert _wait_for(lambda: "News at once" in _get(f"{address}outbox"))
        serving.send_signal(signal.SIGTERM)
        assert serving.wait(timeout=60) == 0
    finally:
        serving.kill()
        serving.wait()
        said.close()
    assert "Traceback" not in (tmp_path / "said").read_text(encoding="utf-8")


def _address(said: Path) -> str | None:
    found = re.search(r"^(http://localhost:\d+/) ", said.read_text(encoding="utf-8"), re.MULTILINE)
    return found[1] if found else None


def _answer(address: str) -> str | None:
    try:
        return _get(address)
    except OSError:
        return None


def _wait_for(asked: Callable[[], T | None]) -> T:
    """What ``asked`` comes to give; fails when that takes far too long."""
    end = time.monotonic() + ENOUGH_SECONDS
    while not (found := asked()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.1)
    return found
