"""A digest is paused, resumed, sent now and removed: what comes of it is told first, then done."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response
from starlette.routing import Route

from digests.cadence import Cadence, previous_slot
from digests.following import following
from digests.model import Digest
from digests.planning.calling import SentMeanwhile, pause_digest, resume_digest, send_now
from digests.planning.estimating import estimate
from digests.removing import remove_or_mark
from digests.slots import coming
from digests.store import DigestError, count_editions, find_digest, reader_rhythm
from web.admin.digests.form import sentence
from web.admin.frame import Done, Frame, Shown, Visit
from web.model import Role

_NEVER = "never"


@dataclass(frozen=True, slots=True)
class DigestSendingPages:
    """The pages that tell first, and the buttons on them."""

    frame: Frame

    def routes(self) -> list[Route]:
        """Their addresses."""
        return [
            self._route("pause", self.ask_pause, self.pause),
            self.frame.route("/digests/{slug}/resume", None, self._does(self.resume)),
            self._route("send", self.ask_send, self.send),
            self._route("remove", self.ask_remove, self.remove),
        ]

    def _route(
        self,
        what: str,
        tell: Callable[[Visit, Connection, Digest], Shown],
        act: Callable[[Visit, Connection, Digest], Shown | Done],
    ) -> Route:
        told, done = self._tells(tell), self._does(act)
        return self.frame.route(f"/digests/{{slug}}/{what}", told, done, sees=Role.EDITOR)

    def _tells(
        self, tell: Callable[[Visit, Connection, Digest], Shown]
    ) -> Callable[[Visit], Shown | Response]:
        def answer(visit: Visit) -> Shown | Response:
            with self.frame.database.read() as connection:
                its = find_digest(connection, visit.path("slug"))
                return (
                    self.frame.missing.nothing(visit.request) if its is None else tell(visit, connection, its)
                )

        return answer

    def _does(
        self, act: Callable[[Visit, Connection, Digest], Shown | Done]
    ) -> Callable[[Visit], Shown | Done | Response]:
        def answer(visit: Visit) -> Shown | Done | Response:
            with self.frame.database.write() as connection:
                its = find_digest(connection, visit.path("slug"), lock=True)
                return (
                    self.frame.missing.nothing(visit.request) if its is None else act(visit, connection, its)
                )

        return answer

    def ask_pause(self, visit: Visit, connection: Connection, its: Digest) -> Shown:
        """What comes of pausing a digest, or of resuming one that is paused."""
        rhythm = reader_rhythm(its)
        told: dict[str, Any] = {
            "digest": its,
            "readers": following(connection, its),
            "slots": [],
            "late": None,
        }
        if rhythm.cadence is not Cadence.INSTANT:
            told["slots"] = coming(rhythm, visit.now, count=1)
            last = previous_slot(rhythm, visit.now)
            missed = its.paused_at is not None and its.paused_at < last
            told["late"] = last if missed and visit.now - last <= its.max_lateness else None
        return Shown("digest_pause.html", told)

    def pause(self, visit: Visit, connection: Connection, its: Digest) -> Done:
        """Let nothing come due."""
        pause_digest(connection, its.slug, now=visit.now)
        if its.paused_at is None:
            visit.record(connection, "digest.pause", its.slug)
        return Done(f"/digests/{its.slug}", f"{its.title} is paused.")

    def resume(self, visit: Visit, connection: Connection, its: Digest) -> Done:
        """Let it come due again, unless it is to go."""
        try:
            resume_digest(connection, its.slug)
        except DigestError as error:
            return Done(f"/digests/{its.slug}", sentence(str(error)))
        if its.paused_at is not None:
            visit.record(connection, "digest.resume", its.slug)
        return Done(f"/digests/{its.slug}", f"{its.title} comes again.")

    def ask_send(self, visit: Visit, connection: Connection, its: Digest) -> Shown:
        """Who would get what."""
        return self._before_sending(visit, connection, its)

    def _before_sending(
        self, visit: Visit, connection: Connection, its: Digest, wrong: str = "", status: int = 200
    ) -> Shown:
        ahead = coming(reader_rhythm(its), visit.now, count=1)
        told = {
            "digest": its,
            "estimate": estimate(connection, its, now=visit.now),
            "slot": ahead[0] if ahead else None,
            "last": its.send_at.isoformat() if its.send_at else _NEVER,
            "wrong": wrong,
        }
        return Shown("digest_send.html", told, status)

    def send(self, visit: Visit, connection: Connection, its: Digest) -> Shown | Done:
        """End its open windows: the next tick mails them. Sent twice by one form, it is sent once."""
        last = its.send_at.isoformat() if its.send_at else _NEVER
        try:
            if visit.one("last") != last:
                raise SentMeanwhile("it was told to be sent since you loaded this page: so it stands now")
            send_now(connection, its.slug, last=its.send_at, now=visit.now)
        except DigestError as error:
            return self._before_sending(visit, connection, its, sentence(str(error)), 409)
        found = estimate(connection, its, now=visit.now)
        visit.record(connection, "digest.send", its.slug, mails=found.mails, of=found.readers)
        return Done(f"/digests/{its.slug}", f"{its.title} goes out within the next seconds.")

    def ask_remove(self, visit: Visit, connection: Connection, its: Digest) -> Shown:
        """What goes with a digest."""
        return self._before_removing(visit, connection, its)

    def _before_removing(
        self, visit: Visit, connection: Connection, its: Digest, wrong: str = "", status: int = 200
    ) -> Shown:
        del visit
        editions = count_editions(connection, its)
        told = {"digest": its, "readers": following(connection, its), "editions": editions, "wrong": wrong}
        return Shown("digest_remove.html", told, status)

    def remove(self, visit: Visit, connection: Connection, its: Digest) -> Shown | Done:
        """Remove it with all that is its own, once its address was typed; what is much goes by and by."""
        if visit.one("slug") != its.slug:
            wrong = f"Write {its.slug} to say that it is this one."
            return self._before_removing(visit, connection, its, wrong, 422)
        visit.record(connection, "digest.remove", its.slug, title=its.title)
        if remove_or_mark(connection, its, now=visit.now):
            return Done("/digests", f"{its.title} is removed.")
        return Done("/digests", f"{its.title} is mailed no more, and goes within minutes: it has much.")
