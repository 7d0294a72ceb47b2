"""How many readers there are by state, and how many choose each label: counted through, so not in a page."""

import json

from sqlalchemy import Connection, Text, cast, func, select

from subscribers.model import SubscriberState, SubscriptionState, subscriber, subscription


def count_states(connection: Connection) -> dict[str, int]:
    """How many readers there are in each state."""
    query = select(subscriber.c.state, func.count()).group_by(subscriber.c.state)
    counted = {row[0]: row[1] for row in connection.execute(query)}
    return {state.value: counted.get(state.value, 0) for state in SubscriberState}


def count_chosen(connection: Connection) -> dict[str, int]:
    """How many active subscriptions choose each label, by its slug as it was when they chose.

    Those that take all of a digest's labels choose none.
    """
    if connection.dialect.name == "sqlite":
        each = func.json_each(subscription.c.labels).table_valued("value", joins_implicitly=True)
        slug = each.c.value
        chooses = subscription.c.labels != []
    else:
        each = func.jsonb_array_elements_text(subscription.c.labels).table_valued(
            "value", joins_implicitly=True
        )
        slug = each.c.value
        chooses = cast(subscription.c.labels, Text) != "[]"
    query = (
        select(slug, func.count())
        .select_from(subscription, each)
        .where(subscription.c.state == SubscriptionState.ACTIVE, chooses)
        .group_by(slug)
    )
    return {str(row[0]): row[1] for row in connection.execute(query)}


def count_chosen_alone(connection: Connection) -> dict[str, int]:
    """How many active subscriptions choose one label and nothing else, by its slug when they chose."""
    written = cast(subscription.c.labels, Text)
    # No slug holds a comma.
    query = (
        select(written, func.count())
        .where(
            subscription.c.state == SubscriptionState.ACTIVE,
            written != "[]",
            ~written.contains(","),
        )
        .group_by(written)
    )
    return {str(json.loads(row[0])[0]): row[1] for row in connection.execute(query)}
