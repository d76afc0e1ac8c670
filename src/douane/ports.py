"""What the shell provides to the house, narrow and in the caller's words.

Each port has a real adapter in `douane.adapters`, a shipped fake in `douane.testing`, and one contract suite for both.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

from douane.core.finding import Failure, Finding, Inspection
from douane.core.pseudonym import Pseudonyms
from douane.core.receipt import Intent, Outcome, Record, Refusal
from douane.core.traffic.clearance import Cleared, Revocations
from douane.core.traffic.conversation import Mark, NameKind, Recalled
from douane.core.traffic.keys import KeyEntry
from douane.core.traffic.ledger import ChainHead, HourKey, HourSums, RefusalKey, RollUps, SlotKey, SlotSums
from douane.core.traffic.snapshot import Key, Snapshot
from douane.errors import BudgetExhausted, RateLimited, StoreFailed
from douane.wire.call import Call


class Clock(Protocol):
    """The only source of time."""

    def now_us(self) -> int:
        """Return Unix time in microseconds: for records and expiry."""

    def monotonic_s(self) -> float:
        """Return seconds from an arbitrary start that never go back: for deadlines and windows."""


class Ids(Protocol):
    """The only source of identifiers and chance."""

    def request_id(self) -> str:
        """Return a new identifier, unique and sortable by time of making."""

    def chance(self) -> float:
        """Return a number in [0, 1), for weights and back-off."""


class Answer(Protocol):
    """An upstream's answer, from its status line on. Whoever holds it ends it: read to the end, or `abort`."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case; a repeated name's values joined by ", "."""
    peer: str
    """Who answered: address and port, and with TLS the SHA-256 of the certificate's public key."""

    async def chunk(self) -> bytes:
        """Return what has arrived of the body, at least one byte, all that lies in the buffer; b"" at its clean end.

        Raises UpstreamFailed where the connection breaks or a bound is passed, UpstreamTimeout at a deadline.
        """

    async def body(self, limit: int) -> bytes:
        """Return the whole body; UpstreamFailed where it is longer than `limit` bytes."""

    def abort(self) -> None:
        """Close the connection at once. Harmless after the end, and after `let_go`."""

    def let_go(self) -> None:
        """Want nothing more of a body whose last event was read: its connection serves again if it ends in a moment."""


class Upstream(Protocol):
    """The only way to the outside. It takes nothing that is not cleared."""

    async def send(self, cleared: Cleared, call: Call, *, total_s: float, confirm: Callable[[], None]) -> Answer:
        """Send the payload to the cleared deployment and return its answer once the head is there.

        `confirm` is called right before the payload's first byte is written, after the last wait, each time that it is
        written; what it raises ends the exchange with nothing sent.

        Checks the payload's digest against the permit, and each resolved address against the permit's zone.
        `total_s` bounds the whole exchange; the deployment's own deadlines bound its parts.
        Raises ClearanceBroken, AddressNotAllowed, UpstreamFailed, UpstreamTimeout. Cancelling closes the connection.
        """

    async def aclose(self) -> None:
        """Close every pooled connection."""


class Ledger(Protocol):
    """The write-ahead ledger. One per gateway process; one chain per ledger."""

    def intend(self, intent: Intent, *, patient: bool = False) -> Awaitable[None]:
        """Record an intent; the awaitable ends once it is durable, and raises StoreFailed where it can't be.

        `patient`: some milliseconds more do not matter, since nothing will be awaited before; it may keep company.
        """

    def conclude(self, outcome: Outcome) -> Awaitable[None]:
        """Record an outcome; recorded even if nobody awaits."""

    def refuse(self, refusal: Refusal) -> Awaitable[None]:
        """Record a refusal; recorded even if nobody awaits."""

    @property
    def failure(self) -> StoreFailed | None:
        """Why the ledger takes nothing at present, or None."""

    async def spent_micro(self, key: str, since_us: int) -> Mapping[str, int]:
        """Return what a key has spent since a time, by currency, settled requests only."""

    async def aclose(self) -> None:
        """Write what is waiting, then stop."""


class Keys(Protocol):
    """The virtual keys of configuration and store together, in memory."""

    def find(self, digest: str) -> Key | None:
        """Return the key whose secret has this SHA-256, expired and revoked ones included."""

    def revocations(self) -> Revocations:
        """Return what is withdrawn now."""


class KeyStore(Protocol):
    """The keys and blocks that are made and withdrawn at run time. A running gateway learns of a change in a second."""

    def add(self, entry: KeyEntry) -> None:
        """Keep a new key. Raises InvalidRequest where its name was ever used, StoreFailed."""

    def entries(self) -> tuple[KeyEntry, ...]:
        """Return every key, revoked ones included, by name."""

    def revoke(self, name: str, at_us: int) -> bool:
        """Withdraw a key for good; False where no such key is in force."""

    def block(self, deployment: str, at_us: int, why: str) -> None:
        """Let a deployment receive nothing more, over restarts and reloads, until `unblock`."""

    def unblock(self, deployment: str) -> bool:
        """Take a block back; False where there was none."""

    def blocked(self) -> Mapping[str, str]:
        """Return why each blocked deployment is, by name."""


class LedgerReader(Protocol):
    """Reads what a ledger has recorded. Times are Unix microseconds, `until_us` not included."""

    def usage(self, since_us: int, until_us: int) -> Iterator[tuple[HourKey, HourSums]]:
        """Yield the hourly roll-ups whose hour begins in a time."""

    def refusals(self, since_us: int, until_us: int) -> Iterator[tuple[RefusalKey, int]]:
        """Yield the hourly counts of refused requests."""

    def histogram(self, since_us: int, until_us: int) -> Iterator[tuple[SlotKey, SlotSums]]:
        """Yield the ten-minute cells of tokens in by tokens out."""

    def attempts(self, since_us: int, until_us: int) -> Iterator[Mapping[str, Any]]:
        """Yield the attempts intended in a time, oldest first, in bounded memory."""

    def audit(self) -> AbstractContextManager[Audit]:
        """Open one consistent view of everything, for verification."""


class Audit(Protocol):
    """One consistent view of a ledger."""

    def heads(self) -> tuple[ChainHead, ...]:
        """Return where each chain is said to end."""

    def receipts(self, chain: str) -> Iterator[tuple[int, str, bytes]]:
        """Yield number, stored hash and body of a chain's records, in order."""

    def roll_ups(self) -> RollUps:
        """Return every roll-up as stored."""

    def rows(self) -> RowAudit:
        """Return what compares the stored rows with the records of the chains."""


class RowAudit(Protocol):
    """Compares every stored row with the chained records that made it. It is given all of them, in their order."""

    def take(self, seq: int, record: Record) -> None:
        """Take the next record."""

    def astray(self) -> tuple[int, str]:
        """Return how many rows are not what their records say, and what is wrong with the first. Call it once."""


class Snapshots(Protocol):
    """The current compiled configuration."""

    def current(self) -> Snapshot:
        """Return it. A reload swaps it between two calls."""


class Reservation(Protocol):
    """What a request holds of its key's limits until it is settled."""

    def settle(self, tokens: int, cost_micro: int) -> None:
        """Replace what was held by what was used. Harmless a second time."""

    def release(self) -> None:
        """Give back everything: the request cost nothing. Harmless after `settle`."""


class LimitBook(Protocol):
    """Requests and tokens per minute, concurrency and money per key: reserve, then settle (law 7)."""

    def reserve(self, key: Key, tokens: int, cost_micro: int) -> Reservation | RateLimited | BudgetExhausted:
        """Hold a request, `tokens` and `cost_micro` (in the budget's currency), or say what is exhausted.

        An error is returned, not raised; nothing is held then.
        """

    def remaining(self, key: Key) -> Mapping[str, tuple[int, int, float]]:
        """Return for `requests` and `tokens`, where limited: the limit, what remains, and seconds until it is full."""


class Inspector(Protocol):
    """Reads a request's content."""

    async def inspect(self, value: Mapping[str, Any], size_bytes: int, owner: str = "") -> Inspection | Failure:
        """Inspect every leaf of a parsed body. Never raises for content; a late or broken layer is a Failure.

        What one owner alone has configured is looked for in that owner's requests alone (law 11); "" is nobody.
        """

    async def understand(self, value: Mapping[str, Any], inspection: Inspection, owner: str) -> Inspection:
        """Read a body for its meaning, which `inspect` did not: only what could leave the premises is worth it.

        Returns the inspection with what was found, and with the layers that ran or failed. What is kept of it serves
        the owner's requests alone (law 11).
        """

    async def find_names(self, value: Mapping[str, Any], owner: str) -> Sequence[Finding] | Failure:
        """Find the names of persons in a body's running text, for masking alone: they raise no label.

        All of it is read, or the answer is a Failure. What is kept of it serves the owner's requests alone (law 11).
        """


class Vault(Protocol):
    """Which value stands behind which pseudonym, by owner and conversation (law 11), for so long as policy says."""

    async def recall(self, owner: str, conversation: str | None) -> Pseudonyms:
        """Return a conversation's pseudonyms; without a conversation, new ones that nothing else shares.

        Raises StoreFailed.
        """

    async def keep(self, owner: str, conversation: str, pseudonyms: Pseudonyms, subject: str | None) -> None:
        """Keep the fresh ones, durably; `subject` is the end user that the conversation is with. Raises StoreFailed."""

    async def erase(self, owner: str | None, subject: str | None) -> int:
        """Erase, durably, an owner's values or everybody's; of a subject alone where one is named.

        A subject is an end user, or a value itself. Returns how many values went. Raises StoreFailed.
        """


class Conversations(Protocol):
    """What is remembered of conversations. Each is known by names, which mean something to one owner alone (law 11)."""

    def name(self, owner: str, kind: NameKind, word: str) -> bytes:
        """Return a name: a keyed digest, its kind before it. The word itself is kept nowhere."""

    def kinds(self, owner: str) -> Collection[NameKind]:
        """Return which kinds of names are known of an owner's conversations: no others need be looked for."""

    def recall(self, owner: str, names: Iterable[bytes]) -> Recalled | None:
        """Return what is remembered of the conversations that have these names; None where none is known."""

    def record(
        self, owner: str, names: Sequence[bytes], mark: Mark, served: Sequence[bytes] = ()
    ) -> Awaitable[None] | None:
        """Let all these names be of one conversation, whose mark becomes at least `mark`.

        `served` are the names of an answer: one that was served in several conversations tells none of them.
        Returns None where all of it is durable already, else what ends once it is and raises StoreFailed where it
        can't be; it is remembered by this process from now on, and made durable even if nobody awaits.
        """

    async def forget(self, owner: str) -> int:
        """Forget an owner's conversations, durably; return how many there were. Raises StoreFailed."""


Understand = Callable[[Any, Inspection, str], Inspection]
"""Reads a JSON value or a bare text for its meaning at once, in the caller's thread, by whose request it is: returns
the inspection with what that adds. For whoever classifies without sending anything."""


FindNames = Callable[[Any, str], Sequence[Finding]]
"""Finds names in a JSON value at once, in the caller's thread, by whose request it is; see `Inspector.find_names`."""


class Embedder(Protocol):
    """Turns a text into a vector whose direction tells what the text is about."""

    def embed(self, text: str) -> Sequence[float]:
        """Return the vector of a text of a window's size: of length one, the same for the same text."""


class NameFinder(Protocol):
    """Finds the names of persons in running text."""

    def find(self, text: str) -> Iterable[tuple[int, int]]:
        """Return where names may stand in a text of a paragraph's size, the same for the same text, in any order."""


class Engine(Protocol):
    """A model server that runs beside the gateway, as a supervised child."""

    async def start(self) -> str:
        """Check the weights, start, wait until ready; return the base URL. Raises EngineFailed."""

    @property
    def ready(self) -> bool:
        """Tell whether it answers now."""

    async def stop(self) -> None:
        """End it, and wait until it is gone."""


class Telemetry(Protocol):
    """Counts and lines; never content (law 9)."""

    def settled(self, outcome: Outcome, endpoint: str) -> None:
        """Count an attempt that ended."""

    def refused(self, refusal: Refusal) -> None:
        """Count a request that caused no attempt."""

    def unrecorded(self, refusal: Refusal) -> None:
        """Count one that left no receipt, since too many of its key's did so within a minute."""

    def classified(self, level: int, inspection: Inspection | Failure, seconds: float) -> None:
        """Count an inspection."""
