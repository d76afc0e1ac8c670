"""Processes under measurement: start one, know all its children, read what they cost, end them.

CPU is nanoseconds on a processor, user and system, from `/proc/PID/task/*/schedstat` over the whole tree: a writer or
an engine in a child counts. Memory is the proportional set size: a page that two processes share counts once.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Running:
    """A process that was started, and where its output goes."""

    process: subprocess.Popen[bytes]
    log: Path
    started_s: float

    @property
    def pid(self) -> int:
        return self.process.pid

    def tree(self) -> list[int]:
        """Return the ids of the process and all its descendants, as they are now."""
        found = [self.pid]
        for pid in found:
            for children in Path(f"/proc/{pid}/task").glob("*/children"):
                with contextlib.suppress(OSError):
                    found += [int(child) for child in children.read_text().split()]
        return found

    def cpu_us(self) -> float:
        """Return microseconds on a processor since the start, summed over the tree."""
        return sum(_cpu_ns(pid) for pid in self.tree()) / 1e3

    def cpu_of_each_us(self) -> dict[int, float]:
        """Return microseconds on a processor of each process of the tree: the first is the one that was started."""
        return {pid: _cpu_ns(pid) / 1e3 for pid in self.tree()}

    def pss_mb(self) -> float:
        """Return the proportional set size of the tree in MB (10^6 bytes)."""
        return sum(_pss_kb(pid) for pid in self.tree()) * 1024 / 1e6

    def tail(self, lines: int = 12) -> str:
        """Return the end of what it printed."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def _cpu_ns(pid: int) -> int:
    total = 0
    for stat in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        with contextlib.suppress(OSError, ValueError):
            total += int(stat.read_text().split()[0])
    return total


def _pss_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def start(argv: Sequence[str], log: Path, *, environ: Mapping[str, str] | None = None, nice: int = 0) -> Running:
    """Start a command in a session of its own."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as out:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environ or {})},
            start_new_session=True,
            preexec_fn=(lambda: os.nice(nice)) if nice else None,
        )
    return Running(process, log, time.monotonic())


def stop(running: Running, patience_s: float = 10.0) -> int | None:
    """Ask it to end, wait, then kill what is left of its tree; return its exit status, None where it was killed."""
    tree = running.tree() if running.process.poll() is None else []
    if running.process.poll() is None:
        running.process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        running.process.wait(patience_s)
    status = running.process.poll()
    for pid in reversed(tree):
        # A writer in a child may still be committing: it ends by itself when its parent is gone.
        if not _gone(pid, patience_s if status is not None else 0.0):
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
    running.process.wait()
    return status


def _gone(pid: int, patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while Path(f"/proc/{pid}/stat").exists() and not _zombie(pid):
        if time.monotonic() >= end:
            return False
        time.sleep(0.02)
    return True


def _zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    return True


def wait_until(running: Running, ready: Callable[[], bool], patience_s: float, every_s: float = 0.02) -> float:
    """Wait until `ready`; return the seconds since the start. Raise where it ends or is late, with what it printed."""
    while time.monotonic() - running.started_s < patience_s:
        if ready():
            return time.monotonic() - running.started_s
        if running.process.poll() is not None:
            raise RuntimeError(f"{running.log.stem} ended with status {running.process.returncode}:\n{running.tail()}")
        time.sleep(every_s)
    raise RuntimeError(f"{running.log.stem} was not ready within {patience_s:.0f} s:\n{running.tail()}")


def exchange(port: int, request: bytes, patience_s: float = 5.0) -> bytes:
    """Send one HTTP request that asks to close, and return the whole answer; b"" where nobody answers."""
    answer = b""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), patience_s) as connection:
        connection.sendall(request)
        while part := connection.recv(65536):
            answer += part
    return answer


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on now."""
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other benchmark runs from this folder: two at once would spoil each other's figures and data."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("Another benchmark is running; waiting for its end.", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def running(*args: object, **kwargs: object) -> Iterator[Running]:
    """Start a command for the length of a block."""
    process = start(*args, **kwargs)  # type: ignore[arg-type]
    try:
        yield process
    finally:
        stop(process)
