"""A feed of 100 KB over HTTP: the service, one process, beside nginx with the same bytes as a file.

``python -m benchmarks.http [--seconds N] [--rounds N]``

wrk asks at 32 connections, for the feed (200) and with its ETag (304); nginx has one worker. Then the service
is asked while all feeds are built again and again in its process: each time by a new builder, into an empty
folder, with no entry kept. wrk, nginx and the service share the machine's processors; on one with two, a
build beside them takes what it gets.
"""

import argparse
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.request import urlopen

from benchmarks.blog import SITE, make_blog
from benchmarks.timing import verdict
from feeds.build import FeedBuilder
from labelcast.publishing import SitePublisher
from labelcast.service import Service
from labelcast.settings import load_settings
from labelcast.wiring import Wiring

CONNECTIONS = 32
PATH = "/feeds/all.atom"
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
  types {{ application/atom+xml atom; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""
SETTINGS = """
site_url = "{site}"
site_title = "Bench"
author = "Ann Bench"
database_url = "sqlite:///blog.db"
secret_key = "only for a benchmark, on this machine"
[feeds]
polls_an_hour = 0
[web]
port = {port}
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw: answers a second, the 99th percentile of their times, and how many were no 200 or 304."""

    rate: float
    p99: float
    failed: int


def wrk(port: int, *, seconds: int, etag: str | None = None) -> Load:
    """Ask for the feed as fast as it comes."""
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    command += ["-H", f"If-None-Match: {etag}"] if etag else []
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{PATH}"], capture_output=True, text=True, check=True
    )
    rate = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)", done.stdout)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", done.stdout)
    assert rate, done.stdout
    assert p99, done.stdout
    unit = {"us": 1e-6, "ms": 1e-3, "s": 1.0}[p99[2]]
    return Load(float(rate[1]), float(p99[1]) * unit, int(failed[1]) if failed else 0)


def serve(folder: Path, *, is_building: bool) -> None:
    """The service, in a process of its own."""
    wiring = Wiring(load_settings(folder / "labelcast.toml"))
    if is_building:
        threading.Thread(target=_build_for_ever, args=(wiring, folder / "public"), daemon=True).start()
    web = wiring.settings.web
    Service(None, wiring.app(), host=web.host, port=web.port).run()


def _build_for_ever(wiring: Wiring, place: Path) -> None:
    while True:
        shutil.rmtree(place, ignore_errors=True)
        with wiring.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM fragment")
        begun = time.perf_counter()
        report = SitePublisher(FeedBuilder(wiring.database, wiring.site), str(place)).publish()
        print(
            f"built {len(report.written)} documents in {time.perf_counter() - begun:.1f} s", file=sys.stderr
        )


@contextmanager
def _running(*command: str, port: int) -> Iterator[None]:
    with (
        tempfile.TemporaryFile("w+") as told,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=told) as process,
    ):
        try:
            _wait(port)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=60)
            told.seek(0)
            builds = [line for line in told if line.startswith("built")]
            print(*builds[-1:], sep="", end="")


def _wait(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens at port {port}")


def _free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def _get(port: int) -> tuple[bytes, str]:
    with urlopen(f"http://127.0.0.1:{port}{PATH}") as answer:
        return answer.read(), answer.headers["ETag"]


def _program(folder: Path, *more: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "benchmarks.http", "--serve", str(folder), *more)


def side_by_side(folder: Path, ours: int, theirs: int, *, seconds: int, rounds: int) -> None:
    """The service and nginx in turns, so that a noisy machine is as unkind to each."""
    seen: dict[tuple[str, int], list[Load]] = {}
    with _running(*_program(folder), port=ours):
        body, etag = _get(ours)
        file = folder / "www" / PATH.removeprefix("/")
        file.parent.mkdir(parents=True)
        file.write_bytes(body)
        with _running("nginx", "-c", str(folder / "nginx.conf"), port=theirs):
            assert _get(theirs)[0] == body
            tags = {"labelcast": etag, "nginx": _get(theirs)[1]}
            print(f"{len(body)} bytes, {CONNECTIONS} connections, {os.cpu_count()} processors")
            for _ in range(rounds):
                for name, port in (("nginx", theirs), ("labelcast", ours)):
                    for status, tag in ((200, None), (304, tags[name])):
                        load = wrk(port, seconds=seconds, etag=tag)
                        assert not load.failed
                        seen.setdefault((name, status), []).append(load)
    for (name, status), loads in seen.items():
        rates = [load.rate for load in loads]
        slowest = max(load.p99 for load in loads)
        print(f"{name:10} {status}  {median(rates):8,.0f}/s  p99 at most {slowest * 1000:.1f} ms")
    for status, part in ((200, 0.5), (304, 0.25)):
        rate = {name: median(load.rate for load in seen[name, status]) for name in ("labelcast", "nginx")}
        verdict(f"{status}: part of nginx's rate", rate["labelcast"] / rate["nginx"], at_least=part)


def beside_a_build(folder: Path, port: int, *, seconds: int, rounds: int) -> None:
    """The service while feeds are built in its process."""
    with _running(*_program(folder, "--building"), port=port):
        _, etag = _get(port)
        for status, tag in ((200, None), (304, etag)):
            loads = [wrk(port, seconds=seconds, etag=tag) for _ in range(rounds)]
            assert not any(load.failed for load in loads)
            print(f"labelcast  {status}  {median(load.rate for load in loads):8,.0f}/s beside a build")
            slowest = median(load.p99 for load in loads) * 1000
            verdict(f"{status}: p99 in ms beside a build", slowest, at_most=20)


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--seconds", type=int, default=5)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--serve", type=Path)
    options.add_argument("--building", action="store_true")
    chosen = options.parse_args()
    if chosen.serve is not None:
        serve(chosen.serve, is_building=chosen.building)
        return
    for program in ("wrk", "nginx"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing: apt install {program}")
    with tempfile.TemporaryDirectory() as name:
        folder, ours, theirs = Path(name), _free_port(), _free_port()
        # Run by root, nginx works as another user.
        folder.chmod(0o755)
        make_blog(folder / "blog.db").dispose()
        (folder / "labelcast.toml").write_text(SETTINGS.format(site=SITE, port=ours))
        (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=theirs))
        side_by_side(folder, ours, theirs, seconds=chosen.seconds, rounds=chosen.rounds)
        beside_a_build(folder, ours, seconds=chosen.seconds, rounds=chosen.rounds)


if __name__ == "__main__":
    main()
