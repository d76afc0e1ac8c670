"""The composition root: settings in, wired objects out. The only place that knows which adapter stands behind a port.

It decides nothing about traffic. It upgrades what configuration can't know: an embedded deployment gets the address,
the key and the assurance of the engine that was started, and checked, for it; it must name the model that this is.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from importlib.resources import files
from pathlib import Path

from douane import config
from douane.adapters.clock import RandomIds, SystemClock
from douane.adapters.engines.llamacpp import EngineFacts, LlamaCpp
from douane.adapters.engines.llamacpp_process import ServerSettings
from douane.adapters.engines.weights import Weights
from douane.adapters.heap import give_back
from douane.adapters.http1 import Http1Upstream
from douane.adapters.inspector.inspector import ScanningInspector
from douane.adapters.inspector.installed import detectors_installed
from douane.adapters.limits_memory import MemoryLimits
from douane.adapters.memory import ConversationMemory
from douane.adapters.shelf import FolderShelf
from douane.adapters.snapshots import CurrentSnapshot
from douane.adapters.store.directory import DataDirectory, database_of, existing
from douane.adapters.store.key_book import KeyBook
from douane.adapters.store.sqlite_keys import SqliteKeys
from douane.adapters.store.sqlite_ledger import SqliteLedger
from douane.adapters.telemetry import Counts
from douane.adapters.vault import FileVault
from douane.control.engine_model import SMOLLM2, locate
from douane.control.explain import ANYBODY, Explanation, explain
from douane.control.extra_packages import require_extras
from douane.control.keys import Wanted, create
from douane.core.label import COMPARTMENTS, Label, Level
from douane.core.models.catalogue import Assurance, Deployment, KindFacts
from douane.core.traffic.clearance import Revocations
from douane.core.traffic.keys import SECRET_BYTES
from douane.core.traffic.limits import period_of, period_start_us
from douane.core.traffic.routing import Wish
from douane.core.traffic.snapshot import Key, Rates, Snapshot
from douane.detect.scanner import Scanner
from douane.detect.settings import MeaningSettings
from douane.errors import (
    ConfigurationError,
    ConfigurationErrors,
    DouaneError,
    EngineFailed,
    InvalidRequest,
    NotFound,
    StoreFailed,
)
from douane.gateway.conditions import ConditionBook
from douane.gateway.pipeline import Gateway, Shell
from douane.ports import FindNames, Understand
from douane.wire.kinds import registry
from douane.wire.kinds.kind import Kind

ENGINE = ServerSettings(alias=SMOLLM2.id)
_RELOAD = "A reload drops no request and waits for nothing."
_UNTIL_RESTART = ("host", "port", "data_dir")
"""What of `[server]` holds from start to end. Every other setting there is a bound of the edge's."""
_LOG_PERIOD_S = 0.1
_KEYS_PERIOD_S = 1.0

BeforeStart = Callable[[config.ServerSettings], Awaitable[None]]
"""What must hold before anything is started that takes long; it raises a DouaneError where it doesn't."""


async def _nothing(_server: config.ServerSettings) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Start:
    """What the command line decides: None leaves it to the configuration."""

    config_path: str | None = None
    data_dir: str | None = None
    demo: bool = False
    log: bool = True


def kinds_installed() -> Mapping[str, Kind]:
    """Return the upstream kinds: ours, and those of third parties (entry point group `douane.upstreams`)."""
    extra = {point.name: point.load()() for point in entry_points(group="douane.upstreams")}
    return registry(extra)


def configuration_of(start: Start, kinds: Mapping[str, Kind]) -> config.Configuration:
    """Load the configuration that `start` means: a file, the demo, or the embedded default."""
    if start.config_path is not None:
        found = config.load(start.config_path, kinds=_facts(kinds))
    else:
        name = "demo.toml" if start.demo else "default.toml"
        text = files("douane.data").joinpath(name).read_text(encoding="utf-8")
        found = config.loads(text, base_dir=".", kinds=_facts(kinds), source=name)
    return replace(found, detectors=replace(found.detectors, installed=detectors_installed()))


def _facts(kinds: Mapping[str, Kind]) -> config.KindTable:
    return {name: _started(kind.facts) if kind.facts.supervised else kind.facts for name, kind in kinds.items()}


def _started(facts: KindFacts) -> KindFacts:
    """Return what an engine of our own can do as it is started here: whoever only explains knows it, too."""
    return replace(facts, capabilities=facts.capabilities.within(ENGINE.capabilities))


def scanner_of(configuration: config.Configuration) -> Scanner:
    """Return the scanner of a configuration, compiled anew only where nothing compiled is kept."""
    return Scanner.of(configuration.detectors, shelf=_shelf())


def _shelf() -> FolderShelf | None:
    folder = config.cache_dir()
    return FolderShelf(Path(folder)) if folder is not None else None


class House:
    """Everything wired, from `open` to `close`."""

    def __init__(self, start: Start, configuration: config.Configuration, kinds: Mapping[str, Kind]) -> None:
        self.configuration = configuration
        self.clock = SystemClock()
        self.kinds = kinds
        self.engines: dict[str, LlamaCpp] = {}
        self.snapshots: CurrentSnapshot
        self.directory: DataDirectory
        self.ledger: SqliteLedger
        self.key_book: KeyBook
        self.keys: SqliteKeys
        self.upstream: Http1Upstream
        self.inspector: ScanningInspector
        self.vault: FileVault
        self.conversations: ConversationMemory
        self.gateway: Gateway
        self.limits = MemoryLimits(self.clock)
        self.conditions = ConditionBook(self.clock)
        self.telemetry = Counts(self.clock, _to_stderr if start.log else None)
        self.start = start
        self.first_key: str | None = None
        self.take_bounds: Callable[[config.ServerSettings], None] = lambda _server: None
        """How whoever listens takes the bounds of a reload: at once, or by an exception and not at all."""
        self._exits = AsyncExitStack()
        self._budgets_loaded: dict[str, tuple[str, str]] = {}
        self._reloading = asyncio.Lock()

    @classmethod
    async def open(
        cls, start: Start, *, say: Callable[[str], None] = lambda _line: None, before_start: BeforeStart = _nothing
    ) -> House:
        """Wire everything and start what must run; `say` gets a line for each step. Raises DouaneError."""
        kinds = kinds_installed()
        house = cls(start, configuration_of(start, kinds), kinds)
        try:
            await house._build(say, before_start)
        except BaseException:
            await house.close()
            raise
        return house

    async def _build(self, say: Callable[[str], None], before_start: BeforeStart) -> None:
        exits = self._exits
        data_dir = config.data_dir(self.start.data_dir, self.configuration)
        self.directory = DataDirectory.claim(Path(data_dir))
        exits.callback(self.directory.release)
        require_extras(self.configuration.detectors)
        await before_start(self.configuration.server)
        self.ledger = await SqliteLedger.open(self.directory, self.clock)
        exits.push_async_callback(self.ledger.aclose)
        if self.ledger.recovered:
            say(f"Settled {self.ledger.recovered} attempts that an earlier process left open.")
        await self._start_engines(say)
        self.snapshots = CurrentSnapshot(self._with_engines(self.configuration.snapshot))
        self.key_book = KeyBook(self.directory.database)
        self.first_key = self._make_first_key()
        self.keys = SqliteKeys.open(self.directory.database, self.snapshots)
        exits.callback(self.keys.close)
        self.upstream = Http1Upstream()
        exits.push_async_callback(self.upstream.aclose)
        self.inspector = ScanningInspector(self.configuration.detectors, shelf=_shelf())
        exits.push_async_callback(self.inspector.aclose)
        await self.inspector.start()
        self.conversations = await ConversationMemory.open(self.directory.path, self.clock)
        exits.push_async_callback(self.conversations.aclose)
        await self._load_budgets()
        self.vault = FileVault(self.directory.path, self.clock, lambda: self.snapshots.current().policy.vault_s)
        exits.callback(self.vault.close)
        await self._open_vault(self.configuration.snapshot)
        self.gateway = Gateway(
            Shell(
                self.clock,
                RandomIds(),
                self.snapshots,
                self.keys,
                self.limits,
                self.inspector,
                self.ledger,
                self.upstream,
                self.telemetry,
                self.kinds,
                self.conditions,
                self.conversations,
                self.vault,
                report=lambda line: self.telemetry.note("fault", what=line),
            )
        )
        for job in (self._keep_keys(), self._keep_log()):
            exits.push_async_callback(_ended, asyncio.create_task(job))

    async def _open_vault(self, snapshot: Snapshot) -> None:
        """Open the vault where anything may be masked: what is wrong with it is told before the first request."""
        if any(zone.mask for zone in snapshot.zones.values()):
            await self.vault.ready()

    # --- engines ---------------------------------------------------------------------------------------------------

    async def _start_engines(self, say: Callable[[str], None]) -> None:
        wanted = [d for d in self.configuration.snapshot.deployments.values() if d.kind == "embedded"]
        if not wanted:
            return
        weights = Weights(str(locate(SMOLLM2)), SMOLLM2.sha256, SMOLLM2.size_bytes)
        threads = max(1, (os.cpu_count() or 2) // len(wanted))
        for deployment in wanted:
            name = deployment.name
            engine = LlamaCpp(
                name,
                weights,
                replace(ENGINE, threads=threads),
                on_change=lambda ready, name=name: self._engine_turned(name, ready),  # type: ignore[misc]
            )
            self.engines[name] = engine
            self._exits.push_async_callback(engine.stop)
        await asyncio.gather(*(engine.start() for engine in self.engines.values()))
        say(f"Model {SMOLLM2.id} ready, sha256 {SMOLLM2.sha256[:12]}... checked, {len(wanted)} engine(s).")

    def _engine_turned(self, name: str, ready: bool) -> None:
        self.conditions.set_ready(name, ready=ready)
        self.telemetry.note("engine", deployment=name, ready=ready)

    def _with_engines(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot with the embedded deployments as their engines are: address, key, digest, verified."""
        if not self.engines:
            return snapshot
        deployments: dict[str, Deployment] = dict(snapshot.deployments)
        for name, engine in self.engines.items():
            given = deployments.get(name)
            if given is not None and given.kind == "embedded":
                deployments[name] = as_served(given, engine.facts)
        return replace(snapshot, deployments=deployments)

    # --- reload ----------------------------------------------------------------------------------------------------

    async def reload(self) -> str:
        """Load the configuration again and put it in force whole; return its version. The old one stays on an error."""
        async with self._reloading:
            return await self._reload()

    async def _reload(self) -> str:
        fresh = configuration_of(self.start, self.kinds)
        if problems := tuple(self._needing_restart(fresh)):
            raise ConfigurationErrors(problems)
        require_extras(fresh.detectors)
        snapshot = self._with_engines(fresh.snapshot)
        spent = await self._spent_before(snapshot.keys.values(), snapshot.rates)
        prepared = await self.inspector.prepare(fresh.detectors)
        await self._open_vault(snapshot)
        self.take_bounds(fresh.server)
        self._keep_budgets(spent)
        self.configuration = fresh
        self.inspector.take(fresh.detectors, prepared)
        give_back()
        self.snapshots.swap(snapshot)
        version = snapshot.version
        self.telemetry.note("reload", version=version)
        return version

    def _needing_restart(self, fresh: config.Configuration) -> Iterator[ConfigurationError]:
        """Tell what a configuration asks for that a reload does not do."""
        for deployment in fresh.snapshot.deployments.values():
            if deployment.kind == "embedded" and deployment.name not in self.engines:
                yield ConfigurationError(
                    f"Deployment `{deployment.name}` needs an engine of its own, which a reload does not start.",
                    "Restart Douane.",
                    rule=_RELOAD,
                    param=f"deployments.{deployment.name}",
                )
        for setting in _UNTIL_RESTART:
            if getattr(fresh.server, setting) != getattr(self.configuration.server, setting):
                yield ConfigurationError(
                    f"`server.{setting}` has changed, which needs a restart.",
                    "Restart Douane, or set it back.",
                    rule=_RELOAD,
                    param=f"server.{setting}",
                )

    # --- what runs beside the requests -------------------------------------------------------------------------------

    async def _keep_keys(self) -> None:
        while True:
            await asyncio.sleep(_KEYS_PERIOD_S)
            try:
                if await asyncio.to_thread(self.keys.refresh):
                    await self._load_budgets()
            except StoreFailed as error:
                self.telemetry.note("keys_not_refreshed", problem=error.problem)

    async def _keep_log(self) -> None:
        while True:
            await asyncio.sleep(_LOG_PERIOD_S)
            self.telemetry.flush()

    def _make_first_key(self) -> str | None:
        """Make the admin key of a new data folder; its secret is shown once, by whoever opened the house."""
        if any(entry.key.admin for entry in self.key_book.entries()):
            return None
        wanted = Wanted("admin", floor="public", admin=True)
        return create(self.key_book, self.clock, secrets.token_bytes(SECRET_BYTES), wanted)

    async def keys_changed(self) -> None:
        """Read the store's keys now: somebody changed them through this process."""
        await asyncio.to_thread(self.keys.refresh)
        await self._load_budgets()

    async def _load_budgets(self) -> None:
        self._keep_budgets(await self._spent_before(self.keys.all(), self.snapshots.current().rates))

    async def _spent_before(self, keys: Iterable[Key], rates: Rates) -> list[tuple[Key, int]]:
        """Return what each key had spent in its running period before its budget was kept here.

        A budget that is new, or that changed its currency or its period, was not kept until now.
        """
        spendings: list[tuple[Key, int]] = []
        for key in tuple(keys):
            if key.budget is None:
                self._budgets_loaded.pop(key.name, None)
                continue
            if self._budgets_loaded.get(key.name) == (key.budget.currency, key.budget.per):
                continue
            since_us = period_start_us(period_of(self.clock.now_us() // 1_000_000, key.budget.per))
            spent = await self.ledger.spent_micro(key.name, since_us)
            total = 0
            for currency, amount in spent.items():
                converted = rates.convert_micro(amount, currency, key.budget.currency)
                total += key.budget.amount_micro if converted is None else converted
            spendings.append((key, total))
        return spendings

    def _keep_budgets(self, spendings: list[tuple[Key, int]]) -> None:
        for key, total in spendings:
            self.limits.load(key, total)
            if key.budget is not None:
                self._budgets_loaded[key.name] = (key.budget.currency, key.budget.per)

    def readiness(self) -> DouaneError | None:
        """Return why the gateway should get no traffic now, or None."""
        if self.ledger.failure is not None:
            return self.ledger.failure
        down = [name for name, engine in self.engines.items() if not engine.ready]
        if not down:
            return None
        return EngineFailed(
            f"The engine of deployment `{down[0]}` is not ready.",
            "Wait until it is started again; the log and `douane doctor` tell why where it stays so.",
            rule="A gateway gets traffic while its ledger commits and its engines answer.",
            retry_after_s=1.0,
        )

    async def close(self) -> None:
        """End everything in the reverse order of its start."""
        await self._exits.aclose()
        self.telemetry.flush()


def as_served(given: Deployment, engine: EngineFacts) -> Deployment:
    """Return a deployment as its engine serves it, verified. Raises ConfigurationError for the name of another model.

    What it can do is what both say: a configuration restricts an engine, and never extends it.
    """
    if given.model != engine.upstream_model:
        raise ConfigurationError(
            f"Deployment `{given.name}` is model `{given.model}`, and its engine serves `{engine.upstream_model}`.",
            f'Set `model = "{engine.upstream_model}"`.',
            rule="What is served is the model that was named.",
            param=f"deployments.{given.name}.model",
        )
    return replace(
        given,
        endpoint=engine.endpoint,
        api_key=engine.api_key,
        upstream_model=engine.upstream_model,
        capabilities=given.capabilities.within(engine.capabilities),
        assurance=Assurance.VERIFIED,
        model_digest=engine.model_digest,
    )


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


def _to_stderr(lines: bytes) -> None:
    sys.stderr.buffer.write(lines)
    sys.stderr.buffer.flush()


def _patterns_alone(_settings: MeaningSettings) -> None:
    return None


def explain_offline(
    body: bytes,
    *,
    config_path: str | None,
    data_dir: Path | None,
    key_name: str | None,
    level: str,
    compartments: tuple[str, ...],
    latency: str,
    understand_with: Callable[[MeaningSettings], Understand | None] = _patterns_alone,
    names_with: Callable[[bool], FindNames | None] = lambda _wanted: None,
) -> Explanation:
    """Explain a request body on a configuration, without an engine or a network.

    `understand_with` makes what reads for meaning, `names_with` what reads for names, where policy asks for it.
    The keys of the store count, and what was revoked or blocked there: of the one in `data_dir`, which must be there,
    or of the one that `up` would use with this configuration, where there is one.
    """
    kinds = kinds_installed()
    configuration = configuration_of(Start(config_path, demo=True), kinds)
    snapshot = configuration.snapshot
    deployments = {
        name: replace(d, assurance=Assurance.VERIFIED) if d.kind == "embedded" else d
        for name, d in snapshot.deployments.items()
    }
    declared = Level.parse(level)
    if declared is None or latency not in set(Wish):
        raise InvalidRequest(
            "The level or the latency is not known.",
            "Levels are public, internal, confidential, restricted; latencies interactive, standard, batch.",
        )
    known = COMPARTMENTS | snapshot.compartments
    if not known.issuperset(compartments):
        raise InvalidRequest(
            "A compartment is not one that the configuration knows.", f"Choose among {', '.join(sorted(known))}."
        )
    folder = data_dir or Path(config.data_dir(None, configuration))
    database = existing(folder) if data_dir is not None or database_of(folder).exists() else None
    key = ANYBODY if key_name is None else snapshot.keys.get(key_name) or _stored_key(key_name, database)
    return explain(
        body,
        replace(snapshot, deployments=deployments),
        scanner_of(configuration),
        kinds,
        SystemClock(),
        key=key,
        declared=Label(declared, frozenset(compartments)),
        wish=Wish(latency),
        revoked=None if database is None else _revocations(database, snapshot),
        understand=understand_with(configuration.detectors.meaning),
        find_names=names_with(configuration.detectors.names.wanted),
    )


def _revocations(database: Path, snapshot: Snapshot) -> Revocations:
    """Return what a store has withdrawn, as the gateway reads it. Raises StoreFailed."""
    with closing(SqliteKeys.open(database, CurrentSnapshot(snapshot))) as keys:
        return keys.revocations()


def _stored_key(name: str, database: Path | None) -> Key:
    """Return a key in force of a store. Raises NotFound."""
    entries = KeyBook(database).entries() if database is not None else ()
    for entry in entries:
        if entry.key.name == name and entry.revoked_us is None:
            return entry.key
    where = "in the configuration" if database is None else "in force, in the configuration or the store"
    raise NotFound(
        f"There is no key `{name}` {where}.",
        "Name one of `keys.*`; for a key of the store give its folder: `--data DIR`."
        if database is None
        else "`douane keys list` shows those of the store.",
        param="--key",
    )
