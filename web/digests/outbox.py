"""``/outbox``: the mail of a Maildir, to be looked at in a browser. For the demo only."""

import re
from dataclasses import dataclass
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from web.pages import Pages

NEWEST = 200
# A mail's own page: it is somebody's HTML, so it gets no script, no form, no origin and no cookie.
_MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; img-src https: http: data:; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
_HEAD = re.compile(r"<head[^>]*>", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail in the list. ``name`` is its file's."""

    name: str
    to: str
    subject: str
    date: str


@dataclass(frozen=True, slots=True)
class OutboxPages:
    """Serves a Maildir's mail. Reading changes nothing: a mail stays in ``new``."""

    folder: Path
    pages: Pages

    def routes(self) -> list[Route]:
        """The addresses."""
        return [
            Route("/outbox", self.index),
            Route("/outbox/{name}", self.mail),
            Route("/outbox/{name}/html", self.html),
        ]

    def index(self, request: Request) -> Response:
        """The newest mails, the latest first."""
        files = self._files()
        mails = [self._listed(file) for file in files[:NEWEST]]
        return self.pages.render(request, "outbox.html", mails=mails, total=len(files))

    def mail(self, request: Request) -> Response:
        """One mail: how it looks, its text, and its header fields as they were sent."""
        file = self._file(request)
        raw = file.read_bytes()
        message = _parse(raw)
        head = raw.replace(b"\r\n", b"\n").partition(b"\n\n")[0].decode("utf-8", "replace")
        return self.pages.render(
            request,
            "mail.html",
            mail=self._listed(file),
            text=_part(message, "plain"),
            has_html=message.get_body(("html",)) is not None,
            head=head,
        )

    def html(self, request: Request) -> Response:
        """A mail's HTML part, fenced in; its links open in a new window."""
        message = _parse(self._file(request).read_bytes())
        page = _HEAD.sub(lambda head: f'{head[0]}<base target="_blank">', _part(message, "html"), count=1)
        body = page.encode()
        headers = {
            "Content-Security-Policy": _MAIL_POLICY,
            "Cache-Control": "no-store",
            "Content-Length": str(len(body)),
        }
        return Response(
            b"" if request.method == "HEAD" else body, headers=headers, media_type="text/html; charset=utf-8"
        )

    def _files(self) -> list[Path]:
        """The mails' files, newest first. A mail that is just being written is in ``tmp``, not here."""
        found = []
        for part in ("new", "cur"):
            folder = self.folder / part
            found += [file for file in folder.iterdir() if file.is_file()] if folder.is_dir() else []
        return sorted(found, key=lambda file: (file.stat().st_mtime_ns, file.name), reverse=True)

    def _file(self, request: Request) -> Path:
        # Looked up among those that are there, so that no name leads out of the folder.
        for file in self._files():
            if file.name == request.path_params["name"]:
                return file
        raise HTTPException(404)

    def _listed(self, file: Path) -> Listed:
        with file.open("rb") as opened:
            message = BytesParser(policy=default).parse(opened, headersonly=True)
        to, subject, date = (str(message.get(field, "")) for field in ("To", "Subject", "Date"))
        return Listed(file.name, to, subject or "(no subject)", date)


def _parse(raw: bytes) -> EmailMessage:
    message = BytesParser(policy=default).parsebytes(raw)
    if not isinstance(message, EmailMessage):
        raise HTTPException(404)
    return message


def _part(message: EmailMessage, kind: str) -> str:
    body = message.get_body((kind,))
    return "" if body is None else str(body.get_content())
