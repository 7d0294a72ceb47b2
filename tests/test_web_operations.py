"""Behind a proxy, below a path, with a log of requests that tells nobody's address."""

import asyncio
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient
from starlette.types import Receive, Scope, Send

from labelcast.service import web_server
from subscribers.tokens import TokenSigner
from tests.feeds_blog import FeedsBlog
from tests.web_client import tree, web_app
from web.operations.accesslog import MOST_WAITING, AccessLog, told_path
from web.operations.prefix import Prefix, prefix_of

ROOT = Path(__file__).resolve().parent.parent
SIGNER = TokenSigner(["a secret of some length"])
NGINX = """\
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    {site}
}}
"""


@given(st.sampled_from(["confirm", "preferences", "stop", "address"]), st.integers(0, 2**63 - 1))
def test_no_token_stands_in_the_log(purpose: str, number: int) -> None:
    token = SIGNER.sign(purpose, number)
    for path in (
        f"/{purpose}/{token}",
        f"/blog/{purpose}/{token}/erase",
        f"/{purpose}/{token.replace('.', '%2E')}",
    ):
        assert token.partition(".")[2] not in told_path(path)


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_address_stands_in_the_log(before: str, behind: str) -> None:
    for at in ("@", "%40"):
        assert at not in told_path(f"/{before}ann{at}example.org{behind}")


def test_a_path_of_any_length_is_looked_at_once() -> None:
    # Looked at again from each of its letters this would take all day.
    long = "a" * 1_000_000
    assert told_path(f"/{long}") == f"/{long}"[:300]
    assert told_path(f"/x/{long}@example.org") == "/x/*"


@pytest.mark.parametrize("path", ["/", "/labels/mek", "/feeds/a+b.atom", "/digests/week/17", "/posts/3"])
def test_other_paths_stand_as_they_are(path: str) -> None:
    assert told_path(path) == path


def test_what_is_logged_is_a_line_of_json_each(sqlite_feed_blog: FeedsBlog) -> None:
    written: list[str] = []
    log = AccessLog(written.append)
    client = TestClient(web_app(sqlite_feed_blog, log=log), follow_redirects=False)
    client.get("/labels/all?q=secret+words")
    client.get("/feeds/all.atom", headers={"Accept-Encoding": "identity"})
    client.post("/preferences/1.forged", headers={"Origin": "https://elsewhere.example"})
    client.get("/" + "x" * 9000)
    log.flush()
    lines = [json.loads(line) for line in "".join(written).splitlines()]
    assert [(line["method"], line["status"]) for line in lines] == [
        ("GET", 200),
        ("GET", 200),
        ("POST", 403),
        ("GET", 414),
    ]
    assert lines[1]["bytes"] > 500
    assert lines[2]["path"] == "/preferences/*"
    assert "secret" not in "".join(written)
    assert "testclient" not in "".join(written)


def test_lines_that_were_too_many_are_counted() -> None:
    written: list[str] = []
    log = AccessLog(written.append)
    for _ in range(MOST_WAITING + 3):
        log.note("GET", "/", 200, 1, 0.0)
    log.flush()
    assert json.loads("".join(written).splitlines()[-1]) == {"event": "requests not logged", "count": 3}


def below_a_path(blog: FeedsBlog) -> TestClient:
    """A client of the blog as it stands at https://blog.example/blog."""
    blog.site = replace(blog.site, url="https://blog.example/blog")
    return TestClient(web_app(blog), follow_redirects=False)


@pytest.mark.parametrize("before", ["/blog", ""])
def test_a_site_below_a_path_is_whole_whether_or_not_the_proxy_takes_it_off(
    sqlite_feed_blog: FeedsBlog, before: str
) -> None:
    sqlite_feed_blog.store(1, "MEK")
    client = below_a_path(sqlite_feed_blog)
    page = client.get(f"{before}/labels/mek")
    assert page.status_code == 200
    assert client.get(f"{before}/feeds/mek.atom").status_code == 200
    (style,) = tree(page.text).xpath("//link[@rel='stylesheet']/@href")
    assert style.startswith("../style.css")


def test_the_bare_path_leads_to_the_site(sqlite_feed_blog: FeedsBlog) -> None:
    answer = below_a_path(sqlite_feed_blog).get("/blog")
    assert (answer.status_code, answer.headers["location"]) == (308, "/blog/")


def test_what_only_begins_like_the_path_keeps_it() -> None:
    prefix = Prefix("https://blog.example/la")
    scope: dict[str, Any] = {"type": "http", "path": "/labels/x", "raw_path": b"/labels/x"}
    assert prefix.strip(scope) is scope
    assert prefix_of("https://blog.example/") == ""


class Running:
    """The service at ``https://blog.example/blog``, as a program of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._environment = os.environ | {"PYTHONPATH": str(ROOT), "LABELCAST_WEB__PORT": str(self.port)}
        self._call("init", "--site-url", "https://blog.example/blog")
        self.log = (folder / "log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "labelcast", "run"],
            cwd=folder,
            env=self._environment,
            stdout=self.log,
            stderr=self.log,
        )
        wait_for(self.port, self.process)

    def _call(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "labelcast", *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()

    def stop(self) -> int:
        """Tell it to stop, and wait; how it ended."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=60)
        self.log.close()
        return code

    def requests(self) -> list[dict[str, Any]]:
        """What it logged of requests."""
        lines = (self.folder / "log").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    return port


def wait_for(port: int, process: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("it did not begin")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """The service, stopped in the end."""
    made = Running(tmp_path)
    yield made
    made.stop()


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


def test_behind_nginx_below_a_path_with_the_configuration_that_is_told(
    running: Running, checkout: Path, tmp_path: Path
) -> None:
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        pytest.skip("nginx is missing: apt install nginx-light")
    guide = (checkout / "docs/how-to-run.md").read_text(encoding="utf-8")
    told = re.search(r"```nginx\n(.+?)```", guide, re.DOTALL)
    assert told
    port = free_port()
    site = told[1].replace("listen 80;", f"listen 127.0.0.1:{port};").replace(":8000", f":{running.port}")
    (tmp_path / "nginx.conf").write_text(NGINX.format(folder=tmp_path, site=site))
    with subprocess.Popen([program, "-c", tmp_path / "nginx.conf", "-p", tmp_path]) as proxy:
        try:
            wait_for(port, proxy)
            assert ask(port, "/blog/")[0] == 200
            assert ask(port, "/blog/feeds/all.atom")[0] == 200
            # The short way, when it is warm.
            assert ask(running.port, "/blog/feeds/all.atom")[0] == 200
            assert ask(running.port, "/blog/feeds/all.atom")[0] == 200
            assert ask(port, "/metrics")[0] == 200
        finally:
            proxy.terminate()
    assert running.stop() == 0
    paths = [line["path"] for line in running.requests()]
    assert paths == ["/blog/", *["/blog/feeds/all.atom"] * 3, "/metrics"]


def test_a_request_under_way_is_answered_before_it_stops(running: Running) -> None:
    with socket.create_connection(("127.0.0.1", running.port)) as slow:
        head = b"POST /preferences/1.x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n"
        slow.sendall(head + b"Content-Type: text/plain\r\n\r\nab")
        wait_until(lambda: ask(running.port, "/healthz")[0] == 200)
        running.process.send_signal(signal.SIGTERM)
        wait_until(lambda: not is_listening(running.port))
        slow.sendall(b"cd")
        slow.settimeout(30)
        assert slow.recv(100).startswith(b"HTTP/1.1 404")
    assert running.stop() == 0


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def whose(trusted: tuple[str, ...], peer: str, **headers: str) -> tuple[str, str]:
    """The address and scheme that the application is told of a request, served as the service is."""
    seen: list[tuple[str, str]] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append((scope["client"][0], scope["scheme"]))

    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "client": (peer, 1), "scheme": "http", "headers": raw}

    async def nothing() -> Any:
        return {}

    async def ignore(_message: Any) -> None:
        pass

    config = web_server(app, host="127.0.0.1", port=0, trusted=trusted)
    config.load()
    asyncio.run(config.loaded_app(scope, nothing, ignore))
    return seen[0]


PROXIES = ("127.0.0.1", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("peer", "forwarded", "wanted"),
    [
        ("10.1.2.3", "203.0.113.9", "203.0.113.9"),
        # What a client says of itself stands before what the proxy saw.
        ("10.1.2.3", "1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("10.1.2.3", "1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("198.51.100.7", "203.0.113.9", "198.51.100.7"),
    ],
)
def test_only_a_trusted_proxy_is_believed(peer: str, forwarded: str, wanted: str) -> None:
    address, scheme = whose(PROXIES, peer, x_forwarded_for=forwarded, x_forwarded_proto="https")
    assert address == wanted
    assert scheme == ("https" if peer.startswith("10.") else "http")


def test_where_no_proxy_is_trusted_none_is_believed() -> None:
    assert whose((), "127.0.0.1", x_forwarded_for="203.0.113.9") == ("127.0.0.1", "http")


def test_the_unit_is_one_that_systemd_takes(checkout: Path, tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is missing: apt install systemd")
    unit = (checkout / "deploy/labelcast.service").read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStart(?:Pre)?=(\S+) (.+)$", unit, re.MULTILINE)
    assert [words for _, words in commands] == ["init", "run"]
    # The program is not where the unit says; on any machine this one is.
    (tmp_path / "labelcast.service").write_text(unit.replace(commands[0][0], "/bin/true"))
    done = subprocess.run(
        [program, "verify", "--man=no", tmp_path / "labelcast.service"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_what_the_container_copies_is_there(checkout: Path) -> None:
    lines = (checkout / "deploy/Containerfile").read_text(encoding="utf-8").splitlines()
    copied = [line.split()[1] for line in lines if line.startswith("COPY") and "--from" not in line]
    assert copied == ["requirements.txt", "."]
    assert all((checkout / name).exists() for name in copied)
