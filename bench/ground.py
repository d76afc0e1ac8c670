"""The ground of a run: mock upstream, bodies, references, peers and the gateway under test, all up at once."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import bodies, proc
from bench.measure import MOCK, OUT, Target
from bench.peers.catalogue import PEERS, home
from bench.peers.launch import Launch

CONFIG = Path(__file__).with_name("douane_bench.toml")
STREAMS = ("mock-p20", "mock-p20-c10", "mock-p100", "mock-d20-c10", "away-d20-c10", "mock-flood")
START_S = 30.0
REFERENCES = ("nginx", "bare")
"""The peers that are always up, and that others are measured against."""


@dataclass(slots=True)
class Ground:
    """What cases need. `subject` is the gateway under test: Douane, or a peer when the bench itself is tried out."""

    mock_port: int
    away_port: int
    direct: Target
    subject: Target
    nginx: Target
    bare: Target
    others: list[Target] = field(default_factory=list)
    quick: bool = False
    data: Path | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def trio(self) -> list[Target]:
        """The two references and the subject, for interleaved rounds."""
        return [self.nginx, self.bare, self.subject]

    def body(self, name: str) -> Path:
        return OUT / "bodies" / f"{name}.json"

    def several(self, count: int) -> int:
        """Return how many rounds to make: few when quick."""
        return max(2, count // 2) if self.quick else count


def write_bodies() -> None:
    """Write all request bodies."""
    folder = OUT / "bodies"
    bodies.write(folder, "mock", bodies.make(1024, model="mock", leaf_bytes=300))
    bodies.write(folder, "away", bodies.make(1024, model="away", leaf_bytes=300))
    bodies.write(folder, "mock-16k", bodies.make(16384, model="mock"))
    bodies.write(folder, "mock-16k-findings", bodies.make(16384, model="mock", findings=5))
    for model in STREAMS:
        bodies.write(folder, model, bodies.make(1024, model=model, leaf_bytes=300, stream=True))


def douane(command: str, port: int, data: Path, mock_port: int, away_port: int) -> Launch:
    """Return how Douane is started for the bench: the shipped command, everything on."""
    argv = (*command.split(), "up", "--config", str(CONFIG), "--data", str(data), "--port", str(port), "--no-log")
    return Launch(argv, {"BENCH_PREMISES_PORT": str(mock_port), "BENCH_AWAY_PORT": str(away_port)}, start_s=START_S)


def start(name: str, launch: Launch, port: int, body: Path) -> Target:
    """Start a server and wait until it answers one chat request."""
    running = proc.start(launch.argv, OUT / "logs" / f"{name}.log", environ=launch.environ)
    target = Target(name, port, running, launch.path, launch.key, launch.headers)
    try:
        proc.wait_until(running, lambda: target.answers(body), launch.start_s)
    except RuntimeError:
        proc.stop(running)
        raise
    return target


def fresh(folder: Path) -> Path:
    """Return an empty data folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@contextlib.contextmanager
def laid_out(command: str, subject: str, peers: Sequence[str], *, quick: bool) -> Iterator[Ground]:
    """Start everything, hand it over, and end everything but the data folder."""
    write_bodies()
    mock_port, away_port, *ports = proc.free_ports(5 + len(peers))
    body = OUT / "bodies" / "mock.json"
    with contextlib.ExitStack() as ends:
        ends.enter_context(proc.running([str(MOCK), str(mock_port), str(away_port)], OUT / "logs" / "mock.log"))
        targets: list[Target] = []
        for name, port in zip((*REFERENCES, *peers), ports, strict=False):
            try:
                targets.append(start(name, PEERS[name].launch(home(name), port, mock_port), port, body))
            except (RuntimeError, OSError) as error:
                print(f"{name} is left out: {error}", file=sys.stderr)
                if name in REFERENCES:
                    raise
                continue
            ends.callback(proc.stop, targets[-1].running)
        data = fresh(OUT / "data") if subject == "douane" else None
        port = ports[-1]
        launch = (
            douane(command, port, data, mock_port, away_port)
            if data is not None
            else PEERS[subject].launch(home(subject), port, mock_port)
        )
        tested = start(f"{subject}-subject", launch, port, body)
        tested.name = subject if subject == "douane" else f"{subject}*"
        ends.callback(proc.stop, tested.running, START_S)
        yield Ground(
            mock_port, away_port, Target("direct", mock_port), tested, targets[0], targets[1], targets[2:], quick, data
        )
