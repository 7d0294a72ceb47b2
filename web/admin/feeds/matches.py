"""What helps with writing a rule, whatever form it stands in: labels' names completed, and what it matches.

``GET /admin/feeds/labels?q=iran`` answers JSON: ``{"labels": [{"name", "rule", "slug", "posts"}, …]}`` with
ten at most, the likeliest first. ``rule`` is the name as it stands in a rule: quoted where it must be. An
input becomes a combobox of them by these attributes, which ``complete.js`` reads:

    <input name="rule" data-complete="{{ admin }}/feeds/labels">       the name at the cursor, in a rule
    <input name="into" data-complete="{{ admin }}/feeds/labels" data-complete-as="name">   the whole value

``GET /admin/feeds/matches?rule=…`` answers a fragment of HTML: how many posts are under the rule, the newest
ten, and a warning for each name that no label has yet. With ``private=1`` the private posts are counted too,
as in a private feed. A rule that does not parse is a 422 with a fragment that shows the place. So a form with
a field ``rule`` needs no more than

    <form … data-live="{{ admin }}/feeds/matches" data-live-into="matches">
    <div id="matches" aria-live="polite">{% include "page/admin/feeds_matches.html" %}</div>

where the include is for pages without script, which hand in ``look(connection, rule)``'s context.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from posts.matching import complete_label, find_matches
from posts.rules import HasLabel, RuleError
from web.admin.frame import Frame, Shown, Visit
from web.security import PRIVATE

FRAGMENT = "feeds_matches.html"


@dataclass(frozen=True, slots=True)
class MatchPages:
    """Answers what a form with a rule asks while it is being filled in."""

    frame: Frame

    def routes(self) -> list[Route]:
        """The two addresses."""
        return [
            self.frame.route("/feeds/labels", self.complete),
            self.frame.route("/feeds/matches", self.matches),
        ]

    def complete(self, visit: Visit) -> Response:
        """The labels that what is being typed may become."""
        with self.frame.database.read() as connection:
            found = complete_label(connection, visit.query("q"))
        labels = [
            {"name": one.name, "rule": str(HasLabel(one.name)), "slug": one.slug, "posts": one.posts}
            for one in found
        ]
        return JSONResponse({"labels": labels}, headers=PRIVATE)

    def matches(self, visit: Visit) -> Shown:
        """What is under the rule that is being written."""
        with self.frame.database.read() as connection:
            told = look(connection, visit.query("rule"), private=bool(visit.query("private")))
        return Shown(FRAGMENT, told, 422 if told["fault"] is not None else 200)


def look(connection: Connection, rule: str, *, private: bool = False) -> dict[str, Any]:
    """What the fragment is handed: ``matches``, or the ``fault`` of a rule that does not parse."""
    if not rule.strip():
        return {"matches": None, "fault": None}
    try:
        return {"matches": find_matches(connection, rule, private=private), "fault": None}
    except RuleError as error:
        return {"matches": None, "fault": error}
