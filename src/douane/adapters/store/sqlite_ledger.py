"""The `Ledger` port over SQLite: gathers records in the event loop's thread, hands them to the writer in batches.

Rules kept here (law 4):
1. An awaitable of `intend` ends well only after the writer's acknowledgement: the intent is on the disk.
2. Group commit is adaptive: at once while load is low; while a batch is under way, records gather; under load they
   wait some milliseconds for company (`core.traffic.ledger.pause_s`). One message and one acknowledgement a batch.
3. When the writer dies, the disk fails or a commit takes too long, every waiting intent fails at once and `failure` is
   set until a commit works again. Outcomes and refusals are kept and written then. A batch whose fate is unknown is
   sent again under its number: applied once.
4. An intent that was failed may be on the disk nevertheless. Unless its caller concludes it, it is concluded here.
5. The queue is bounded: beyond `capacity` records nothing but outcomes of recorded intents is taken.

All state belongs to the loop's thread. Which records count, and when, is decided in `book`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Mapping
from typing import Any, Final

from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.waiting import DURABLE, Batch, fail, full, stopped, unfit
from douane.adapters.store.writer_link import WriterLink, frame
from douane.core.receipt import Intent, Outcome, Record, Refusal
from douane.core.traffic.ledger import OpenAttempt, never_sent, pause_s
from douane.errors import StoreFailed
from douane.ports import Clock

_FIRST_DELAY_S: Final = 0.05
_LONGEST_DELAY_S: Final = 5.0


class SqliteLedger:
    """The ledger of one gateway process. Build it with `open`, inside the loop that will use it.

    `recovered` counts the records that settling earlier processes' requests took, `batches` and `written` what was
    committed since.
    """

    def __init__(
        self, directory: DataDirectory, clock: Clock, loop: asyncio.AbstractEventLoop, capacity: int, stall_s: float
    ) -> None:
        self._directory = directory
        self._clock = clock
        self._loop = loop
        self._capacity = capacity
        self._stall_s = stall_s
        self._session = os.urandom(16).hex()
        self._waiting = Batch()
        self._sent: Batch | None = None
        self._framed = b""
        self._number = 0
        self._last = 0
        self._timer: asyncio.Handle | None = None
        self._lazy = False
        self._alarm: asyncio.TimerHandle | None = None
        self._link: WriterLink | None = None
        self._starting: asyncio.Task[None] | None = None
        self._ready = False
        self._delay_s = 0.0
        self._failure: StoreFailed | None = None
        self._given_up: dict[tuple[str, int], Intent] = {}
        self._questions: dict[int, asyncio.Future[dict[str, int]]] = {}
        self._question = 0
        self._closing = False
        self._news = asyncio.Event()
        self.recovered = 0
        self.batches = 0
        self.written = 0

    @classmethod
    async def open(
        cls, directory: DataDirectory, clock: Clock, *, capacity: int = 20_000, stall_s: float = 10.0
    ) -> SqliteLedger:
        """Start the writer, let it settle what earlier processes left open, and return once it takes records.

        Raises StoreFailed where the book cannot be opened.
        """
        ledger = cls(directory, clock, asyncio.get_running_loop(), capacity, stall_s)
        await ledger._start()
        while not ledger._ready:
            if ledger._failure is not None:
                await ledger.aclose()
                raise ledger._failure
            ledger._news.clear()
            await ledger._news.wait()
        return ledger

    # --- the port ----------------------------------------------------------------------------------------------

    def intend(self, intent: Intent, *, patient: bool = False) -> Awaitable[None]:
        future = self._loop.create_future()
        batch = self._waiting
        if self._failure is not None or self._closing or len(batch.records) >= self._capacity:
            return self._turned_away(future)
        batch.records.append(intent)
        batch.kinds.append("intent")
        batch.futures.append(future)
        if not patient:
            batch.urgent += 1
        if self._sent is None and (self._timer is None or (self._lazy and not patient)):
            self._schedule(0, 0)
        return future

    def conclude(self, outcome: Outcome) -> Awaitable[None]:
        if self._given_up:
            self._given_up.pop((outcome.request_id, outcome.attempt), None)
        return self._keep("outcome", outcome)

    def refuse(self, refusal: Refusal) -> Awaitable[None]:
        if len(self._waiting.records) >= self._capacity:
            return self._turned_away(self._loop.create_future())
        return self._keep("refusal", refusal)

    @property
    def failure(self) -> StoreFailed | None:
        return self._failure

    @property
    def writer_pid(self) -> int | None:
        """The writer's process, for whoever measures it."""
        return None if self._link is None else self._link.pid

    async def taking(self) -> None:
        """Wait until there is no failure: a commit has worked again."""
        while self._failure is not None:
            self._news.clear()
            await self._news.wait()

    async def spent_micro(self, key: str, since_us: int) -> Mapping[str, int]:
        """Return what a key has spent since the hour of a time, by currency. Raises StoreFailed."""
        if self._failure is not None or self._closing or self._link is None:
            raise self._failure or stopped()
        self._question += 1
        future: asyncio.Future[dict[str, int]] = self._loop.create_future()
        self._questions[self._question] = future
        self._link.send(frame(["spent", self._question, key, since_us]))
        return await future

    async def aclose(self, *, patience_s: float = 10.0) -> None:
        """Write what is waiting, end the writer and wait until it is gone. The data directory stays claimed."""
        self._closing = True
        deadline_s = self._loop.time() + patience_s
        while (self._waiting.records or self._sent) and self._failure is None and self._loop.time() < deadline_s:
            self._flush()
            self._news.clear()
            try:
                await asyncio.wait_for(self._news.wait(), deadline_s - self._loop.time())
            except TimeoutError:
                break
        self._cancel_timers()
        for batch in (self._sent, self._waiting):
            for future in batch.futures if batch is not None else ():
                fail(future, stopped())
        if self._starting is not None:
            await asyncio.wait((self._starting,))
        if self._link is not None:
            self._link.close()
            await self._loop.run_in_executor(None, self._link.reap, patience_s)

    # --- gathering ---------------------------------------------------------------------------------------------

    def _keep(self, kind: str, record: Record) -> asyncio.Future[None]:
        future = self._loop.create_future()
        self._waiting.add(kind, record, future)
        if self._sent is None and self._timer is None:
            self._schedule(0, 0)
        return future

    def _turned_away(self, future: asyncio.Future[None]) -> asyncio.Future[None]:
        if self._failure is not None:
            fail(future, self._failure)
        else:
            fail(future, stopped() if self._closing else full(self._capacity))
        return future

    def _schedule(self, arrived: int, step: int) -> None:
        """Start a commit, or wait for company. Called with no batch under way."""
        if not self._ready or self._failure is not None:
            return
        if self._timer is not None:
            self._timer.cancel()
        waiting = self._waiting
        pause = pause_s(len(waiting.records), waiting.urgent, self._last, arrived, step)
        self._lazy = not waiting.urgent
        if pause == 0.0:
            self._timer = self._loop.call_soon(self._flush)
        else:
            self._timer = self._loop.call_later(pause, self._look, len(waiting.records), step + 1)

    def _look(self, before: int, step: int) -> None:
        self._timer = None
        self._schedule(len(self._waiting.records) - before, step)

    def _flush(self) -> None:
        """Hand everything that waits to the writer, as one batch."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sent is not None or not self._ready:
            return
        self._number += 1
        try:
            self._framed = self._waiting.framed(self._number)
        except TypeError:
            self._drop_unfit()
            self._framed = self._waiting.framed(self._number)
        self._sent, self._waiting = self._waiting, Batch()
        self._last = len(self._sent.records)
        self._transmit()

    def _transmit(self) -> None:
        if self._link is not None:
            self._link.send(self._framed)
        self._alarm = self._loop.call_later(self._stall_s, self._on_stall)

    def _drop_unfit(self) -> None:
        """Take out the records that have no JSON form: a fault of the caller, which must not stop the others."""
        entries, self._waiting = self._waiting.entries(), Batch()
        for kind, record, future in entries:
            try:
                frame([tuple(record)])
            except TypeError:
                fail(future, unfit())
            else:
                self._waiting.add(kind, record, future)

    # --- the writer's messages ---------------------------------------------------------------------------------

    def on_message(self, link: WriterLink, message: list[Any]) -> None:
        """Take a message of the writer."""
        if link is not self._link:
            return
        kind = message[0]
        if kind == "done":
            self._on_done(message[1], message[2])
        elif kind == "failed":
            self._on_failed(message[1], StoreFailed(message[2], message[3], rule=message[4]))
        elif kind == "ready":
            self._on_ready(message[1])
        else:
            self._on_spent(message)

    def on_lost(self, link: WriterLink) -> None:
        """The writer is gone: fail what waits, start another one."""
        if link is not self._link:
            return
        self._ready = False
        self._news.set()
        if self._closing:
            self._failure = self._failure or stopped()
            return
        self._give_up(
            StoreFailed(
                "The ledger's writer ended unexpectedly.",
                "It is started again by itself; try again in a moment. Where it stays so, look at the system's log.",
                rule=DURABLE,
                retry_after_s=1.0,
            )
        )
        self._timer = self._loop.call_later(self._next_delay_s(), self._restart)

    def _on_done(self, number: int, left_out: list[int]) -> None:
        if self._sent is None or number != self._number:
            return
        futures = self._sent.futures
        self._sent, self._framed = None, b""
        self._cancel_timers()
        for position in left_out:
            fail(futures[position], unfit())
        for future in futures:
            if not future.done():
                future.set_result(None)
        self.batches += 1
        self.written += len(futures) - len(left_out)
        self._news.set()
        if self._failure is not None:
            self._recover()
        if self._waiting.records:
            self._schedule(0, 0)

    def _on_ready(self, recovered: int) -> None:
        self._ready = True
        self.recovered += recovered
        self._news.set()
        if self._sent is not None:
            self._transmit()
        elif self._failure is not None:
            self._flush()

    def _on_failed(self, number: int, failure: StoreFailed) -> None:
        """The disk refuses, the writer lives: nothing of the batch was applied. Try again, later and later."""
        self._give_up(failure)
        if number == 0:
            return  # the book did not open: the writer ends now, and is started again
        if self._sent is not None:
            waiting, self._waiting = self._waiting, Batch()
            for kind, record, future in (*self._sent.entries(), *waiting.entries()):
                if kind != "intent":
                    self._waiting.add(kind, record, future)
            self._sent, self._framed = None, b""
        self._timer = self._loop.call_later(self._next_delay_s(), self._flush)

    def _on_spent(self, message: list[Any]) -> None:
        question = self._questions.pop(message[1], None)
        if question is None or question.done():
            return
        if message[0] == "spent":
            question.set_result(message[2])
        else:
            question.set_exception(
                StoreFailed("The ledger could not be read.", "Check the disk of the data folder.", rule=DURABLE)
            )

    def _on_stall(self) -> None:
        self._give_up(
            StoreFailed(
                f"A commit of the ledger takes longer than {self._stall_s:g} seconds.",
                "Check the disk of the data folder. Requests are taken again once the commit ends.",
                rule=DURABLE,
                retry_after_s=self._stall_s,
            )
        )

    # --- failing and coming back -------------------------------------------------------------------------------

    def _give_up(self, failure: StoreFailed) -> None:
        """Fail every waiting intent. Those already handed over may yet be recorded: remember to conclude them."""
        self._failure = failure
        self._news.set()
        self._cancel_timers()
        handed_over = self._sent.entries() if self._sent is not None else []
        waiting, self._waiting = self._waiting.entries(), Batch()
        for _, record, future in handed_over:
            if isinstance(record, Intent):
                self._given_up[record.request_id, record.attempt] = record
                fail(future, failure)
        for kind, record, future in waiting:
            if isinstance(record, Intent):
                fail(future, failure)
            else:
                self._waiting.add(kind, record, future)
        for _, record, _ in (*handed_over, *waiting):
            if isinstance(record, Outcome):
                self._given_up.pop((record.request_id, record.attempt), None)
        for question in self._questions.values():
            if not question.done():
                question.set_exception(failure)
        self._questions.clear()

    def _recover(self) -> None:
        """A commit worked: take intents again, conclude those that were failed and that nobody concluded."""
        self._failure = None
        self._delay_s = 0.0
        given_up, self._given_up = self._given_up, {}
        now_us = self._clock.now_us()
        for i in given_up.values():
            attempt = OpenAttempt(
                i.request_id, i.attempt, i.at_us, i.key, i.owner, i.route, i.deployment, i.zone, i.premises,
                i.reserved_input_tokens, i.reserved_output_tokens, i.reserved_micro, i.currency,
            )  # fmt: skip
            self._keep("outcome", never_sent(attempt, now_us))

    def _next_delay_s(self) -> float:
        delay_s = self._delay_s
        self._delay_s = min(_LONGEST_DELAY_S, max(_FIRST_DELAY_S, delay_s * 2))
        return delay_s

    def _cancel_timers(self) -> None:
        for timer in (self._timer, self._alarm):
            if timer is not None:
                timer.cancel()
        self._timer = self._alarm = None

    def _restart(self) -> None:
        self._timer = None
        if not self._closing:
            self._starting = self._loop.create_task(self._start())

    async def _start(self) -> None:
        if self._link is not None:
            await self._loop.run_in_executor(None, self._link.reap, 0.0)
        try:
            self._link = WriterLink.spawn(self, self._directory, self._session, self._clock.now_us())
        except OSError as cause:
            self._give_up(
                StoreFailed(
                    f"The ledger's writer could not be started: {cause.strerror}.",
                    "Raise the limits of processes, memory or open files.",
                    rule=DURABLE,
                )
            )
            self._timer = self._loop.call_later(max(self._next_delay_s(), _FIRST_DELAY_S), self._restart)
        else:
            await self._link.connect(self._loop)
