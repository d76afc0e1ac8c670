"""Children of one kind: a body waits for the next one that is free, and has its answer by its deadline, or fails.

Rules enforced:
1. Waiting and reading together end by the deadline; what is late is killed, for the next one needs a child at rest.
2. What waits is bounded; beyond it a body fails at once.
3. A turn goes on when its caller leaves, for the same reason.
4. Where children were warmed, one that was killed is warmed again before it is given a body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Generic, TypeVar

from douane.adapters.inspector.child import Child, ChildFailed

T = TypeVar("T")

QUEUE: Final = 64
WARM_S: Final = 30.0


class Pool(Generic[T]):
    """So many children as `processes` says, each started when it is first needed, or by `warm`."""

    def __init__(
        self, make: Callable[[], Child[T]], *, deadline_s: float, processes: int = 1, queue: int = QUEUE
    ) -> None:
        self._children = tuple(make() for _ in range(processes))
        self._free: asyncio.Queue[Child[T]] = asyncio.Queue()
        for child in self._children:
            self._free.put_nowait(child)
        self._deadline_s = deadline_s
        self._queue = queue
        self._turns: set[asyncio.Task[T]] = set()
        self._warming: set[asyncio.Task[None]] = set()
        self._sample: bytes | None = None

    @property
    def pids(self) -> tuple[int, ...]:
        """Return the numbers of the processes that run."""
        return tuple([child.pid for child in self._children if child.pid is not None])

    async def warm(self, payload: bytes) -> None:
        """Start every child and have it read something. Raises ChildFailed where one does not."""
        self._sample = payload
        await asyncio.gather(*[_warmed(child, payload) for child in self._children])

    async def ask(self, payload: bytes, owner: str) -> T:
        """Have a body of an owner's read. Raises ChildFailed."""
        if len(self._turns) >= self._queue:
            raise ChildFailed("queue full")
        loop = asyncio.get_running_loop()
        turn = loop.create_task(self._turn(payload, owner, loop.time() + self._deadline_s))
        self._turns.add(turn)
        turn.add_done_callback(self._ended)
        return await asyncio.shield(turn)

    async def retire(self) -> None:
        """End the children when they have answered what was begun."""
        try:
            await asyncio.gather(*self._turns, return_exceptions=True)
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """End the children; whatever still waits fails."""
        self._sample = None
        tasks = (*self._turns, *self._warming)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*[child.kill() for child in self._children])

    def _ended(self, turn: asyncio.Task[T]) -> None:
        self._turns.discard(turn)
        if not turn.cancelled():
            turn.exception()  # its caller may have left: what it raised has been told, or nobody asks

    async def _turn(self, payload: bytes, owner: str, deadline_s: float) -> T:
        try:
            async with asyncio.timeout_at(deadline_s):
                child = await self._free.get()
        except TimeoutError:
            raise ChildFailed("late, waiting") from None
        try:
            if asyncio.get_running_loop().time() >= deadline_s:
                raise ChildFailed("late, waiting")
            async with asyncio.timeout_at(deadline_s):
                return await child.ask(payload, owner)
        except TimeoutError as error:
            await child.kill()
            raise ChildFailed("late") from error
        except BaseException:
            await child.kill()
            raise
        finally:
            self._give_back(child)

    def _give_back(self, child: Child[T]) -> None:
        if child.pid is not None or self._sample is None:
            self._free.put_nowait(child)
            return
        task = asyncio.get_running_loop().create_task(self._warm_again(child, self._sample))
        self._warming.add(task)
        task.add_done_callback(self._warming.discard)

    async def _warm_again(self, child: Child[T], sample: bytes) -> None:
        try:
            await _warmed(child, sample)
        except ChildFailed:
            await child.kill()  # the next body finds out whether it starts by now
        finally:
            self._free.put_nowait(child)


async def _warmed(child: Child[T], payload: bytes) -> None:
    try:
        async with asyncio.timeout(WARM_S):
            await child.ask(payload, "")
    except TimeoutError as error:
        raise ChildFailed("late") from error
