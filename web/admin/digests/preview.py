"""``/admin/digests/{slug}/preview``: a digest's mail at any instant, as any reader gets it; and a test of it.

The mail is shown in a frame whose document has a sandbox of its own: whatever a template holds, none of it
runs. A reader's address is in no address here: a form takes it, and their number goes on.
"""

import re
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLong
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP
from threading import Thread
from typing import Any
from urllib.parse import urlencode

from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from starlette.responses import Response
from starlette.routing import Route

from digests.model import Digest
from digests.offer import DigestError
from digests.store import find_digest
from digests.zones import zone
from subscribers.address import AddressError, normalize
from subscribers.listing import get_subscriber
from subscribers.store import find
from web.admin.digests.form import sentence
from web.admin.digests.work import Asked, CannotShow, DigestWork, MailShown
from web.admin.frame import Done, Frame, Shown, Visit
from web.digests.archive import MAIL_POLICY
from web.model import Role
from web.pages import HTML
from web.security import PRIVATE

# An account may try so often in an hour, and waits for a server so many seconds.
TESTS_AN_HOUR, PATIENCE = 20, 30.0
HEADERS = (
    "From",
    "To",
    "Subject",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Date",
)
_FRAMED = MAIL_POLICY.replace("frame-ancestors 'none'", "frame-ancestors 'self'").replace(
    "sandbox allow-popups allow-popups-to-escape-sandbox", "sandbox"
)
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])(:[0-5][0-9])?")


@dataclass(frozen=True, slots=True)
class Seen:
    """A message taken apart for a page; ``html`` None: it has no such part."""

    mail: MailShown
    headers: list[tuple[str, str]]
    subject: str
    text: str
    html: str | None


@dataclass(frozen=True, slots=True)
class DigestPreviewPages:
    """The page, the document in its frames, the message as a file, and the test."""

    frame: Frame
    _limiter: FixedWindowRateLimiter = field(default_factory=lambda: FixedWindowRateLimiter(MemoryStorage()))

    def routes(self) -> list[Route]:
        """Their addresses."""
        where = "/digests/{slug}/preview"
        return [
            self.frame.route(where, self.show, self.ask, needs=Role.VIEWER),
            self.frame.route(f"{where}/mail", self.mail),
            self.frame.route(f"{where}/message.eml", self.message),
            self.frame.route("/digests/{slug}/test", None, self.test),
        ]

    def show(self, visit: Visit) -> Shown | Response:
        """The page."""
        return self._page(visit)

    def ask(self, visit: Visit) -> Shown | Done | Response:
        """Find the reader whose address was typed, and go on to the page."""
        address = visit.one("reader")
        asked = {name: visit.one(name) for name in ("day", "time")}
        if address:
            try:
                with self.frame.database.read() as connection:
                    reader = find(connection, address)
            except AddressError as error:
                return self._page(visit, {"reader": sentence(str(error))}, 422)
            if reader is None:
                return self._page(visit, {"reader": "No reader has this address."}, 422)
            asked["reader"] = str(reader.id)
        query = urlencode({name: value for name, value in asked.items() if value})
        return Done(f"/digests/{visit.path('slug')}/preview{'?' if query else ''}{query}")

    def mail(self, visit: Visit) -> Response:
        """The mail's HTML, a document of its own; where it has none, its text."""
        return self._part(visit, lambda seen: (seen.html or "").encode(errors="replace"), HTML, _FRAMED)

    def message(self, visit: Visit) -> Response:
        """The whole message, to be saved."""
        answer = self._part(visit, lambda seen: seen.mail.message, "message/rfc822", _FRAMED)
        if answer.status_code == 200:
            # There is such a digest, so its name is one that fits into a header.
            answer.headers["Content-Disposition"] = f'attachment; filename="{visit.path("slug")}.eml"'
        return answer

    def test(self, visit: Visit) -> Shown | Done | Response:
        """Send what is shown to one address, and tell what the server said."""
        slug, to = visit.path("slug"), visit.one("to")
        work = self.frame.work.digests
        wrong = ""
        try:
            to = normalize(to).email
        except AddressError as error:
            wrong = sentence(str(error))
        if work is None:
            wrong = "No mail is sent from here."
        if wrong or work is None:
            return self._page(visit, {"to": wrong}, 422)
        with self.frame.database.read() as connection:
            its = find_digest(connection, slug)
        if its is None:
            return self.frame.missing.nothing(visit.request)
        if not self._limiter.hit(RateLimitItemPerHour(TESTS_AN_HOUR, 1), str(visit.account.id)):
            said = f"These are more than {TESTS_AN_HOUR} tests in an hour: wait a while."
            return self._page(visit, {"to": said}, 429)
        try:
            asked = self._asked(visit, its)
            said, status = self._send(work, asked, to), 200
        except (CannotShow, DigestError) as error:
            return self._page(visit, {"to": sentence(str(error))}, 422)
        except (ConnectionError, TooLong) as error:
            said, status = str(error) or f"the server did not answer in {PATIENCE:g} seconds", 502
        with self.frame.database.write() as connection:
            visit.record(connection, "digest.test", slug, sent=status == 200)
        if status != 200:
            return self._page(visit, {"to": f"Not sent: {said}"}, status)
        return Done(f"/digests/{slug}/preview{_query(visit)}", f"Sent to {to}. The server said: {said}")

    @staticmethod
    def _send(work: DigestWork, asked: Asked, to: str) -> str:
        """Send in a thread of its own, and wait for no longer than patience lasts."""
        answer: Future[str] = Future()

        def send() -> None:
            try:
                answer.set_result(work.send_test(asked, to))
            except BaseException as error:
                answer.set_exception(error)

        # No process waits for it to end.
        Thread(target=send, name="test-mail", daemon=True).start()
        return answer.result(timeout=PATIENCE)

    def _asked(self, visit: Visit, its: Digest) -> Asked:
        """Which mail is meant; raises ``CannotShow``."""
        reader, email = _said(visit, "reader"), None
        if reader:
            with self.frame.database.read() as connection:
                found = get_subscriber(connection, int(reader)) if reader.isdecimal() else None
            if found is None or found.email is None:
                raise CannotShow("there is no such reader")
            email = found.email
        at, day = _when(_said(visit, "day"), _said(visit, "time"), its.timezone, visit.now)
        return Asked(its.slug, visit.now, at, day, email)

    def _seen(self, visit: Visit, its: Digest) -> tuple[Asked, Seen]:
        work = self.frame.work.digests
        if work is None:
            raise CannotShow("no mail is made here")
        asked = self._asked(visit, its)
        return asked, _taken_apart(work.preview(asked))

    def _part(self, visit: Visit, part: Callable[[Seen], bytes], kind: str, policy: str) -> Response:
        with self.frame.database.read() as connection:
            its = find_digest(connection, visit.path("slug"))
        if its is None:
            return self.frame.missing.nothing(visit.request)
        headers = PRIVATE | {"Content-Security-Policy": policy}
        try:
            _, seen = self._seen(visit, its)
        except CannotShow as error:
            return Response(f"{error}\n", 422, headers, "text/plain; charset=utf-8")
        body = part(seen)
        sent = b"" if visit.request.method == "HEAD" else body
        return Response(sent, 200, headers | {"Content-Length": str(len(body))}, kind)

    def _page(self, visit: Visit, wrong: dict[str, str] | None = None, status: int = 200) -> Shown | Response:
        with self.frame.database.read() as connection:
            its = find_digest(connection, visit.path("slug"))
        if its is None:
            return self.frame.missing.nothing(visit.request)
        told: dict[str, Any] = {
            "digest": its,
            "day": _said(visit, "day"),
            "time": _said(visit, "time"),
            "asked": None,
            "seen": None,
            "fault": "",
            "query": _query(visit),
            "reader": _said(visit, "reader"),
            "wrong": wrong or {},
            "typed": visit.one("reader"),
            "to": visit.one("to"),
        }
        # A typed address is no number; what is shown then is what was asked for before.
        if not (wrong and "reader" in wrong):
            try:
                told["asked"], told["seen"] = self._seen(visit, its)
            except CannotShow as error:
                told["fault"], status = sentence(str(error)), status if status != 200 else 422
        return Shown("digest_preview.html", told, status)


def _said(visit: Visit, name: str) -> str:
    """A field of the form, or of the address."""
    return visit.one(name) or visit.query(name)


def _query(visit: Visit) -> str:
    said = {name: _said(visit, name) for name in ("reader", "day", "time")}
    asked = urlencode({name: value for name, value in said.items() if value})
    return f"?{asked}" if asked else ""


def _when(day: str, hour: str, timezone: str, now: datetime) -> tuple[datetime, date | None]:
    """The instant that a day and a time mean in a timezone; a day alone is that of its slot."""
    if not day and not hour:
        return now, None
    place = zone(timezone)
    on = _date(day) if day else now.astimezone(place).date()
    matched = _TIME.fullmatch(hour or "00:00")
    # Windows are reckoned from it, years back and months ahead.
    if on is None or matched is None or not 1970 <= on.year <= 9000:
        raise CannotShow("this is no day and time: write them like 2026-11-30 and 08:00")
    if not hour:
        return now, on
    return datetime.combine(on, time(int(matched[1]), int(matched[2])), place).astimezone(UTC), None


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _taken_apart(shown: MailShown) -> Seen:
    parsed = message_from_bytes(shown.message, _class=EmailMessage, policy=SMTP)
    html, text = parsed.get_body(("html",)), parsed.get_body(("plain",))
    headers = [(name, str(value)) for name in HEADERS for value in parsed.get_all(name, [])]
    return Seen(
        shown,
        headers,
        str(parsed["Subject"] or ""),
        "" if text is None else str(text.get_content()),
        None if html is None else str(html.get_content()),
    )
