"""Puts a wired house behind the edge: probes, admin API, reload, and what is printed when it is ready."""

from __future__ import annotations

import asyncio
import gc
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace

import orjson
import uvloop

from douane import __version__
from douane.adapters.heap import give_back
from douane.bootstrap import House, Start
from douane.config import ServerSettings
from douane.errors import ConfigurationErrors, DouaneError
from douane.http.admin_house import admin_of
from douane.http.app import Application, Probe, fresh_request_id, reading_page
from douane.http.hosts import is_local, known_name, way_to
from douane.http.response import Page, error_page
from douane.http.server import Address, probe_address, serve
from douane.http.settings import EdgeSettings
from douane.wire.head import Head


def run_house(start: Start, *, host: str | None, port: int | None, program: str = "douane") -> None:
    """Open the house, serve until told to stop, close it. Raises DouaneError where it cannot begin.

    `program` is what runs the command line here, for the commands that are shown.
    """

    async def can_listen(server: ServerSettings) -> None:
        await probe_address(edge_settings(server, host, port))

    async def whole_life() -> None:
        house = await House.open(start, say=_say, before_start=can_listen)
        try:
            settings = edge_settings(house.configuration.server, host, port)
            app = application(house, settings)
            house.take_bounds = lambda server: app.apply(edge_settings(server, host, port))
            await serve(
                app,
                settings,
                on_ready=lambda addresses: _ready(house, addresses, program),
                reload=lambda: _reload(house),
            )
        finally:
            await house.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(whole_life())


def _ready(house: House, addresses: Sequence[Address], program: str) -> None:
    print("\n".join(welcome(house, addresses, program)), flush=True)  # noqa: T201 - the terminal of whoever runs it
    gc.collect()
    gc.freeze()  # what was built until now stays: the collector need not look at it for each request
    gc.set_threshold(20_000, 20, 20)
    give_back()


def edge_settings(server: ServerSettings, host: str | None, port: int | None) -> EdgeSettings:
    """Return the edge's bounds: what the configuration says, with the command line's address."""
    settings = EdgeSettings(
        host=server.host if host is None else host,
        port=server.port if port is None else port,
        hosts=server.hosts,
        head_s=server.head_s,
        body_s=server.body_s,
        idle_s=server.idle_s,
        write_stall_s=server.write_stall_s,
        drain_s=server.drain_s,
        max_connections=server.max_connections,
        max_body_bytes=server.max_body_bytes,
    )
    waiting = max(settings.max_waiting_bytes, 4 * settings.max_body_bytes)
    return replace(settings, max_waiting_bytes=waiting)


def application(house: House, settings: EdgeSettings) -> Application:
    """Return the application: gateway, probes, admin API."""
    return Application(
        house.gateway,
        probes=probes(house),
        mounted=lambda: admin_of(house),
        report=lambda line: house.telemetry.note("fault", what=line),
        settings=settings,
    )


def probes(house: House) -> dict[str, Probe]:
    """Return what answers GET on /healthz, /readyz and /metrics; none of them asks anything outside this process."""

    def alive(_head: Head) -> Page:
        return reading_page(200, b"application/json", b'{"status":"ok"}')

    def ready(head: Head) -> Page:
        failure = house.readiness()
        if failure is None:
            return reading_page(200, b"application/json", b'{"status":"ready"}')
        return error_page(failure, fresh_request_id(), head.path)

    def metrics(_head: Head) -> Page:
        gauges = {
            "douane_ready": float(house.readiness() is None),
            "douane_ledger_failing": float(house.ledger.failure is not None),
        }
        return reading_page(200, b"text/plain; version=0.0.4; charset=utf-8", house.telemetry.render(gauges))

    return {"/healthz": alive, "/readyz": ready, "/metrics": metrics}


async def _reload(house: House) -> None:
    try:
        version = await house.reload()
    except ConfigurationErrors as errors:
        for error in errors.problems:
            place = f"{error.param}: " if error.param else ""
            _say(f"Not reloaded. {place}{error.problem} {error.fix}")
    except DouaneError as error:
        _say(f"Not reloaded. {error.problem} {error.fix}")
    else:
        _say(f"Reloaded: configuration {version[:12]}.")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201 - the terminal of whoever runs it


def welcome(house: House, addresses: Sequence[Address], program: str) -> list[str]:
    """Return what is printed once the house serves: where, with which configuration, keys, and what to try."""
    hosts = house.configuration.server.hosts
    bound, port = next((each for each in addresses if way_to(each[0], hosts) is not None), addresses[0])
    name = way_to(bound, hosts) or bound
    base = f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
    lines = [
        f"Douane {__version__} is up: {base}/v1 (health {base}/healthz, metrics {base}/metrics)",
        f"Configuration {house.configuration.source}, version {house.snapshots.current().version[:12]}; "
        f"ledger {house.directory.database}",
    ]
    lines += [f"Warning: {w.fact} {w.fix}" for w in house.configuration.warnings]
    lines += host_warnings(bound, hosts)
    if house.snapshots.current().policy.allow_unchecked:
        lines.append("Warning: `policy.allow_unchecked` is on: deployments whose weights nobody checked may serve.")
    lines += _key_lines(house, program)
    lines += _things_to_try(house, base, program)
    return lines


def host_warnings(bound: str, hosts: Sequence[str]) -> list[str]:
    """Warn of requests that reach the gateway and are refused for the name that they call it by."""
    names = ", ".join(hosts)
    if way_to(bound, hosts) is None:
        return [
            f"Warning: `server.hosts` ({names}) names nothing that leads to {bound}: what calls it so is refused."
            " Add the name or address that clients use."
        ]
    if not is_local(bound) and all(is_local(known_name(host) or "") for host in hosts):
        return [
            f"Warning: `server.hosts` ({names}) names this machine alone: what calls it otherwise is refused."
            " Add the name or address that clients use."
        ]
    return []


def _key_lines(house: House, program: str) -> list[str]:
    if house.first_key is None:
        floor = " --floor public" if house.start.demo else ""
        another = f"{program} keys create NAME{floor} --data {shlex.quote(str(house.directory.path))}"
        return ["", f"Keys are in the store already. Another:  {another}", ""]
    return ["", f"Admin key, shown this once:  export DOUANE_KEY={house.first_key}", ""]


def _things_to_try(house: House, base: str, program: str) -> list[str]:
    if not house.start.demo:
        return []
    texts = (
        ("public text: may go to the cloud", "Say hello in one short sentence."),
        ("an IBAN: confidential, stays", "Pay invoice 12 to FR14 2004 1010 0505 0001 3M02 606."),
        ("a French NIR: restricted, stays", "Le salarié au NIR 2 69 05 49 588 157 80 demande un congé."),
        (
            "a diagnosis without a name: stays by its meaning",
            "Write to her GP that the biopsy shows a carcinoma.",
        ),
    )
    lines = ["Try it (SmolLM2-135M is a demonstration model; watch x-douane-zone, not its wisdom):"]
    for what, text in texts:
        body = orjson.dumps(
            {"model": "chat", "max_tokens": 32, "messages": [{"role": "user", "content": text}]}
        ).decode()
        lines += [
            f"  # {what}",
            f'  curl -si {base}/v1/chat/completions -H "Authorization: Bearer $DOUANE_KEY" '
            f"-H 'Content-Type: application/json' -d '{body}'",
        ]
    lines += ["  # and what went where", f"  {program} ledger report --data {shlex.quote(str(house.directory.path))}"]
    return lines
