"""The digests, readers and years of mail of a made-up publication."""

from collections.abc import Iterator
from datetime import timedelta
from hashlib import sha256
from itertools import accumulate
from random import Random

from sqlalchemy import Connection, insert, select

from benchmarks.blog import label_name
from benchmarks.filling import DAY, NOW, Size, fill, go_on_numbering, slug_of
from digests.model import bounce, delivery, edition, edition_post
from digests.store import add_digest, list_digests
from posts.model import post
from subscribers.model import consent, subscriber, subscription, suppression

__all__ = ["make_digests", "make_mail", "make_readers"]


DOMAINS = ("gmail.example", "outlook.example", "yahoo.example", *(f"d{n}.example" for n in range(500)))
DELIVERED = ("sent",) * 194 + ("failed", "failed", "skipped", "queued", "deferred", "in_doubt")
KINDS = ("hard", "soft", "policy", "complaint")
# Of readers whose choice is made of some labels, and of those who take all that a digest has.
CHOOSE = 0.3


def make_digests(connection: Connection, size: Size) -> None:
    for number in range(size.digests):
        rule = "all" if number < 2 else f'"{label_name(number)}" or "{label_name(number + 30)}"'
        add_digest(connection, f"digest-{number}", rule=rule, timezone="Europe/Berlin", now=NOW - 2000 * DAY)


def make_readers(connection: Connection, size: Size) -> None:
    digests = [its.id for its in list_digests(connection)]
    totals = list(accumulate(1 / (rank + 1) for rank in range(size.labels)))
    everyone = range(1, size.readers + 1)
    names = ["id", "email", "email_key", "state", "created_at", "confirmed_at"]
    people = (
        (
            n,
            address,
            address,
            "pending" if n % 50 == 7 else "suppressed" if n % 100 == 9 else "confirmed",
            at,
            at,
        )
        for n in everyone
        for address in (f"reader{n}@{DOMAINS[n * 31 % len(DOMAINS)]}",)
        for at in (NOW - timedelta(days=n * 2000 // size.readers),)
    )
    fill(connection, subscriber, names, people)
    chance = Random(3)

    def subscriptions() -> Iterator[tuple[object, ...]]:
        for n in everyone:
            chosen: list[str] = []
            if chance.random() < CHOOSE:
                picked = chance.choices(range(size.labels), cum_weights=totals, k=chance.randint(1, 6))
                # The last tenth of the labels is nobody's choice.
                chosen = sorted({slug_of(one * 9 // 10) for one in picked})
            # Half of all read one digest; the first reader reads every digest.
            its = digests[0] if n == 1 or n % 2 else digests[n // 2 % len(digests)]
            cadence = (None, None, "daily", "monthly")[n % 4]
            yield (
                n,
                n,
                its,
                "ended" if n % 20 == 3 else "active",
                chosen,
                cadence,
                NOW - DAY,
                NOW + 7 * DAY,
                NOW,
            )
        for place, its in enumerate(digests[1:], size.readers + 1):
            yield place, 1, its, "active", [], None, NOW - DAY, NOW + 7 * DAY, NOW

    names = [
        "id",
        "subscriber_id",
        "digest_id",
        "state",
        "labels",
        "cadence",
        "window_start",
        "next_slot",
        "created_at",
    ]
    fill(connection, subscription, names, subscriptions())
    agreed = ((n, n, digests[0], NOW, "csv:readers.csv", "Do you want it?", "confirmed") for n in everyone)
    names = ["id", "subscriber_id", "digest_id", "at", "origin", "wording", "kind"]
    fill(connection, consent, names, agreed)
    never = ((sha256(b"never %d" % n).hexdigest(), "complaint", NOW) for n in range(size.readers // 100))
    fill(connection, suppression, ("hash", "reason", "at"), never)


def make_mail(connection: Connection, size: Size) -> None:
    digests = [its.id for its in list_digests(connection)]
    newest = connection.execute(select(post.c.id).where(post.c.state == "live").limit(2_000)).scalars().all()
    each = size.deliveries // size.editions
    for n in range(size.editions):
        its = digests[0] if n % 2 else digests[n // 2 % len(digests)]
        end = NOW - timedelta(days=7) * (size.editions - n) / 6
        values = {
            "id": n + 1,
            "digest_id": its,
            "window_start": end - 7 * DAY,
            "window_end": end,
            "labels": "" if n % 4 else slug_of(n % size.labels),
            "language": "en",
            "template": "digest",
            "folded": False,
            "created_at": end,
            "readers": each,
        }
        connection.execute(insert(edition).values(values))
    go_on_numbering(connection, edition)
    shown = (
        (n + 1, at, newest[(n * 13 + at) % len(newest)]) for n in range(size.editions) for at in range(10)
    )
    fill(connection, edition_post, ("edition_id", "position", "post_id"), shown)
    names = [
        "id",
        "edition_id",
        "subscriber_id",
        "subscription_id",
        "state",
        "attempt",
        "doubts",
        "message_id",
        "domain",
        "due_at",
        "tried_at",
        "created_at",
        "updated_at",
        "reply",
    ]
    fill(connection, delivery, names, _deliveries(size, each))
    reports = (
        (n + 1, sha256(b"bounce %d" % n).hexdigest(), NOW, KINDS[n % 4], "5.1.1", n + 1, n + 1)
        for n in range(size.readers // 50)
    )
    names = ["id", "source_key", "at", "kind", "status", "subscriber_id", "delivery_id"]
    fill(connection, bounce, names, reports)


def _deliveries(size: Size, each: int) -> Iterator[tuple[object, ...]]:
    number = 0
    for n in range(size.editions):
        end = NOW - timedelta(days=7) * (size.editions - n) / 6
        first = n * each % max(1, size.readers - each)
        # The first reader is in every edition.
        for reader in (1, *range(first + 2, first + each + 1)):
            number += 1
            state = DELIVERED[number * 7919 % len(DELIVERED)]
            domain = DOMAINS[reader * 31 % len(DOMAINS)]
            reply = "550 5.1.1 no such user" if state == "failed" else None
            yield (
                (
                    number,
                    n + 1,
                    reader,
                    reader,
                    state,
                    1,
                    0,
                    f"<{number}@bench.example>",
                    domain,
                    end,
                    end,
                    end,
                    end,
                    reply,
                )
            )
