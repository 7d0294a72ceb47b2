"""Uploaded files that are kept beyond their request: for a job, and from a dry run to what follows it."""

import os
import re
import secrets
import shutil
import stat
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from web.admin.uploads import Upload

# From a dry run to the import itself there may be a night.
KEPT_SECONDS = 24 * 3600
_TOKEN = re.compile(r"[0-9a-f]{32}")


class NoRoom(OSError):
    """There is no room for an uploaded file, or no folder for it; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """Files in a folder of this user's own, by a token that nobody guesses; their names are never ours."""

    folder: Path

    @classmethod
    def usual(cls) -> "Keeping":
        """In the folder for temporary files, shared by all processes of this user."""
        return cls(Path(tempfile.gettempdir()) / f"labelcast-uploads-{os.getuid()}")

    def keep(self, upload: Upload) -> str:
        """Keep an uploaded file, and forget those that are too old; its token. Raises ``NoRoom``."""
        token = secrets.token_hex(16)
        try:
            self._prepare()
            self.sweep()
            handle = os.open(self.folder / token, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as kept:
                upload.file.seek(0)
                shutil.copyfileobj(upload.file, kept, 1 << 20)
        except OSError as error:
            (self.folder / token).unlink(missing_ok=True)
            raise NoRoom(
                f"The file cannot be kept: {error.strerror or error}; free some space, or name another folder"
                " with TMPDIR"
            ) from error
        return token

    def find(self, token: str) -> Path | None:
        """Where a kept file is; None when it is kept no more, or the token is none."""
        path = self.folder / token
        return path if _TOKEN.fullmatch(token) and path.is_file() and not path.is_symlink() else None

    def drop(self, token: str) -> None:
        """Keep a file no longer."""
        if _TOKEN.fullmatch(token):
            (self.folder / token).unlink(missing_ok=True)

    def has_old(self) -> bool:
        """Whether something was kept too long."""
        return any(self._old())

    def sweep(self) -> None:
        """Remove what was kept too long: nobody came back for it, or its process died."""
        for path in self._old():
            path.unlink(missing_ok=True)

    def _old(self) -> list[Path]:
        oldest = time.time() - KEPT_SECONDS
        try:
            kept = [path for path in self.folder.iterdir() if _TOKEN.fullmatch(path.name)]
        except OSError:
            # Nothing was ever kept, or whoever keeps something is told why not.
            return []
        return [path for path in kept if _changed_at(path) < oldest]

    def _prepare(self) -> None:
        """Make the folder; in one that is another user's, or that others may look into, nothing is kept."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        found = self.folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise PermissionError(f"{self.folder} is not this user's alone")


def _changed_at(path: Path) -> float:
    """When a file was written; one that another process took away meanwhile was just now."""
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()
