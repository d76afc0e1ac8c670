"""A vault that keeps nothing beyond its process. The same rules as the real one, tested with it."""

from __future__ import annotations

from hashlib import blake2b

from douane.core.pseudonym import Pseudonym, Pseudonyms, normal_form
from douane.ports import Clock


class InMemoryVault:
    """The `Vault` port. Keys are counted, not drawn, so that a test may repeat itself."""

    def __init__(self, clock: Clock, kept_s: float = 86_400.0) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._passing = 0
        self._rows: dict[tuple[str, str], dict[str, tuple[Pseudonym, str | None, float]]] = {}

    async def recall(self, owner: str, conversation: str | None) -> Pseudonyms:
        if conversation is None:
            self._passing += 1
            return Pseudonyms(_key(owner, f"\0{self._passing}"))
        now_s = self._clock.now_us() / 1_000_000
        rows = self._rows.get((owner, conversation), {})
        return Pseudonyms(_key(owner, conversation), [each for each, _, until_s in rows.values() if until_s > now_s])

    async def keep(self, owner: str, conversation: str, pseudonyms: Pseudonyms, subject: str | None) -> None:
        until_s = self._clock.now_us() / 1_000_000 + self._kept_s
        rows = self._rows.setdefault((owner, conversation), {})
        for each in pseudonyms.fresh:
            rows[each.nonce] = each, subject, until_s

    async def erase(self, owner: str | None, subject: str | None) -> int:
        erased = 0
        for (whose, _), rows in self._rows.items():
            if owner is not None and whose != owner:
                continue
            for nonce, (each, with_whom, _) in list(rows.items()):
                if subject is None or with_whom == subject or _is(each, subject):
                    del rows[nonce]
                    erased += 1
        return erased


def _is(pseudonym: Pseudonym, subject: str) -> bool:
    value = pseudonym.value
    return value is not None and normal_form(pseudonym.type, value) == normal_form(pseudonym.type, subject)


def _key(owner: str, conversation: str) -> bytes:
    return blake2b(f"{owner}\0{conversation}".encode(), digest_size=32, key=b"fake").digest()
