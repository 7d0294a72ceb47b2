"""``/preferences/{token}``: what a reader gets, and a form to change it. It works without a script."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection
from starlette.routing import Route

from digests.cadence import zone_names
from digests.rhythm import WEEKDAYS, describe_to_readers
from digests.selection import current_labels
from digests.subscribed import Subscribed, find_subscribed, subscribed_of
from posts.lookup import find_label, label_aliases
from subscribers.subscribing import change
from web.forms import first
from web.readers.choices import Choices, read_choices, zone_choices
from web.readers.joining import Joined, join, others_of
from web.readers.offers import offered_labels
from web.readers.readerlinks import Door, Doors, Posted, Told
from web.readers.telling import Way, tell


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may be chosen and what is: ``offered`` are pairs of slug and name; ``wrong`` is by field."""

    choices: Choices
    offered: Sequence[tuple[str, str]]
    notice: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PreferencesPages:
    """Shows a subscription and changes it; the token is of one subscription and leads to its reader's all."""

    doors: Doors

    def routes(self) -> list[Route]:
        """The address."""
        return [self.doors.route(Door("preferences", self._show, self._change))]

    def _show(self, connection: Connection, number: int) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if not found.is_active or not found.may_be_written_to:
            return self._not_active(connection, found)
        now = self.doors.links.now()
        offered, labels = _offered(connection, found)
        return self._page(connection, found, Chosen(Choices.kept(found, labels, now), offered))

    def _change(self, connection: Connection, number: int, posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if wanted := first(posted.form, "subscribe"):
            return self._join(connection, found, wanted, posted)
        if not found.is_active or not found.may_be_written_to:
            return self._not_active(connection, found)
        doing = posted.form.get("do", ())
        if "resume" in doing:
            change(connection, number, {"paused_until": None})
            return self._changed(connection, number, "You get mail again.")
        return self._save(connection, found, posted) if "save" in doing else self._show(connection, number)

    def _save(self, connection: Connection, found: Subscribed, posted: Posted) -> Told | None:
        now, number = self.doors.links.now(), found.subscription.id
        offered, labels = _offered(connection, found)
        asked, kept = Choices.posted(posted.form), Choices.kept(found, labels, now)
        # A pause ends at an instant and the form knows its day only: who leaves the day leaves the instant.
        goes_on = asked.paused_until == kept.paused_until
        read = replace(asked, paused_until="") if goes_on else asked
        changes, wrong = read_choices(read, found.digest, offered={slug for slug, _ in offered}, now=now)
        if goes_on:
            changes.pop("paused_until", None)
        if wrong:
            chosen = Chosen(asked, offered, wrong=wrong)
            return self._page(connection, found, chosen, status=422)
        change(connection, number, changes)
        return self._changed(connection, number, "Your choices are saved.")

    def _changed(self, connection: Connection, number: int, notice: str) -> Told | None:
        found, now = find_subscribed(connection, number), self.doors.links.now()
        if found is None:
            return None
        offered, labels = _offered(connection, found)
        chosen = Chosen(Choices.kept(found, labels, now), offered, notice)
        return self._page(connection, found, chosen)

    def _join(self, connection: Connection, found: Subscribed, slug: str, posted: Posted) -> Told | None:
        """The reader takes up another digest, by a button on this page."""
        joined = None
        if self.doors.links.may_join:
            now = self.doors.links.now()
            joined = join(connection, found, slug, origin=posted.origin, now=now)
        if joined is None:
            return self._show(connection, found.subscription.id)
        return tell(
            "You are subscribed",
            f"{joined.title} comes to you by email: {joined.when}.",
            buttons=[("unsubscribe", joined.number, "Unsubscribe")],
            ways=[
                ("preferences", joined.number, f"Choose how {joined.title} comes"),
                ("preferences", found.subscription.id, f"Back to {found.digest.title}"),
            ],
            is_done=True,
        )

    def _page(self, connection: Connection, found: Subscribed, chosen: Chosen, *, status: int = 200) -> Told:
        theirs = [one for one in subscribed_of(connection, found.subscriber.id) if one.is_active]
        until = found.subscription.paused_until
        zones = zone_choices(zone_names(), found.rhythm.timezone)
        return Told(
            "preferences.html",
            {
                "digest": found.digest,
                "number": found.subscription.id,
                "when": describe_to_readers(found.rhythm),
                "zone": found.rhythm.timezone,
                "paused": until if until is not None and until > self.doors.links.now() else None,
                "chosen": chosen,
                "zones": zones,
                "weekdays": WEEKDAYS,
                "theirs": theirs,
                "more": self._more(connection, found),
                "may_export": self.doors.links.about is not None,
                "may_erase": self.doors.links.erase is not None,
            },
            status,
        )

    def _more(self, connection: Connection, found: Subscribed) -> Sequence[Joined]:
        return others_of(connection, found) if self.doors.links.may_join else ()

    def _not_active(self, connection: Connection, found: Subscribed) -> Told:
        number, title = found.subscription.id, found.digest.title
        back = found.may_be_written_to and not found.subscription.waits
        theirs = subscribed_of(connection, found.subscriber.id) if found.may_be_written_to else ()
        ways: list[Way] = [
            ("preferences", one.subscription.id, one.digest.title) for one in theirs if one.is_active
        ]
        if self.doors.links.erase is not None and found.subscriber.email is not None:
            ways.append(("preferences", number, "Be forgotten", "erase"))
        return tell(
            f"You do not get {title}",
            f"There is nothing to choose: no mail of {title} is sent to you.",
            buttons=[("resubscribe", number, "Subscribe again")] if back else (),
            ways=ways,
            is_done=True,
        )


def _offered(connection: Connection, found: Subscribed) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """The labels that may be chosen, as slug and name; and the slugs that are chosen, as they are now.

    Those that the digest's rule is a list of, else those with the most posts; and what is chosen already.
    """
    mine = current_labels(found.subscription.labels, aliases=label_aliases(connection))
    shown = {label.slug: label.name for label in offered_labels(connection, found.digest)}
    for slug in mine:
        if slug not in shown:
            label = find_label(connection, slug, counted=False)
            shown[slug] = slug if label is None else label.name
    return sorted(shown.items(), key=lambda pair: (pair[1].casefold(), pair[0])), mine
