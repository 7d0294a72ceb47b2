"""The first of the publisher's pages: what needs somebody, then how things stand."""

from collections.abc import Iterator
from dataclasses import dataclass

from starlette.routing import Route

from digests.standing import edition_standings
from digests.store import list_digests
from web.admin.frame import Frame, Shown, Visit
from web.admin.running.attention import Need, failing, needs, numbers, told, upcoming
from web.admin.running.doctor import Desk

_LAST_MAILS = 5


@dataclass(frozen=True, slots=True)
class OverviewPages:
    """``/admin/``."""

    frame: Frame
    desk: Desk

    def routes(self) -> list[Route]:
        """The addresses."""
        return [self.frame.route("/", self.show)]

    def show(self, visit: Visit) -> Shown:
        """What there is to see at a glance."""
        with self.frame.database.read() as connection:
            editions = edition_standings(connection, limit=_LAST_MAILS)
            wanting = [*needs(connection), *failing(editions)]
            counted = [(name, told(number), to) for name, number, to in numbers(connection)]
            digests = list_digests(connection)
        wanting = sorted([*self._troubles(), *wanting], key=lambda one: one.kind != "problem")
        shown = {
            "needs": wanting,
            "numbers": counted,
            "upcoming": upcoming(digests, now=visit.now),
            "editions": [one for one in editions if one.reason is None],
            "titles": {one.slug: one.title for one in digests},
            "looked": self.desk.found_at is not None,
        }
        return Shown("overview.html", shown)

    def _troubles(self) -> Iterator[Need]:
        """What is wrong with the service itself."""
        trouble = self.frame.work.trouble()
        if trouble:
            yield Need("problem", f"The scheduler: {trouble}.", "/doctor")
        for found in self.desk.problems:
            yield Need("problem", f"{found.what}: {found.said}", "/doctor")
