"""Who is sending: a name for each sending process, and whether the process behind a name still lives."""

import os
import re
import socket
from functools import cache
from itertools import count
from pathlib import Path

_UNKNOWN = "-"

_runs = count(1)


@cache
def _host() -> str:
    """This machine since it was started: its name and, on Linux, the kernel's id of this boot.

    And which process numbers are meant: containers of one host, each with its own, may share its name.
    """
    boot, numbers = Path("/proc/sys/kernel/random/boot_id"), Path("/proc/self/ns/pid")
    started = boot.read_text().strip()[:8] if boot.exists() else "-"
    meant = re.sub(r"\D", "", str(numbers.readlink())) if numbers.is_symlink() else "-"
    return f"{socket.gethostname()}/{started}/{meant}"


def _started(pid: int) -> str | None:
    """When a process of this machine started (clock ticks since boot, Linux); None when there is none.

    Where that cannot be read, ``_UNKNOWN`` stands for any process with that number.
    """
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
        # The third field (here the first) is the state: a zombie sends nothing any more.
        return None if fields[0] in "ZX" else fields[19]
    except ProcessLookupError:
        return None
    except OSError:
        # There is no such folder, or other users' processes are hidden in it (proc(5), hidepid).
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return _UNKNOWN


def new_worker() -> str:
    """A name for one run of sending in this process: ``host/boot/numbers/pid/start/run``."""
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
    found = _started(int(pid))
    return found is None or (found != start and _UNKNOWN not in {found, start})
