"""What reading for meaning costs, seen from outside: CPU of the gateway's whole tree for a request that could leave.

Three gateways stand side by side, without meaning, with the light stage and with both; each gets the same requests, one
after the other, no two alike, and a stage costs what the next gateway takes more. Where a window is read twice
its label comes from a cache: so every text is new.
"""

from __future__ import annotations

import contextlib
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench import ground, proc
from bench.detection import settings, texts
from bench.detection.language import NOT_THERE, has_meaning
from bench.detection.measure import Details, Found, Measure
from bench.detection.memory import WITH_MB, patterns_mb
from bench.detection.world import World
from bench.measure import OUT, Target

WHAT = (
    ("meaning, first stage, 16 KB", 4.0),
    ("meaning, second stage, one window of 100 bytes", 60.0),
    ("meaning, typical chat turn, all of it", 150.0),
)
READ_MS = 3.0
"""What costs more than this beyond the light stage was read by the second one."""

SETTLE_S = 0.04
START_S = 60.0
SYSTEM = "You are the assistant of a regional building merchant. Answer briefly, in the language of the question."
SUBJECTS = (
    "la taille des rosiers anciens", "a recipe for bread without kneading", "l'histoire du phare de Cordouan",
    "the difference between tides and currents", "un itinéraire à vélo le long de la Loire", "sorting a list in Python",
    "les accords du participe passé", "a poem about the first frost", "le fonctionnement d'une écluse",
    "how bees find their way home",
)  # fmt: skip
ASKS = ("Explique simplement", "Tell me more about", "Donne trois exemples pour", "Write a short text on",
        "Quelles erreurs éviter avec", "Give me a list about")  # fmt: skip


def thinking(world: World) -> Iterator[Found]:
    """CPU of the first stage on 16 KB, of one window, of a chat turn; memory of the tree."""
    if not has_meaning():
        for what, limit in WHAT:
            yield Measure(what, None, limit, "ms", at_least=False, note=NOT_THERE)
        yield Measure("memory with meaning, above the base", None, WITH_MB, "MB", at_least=False, note=NOT_THERE)
        return
    chance = random.Random(world.seed)
    count = 8 if world.quick else 25
    asked = {
        "16 KB": [[_user(_fresh(chance, 16 * 1024))] for _ in range(count)],
        "100 bytes": [[_user(_fresh(chance, 100))] for _ in range(2 * count)],
        "a chat turn": [_turn(chance) for _ in range(count)],
        "a first question": [[_system(), _user(_fresh(chance, 200))] for _ in range(count)],
    }
    spent: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with _gateways() as targets:
        for target in targets.values():
            for _ in range(5):
                _ask(target, [_user(_fresh(chance, 300))])
        for kind, requests in asked.items():
            for messages in requests:
                for stage, target in targets.items():
                    if len(messages) > 2:
                        _ask(target, messages[:-2])  # the turn before this one: its messages were read then
                    spent.setdefault((kind, stage), []).append(_ask(target, messages))
        stayed = {stage: f"{target.bad} of {target.sent}" for stage, target in targets.items()}
        held_mb = {stage: target.pss_mb() for stage, target in targets.items()}
    windows = [sum(full) - sum(light) for full, light in _pairs(spent, "100 bytes", "full", "light")]
    read = [one for one in windows if one > READ_MS] or windows
    turns = [sum(full) - sum(off) for full, off in _pairs(spent, "a chat turn", "full", "off")]
    own = [full[0] - off[0] for full, off in _pairs(spent, "a chat turn", "full", "off")]
    long = [sum(light) - sum(off) for light, off in _pairs(spent, "16 KB", "light", "off")]
    notes = (
        "",
        f"{len(read)} of {len(windows)} prompts were read by it",
        f"of it {statistics.median(own):.1f} ms in the gateway's own process; {stayed['full']} might not leave",
    )
    for (what, limit), figures, note in zip(WHAT, (long, read, turns), notes, strict=True):
        yield Measure(what, statistics.median(figures), limit, "ms", at_least=False, note=note)
    patterns = sum(patterns_mb()[:2])
    more = {stage: held_mb[stage] - held_mb["off"] for stage in settings.STAGES}
    yield Measure(
        "memory with meaning, above the base",
        patterns + more["full"],
        WITH_MB,
        "MB",
        at_least=False,
        note=f"patterns {patterns:.0f} MB, light stage {more['light']:.0f} MB, both {more['full']:.0f} MB, in the tree",
    )
    rows = tuple(
        (kind, *(f"{statistics.median(map(sum, spent[kind, stage])):.1f} ms" for stage in settings.STAGES))
        for kind in asked
    )
    yield Details("CPU of the gateway's tree for a request", ("request", *settings.STAGES), rows)


def _pairs(
    spent: dict[tuple[str, str], list[tuple[float, float]]], kind: str, one: str, other: str
) -> Iterator[tuple[tuple[float, float], tuple[float, float]]]:
    """Return what each request cost two of the gateways."""
    return zip(spent[kind, one], spent[kind, other], strict=True)


@contextlib.contextmanager
def _gateways() -> Iterator[dict[str, Target]]:
    """Start a gateway for each stage, and the upstream that they send to."""
    mock_port, away_port, *ports = proc.free_ports(2 + len(settings.STAGES))
    ground.write_bodies()
    subprocess.run(["make", "-s", "-C", str(Path(ground.__file__).parent / "load")], check=True)
    with contextlib.ExitStack() as ends:
        mock = [str(ground.MOCK), str(mock_port), str(away_port)]
        ends.enter_context(proc.running(mock, OUT / "logs" / "mock-detection.log"))
        yield {
            stage: _started(ends, stage, port, mock_port, away_port)
            for stage, port in zip(settings.STAGES, ports, strict=True)
        }


def _fresh(chance: random.Random, size_bytes: int) -> str:
    """Return a text that was never read before."""
    parts: list[str] = []
    while sum(map(len, parts)) < size_bytes:
        parts.append(f"{chance.choice(ASKS)} {chance.choice(SUBJECTS)}, page {chance.randint(2, 9999)}. ")
        if size_bytes > 1000:
            parts.append(chance.choice(texts.PIECES))
    return "".join(parts).encode()[:size_bytes].decode(errors="ignore")


def _turn(chance: random.Random) -> list[dict[str, str]]:
    """Return a chat of three turns: new in the last one are an answer of 500 bytes and a question of 200."""
    messages = [_system()]
    for role in ("user", "assistant", "user", "assistant"):
        messages.append({"role": role, "content": _fresh(chance, 250 if role == "user" else 500)})
    return [*messages, _user(_fresh(chance, 200))]


def _system() -> dict[str, str]:
    return {"role": "system", "content": SYSTEM}


def _user(text: str) -> dict[str, str]:
    return {"role": "user", "content": text}


def _started(ends: contextlib.ExitStack, stage: str, port: int, mock_port: int, away_port: int) -> Target:
    command = str(Path(sys.executable).with_name("douane"))
    launch = ground.douane(command, port, ground.fresh(OUT / f"data-detection-{stage}"), mock_port, away_port)
    argv = [str(settings.for_gateway(stage)) if word == str(ground.CONFIG) else word for word in launch.argv]
    running = proc.start(argv, OUT / "logs" / f"detection-{stage}.log", environ=launch.environ)
    ends.callback(proc.stop, running, START_S)
    target = Target(stage, port, running)
    proc.wait_until(running, lambda: target.answers(OUT / "bodies" / "mock.json"), START_S)
    return target


def _ask(target: Target, messages: list[dict[str, str]]) -> tuple[float, float]:
    """Send a request that could leave; return the CPU in ms of the gateway's process, and of its children."""
    body: dict[str, Any] = {"model": "away", "messages": messages}
    payload = json.dumps(body, ensure_ascii=False).encode()
    lines = [
        f"POST {target.path} HTTP/1.1",
        f"Host: 127.0.0.1:{target.port}",
        f"Authorization: Bearer {target.key}",
        "Content-Type: application/json",
        "Connection: close",
        f"Content-Length: {len(payload)}",
    ]
    head = "\r\n".join([*lines, "", ""])
    if target.running is None:
        raise RuntimeError("The gateway is not running.")
    before = target.running.cpu_of_each_us()
    answer = proc.exchange(target.port, head.encode() + payload)
    target.sent += 1
    target.bad += not answer.startswith(b"HTTP/1.1 200")
    time.sleep(SETTLE_S)
    after = target.running.cpu_of_each_us()
    more = {pid: spent - before.get(pid, 0.0) for pid, spent in after.items()}
    first = more.pop(target.running.pid)
    return first / 1e3, sum(more.values()) / 1e3
