"""The real thing for tests: `douane up` in a process of its own, and upstreams on loopback in a thread beside the test."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from douane.testing.hostile_server import HostileServer

Result = TypeVar("Result")
_URL = re.compile(r"is up: (http://\S+)/v1")
_KEY = re.compile(r"DOUANE_KEY=(\S+)")
COMMAND = [sys.executable, "-c", "from douane.cli.main import main; main()"]


@dataclass
class Running:
    """A gateway that runs. `key` is its admin key where it was made just now."""

    process: subprocess.Popen[str]
    url: str
    key: str | None
    data: Path

    def wait_gone(self) -> int:
        return self.process.wait(timeout=60)


@contextlib.contextmanager
def douane_up(folder: Path, config: str | None = None, *more: str) -> Iterator[Running]:
    """Run `douane up` on a free port, until the block ends."""
    arguments = [*COMMAND, "up", "--data", str(folder / "data"), "--port", "0", "--no-log", *more]
    if config is not None:
        (folder / "douane.toml").write_text(config, encoding="utf-8")
        arguments += ["--config", str(folder / "douane.toml")]
    with (folder / "errors.txt").open("ab") as errors:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=folder)
    try:
        url, key = _await_ready(process, folder)
        yield Running(process, url, key, folder / "data")
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=45)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _await_ready(process: subprocess.Popen[str], folder: Path) -> tuple[str, str | None]:
    assert process.stdout is not None
    url = key = None
    for line in process.stdout:
        if found := _URL.search(line):
            url = found.group(1)
        if found := _KEY.search(line):
            key = found.group(1)
        if url is not None and (key is not None or "store already" in line):
            return url, key
    raise AssertionError((folder / "errors.txt").read_text(encoding="utf-8"))


class Beside:
    """An event loop in a thread, for servers that a synchronous test talks to."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, job: Coroutine[Any, Any, Result]) -> Result:
        """Run a coroutine there, and wait for it."""
        future: Future[Result] = asyncio.run_coroutine_threadsafe(job, self._loop)
        return future.result(timeout=60)

    def call(self, act: Callable[[], object]) -> None:
        self._loop.call_soon_threadsafe(act)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


@contextlib.contextmanager
def upstreams(count: int) -> Iterator[tuple[Beside, list[HostileServer]]]:
    """Servers on loopback for the length of a block."""
    beside = Beside()

    async def enter() -> tuple[contextlib.AsyncExitStack, list[HostileServer]]:
        stack = contextlib.AsyncExitStack()
        return stack, [await stack.enter_async_context(HostileServer()) for _ in range(count)]

    stack, servers = beside.run(enter())
    try:
        yield beside, servers
    finally:
        beside.run(stack.aclose())
        beside.close()


def cli(*arguments: str, data: Path | None = None, stdin: bytes = b"", cwd: Path | None = None) -> str:
    """Run a command to its end; return what it printed."""
    more = ["--data", str(data)] if data is not None else []
    done = subprocess.run(
        [*COMMAND, *arguments, *more],
        input=stdin,
        capture_output=True,
        check=True,
        timeout=120,
        cwd=cwd,
        env=os.environ,
    )
    return done.stdout.decode()


TWO_ZONES = """
[policy]
meaning = "off"
allow_unchecked = true

[zones.premises]
premises = true
networks = ["127.0.0.0/8"]
clearance = "restricted"
compartments = ["*"]

[zones.cloud]
clearance = "public"
networks = ["127.0.0.0/8"]

[deployments.own]
zone = "premises"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "{own}/v1"
assurance = "unchecked"

[deployments.far]
zone = "cloud"
model = "llama-3.1-8b-instruct"
kind = "openai-compatible"
base_url = "{far}/v1"
assurance = "unchecked"
price = {{ input = 1.0, output = 2.0, currency = "EUR", source = "test", date = "2026-01-01" }}

[routes.chat]
deployments = ["far", "own"]
attempts = 2
"""
"""A public cloud before the premises, both at loopback servers."""
