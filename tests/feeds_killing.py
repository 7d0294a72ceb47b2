"""Publishing processes that are killed; ``test_feeds_publish.py`` runs ``python -m tests.feeds_killing``."""

import gzip
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import brotli
from lxml import etree

from database import open_database
from feeds.publishing.documents import Source
from feeds.publishing.folder import UNFINISHED, Folder
from feeds.publishing.publish import publish
from feeds.publishing.targets import MANIFEST
from tests.feeds_blog import FeedsBlog, post
from tests.feeds_publishing import publish_feeds
from tests.linked_site import body_of, dangling, label_site

FOREIGN = "feeds/robots.txt"
CONTENT = "{http://www.w3.org/2005/Atom}content"
KILLS = 20
CALLS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}


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
        publish_feeds(builder, out)
        os.write(told, b".")


def everywhere(blog: FeedsBlog, out: Path) -> None:
    """Publish over what is in the folder, killed at each call to the file system in turn; print how many."""
    before = out.with_name("before")
    shutil.copytree(out, before)
    old = _files(before)
    fresh = out.with_name("fresh")
    publish_feeds(blog.builder(), fresh)
    new = _files(fresh) | {FOREIGN: old[FOREIGN]}
    for kills in count():
        shutil.rmtree(out)
        shutil.copytree(before, out)
        if not _is_killed(blog, out, at=kills + 1):
            break
        for name, body in _files(out).items():
            assert body in (old.get(name), new.get(name)), f"{name} is half there after kill {kills + 1}"
        publish_feeds(blog.builder(), out)
        assert _files(out) == new, f"not up to date after kill {kills + 1}"
        assert not list(out.rglob(f"*{UNFINISHED}")), f"left something behind after kill {kills + 1}"
    assert _files(out) == new
    sys.stdout.write(f"{kills}\n")


def links(blog: FeedsBlog, out: Path) -> None:
    """Publish a site over another, killed at each call in turn: no link leads nowhere, in whichever form."""
    old = label_site({"stays": 1, "goes": 2, "shrinks": 2})
    new = label_site({"stays": 2, "shrinks": 1, "comes": 1})
    stays = [name for name in old.links if name in new.links]
    publish(blog.database, [old], Folder(out))
    before = out.with_name("before")
    shutil.copytree(out, before)
    for kills in count():
        shutil.rmtree(out)
        shutil.copytree(before, out)
        is_killed = _is_killed(blog, out, at=kills + 1, sources=[new])
        for suffix, read in READERS.items():
            found = _documents(out, suffix, read)
            assert not dangling(found, stays), f"after kill {kills + 1}, {suffix or 'plain'}"
            for name, body in found.items():
                assert body in {body_of(site.links[name]) for site in (old, new) if name in site.links}
        if not is_killed:
            break
        publish(blog.database, [new], Folder(out))
        for suffix, read in READERS.items():
            found = _documents(out, suffix, read)
            assert found == {name: body_of(new.links[name]) for name in new.links}, (
                f"kill {kills + 1}, {suffix}"
            )
    sys.stdout.write(f"{kills}\n")


READERS: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.decompress, ".br": brotli.decompress}


def _documents(out: Path, suffix: str, read: Callable[[bytes], bytes]) -> dict[str, bytes]:
    """What a client gets that is served the files of this suffix."""
    found = {}
    for file in out.rglob("[!.]*"):
        name = os.fspath(file.relative_to(out))
        is_of_it = name.endswith(suffix) if suffix else file.suffix not in READERS
        if is_of_it and file.is_file() and UNFINISHED not in name:
            found[name.removesuffix(suffix)] = read(file.read_bytes())
    return found


def _is_killed(blog: FeedsBlog, out: Path, *, at: int, sources: Sequence[Source] | None = None) -> bool:
    def work() -> None:
        _die_at_call(out, at)
        if sources is None:
            publish_feeds(blog.builder(), out)
        else:
            publish(blog.database, sources, Folder(out))

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
    """Be killed just before the ``at``-th call that makes, opens, renames or removes a file in the folder."""
    left = at
    folder = os.fspath(out)

    def watch(call: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if call in CALLS and str(arguments[0]).startswith(folder):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def _files(out: Path) -> dict[str, bytes]:
    known = (path for path in (out / "feeds").rglob("*") if path.is_file())
    files = {os.fspath(path.relative_to(out)): path.read_bytes() for path in known}
    return {name: body for name, body in files.items() if name != MANIFEST and UNFINISHED not in name}


if __name__ == "__main__":
    what, url, folder = sys.argv[1:]
    {"at_random": at_random, "everywhere": everywhere, "links": links}[what](
        FeedsBlog(open_database(url)), Path(folder)
    )
