"""What a form sends, read within a limit: nothing that anyone may post takes much memory or time."""

from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs

from starlette.requests import Request

# Bytes of a form, and how many fields: far more than any of ours has.
LARGEST = 64 * 1024
MOST_FIELDS = 1000

Form = Mapping[str, Sequence[str]]


class TooLarge(ValueError):
    """More was sent than a form ever holds."""


async def read_body(request: Request) -> bytes:
    """A request's body; raises ``TooLarge`` once there is more than ``LARGEST`` of it."""
    told = request.headers.get("content-length", "")
    if told.isascii() and told.isdigit() and (len(told) > 9 or int(told) > LARGEST):
        raise TooLarge
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > LARGEST:
            raise TooLarge
    return bytes(body)


def first(form: Form, name: str) -> str:
    """The first value of a field; empty where there is none."""
    return next(iter(form.get(name, ())), "")


def read_form(content_type: str, body: bytes) -> Form:
    """The fields of a form that came ``application/x-www-form-urlencoded``, each with all its values.

    None of anything else: a mail program's one-click POST may be ``multipart/form-data`` (RFC 8058, 3.2), but
    what it holds is always the same, and that it came says all.
    """
    if content_type.partition(";")[0].strip().lower() != "application/x-www-form-urlencoded":
        return {}
    try:
        return parse_qs(
            body.decode("ascii"), keep_blank_values=True, errors="replace", max_num_fields=MOST_FIELDS
        )
    except ValueError:
        return {}
