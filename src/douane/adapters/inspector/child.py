"""The child process that scans large bodies: started when first needed, started anew after it was killed.

It speaks frames over its standard input and output: four bytes of length, then JSON or a name. The first frame sets it
up; each two further ones, a body's owner and the body, are answered by one frame. It ends when its input ends, so it
never outlives the gateway.
"""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable, Sequence
from typing import Any, Final, Generic, TypeVar

import orjson

from douane.adapters.inspector.frames import frame

T = TypeVar("T")

LONGEST_ANSWER_BYTES: Final = 8 * 1024 * 1024


class ChildFailed(Exception):
    """The child did not answer, or not what it should. `cause` is a word without content."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Child(Generic[T]):
    """One process at most. Not for two callers at once. `greeting` is asked for whenever a process starts.

    `understand` makes of a parsed answer what it says; it may raise ValueError, KeyError or TypeError.
    """

    def __init__(self, command: Sequence[str], greeting: Callable[[], bytes], understand: Callable[[Any], T]) -> None:
        self._command = tuple(command)
        self._greeting = greeting
        self._understand = understand
        self._process: Process | None = None

    @property
    def pid(self) -> int | None:
        """Return the process's number, or None where none runs."""
        return self._process.pid if self._process is not None else None

    async def ask(self, payload: bytes, owner: str) -> T:
        """Have a body of an owner's read. Raises ChildFailed; after that, or when this is cancelled, `kill` it."""
        try:
            if self._process is not None and self._process.returncode is not None:
                await self.kill()  # it died at rest: nobody's body is lost by starting another
            process = self._process or await self._start()
            if process.stdin is None or process.stdout is None:
                raise ChildFailed("no pipes")
            process.stdin.write(frame(owner.encode()) + frame(payload))
            await process.stdin.drain()
            length = int.from_bytes(await process.stdout.readexactly(4), "big")
            if length > LONGEST_ANSWER_BYTES:
                raise ChildFailed("answer too long")
            answer = orjson.loads(await process.stdout.readexactly(length))
            if "error" in answer:
                raise ChildFailed(str(answer["error"])[:64])
            return self._understand(answer)
        except (asyncio.IncompleteReadError, OSError, RuntimeError) as error:  # uvloop's word for a closed pipe
            raise ChildFailed("died") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise ChildFailed("answer not understood") from error

    async def kill(self) -> None:
        """End the process at once and wait until it is gone. Harmless where none runs."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if process.returncode is None:
            try:
                process.kill()
            except ProcessLookupError:
                return
        await process.wait()

    async def _start(self) -> Process:
        """Start the process in a session of its own: a Ctrl-C at the terminal ends the gateway first."""
        self._process = process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, start_new_session=True
        )
        if process.stdin is not None:
            process.stdin.write(frame(self._greeting()))
        return process
