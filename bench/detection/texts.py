"""Texts of a given size for measuring CPU: mixed ones with a finding now and then, and one dense with findings."""

from __future__ import annotations

import random

from bench.disguises import values

PIECES = (
    "Le comité se réunit jeudi pour examiner l'état d'avancement ; les annexes suivront avant la fin du mois.\n",
    "La réponse du fournisseur tient en trois points : délai, qualité des pièces, et prix au-delà de 500 unités.\n",
    "Please go through the draft below and tell me which of the paragraphs repeat each other.\n",
    "The migration took four hours instead of two because the index had to be rebuilt twice (see step 7).\n",
    "def merge(left, right):\n    while left and right:\n        yield lesser(left, right).pop(0)\n",
    '{"id": 4815162342, "state": "done", "took_ms": 1834, "parts": [1, 2, 3], "etag": "9f8c1b2a77"}\n',
    "2026-11-03T08:14:55.120934Z INFO worker-4 segment=00000000001234567 flushed in 81 ms\n",
    "| article | quantité | prix |\n|---|---|---|\n| câble 3G2,5 | 40 m | 58,00 € |\n",
    "for (const row of rows) { if (row.total > 12_500) { queue.push({ key: row.key, at: Date.now() }); } }\n",
    "Die Lieferung umfasst zwölf Paletten; Rückfragen bitte bis Freitag an die Disposition.\n",
)  # fmt: skip
FINDING_EVERY_BYTES = 1600
DENSE_EVERY_BYTES = 70


def mixed(size_bytes: int, seed: int) -> str:
    """Return French, English and German prose, code, JSON, logs and tables, with a finding each 1,600 bytes."""
    return _made(size_bytes, seed, FINDING_EVERY_BYTES)


def dense(size_bytes: int, seed: int) -> str:
    """Return text with a finding each 70 bytes."""
    chance = random.Random(seed)
    parts: list[str] = []
    length = 0
    while length < size_bytes:
        found = chance.choice(list(values(chance).values()))
        filling = chance.choice(PIECES).split("\n")[0]
        piece = f"{filling[: max(4, DENSE_EVERY_BYTES - len(found) - 2)]} {found}\n"
        parts.append(piece)
        length += len(piece.encode())
    return "".join(parts).encode()[:size_bytes].decode(errors="ignore")


def _made(size_bytes: int, seed: int, every: int) -> str:
    chance = random.Random(seed)
    parts: list[str] = []
    length, due = 0, every // 2
    while length < size_bytes:
        piece = chance.choice(PIECES)
        if length > due:
            piece = f"{chance.choice(list(values(chance).values()))} {piece}"
            due += every
        parts.append(piece)
        length += len(piece.encode())
    return "".join(parts).encode()[:size_bytes].decode(errors="ignore")
