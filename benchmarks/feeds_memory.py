"""The peak memory of ``labelcast feeds build``: three formats, archives, all with ``.gz`` and ``.br``.

``python -m benchmarks.feeds_memory [--small] [--folder FOLDER]``

The first build and a second one after all entries were rendered, of 10,000 posts under 200 labels and of
50,000 under 500, each in a process of its own (VmHWM). The blogs are written by processes of their own.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.processes import labelcast, run, settings_for
from benchmarks.timing import verdict

SIZES = ((10_000, 200), (50_000, 500))
LIMIT_MEGABYTES = 150


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--small", action="store_true", help="the smaller blog alone")
    options.add_argument("--folder", type=Path, help="where the files go, else the system's folder for such")
    chosen = options.parse_args()
    peaks = []
    for posts, labels in SIZES[: 1 if chosen.small else None]:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            peaks.append(measure(Path(folder), posts, labels))
        verdict(f"megabytes for {posts:,} posts", peaks[-1], at_most=LIMIT_MEGABYTES)
    if len(peaks) > 1:
        verdict("peak of the larger blog to that of the smaller", peaks[-1] / peaks[0], at_most=1.15)


def measure(folder: Path, posts: int, labels: int) -> float:
    """The highest peak of the builds of one blog."""
    file = folder / "blog.db"
    run([sys.executable, "-m", "benchmarks.blog", file, str(posts), str(labels)])
    settings = settings_for(file, folder)
    peaks = []
    for name in ("first", "again, to an empty folder", "nothing changed"):
        if name != "nothing changed":
            shutil.rmtree(folder / "out", ignore_errors=True)
        ran = labelcast(settings, "feeds", "build", "--out", str(folder / "out"))
        peaks.append(ran.peak_megabytes)
        print(f"{posts:,} posts, {name}: {ran.peak_megabytes:.0f} MB, {ran.seconds:.1f} s ({ran.said})")
    return max(peaks)


if __name__ == "__main__":
    main()
