"""Published files where fsspec leads: an S3 bucket and its like. Each object is put whole."""

import hashlib
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

import fsspec
from fsspec.utils import get_protocol

from database import DatabaseUnavailable
from feeds.publishing.targets import File, PublishError, Standing

# What stores call that which changes with an object's bytes, the most telling first.
_TELLING = ("ETag", "etag", "md5Hash", "mtime", "last_modified", "LastModified", "created")
_MD5 = re.compile("[0-9a-f]{32}")
# As many connections as botocore keeps, but two.
WORKERS = 8


class Remote:
    """A place that a URL names, ``s3://bucket/folder``; credentials are where its library looks for them.

    ``name`` is what it is called in errors, where the URL holds a secret.
    Raises ``PublishError`` when no library for it is installed, or it does not know what to do with the URL.
    """

    is_exclusive = False
    workers = WORKERS

    def __init__(self, url: str, *, name: str | None = None) -> None:
        self._url = name or url
        try:
            self._files, self._root = fsspec.url_to_fs(url)
        except ImportError as error:
            raise PublishError(f"{self._url}: {_missing(get_protocol(url), error)}") from error
        except Exception as error:
            raise PublishError(f"{self._url}: {_said(error)}") from error
        self._root = self._root.rstrip("/")
        names = self._files.protocol
        self._is_s3 = "s3" in ((names,) if isinstance(names, str) else names)
        if self._is_s3 and not self._root:
            raise PublishError(f"{self._url}: the URL names no bucket; write one like s3://bucket/folder")

    def __str__(self) -> str:
        return self._url

    @contextmanager
    def held(self, *, patience: float) -> Iterator[None]:
        """Turn what goes wrong there into one line. Nothing is locked: object stores have no locks."""
        del patience
        try:
            yield
        except (PublishError, DatabaseUnavailable):
            raise
        except OSError as error:
            raise self._trouble(error) from error

    def survey(self, names: Collection[str]) -> dict[str, Standing]:
        """The objects below these names' first folders, and those right at the top."""
        found: dict[str, Standing] = {}
        with self._explained():
            self._files.invalidate_cache()
            for top in sorted({name.partition("/")[0] for name in names if "/" in name}):
                below = self._files.find(f"{self._root}/{top}", detail=True)
                found.update((self._name(path), _standing(one)) for path, one in below.items())
            with suppress(FileNotFoundError):
                for one in self._files.ls(self._root, detail=True):
                    if one["type"] == "file":
                        found[self._name(one["name"])] = _standing(one)
        return found

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self._root}/")

    def read(self, name: str) -> bytes | None:
        """The bytes of an object; None when there is none."""
        with self._explained():
            try:
                body: bytes = self._files.cat_file(f"{self._root}/{name}")
            except FileNotFoundError:
                return None
        return body

    def holds(self, name: str, there: Standing, body: bytes) -> bool:
        """Whether the object has these bytes, where its tag is their MD5, as on S3; else False."""
        del name
        size, _, tag = there.partition(" ")
        return size == str(len(body)) and _MD5.fullmatch(tag) is not None and tag == _md5(body)

    def put(self, files: Sequence[File]) -> list[Standing]:
        """Put objects in place, one after the other; each is the old one or the new, at any instant."""
        with self._explained():
            return [self._put(file) for file in files]

    def _put(self, file: File) -> Standing:
        path = f"{self._root}/{file.name}"
        told = self._files.pipe_file(path, file.body, **(_s3_headers(file) if self._is_s3 else {}))
        if not (isinstance(told, Mapping) and "ETag" in told):
            told = self._files.info(path)
        return _standing({"size": len(file.body), **told})

    def remove(self, name: str) -> None:
        """Remove an object, unless it is gone."""
        with self._explained(), suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{name}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # each library has its own, of no common kind
            raise self._trouble(error) from error

    def _trouble(self, error: Exception) -> PublishError:
        return PublishError(f"{self._url}: {_said(error)}; what is there is whole, old or new")


def _s3_headers(file: File) -> dict[str, str]:
    headers = {"ContentType": file.media_type, "CacheControl": file.caching}
    return headers | ({"ContentEncoding": file.encoding} if file.encoding else {})


def _standing(told: Mapping[str, Any]) -> Standing:
    tag = next((told[key] for key in _TELLING if told.get(key) is not None), "")
    # The same moment is a number in a list of some stores and none of an object's own description.
    text = str(tag.timestamp() if isinstance(tag, datetime) else tag)
    return f"{told['size']} " + text.strip('"')


def _missing(protocol: str, error: ImportError) -> str:
    if protocol in {"s3", "s3a"}:
        return "publishing there needs s3fs: pip install 'labelcast[s3]'"
    return f"publishing there needs a library: {_said(error)}"


def _said(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return f"access was denied ({error}); look at the credentials and what they allow"
    return " ".join(str(error).split()) or type(error).__name__


def _md5(body: bytes) -> str:
    return hashlib.md5(body, usedforsecurity=False).hexdigest()
