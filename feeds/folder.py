"""A folder of published files: each whole at any instant, and a list of those that are ours.

Only ``publish`` writes here, and only while it holds the folder's lock.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from database import DatabaseUnavailable

MANIFEST = ".labelcast-feeds.json"
UNFINISHED = ".labelcast-unfinished"
VERSION = 1
LOOK_AGAIN_SECONDS = 0.02
PARTS_AT_ONCE = 512  # the kernel takes 1024


class PublishError(OSError):
    """The folder cannot be written, or another build holds it for too long."""


# How a file stands on the disk, which tells it from another unread: its size in bytes and when it was written
# in nanoseconds, with a blank between. Text, for the garbage collector does not go through text.
Standing = str

# What we remember of a file of ours: how it stood once written, a blank, and the revision of the feed in it.
Published = str

# Of a file that was about to be made: it is ours, and what is in it is not known.
INTENDED: Published = ""


@contextmanager
def locked(folder: Path, *, patience: float) -> Iterator[None]:
    """Make the folder if need be and be its only writer, until the block ends or the process dies.

    Waits ``patience`` seconds for another build to end; raises ``PublishError`` after that.
    """
    handle = -1
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        _take_lock(handle, folder, patience=patience)
        yield
    except (PublishError, DatabaseUnavailable):
        raise
    except OSError as error:
        where = error.filename or folder
        raise PublishError(
            f"{where}: {error.strerror or error}; the feeds in {folder} are whole, old or new"
        ) from error
    finally:
        if handle >= 0:
            os.close(handle)


def _take_lock(handle: int, folder: Path, *, patience: float) -> None:
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > deadline:
                raise PublishError(
                    f"{folder}: another build is at work there; try again once it has ended"
                ) from error
            time.sleep(LOOK_AGAIN_SECONDS)
        else:
            return


def survey(folder: Path) -> dict[str, Standing]:
    """The plain files in the folder, by name; what a killed build left unfinished is cleaned away."""
    found: dict[str, Standing] = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.endswith(UNFINISHED):
                Path(entry.path).unlink(missing_ok=True)
            elif entry.is_file(follow_symlinks=False):
                status = entry.stat(follow_symlinks=False)
                found[entry.name] = _standing(status)
    return found


def write_whole(path: Path, parts: Sequence[bytes]) -> Standing:
    """Put a file of these parts in place: whoever opens it gets the old bytes or the new, at any instant.

    Written beside and renamed. It is not synced: a file that a power cut damages has the wrong size or time,
    and the next build makes it again.
    """
    target = os.fspath(path)
    beside = target + UNFINISHED
    try:
        # O_EXCL: a name that is there already, a link perhaps, is not ours to write through.
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            _write(handle, parts)
            status = os.fstat(handle)
        finally:
            os.close(handle)
        os.replace(beside, target)  # noqa: PTH105 # with pathlib a file takes a fifth longer
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise
    return _standing(status)


def _standing(status: os.stat_result) -> Standing:
    return f"{status.st_size} {status.st_mtime_ns}"


def size_of(standing: Standing) -> int:
    """The size of a file that stands so, in bytes."""
    return int(standing.partition(" ")[0])


def _write(handle: int, parts: Sequence[bytes]) -> None:
    for start in range(0, len(parts), PARTS_AT_ONCE):
        some = parts[start : start + PARTS_AT_ONCE]
        written = os.writev(handle, some)
        left = sum(map(len, some)) - written
        if left:
            rest = memoryview(b"".join(some))[written:]
            while rest:
                rest = rest[os.write(handle, rest) :]


def read_manifest(folder: Path) -> dict[str, Published]:
    """The files that are ours, by name; none when the list is missing or damaged (all are made again)."""
    try:
        known = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, Published] = known["files"] if known["version"] == VERSION else {}
        if not all(isinstance(one, str) for one in files.values()):
            return {}
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return {}
    # A list that someone wrote over must not lead us to delete files elsewhere.
    return {name: one for name, one in files.items() if "/" not in name}


def write_manifest(folder: Path, files: Mapping[str, Published]) -> None:
    """Remember which files are ours, all at once."""
    known = {"version": VERSION, "files": dict(files)}
    text = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
    write_whole(folder / MANIFEST, [text.encode()])
