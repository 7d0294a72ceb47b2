"""Databases for trials, and how they go away: PostgreSQL restarted or refusing, a disk that fills."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Protocol

import psycopg

_BLOCK = b"x" * 65536


class Outage(Protocol):
    """A way for a database to be gone for a while. ``name`` tells it."""

    name: str

    def begin(self) -> None:
        """From now on it is gone."""
        ...

    def end(self) -> None:
        """It is back."""
        ...


class Refusal:
    """A PostgreSQL database that ends its connections and takes no more."""

    name = "the database refuses"

    def __init__(self, server: str, database: str) -> None:
        self._server = server
        self._database = database

    def begin(self) -> None:
        """No new connection, and the old ones ended."""
        self._allow(allowed=False)
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [self._database]
            )

    def end(self) -> None:
        """Connections again."""
        self._allow(allowed=True)

    def _allow(self, *, allowed: bool) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{self._database}" ALLOW_CONNECTIONS {allowed}'.encode())


class Cluster:
    """A PostgreSQL server of the trial's own, which can be shot and started again."""

    name = "the database server is shot"

    def __init__(self, folder: Path, programs: Path) -> None:
        self._folder = folder
        self._programs = programs
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]

    @property
    def server(self) -> str:
        """Its address."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    def make(self) -> None:
        """Make its files and start it."""
        if os.geteuid() == 0:
            shutil.chown(self._folder, "postgres")
        self._run("initdb", "-D", str(self._folder / "data"), "-U", "postgres", "-A", "trust", "-N")
        self.end()

    def begin(self) -> None:
        """Kill it as a power cut would."""
        self._control("stop", "-m", "immediate")

    def end(self) -> None:
        """Start it, and wait until it has recovered."""
        options = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c max_connections=100"
        )
        self._control("start", "-w", "-t", "60", "-l", str(self._folder / "log"), "-o", options)

    def _control(self, *arguments: str) -> None:
        self._run("pg_ctl", "-D", str(self._folder / "data"), *arguments)

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self._programs / program), *arguments]
        if os.geteuid() == 0:
            # It refuses to run as root.
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder)


@contextmanager
def own_cluster(folder: Path) -> Iterator[Cluster | None]:
    """A server of our own, stopped afterwards; None where PostgreSQL's programs are not installed."""
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        yield None
        return
    folder.mkdir()
    cluster = Cluster(folder, places[-1])
    cluster.make()
    try:
        yield cluster
    finally:
        with suppress(subprocess.CalledProcessError):
            cluster.begin()


class FullDisk:
    """A small disk that something else fills."""

    name = "the disk is full"

    def __init__(self, folder: Path) -> None:
        self._ballast = folder / "ballast"

    def begin(self) -> None:
        """Write until nothing goes any more."""
        with suppress(OSError), self._ballast.open("wb", buffering=0) as file:
            while file.write(_BLOCK):
                pass

    def end(self) -> None:
        """Make room."""
        self._ballast.unlink(missing_ok=True)


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[FullDisk | None]:
    """A disk of so many megabytes at a folder; None where it cannot be had: mounting is root's."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == 0
    try:
        yield FullDisk(folder) if mounted else None
    finally:
        if mounted:
            subprocess.run(["umount", "-l", str(folder)], check=True)
