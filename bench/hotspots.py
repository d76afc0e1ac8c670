"""Where Douane spends its time: `python -m bench.hotspots [--how calls|samples|system] [--body mock] [--seconds 4]`.

`calls` runs it under cProfile (counts every call; inflates small functions), `samples` watches it with py-spy (honest
about proportions; put into bench/out on first use), `system` counts system calls a request with strace. Each loads
Douane with one body at 8 connections against the mock upstream, and prints the top of the list.
"""

from __future__ import annotations

import argparse
import collections
import pstats
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from bench import ground as grounds
from bench import proc
from bench.measure import MOCK, OUT, Result, Target
from bench.peers.launch import make_venv, on_path

SPY = "py-spy==0.4.3"
ENTRY = "import sys; sys.argv[0] = 'douane'; from douane.cli.main import main; main()"


def calls(words: Sequence[str], environ: dict[str, str], asked: argparse.Namespace) -> None:
    """Print the functions in which most time was spent, and how often each was called per request."""
    stats = OUT / "hotspots.pstats"
    stats.unlink(missing_ok=True)
    runner = OUT / "hotspots_entry.py"
    runner.write_text(
        "import cProfile, sys\nfrom douane.cli.main import main\nprofile = cProfile.Profile()\n"
        f"try:\n    profile.runcall(main)\nfinally:\n    profile.dump_stats({str(stats)!r})\n"
    )
    _, target = loaded([sys.executable, str(runner), *words], environ, asked)
    count = max(1, target.sent)
    rows = pstats.Stats(str(stats)).stats.items()  # type: ignore[attr-defined]
    print(f"{count} requests\n{'us self':>9} {'us with all':>11} {'calls':>7}  a request")
    for (file, line, name), (_, number, own_s, with_all_s, _) in sorted(rows, key=lambda row: -row[1][2])[: asked.top]:
        where = f"{'/'.join(Path(file).parts[-3:])}:{line}" if line else "built in"
        print(f"{own_s / count * 1e6:9.2f} {with_all_s / count * 1e6:11.2f} {number / count:7.2f}  {name}  {where}")


def samples(words: Sequence[str], environ: dict[str, str], asked: argparse.Namespace) -> None:
    """Print the functions in which most samples stand, by themselves and with all they call."""
    home = OUT / "peers" / "py-spy"
    spy = home / "venv/bin/py-spy"
    if not spy.exists():
        make_venv(home, SPY)
    folded = OUT / "hotspots.folded"
    folded.unlink(missing_ok=True)
    spies: list[subprocess.Popen[bytes]] = []

    def watch(target: Target) -> None:
        assert target.running is not None
        argv = [spy, "record", "--pid", target.running.pid, "--format", "raw", "--rate", 400]
        argv += ["--duration", max(1, int(asked.seconds) - 1), "--output", folded, "--nonblocking"]
        spies.append(subprocess.Popen([str(word) for word in argv], stdout=subprocess.DEVNULL))

    result, _ = loaded([sys.executable, "-c", ENTRY, *words], environ, asked, watch, lambda _target: spies[0].wait(30))
    own: collections.Counter[str] = collections.Counter()
    under: collections.Counter[str] = collections.Counter()
    for line in folded.read_text().splitlines():
        stack, _, number = line.rpartition(" ")
        frames = stack.split(";")
        own[frames[-1]] += int(number)
        under.update(dict.fromkeys(frames, int(number)))
    total = max(1, own.total())
    print(f"{result.count('ok')} requests, {total} samples\n   self  with all")
    for frame, number in own.most_common(asked.top):
        print(f"{number / total:7.1%} {under[frame] / total:8.1%}  {frame}")


def system(words: Sequence[str], environ: dict[str, str], asked: argparse.Namespace) -> None:
    """Print system calls per request, of the gateway and its writer."""
    counted = OUT / "hotspots.strace"
    tracers: list[subprocess.Popen[bytes]] = []

    def watch(target: Target) -> None:
        assert target.running is not None
        pids = [word for pid in target.running.tree() for word in ("-p", str(pid))]
        argv = [on_path("strace") or "strace", "-c", "-f", "-q", "-o", str(counted), *pids]
        tracers.append(subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        time.sleep(0.5)

    def ended(_target: Target) -> None:
        tracers[0].send_signal(signal.SIGINT)
        tracers[0].wait(10)

    result, _ = loaded([sys.executable, "-c", ENTRY, *words], environ, asked, watch, ended)
    count = max(1, result.count("ok"))
    print(f"{count} requests\n  calls a request")
    for line in counted.read_text().splitlines():
        row = re.match(r"\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$", line)
        if row and int(row[1]) / count >= 0.005:
            print(f"{int(row[1]) / count:8.2f}  {row[2]}")


def loaded(
    argv: Sequence[str], environ: dict[str, str], asked: argparse.Namespace, *steps: object
) -> tuple[Result, Target]:
    """Start Douane, warm it up, load it, end it; `steps` run before and after the load that counts."""
    before, after = [*steps, None, None][:2]
    port = int(argv[argv.index("--port") + 1])
    with proc.running(list(argv), OUT / "logs" / "hotspots.log", environ=environ) as running:
        target = Target("douane", port, running)
        proc.wait_until(running, lambda: target.answers(OUT / "bodies" / "mock.json"), grounds.START_S)
        options = {"connections": asked.connections}
        target.load(OUT / "bodies" / f"{asked.body}.json", seconds=0.5, **options)
        if callable(before):
            before(target)
        began = running.cpu_of_each_us()
        result = target.load(OUT / "bodies" / f"{asked.body}.json", seconds=asked.seconds, **options)
        for number, (pid, cpu_us) in enumerate(running.cpu_of_each_us().items()):
            each = (cpu_us - began.get(pid, 0.0)) / max(1, result.count("ok"))
            print(f"{each:8.1f} us CPU a request  {'child' if number else 'gateway'}")
        if callable(after):
            after(target)
    for complaint in target.complaints:
        print(complaint, file=sys.stderr)
    return result, target


def main(words: Sequence[str]) -> None:
    """Run one way of looking."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ways = {"calls": calls, "samples": samples, "system": system}
    parser.add_argument("--how", default="samples", choices=ways)
    parser.add_argument("--body", default="mock", help="the name of a body in bench/out/bodies, without .json")
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--top", type=int, default=45)
    asked = parser.parse_args(words)
    with proc.alone(OUT):
        look(ways[asked.how], asked)


def look(way: Callable[[Sequence[str], dict[str, str], argparse.Namespace], None], asked: argparse.Namespace) -> None:
    """Lay out Douane and its upstream, and look at them in one way."""
    subprocess.run(["make", "-s", "-C", str(Path(__file__).parent / "load")], check=True)
    grounds.write_bodies()
    mock_port, away_port, port = proc.free_ports(3)
    launch = grounds.douane("douane", port, grounds.fresh(OUT / "data-hotspots"), mock_port, away_port)
    with proc.running([str(MOCK), str(mock_port), str(away_port)], OUT / "logs" / "mock-hotspots.log"):
        way(launch.argv[1:], dict(launch.environ), asked)


if __name__ == "__main__":
    main(sys.argv[1:])
