"""Run the benchmarks: `make bench`, or `python -m bench.run --date 2026-11-23 [--peers all] [--quick] [--only NAMES]`.

Starts the mock upstream, nginx, the bare reference, the peers that are named and installed, and Douane by its shipped
command; measures; ends everything; reads the ledger back; prints a table against the budgets and writes RESULTS.md.
Exit status 1 where a budget is broken.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench import cases_cpu, cases_hold, cases_time, classification, crash, proc, readback, report
from bench.ground import REFERENCES, Ground, laid_out
from bench.peers.catalogue import OUT, PEERS, home
from bench.row import Row

HERE = Path(__file__).parent
Case = Callable[[Ground], Iterator[Row]]
CASES: tuple[tuple[str, str, Case], ...] = (
    ("chat", "A chat request, everything on", cases_cpu.chat),
    ("large", "Large requests", cases_cpu.large),
    ("away", "Off the premises", cases_cpu.away),
    ("chunks", "Streams", cases_cpu.chunks),
    ("first-byte", "Added first byte, 100 streams a second", cases_time.first_byte),
    ("abort", "Abort", cases_hold.abort),
    ("flood", "Flood", cases_hold.flood),
    ("open", "A thousand open streams", cases_hold.open_streams),
)
ALONE = ("begin", "classify")
BUSY = "Ratios of CPU stand; latencies, starts and requests per second are worse than on a quiet one."


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--date", default="", help="the day to write into RESULTS.md, which only a whole run writes")
    parser.add_argument("--peers", default="", help=f"`all`, or names beside nginx and bare, of: {', '.join(PEERS)}")
    parser.add_argument(
        "--only", default="", help=f"cases, of: {', '.join([name for name, _, _ in CASES])}, {', '.join(ALONE)}"
    )
    parser.add_argument("--quick", action="store_true", help="half the rounds")
    parser.add_argument(
        "--subject", default="douane", choices=["douane", *PEERS], help="what is tested; a peer tries the bench"
    )
    parser.add_argument(
        "--douane", default=str(Path(sys.executable).with_name("douane")), help="the command that is Douane"
    )
    return parser.parse_args(words)


def peers_of(wanted: str) -> list[str]:
    """Return the peers to start beside the references: those that are named, or all that are installed."""
    named = PEERS if wanted == "all" else dict.fromkeys(wanted.split(","))
    names = [name for name in named if name and name not in REFERENCES]
    missing = [name for name in names if name not in PEERS or not PEERS[name].installed(home(name))]
    if missing and wanted != "all":
        raise SystemExit(
            f"Not installed: {', '.join(missing)}. Install them: bench/peers/install.sh {' '.join(missing)}"
        )
    return [name for name in names if name not in missing]


def collect(title: str, rows: Iterator[Row], sections: list[tuple[str, list[Row]]]) -> None:
    """Print rows as they come, and keep them."""
    print(f"\n{title}", flush=True)
    kept: list[Row] = []
    sections.append((title, kept))
    for row in rows:
        kept.append(row)
        print(f"  {row.verdict or '-':12} {row.what:62} {row.shown:>16}  {row.budget:16} {row.note}", flush=True)


def main(words: Sequence[str]) -> int:
    """Run what was asked for."""
    asked = arguments(words)
    with proc.alone(OUT):
        return measure(asked)


def measure(asked: argparse.Namespace) -> int:
    """Measure what was asked for, and tell."""
    subprocess.run(["make", "-s", "-C", str(HERE / "load")], check=True)
    only = set(asked.only.split(",")) - {""} or {name for name, _, _ in CASES} | set(ALONE)
    facts, sections, table = report.machine(), [], []
    notes = [f"The machine was busy with other work before the run. {BUSY}"] if os.getloadavg()[0] > 1 else []
    measured = {name for name, _, _ in CASES} & only
    if "begin" in only and asked.subject == "douane":
        collect("Start and idle memory", cases_time.begin(asked.douane, 3), sections)
    if "classify" in only:
        collect("Classification before meaning, alone", classification.cases(), sections)
    if measured or asked.peers:
        with laid_out(asked.douane, asked.subject, peers_of(asked.peers), quick=asked.quick) as ground:
            for name, title, case in CASES:
                if name in measured:
                    collect(title, case(ground), sections)
            if asked.peers:
                for name, cells in cases_cpu.peers(ground):
                    table.append((name, cells))
                    print(f"  {name:14} {' | '.join(cells)}", flush=True)
        for target in (*ground.trio, *ground.others):
            notes += [f"{target.name}: {complaint.splitlines()[0]}" for complaint in target.complaints]
        if ground.data is not None:
            collect("The ledger, read back", readback.cases(ground.data, ground.subject.sent, asked.douane), sections)
    return finish(asked, facts, sections, table, notes)


def finish(
    asked: argparse.Namespace,
    facts: dict[str, str],
    sections: list[tuple[str, list[Row]]],
    table: list[tuple[str, list[str]]],
    notes: list[str],
) -> int:
    """Write the page and say how it went."""
    failed = [row for _, rows in sections for row in rows if row.verdict == "FAIL"]
    if asked.date and asked.subject == "douane" and not (asked.only or asked.quick):
        repeat = "make bench" + (f' ARGS="--peers {asked.peers}"' if asked.peers else "")
        report.write(
            report.RESULTS,
            date=asked.date,
            facts=facts,
            sections=sections,
            peers=table,
            repeat=repeat,
            notes=notes,
            crashes=crash.kept(),
        )
    for note in notes:
        print(f"note: {note}")
    print(f"\n{len(failed)} budgets broken" + "".join(f"\n  {row.what}: {row.shown}, {row.budget}" for row in failed))
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
