"""The feed reader library `reader`, without a network: it subscribes to files of a folder."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from reader import Reader, make_reader

# reader brings a feedparser of its own, which asks for this module by the name that it used to have.
sys.modules.setdefault("sgmllib", import_module("feedparser_sgmllib"))


@contextmanager
def feed_reader(folder: Path) -> Iterator[Reader]:
    """A reader with a database of its own; the addresses of its feeds are names of files in the folder."""
    with make_reader(str(folder / "reader.db"), feed_root=str(folder)) as found:
        yield found
