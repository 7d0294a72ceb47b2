"""A command as a process of its own: how long it takes, its start included, and its peak memory."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from benchmarks.blog import SITE

# The peak of the program alone: what `getrusage` tells of a child begins with what its parent had.
_PROGRAM = """
import atexit, re, sys
from pathlib import Path
def tell():
    Path(sys.argv[1]).write_text(re.search("VmHWM:\\\\s+(\\\\d+)", Path("/proc/self/status").read_text())[1])
atexit.register(tell)
from labelcast.cli import main
main(sys.argv[2:])
"""
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ran:
    """How long it took, the most memory it had at once, and the last line that it said."""

    seconds: float
    peak_megabytes: float
    said: str


def settings_for(database: Path, folder: Path) -> Path:
    """A settings file for a blog that ``benchmarks.blog`` wrote."""
    file = folder / "labelcast.toml"
    file.write_text(
        f'site_url = "{SITE}"\nsite_title = "Bench"\nauthor = "Ann Bench"\nlanguage = "en"\n'
        f'database_url = "sqlite:///{database}"\nsecret_key = "{"0123456789abcdef" * 4}"\n'
        '[mail]\nfrom = "Bench <bench@bench.example>"\n',
        encoding="utf-8",
    )
    return file


def labelcast(settings: Path, *arguments: str) -> Ran:
    """Run a command to its end; ends the benchmark when it fails."""
    peak = settings.with_name("peak")
    program = [sys.executable, "-c", _PROGRAM, os.fspath(peak), "--config", os.fspath(settings), *arguments]
    seconds, said = run(program)
    return Ran(seconds, int(peak.read_text()) / 1024, said)


def run(program: Sequence[str | Path], *, folder: Path | None = None) -> tuple[float, str]:
    """The seconds that a program takes, and the last line that it says."""
    start = perf_counter()
    done = subprocess.run(
        program,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": os.fspath(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{program[0]} ended with {done.returncode}: {done.stderr[-1000:]}")
    return seconds, (done.stderr.strip() or done.stdout.strip()).rpartition("\n")[2]
