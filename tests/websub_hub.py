"""A WebSub hub and a subscriber, over HTTP: they do what the Recommendation asks of either.

The hub verifies who subscribes, fetches a topic that it is told of, looks at where it says it stands, and
distributes it with a signature. It can be told to misbehave.
"""

import hmac
import json
import re
import secrets
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
from lxml import etree

_LINK = re.compile(r'<([^>]*)>\s*;[^,<]*?rel="?([\w-]+)"?')
_ATOM = "{http://www.w3.org/2005/Atom}link"
PATIENCE = 60


@dataclass(frozen=True, slots=True)
class Delivered:
    """What a subscriber was sent."""

    topic: str
    content_type: str
    body: bytes


class _Station:
    """A server on a port of its own, whose ``get`` and ``post`` give status and body."""

    def __init__(self) -> None:
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self))
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        self.errors: list[str] = []

    def get(self, path: str, headers: Any) -> tuple[int, bytes]:
        """Answer a GET."""
        raise NotImplementedError

    def post(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """Answer a POST."""
        raise NotImplementedError

    @contextmanager
    def open(self) -> Iterator[None]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self.server.shutdown()
            self.server.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, station: _Station, *arguments: Any) -> None:
        self.station = station
        super().__init__(*arguments)

    def do_GET(self) -> None:
        self._answer(*self.station.get(self.path, self.headers))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(*self.station.post(self.path, self.headers, body))

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Hub(_Station):
    """Told of topics (``told``: of which in each request), it distributes what it finds there.

    ``statuses`` are answered to publishers, one after the other, before all goes well; while ``held`` is not
    set, a publisher gets no answer; ``refuses`` are topics that it does not take.
    """

    told: list[list[str]] = field(default_factory=list)
    statuses: deque[int] = field(default_factory=deque)
    refuses: set[str] = field(default_factory=set)
    held: threading.Event = field(default_factory=threading.Event)
    asked: threading.Event = field(default_factory=threading.Event)
    subscribed: SimpleQueue[str] = field(default_factory=SimpleQueue)
    subscribers: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))

    def __post_init__(self) -> None:
        super().__init__()
        self.held.set()

    @property
    def topics(self) -> list[str]:
        """Every topic it was told of, in order."""
        return [topic for topics in self.told for topic in topics]

    def post(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """A subscription, or a publisher's word that a topic changed."""
        del path
        said = parse_qs(body.decode())
        if headers["Content-Type"] != "application/x-www-form-urlencoded":
            return 415, b"a form is wanted"
        match said.get("hub.mode"):
            case ["subscribe"]:
                (topic,), (callback,) = said["hub.topic"], said["hub.callback"]
                self._later(self._verify, topic, callback, said["hub.secret"][0].encode())
                return 202, b""
            case ["publish"]:
                return self._published(said)
            case _:
                return 400, b"hub.mode is wrong"

    def _published(self, said: dict[str, list[str]]) -> tuple[int, bytes]:
        topics = said.get("hub.url", [])
        if not topics or said.get("hub.topic") != topics:
            return 400, b"hub.url is missing, or is not hub.topic"
        self.told.append(topics)
        self.asked.set()
        self.held.wait(PATIENCE)
        if self.statuses:
            return self.statuses.popleft(), b"trouble"
        if self.refuses & set(topics):
            return 400, b"no such topic"
        for topic in topics:
            if self.subscribers[topic]:
                self._later(self._distribute, topic)
        return 204, b""

    def _later(self, do: Any, *arguments: Any) -> None:
        """As the Recommendation wants it: the answer does not wait for it."""

        def run() -> None:
            try:
                do(*arguments)
            except Exception as error:
                self.errors.append(repr(error))
                raise

        threading.Thread(target=run, daemon=True).start()

    def _verify(self, topic: str, callback: str, secret: bytes) -> None:
        """§5.3: the subscriber must give back a challenge."""
        challenge = secrets.token_urlsafe(16)
        asked = {
            "hub.mode": "subscribe",
            "hub.topic": topic,
            "hub.challenge": challenge,
            "hub.lease_seconds": "864000",
        }
        answer = httpx2.get(f"{callback}?{urlencode(asked)}", trust_env=False)
        if answer.status_code == 200 and answer.text == challenge:
            self.subscribers[topic][callback] = secret
            self.subscribed.put(topic)

    def _distribute(self, topic: str) -> None:
        """§7: the whole content, its type, where it stands, and a signature (§8)."""
        found = httpx2.get(topic, trust_env=False)
        assert found.status_code == 200, found.status_code
        links = discover(found)
        assert [url for url, relation in links if relation == "self"] == [topic], links
        assert self.url in [url for url, relation in links if relation == "hub"], links
        for callback, secret in self.subscribers[topic].items():
            signature = hmac.new(secret, found.content, "sha256").hexdigest()
            headers = {
                "Content-Type": found.headers["content-type"],
                "Link": f'<{self.url}>; rel="hub", <{topic}>; rel="self"',
                "X-Hub-Signature": f"sha256={signature}",
            }
            answer = httpx2.post(callback, content=found.content, headers=headers, trust_env=False)
            assert answer.status_code == 200, answer.status_code


def discover(found: httpx2.Response) -> list[tuple[str, str]]:
    """§4: the links of the headers; where there are none, of the body."""
    links = [pair for value in found.headers.get_list("link") for pair in _LINK.findall(value)]
    if any(relation in {"hub", "self"} for _, relation in links):
        return links
    if "json" in found.headers["content-type"]:
        document = json.loads(found.content)
        hubs = [(hub["url"], "hub") for hub in document.get("hubs", [])]
        return [(document["feed_url"], "self"), *hubs]
    root = etree.fromstring(found.content)
    # A feed's own are its children, an RSS channel's its grandchildren; entries have links too.
    links_in = root.findall(_ATOM) + root.findall(f"channel/{_ATOM}")
    return [(link.get("href", ""), link.get("rel", "alternate")) for link in links_in]


@dataclass
class Subscriber(_Station):
    """Subscribes at a hub, agrees to what it asked for only, and takes what is signed with its secret."""

    wanted: set[str] = field(default_factory=set)
    secret: str = field(default_factory=lambda: secrets.token_hex(16))
    delivered: SimpleQueue[Delivered] = field(default_factory=SimpleQueue)

    def __post_init__(self) -> None:
        super().__init__()

    def subscribe(self, hub: Hub, topic: str) -> None:
        """Ask for a topic and wait until the hub has made sure of it."""
        self.wanted.add(topic)
        form = {
            "hub.mode": "subscribe",
            "hub.topic": topic,
            "hub.callback": self.url,
            "hub.secret": self.secret,
        }
        assert httpx2.post(hub.url, data=form, trust_env=False).status_code == 202
        assert hub.subscribed.get(timeout=PATIENCE) == topic

    def get(self, path: str, headers: Any) -> tuple[int, bytes]:
        """The hub asks whether this is really wanted."""
        del headers
        asked = parse_qs(urlsplit(path).query)
        if asked["hub.topic"][0] not in self.wanted:
            return 404, b""
        return 200, asked["hub.challenge"][0].encode()

    def post(self, path: str, headers: Any, body: bytes) -> tuple[int, bytes]:
        """The hub distributes a topic."""
        del path
        signature = hmac.new(self.secret.encode(), body, "sha256").hexdigest()
        if not hmac.compare_digest(headers["X-Hub-Signature"] or "", f"sha256={signature}"):
            self.errors.append("a signature is wrong")
            return 403, b""
        links = {relation: url for url, relation in _LINK.findall(headers["Link"])}
        self.delivered.put(Delivered(links["self"], headers["Content-Type"], body))
        return 200, b""
