"""What is set, and where: seen here, changed in the file."""

from dataclasses import dataclass
from itertools import groupby

from starlette.routing import Route

from web.admin.frame import Frame, Shown, Visit


@dataclass(frozen=True, slots=True)
class SettingsPages:
    """``/admin/settings``."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses."""
        return [self.frame.route("/settings", self.show)]

    def show(self, visit: Visit) -> Shown:
        """Every setting, by its table."""
        del visit
        found = self.frame.work.settings()
        by_table = groupby(found, key=lambda one: one.key.rpartition(".")[0])
        tables = [(name, list(some)) for name, some in by_table]
        return Shown("settings.html", {"tables": tables})
