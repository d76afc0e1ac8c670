"""What a request is to the gateway before its body is parsed, and how an answer leaves: free of any framework.

Rules kept by whoever provides `Body` and `Sink` (in the product `douane.http.app`, in tests `douane.testing`):
1. A head is well formed: one known host, one framing, bounded in bytes and fields. It never reaches the gateway else.
2. A body is read whole or not at all; it is bounded in size and time before it is handed over.
3. `write` waits while the client does not read. What is not yet written is never buffered without bound.
4. An answer that was not ended is seen as cut by the client: no clean end follows a `cut`, a failure or a cancellation.
5. When the client leaves, the task that runs the gateway's handler is cancelled, wherever it waits.
6. When the server stops before an answer is whole, that task is cancelled with `STOPPING` for a message: the client is
   still there, and is told.

What a request may ask, and what an answer says, are left to the gateway.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

Headers = Sequence[tuple[bytes, bytes]]


STOPPING: Final = "stopping"
"""The message of a cancellation that comes from the server, not from the client."""


class ClientGone(Exception):
    """The client left before its request or our answer was whole. Nobody is there to be told."""


@dataclass(slots=True)
class Head:
    """A request's line and headers.

    `path` is percent-decoded and without the query; `headers` have names in lower case, in the order they came;
    `peer` is the client's address without its port, empty where the transport has none.
    """

    method: str
    path: str
    query: bytes
    headers: list[tuple[bytes, bytes]]
    peer: str

    def first(self, name: bytes) -> bytes | None:
        """Return the first value of a header, or None. `name` is in lower case."""
        for key, value in self.headers:
            if key == name:
                return value
        return None

    def all(self, name: bytes) -> list[bytes]:
        """Return every value of a header, in the order they came. `name` is in lower case."""
        return [value for key, value in self.headers if key == name]


class Body(Protocol):
    """A request's body, bounded by the edge."""

    async def read(self) -> bytes:
        """Return the whole body; the same bytes a second time.

        Raises TooLarge, RequestTimeout, InvalidRequest where its framing breaks, Overloaded where all bodies together
        reach their bound, and ClientGone where the client left before its end.
        """


class Sink(Protocol):
    """Where an answer goes. Either one `answer`, or `start`, any number of `write`, and `end` or `cut`."""

    @property
    def started(self) -> bool:
        """Tell whether a byte of an answer may have left: from then on no other answer can be given."""

    async def answer(self, status: int, headers: Headers, body: bytes) -> None:
        """Send a whole answer. The content's length is added; everything else of the headers is the caller's."""

    async def start(self, status: int, headers: Headers) -> None:
        """Begin an answer of unknown length. The head leaves with the first `write` or `end`, in one piece."""

    async def write(self, data: bytes) -> None:
        """Send a part; wait while the client does not read. Nothing is sent for b"". Raises ClientGone."""

    async def end(self) -> None:
        """End the body cleanly."""

    def cut(self) -> None:
        """Close the connection without a clean end, so that the client sees a truncated body. Harmless after `end`."""
