"""One run of llama.cpp's server: its process, its report, its signs of life, its end.

The child's environment is what is written here and nothing else: no secret of the gateway's reaches it. It starts in a
session of its own, so that a terminal's Ctrl-C reaches the gateway alone, which then stops it in order.

When a run begins and what follows its end is decided by `llamacpp`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from dataclasses import asdict, dataclass
from typing import TypeVar

from douane.adapters.engines.weights import HeldWeights
from douane.core.models.catalogue import Capabilities, ToolSupport
from douane.errors import EngineFailed

_CHILD = "douane.adapters.engines.llamacpp_child"
_ANSWER_SLICE_BYTES = 64 * 1024
_ENVIRONMENT = {
    # Threads that wait must sleep: spinning ones cost ten times the time when the cores are busy. It is read when the
    # library of threads loads, hence an environment of the child's own.
    "OMP_WAIT_POLICY": "PASSIVE",
    "LANG": "C.UTF-8",
    "PATH": os.defpath,
    "HOME": "/nonexistent",
}
_CAUSES = {
    "package-missing": ("The engine `xllamacpp` is not installed.", "Install it: `pip install 'douane[engine]'`."),
    "load": ("llama.cpp could not load the weights or take its port.", "Run `douane doctor`; then start again."),
    "parent-gone": ("The engine's parent ended before it began.", "Start again."),
    "settings": ("The engine could not read its settings.", "Report this: it is a fault of the gateway."),
}
_DIED = ("llama.cpp ended while it loaded.", "Run `douane doctor`; memory may be short.")
_End = TypeVar("_End", asyncio.StreamReader, asyncio.StreamWriter)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How llama.cpp serves. `context_tokens` is for all `slots` together; `connections` are served at a time."""

    alias: str
    threads: int = 2
    """For reading prompts."""
    decode_threads: int = 1
    """For writing. One writes 140 tokens/s with a small model; two, asleep while they wait for each other, 53."""
    context_tokens: int = 4096
    slots: int = 2
    batch_tokens: int = 512
    """Also the longest embeddings input. 2,048 would cost 360 MB more."""
    connections: int = 32
    share_prefixes: bool = False
    """Reuse what was computed for a request's beginning in later ones. Faster, but tells tenants of each other."""

    @property
    def request_tokens(self) -> int:
        """Return the context that one request has: the server divides its own evenly among its slots."""
        return self.context_tokens // self.slots

    @property
    def capabilities(self) -> Capabilities:
        """Return what a server with these settings can do."""
        return Capabilities(
            endpoints=frozenset({"chat", "completions", "embeddings"}),
            tools=ToolSupport.EMULATED,
            context_tokens=self.request_tokens,
            counts_choices=False,
            media=False,
        )


class Server:
    """A running server process, and the weights that it serves."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        settings: ServerSettings,
        weights: HeldWeights,
        port: int,
        api_key: str,
    ) -> None:
        self.weights = weights
        self.pid = process.pid
        self._process = process
        self._settings = settings
        self._port = port
        self._api_key = api_key
        self._exit = asyncio.ensure_future(process.wait())

    @classmethod
    async def spawn(cls, settings: ServerSettings, weights: HeldWeights, port: int, api_key: str) -> Server:
        """Start the child and hand it its settings; raises EngineFailed where no process can be made."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-I", "-m", _CHILD,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                pass_fds=(weights.fd,),
                env=_ENVIRONMENT,
                cwd="/",
                start_new_session=True,
            )  # fmt: skip
        except OSError as error:
            raise EngineFailed(
                f"No process could be started for the engine ({error.strerror}).",
                "Free memory or raise the limit on processes; then start again.",
                rule="engine",
            ) from error
        server = cls(process, settings, weights, port, api_key)
        handed = asdict(settings) | {
            "port": port, "api_key": api_key, "weights_fd": weights.fd, "parent_pid": os.getpid(),
        }  # fmt: skip
        _pipe(process.stdin).write(json.dumps(handed).encode() + b"\n")
        return server

    async def until_ready(self) -> None:
        """Wait until the child listens and its model answered; raises EngineFailed where it fails to."""
        line = await _pipe(self._process.stdout).readline()
        report = json.loads(line) if line.endswith(b"\n") else {}
        if "listening" not in report:
            problem, fix = _CAUSES.get(report.get("failed", ""), _DIED)
            raise EngineFailed(problem, fix, rule="engine")
        body = json.dumps({"model": self._settings.alias, "prompt": "1", "max_tokens": 1}).encode()
        if await self._status("POST", "/v1/completions", body) != 200:
            raise EngineFailed("The engine started, but its model gave no answer.", _DIED[1], rule="engine")

    async def ended_within(self, seconds: float) -> bool:
        """Tell whether the process ends within some seconds; returns at once when it does."""
        done, _ = await asyncio.wait({self._exit}, timeout=seconds)
        return bool(done)

    async def healthy(self, timeout_s: float) -> bool:
        """Tell whether the server says, in time, that it is well."""
        try:
            async with asyncio.timeout(timeout_s):
                return await self._status("GET", "/health") == 200
        except TimeoutError:
            return False

    async def end(self, grace_s: float) -> None:
        """Ask the process to end, force it after `grace_s`, and wait until it is gone."""
        _pipe(self._process.stdin).close()
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        if not await self.ended_within(grace_s):
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        await asyncio.shield(self._exit)
        self.weights.close()

    async def _status(self, method: str, path: str, body: bytes = b"") -> int | None:
        """Ask the server and return the answer's status once the answer is whole; None where there is none."""
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
        head += f"content-type: application/json\r\nauthorization: Bearer {self._api_key}\r\n\r\n"
        writer: asyncio.StreamWriter | None = None
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
            writer.write(head.encode() + body)
            status = int((await reader.readline()).split()[1])
            while await reader.read(_ANSWER_SLICE_BYTES):
                pass
            return status
        except (OSError, ValueError, IndexError):
            return None
        finally:
            if writer is not None:
                writer.close()


def _pipe(end: _End | None) -> _End:
    """Return an end of a pipe that was asked for, and so is there."""
    assert end is not None
    return end
