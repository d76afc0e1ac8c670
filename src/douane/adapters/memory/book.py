"""The conversations of every owner, in memory: names, marks, and what of them is not durable yet. No I/O.

Rules enforced:
1. Names that were given together are of one conversation; two conversations that turn out to be one have the joined
   mark. Marks only rise.
2. An answer that was served in more than `MOST_SERVINGS` conversations tells none of them: it is what a model says to
   everybody. It stays known as such.
3. At most `most_names` names are kept in all, `MOST_PER_CONVERSATION` of one conversation (answers go first), and none
   for longer than `AGE_S` after its last turn. Beyond that the owner with the most names loses the lowest of its marks,
   oldest first.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Final, NamedTuple

from douane.core.label import PUBLIC
from douane.core.traffic.conversation import Mark, NameKind, Recalled

MOST_NAMES: Final = 50_000
MOST_PER_CONVERSATION: Final = 256
MOST_SERVINGS: Final = 4
AGE_S: Final = 30 * 24 * 3600
DAY_S: Final = 24 * 3600
SHARED: Final = -1
"""The rank of what tells no conversation, below every level: the first to be forgotten."""
_FAIR: Final = 16
"""How far below the next owner's number of names one may fall when its own are forgotten."""
_OF_TEXTS: Final = (NameKind.ANSWER.value, NameKind.BEGINNING.value)
_KINDS: Final = {kind.value: kind for kind in NameKind}


class Conversation:
    """One conversation of one owner. `names` are in the order in which they were learnt."""

    __slots__ = ("mark", "names", "number", "owner", "rank", "seen_s")

    def __init__(self, number: int, owner: str, mark: Mark, rank: int, seen_s: int) -> None:
        self.number = number
        self.owner = owner
        self.mark = mark
        self.rank = rank
        self.seen_s = seen_s
        self.names: list[bytes] = []


class Changes(NamedTuple):
    """What is not durable yet, by number and name, None where it is no more. `everything`: what else is stored goes."""

    conversations: dict[int, Conversation | None]
    names: dict[bytes, int | None]
    everything: bool = False


class _Share:
    """What one owner holds. `ranks` holds its conversations by rank, oldest first."""

    __slots__ = ("homes", "kinds", "ranks", "servings", "shared")

    def __init__(self) -> None:
        self.homes: dict[bytes, Conversation] = {}
        self.kinds: dict[NameKind, int] = {}
        self.ranks: dict[int, OrderedDict[int, Conversation]] = {}
        self.servings: dict[bytes, int] = {}
        self.shared: Conversation | None = None


class Book:
    """See the module."""

    def __init__(self, most_names: int = MOST_NAMES) -> None:
        self._most_names = most_names
        self._shares: dict[str, _Share] = {}
        self._names = 0
        self._next = 1
        self._marks: dict[Mark, Mark] = {}
        self._changes = Changes({}, {})
        self._under_way = Changes({}, {})

    def __len__(self) -> int:
        """Return how many names are known."""
        return self._names

    def load(self, stored: Iterable[Conversation]) -> None:
        """Take what was durable, oldest first. Nothing of it counts as a change."""
        for conversation in stored:
            share = self._shares.setdefault(conversation.owner, _Share())
            self._next = max(self._next, conversation.number + 1)
            self._rank(share, conversation)
            if conversation.rank == SHARED:
                share.shared = conversation
            names, conversation.names = conversation.names, []
            for name in names:
                self._home(share, name, conversation)
        self._changes = Changes({}, {})

    # --- asking ------------------------------------------------------------------------------------------------------

    def kinds(self, owner: str) -> Collection[NameKind]:
        share = self._shares.get(owner)
        return share.kinds if share is not None else ()

    def recall(self, owner: str, names: Iterable[bytes], now_s: int) -> Recalled | None:
        """Return what is remembered of the conversations that have these names."""
        share = self._shares.get(owner)
        known = self._known(share, names, now_s) if share is not None else ()
        if share is None or not known:
            return None
        mark = known[0].mark
        for conversation in known:
            mark = mark.joined(conversation.mark)
            self._touch(share, conversation, now_s)
        return Recalled(mark, tuple([conversation.names[0] for conversation in known]))

    # --- recording ---------------------------------------------------------------------------------------------------

    def record(self, owner: str, names: Sequence[bytes], mark: Mark, served: Sequence[bytes], now_s: int) -> bool:
        """Let the names be of one conversation with at least this mark; tell whether anything of it is not durable."""
        share = self._shares.setdefault(owner, _Share())
        told = [name for name in names if self._tells(share, name)]
        told += [name for name in served if self._still_tells(share, name, told)]
        if not told:
            return False
        known = self._known(share, told, now_s)
        if known:
            conversation = self._merged(share, known)
            self._raise(conversation, mark)
            self._touch(share, conversation, now_s)
        else:
            conversation = self._new(share, owner, mark, int(mark.label.level), now_s)
        for name in told:
            if share.homes.get(name) is not conversation:
                self._home(share, name, conversation)
        while len(conversation.names) > MOST_PER_CONVERSATION:
            self._lose(share, _oldest_name(conversation))
        self._shrink()
        return self._is_unsaved(conversation, told)

    def forget(self, owner: str) -> int:
        """Forget what an owner holds; return how many conversations that was."""
        share = self._shares.pop(owner, None)
        if share is None:
            return 0
        self._names -= len(share.homes)
        for name in share.homes:
            self._changes.names[name] = None
        numbers = [number for ranked in share.ranks.values() for number in ranked]
        for number in numbers:
            self._changes.conversations[number] = None
        self._bound_changes()
        return len(numbers) - (share.shared is not None)

    # --- what is not durable -----------------------------------------------------------------------------------------

    @property
    def has_changes(self) -> bool:
        """Tell whether something waits to be written."""
        changes = self._changes
        return bool(changes.conversations or changes.names or changes.everything)

    def take_changes(self) -> Changes:
        """Return what is to be written now; `written` or `not_written` says how that ended."""
        changes, self._changes = self._changes, Changes({}, {})
        if changes.everything:
            every = [
                one for share in self._shares.values() for ranked in share.ranks.values() for one in ranked.values()
            ]
            numbers: dict[bytes, int | None] = {name: one.number for one in every for name in one.names}
            changes = Changes({one.number: one for one in every}, numbers, True)
        self._under_way = changes
        return changes

    def written(self) -> None:
        """Say that what was taken is durable."""
        self._under_way = Changes({}, {})

    def not_written(self) -> None:
        """Take back what could not be written. What has changed since counts more."""
        failed, fresh = self._under_way, self._changes
        self._under_way = Changes({}, {})
        self._changes = Changes(
            {**failed.conversations, **fresh.conversations},
            {**failed.names, **fresh.names},
            failed.everything or fresh.everything,
        )
        self._bound_changes()

    def _bound_changes(self) -> None:
        """Where more waits than there may be names, everything is written anew instead."""
        if len(self._changes.names) > 2 * self._most_names:
            self._changes = Changes({}, {}, True)

    def _is_unsaved(self, conversation: Conversation, names: Sequence[bytes]) -> bool:
        return any(
            changes.everything
            or conversation.number in changes.conversations
            or any(name in changes.names for name in names)
            for changes in (self._changes, self._under_way)
        )

    # --- within ------------------------------------------------------------------------------------------------------

    def _known(self, share: _Share, names: Iterable[bytes], now_s: int) -> list[Conversation]:
        """Return the conversations that have the names, each once, those that are too old forgotten."""
        found: dict[int, Conversation] = {}
        for name in names:
            home = share.homes.get(name)
            if home is None or home.rank == SHARED or home.number in found:
                continue
            if now_s - home.seen_s > AGE_S:
                self._drop(share, home)
            else:
                found[home.number] = home
        return list(found.values())

    @staticmethod
    def _tells(share: _Share, name: bytes) -> bool:
        """Tell whether a name tells its conversation: one that several have does not."""
        home = share.homes.get(name)
        return home is None or home.rank != SHARED

    def _still_tells(self, share: _Share, name: bytes, names: Sequence[bytes]) -> bool:
        """Tell the same of an answer that was served just now, and count it where that was in another conversation."""
        home = share.homes.get(name)
        if home is None or home.rank == SHARED:
            return home is None
        if any(share.homes.get(other) is home for other in names):
            return True
        servings = share.servings[name] = share.servings.get(name, 1) + 1
        if servings <= MOST_SERVINGS:
            return True
        if share.shared is None:
            share.shared = self._new(share, home.owner, Mark.of(PUBLIC, ()), SHARED, home.seen_s)
        self._home(share, name, share.shared)
        return False

    def _new(self, share: _Share, owner: str, mark: Mark, rank: int, now_s: int) -> Conversation:
        conversation = Conversation(self._next, owner, self._marks.setdefault(mark, mark), rank, now_s)
        self._next += 1
        self._rank(share, conversation)
        self._changes.conversations[conversation.number] = conversation
        return conversation

    def _merged(self, share: _Share, known: list[Conversation]) -> Conversation:
        """Make one conversation of several: the one with the most names takes over the others'."""
        kept = max(known, key=lambda one: len(one.names))
        for other in known:
            if other is not kept:
                self._raise(kept, other.mark)
                for name in tuple(other.names):
                    self._home(share, name, kept)
        return kept

    def _raise(self, conversation: Conversation, mark: Mark) -> None:
        risen = conversation.mark.joined(mark)
        if risen != conversation.mark:
            conversation.mark = self._marks.setdefault(risen, risen)
            self._changes.conversations[conversation.number] = conversation

    def _home(self, share: _Share, name: bytes, conversation: Conversation) -> None:
        """Let a name be a conversation's; one that is left without any goes."""
        former = share.homes.get(name)
        if former is None:
            self._names += 1
            kind = _KINDS[name[:1]]
            share.kinds[kind] = share.kinds.get(kind, 0) + 1
        share.homes[name] = conversation
        conversation.names.append(name)
        self._changes.names[name] = conversation.number
        if former is not None:
            former.names.remove(name)
            if not former.names:
                self._drop(share, former)

    def _lose(self, share: _Share, name: bytes) -> None:
        """Forget a name."""
        conversation = share.homes.pop(name)
        conversation.names.remove(name)
        self._names -= 1
        share.servings.pop(name, None)
        kind = _KINDS[name[:1]]
        share.kinds[kind] -= 1
        if not share.kinds[kind]:
            del share.kinds[kind]
        self._changes.names[name] = None

    def _drop(self, share: _Share, conversation: Conversation) -> None:
        """Forget a conversation."""
        for name in tuple(conversation.names):
            self._lose(share, name)
        del share.ranks[conversation.rank][conversation.number]
        if conversation is share.shared:
            share.shared = None
        self._changes.conversations[conversation.number] = None

    def _touch(self, share: _Share, conversation: Conversation, now_s: int) -> None:
        """Say that a conversation goes on: when it was last seen is kept to a day."""
        if now_s - conversation.seen_s >= DAY_S:
            conversation.seen_s = now_s
            self._changes.conversations[conversation.number] = conversation
        del share.ranks[conversation.rank][conversation.number]
        conversation.rank = int(conversation.mark.label.level)
        self._rank(share, conversation)

    def _rank(self, share: _Share, conversation: Conversation) -> None:
        share.ranks.setdefault(conversation.rank, OrderedDict())[conversation.number] = conversation

    def _shrink(self) -> None:
        """Keep the bound. Some are forgotten at once, so that not every further one looks for who holds the most."""
        if self._names <= self._most_names:
            return
        enough = self._most_names - self._most_names // 200
        while self._names > enough:
            first, *second = heapq.nlargest(2, self._shares.values(), key=lambda held: len(held.homes))
            fair = len(second[0].homes) - _FAIR if second else 0
            self._drop(first, self._lowest(first))
            while self._names > enough and len(first.homes) > fair:
                self._drop(first, self._lowest(first))
        self._bound_changes()

    @staticmethod
    def _lowest(share: _Share) -> Conversation:
        """Return the oldest of the conversations with the lowest mark."""
        rank = min(rank for rank, ranked in share.ranks.items() if ranked)
        return next(iter(share.ranks[rank].values()))


def _oldest_name(conversation: Conversation) -> bytes:
    """Return the name that is missed least: the oldest answer's, where there is one."""
    return next((name for name in conversation.names if name[:1] in _OF_TEXTS), conversation.names[0])
