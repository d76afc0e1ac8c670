"""The one reader of server-sent events (WHATWG HTML, 9.2.6): bytes in, events out, cut wherever the network cuts.

Rules enforced:
1. The same bytes give the same events, however they are cut: within a line end, a byte order mark, a character.
2. Comments, `id`, `retry` and unknown fields carry nothing for us and are dropped; so is an event without data, unless
   it has a name. What follows `[DONE]` is read like the rest: what it means is for the dialect to decide.
3. An event that was not closed by an empty line is never given out as one: `finish` returns it as the rest.
4. A line or an event larger than the bound ends the stream with a fault, before more than the bound is held.

Data stays bytes: nothing is decoded, so nothing can be decoded wrongly here.
"""

from __future__ import annotations

from typing import NamedTuple

from douane.errors import UpstreamFailed

MAX_EVENT_BYTES = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Event(NamedTuple):
    """An event: its data, lines joined by a line feed, and its name where it has one.

    A tuple, not a dataclass: one is made per token and stream, at a third of the cost.
    """

    data: bytes
    event: str | None


class SseReader:
    """Reads one stream. After a fault it only raises."""

    __slots__ = ("_begun", "_data", "_fault", "_held", "_max", "_name", "_pending_bytes", "_skip_feed")

    def __init__(self, max_event_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_event_bytes
        self._begun = False  # past the place where a byte order mark may stand
        self._skip_feed = False  # the last byte was a carriage return: a line feed now belongs to it
        self._held = bytearray()  # an unfinished line
        self._data: list[bytes] = []  # lines of the unfinished event
        self._name: str | None = None
        self._pending_bytes = 0
        self._fault: UpstreamFailed | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Return the events that are complete with these bytes. Raises UpstreamFailed past the bound.

        Events that came before the one past the bound are returned; the next call raises then.
        """
        if self._fault is not None:
            raise self._fault
        if not self._begun or self._skip_feed or b"\r" in data:
            data = self._plain(data)
        if self._held and data:
            if b"\n" not in data:
                self._hold(data)
                return []
            data = bytes(self._held) + data
            self._held.clear()
        events: list[Event] = []
        pieces = data.split(b"\n\n")
        tail = pieces.pop()
        fresh = not self._data and self._name is None
        limit = self._max
        try:
            for piece in pieces:
                if fresh and piece[:6] == b"data: " and piece.find(b"\n") < 0 and 6 < len(piece) <= limit:
                    events.append(Event(piece[6:], None))
                    continue
                self._lines(piece, events)
                self._dispatch(events)
                fresh = True
            if tail:
                lines, end, held = tail.rpartition(b"\n")
                if end:
                    self._lines(lines, events)
                self._hold(held)
        except UpstreamFailed:
            if not events:
                raise
        return events

    def finish(self) -> Event | None:
        """End the stream: return the event that lacks its end, or None where the stream ended between two events.

        Such a rest means that the stream was truncated. Raises UpstreamFailed where `feed` would.
        """
        if self._fault is not None:
            raise self._fault
        held, self._held = bytes(self._held), bytearray()
        self._field(held)
        within = bool(self._data) or self._name is not None or held[:1] not in (b"", b":")
        rest = Event(b"\n".join(self._data), self._name)
        self._data, self._name = [], None
        return rest if within else None

    # --- within

    def _plain(self, data: bytes) -> bytes:
        """Return the bytes with line feeds as the only line ends, and without the byte order mark."""
        if not self._begun:
            data = bytes(self._held) + data
            self._held.clear()
            if len(data) < len(_BOM) and _BOM.startswith(data):
                self._held += data
                return b""
            self._begun = True
            data = data.removeprefix(_BOM)
        if self._skip_feed and data:
            self._skip_feed = False
            data = data.removeprefix(b"\n")
        if b"\r" in data:
            self._skip_feed = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return data

    def _hold(self, part: bytes) -> None:
        self._held += part
        if self._pending_bytes + len(self._held) > self._max:
            raise self._too_large()

    def _lines(self, lines: bytes, events: list[Event]) -> None:
        for line in lines.split(b"\n"):
            if self._pending_bytes + len(line) > self._max:
                raise self._too_large()
            if line:
                self._field(line)
            else:
                self._dispatch(events)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        if name == b"data":
            self._data.append(value[1:] if value[:1] == b" " else value)
            self._pending_bytes += len(line)
        elif name == b"event":
            value = value[1:] if value[:1] == b" " else value
            self._name = value.decode("utf-8", "replace") or None
            self._pending_bytes += len(line)

    def _dispatch(self, events: list[Event]) -> None:
        lines, name = self._data, self._name
        if lines:
            data = lines[0] if len(lines) == 1 else b"\n".join(lines)
            if data or name is not None:
                events.append(Event(data, name))
            self._data = []
        self._name = None
        self._pending_bytes = 0

    def _too_large(self) -> UpstreamFailed:
        self._held, self._data = bytearray(), []
        self._fault = UpstreamFailed(
            f"The stream holds an event of more than {self._max} bytes.",
            "Ask for a shorter answer, or look at what the upstream streams.",
            stage="body",
            rule="A streamed event has a bound.",
        )
        return self._fault
