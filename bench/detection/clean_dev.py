"""Documents without anybody's data, for developing: logs, code, JSON with ids, tables, invoices, settings.

What is measured has families and templates of its own.
"""

from __future__ import annotations

import json
import random
import sysconfig
from pathlib import Path
from typing import Any


def documents(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Return so many documents, the families in turn."""
    chance = random.Random(seed)
    files = sorted(Path(sysconfig.get_path("stdlib")).glob("*.py"))
    made = []
    for number in range(count):
        family = FAMILIES[number % len(FAMILIES)]
        text = _code(chance, files) if family is _code else family(chance)  # type: ignore[operator]
        made.append(
            {"id": f"clean-dev-{number}", "lang": "fr", "family": family.__name__[1:], "text": text, "spans": []}
        )
    return made


def _digits(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789") for _ in range(count))


def _hex(chance: random.Random, count: int) -> str:
    return "".join(chance.choice("0123456789abcdef") for _ in range(count))


def _ns(chance: random.Random, more: int) -> str:
    return str(chance.randint(1_650_000_000, 1_780_000_000)) + _digits(chance, more)


def _code(chance: random.Random, files: list[Path]) -> str:
    lines = chance.choice(files).read_text(encoding="utf-8", errors="ignore").splitlines()
    begin = chance.randint(0, max(0, len(lines) - 60))
    return "\n".join(lines[begin : begin + 60])


def _log(chance: random.Random) -> str:
    return "\n".join(
        f"ts={_ns(chance, chance.choice([3, 6, 9]))} level=info thread={chance.randint(1, 64)} "
        f"txn={_digits(chance, chance.randint(8, 19))} "
        f'span={_hex(chance, 16)} elapsed_ns={chance.randint(1000, 10**12)} msg="flushed segment {_digits(chance, 12)}"'
        for _ in range(chance.randint(5, 25))
    )


def _payload(chance: random.Random) -> str:
    rows = [
        {
            "uid": chance.randint(10**12, 10**18),
            "ref": _digits(chance, chance.randint(9, 16)),
            "sum": _hex(chance, 40),
            "at": int(_ns(chance, 3)),
        }
        for _ in range(chance.randint(2, 12))
    ]
    return json.dumps({"rows": rows, "cursor": _hex(chance, 24)}, indent=chance.choice([None, 1]))


def _columns(chance: random.Random) -> str:
    size = chance.randint(12, 19)
    lines = ["ticket_no,qty,price"]
    lines += [
        f"{_digits(chance, size)},{chance.randint(1, 50)},{chance.randint(1, 900)}.{_digits(chance, 2)}"
        for _ in range(30)
    ]
    return "\n".join(lines)


def _invoice(chance: random.Random) -> str:
    lines = [f"Facture {_digits(chance, 8)} du 0{chance.randint(1, 9)}/03/2025", "Client : Société Exemple", ""]
    for _ in range(chance.randint(3, 8)):
        lines.append(
            f"{_digits(chance, 6)} pièce {chance.randint(1, 20)} x {chance.randint(5, 99)},{_digits(chance, 2)} €"
        )
    lines += [
        f"Total TTC {chance.randint(1, 99)} {_digits(chance, 3)},{_digits(chance, 2)} €",
        f"Bon de livraison {_digits(chance, 14)}",
    ]
    return "\n".join(lines)


def _settings(chance: random.Random) -> str:
    return "\n".join(
        [
            "[service]",
            f"port = {chance.randint(1024, 65535)}",
            f'image = "app@sha256:{_hex(chance, 64)}"',
            "password = ${SERVICE_PASSWORD}",
            "api_key = <to be set>",
            f"max_offset = {_digits(chance, chance.randint(10, 19)).lstrip('0') or '1'}",
            f'version = "{chance.randint(0, 9)}.{chance.randint(0, 30)}.{chance.randint(0, 30)}"',
        ]
    )


FAMILIES = (_code, _log, _payload, _columns, _invoice, _settings)
