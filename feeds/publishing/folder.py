"""A folder of published files: each whole at any instant, and nobody else at work there meanwhile."""

import fcntl
import os
import stat
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from database import DatabaseUnavailable
from feeds.publishing.targets import MANIFEST, ODD, File, PublishError, Standing

UNFINISHED = ".labelcast-unfinished"
LOOK_AGAIN_SECONDS = 0.02

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Folder:
    """A folder on this machine, made when it is not there. It may be a link; none below it may be one."""

    is_exclusive = True
    workers = max(2, os.cpu_count() or 2)

    def __init__(self, path: Path) -> None:
        self._path = path
        self._root = os.fspath(path)
        # The folders below it that are known to be folders, and no links.
        self._known: set[str] = set()

    def __str__(self) -> str:
        return self._root

    @contextmanager
    def held(self, *, patience: float) -> Iterator[None]:
        """Be its only writer until the block ends or the process dies."""
        handle = -1
        try:
            self._known = {""}
            self._path.mkdir(parents=True, exist_ok=True)
            own = MANIFEST.rpartition("/")[0]
            self._make_folder(own)
            handle = os.open(self._path / own, os.O_RDONLY | os.O_DIRECTORY)
            self._take_lock(handle, patience=patience)
            yield
        except (PublishError, DatabaseUnavailable):
            raise
        except OSError as error:
            where = error.filename or self._root
            raise PublishError(
                f"{where}: {error.strerror or error}; what is in {self._root} is whole, old or new"
            ) from error
        finally:
            if handle >= 0:
                os.close(handle)

    def _take_lock(self, handle: int, *, patience: float) -> None:
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise PublishError(
                        f"{self._root}: another build is at work there; try again once it has ended"
                    ) from error
                time.sleep(LOOK_AGAIN_SECONDS)
            else:
                return

    def survey(self, names: Collection[str]) -> dict[str, Standing]:
        """The files in the folders of these names; what a killed build left unfinished there is cleaned away.

        The folder itself may hold a whole site: right in it only the names themselves are looked at.
        """
        found: dict[str, Standing] = {}
        top = [name for name in names if "/" not in name]
        for name in top:
            with suppress(FileNotFoundError):
                found[name] = _standing(os.lstat(f"{self._root}/{name}"))
            Path(f"{self._root}/{name}{UNFINISHED}").unlink(missing_ok=True)
        for folder in sorted({name.rpartition("/")[0] for name in names} - {""}):
            if self._is_folder(folder):
                self._survey_folder(folder, found)
        return found

    def _survey_folder(self, folder: str, found: dict[str, Standing]) -> None:
        with os.scandir(f"{self._root}/{folder}") as entries:
            for entry in entries:
                if entry.name.endswith(UNFINISHED):
                    Path(entry.path).unlink(missing_ok=True)
                else:
                    found[f"{folder}/{entry.name}"] = _standing(entry.stat(follow_symlinks=False))

    def _is_folder(self, folder: str) -> bool:
        """Whether it is one, and not by a link, which could lead anywhere."""
        if folder not in self._known:
            parent = folder.rpartition("/")[0]
            if not self._is_folder(parent):
                return False
            try:
                if not stat.S_ISDIR(os.lstat(f"{self._root}/{folder}").st_mode):
                    return False
            except FileNotFoundError:
                return False
            self._known.add(folder)
        return True

    def _make_folder(self, folder: str) -> None:
        if folder in self._known:
            return
        self._make_folder(folder.rpartition("/")[0])
        with suppress(FileExistsError):
            os.mkdir(f"{self._root}/{folder}")  # noqa: PTH102 # one call, for thousands
        if not self._is_folder(folder):
            raise PublishError(
                f"{self._root}/{folder}: a link or a file stands where a folder is to be; remove it"
            )

    def read(self, name: str) -> bytes | None:
        """The bytes of a file; None when there is none."""
        try:
            return Path(f"{self._root}/{name}").read_bytes()
        except FileNotFoundError:
            return None

    def holds(self, name: str, there: Standing, body: bytes) -> bool:
        """Whether the file that stands there so has these bytes."""
        return int(there.partition(" ")[0]) == len(body) and self.read(name) == body

    def put(self, files: Sequence[File]) -> list[Standing]:
        """Put files in place: all written beside, then renamed in a row.

        Whoever opens one gets the old bytes or the new. They are not synced: a file that a power cut damages
        has the wrong size or time, and the next build makes it again.
        """
        standings = []
        beside: list[tuple[str, str]] = []
        try:
            for file in files:
                self._make_folder(file.name.rpartition("/")[0])
                target = f"{self._root}/{file.name}"
                beside.append((target + UNFINISHED, target))
                standings.append(_write_new(target + UNFINISHED, file.body))
            for unfinished, target in beside:
                os.replace(unfinished, target)  # noqa: PTH105 # with pathlib a file takes a fifth longer
        except BaseException:
            for unfinished, _ in beside:
                Path(unfinished).unlink(missing_ok=True)
            raise
        return standings

    def remove(self, name: str) -> None:
        """Remove a file, unless it is gone, and the folders below ours that it leaves empty."""
        folder = name.rpartition("/")[0]
        if not self._is_folder(folder):
            return
        with suppress(IsADirectoryError):
            Path(f"{self._root}/{name}").unlink(missing_ok=True)
        while "/" in folder:
            try:
                os.rmdir(f"{self._root}/{folder}")  # noqa: PTH106 # one call, for thousands
            except OSError:
                return
            self._known.discard(folder)
            folder = folder.rpartition("/")[0]


def _write_new(path: str, body: bytes) -> Standing:
    # O_EXCL: a name that is there already, a link perhaps, is not ours to write through.
    handle = os.open(path, _NEW, 0o666)
    try:
        rest = memoryview(body)
        while rest:
            rest = rest[os.write(handle, rest) :]
        return _standing(os.fstat(handle))
    finally:
        os.close(handle)


def _standing(status: os.stat_result) -> Standing:
    if not stat.S_ISREG(status.st_mode):
        return ODD
    return f"{status.st_size} {status.st_mtime_ns}"
