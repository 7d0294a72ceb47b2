"""``/subscribe``: a reader signs up, and ``/subscribe/links``: one whose links are lost is sent new ones.

Whatever is known of an address, the answer is the same page and the work behind it the same statement: a row
in the queue of mails. What follows of it is decided when its turn comes (``labelcast/notices``).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from database import DatabaseUnavailable
from digests.model import Digest
from digests.store import offered_digests
from outbox.notices import enqueue
from subscribers.address import Address, AddressError, normalize
from web.forms import Form, TooLarge, read_body, read_form
from web.pages import HTML
from web.readers.choices import read_choices
from web.readers.offers import known_labels
from web.readers.readerlinks import Doors
from web.readers.signupform import TRAP, Asked, SignupForm, posted_choices, signup_form, sought_labels, typed
from web.readers.signuplimits import SignupLimits
from web.readers.sought import LONGEST_SOUGHT, Sought, seek
from web.security import PRIVATE, policy

WORDING = "Do you want {title} by email?"
_FRAMED = {"Content-Security-Policy": policy(script_src="'self'", frame_ancestors="*")}
_WHOLE = {"Content-Security-Policy": policy(script_src="'self'")}
_TOO_LARGE = "This is more than such a form ever sends.\n"


@dataclass(frozen=True, slots=True)
class Signup:
    """What signing up needs: ``limits``; ``is_open`` tells whether there is a form for it."""

    limits: SignupLimits
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Ask:
    """A sign-up that was read: whose it is and what they want; ``wrong`` says of fields what is wrong.

    ``sought`` are the labels that they asked for by name.
    """

    address: Address | None
    digest: Digest | None
    choices: Mapping[str, Any]
    wrong: Mapping[str, str]
    sought: Sought | None = None


@dataclass(frozen=True, slots=True)
class SignupPages:
    """Takes sign-ups. Nothing is ever told of an address."""

    doors: Doors
    signup: Signup

    def routes(self) -> list[Route]:
        """The addresses."""
        routes = [self._route("/subscribe/links", self._links_form, self._links)]
        if self.doors.pages.has_signup:
            routes += [
                self._route("/subscribe", self._form, self._subscribe),
                self._route("/subscribe/frame", self._form, self._subscribe),
                Route("/subscribe/embed", self.embed),
            ]
        return routes

    def _route(self, path: str, show: Any, act: Any) -> Route:
        async def answer(request: Request) -> Response:
            try:
                if request.method != "POST":
                    return await run_in_threadpool(show, request)
                body = await read_body(request)
                form = read_form(request.headers.get("content-type", ""), body)
                return await run_in_threadpool(act, request, form)
            except TooLarge:
                return PlainTextResponse(_TOO_LARGE, status_code=413, headers=PRIVATE)
            except DatabaseUnavailable as error:
                return self.doors.missing.unavailable(request, error)

        return Route(path, answer, methods=["GET", "POST"])

    def embed(self, request: Request) -> Response:
        """What to paste into the pages of another site."""
        with self.doors.database.read() as connection:
            sought = seek(connection, request.query_params.get("more", "")[:LONGEST_SOUGHT])
            asked = _asked(connection, request, further=[label.slug for label in sought.named])
            form = signup_form(connection, self.doors.pages.links(request), asked, whole=True)
        if form is None:
            return self.doors.missing.nothing(request)
        return self._page(request, "signup_embed.html", form=form, asked=asked, sought=sought)

    def _form(self, request: Request) -> Response:
        framed = _is_framed(request)
        with self.doors.database.read() as connection:
            links = self.doors.pages.links(request)
            asked = _asked(connection, request)
            form = signup_form(connection, links, asked, whole=not framed, framed=framed)
            if form is None and asked.labels:
                # What was asked for is in no digest: those there are.
                form = signup_form(connection, links, Asked(), whole=not framed, framed=framed)
        if form is None:
            return self.doors.missing.nothing(request)
        return self._shown(request, form)

    def _subscribe(self, request: Request, form: Form) -> Response:
        if typed(form, TRAP):
            return self._look(request)
        with self.doors.database.read() as connection:
            ask = self._read(connection, form)
            if ask.wrong or ask.address is None or ask.digest is None:
                return self._again(connection, request, form, ask)
        its, address, origin = ask.digest, ask.address, _origin(request)
        if seconds := self.signup.limits.wait(origin, address):
            return self._later(request, seconds)
        payload = {
            "digest": its.id,
            "choices": dict(ask.choices),
            "origin": origin,
            "wording": WORDING.format(title=its.title),
        }
        self._enqueue("signup", address, payload, about=its.slug)
        return self._look(request)

    def _read(self, connection: Connection, form: Form) -> Ask:
        wrong: dict[str, str] = {}
        address = None
        try:
            address = normalize(typed(form, "email"))
        except AddressError as error:
            why = str(error).partition(" is no email address: ")[2]
            wrong["email"] = (
                f"This is no email address: {why}" if typed(form, "email") else "Type your address."
            )
        offers = {its.slug: its for its in offered_digests(connection)}
        slug = typed(form, "digest") or (next(iter(offers)) if len(offers) == 1 else "")
        its = offers.get(slug)
        if its is None:
            return Ask(address, None, {}, wrong | {"digest": "Choose what you want to get."})
        sought = sought_labels(connection, form, its)
        asked = posted_choices(connection, form, its)
        if sought.named:
            asked = asked.with_labels(label.slug for label in sought.named)
        # Any there is: one that was ticked on its own page is offered, however many there are.
        offered = {label.slug for label in known_labels(connection, asked.labels).values()}
        choices, unfit = read_choices(asked, its, offered=offered, now=self.doors.links.now())
        # Nobody begins with a pause.
        choices.pop("paused_until", None)
        if sought.wrong:
            unfit["more"] = sought.wrong
        return Ask(address, its, choices, wrong | unfit, sought)

    def _again(self, connection: Connection, request: Request, form: Form, ask: Ask) -> Response:
        """The form once more, with what was typed and what is wrong."""
        framed = _is_framed(request)
        asked = Asked.of(connection, sorted(_ticked(form)), "")
        links = self.doors.pages.links(request)
        shape = {"whole": not framed, "framed": framed}
        told: dict[str, Any] = {**shape, "posted": form, "wrong": ask.wrong, "sought": ask.sought}
        shown = None
        # Where what is ticked is in no digest, or no more: all that there is.
        for one in (asked, Asked()):
            shown = shown or signup_form(connection, links, one, **told)
        if shown is None:
            return self.doors.missing.nothing(request)
        return self._shown(request, shown, status=422)

    def _links_form(self, request: Request) -> Response:
        return self._page(request, "no_link.html", heading="Have your links sent to you", asks=True)

    def _links(self, request: Request, form: Form) -> Response:
        if typed(form, TRAP):
            return self._look(request)
        try:
            address = normalize(typed(form, "email"))
        except AddressError:
            told = {"heading": "Have your links sent to you", "typed": typed(form, "email"), "asks": True}
            return self._page(request, "no_link.html", status=422, **told)
        origin = _origin(request)
        if seconds := self.signup.limits.wait(origin, address):
            return self._later(request, seconds)
        self._enqueue("links", address, {"origin": origin})
        return self._look(request)

    def _enqueue(self, kind: str, address: Address, payload: Mapping[str, Any], *, about: str = "") -> None:
        """Leave it to whoever sends mail: one statement, whatever is known of the address."""
        told = {"over": True} if self.signup.limits.is_over(address) else payload
        # Two that want the same wait as one.
        wanted = json.dumps([told.get("over"), told.get("choices")], sort_keys=True, default=list)
        key = f"{kind}:{about}:{address.key}:{sha256(wanted.encode()).hexdigest()[:16]}"
        with self.doors.database.write() as connection:
            now = self.doors.links.now()
            enqueue(connection, kind, {"address": address.email, **told}, key=key, now=now)
        self.doors.links.wake()

    def _look(self, request: Request) -> Response:
        return self._page(request, "signup_told.html", heading="Look into your mail", minutes=0)

    def _later(self, request: Request, seconds: int) -> Response:
        minutes = -(-seconds // 60)
        answer = self._page(
            request, "signup_told.html", status=429, heading="Please try again later", minutes=minutes
        )
        answer.headers["Retry-After"] = str(seconds)
        return answer

    def _shown(self, request: Request, form: SignupForm, *, status: int = 200) -> Response:
        return self._page(request, "subscribe.html", status=status, form=form)

    def _page(self, request: Request, template: str, *, status: int = 200, **context: Any) -> Response:
        framed = _is_framed(request)
        layout = "page/frame.html" if framed else "page/layout.html"
        body = self.doors.pages.text(
            self.doors.pages.links(request), template, layout=layout, is_framed=framed, **context
        )
        headers = PRIVATE | (_FRAMED if framed else _WHOLE) | {"Content-Length": str(len(body))}
        if request.method != "POST":
            # The form itself is for everybody, and to be found.
            del headers["X-Robots-Tag"]
        return Response(b"" if request.method == "HEAD" else body, status, headers, HTML)


def _asked(connection: Connection, request: Request, further: Sequence[str] = ()) -> Asked:
    query = request.query_params
    return Asked.of(connection, [*query.getlist("label"), *further], query.get("digest", "")[:100])


def _ticked(form: Form) -> Sequence[str]:
    slug = typed(form, "digest")
    return [*form.get(f"label-{slug}", ()), *form.get("label", ())]


def _is_framed(request: Request) -> bool:
    return request.url.path.endswith("/frame")


def _origin(request: Request) -> str:
    return request.client.host if request.client else ""
