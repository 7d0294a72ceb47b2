"""Every page of a publication as large as one gets: its time on the server, warm and cold, and its bytes.

``python -m benchmarks.pages [--folder DIR] [--database URL] [--part P] [--rounds N] [--only TEXT]…``

100,000 posts under 10,000 labels, 1,000,000 readers, 3,000,000 deliveries of 600 editions, 20 digests, 1,000
configured feeds (``--part 0.01``: a hundredth of that). The service is a process of its own that does nothing
else; each page is asked for over one connection, uncompressed: once (cold: the first such page since the
start), twice more untimed, then ``--rounds`` times. Told are the time by the clock and the processor time of
the service, on PostgreSQL with that of its server's processes; for a page is as slow as the machine is busy,
but works no longer. A database made once in ``--folder``, or at ``--database`` (else SQLite in the folder),
is used again.
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import clock_gettime, perf_counter

from sqlalchemy import text

from benchmarks.filling import Size
from benchmarks.http import _free_port, _wait
from benchmarks.pagelist import Asked, asked_pages
from benchmarks.publication import add_more, make_publication, render_editions
from benchmarks.visiting import log_in, next_page, sent_for
from database import Database
from labelcast.service import Service
from labelcast.settings import load_settings
from labelcast.wiring import Wiring

MOST_MS = 100
MOST_BYTES = 100_000
PATIENCE = 120
SETTINGS = """
site_url = "https://bench.example"
site_title = "Bench"
author = "Ann Bench"
database_url = "{url}"
secret_key = "only for a benchmark, on this machine"
[feeds]
polls_an_hour = 0
[mail]
from = "Bench <bench@bench.example>"
[web]
port = {port}
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """A page: its status, its bytes, and milliseconds by the clock and of the processor."""

    asked: Asked
    status: int
    octets: int
    cold: float
    clock: list[float]
    worked: list[float]

    @property
    def is_met(self) -> bool:
        """Whether it is as fast and as small as is wanted."""
        return median(self.worked) <= MOST_MS and (self.octets <= MOST_BYTES or not self.asked.is_page)

    def line(self) -> str:
        """A row of the table."""
        told = [median(self.worked), max(self.worked), median(self.clock), max(self.clock), self.cold]
        figures = " | ".join(f"{one:.0f}" for one in told)
        return f"| {self.asked.name} | {figures} | {self.octets / 1000:.0f} |"


class Running:
    """The service as it is asked, and the processor time that it, and a database's server, took."""

    def __init__(self, settings: Path, port: int, database: Database) -> None:
        self._command = [sys.executable, "-m", "benchmarks.pages", "--serve", str(settings)]
        self._port, self._database, self._name = port, database, f"pages {port}"
        self.start()

    def start(self) -> None:
        """Start it."""
        environment = {**os.environ, "PGAPPNAME": self._name}
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, env=environment)
        self._client = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
        self._clocks = [_clock_of(self._process.pid)]
        _wait(self._port)

    def stop(self) -> None:
        """End it, whatever it is at."""
        self._client.close()
        self._process.kill()
        self._process.wait()

    def worked(self) -> float:
        """Milliseconds so far."""
        return sum(clock_gettime(one) for one in self._clocks) * 1000

    def look_for_backends(self) -> None:
        """Count in the processes of PostgreSQL that serve it now."""
        if self._database.is_sqlite:
            return
        query = text("SELECT pid FROM pg_stat_activity WHERE application_name = :name")
        with self._database.read() as connection:
            pids = connection.execute(query, {"name": self._name}).scalars().all()
        self._clocks = [_clock_of(self._process.pid), *map(_clock_of, pids)]

    def get(self, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
        """Ask for a page; raises ``TimeoutError`` where that takes minutes."""
        self._client.request("GET", path, headers=headers)
        answer = self._client.getresponse()
        return answer.status, answer.read()


def _clock_of(pid: int) -> int:
    """The clock of another process' processor time, as Linux numbers it."""
    return (~pid << 3) | 2


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--folder", type=Path)
    options.add_argument("--database")
    options.add_argument("--part", type=float, default=1.0)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", action="append", help="a part of a name or an address; any number of them")
    options.add_argument("--serve", type=Path, help=argparse.SUPPRESS)
    chosen = options.parse_args()
    if chosen.serve is not None:
        wiring = Wiring(load_settings(chosen.serve))
        Service(None, wiring.app(), host="127.0.0.1", port=wiring.settings.web.port).run()
        return
    with tempfile.TemporaryDirectory() as made:
        folder = chosen.folder or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        url, port = chosen.database or f"sqlite:///{folder.resolve() / 'blog.db'}", _free_port()
        settings = folder / "labelcast.toml"
        settings.write_text(SETTINGS.format(url=url, port=port), encoding="utf-8")
        wiring = Wiring(load_settings(settings))
        if not _is_made(wiring.database):
            make_publication(wiring.database, Size().times(chosen.part))
        add_more(wiring.database)
        render_editions(wiring)
        headers = log_in(wiring)
        wanted = chosen.only or [""]
        pages = [one for one in asked_pages(wiring) if any(it in f"{one.name} {one.path}" for it in wanted)]
        service = Running(settings, port, wiring.database)
        try:
            told = list(_measure(service, pages, headers, chosen.rounds))
        finally:
            service.stop()
        _report(told)
        wiring.database.dispose()


def _is_made(database: Database) -> bool:
    with database.engine.connect() as connection:
        return database.engine.dialect.has_table(connection, "figure")


def _measure(
    service: Running, pages: Iterable[Asked], headers: dict[str, str], rounds: int
) -> Iterator[Taken]:
    for asked in pages:
        sent = sent_for(asked, headers)
        try:
            taken, body = _one(service, asked, sent, rounds)
        except TimeoutError:
            # It would work on at it beside the others.
            service.stop()
            service.start()
            late = [PATIENCE * 1000.0]
            yield Taken(asked, 0, 0, late[0], late, late)
            continue
        print(taken.line(), file=sys.stderr, flush=True)
        yield taken
        there = next_page(asked, body)
        if there is not None:
            yield _one(service, there, sent, rounds)[0]


def _one(service: Running, asked: Asked, headers: dict[str, str], rounds: int) -> tuple[Taken, bytes]:
    begun = perf_counter()
    status, body = service.get(asked.path, headers)
    cold = (perf_counter() - begun) * 1000
    for _ in range(2):
        service.get(asked.path, headers)
    service.look_for_backends()
    clock, worked = [], []
    for _ in range(rounds):
        begun, before = perf_counter(), service.worked()
        service.get(asked.path, headers)
        clock.append((perf_counter() - begun) * 1000)
        worked.append(service.worked() - before)
    return Taken(asked, status, len(body), cold, clock, worked), body


def _report(told: list[Taken]) -> None:
    print("| page | ms of the processor | most | ms by the clock | most | cold | KB |")
    print("|---|---|---|---|---|---|---|")
    for one in sorted(told, key=lambda one: -median(one.worked)):
        print(one.line())
    strange = [f"{one.asked.path}: {one.status}" for one in told if one.status != one.asked.status]
    print(*strange, sep="\n")
    missed = [one.asked.name for one in told if not one.is_met]
    print(f"{len(told)} pages; over {MOST_MS} ms of the processor or {MOST_BYTES // 1000} KB: {len(missed)}")
    print(*(f"NOT {name}" for name in missed), sep="\n")


if __name__ == "__main__":
    main()
