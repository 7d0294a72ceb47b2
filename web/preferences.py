"""``/preferences/{token}``: what a reader gets, and a form to change it. It works without a script."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection
from starlette.routing import Route

from digests.cadence import describe, zone_names
from digests.rhythm import WEEKDAYS
from digests.selection import current_labels
from digests.subscribed import Subscribed, find_subscribed, subscribed_of
from posts.lookup import find_label, label_aliases, labels
from posts.model import Label
from posts.rules import HasLabel, Or, parse
from subscribers.subscribing import change
from web.choices import Choices, read_choices, zone_choices
from web.readerlinks import Door, Doors, Posted, Told

# More boxes than a person would look through.
MOST_LABELS = 100


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may be chosen and what is: ``offered`` are pairs of slug and name."""

    choices: Choices
    offered: Sequence[tuple[str, str]]
    notice: str = ""
    wrong: Sequence[str] = ()


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
            return _not_active(found)
        now = self.doors.links.now()
        offered, labels = _offered(connection, found)
        return self._page(connection, found, Chosen(Choices.kept(found, labels, now), offered))

    def _change(self, connection: Connection, number: int, posted: Posted) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        if not found.is_active or not found.may_be_written_to:
            return _not_active(found)
        now, doing = self.doors.links.now(), posted.form.get("do", ())
        if "resume" in doing:
            change(connection, number, {"paused_until": None})
            return self._changed(connection, number, now, "You get mail again.")
        if "save" not in doing:
            return self._show(connection, number)
        offered, labels = _offered(connection, found)
        asked, kept = Choices.posted(posted.form), Choices.kept(found, labels, now)
        # A pause ends at an instant and the form knows its day only: who leaves the day leaves the instant.
        goes_on = asked.paused_until == kept.paused_until
        read = replace(asked, paused_until="") if goes_on else asked
        changes, wrong = read_choices(read, found.digest, offered={slug for slug, _ in offered}, now=now)
        if goes_on:
            changes.pop("paused_until", None)
        if wrong:
            chosen = Chosen(asked, offered, wrong=(*wrong, "Nothing was changed."))
            return self._page(connection, found, chosen, status=422)
        change(connection, number, changes)
        return self._changed(connection, number, now, "Your choices are kept.")

    def _changed(self, connection: Connection, number: int, now: datetime, notice: str) -> Told | None:
        found = find_subscribed(connection, number)
        if found is None:
            return None
        offered, labels = _offered(connection, found)
        chosen = Chosen(Choices.kept(found, labels, now), offered, notice)
        return self._page(connection, found, chosen)

    def _page(self, connection: Connection, found: Subscribed, chosen: Chosen, *, status: int = 200) -> Told:
        others = [
            one
            for one in subscribed_of(connection, found.subscriber.id)
            if one.is_active and one.subscription.id != found.subscription.id
        ]
        until = found.subscription.paused_until
        zones = zone_choices(zone_names(), found.rhythm.timezone)
        return Told(
            "preferences.html",
            {
                "digest": found.digest,
                "number": found.subscription.id,
                "when": describe(found.rhythm),
                "zone": found.rhythm.timezone,
                "paused": until if until is not None and until > self.doors.links.now() else None,
                "chosen": chosen,
                "zones": zones,
                "weekdays": WEEKDAYS,
                "others": others,
            },
            status,
        )


def _not_active(found: Subscribed) -> Told:
    number, title = found.subscription.id, found.digest.title
    back = found.may_be_written_to and not found.subscription.waits
    return Told(
        "told.html",
        {
            "heading": f"You do not get {title}",
            "words": (f"There is nothing to choose: no mail of {title} is sent to you.",),
            "buttons": (("resubscribe", number, "Subscribe again"),) if back else (),
            "is_done": True,
        },
    )


def _offered(connection: Connection, found: Subscribed) -> tuple[list[tuple[str, str]], tuple[str, ...]]:
    """The labels that may be chosen, as slug and name; and the slugs that are chosen, as they are now.

    Those that the digest's rule is a list of, else those with the most posts; and what is chosen already.
    """
    mine = current_labels(found.subscription.labels, aliases=label_aliases(connection))
    shown = {label.slug: label.name for label in _labels_of(connection, found)}
    for slug in mine:
        if slug not in shown:
            label = find_label(connection, slug, counted=False)
            shown[slug] = slug if label is None else label.name
    return sorted(shown.items(), key=lambda pair: (pair[1].casefold(), pair[0])), mine


def _labels_of(connection: Connection, found: Subscribed) -> Sequence[Label]:
    rule = parse(found.digest.rule)
    parts = rule.rules if isinstance(rule, Or) else (rule,)
    names = [part.name for part in parts if isinstance(part, HasLabel)]
    if len(names) == len(parts):
        # Nobody is to hear of a label that only stands on what is private or still to come.
        known = (find_label(connection, name, counted=False) for name in names)
        return [label for label in known if label is not None and label.is_met] if len(names) > 1 else []
    most = sorted(labels(connection), key=lambda label: -label.posts)
    return [label for label in most[:MOST_LABELS] if label.posts]
