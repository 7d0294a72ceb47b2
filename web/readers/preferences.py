"""``/preferences/{token}``: what a reader gets, and a form to change it. It works without a script."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection
from starlette.routing import Route

from digests.cadence import zone_names
from digests.rhythm import WEEKDAYS, describe_to_readers
from digests.selection import current_labels
from digests.subscribed import Subscribed, find_subscribed, subscribed_of
from posts.lookup import label_aliases
from posts.rules import parse
from subscribers.subscribing import change
from web.forms import MOST_FIELDS, first
from web.readers.choices import Choices, read_choices, zone_choices
from web.readers.joining import Joined, join, others_of
from web.readers.offers import by_name, called_now, can_be_in, known_labels, offered_labels
from web.readers.readerlinks import Door, Doors, Posted, Told
from web.readers.sought import LONGEST_SOUGHT, Sought, seek
from web.readers.telling import Way, tell


@dataclass(frozen=True, slots=True)
class Chosen:
    """What may be chosen and what is; ``wrong`` is by field, ``found`` the labels that may be meant there."""

    choices: Choices
    offered: "_Offered"
    notice: str = ""
    found: Sequence[tuple[str, str]] = ()
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
        offered = _offered(connection, found)
        return self._page(connection, found, Chosen(Choices.kept(found, offered.chosen, now), offered))

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
        offered = _offered(connection, found)
        asked, kept = Choices.posted(posted.form), Choices.kept(found, offered.chosen, now)
        asked = replace(asked, labels=called_now(connection, asked.labels))
        sought = Sought()
        if offered.has_others and (typed := first(posted.form, "more")[:LONGEST_SOUGHT].strip()):
            sought = seek(connection, typed, parse(found.digest.rule))
            asked = asked.with_labels(label.slug for label in sought.named)
        offered = offered.with_labels(connection, found, asked.labels)
        # A pause ends at an instant and the form knows its day only: who leaves the day leaves the instant.
        goes_on = asked.paused_until == kept.paused_until
        read = replace(asked, paused_until="") if goes_on else asked
        changes, wrong = read_choices(read, found.digest, offered=offered.shown, now=now)
        if sought.wrong:
            # What was typed says enough about the labels.
            wrong = {"more": sought.wrong} | {name: why for name, why in wrong.items() if name != "label"}
        if goes_on:
            changes.pop("paused_until", None)
        if wrong:
            chosen = Chosen(asked, offered, found=sought.found, wrong=wrong)
            return self._page(connection, found, chosen, status=422)
        change(connection, number, changes)
        return self._changed(connection, number, "Your choices are saved.")

    def _changed(self, connection: Connection, number: int, notice: str) -> Told | None:
        found, now = find_subscribed(connection, number), self.doors.links.now()
        if found is None:
            return None
        offered = _offered(connection, found)
        chosen = Chosen(Choices.kept(found, offered.chosen, now), offered, notice)
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


@dataclass(frozen=True, slots=True)
class _Offered:
    """The labels that have boxes: ``shown`` are names by slug, ``chosen`` the slugs that are chosen now.

    They are those that the digest's rule is a list of, else those with the most posts; and what is chosen
    already. ``has_others``: any other may be asked for by its name.
    """

    shown: Mapping[str, str]
    chosen: Sequence[str]
    has_others: bool

    @property
    def in_order(self) -> list[tuple[str, str]]:
        """Pairs of slug and name, by name."""
        return by_name(self.shown)

    def with_labels(self, connection: Connection, found: Subscribed, slugs: Iterable[str]) -> "_Offered":
        """With boxes for those that are there too, if others may be asked for."""
        further = set(slugs) - self.shown.keys() if self.has_others else set()
        if not further:
            return self
        rule = parse(found.digest.rule)
        known = known_labels(connection, sorted(further)[:MOST_FIELDS]).values()
        able = {label.slug: label.name for label in known if can_be_in(rule, label)}
        return replace(self, shown={**able, **self.shown})


def _offered(connection: Connection, found: Subscribed) -> _Offered:
    mine = current_labels(found.subscription.labels, aliases=label_aliases(connection))
    offered = offered_labels(connection, found.digest)
    shown = {label.slug: label.name for label in offered.labels}
    missed = [slug for slug in mine if slug not in shown]
    known = known_labels(connection, missed, by_any_name=True)
    shown |= {slug: known[slug].name if slug in known else slug for slug in missed}
    return _Offered(shown, mine, offered.has_others)
