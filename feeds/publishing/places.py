"""From how a publisher names a place to the target it is."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from feeds.publishing.folder import Folder
from feeds.publishing.targets import PublishError, Target

_URL = re.compile("[A-Za-z][A-Za-z0-9+.-]*://")
_USER = re.compile("//[^/@]*@")


def is_url(place: str) -> bool:
    """Whether a place is named by a URL, and not as a folder on this machine."""
    return _URL.match(place) is not None


def named(place: str) -> str:
    """The place as anyone may see it: without a name and a password that a URL holds."""
    return _USER.sub("//", place) if is_url(place) else place


def target_at(place: str) -> Target:
    """The folder of that path, or what the URL leads to (``s3://bucket/folder`` and all that fsspec knows).

    Raises ``PublishError`` when a URL is none that can be published to.
    """
    if not is_url(place):
        return Folder(Path(place))
    parts = urlsplit(place)
    if parts.scheme.lower() == "file":
        if parts.netloc:
            raise PublishError(
                f"{named(place)}: a folder's URL has three slashes and its whole path: file:///srv/www"
            )
        return Folder(Path(unquote(parts.path)))
    from feeds.publishing.remote import Remote  # noqa: PLC0415 # most publish to a folder, and need not wait for fsspec

    return Remote(place, name=named(place))
