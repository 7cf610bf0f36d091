"""Who descends from whom, asked of Linux and, as elsewhere, of ps."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisors import kernel
from supervisors.health import probes

NEST = "import subprocess, sys, time; p = subprocess.Popen(['sleep', '60']); print(p.pid, flush=True); time.sleep(60)"


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    with subprocess.Popen([sys.executable, "-S", "-c", NEST], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        yield parent.pid, child
        os.kill(child, signal.SIGKILL)
        parent.kill()


@pytest.fixture(params=["linux", "elsewhere"])
def platform(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "elsewhere":
        if not shutil.which("ps"):
            pytest.skip("no ps here")
        monkeypatch.setattr(kernel, "LINUX", False)


@pytest.mark.usefixtures("platform")
def test_the_tree_and_who_is_who(family: tuple[int, int]) -> None:
    parent, child = family
    tree = kernel.descendants(parent)
    assert [proc.pid for proc in tree] == [child]
    assert kernel.is_alive(child, tree[0].started) and not kernel.is_alive(child, "another time")
    assert not kernel.signal_exactly(tree[0]._replace(started="another time"), signal.SIGKILL)
    assert kernel.signal_exactly(tree[0], signal.SIGKILL)
    while kernel.is_alive(child, tree[0].started):
        pass
    assert kernel.descendants(parent) == [], "a zombie does not live"
    assert kernel.read_proc(2**22 + 1) is None


@pytest.mark.usefixtures("platform")
def test_port_owner() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert probes.owns_port(port, [os.getpid()]) and not probes.owns_port(port, [os.getppid()])


def test_memory_of_a_tree(family: tuple[int, int]) -> None:
    assert 5_000_000 < probes.tree_rss(family[0]) < 100_000_000


@pytest.mark.skipif(not kernel.LINUX, reason="ps reads its table in one go")
def test_child_of_one_that_dies_while_the_tree_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its children fall to the root, whose list was read a moment before: the first look finds a dead one alone."""
    with subprocess.Popen(["true"]) as dead, subprocess.Popen(["sleep", "60"]) as child:
        while not (found := kernel.read_proc(dead.pid)) or found.alive:
            pass
        lists = iter([[dead.pid], [dead.pid, child.pid], [dead.pid, child.pid]])
        monkeypatch.setattr(kernel, "_children", lambda pid: next(lists) if pid == 1 else [])
        assert [proc.pid for proc in kernel.descendants(1)] == [child.pid]
        child.kill()


@pytest.mark.skipif(not kernel.LINUX or not os.path.exists("/proc/self/schedstat"), reason="no scheduler statistics")
def test_one_that_queues_for_a_core_is_at_work() -> None:
    """Eight that compute on one core get an eighth of it each: as busy as one alone, while a sleeper is not."""
    core = min(os.sched_getaffinity(0))
    spin = f"import os; os.sched_setaffinity(0, [{core}]); print(flush=True)\nwhile True: pass"
    workers = [subprocess.Popen([sys.executable, "-S", "-c", spin], stdout=subprocess.PIPE) for _ in range(8)]
    try:
        for worker in workers:
            assert worker.stdout and worker.stdout.readline()
        began, used = time.monotonic(), probes.tree_work_s(workers[0].pid)
        cpu = kernel.cpu_s(workers[0].pid)
        time.sleep(1.5)
        wall = time.monotonic() - began
        assert kernel.cpu_s(workers[0].pid) - cpu < 0.3 * wall, "so little, by the processor's clock alone"
        assert probes.tree_work_s(workers[0].pid) - used > 0.6 * wall
        workers[0].send_signal(signal.SIGSTOP)
        stat = Path(f"/proc/{workers[0].pid}/stat")
        while stat.read_text().rpartition(")")[2].split()[0] != "T":
            time.sleep(0.02)  # it obeys when it is its turn, which on a busy machine takes a second
        used = probes.tree_work_s(workers[0].pid)
        time.sleep(0.5)
        assert probes.tree_work_s(workers[0].pid) - used < 0.05, "one that is stopped neither runs nor queues"
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()
