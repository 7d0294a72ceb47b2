"""A worker that is gone is known to be gone; one that lives, or lives elsewhere, is not."""

import shutil
import subprocess
import sys

import pytest

from digests.sending.workers import is_gone, new_worker

ASK = "from digests.sending.workers import new_worker; print(new_worker(), flush=True); input()"


def test_each_run_has_a_name_of_its_own() -> None:
    assert new_worker() != new_worker()


def test_a_worker_is_not_gone_to_itself() -> None:
    worker = new_worker()
    assert not is_gone(worker, current=worker)


def test_an_earlier_run_of_this_process_is_over() -> None:
    earlier, now = new_worker(), new_worker()
    assert is_gone(earlier, current=now)


def test_another_process_is_gone_once_it_has_been_killed() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = process.stdout.readline().strip()
        assert not is_gone(worker, current=new_worker())
        process.kill()
        process.wait()
    assert is_gone(worker, current=new_worker())


def test_a_number_that_another_process_has_by_now_is_gone() -> None:
    *place, pid, start, run = new_worker().split("/")
    another = "/".join([*place, pid, str(int(start) - 1), run])
    assert is_gone(another, current=new_worker())


def test_a_living_process_whose_start_cannot_be_read_is_not_gone() -> None:
    """As where other users' processes are hidden."""
    with subprocess.Popen(
        [sys.executable, "-c", ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        *place, pid, _start, run = process.stdout.readline().strip().split("/")
        worker = "/".join([*place, pid, "-", run])
        assert not is_gone(worker, current=new_worker())
        process.kill()
        process.wait()
    assert is_gone(worker, current=new_worker())


def test_of_another_machine_nothing_is_known() -> None:
    assert not is_gone("elsewhere/12345678/4026531836/1/1/1", current=new_worker())


def test_nothing_is_known_of_a_worker_in_another_container_of_this_host() -> None:
    """It may have the host's name too, but its process numbers are its own."""
    inside = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", sys.executable, "-c"]
    if (
        shutil.which("unshare") is None
        or subprocess.run([*inside, ""], check=False, capture_output=True).returncode
    ):
        pytest.skip("no container can be made here")
    with subprocess.Popen(
        [*inside, ASK], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        worker = process.stdout.readline().strip()
        assert worker.split("/")[0] == new_worker().split("/")[0]
        assert not is_gone(worker, current=new_worker())
        process.communicate("")
