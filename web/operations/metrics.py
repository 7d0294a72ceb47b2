"""``/metrics``: numbers for Prometheus.

Of this process: how feeds were answered, what was built. Of the database, whichever process asks: feeds and
their readers, what hubs are yet to be told, posts, digests and deliveries. No private feed is named.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from threading import Lock

import structlog
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, func, select
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from database import DatabaseUnavailable
from digests.deliveries import count_states
from digests.model import digest
from digests.standing import Backlog, backlog
from feeds.build import FeedBuilder
from feeds.configured import configured_feeds
from feeds.hubs.websub import count_pings
from feeds.readership import Readers, readers
from feeds.selection import ALL, FeedSpec
from posts.model import post
from web.operations.counting import Counting

# Beyond these feeds, those with the most readers, the others are one.
MAX_SLUGS = 200
OTHERS = "(others)"
# What the database said is shown again for so long, and for as many times what it took to ask.
FRESH_SECONDS = 15.0
FRESH_TIMES = 20.0

log = structlog.get_logger("web")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the database says: feeds by kind, readers by slug, the others by state."""

    feeds: Mapping[str, int]
    readers: Mapping[str, Readers]
    pings: Mapping[str, int]
    posts: Mapping[str, int]
    digests: int
    deliveries: Mapping[str, int]
    backlog: Backlog


class Metrics:
    """Answers Prometheus. ``clock`` is in seconds and never goes back; ``now`` tells the time of day."""

    def __init__(
        self,
        builder: FeedBuilder,
        counting: Counting,
        *,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        max_slugs: int = MAX_SLUGS,
    ) -> None:
        self._builder = builder
        self._counting = counting
        self._now = now
        self._clock = clock
        self._max_slugs = max_slugs
        self._lock = Lock()
        self._kept: Snapshot | None = None
        self._good_until = 0.0

    def routes(self) -> list[Route]:
        """The address."""
        return [Route("/metrics", self.show)]

    def show(self, _request: Request) -> Response:
        """All numbers as text; without a database those of this process, and that it is missing."""
        registry = CollectorRegistry()
        registry.register(_Families([*self._of_process(), *self._of_database()]))
        return Response(
            generate_latest(registry), headers={"Cache-Control": "no-store"}, media_type=CONTENT_TYPE_LATEST
        )

    def _of_process(self) -> Iterator[Metric]:
        counts = self._counting.now()
        answers = {str(status): number for status, number in counts.answers.items()}
        yield _counter("feed_answers", "Requests for feeds answered by this process.", "status", answers)
        yield CounterMetricFamily(
            "labelcast_builds", "Times this process published the site.", value=counts.builds
        )
        yield CounterMetricFamily(
            "labelcast_documents_written", "Documents it wrote in doing so.", value=counts.documents
        )
        yield _counter("messages", "Messages this process tried to send.", "state", counts.messages)

    def _of_database(self) -> Iterator[Metric]:
        try:
            found = self._snapshot()
        except DatabaseUnavailable as error:
            log.warning("no metrics of the database", error=" ".join(str(error).split()))
            yield GaugeMetricFamily("labelcast_database_up", "Whether the database answers.", value=0)
            return
        yield GaugeMetricFamily("labelcast_database_up", "Whether the database answers.", value=1)
        yield _gauge("feeds", "Feeds there are.", "kind", found.feeds)
        yield _readers(found.readers)
        yield _gauge(
            "pings", "Topics that hubs are to be told of, or were told of in vain.", "state", found.pings
        )
        yield _gauge("posts", "Posts.", "state", found.posts)
        yield GaugeMetricFamily("labelcast_digests", "Digests on offer.", value=found.digests)
        yield _gauge("deliveries", "Editions to subscribers.", "state", found.deliveries)
        yield GaugeMetricFamily(
            "labelcast_deliveries_due", "Deliveries that could be sent now.", value=found.backlog.due
        )
        yield GaugeMetricFamily(
            "labelcast_delivery_lag_seconds",
            "How long ago the oldest slot was whose mail is not sent yet.",
            value=found.backlog.lag.total_seconds(),
        )

    def _snapshot(self) -> Snapshot:
        """What the database said just now; asked by one at a time, and seldom where that takes long."""
        with self._lock:
            began = self._clock()
            if self._kept is None or began >= self._good_until:
                with self._builder.database.read() as connection:
                    self._kept = self._ask(connection)
                ended = self._clock()
                self._good_until = ended + max(FRESH_SECONDS, FRESH_TIMES * (ended - began))
            return self._kept

    def _ask(self, connection: Connection) -> Snapshot:
        public = [state.spec for state in self._builder.states(connection)]
        kinds = Counter(map(_kind, public))
        kinds["private"] = sum(row.is_private for row in configured_feeds(connection))
        by_state = select(post.c.state, func.count()).group_by(post.c.state)
        return Snapshot(
            feeds=kinds,
            readers=_by_slug(public, readers(connection, now=self._now()), most=self._max_slugs),
            pings=count_pings(connection),
            posts={str(state): count for state, count in connection.execute(by_state)},
            digests=connection.execute(select(func.count()).select_from(digest)).scalar_one(),
            deliveries={str(state): count for state, count in count_states(connection).items()},
            backlog=backlog(connection, self._now()),
        )


class _Families(Collector):
    """Metrics that are made already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._families


def _kind(spec: FeedSpec) -> str:
    if spec.slug == ALL:
        return ALL
    if spec.label_id is not None:
        return "label"
    return "configured" if spec.author_id is None else "author"


def _by_slug(public: Iterable[FeedSpec], counted: Mapping[str, Readers], *, most: int) -> dict[str, Readers]:
    """Readers of public feeds by slug: of those with the most of them, and of all others together."""
    found = [(spec.slug, counted[spec.uri]) for spec in public if spec.uri in counted]
    found.sort(key=lambda pair: (-pair[1].total, pair[0]))
    named = dict(found[:most])
    if rest := [those for _, those in found[most:]]:
        named[OTHERS] = Readers(sum(one.clients for one in rest), sum(one.reported for one in rest))
    return named


def _readers(by_slug: Mapping[str, Readers]) -> Metric:
    family = GaugeMetricFamily(
        "labelcast_feed_readers",
        "Readers of a public feed: distinct clients a day, and those whom aggregators report.",
        labels=("slug", "kind"),
    )
    for slug, those in by_slug.items():
        family.add_metric((slug, "client"), those.clients)
        family.add_metric((slug, "reported"), those.reported)
    return family


def _gauge(name: str, told: str, label: str, values: Mapping[str, int]) -> Metric:
    family = GaugeMetricFamily(f"labelcast_{name}", told, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family


def _counter(name: str, told: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"labelcast_{name}", told, labels=(label,))
    for key, value in sorted(values.items()):
        family.add_metric((key,), value)
    return family
