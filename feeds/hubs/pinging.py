"""Telling WebSub hubs that topics changed, in a thread that is in nobody's way."""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import httpx2
import structlog
from sqlalchemy import Connection

from database import Database
from feeds.hubs.websub import Ping, claim, record_refused, record_told, release

log = structlog.get_logger("feeds")

# A request may tell of several topics by naming each; Google's hub takes that, but one in PHP sees only the
# last. So it is one, and the connection is kept.
TOPICS_A_REQUEST = 1
SECONDS = httpx2.Timeout(10.0, connect=5.0)
# Each process that serves feeds may answer with what it looked at a second ago: a hub that comes at once
# would find nothing new.
SETTLE_SECONDS = 2.0
# Of one hub, before it is the next one's turn.
HUB_SECONDS = 60.0
_AT_ONCE = 50
_LONGEST_ANSWER = 8192
_HEADERS = {"User-Agent": "labelcast (WebSub publisher)"}


class HubDown(Exception):
    """A hub does not answer, or has trouble of its own: there is no use in going on."""


class Refused(Exception):
    """A hub does not take this ping."""


class Pinger:
    """Tells hubs what is due, a pass at a time, each in a thread of its own.

    ``stop`` ends a pass between two requests. A process that is killed between a request and its record makes
    the hub be told twice, which does no harm.
    """

    def __init__(
        self,
        database: Database,
        hubs: Sequence[str],
        *,
        stop: threading.Event | None = None,
        topics_a_request: int = TOPICS_A_REQUEST,
        settle_seconds: float = SETTLE_SECONDS,
        timeout: httpx2.Timeout = SECONDS,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.hubs = tuple(dict.fromkeys(hubs))
        self._database = database
        self._stop = stop or threading.Event()
        self._topics_a_request = topics_a_request
        self._settle_seconds = settle_seconds
        self._timeout = timeout
        self._jitter = jitter
        self._thread: threading.Thread | None = None

    def is_busy(self) -> bool:
        """Whether a pass is under way."""
        return self._thread is not None and self._thread.is_alive()

    def begin(self, now: datetime) -> None:
        """Begin a pass over what is due at ``now``, unless one is under way; returns at once."""
        if not self.is_busy():
            # A daemon, so that no hub keeps a process from ending.
            self._thread = threading.Thread(target=self._pass, args=(now,), name="hubs", daemon=True)
            self._thread.start()

    def finish(self, seconds: float | None = None) -> None:
        """Wait for the pass that is under way, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _pass(self, now: datetime) -> None:
        if self._stop.wait(self._settle_seconds):
            return
        try:
            with httpx2.Client(headers=_HEADERS, timeout=self._timeout, trust_env=False) as client:
                for hub in self.hubs:
                    self._tell(client, hub, now)
        except Exception as error:
            # What was taken up becomes due again by itself.
            log.warning("hubs not told", error=" ".join(str(error).split()))
            log.debug("hubs not told", exc_info=True)

    def _tell(self, client: httpx2.Client, hub: str, now: datetime) -> None:
        until = time.monotonic() + HUB_SECONDS
        _Visit(
            self._database,
            client,
            hub,
            now,
            topics_a_request=self._topics_a_request,
            jitter=self._jitter,
            enough=lambda: self._stop.is_set() or time.monotonic() > until,
        ).run()


@dataclass(frozen=True, slots=True)
class _Visit:
    """One hub told all that is due, as long as it answers and until it is enough."""

    database: Database
    client: httpx2.Client
    hub: str
    now: datetime
    topics_a_request: int
    jitter: Callable[[], float]
    enough: Callable[[], bool]

    def run(self) -> None:
        while not self.enough():
            with self.database.write() as connection:
                claimed = claim(connection, self.hub, now=self.now, limit=_AT_ONCE)
            if not claimed:
                return
            became = self._send_all(claimed)
            self._record(became)
            if became.down:
                return

    def _send_all(self, claimed: Sequence[Ping]) -> "_Became":
        became = _Became()
        waiting = deque(_cut(claimed, self.topics_a_request))
        while waiting and not became.down and not self.enough():
            some = waiting.popleft()
            try:
                send(self.client, self.hub, [one.topic for one in some])
                became.told += some
            except HubDown as error:
                became.down = str(error)
                became.untried += some
            except Refused as error:
                if len(some) > 1:
                    # One bad topic must not hold the others back.
                    waiting.extendleft(_cut(some, 1))
                else:
                    became.refused.append((some[0], str(error)))
        became.untried += [one for some in waiting for one in some]
        return became

    def _record(self, became: "_Became") -> None:
        with self.database.write() as connection:
            record_told(connection, became.told, now=self.now)
            given_up = sum(self._put_off(connection, [one], why) for one, why in became.refused)
            if became.down:
                # What else is due would fare no better.
                others = claim(connection, self.hub, now=self.now)
                given_up += self._put_off(connection, [*became.untried, *others], became.down)
            else:
                release(connection, became.untried, now=self.now)
        _log(self.hub, became, given_up)

    def _put_off(self, connection: Connection, pings: Sequence[Ping], why: str) -> int:
        return record_refused(connection, pings, error=why, jitter=self.jitter(), now=self.now)


@dataclass
class _Became:
    """What became of pings that were taken up: a hub that is ``down`` leaves some untried."""

    told: list[Ping] = field(default_factory=list)
    refused: list[tuple[Ping, str]] = field(default_factory=list)
    untried: list[Ping] = field(default_factory=list)
    down: str = ""


def send(client: httpx2.Client, hub: str, topics: Sequence[str]) -> None:
    """Tell a hub of topics, in one request (W3C WebSub §6: how is left to hub and publisher).

    Older hubs read ``hub.url``, newer ones ``hub.topic``. Raises ``HubDown`` or ``Refused``.
    """
    said = {"hub.mode": "publish", "hub.url": list(topics), "hub.topic": list(topics)}
    try:
        with client.stream("POST", hub, data=said) as response:
            status = response.status_code
            moved = response.headers.get("location", "")
            _read_some(response)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        raise HubDown(f"no answer: {' '.join(str(error).split()) or type(error).__name__}") from error
    if 200 <= status < 300:
        return
    if 300 <= status < 400:
        raise HubDown(
            f"it answers {status} and names {moved or 'nothing'}: set feeds.hubs to where it is now"
        )
    if status in {408, 429} or status >= 500:
        raise HubDown(f"it answers {status}")
    raise Refused(f"it answers {status}")


def _read_some(response: httpx2.Response) -> None:
    """Read what is of no use, so that the connection can be kept; but an answer may be endless."""
    read = 0
    for piece in response.iter_raw():
        read += len(piece)
        if read > _LONGEST_ANSWER:
            return


def _cut(pings: Sequence[Ping], size: int) -> list[list[Ping]]:
    return [list(pings[start : start + size]) for start in range(0, len(pings), size)]


def _log(hub: str, became: _Became, given_up: int) -> None:
    if became.told:
        log.info("hub told", hub=hub, topics=len(became.told))
    why = became.down or (became.refused[0][1] if became.refused else "")
    if given_up:
        log.warning("hub given up for a day's tries in vain", hub=hub, topics=given_up, error=why)
    elif why:
        log.info("hub not told, to be tried again", hub=hub, error=why)
