"""The results as a page: machine, versions, figures against budgets, peers, and how to repeat it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path

from bench import crash
from bench.detection import page
from bench.disk import durable_writes_ms
from bench.measure import percentile
from bench.peers.catalogue import OUT, PEERS
from bench.peers.launch import on_path
from bench.row import Row

RESULTS = Path(__file__).with_name("RESULTS.md")
PACKAGES = ("uvicorn", "uvloop", "httptools", "orjson", "hyperscan", "pydantic", "starlette")


def machine() -> dict[str, str]:
    """Say what the figures were measured on."""
    info = Path("/proc/cpuinfo").read_text()
    model = next(
        (line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), "unknown"
    )
    memory_kb = next(
        int(line.split()[1]) for line in Path("/proc/meminfo").read_text().splitlines() if "MemTotal" in line
    )
    writes = durable_writes_ms(OUT, 100)
    return {
        "processor": f"{model}, {os.cpu_count()} cores",
        "memory": f"{memory_kb * 1024 / 1e9:.0f} GB",
        "system": f"{platform.system()} {platform.release()}",
        "durable write of 8 KB": f"p50 {percentile(writes, 0.5):.2f} ms, p99 {percentile(writes, 0.99):.2f} ms",
        "load before the run": " ".join(f"{value:.2f}" for value in os.getloadavg()),
        "Python": f"{platform.python_version()} ({sys.implementation.name})",
        "CONFIG_ARGS": _config_args(),
        "packages": ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        "nginx": _first_line([on_path("nginx") or "nginx", "-v"]),
        "commit": _first_line(["git", "-C", str(RESULTS.parent), "rev-parse", "--short", "HEAD"]),
    }


def _config_args() -> str:
    """Return how the interpreter was configured; folders of the machine say nothing and are left out."""
    words = str(sysconfig.get_config_var("CONFIG_ARGS") or "").replace("'", "").split()
    told = [word for word in words if word.startswith(("--enable", "--with", "--disable")) and "/" not in word]
    optimised = "--enable-optimizations" in words
    return f"{' '.join(told) or 'none of note'} ({'optimised' if optimised else 'no --enable-optimizations'})"


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"


def _first_line(argv: Sequence[str]) -> str:
    try:
        done = subprocess.run(list(argv), capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return "missing"
    return (done.stdout + done.stderr).strip().split("\n")[0]


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = ["| what | measured | budget | | note |", "|---|---|---|---|---|"]
    lines += [f"| {row.what} | {row.shown} | {row.budget} | {row.verdict} | {row.note} |" for row in rows]
    return "\n".join(lines)


def write(
    path: Path,
    *,
    date: str,
    facts: Mapping[str, str],
    sections: Sequence[tuple[str, Sequence[Row]]],
    peers: Sequence[tuple[str, Sequence[str]]],
    repeat: str,
    notes: Sequence[str],
    crashes: Sequence[crash.Crashes] = (),
) -> None:
    """Write the results' page; `crashes` are kept runs of `make crash`; what it tells of detection stays."""
    rows = [row for _, each in sections for row in each]
    judged = [row for row in rows if row.verdict in ("pass", "FAIL")]
    failed = [row for row in judged if row.verdict == "FAIL"]
    parts = [
        "# Results",
        f"Made by `{repeat}` on {date}. {len(judged) - len(failed)} of {len(judged)} budgets kept. "
        "What each figure means: `bench/README.md`.",
        "\n".join(f"- {name}: {value}" for name, value in facts.items()),
    ]
    for title, each in sections:
        parts += [f"## {title}", table(each)]
    if peers:
        head = ["| gateway | version | 1 KB | 16 KB | per chunk | memory after |", "|---|---|---|---|---|---|"]
        versions = {name: str(peer.VERSION) for name, peer in PEERS.items()} | {"douane": _version("douane")}
        lines = [f"| {name} | {versions.get(name, '')} | {' | '.join(cells)} |" for name, cells in peers]
        parts += [
            "## Peers",
            "CPU, least of the rounds, and in brackets the median ratio to nginx in the same rounds. nginx, HAProxy, "
            "the bare reference and vllm-router enforce nothing; LiteLLM runs without a database, so "
            "without virtual keys.",
            "\n".join(head + lines),
        ]
    parts += [one.section() for one in crashes]
    parts += [kept] if (kept := page.kept_in(path)) else []
    if notes:
        parts += ["## Notes of the run", "\n".join(f"- {note}" for note in notes)]
    path.write_text("\n\n".join(parts) + "\n")
