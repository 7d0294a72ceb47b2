"""Label rules as SQL.

A rule is taken apart into branches. A branch walks one label's range of ``ix_post_label_newest`` (or, where
no label must be there, all live posts) from the newest on and checks the rest of the rule for each post by
primary key, so that it stops at its limit without sorting anything. ``posts.selecting`` makes the statements.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import (
    ColumnElement,
    Connection,
    Table,
    and_,
    bindparam,
    exists,
    false,
    func,
    not_,
    or_,
    select,
    true,
)

from posts.lookup import LabelIndex
from posts.model import post_label
from posts.rules import All, And, HasLabel, Not, Or, Rule

NOTHING = Not(All())

# One range of one index, made once: putting a statement together takes longer than running it.
_NEWEST_OF_LABEL = (
    select(post_label.c.post_id)
    .where(post_label.c.label_id == bindparam("label_id"), post_label.c.live == true())
    .order_by(post_label.c.published.desc(), post_label.c.post_id.desc())
    .limit(bindparam("count"))
)

# Posts counted to learn which of an And's labels is rarer: enough to tell, too few to be felt.
_PROBE = 2000
# Of so many labels it takes less to look at all that a post has than to look each of them up.
_MANY = 5


@dataclass(frozen=True, slots=True)
class Branch:
    """Posts with one label (None: all posts) that are also under the rest of a rule."""

    label_id: int | None
    rest: Rule


def simplify(rule: Rule, index: LabelIndex, *, negated: bool = False) -> Rule:
    """The same rule by the labels' own names, ``not`` only before a label, without what decides nothing.

    A name that no label has holds no post. No post at all is ``not all``.
    """
    match rule:
        case All():
            return NOTHING if negated else rule
        case HasLabel(name):
            found = index.named(name)
            if found is None:
                return All() if negated else NOTHING
            own = HasLabel(found.name)
            return Not(own) if negated else own
        case Not(inner):
            return simplify(inner, index, negated=not negated)
        case And(rules) | Or(rules):
            parts = tuple(dict.fromkeys(simplify(part, index, negated=negated) for part in rules))
            return _conjunction(parts) if isinstance(rule, And) != negated else _disjunction(parts)


def _conjunction(parts: Sequence[Rule]) -> Rule:
    if NOTHING in parts:
        return NOTHING
    kept = tuple(part for part in parts if part != All())
    return And(kept) if len(kept) > 1 else next(iter(kept), All())


def _disjunction(parts: Sequence[Rule]) -> Rule:
    if All() in parts:
        return All()
    kept = tuple(part for part in parts if part != NOTHING)
    return Or(kept) if len(kept) > 1 else next(iter(kept), NOTHING)


def branches(rule: Rule, index: LabelIndex, *, size: Callable[[int], int]) -> list[Branch]:
    """A simplified rule's branches; ``size`` tells about how many posts a label has, to walk the fewest."""
    match rule:
        case HasLabel(name):
            return [Branch(_label_id(name, index), All())]
        case Or(rules):
            found = [branch for part in rules for branch in branches(part, index, size=size)]
            return found if guarded(found) else [Branch(None, rule)]
        case And(rules):
            return _walk_the_fewest(rule, [branches(part, index, size=size) for part in rules], size)
        case Not(All()):
            return []
        case _:
            return [Branch(None, rule)]


def guarded(found: Sequence[Branch]) -> bool:
    """Whether every post under these branches has a label that one of them walks."""
    return all(branch.label_id is not None for branch in found)


def _walk_the_fewest(rule: And, plans: list[list[Branch]], size: Callable[[int], int]) -> list[Branch]:
    candidates = [number for number, plan in enumerate(plans) if guarded(plan)]
    if not candidates:
        return [Branch(None, rule)]
    if len(candidates) > 1:
        candidates.sort(key=lambda number: sum(size(branch.label_id or 0) for branch in plans[number]))
    chosen = candidates[0]
    others = tuple(part for number, part in enumerate(rule.rules) if number != chosen)
    return [Branch(branch.label_id, _conjunction((branch.rest, *others))) for branch in plans[chosen]]


def _label_id(name: str, index: LabelIndex) -> int:
    """The label of a simplified rule."""
    found = index.named(name)
    if found is None:
        raise LookupError(f"no label is named {name!r}: simplify the rule first")
    return found.id


def newest_of_label(connection: Connection, label_id: int, *, limit: int) -> list[int]:
    """The newest live posts of one label, asked in the fewest steps."""
    return list(connection.execute(_NEWEST_OF_LABEL, {"label_id": label_id, "count": limit}).scalars())


def live_size(connection: Connection, label_id: int, *, at_most: int = _PROBE) -> int:
    """The number of a label's live posts, counted no further than ``at_most``: what is needed to compare."""
    some = select(post_label.c.post_id).where(post_label.c.label_id == label_id, post_label.c.live == true())
    return connection.execute(select(func.count()).select_from(some.limit(at_most).subquery())).scalar_one()


def condition(
    rule: Rule, index: LabelIndex, post_id: ColumnElement[int], *, ties: Table = post_label
) -> ColumnElement[bool]:
    """A simplified rule as a condition on a column that holds a post's id; ``ties`` are posts' labels."""
    match rule:
        case All():
            return true()
        case HasLabel(name):
            tie = ties.alias()
            return exists().where(tie.c.post_id == post_id, tie.c.label_id == _label_id(name, index))
        case Not(All()):
            return false()
        case Not(inner):
            return not_(condition(inner, index, post_id, ties=ties))
        case And(rules):
            without, others = _labels_among(rules, Not)
            kept = [condition(part, index, post_id, ties=ties) for part in others]
            return and_(*kept, ~_has_any(without, index, post_id, ties)) if without else and_(*kept)
        case Or(rules):
            having, others = _labels_among(rules, HasLabel)
            kept = [condition(part, index, post_id, ties=ties) for part in others]
            return or_(*kept, _has_any(having, index, post_id, ties)) if having else or_(*kept)


def _labels_among(
    rules: Sequence[Rule], kind: type[Not] | type[HasLabel]
) -> tuple[list[HasLabel], Sequence[Rule]]:
    """Those of the parts that are labels (or labels that must not be there), if they are many; the others."""
    found = {
        part: part.rule if isinstance(part, Not) else part
        for part in rules
        if isinstance(part, kind) and isinstance(part.rule if isinstance(part, Not) else part, HasLabel)
    }
    named = [one for one in found.values() if isinstance(one, HasLabel)]
    if len(named) < _MANY:
        return [], rules
    return named, [part for part in rules if part not in found]


def _has_any(
    labels: Sequence[HasLabel], index: LabelIndex, post_id: ColumnElement[int], ties: Table
) -> ColumnElement[bool]:
    """Whether a post has one of many labels: by a look at those that it has, which are few."""
    tie = ties.alias()
    ids = [_label_id(one.name, index) for one in labels]
    # As a sum it is in no index, so that nothing is looked up for each of them.
    return exists().where(tie.c.post_id == post_id, (tie.c.label_id + 0).in_(ids))
