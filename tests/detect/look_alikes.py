"""Documents without personal data, made for tests: what fills them looks like identifiers and is none."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Callable, Iterator

HEX = "0123456789abcdef"
WORDS = [
    "module",
    "build",
    "worker",
    "cache",
    "latency",
    "river",
    "sensor",
    "panel",
    "bridge",
    "window",
    "cluster",
    "ledger",
    "motor",
    "valve",
    "quarter",
    "margin",
]


def digits(draw: random.Random, count: int) -> str:
    return draw.choice("123456789") + "".join(draw.choice("0123456789") for _ in range(count - 1))


def hexes(draw: random.Random, count: int) -> str:
    return "".join(draw.choice(HEX) for _ in range(count))


def moment(draw: random.Random) -> int:
    return draw.randint(1_500_000_000, 1_800_000_000)


def clock(draw: random.Random, sep: str = "T") -> str:
    return (
        f"20{draw.randint(18, 26)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}{sep}"
        f"{draw.randint(0, 23):02}:{draw.randint(0, 59):02}:{draw.randint(0, 59):02}"
    )


def a_log(draw: random.Random) -> str:
    line = [
        lambda: (
            f"{clock(draw)}.{draw.randint(0, 999):03}Z INFO  worker-{draw.randint(1, 40)} request={uuid.UUID(int=draw.getrandbits(128))} took {draw.randint(1, 9999)}ms"
        ),
        lambda: (
            f"[{moment(draw)}.{digits(draw, 6)}] kernel: usb 1-1: new device number {draw.randint(2, 90)}, id {hexes(draw, 4)}:{hexes(draw, 4)}"
        ),
        lambda: (
            f"{clock(draw, ' ')} ERROR [trace={hexes(draw, 32)} span={hexes(draw, 16)}] timeout after {digits(draw, 5)} ms, offset {digits(draw, draw.choice([9, 10, 11, 12]))}"
        ),
        lambda: (
            f'ts={moment(draw) * 1000 + draw.randint(0, 999)} level=info msg="compacted" block={digits(draw, 9)} size={digits(draw, draw.choice([8, 9, 10, 11]))}'
        ),
        lambda: (
            f"{draw.randint(10**18, 2 * 10**18)} pod/{draw.choice(WORDS)}-{hexes(draw, 10)}-{hexes(draw, 5)} restarted {draw.randint(1, 12)} times"
        ),
        lambda: f"seq {digits(draw, 11)} acked, window {digits(draw, 5)}, ts {moment(draw)}{digits(draw, 9)}",
    ]
    return "\n".join(draw.choice(line)() for _ in range(draw.randint(3, 40)))


def json_of_ids(draw: random.Random) -> str:
    names = [
        "id",
        "order_id",
        "parentId",
        "sku",
        "ts",
        "created",
        "traceId",
        "device",
        "build",
        "seq",
        "tracking_number",
        "ean",
        "imei",
        "user_id",
        "ref",
        "invoice",
    ]
    chosen = draw.sample(names, draw.randint(2, 6))
    widths = {name: draw.choice([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]) for name in chosen}
    as_text = draw.random() < 0.5
    rows = [
        {name: digits(draw, widths[name]) if as_text else int(digits(draw, widths[name])) for name in chosen}
        for _ in range(draw.randint(1, 25))
    ]
    return json.dumps(rows if len(rows) > 1 else rows[0], indent=draw.choice([None, 2]))


def csv_columns(draw: random.Random) -> str:
    sign = draw.choice([";", ",", "\t"])
    heads = ["ts", "id", "order", "value", "count", "part", "reading", "lat", "lon", "batch", "amount"]
    chosen = draw.sample(heads, draw.randint(2, 6))
    widths = {name: draw.choice([8, 9, 10, 11, 12, 13, 14, 15, 16]) for name in chosen}
    lines = [sign.join(chosen)] if draw.random() < 0.8 else []
    lines += [sign.join(digits(draw, widths[name]) for name in chosen) for _ in range(draw.randint(3, 60))]
    return "\n".join(lines)


def orders(draw: random.Random) -> str:
    kinds = [
        lambda: (
            f"Commande n° {digits(draw, draw.choice([9, 10, 12, 14, 15]))} expédiée le {draw.randint(1, 28):02}/{draw.randint(1, 12):02}/2026."
        ),
        lambda: (
            f"Order {digits(draw, draw.choice([9, 10, 11, 12, 14, 16]))} shipped, tracking {digits(draw, draw.choice([12, 14, 15, 20, 22]))}."
        ),
        lambda: (
            f"Facture {digits(draw, 9)} : {draw.randint(1, 999)} {draw.randint(100, 999)},{draw.randint(0, 99):02} €, échéance 30 jours."
        ),
        lambda: (
            f"Auftrag {digits(draw, draw.choice([9, 10, 11]))}, Rechnung Nr. {digits(draw, draw.choice([9, 11, 12]))}."
        ),
        lambda: (
            f"Pedido {digits(draw, 8)}, albarán {digits(draw, 9)}, expediente {digits(draw, 8)}/{draw.choice('ABCDE')}."
        ),
        lambda: f"BL {digits(draw, 14)} et CMD-{digits(draw, 9)} : REF{digits(draw, 12)}.",
        lambda: (
            f"Suivi colis {draw.choice(['6A', '8R', 'CC'])}{digits(draw, 11)} ; UPS 1Z{hexes(draw, 6).upper()}{digits(draw, 10)}."
        ),
        lambda: (
            f"Part AB{digits(draw, 6)}{draw.choice('ABCDXYZ')} replaces {digits(draw, 2)}{draw.choice(['AB', 'CK', 'ZX'])}{digits(draw, 5)}."
        ),
        lambda: (
            f"Ticket #{digits(draw, draw.choice([6, 8, 9]))}: EAN {digits(draw, 13)}, ISBN 978{digits(draw, 10)}, ISBN 2-07-{digits(draw, 6)}-{digits(draw, 1)}."
        ),
        lambda: (
            f"IMEI {draw.choice(['35', '86', '01'])}{digits(draw, 13)}, S/N {digits(draw, 11)}, lot {digits(draw, 9)}."
        ),
        lambda: f"Meter {digits(draw, 11)} read {digits(draw, 9)} kWh; reference {digits(draw, 14)}.",
    ]
    return " ".join(draw.choice(kinds)() for _ in range(draw.randint(2, 12)))


def code(draw: random.Random) -> str:
    kinds = [
        lambda: f"const {draw.choice(WORDS).upper()}_SEED = {digits(draw, draw.choice([9, 10, 11, 15, 16, 18]))};",
        lambda: f"static const uint64_t k{draw.choice(WORDS)} = 0x{hexes(draw, 16)}ULL;",
        lambda: f"assert hash(x) == {digits(draw, draw.choice([18, 19]))}",
        lambda: f'    "{draw.choice(WORDS)}": "{draw.randint(0, 9)}.{draw.randint(0, 30)}.{draw.randint(0, 99)}",',
        lambda: f"commit {hexes(draw, 40)}",
        lambda: f"self.timeout = {digits(draw, 9)}  # nanoseconds",
        lambda: f"w = [{', '.join(str(round(draw.uniform(-1, 1), 9)) for _ in range(6))}]",
        lambda: f"mov eax, {digits(draw, 9)}h ; {hexes(draw, 8)} {hexes(draw, 8)} {hexes(draw, 8)}",
        lambda: (
            f"date_int = 20{draw.randint(10, 26)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}  # {digits(draw, 8)}{draw.choice('ABCDEFZ')}"
        ),
        lambda: f"+--- {hexes(draw, 8)}-{hexes(draw, 4)}-4{hexes(draw, 3)}-a{hexes(draw, 3)}-{hexes(draw, 12)}",
        lambda: f"sha512-{hexes(draw, 60)}== resolved {digits(draw, 10)}",
    ]
    return "\n".join(draw.choice(kinds)() for _ in range(draw.randint(3, 40)))


def figures(draw: random.Random) -> str:
    kinds = [
        lambda: (
            f"Le budget est de {draw.randint(1, 999)} {draw.randint(100, 999)} {draw.randint(100, 999)} € pour {draw.randint(1000, 9999)} tonnes."
        ),
        lambda: (
            f"Population: {draw.randint(1, 999)} {draw.randint(100, 999)} {draw.randint(100, 999)} habitants en 20{draw.randint(10, 25)}."
        ),
        lambda: f"{draw.uniform(-90, 90):.9f}, {draw.uniform(-180, 180):.9f}",
        lambda: f"| {draw.choice(WORDS)} | {digits(draw, 5)} | {digits(draw, 9)} | {draw.random():.12f} |",
        lambda: f"Capital social : {draw.randint(1, 999)}.{draw.randint(100, 999)}.{draw.randint(100, 999)} EUR",
        lambda: (
            f"{draw.randint(1, 99)} {draw.randint(1, 99)} {draw.randint(1, 99)} {draw.randint(1, 99)} {draw.randint(1, 99)} {draw.randint(1, 99)} {draw.randint(1, 99)}"
        ),
        lambda: f"{digits(draw, 4)} {digits(draw, 4)} {digits(draw, 4)} {digits(draw, 4)} {digits(draw, 4)}",
        lambda: (
            f"from 20{draw.randint(10, 26)}{draw.randint(1, 12):02}{draw.randint(1, 28):02} to 20{draw.randint(10, 26)}{draw.randint(1, 12):02}{draw.randint(1, 28):02}{draw.randint(0, 23):02}{draw.randint(0, 59):02}{draw.randint(0, 59):02}"
        ),
        lambda: (
            f"score {draw.randint(100, 999)}-{draw.randint(10, 99)}, ratio {draw.randint(1, 99)}/{draw.randint(100, 999)}/{draw.randint(100, 999)}"
        ),
    ]
    return "\n".join(draw.choice(kinds)() for _ in range(draw.randint(2, 25)))


def an_invoice(draw: random.Random) -> str:
    lines = [
        f"FACTURE N° {draw.choice(['FA', 'F', '2026-'])}{digits(draw, draw.choice([6, 8, 9]))}",
        f"{draw.choice(['Ateliers du Rhône SARL', 'NORDIC PARTS GmbH', 'Société Générale de Pompes SAS', 'Blue River Ltd'])}",
        f"{draw.randint(1, 90)} {draw.choice(['rue de la Gare', 'avenue des Peupliers', 'quai du Port'])}, {draw.randint(10, 95)}{draw.choice(['000', '100', '200'])} {draw.choice(['Lyon', 'Nantes', 'Lille'])}",
        f"Date : {draw.randint(1, 28):02}/{draw.randint(1, 12):02}/2026   Échéance : 30 jours",
        f"Commande client : {digits(draw, draw.choice([8, 9, 10, 11, 12]))}   Bon de livraison : {digits(draw, draw.choice([9, 12, 14]))}",
        *(
            f"{digits(draw, draw.choice([6, 8, 11, 13]))}  {draw.choice(['Vanne', 'Joint', 'Pompe', 'Filtre'])} {draw.randint(10, 400)} mm  {draw.randint(1, 40)}  {draw.randint(1, 900)},{draw.randint(0, 99):02} €"
            for _ in range(draw.randint(2, 8))
        ),
        f"Total HT {draw.randint(1, 99)} {draw.randint(100, 999)},00 €  TVA 20 %  Total TTC {draw.randint(1, 99)} {draw.randint(100, 999)},00 €",
        f"Référence à rappeler : {digits(draw, draw.choice([9, 10, 14, 15]))}",
        f"Contact : compta@{draw.choice(['ateliers-rhone.fr', 'nordic-parts.de', 'blueriver.co.uk'])} - 04 72 {draw.randint(10, 99)} {draw.randint(10, 99)} {draw.randint(10, 99)}",
    ]
    return "\n".join(lines)


FAMILIES: dict[str, Callable[[random.Random], str]] = {
    "log": a_log,
    "json": json_of_ids,
    "csv": csv_columns,
    "orders": orders,
    "code": code,
    "figures": figures,
    "invoice": an_invoice,
}


def documents(family: str, count: int, seed: int) -> Iterator[str]:
    draw = random.Random(f"{family} {seed}")
    for _ in range(count):
        yield FAMILIES[family](draw)
