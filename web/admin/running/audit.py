"""The audit log: who changed what, and when."""

import json
from dataclasses import dataclass
from urllib.parse import urlencode

from starlette.routing import Route

from web.accounts.audit import actions, actors, entries
from web.admin.frame import Frame, Shown, Visit

_PAGE = 50
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class AuditPages:
    """``/admin/audit``."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The addresses."""
        return [self.frame.route("/audit", self.show)]

    def show(self, visit: Visit) -> Shown:
        """The newest first, of one kind or one actor where asked."""
        # No database takes NUL as text, and none of ours is so long.
        action, actor = (visit.query(name).replace("\0", "")[:_LONGEST] for name in ("action", "actor"))
        before = visit.query("before")
        number = int(before[:18]) if before.isascii() and before.isdigit() else None
        with self.frame.database.read() as connection:
            found = entries(
                connection, before=number, action=action or None, actor=actor or None, limit=_PAGE + 1
            )
            kinds, people = actions(connection), actors(connection)
        shown, asked = found[:_PAGE], {"action": action, "actor": actor}
        filters = {name: value for name, value in asked.items() if value}
        older = f"?{urlencode(filters | {'before': shown[-1].id})}" if len(found) > _PAGE else None
        told = {
            "rows": [(one, _told(one.detail)) for one in shown],
            "kinds": kinds,
            "people": people,
            "older": older,
            "newer": f"?{urlencode(filters)}" if number is not None else None,
        }
        return Shown("audit.html", told | asked)


def _told(detail: object) -> str:
    """What an entry says besides: ``role: editor, before: viewer``."""
    if not isinstance(detail, dict):
        return ""
    said = ", ".join(
        f"{key}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for key, value in detail.items()
    )
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}…"
