"""What is told of feeds: the commands are run, every metric is named, every link leads somewhere."""

import re
import shlex
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.conftest import Command
from tests.feeds_blog import FeedsBlog
from tests.web_client import open_client


@pytest.fixture
def page(checkout: Path) -> str:
    return (checkout / "docs" / "how-to-feeds.md").read_text(encoding="utf-8")


def test_every_command_about_feeds_does_as_told(
    command: Command, page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("demo", "--once", "sample").code == 0
    monkeypatch.chdir(tmp_path / "sample")
    blocks = re.findall(r"^```\n(.*?)^```", page, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines() if line.startswith("labelcast ")]
    for line in lines:
        finished = command(*shlex.split(line)[1:])
        assert finished.code == 0, f"{line}: {finished.err}"
        if line == "labelcast config export":
            Path("feeds.toml").write_bytes(finished.out)
    assert len(lines) >= 12


def test_every_metric_is_told_with_its_labels_and_none_that_is_not_there(
    feed_blog: FeedsBlog, page: str
) -> None:
    told = dict(re.findall(r"^\| `(labelcast_\w+)(?:\{([a-z,]+)\})?` \|", page, flags=re.MULTILINE))
    with open_client(feed_blog) as client:
        client.get("/feeds/all.atom")
        text = client.get("/metrics").text
    families = list(text_string_to_metric_families(text))
    there = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert set(told) == there
    for family in families:
        for sample in family.samples:
            if sample.name in told:
                assert set(filter(None, told[sample.name].split(","))) == set(sample.labels)


def test_the_modules_that_are_named_are_there(checkout: Path) -> None:
    text = (checkout / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.partition("| step | modules of `feeds/` |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`(\w+/?)`", table))
    feeds = checkout / "feeds"
    there = {file.stem for file in feeds.rglob("*.py")} | {f"{path.name}/" for path in feeds.iterdir()}
    assert len(named) > 30
    assert named - there == set()


def test_links_among_the_pages_lead_somewhere(checkout: Path) -> None:
    docs = checkout / "docs"
    pages = [*docs.glob("how-to*.md"), *(docs / "decisions").glob("*.md"), checkout / "CHANGELOG.md"]
    assert len(pages) > 7
    for one in pages:
        text = one.read_text(encoding="utf-8")
        for target, mark in re.findall(r"\]\((?!http)([^)#]*)(?:#([^)]+))?\)", text):
            other = one.parent / target if target else one
            assert other.exists(), f"{one}: {target}"
            if mark:
                assert mark in _marks(other.read_text(encoding="utf-8")), f"{one}: {target}#{mark}"


def _marks(text: str) -> set[str]:
    """What the headings of a page are called in an address."""
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
