"""``python -m tests.chaos [--seeds N] [--first SEED] [--readers N] [--database sqlite|postgresql|both]``.

Trials of as many seeds, each over so many readers; the first that fails is told with its seed, and ends it.
On PostgreSQL a server of its own is shot and started again; SQLite stands on a small disk that fills (which
only root can have).
"""

import argparse
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from tests.chaos.databases import Outage, own_cluster, small_disk
from tests.chaos.server import chaos_server
from tests.chaos.trial import Size, Trial

DISK_MEGABYTES = 256


def main() -> None:
    """Run the trials."""
    options = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    options.add_argument("--seeds", type=int, default=100)
    options.add_argument("--first", type=int, default=1, metavar="SEED")
    options.add_argument("--readers", type=int, default=10_000)
    options.add_argument("--events", type=int, default=12)
    options.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    chosen = options.parse_args()
    # So that what was begun is ended: workers, a database server, a disk.
    signal.signal(signal.SIGTERM, lambda _signal, _frame: sys.exit("ended"))
    kinds = ("sqlite", "postgresql") if chosen.database == "both" else (chosen.database,)
    size = Size(readers=chosen.readers, events=chosen.events)
    for seed in range(chosen.first, chosen.first + chosen.seeds):
        for kind in kinds:
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                verdict = _try(seed, kind, Path(folder), size)
            print(f"seed {seed}, {kind}, {time.monotonic() - began:.0f} s: {verdict}", flush=True)  # noqa: T201 - its answer


def _try(seed: int, kind: str, folder: Path, size: Size) -> str:
    folder.chmod(0o755)
    with _database(kind, folder) as (url, outages), chaos_server(seed) as server:
        verdict = Trial(seed, size, folder, url, server, outages).run()
    if verdict.faults:
        sys.exit(f"seed {seed}, {kind}: {verdict}\n" + "\n".join(verdict.faults[:40]))
    return str(verdict)


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[tuple[str, list[Outage]]]:
    if kind == "sqlite":
        with small_disk(folder / "disk", DISK_MEGABYTES) as disk:
            yield f"sqlite:///{folder / 'disk' / 'labelcast.db'}", [disk] if disk else []
        return
    with own_cluster(folder / "cluster") as cluster:
        if cluster is None:
            sys.exit("PostgreSQL's initdb and pg_ctl are missing: apt-get install postgresql")
        with psycopg.connect(cluster.server, autocommit=True) as connection:
            connection.execute("CREATE DATABASE trial")
        yield f"postgresql+psycopg://postgres@127.0.0.1:{cluster.port}/trial", [cluster]


if __name__ == "__main__":
    main()
