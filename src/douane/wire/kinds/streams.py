"""Relays one upstream's event stream: each event is parsed, checked and written anew (law 6).

Rules enforced:
1. One JSON object an event, `data:` lines only. Keep-alives, pings, empty data and chunks without choices are dropped.
2. `[DONE]` is written once, after the finish reason of every choice; a stream that ends before has a fault, and closes
   with an error event. What comes after the upstream's `[DONE]` does not count.
3. `model` is the route's name; only fields of the protocol pass at the top and in a choice (law 11).
4. Usage goes to the client only if it asked: then once, without choices, before `[DONE]`; unknown usage is left out.
5. How the bytes were cut on their way changes nothing.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from douane.core.models.catalogue import Deployment
from douane.errors import DouaneError
from douane.wire.call import Ask, Fault, Usage
from douane.wire.error_body import stream_error_event
from douane.wire.kinds.answers import CHOICE_FIELDS, OPTIONAL_FIELDS, Misfit, finish_reason, usage_of
from douane.wire.kinds.faults import broken, read_inband_fault
from douane.wire.kinds.usage import write_usage
from douane.wire.sse import Event, SseReader

DONE: Final = b"data: [DONE]\n\n"
_MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
_MAX_HEAD_BYTES: Final = 64 * 1024


def write_event(value: dict[str, Any]) -> bytes:
    """Return one event that holds a JSON object."""
    return b"data: %b\n\n" % orjson.dumps(value)


class EventRelay:
    """The relay of one stream."""

    __slots__ = (
        "_ask",
        "_counts_choices",
        "_created",
        "_expected",
        "_finished",
        "_head",
        "_id",
        "_include_usage",
        "_model",
        "_object",
        "_piece_type",
        "_raw_usage",
        "_sse",
        "_text_key",
        "ended",
        "fault",
        "output_pieces",
        "started",
        "usage",
    )

    def __init__(self, ask: Ask, deployment: Deployment) -> None:
        self._ask = ask
        self._counts_choices = deployment.capabilities.counts_choices
        self._expected = ask.choices * ask.input_count
        self._finished: set[int] = set()
        self._head: bytes | None = b""
        self._id, self._created = "", 0
        self._include_usage = ask.include_usage
        self._model = ask.model
        self._object = "chat.completion.chunk" if ask.endpoint == "chat" else "text_completion"
        self._raw_usage: Any = None
        self._sse = SseReader(max_event_bytes=_MAX_EVENT_BYTES)
        self._text_key = "delta" if ask.endpoint == "chat" else "text"
        self._piece_type: type = dict if ask.endpoint == "chat" else str
        self.ended = False
        self.fault: Fault | None = None
        self.output_pieces = 0
        self.started = False
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Tell whether every choice has its finish reason, and nothing went wrong."""
        return len(self._finished) == self._expected and self.fault is None

    def feed(self, data: bytes) -> bytes:
        """Take what arrived; return the events that are whole by now, in our serialisation."""
        if self.ended:
            return b""
        if self._head is not None:
            self._head += data[: _MAX_HEAD_BYTES - len(self._head)]
        try:
            events = self._sse.feed(data)
        except DouaneError:
            self._fail(broken("The upstream sent an event above the bound."))
            return b""
        out: list[bytes] = []
        for event in events:
            if not self._take(event, out):
                break
        return b"".join(out)

    def finish(self) -> bytes:
        """Take the upstream's clean end; return what closes the client's stream."""
        # An event whose last line lacks its end is whole if its JSON is: an object tells its own end.
        out = [self.feed(b"\n\n")]
        if not self.ended:
            self._close(out)
        if self.fault is not None:
            out.append(stream_error_event(self.fault))
        return b"".join(out)

    def _take(self, event: Event, out: list[bytes]) -> bool:
        """Take one event; tell whether a further one counts."""
        data, name = event
        if data.strip() == b"[DONE]":
            self._close(out)
        elif name != "ping" and (data or name == "error"):
            self._head = None
            try:
                self._read(orjson.loads(data), name == "error", out)
            except orjson.JSONDecodeError:
                self._fail(broken("The upstream sent an event that is not JSON."))
            except orjson.JSONEncodeError:
                self._fail(broken("The upstream sent an event that nests too deep."))
            except Misfit as misfit:
                self._fail(broken(str(misfit)))
        return not self.ended

    def _read(self, chunk: Any, is_error: bool, out: list[bytes]) -> None:
        if type(chunk) is not dict:
            raise Misfit("The upstream sent an event that is not a JSON object.")
        if is_error or chunk.get("error"):
            self._fail(read_inband_fault(chunk))
        else:
            self._write(chunk, out)

    def _write(self, chunk: dict[str, Any], out: list[bytes]) -> None:
        usage = chunk.get("usage")
        if usage is None and "x_groq" in chunk:
            usage = chunk["x_groq"].get("usage") if type(chunk["x_groq"]) is dict else None
        if usage is not None:
            self._meter(usage)
        choices = chunk.get("choices")
        if type(choices) is not list:
            if chunk.get("object") == "error":
                self._fail(read_inband_fault(chunk))
            return
        if not choices:
            return
        identity, created = chunk.get("id"), chunk.get("created")
        if type(identity) is str:
            self._id = identity
        if type(created) is int:
            self._created = created
        event: dict[str, Any] = {
            "id": self._id,
            "object": self._object,
            "created": self._created,
            "model": self._model,
            "choices": [self._choice(choice) for choice in choices],
        }
        for name in OPTIONAL_FIELDS:
            if type(chunk.get(name)) is str:
                event[name] = chunk[name]
        if self._include_usage:
            event["usage"] = None
        out.append(write_event(event))

    def _choice(self, choice: Any) -> dict[str, Any]:
        if type(choice) is not dict:
            raise Misfit("The upstream sent a choice that is not an object.")
        index = choice.get("index", 0 if self._expected == 1 else None)
        if type(index) is not int or not 0 <= index < self._expected:
            raise Misfit("The upstream sent a choice that was not asked for.")
        piece: Any = choice.get(self._text_key)
        is_whole = type(piece) is self._piece_type and "index" in choice and CHOICE_FIELDS.issuperset(choice)
        if type(piece) is not self._piece_type:
            piece = self._no_piece(piece)
        if piece and (type(piece) is str or piece.get("content") or _holds_more_than_a_role(piece)):
            self.output_pieces += 1
            self.started = True
        if choice.get("finish_reason") and finish_reason(choice) is not None:
            self._finished.add(index)
            self.started = True
        if is_whole:
            return choice
        known = {name: item for name, item in choice.items() if name in CHOICE_FIELDS}
        return {"index": index, **known, self._text_key: piece}

    def _no_piece(self, piece: Any) -> Any:
        if piece is not None:
            raise Misfit(f"The upstream sent a choice whose `{self._text_key}` is of another type.")
        return self._piece_type()

    def _meter(self, raw: Any) -> None:
        usage = usage_of(raw, self._ask, counts_choices=self._counts_choices)
        if usage is not None:
            self.usage, self._raw_usage = usage, raw

    def _close(self, out: list[bytes]) -> None:
        if not self.complete:
            self._fail(self._why_incomplete())
            return
        self.ended = True
        if self._include_usage and self.usage is not None:
            out.append(write_event(self._usage_event(self.usage)))
        out.append(DONE)

    def _usage_event(self, usage: Usage) -> dict[str, Any]:
        return {
            "id": self._id,
            "object": self._object,
            "created": self._created,
            "model": self._model,
            "choices": [],
            "usage": write_usage(usage, self._raw_usage, self._ask.endpoint),
        }

    def _why_incomplete(self) -> Fault:
        """Return the fault of a stream that ended early; a body that never was a stream may say why itself."""
        head = (self._head or b"").lstrip()
        if head.startswith(b"{"):
            try:
                value = orjson.loads(head)
            except orjson.JSONDecodeError:
                value = None
            if type(value) is dict and (value.get("error") or value.get("object") == "error"):
                return read_inband_fault(value)
            return broken("The upstream answered in one piece where a stream was asked for.")
        if head.startswith(b"<"):
            return broken("The upstream answered with something that is not a stream of events.")
        return broken("The upstream ended its answer before it was complete.")

    def _fail(self, fault: Fault) -> None:
        self.fault = self.fault or fault
        self.ended = True


def _holds_more_than_a_role(delta: dict[str, Any]) -> bool:
    """Tell whether a delta adds to the answer."""
    return any(item for name, item in delta.items() if name != "role")
