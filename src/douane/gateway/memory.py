"""Which conversation is a request part of, and what was it before? Its label only rises (law 3), within one owner
(law 11).

Rules enforced:
1. A conversation is known by the id that the caller gives it, by the response that the request goes on from, and by
   the answers of ours that come back in it as answers; never by what a caller wrote, which many may share.
2. What is above the key's floor is remembered, and whatever the caller gives an id or goes on from what is: each turn
   when it is classified, whatever becomes of it; each answer when it is served, those that were cut off too.
3. What is above public is durable before the turn goes on, and before the end of its answer is told.

How an answer is known by its text is `core.traffic.conversation`'s matter; bounds and age, the adapter's.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from typing import Final

from douane.core.label import PUBLIC, Label
from douane.core.traffic.conversation import Gathered, Mark, NameKind, beginnings, spoken
from douane.core.zone import Zone
from douane.gateway.exchange import Exchange
from douane.ports import Conversations
from douane.wire.turns import (
    MOST_CHOICES,
    answers_sent_back,
    earlier_response,
    response_of_answer,
    texts_of_answer,
    texts_of_events,
)

_MOST_RECORDED: Final = 32
"""So many of a request's answers are newly remembered: the last ones, which the next turn sends back."""
_BY_TEXT: Final = (NameKind.ANSWER, NameKind.BEGINNING)


class Memory:
    """Recalls and keeps the marks of conversations."""

    def __init__(self, conversations: Conversations) -> None:
        self._conversations = conversations

    def recall(self, exchange: Exchange) -> Mark | None:
        """Return what is remembered of the request's conversation, and note it in the exchange."""
        given, value = exchange.declaration.conversation, exchange.ask.value
        owner, book = exchange.key.owner, self._conversations
        response, kinds = earlier_response(value), book.kinds(owner)
        if not kinds and given is None and response is None:
            exchange.names, exchange.earlier = (), None
            return None
        answers = answers_sent_back(value)
        if not answers and given is None and response is None:
            return None
        names = []
        if given is not None:
            names.append(book.name(owner, NameKind.CALLER, given))
        if response is not None:
            names.append(book.name(owner, NameKind.RESPONSE, response))
        texts = [name for kind in _BY_TEXT if kind in kinds for name in self._named(owner, kind, answers)]
        recalled = book.recall(owner, (*names, *texts)) if kinds else None
        exchange.names = names if recalled is None else (*names, *recalled.names)
        exchange.earlier = recalled.mark if recalled is not None else None
        return exchange.earlier

    def keep(self, exchange: Exchange) -> Awaitable[None] | None:
        """Record the turn under all its names; return what must end before it goes on, or None."""
        label, key = exchange.label, exchange.key
        if not exchange.names and exchange.earlier is None and (label is PUBLIC or label <= key.floor):
            return None
        exchange.remembered = True
        answers = answers_sent_back(exchange.ask.value)[-_MOST_RECORDED:]
        names = (*exchange.names, *self._named(key.owner, NameKind.ANSWER, answers))
        if not names:
            return None
        exchange.names = names
        return self._record(exchange, names)

    def listener(self, exchange: Exchange) -> Listener | None:
        """Return what must hear the answer, or None where nothing of it is remembered."""
        if not exchange.remembered or exchange.endpoint == "embeddings":
            return None
        return Listener(self, exchange)

    def served(self, exchange: Exchange, kind: NameKind, words: Sequence[str]) -> Awaitable[None] | None:
        """Record what was served; return what must end before the end of it is told, or None."""
        owner = exchange.key.owner
        names = [self._conversations.name(owner, kind, word) for word in words]
        return self._record(exchange, exchange.names[:1], names) if names else None

    def _record(
        self, exchange: Exchange, names: Sequence[bytes], served: Sequence[bytes] = ()
    ) -> Awaitable[None] | None:
        mark = _mark_of(exchange)
        pending = self._conversations.record(exchange.key.owner, names, mark, served)
        is_worth_waiting = exchange.label != PUBLIC or not exchange.snapshot.policy.layers <= mark.layers
        return pending if is_worth_waiting else None

    def _named(self, owner: str, kind: NameKind, answers: Sequence[str]) -> Iterator[bytes]:
        for text in answers:
            said = spoken(text)
            if said:
                for word in (said,) if kind is NameKind.ANSWER else beginnings(said):
                    yield self._conversations.name(owner, kind, word)


def masked_before(exchange: Exchange, zone: Zone) -> Label:
    """Return the label of what a zone that masks could get of the conversation: a masked form is at least that.

    Where earlier turns were masked by types that this zone may not mask, it is the label that they had unmasked.
    """
    earlier, policy = exchange.earlier, exchange.snapshot.policy
    if earlier is None:
        return PUBLIC
    label, layers = earlier.masked, earlier.masked_layers
    if not zone.may_mask(earlier.masked_types):
        label, layers = earlier.label, earlier.layers
    return label if policy.layers <= layers else label | policy.unknown


def _mark_of(exchange: Exchange) -> Mark:
    """Return the mark of a turn. Of several masked forms the lowest counts: it holds for who may mask as much."""
    layers, forms = frozenset(exchange.layers), [payload.form for payload in exchange.masked.values()]
    if not forms:
        return Mark(exchange.label, layers, exchange.own_label, layers)
    lowest = min(forms, key=lambda form: (form.label.level, len(form.label.compartments), len(form.types)))
    return Mark(exchange.label, layers, lowest.label, frozenset(lowest.layers), lowest.types)


class Listener:
    """Hears one answer on its way to the client, so that it is known when it comes back."""

    __slots__ = ("_choices", "_exchange", "_is_done", "_memory")

    def __init__(self, memory: Memory, exchange: Exchange) -> None:
        self._memory = memory
        self._exchange = exchange
        self._choices: dict[int, Gathered] = {}
        self._is_done = False

    async def whole(self, payload: bytes) -> None:
        """Remember an answer in one piece, before it is told. Raises StoreFailed."""
        words = [said for text in texts_of_answer(payload) if (said := spoken(text))]
        pending = self._memory.served(self._exchange, NameKind.ANSWER, words)
        response = response_of_answer(payload)
        if response is not None:
            pending = self._memory.served(self._exchange, NameKind.RESPONSE, [response]) or pending
        if pending is not None:
            await pending

    def hear(self, events: bytes) -> None:
        """Take the next events of a stream."""
        choices = self._choices
        if self._is_done:
            return
        for index, text in texts_of_events(events):
            gathered = choices.get(index)
            if gathered is None:
                gathered = choices[index] = Gathered()
            gathered.add(text)
        expected = min(self._exchange.ask.choices, MOST_CHOICES)
        self._is_done = len(choices) == expected and all(one.is_full for one in choices.values())

    async def end(self) -> None:
        """Remember a stream, before its end is told. Raises StoreFailed."""
        pending = self._memory.served(self._exchange, NameKind.ANSWER, self._said())
        self._choices = {}
        if pending is not None:
            await pending

    def cut(self) -> None:
        """Remember what a stream has said that goes no further. Harmless after its end."""
        words = [word for said in self._said() for word in beginnings(said)]
        self._memory.served(self._exchange, NameKind.BEGINNING, words)
        self._choices = {}

    def _said(self) -> list[str]:
        return [said for gathered in self._choices.values() if (said := spoken(gathered.text))]
