"""Kill a working gateway fifty times, and look each time what its clients were promised and what its ledger has.

    python -m bench.crash_rounds [--rounds 50] [--seed 1] [--date 2026-11-23]

Each round holds 24 requests open at their upstreams and lets 12 clients ask without pause; after a random number of
acknowledgements the gateway, its ledger's writer, or both get SIGKILL. What is compared: `tests/e2e/crash_world.py`.
Exit status 1 where anything is lost, settles other than once, or does not add up.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import crash

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "victim", "in_flight", "acknowledged", "refused", "lost", "left_unwritten", "not_settled_once", "wrong_state",
    "open", "sums_apart", "unknown", "complete_but_unknown", "verdict",
)  # fmt: skip


def main(words: Sequence[str]) -> int:
    """Play the rounds, print a line each and the table; return the exit status."""
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "e2e")]
    from crash_world import VICTIMS, Round, crash_world, triggers

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--date", default="", help="the day to keep the table with, for RESULTS.md")
    asked = parser.parse_args(words)
    chance = random.Random(asked.seed)
    print("round " + " ".join(COLUMNS), flush=True)
    rounds: list[Round] = []
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="douane-crash-") as folder, crash_world(Path(folder)) as world:
        for number in range(asked.rounds):
            found = world.play(VICTIMS[number % len(VICTIMS)], triggers(chance))
            rounds.append(found)
            cells = (f"{getattr(found, name)!s:>{len(name)}}" for name in COLUMNS)
            print(f"{number + 1:>5} {' '.join(cells)}{'' if found.ok else '  FAIL'}", flush=True)
    print(f"{len(rounds)} rounds in {time.monotonic() - started:.0f} s")
    repeat = f"python -m bench.crash_rounds --rounds {asked.rounds} --seed {asked.seed}"
    return crash.tell("Kill -9 of a working gateway", repeat, asked.date, rounds, COLUMNS[1:-1])


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
