"""More documents without anybody's data: lists, dumps, assets and tables as machines and workshops write them."""

from __future__ import annotations

import base64
import hashlib
import json
import random
import struct
import uuid
import zlib
from collections.abc import Callable, Sequence
from string import ascii_letters
from string import digits as figures

from tests.detect.look_alikes import WORDS, clock, digits, hexes, moment

NAMES: Sequence[str] = (
    "segment", "column", "notion", "linear", "square", "snowflake", "sonar", "bandwidth", "circle", "checkout",
    "terraform", "npm", "gitea", "bitbucket", "consul", "nomad", "quay", "amplitude", "copper", "ghost", "harness",
    "honeycomb", "prisma", "runway", "voyage", "zephyr", "sentry", "elastic", "exchange_rate", "railway", "postmark",
)  # fmt: skip
"""Names of vendors that are words, or fields."""


def _lines(draw: random.Random, line: Callable[[], str], least: int = 3, most: int = 30) -> str:
    return "\n".join(line() for _ in range(draw.randint(least, most)))


def _drawn(draw: random.Random, count: int) -> str:
    return "".join(draw.choices(ascii_letters + figures, k=count))


def _b64(draw: random.Random, count: int) -> str:
    return base64.b64encode(draw.randbytes(count)).decode()


def _id(draw: random.Random) -> str:
    return str(uuid.UUID(int=draw.getrandbits(128), version=4))


def _mac(draw: random.Random, sep: str = ":") -> str:
    return sep.join(hexes(draw, 2) for _ in range(6))


def _version(draw: random.Random) -> str:
    return f"{draw.randint(0, 30)}.{draw.randint(0, 30)}.{draw.randint(0, 30)}"


def word_fields(draw: random.Random) -> str:
    sign = draw.choice(["=", ": ", " ", ":"])
    value = [lambda: hexes(draw, draw.choice([32, 40, 64])), lambda: _id(draw), lambda: _drawn(draw, 32)]
    return _lines(
        draw,
        lambda: f"{clock(draw)}Z INFO [main] {draw.choice(NAMES)}{sign}{draw.choice(value)()} size={digits(draw, 6)}",
    )


def asset_tags(draw: random.Random) -> str:
    return "tag;serial;mac;model\n" + _lines(
        draw,
        lambda: f"AT-{digits(draw, 6)};{_drawn(draw, 10).upper()};{_mac(draw)};{draw.choice(WORDS)} {digits(draw, 3)}",
    )


def modems(draw: random.Random) -> str:
    return "site;imei;iccid;mac;firmware\n" + _lines(
        draw,
        lambda: (
            f"{draw.choice(['quai', 'poste 4', 'toit'])};0{digits(draw, 14)};89{digits(draw, 17)};{_mac(draw)};"
            f"v{_version(draw)}"
        ),
    )


def checksums(draw: random.Random) -> str:
    size = draw.choice([32, 40, 64, 128])
    return _lines(draw, lambda: f"{hexes(draw, size)}  {draw.choice(NAMES)}-{_version(draw)}.tar.gz")


def integrity(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f'<script src="/{draw.choice(NAMES)}.{hexes(draw, 8)}.js" integrity="sha384-{_b64(draw, 48)}"'
            ' crossorigin="anonymous"></script>'
        ),
        1,
        6,
    )


def yarn_lock(draw: random.Random) -> str:
    def entry() -> str:
        name, version = draw.choice(NAMES), _version(draw)
        return (
            f'{name}@^{version}:\n  version "{version}"\n  resolved "https://registry.example.org/{name}/-/{name}-'
            f'{version}.tgz#{hexes(draw, 40)}"\n  integrity sha512-{_b64(draw, 64)}\n'
        )

    return _lines(draw, entry)


def cargo_lock(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f'[[package]]\nname = "{draw.choice(NAMES)}"\nversion = "{_version(draw)}"\nchecksum = "{hexes(draw, 64)}"\n'
        ),
    )


def go_sum(draw: random.Random) -> str:
    return _lines(
        draw, lambda: f"example.org/{draw.choice(NAMES)}/{draw.choice(WORDS)} v{_version(draw)} h1:{_b64(draw, 32)}"
    )


def manifest(draw: random.Random) -> str:
    name = draw.choice(NAMES)
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  uid: {_id(draw)}\n"
        f'  resourceVersion: "{digits(draw, 9)}"\n  labels:\n    pod-template-hash: {hexes(draw, 10)}\n'
        f"spec:\n  containers:\n  - name: {name}\n    image: registry.example.org/{name}@sha256:{hexes(draw, 64)}\n"
        f"    ports:\n    - containerPort: {draw.randint(1024, 65535)}\n"
    )


def plan(draw: random.Random) -> str:
    return "Terraform will perform the following actions:\n" + _lines(
        draw,
        lambda: (
            f'  + resource "{draw.choice(WORDS)}_{draw.choice(WORDS)}" "{draw.choice(NAMES)}" {{\n'
            f'      + id = "{draw.choice(["vpc", "sg", "subnet"])}-{hexes(draw, 17)}"\n'
            f'      ~ source_code_hash = "{_b64(draw, 32)}" -> "{_b64(draw, 32)}"\n    }}'
        ),
        1,
        8,
    )


def ci_log(draw: random.Random) -> str:
    line = [
        lambda: f"{clock(draw)}.{digits(draw, 7)}Z ##[group]Run actions/checkout@{hexes(draw, 40)}",
        lambda: f"{clock(draw)}Z Digest: sha256:{hexes(draw, 64)}",
        lambda: f"{clock(draw)}Z Cache restored from key: {draw.choice(NAMES)}-linux-{hexes(draw, 64)}",
        lambda: f"{clock(draw)}Z HEAD is now at {hexes(draw, 7)} {draw.choice(WORDS)} {draw.choice(WORDS)}",
        lambda: f"{clock(draw)}Z {draw.choice(NAMES)} {hexes(draw, 40)} ok in {draw.randint(1, 900)} s",
    ]
    return _lines(draw, lambda: draw.choice(line)())


def readings(draw: random.Random) -> str:
    return "time,temperature,pressure,rpm\n" + _lines(
        draw,
        lambda: f"{moment(draw)},{draw.uniform(-20, 90):.6f},{draw.uniform(900, 1100):.4f},{draw.randint(0, 9999)}",
        10,
        60,
    )


def parts(draw: random.Random) -> str:
    return "pos\tpart no\tdescription\tqty\n" + _lines(
        draw,
        lambda: (
            f"{draw.randint(1, 99)}\t{digits(draw, draw.choice([7, 8, 10, 11]))}\t{draw.choice(WORDS)} M{draw.randint(2, 20)}"
            f"x{draw.randint(10, 90)}\t{draw.randint(1, 400)}"
        ),
    )


def books(draw: random.Random) -> str:
    def isbn() -> str:
        head = "978" + digits(draw, 9)
        total = sum(int(sign) * (1, 3)[place % 2] for place, sign in enumerate(head))
        return head + str(-total % 10)

    return "ean;titre;prix\n" + _lines(
        draw,
        lambda: f"{isbn()};{draw.choice(WORDS)} {draw.choice(WORDS)};{draw.randint(3, 60)},{draw.randint(0, 99):02}",
    )


def timetable(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f"{draw.choice(['TER', 'IC', 'RE'])} {digits(draw, 5)}  "
            + "  ".join(f"{draw.randint(4, 23):02}:{draw.randint(0, 59):02}" for _ in range(draw.randint(3, 9)))
        ),
    )


def chess(draw: random.Random) -> str:
    def move() -> str:
        return f"{draw.choice('NBRQK')}{draw.choice('abcdefgh')}{draw.randint(1, 8)}"

    return '[Event "Open"]\n[Round "3"]\n\n' + " ".join(
        f"{n}. {move()} {move()}" for n in range(1, draw.randint(20, 60))
    )


def g_code(draw: random.Random) -> str:
    return "G21\nG90\n" + _lines(
        draw,
        lambda: (
            f"N{draw.randint(10, 9990)} G1 X{draw.uniform(0, 300):.3f} Y{draw.uniform(0, 300):.3f} E{draw.uniform(0, 9):.5f} F{digits(draw, 4)}"
        ),
        20,
        80,
    )


def dump(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f"{draw.randint(0, 65535) * 16:08x}  "
            + " ".join(hexes(draw, 2) for _ in range(16))
            + "  |................|"
        ),
    )


def paths(draw: random.Random) -> str:
    way = " ".join(
        f"{draw.choice('MLCQ')}{draw.uniform(0, 900):.2f} {draw.uniform(0, 900):.2f}"
        for _ in range(draw.randint(10, 90))
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 900 900"><path d="{way}Z"/></svg>'


def coded_paths(draw: random.Random) -> str:
    kind = draw.choice(["image/svg+xml", "image/svg+xml;charset=utf-8"])
    return f".icon {{ background: url(data:{kind};base64,{base64.b64encode(paths(draw).encode()).decode()}) }}"


def pixel(draw: random.Random) -> str:
    return f'<img alt="" width="1" src="data:image/{draw.choice([a_gif, a_png])(draw)}"><p>{digits(draw, 4)}</p>'


def a_gif(draw: random.Random) -> str:
    side = draw.randint(1, 8)
    head = b"GIF89a" + struct.pack("<HHBBB", side, side, 0x80, 0, 0) + draw.randbytes(6)
    frame = b"!\xf9\x04\x01\x00\x00\x00\x00," + struct.pack("<HHHHB", 0, 0, side, side, 0)
    return "gif;base64," + base64.b64encode(head + frame + b"\x02\x02\x44\x01\x00;").decode()


def a_png(draw: random.Random, more: bytes = b"", side: int = 0) -> str:
    side = side or draw.randint(1, 8)

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    rows = b"".join(b"\x00" + draw.randbytes(4 * side) for _ in range(side))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0))
    image = b"\x89PNG\r\n\x1a\n" + head + more + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return "png;base64," + base64.b64encode(image).decode()


def signed_text(draw: random.Random) -> str:
    body = "\n".join(_b64(draw, 48) for _ in range(draw.randint(3, 9)))
    return (
        f"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nRelease {_version(draw)} of {draw.choice(WORDS)} is out.\n"
        f"-----BEGIN PGP SIGNATURE-----\n\n{body}\n={_b64(draw, 3)}\n-----END PGP SIGNATURE-----\n"
    )


def commits(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f"{hexes(draw, 40)} {draw.choice(NAMES)}: {draw.choice(WORDS)} {draw.choice(WORDS)} (#{digits(draw, 4)})"
        ),
    )


def minified(draw: random.Random) -> str:
    return "".join(
        f"function {_drawn(draw, 2)}(e,t){{return e.{draw.choice(NAMES)}={draw.randint(0, 99999)},t>>>{draw.randint(1, 31)}"
        f"^0x{hexes(draw, 8)}}}"
        for _ in range(draw.randint(5, 60))
    )


def identities(draw: random.Random) -> str:
    return _lines(draw, lambda: _id(draw), 5, 60)


def stations(draw: random.Random) -> str:
    sep = draw.choice([":", "-"])
    return _lines(
        draw,
        lambda: f"{_mac(draw, sep)}  {digits(draw, draw.choice([14, 15, 16]))}  -{draw.randint(30, 90)} dBm",
        5,
        40,
    )


def track(draw: random.Random) -> str:
    return "<trk><trkseg>\n" + _lines(
        draw,
        lambda: (
            f'<trkpt lat="{draw.uniform(42, 51):.7f}" lon="{draw.uniform(-4, 8):.7f}"><ele>{draw.uniform(0, 900):.1f}</ele>'
            f"<time>{clock(draw)}Z</time></trkpt>"
        ),
    )


def zone(draw: random.Random) -> str:
    return (
        f"$TTL 3600\n@ IN SOA ns1.example.org. admin.example.org. ( {digits(draw, 10)} 7200 3600 1209600 3600 )\n"
        + _lines(
            draw,
            lambda: (
                f"{draw.choice(WORDS)} IN {draw.choice([f'CNAME {draw.choice(WORDS)}', f'DS {draw.randint(1, 65535)} 13 2 {hexes(draw, 64)}'])}"
            ),
        )
    )


def fingerprints(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f"CN={draw.choice(WORDS)}, serial {hexes(draw, 32)}, sha256 "
            f"{':'.join(hexes(draw, 2).upper() for _ in range(32))}"
        ),
        1,
        8,
    )


def objects(draw: random.Random) -> str:
    rows = [
        {
            "id": _id(draw),
            draw.choice(NAMES): draw.choice([hexes(draw, 32), _id(draw), hexes(draw, 40), _drawn(draw, 24)]),
            "etag": hashlib.md5(draw.randbytes(4)).hexdigest(),
            "size": draw.randint(1, 10**9),
        }
        for _ in range(draw.randint(1, 20))
    ]
    return json.dumps(rows, indent=draw.choice([None, 2]))


def query(draw: random.Random) -> str:
    return _lines(
        draw,
        lambda: (
            f"SELECT {draw.choice(NAMES)}, count(*) FROM {draw.choice(WORDS)} WHERE {draw.choice(NAMES)} = "
            f"'{draw.choice([hexes(draw, 32), _id(draw)])}' LIMIT {draw.randint(1, 500)};"
        ),
        1,
        8,
    )


MACHINE_MADE: dict[str, Callable[[random.Random], str]] = {
    made.__name__: made
    for made in (
        word_fields, asset_tags, modems, checksums, integrity, yarn_lock, cargo_lock, go_sum, manifest, plan, ci_log,
        readings, parts, books, timetable, chess, g_code, dump, paths, coded_paths, pixel, commits, minified,
        identities, stations, track, zone, fingerprints, objects, query,
    )
}  # fmt: skip
