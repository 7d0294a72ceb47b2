"""The publisher in a real browser: a feed, a digest, a mail, an import, from the first click to the last."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.feed_programs import Newsboat, subscribe
from tests.playing import BEGIN, Play, await_, played, text_of
from tests.stage import PASSWORD

READERS = ("rea@example.org", "rob@example.org", "ruth@example.org")
MORE = "".join(
    f'{{"id": "tag:blog.example,2026:more-{number}", "url": "https://blog.example/more-{number}",'
    f' "title": "More {number}", "published": "2026-11-12T0{number}:00:00Z", "labels": ["Wool"],'
    f' "html": "<p>More.</p>"}}\n'
    for number in range(1, 6)
)


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """A blog that is served, with three readers."""
    with played(tmp_path) as begun:
        begun.add_readers(*READERS)
        yield begun


@contextmanager
def opened(browser: Any, play: Play, name: str, *, has_script: bool = True) -> Iterator[Any]:
    """Somebody's window, once they have logged in."""
    context = browser.new_context(
        viewport={"width": 1280, "height": 800}, java_script_enabled=has_script, timezone_id="UTC"
    )
    page = context.new_page()
    page.goto(f"{play.address}/admin/feeds")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{play.address}/admin/feeds")
    yield page
    context.close()


def press(page: Any, name: str) -> None:
    """Press the button of that name, and wait for where it leads."""
    with page.expect_navigation():
        page.get_by_role("button", name=name).first.click()


@pytest.mark.parametrize("has_script", [True, False])
def test_a_rule_feed_is_made_and_read_by_newsboat(
    browser: Any, play: Play, tmp_path: Path, *, has_script: bool
) -> None:
    with opened(browser, play, "ann", has_script=has_script) as page:
        page.get_by_role("link", name="Make a feed").first.click()
        page.get_by_label("Title").fill("Out of doors")
        rule = page.get_by_label("Rule", exact=True)
        if has_script:
            rule.press_sequentially("Bees or cyc")
            page.wait_for_selector("[role=option]")
            page.keyboard.press("ArrowDown")
            page.keyboard.press("Enter")
            assert rule.input_value() == "Bees or Cycling"
            page.locator("#matches").get_by_text("Hills").wait_for()
        else:
            rule.fill("Bees or Cycling")
            press(page, "Show what it matches")
        matched = page.inner_text("#matches")
        assert "Swarms" in matched
        assert "Complaints" not in matched
        press(page, "Make the feed")
        page.wait_for_url("**/configured/out-of-doors")
        newsboat = subscribe("newsboat", tmp_path, f"{play.address}/feeds/out-of-doors.atom")
        assert isinstance(newsboat, Newsboat)
        newsboat.poll()
        assert {title for (title,) in newsboat.ask("SELECT title FROM rss_item")} == {"Swarms", "Hills"}
        _hide_swarms(page, play)
        # What is answered may be a second old.
        feed = f"{play.address}/feeds/out-of-doors.atom"
        await_(lambda: "Swarms" not in page.request.get(feed).text())
        assert "Hills" in page.request.get(feed).text()


def _hide_swarms(page: Any, play: Play) -> None:
    page.goto(f"{play.address}/admin/posts?q=swarms")
    page.locator("input[name=id]").first.check()
    page.get_by_label("What to do").select_option("hide")
    press(page, "See what will happen")
    assert "out of doors" in page.inner_text("main").lower()
    press(page, "Hide")


@pytest.mark.parametrize("has_script", [True, False])
def test_a_digest_is_made_looked_at_tried_and_sent(browser: Any, play: Play, *, has_script: bool) -> None:
    with opened(browser, play, "ann", has_script=has_script) as page:
        page.goto(f"{play.address}/admin/digests/_new")
        page.get_by_label("Address", exact=True).fill("bees")
        page.get_by_label("Title").fill("Bees by mail")
        page.locator("[name=rule]").fill("Bees")
        page.locator("[name=timezone]").fill("Asia/Tehran")
        if has_script:
            page.locator("#comes-to li time").nth(4).wait_for()
            await_(lambda: "+03:30" in page.inner_text("#comes-to"))
        page.locator("main form button.main").first.click()
        page.wait_for_url("**/admin/digests/bees*")
        play.add_readers(*READERS, digest="bees")
        _preview(page, play)
        _send_now(page, play)
        _watch(page, play, has_script=has_script)


def _preview(page: Any, play: Play) -> None:
    """For a date and a reader; and a test of it."""
    play.now = BEGIN + timedelta(hours=2)
    play.publish("Honey", "Bees")
    play.publish("Gears", "Cycling")
    page.goto(f"{play.address}/admin/digests/bees/preview")
    page.get_by_label("For which reader").fill("rea@example.org")
    page.get_by_label("On which day").fill("2026-11-23")
    page.locator("main form button").first.click()
    page.locator("iframe").nth(1).wait_for()
    assert "rea@example.org" in page.inner_text("main")
    for number, width in enumerate((375, 680)):
        frame = page.locator("iframe").nth(number)
        assert frame.get_attribute("width") == str(width)
        assert frame.content_frame.get_by_text("All about Honey.", exact=True).is_visible()
    assert "All about Honey." in page.inner_text("main pre >> nth=0")
    assert "Gears" not in page.inner_text("main pre >> nth=0")
    page.get_by_label("To which address").fill("me@example.org")
    press(page, "Send")
    (trial,) = play.await_mails(1)
    assert trial["To"] == "me@example.org"
    assert "All about Honey." in text_of(trial)


def _send_now(page: Any, play: Play) -> None:
    """Told to, it is made; and nothing of it has left yet."""
    page.goto(f"{play.address}/admin/digests/bees/send")
    press(page, "Send it to 3 readers")
    play.prepare(play.now + timedelta(minutes=1))
    assert play.new_mails() == []


def _watch(page: Any, play: Play, *, has_script: bool) -> None:
    """How it stands, to its end: by itself, or when it is loaded anew."""
    page.goto(f"{play.address}/admin/deliveries")
    page.locator("main h2 a, main li a, main td a").first.click()
    page.wait_for_url(re.compile(r"/deliveries/\d+$"))
    page.get_by_text("Under way: 3 of 3 to go.").wait_for()
    assert page.locator("[data-over]").count() == 0
    loaded: list[str] = []
    page.on("framenavigated", lambda frame: loaded.append(frame.url))
    play.tick(play.now + timedelta(minutes=1))
    mails = play.new_mails()
    assert [mail["To"] for mail in mails] == list(READERS)
    assert all("All about Honey." in text_of(mail) for mail in mails)
    if has_script:
        page.locator("[data-over]").wait_for(state="attached")
        assert page.inner_text("[role=status]#standing-said") == "All of it is done."
        assert loaded == []
    else:
        # A browser that runs no script loads it every ten seconds; somebody may be quicker.
        assert page.locator("meta[http-equiv=refresh]").get_attribute("content") == "10"
        page.reload()
        assert page.locator("meta[http-equiv=refresh]").count() == 0
    assert "3" in page.inner_text(".bar")
    page.reload()
    assert page.locator("[data-poll]").count() == 0


@pytest.mark.parametrize("has_script", [True, False])
def test_a_file_is_imported_and_its_posts_are_given_a_label(
    browser: Any, play: Play, *, has_script: bool
) -> None:
    with opened(browser, play, "ann", has_script=has_script) as page:
        page.goto(f"{play.address}/admin/import")
        file = {"name": "more.jsonl", "mimeType": "application/json", "buffer": MORE.encode()}
        page.get_by_label("File").set_input_files(file)
        press(page, "See what would come of it")
        _await_end(page, has_script=has_script, button="Store")
        assert "5" in page.inner_text("main")
        press(page, "Store")
        _await_end(page, has_script=has_script, button="")
        page.goto(f"{play.address}/admin/posts?rule=Wool")
        for tick in page.locator("input[name=id]").all():
            tick.check()
        page.get_by_label("What to do").select_option("add")
        page.locator("[name=label]").fill("Knitting")
        press(page, "See what will happen")
        press(page, "Give the label to 5 posts")
        assert "More 5" in page.request.get(f"{play.address}/feeds/knitting.atom").text()


def _await_end(page: Any, *, has_script: bool, button: str) -> None:
    """Until a job's page says that it is over: by itself, or when it is loaded anew."""

    def is_over() -> bool:
        if not has_script:
            page.reload()
        words = page.inner_text("main")
        return page.get_by_role("button", name=button).count() > 0 if button else "stored" in words.lower()

    await_(is_over)


def test_a_viewer_sees_all_and_changes_nothing(browser: Any, play: Play) -> None:
    with opened(browser, play, "cleo") as page:
        for path in ("/feeds", "/digests/week", "/posts", "/deliveries", "/readers"):
            assert page.goto(f"{play.address}/admin{path}").status == 200
            assert page.locator("main form[method=post] button").count() == 0, path
        for path in ("/digests/_new", "/digests/week/send", "/readers/export", "/accounts"):
            assert page.goto(f"{play.address}/admin{path}").status == 403, path
