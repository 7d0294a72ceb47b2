"""What renaming, merging or deleting a label would do, told before it is done; nothing is changed.

A change is foreseen by asking today's posts for what rules will mean afterwards: ``Foresight.after`` turns a
rule into one of today's labels' names that finds now what the rule will find then.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, select

from posts.curation import LabelError, must_find, plan_rename
from posts.labels import label_key
from posts.lookup import LabelIndex, load_labels
from posts.model import Label, label_alias
from posts.privaterules import PrivateRules
from posts.querying import NOTHING, simplify
from posts.rules import All, And, HasLabel, Not, Or, Rule, rule_labels
from posts.scope import Scope
from posts.shown import ShownPosts


class Kind(StrEnum):
    """What can be done to a label."""

    RENAME = "rename"
    MERGE = "merge"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Change:
    """A label as it is and what is to be done to it.

    ``into`` is the label that it is to be merged into; ``name`` and ``slug`` are those that its posts are to
    be found by (empty: by none).
    """

    kind: Kind
    label: Label
    into: Label | None = None
    name: str = ""
    slug: str = ""


@dataclass(frozen=True, slots=True)
class Moves:
    """How many posts would become private, and how many private ones would be for everybody to read."""

    hidden: int = 0
    shown: int = 0

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self.hidden or self.shown)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a change would do.

    ``posts`` show the label's name now, whatever their state; ``live`` of them are for everybody, ``both``
    have the label that it is merged into already. ``then`` are the live posts of the label that is left.
    ``addresses`` are slugs that will lead to it, or nowhere any more. ``blocked_by`` is the private feed for
    whose sake the label cannot be deleted.
    """

    posts: int
    live: int
    both: int
    then: int
    addresses: tuple[str, ...]
    moves: Moves
    blocked_by: str | None


def plan(connection: Connection, kind: Kind, label: str, to: str = "") -> Change:
    """What is to be done, read as the change itself would read it. Raises ``LabelError`` as that would."""
    if kind is Kind.RENAME:
        renaming = plan_rename(connection, label, to)
        return Change(kind, renaming.label, name=renaming.name, slug=renaming.slug)
    index = load_labels(connection, [label, to])
    found = must_find(connection, index, label)
    if kind is Kind.DELETE:
        return Change(kind, found)
    into = must_find(connection, index, to)
    if into.id == found.id:
        raise LabelError(f"label {found.name!r}: {to[:80]!r} is this very label; choose another")
    return Change(kind, found, into, into.name, into.slug)


class Foresight:
    """Rules before and after a change, both as rules of today's labels' own names."""

    def __init__(self, connection: Connection, change: Change, rules: Iterable[Rule]) -> None:
        """Look up what the names in the rules mean; ask about no other rules."""
        names = {name for rule in rules for name in rule_labels(rule)}
        into = change.into.name if change.into else ""
        own = {change.label.name, change.label.slug, change.name, change.slug, into} - {""}
        self.index = load_labels(connection, names | own)
        self._change = change
        self._then = _changed(self.index, change)

    def before(self, rule: Rule) -> Rule:
        """The rule as it is meant now."""
        return _meaning(rule, lambda name: _named(self.index.named(name)))

    def after(self, rule: Rule) -> Rule:
        """The rule as it will be meant then."""
        return _meaning(rule, self._meant_then)

    def names(self, rule: Rule) -> bool:
        """Whether a rule names the label, or would mean something else afterwards."""
        meant = {found.id for name in rule_labels(rule) if (found := self.index.named(name)) is not None}
        return self._change.label.id in meant or self.before(rule) != self.after(rule)

    def learn(self, posts: ShownPosts, *rules: Rule) -> None:
        """Have the posts read that rules by today's names are about."""
        found = {
            one.id: one.name
            for rule in rules
            for name in rule_labels(rule)
            if (one := self.index.named(name)) is not None
        }
        posts.learn(found)

    def _meant_then(self, name: str) -> Rule:
        found, change = self._then.named(name), self._change
        if found is None:
            return NOTHING
        if change.into is not None and found.id == change.into.id:
            return Or((HasLabel(change.label.name), HasLabel(change.into.name)))
        # By the name that it has today.
        return HasLabel(change.label.name) if found.id == change.label.id else HasLabel(found.name)


def _named(found: Label | None) -> Rule:
    return NOTHING if found is None else HasLabel(found.name)


def _meaning(rule: Rule, meant: Callable[[str], Rule]) -> Rule:
    match rule:
        case All():
            return rule
        case HasLabel(name):
            return meant(name)
        case Not(inner):
            return Not(_meaning(inner, meant))
        case And(rules) | Or(rules):
            return type(rule)(tuple(_meaning(part, meant) for part in rules))


def _changed(index: LabelIndex, change: Change) -> LabelIndex:
    """What names and addresses lead to after the change."""
    gone, key = change.label, label_key(change.label.name)
    then = replace(gone, name=change.name, slug=change.slug) if change.kind is Kind.RENAME else change.into
    by_key = {name: one for name, one in index.by_key.items() if one.id != gone.id}
    by_slug = {slug: one for slug, one in index.by_slug.items() if one.id != gone.id}
    old_keys = _led_on(index.old_keys, gone, then) | {key: then}
    old_slugs = _led_on(index.old_slugs, gone, then) | {gone.slug: then}
    if then is not None and change.kind is Kind.RENAME:
        by_key[label_key(then.name)] = then
        by_slug[then.slug] = then
        old_keys.pop(label_key(then.name), None)
        old_slugs.pop(then.slug, None)
    return LabelIndex(by_key, by_slug, old_keys, old_slugs)


def _led_on(old: Mapping[str, Label | None], gone: Label, to: Label | None) -> dict[str, Label | None]:
    return {name: to if one is not None and one.id == gone.id else one for name, one in old.items()}


def foresee(connection: Connection, change: Change, posts: ShownPosts | None = None) -> Outlook:
    """What a change would do to posts and addresses; ``posts`` is handed in to be read once for more."""
    private, posts = PrivateRules(connection), posts or ShownPosts(connection)
    together = private.together or NOTHING
    seen = Foresight(connection, change, [together])
    hidden_then = seen.after(together)
    mine = _mine(change)
    seen.learn(posts, hidden_then, mine)
    return Outlook(
        posts=posts.count_both(change.label.name, change.label.name),
        live=posts.count(HasLabel(change.label.name)),
        both=posts.count_both(change.label.name, change.into.name) if change.into else 0,
        then=0 if change.kind is Kind.DELETE else posts.count(And((mine, Not(hidden_then))), private=True),
        addresses=_addresses(connection, change),
        moves=Moves(posts.count(hidden_then), posts.count_private(Not(hidden_then))),
        blocked_by=private.naming(change.label.id) if change.kind is Kind.DELETE else None,
    )


def _mine(change: Change) -> Rule:
    """The posts of the label that is left."""
    own = HasLabel(change.label.name)
    return own if change.into is None else Or((own, HasLabel(change.into.name)))


def foresee_private_rule(connection: Connection, name: str, rule: Rule | None) -> Moves:
    """What ``set_private_rule`` would do to posts."""
    rules = {whose: one for whose, one in PrivateRules(connection).by_name.items() if whose != name}
    together = tuple(rules.values()) if rule is None else (*rules.values(), rule)
    one = Or(together) if len(together) > 1 else next(iter(together), NOTHING)
    index, posts = load_labels(connection, rule_labels(one)), ShownPosts(connection)
    hidden_then = simplify(one, index)
    posts.learn({found.id: found.name for name in rule_labels(hidden_then) if (found := index.named(name))})
    return Moves(posts.count(hidden_then), posts.count_private(Not(hidden_then)))


def visible_then(seen: Foresight, rule: Rule, hidden: Rule, *, private: bool = False) -> Scope:
    """The posts that will be seen under a rule once all posts under ``hidden`` are private."""
    then = seen.after(rule)
    return Scope(then if private else And((then, Not(seen.after(hidden)))), private=True)


def _addresses(connection: Connection, change: Change) -> tuple[str, ...]:
    # Of those that nobody could know of nothing is told.
    query = select(label_alias.c.slug).where(
        label_alias.c.label_id == change.label.id, label_alias.c.slug.is_not(None), label_alias.c.was_met
    )
    old = {str(slug) for slug in connection.execute(query).scalars()} | {change.label.slug}
    return tuple(sorted(old - {change.slug}))
