"""Request bodies for the benchmarks: own texts, the same bytes in each run.

A body is named by the model it asks for and by its size; how the mock answers is chosen by the model's name. Clean
texts hold dates, amounts, versions and references, which a scanner must look at and let pass. The texts with findings
hold 15 structured ones: e-mail addresses, telephone numbers and bank accounts, five of each, all of them fictitious.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

_SENTENCES = (
    "Merci de relire le contrat ci-dessous et de signaler les clauses qui posent problème pour le fournisseur.",
    "La livraison est prévue au cours de la semaine 37, pour un montant de 14 500 euros hors taxes.",
    "Le comité a validé la version 2.4.1 du cahier des charges ; les annexes suivront avant la fin du mois.",
    "Please summarise the minutes of the meeting and list the open actions with an owner and a date.",
    "Version 2.4.1 was released in week 37; the error rate went from 0.3 to 0.12 percent over 90 days.",
    "The second paragraph compares three suppliers on price, delay and quality, with a table of 12 rows.",
    "Bitte fassen Sie den Bericht in fünf Sätzen zusammen und nennen Sie die offenen Punkte.",
    "What changed between the draft of March and the final text? Answer in a short list, without quoting.",
)
_FINDINGS = (
    ("Écrivez à jean.dupont@example.fr", "au 06 39 98 12 34", "IBAN FR76 3000 6000 0112 3456 7890 189"),
    ("Write to anna.keller@example.org", "at +33 6 39 98 56 78", "IBAN DE89 3704 0044 0532 0130 00"),
    ("Contact: p.martin@example.com", "tél. 01 99 00 45 67", "IBAN GB29 NWBK 6016 1331 9268 19"),
    ("Copie à compta@example.net", "au 02 61 91 11 22", "IBAN NL91 ABNA 0417 1643 00"),
    ("Reply to sales.team@example.org", "or +33 1 99 00 99 00", "IBAN BE68 5390 0754 7034"),
)
_FRAME_BYTES = 60


def make(size_bytes: int, *, model: str, stream: bool = False, leaf_bytes: int = 1500, findings: int = 0) -> bytes:
    """Return a chat request of about `size_bytes`, in leaves of `leaf_bytes`, with so many groups of findings."""
    chance = random.Random(7)
    messages = [{"role": "system", "content": "You are a helpful assistant."}]
    request: dict[str, object] = {"model": model, "messages": messages, "temperature": 0.7, "max_tokens": 256}
    if stream:
        request |= {"stream": True, "stream_options": {"include_usage": True}}
    groups = list(_FINDINGS[:findings])
    while (room := size_bytes - len(_dump(request)) - _FRAME_BYTES) > 0:
        group = f" {', '.join(groups.pop())}." if groups else ""
        text = _text(chance, max(1, min(leaf_bytes, room) - len(group.encode()))) + group
        messages.append({"role": "user" if len(messages) % 2 else "assistant", "content": text})
    if groups:
        raise ValueError(f"{size_bytes} bytes don't hold {findings} groups of findings.")
    return _dump(request)


def _text(chance: random.Random, size_bytes: int) -> str:
    parts: list[str] = []
    length = 0
    while length < size_bytes:
        parts.append(chance.choice(_SENTENCES))
        length += len(parts[-1].encode()) + 1
    return " ".join(parts).encode()[:size_bytes].decode(errors="ignore")


def _dump(request: object) -> bytes:
    return json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()


def write(folder: Path, name: str, body: bytes) -> Path:
    """Write a body where the load generator finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    path.write_bytes(body)
    return path
