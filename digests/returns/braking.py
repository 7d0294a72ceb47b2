"""A brake: a server that suddenly knows nobody any more is not believed at once.

Providers have told millions for hours that their mailboxes do not exist. So where a domain refuses much of
what is sent to it, a hard bounce counts as a soft one, until it is said again in another week.
"""

from datetime import timedelta

from sqlalchemy import Connection, case, func, or_, select

from digests.model import DeliveryState, bounce, delivery
from outbox.bounces.report import ReportKind
from outbox.bounces.verdicts import find_code, verdict

# Of the last messages to a domain, among the REACH deliveries before: more than a fifth, and not just a few.
LAST = 50
MANY = 5
SHARE = 0.2
REACH = 2000
# Long after any such trouble is over, and within the week of a weekly digest.
AGAIN = timedelta(days=6)


def is_to_be_held(connection: Connection, subscriber_id: int, delivery_id: int | None) -> bool:
    """Whether a hard bounce of that delivery is not to be believed as yet."""
    if delivery_id is None or not _refuses_many(connection, delivery_id):
        return False
    return not _said_before(connection, subscriber_id, delivery_id)


def _refuses_many(connection: Connection, delivery_id: int) -> bool:
    """Whether the recipient's domain refused or sent back much of what was sent to it just before.

    Looked at is one short range of the primary key, however many deliveries there are.
    """
    its_domain = select(delivery.c.domain).where(delivery.c.id == delivery_id).scalar_subquery()
    before = (
        select(delivery.c.id, delivery.c.state)
        .where(
            delivery.c.id.between(delivery_id - REACH, delivery_id - 1),
            delivery.c.domain == its_domain,
            delivery.c.state.in_((DeliveryState.SENT, DeliveryState.FAILED)),
        )
        .order_by(delivery.c.id.desc())
        .limit(LAST)
        .subquery()
    )
    came_back = (
        select(bounce.c.id)
        .where(bounce.c.delivery_id == before.c.id, bounce.c.kind != ReportKind.COMPLAINT)
        .exists()
    )
    is_refused = or_(before.c.state == DeliveryState.FAILED, came_back)
    count = select(func.count(), func.coalesce(func.sum(case((is_refused, 1), else_=0)), 0))
    sent, refused = connection.execute(count.select_from(before)).one()
    return bool(refused >= MANY and refused > sent * SHARE)


def _said_before(connection: Connection, subscriber_id: int, delivery_id: int) -> bool:
    """Whether the same was said of the reader ``AGAIN`` before, and nothing arrived between."""
    at = connection.execute(select(delivery.c.updated_at).where(delivery.c.id == delivery_id)).scalar_one()
    mine = delivery.c.subscriber_id == subscriber_id
    returned = (
        select(bounce.c.status, bounce.c.diagnostic, delivery.c.updated_at)
        .join(delivery, delivery.c.id == bounce.c.delivery_id)
        .where(bounce.c.subscriber_id == subscriber_id, delivery.c.updated_at <= at - AGAIN)
    )
    said = [
        row.updated_at
        for row in connection.execute(returned)
        if verdict(find_code(row.diagnostic or ""), row.status, row.diagnostic or "") is ReportKind.HARD
    ]
    came_back = select(bounce.c.delivery_id).where(
        bounce.c.subscriber_id == subscriber_id, bounce.c.delivery_id.is_not(None)
    )
    arrived = connection.execute(
        select(func.max(delivery.c.updated_at)).where(
            mine,
            delivery.c.state == DeliveryState.SENT,
            delivery.c.id < delivery_id,
            delivery.c.id.not_in(came_back),
        )
    ).scalar_one()
    return any(arrived is None or one > arrived for one in said)
