"""Publishing processes that are killed; ``test_feeds_publish.py`` runs ``python -m tests.feeds_killing``."""

import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable
from itertools import count
from pathlib import Path

from lxml import etree

from database import open_database
from feeds.folder import MANIFEST, UNFINISHED
from feeds.publish import publish
from tests.feeds_blog import FeedsBlog, post

FOREIGN = "robots.txt"
CONTENT = "{http://www.w3.org/2005/Atom}content"
KILLS = 20


def at_random(blog: FeedsBlog, out: Path) -> None:
    """Change the posts and publish over and over, killed at random; print how many turns were done."""
    chance = random.Random(20260301)
    turns = 0
    for _ in range(KILLS):
        done, told = os.pipe()
        child = _fork(blog, lambda: _forever(blog, out, told))  # noqa: B023 # called before the next turn
        os.close(told)
        # So many turns, and then anywhere in the next.
        for _ in range(chance.randint(1, 3)):
            turns += len(os.read(done, 1))
        time.sleep(chance.uniform(0, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(done)
        for file in (out / "feeds").glob("*.atom"):
            root = etree.fromstring(file.read_bytes())
            texts = {(content.text or "")[:40] for content in root.iter(CONTENT)}
            assert len(texts) <= 1, f"{file.name} is of two turns: {texts}"
    sys.stdout.write(f"{turns}\n")


def _forever(blog: FeedsBlog, out: Path, told: int) -> None:
    builder = blog.builder()
    for turn in count(1):
        labels = [f"label {number}" for number in range(turn % 3, turn % 3 + 5)]
        html = f"<p>{os.getpid()}, {turn}</p>{'<p>more</p>' * 500}"
        blog.store_all(post(number, *labels, html=html) for number in range(1, 6))
        publish(builder, out)
        os.write(told, b".")


def everywhere(blog: FeedsBlog, out: Path) -> None:
    """Publish over what is in the folder, killed at each call to the file system in turn; print how many."""
    before = out.with_name("before")
    shutil.copytree(out, before)
    old = _files(before)
    fresh = out.with_name("fresh")
    publish(blog.builder(), fresh)
    new = _files(fresh) | {FOREIGN: old[FOREIGN]}
    for kills in count():
        shutil.rmtree(out)
        shutil.copytree(before, out)
        if not _is_killed(blog, out, at=kills + 1):
            break
        for name, body in _files(out).items():
            assert body in (old.get(name), new.get(name)), f"{name} is half there after kill {kills + 1}"
        publish(blog.builder(), out)
        assert _files(out) == new, f"not up to date after kill {kills + 1}"
        assert not list(out.rglob(f"*{UNFINISHED}")), f"left something behind after kill {kills + 1}"
    assert _files(out) == new
    sys.stdout.write(f"{kills}\n")


def _is_killed(blog: FeedsBlog, out: Path, *, at: int) -> bool:
    def work() -> None:
        _die_at_call(out, at)
        publish(blog.builder(), out)

    _, status = os.waitpid(_fork(blog, work), 0)
    assert status in (0, signal.SIGKILL), f"the child ended with {status}"
    return status != 0


def _fork(blog: FeedsBlog, work: Callable[[], None]) -> int:
    # No connection may be shared with the child.
    blog.database.dispose()
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return child


def _die_at_call(out: Path, at: int) -> None:
    """Be killed just before the ``at``-th opening, renaming or removing of a file in the folder."""
    left = at
    folder = os.fspath(out)

    def watch(call: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if call in {"open", "os.rename", "os.remove"} and str(arguments[0]).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _files(out: Path) -> dict[str, bytes]:
    known = (path for path in (out / "feeds").iterdir() if not path.name.endswith(UNFINISHED))
    return {path.name: path.read_bytes() for path in known if path.name != MANIFEST}


if __name__ == "__main__":
    what, url, folder = sys.argv[1:]
    {"at_random": at_random, "everywhere": everywhere}[what](FeedsBlog(open_database(url)), Path(folder))
