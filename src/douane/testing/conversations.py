"""The `Conversations` port without bounds and without a disk, under the same contract suite as the real one."""

from __future__ import annotations

from collections.abc import Awaitable, Collection, Generator, Iterable, Sequence
from hashlib import blake2b
from typing import Any

from douane.core.traffic.conversation import Mark, NameKind, Recalled
from douane.errors import StoreFailed

MOST_SERVINGS = 4


class InMemoryConversations:
    """Keeps groups of names. `fail_with` makes whatever is not durable fail, like a full disk, until it is None."""

    def __init__(self) -> None:
        self.fail_with: StoreFailed | None = None
        self._groups: dict[str, list[tuple[set[bytes], Mark]]] = {}
        self._servings: dict[tuple[str, bytes], int] = {}
        self._shared: dict[str, set[bytes]] = {}
        self._unsaved: set[str] = set()

    def name(self, owner: str, kind: NameKind, word: str) -> bytes:
        return kind.value + blake2b(f"{owner}\0{word}".encode("utf-8", "surrogatepass"), digest_size=15).digest()

    def kinds(self, owner: str) -> Collection[NameKind]:
        return {NameKind(name[:1]) for names, _ in self._groups.get(owner, ()) for name in names}

    def recall(self, owner: str, names: Iterable[bytes]) -> Recalled | None:
        wanted = set(names)
        known = [(group, held) for group, held in self._groups.get(owner, ()) if group & wanted]
        if not known:
            return None
        mark = known[0][1]
        for _, held in known:
            mark = mark.joined(held)
        return Recalled(mark, tuple(min(group) for group, _ in known))

    def record(
        self, owner: str, names: Sequence[bytes], mark: Mark, served: Sequence[bytes] = ()
    ) -> Awaitable[None] | None:
        before = {frozenset(group): held for group, held in self._groups.get(owner, ())}
        shared = self._shared.setdefault(owner, set())
        told = set(names) - shared
        for name in served:
            if name not in shared and self._counts(owner, name, told):
                told.add(name)
        groups = self._groups.setdefault(owner, [])
        if told:
            for group, held in [one for one in groups if one[0] & told]:
                told |= group
                mark = mark.joined(held)
                groups.remove((group, held))
            groups.append((told, mark))
        if {frozenset(group): held for group, held in groups} != before:
            self._unsaved.add(owner)
        return _Durable(self, owner) if owner in self._unsaved else None

    async def forget(self, owner: str) -> int:
        count = len(self._groups.pop(owner, ()))
        self._shared.pop(owner, None)
        if self.fail_with is not None:
            raise self.fail_with
        return count

    def save(self, owner: str) -> None:
        """Do what a commit would."""
        if self.fail_with is not None:
            raise self.fail_with
        self._unsaved.discard(owner)

    def _counts(self, owner: str, name: bytes, told: set[bytes]) -> bool:
        """Tell whether an answer that was served still tells its conversation."""
        home = next((group for group, _ in self._groups.get(owner, ()) if name in group), None)
        if home is None or home & told:
            return True
        servings = self._servings[owner, name] = self._servings.get((owner, name), 1) + 1
        if servings > MOST_SERVINGS:
            home.discard(name)
            self._shared[owner].add(name)
        return servings <= MOST_SERVINGS


class _Durable:
    """A commit that is made when somebody awaits it."""

    def __init__(self, book: InMemoryConversations, owner: str) -> None:
        self._book = book
        self._owner = owner

    def __await__(self) -> Generator[Any, Any, None]:
        self._book.save(self._owner)
        yield from ()
