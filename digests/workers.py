"""Who is sending: a name for each sending process, and whether the process behind a name still lives."""

import os
import socket
from functools import cache
from itertools import count
from pathlib import Path

_runs = count(1)


@cache
def _host() -> str:
    """This machine since it was started: its name and, on Linux, the kernel's id of this boot."""
    boot = Path("/proc/sys/kernel/random/boot_id")
    started = boot.read_text().strip()[:8] if boot.exists() else "-"
    return f"{socket.gethostname()}/{started}"


def _started(pid: int) -> str | None:
    """When a process of this machine started (clock ticks since boot, Linux); None when there is none.

    Where that cannot be read, ``-`` stands for any process with that number.
    """
    stat = Path(f"/proc/{pid}/stat")
    if Path("/proc/self/stat").exists():
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The third field (here the first) is the state: a zombie sends nothing any more.
        return None if fields[0] in "ZX" else fields[19]
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return "-"


def new_worker() -> str:
    """A name for one run of sending in this process: ``host/boot/pid/start/run``."""
    pid = os.getpid()
    return f"{_host()}/{pid}/{_started(pid)}/{next(_runs)}"


def is_gone(worker: str, *, current: str) -> bool:
    """Whether a worker is known to send no more, seen from the worker ``current``.

    Known are processes of this machine: those that ended, and earlier runs of this very process. Of any other
    machine's nothing is known: only the end of its lease tells.
    """
    if worker == current:
        return False
    *place, pid, start, _run = worker.split("/")
    *here, own_pid, own_start, _own_run = current.split("/")
    if place != here:
        return False
    if (pid, start) == (own_pid, own_start):
        return True
    return _started(int(pid)) != start
