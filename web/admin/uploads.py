"""What a form of the publisher's sends: fields, and files that are streamed to disk."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import BinaryIO

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request

from web.forms import LARGEST, Form, read_body, read_form
from web.forms import TooLarge as FormTooLarge

# A blog's whole export, or a list of some millions of readers.
LARGEST_UPLOAD = 1 << 30
# Fields are held in memory, unlike files; forms with files have few.
_MOST_FILES, _MOST_FIELDS = 10, 100


class TooLarge(ValueError):
    """More was sent than a form may hold; the message says so."""


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that was uploaded: what it was called there, how many bytes it has, and where they are."""

    name: str
    size: int
    file: BinaryIO


@dataclass(frozen=True, slots=True)
class Incoming:
    """A form's fields and files."""

    form: Form = field(default_factory=dict)
    files: Mapping[str, Upload] = field(default_factory=dict)

    def one(self, name: str) -> str:
        """The first value of a field; empty where there is none."""
        return next(iter(self.form.get(name, ())), "")


@asynccontextmanager
async def receive(request: Request) -> AsyncIterator[Incoming]:
    """Read a request's form; its files are there until the block ends. Raises ``TooLarge``."""
    if request.method != "POST":
        yield Incoming()
    elif not request.headers.get("content-type", "").startswith("multipart/form-data"):
        try:
            body = await read_body(request)
        except FormTooLarge as error:
            raise TooLarge("This is more than such a form ever sends.") from error
        yield Incoming(read_form(request.headers.get("content-type", ""), body))
    else:
        told = request.headers.get("content-length", "")
        if not (told.isascii() and told.isdigit() and len(told) < 12) or int(told) > LARGEST_UPLOAD:
            raise TooLarge(f"A file may have {LARGEST_UPLOAD >> 20} MB at most.")
        form = await _parsed(request)
        try:
            yield _sorted(form)
        finally:
            await form.close()


async def _parsed(request: Request) -> FormData:
    try:
        return await request.form(max_files=_MOST_FILES, max_fields=_MOST_FIELDS, max_part_size=LARGEST)
    except HTTPException as error:
        raise TooLarge(f"The form cannot be read: {error.detail}") from error


def _sorted(form: FormData) -> Incoming:
    fields: dict[str, list[str]] = {}
    files: dict[str, Upload] = {}
    for name, value in form.multi_items():
        if not isinstance(value, UploadFile):
            fields.setdefault(name, []).append(value)
        elif value.filename:
            files[name] = Upload(value.filename, value.size or 0, value.file)
    return Incoming(fields, files)
