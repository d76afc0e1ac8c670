"""What a request costs the gateway's own thread: `python -m bench.in_process [--how time|parts|bytecodes|calls]`.

The whole gateway on its real ledger, in one process, between transports that need no socket: what is left out is the
kernel and the event loop's part of it. So the figures are the same within a microsecond from run to run, where those of
a loaded machine move by ten. `time` prints CPU a request; `parts` the time within some stages; `bytecodes` what the
interpreter executes, function by function (100 of them take about a microsecond); `calls` runs it under cProfile.
To compare with another tree: `PYTHONPATH=OTHER/src python -m bench.in_process`, and the two by turns.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import pstats
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import uvloop

from bench.ground import CONFIG, write_bodies
from bench.measure import OUT
from douane.adapters.http1.connection import Connection as UpstreamConnection
from douane.adapters.http1.pool import Pool
from douane.adapters.http1.upstream import Http1Upstream
from douane.adapters.inspector.inspector import ScanningInspector
from douane.bootstrap import House, Start
from douane.detect.engine import HyperscanEngine
from douane.gateway import pipeline
from douane.gateway.classify import Classifier
from douane.gateway.dispatch import Dispatcher
from douane.http.app import Application
from douane.http.connection import Connection
from douane.http.edge import Edge
from douane.http.settings import EdgeSettings
from douane.wire.kinds.answers import WholeAnswer

ANSWER = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "mock",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "word " * 130}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 250, "completion_tokens": 130, "total_tokens": 380},
    }
).encode()  # fmt: skip
REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER)
PARTS: tuple[tuple[str, Any, str], ...] = (
    ("parse", pipeline, "parse"),
    ("inspect, all", ScanningInspector, "inspect"),
    ("inspect, engine alone", HyperscanEngine, "scan"),
    ("inspect, label, counters", Classifier, "__call__"),
    ("payload and permit", Dispatcher, "prepare"),
    ("read and write the answer", WholeAnswer, "read"),
)


class Wire(asyncio.Transport):
    """A transport without a socket: what is written goes to `on_write`; closed, it tells its protocol."""

    def __init__(self, protocol: asyncio.Protocol, on_write: Callable[[bytes], None]) -> None:
        super().__init__({"peername": ("127.0.0.1", 4711)})
        self._protocol = protocol
        self._on_write = on_write
        self._closed = False

    def write(self, data: Any) -> None:
        self._on_write(data)

    def writelines(self, parts: Any) -> None:
        self._on_write(next(iter(parts)))

    def is_closing(self) -> bool:
        return self._closed

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            asyncio.get_running_loop().call_soon(self._protocol.connection_lost, None)

    abort = close


class Rig:
    """A gateway between wires: its clients send the same request again as soon as they are answered."""

    def __init__(self, house: House, request: bytes, connections: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._request = request
        self._left = self._open = 0
        self._done: asyncio.Future[None] = self._loop.create_future()
        settings = EdgeSettings()
        app = Application(house.gateway, probes={}, settings=settings)
        edge = Edge(app.handle, settings, loop=self._loop, request_id=lambda: "req", crashed=self._fail)
        self._clients = [self._client(edge) for _ in range(connections)]

    def _client(self, edge: Edge) -> Connection:
        connection = Connection(edge)
        connection.loop = self._loop
        connection.connection_made(Wire(connection, lambda data: self._answered(connection, data)))
        return connection

    def _fail(self, fault: BaseException) -> None:
        if not self._done.done():
            self._done.set_exception(fault)

    def _answered(self, connection: Connection, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 200 "):
            self._fail(RuntimeError(data.decode("utf-8", "replace")))
        elif self._left:
            self._left -= 1
            self._loop.call_soon(connection.data_received, self._request)
        else:
            self._open -= 1
            if not self._open:
                self._done.set_result(None)

    def close(self) -> None:
        """Close every client's wire."""
        for connection in self._clients:
            connection.transport.close()

    async def round(self, requests: int) -> float:
        """Make so many requests; return CPU us of this thread for each."""
        self._open = len(self._clients)
        self._left = requests - self._open
        self._done = self._loop.create_future()
        began_s = time.thread_time()
        for connection in self._clients:
            connection.data_received(self._request)
        await self._done
        return (time.thread_time() - began_s) / requests * 1e6


async def connect(
    upstream: Http1Upstream, loop: asyncio.AbstractEventLoop, _cleared: object, pool: Pool, _by: float
) -> UpstreamConnection:
    """Stand in for the client's dialling: a connection whose other end answers at once."""
    forget = partial(upstream._forget, pool)  # noqa: SLF001 - what is closed waits to be told
    connection = UpstreamConnection(loop, 30.0, pool.give_back, forget)
    connection.connection_made(Wire(connection, lambda _data: loop.call_soon(connection.data_received, REPLY)))
    connection.address, connection.peer = ip_address("127.0.0.1"), "127.0.0.1:9100"
    return connection


# --- ways of looking ---------------------------------------------------------------------------------------------


async def look_at_time(rig: Rig, asked: argparse.Namespace) -> None:
    """Print CPU a request, the least and the median of the rounds."""
    took = sorted([await rig.round(asked.requests) for _ in range(asked.rounds)])
    print(f"{took[0]:.1f} us a request at least, {took[len(took) // 2]:.1f} in the median of {asked.rounds} rounds")


async def look_at_parts(rig: Rig, asked: argparse.Namespace) -> None:
    """Print the time within each of `PARTS`, one after the other; awaited ones with all that ran meanwhile."""
    await look_at_time(rig, asked)
    for name, owner, attribute in PARTS:
        original = getattr(owner, attribute)
        spent = [0]
        setattr(owner, attribute, timed(original, spent))
        least = float("inf")
        for _ in range(asked.rounds):
            spent[0] = 0
            await rig.round(asked.requests)
            least = min(least, spent[0] / asked.requests / 1000)
        setattr(owner, attribute, original)
        print(f"{least:7.1f} us  {name}")


def timed(function: Callable[..., Any], spent: list[int]) -> Callable[..., Any]:
    """Return the function, or coroutine function, with its nanoseconds added up."""

    def call(*args: Any, **named: Any) -> Any:
        began = time.perf_counter_ns()
        try:
            return function(*args, **named)
        finally:
            spent[0] += time.perf_counter_ns() - began

    async def wait(*args: Any, **named: Any) -> Any:
        began = time.perf_counter_ns()
        try:
            return await function(*args, **named)
        finally:
            spent[0] += time.perf_counter_ns() - began

    return wait if asyncio.iscoroutinefunction(function) else call


async def look_at_bytecodes(rig: Rig, asked: argparse.Namespace) -> None:
    """Print how many bytecodes a request executes, and in which functions."""
    executed: Counter[CodeType] = Counter()
    entered: Counter[CodeType] = Counter()

    def trace(frame: FrameType, event: str, _: object) -> Any:
        if event == "opcode":
            executed[frame.f_code] += 1
        elif event == "call":
            frame.f_trace_opcodes, frame.f_trace_lines = True, False
            entered[frame.f_code] += 1
        return trace

    requests = max(1, asked.requests // 10)
    sys.settrace(trace)
    await rig.round(requests)
    sys.settrace(None)
    print(f"{executed.total() / requests:.0f} bytecodes in {entered.total() / requests:.0f} functions a request")
    for code, count in executed.most_common(asked.top):
        place = f"{Path(code.co_filename).name}:{code.co_firstlineno}"
        print(f"{count / requests:8.1f} in {entered[code] / requests:5.2f}  {code.co_qualname}  {place}")


async def look_at_calls(rig: Rig, asked: argparse.Namespace) -> None:
    """Print what cProfile says; it makes small functions look dear."""
    profile = cProfile.Profile()
    profile.enable()
    await rig.round(asked.requests)
    profile.disable()
    rows = pstats.Stats(profile).stats.items()
    for (file, line, name), (_, number, own_s, all_s, _) in sorted(rows, key=lambda row: -row[1][2])[: asked.top]:
        own_us, all_us = own_s / asked.requests * 1e6, all_s / asked.requests * 1e6
        print(f"{own_us:8.2f} {all_us:8.2f} us {number / asked.requests:6.2f}  {name}  {Path(file).name}:{line}")


LOOKS: dict[str, Callable[[Rig, argparse.Namespace], Awaitable[None]]] = {
    "time": look_at_time,
    "parts": look_at_parts,
    "bytecodes": look_at_bytecodes,
    "calls": look_at_calls,
}


async def run(asked: argparse.Namespace, data: str) -> None:
    """Open a house on a new data folder, warm it up, and look."""
    body = (OUT / "bodies" / f"{asked.body}.json").read_bytes()
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:9803\r\nauthorization: Bearer sk-bench\r\n"
        b"content-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    Http1Upstream._connect = connect  # noqa: SLF001 - no port for dialling
    house = await House.open(Start(str(CONFIG), data, log=False))
    try:
        rig = Rig(house, head % len(body) + body, asked.connections)
        await rig.round(asked.requests)
        gc.collect()
        gc.freeze()
        await LOOKS[asked.how](rig, asked)
        rig.close()
    finally:
        await house.close()


def main(words: Sequence[str]) -> None:
    """Look at the gateway in one way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--how", default="time", choices=LOOKS)
    parser.add_argument("--body", default="mock", help="the name of a body in bench/out/bodies, without .json")
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--requests", type=int, default=3000, help="in each round")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--top", type=int, default=60)
    asked = parser.parse_args(words)
    write_bodies()
    with tempfile.TemporaryDirectory() as data:
        uvloop.run(run(asked, data))


if __name__ == "__main__":
    main(sys.argv[1:])
