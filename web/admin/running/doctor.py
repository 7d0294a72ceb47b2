"""The doctor's page: what was found when somebody last had it looked, and how long ago."""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from starlette.routing import Route

from web.admin.frame import Done, Frame, Shown, Visit
from web.admin.work import Finding

log = structlog.get_logger("web")

# Who does not answer by then is not waited for: somebody may have it looked again.
GIVEN_UP = timedelta(minutes=1)
# A look that is quick is shown at once.
_PATIENCE = 2.0


@dataclass(slots=True)
class Desk:
    """Looks one at a time, in a thread, and keeps what was found last; of this process only."""

    examine: Callable[[], Sequence[Finding]]
    findings: Sequence[Finding] = ()
    found_at: datetime | None = None
    began_at: datetime | None = None
    failed: str = ""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _looks: int = 0

    def is_looking(self, now: datetime) -> bool:
        """Whether a look is under way that is still waited for."""
        return self.began_at is not None and now - self.began_at < GIVEN_UP

    def look(self, now: datetime) -> threading.Thread | None:
        """Begin to look; None while another look is under way."""
        with self._lock:
            if self.is_looking(now):
                return None
            self.began_at, self._looks = now, self._looks + 1
            number = self._looks
        thread = threading.Thread(target=self._run, args=(number, now), name="doctor", daemon=True)
        thread.start()
        return thread

    @property
    def problems(self) -> list[Finding]:
        """What is not as it should be."""
        return [one for one in self.findings if one.health == "problem"]

    def _run(self, number: int, now: datetime) -> None:
        failed, found = "", self.findings
        try:
            found = list(self.examine())
        except Exception as error:
            log.warning("doctor failed", error=f"{type(error).__name__}: {' '.join(str(error).split())}")
            failed = "The look ended early; the log says why."
        with self._lock:
            # One that was given up comes too late if another has begun.
            if number == self._looks:
                self.findings, self.failed, self.began_at = found, failed, None
                self.found_at = self.found_at if failed else now


@dataclass(frozen=True, slots=True)
class DoctorPages:
    """``/admin/doctor``."""

    frame: Frame
    desk: Desk

    def routes(self) -> list[Route]:
        """The addresses."""
        return [self.frame.route("/doctor", self.show, self.look)]

    def show(self, visit: Visit) -> Shown:
        """What was found last."""
        desk = self.desk
        told = {
            "findings": sorted(desk.findings, key=lambda one: one.health != "problem"),
            "found_at": desk.found_at,
            "failed": desk.failed,
            "is_looking": desk.is_looking(visit.now),
            "gave_up": desk.began_at is not None and not desk.is_looking(visit.now),
            "problems": len(desk.problems),
        }
        return Shown("doctor.html", told)

    def look(self, visit: Visit) -> Done:
        """Have it looked; what takes long is shown when the page is next loaded."""
        thread = self.desk.look(visit.now)
        if thread is not None:
            thread.join(_PATIENCE)
        return Done("/doctor")
