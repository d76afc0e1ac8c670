"""A running gateway takes another configuration, other keys and blocks: whole, at once, and without dropping a request."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from leak_world import error_reply, good, piece
from ledger_book import LedgerBook
from raw_client import CHAT, IBAN, Heard, chat, get, port_of, post, talk
from running import TWO_ZONES, Beside, Running, cli, douane_up, upstreams
from test_sdk_python import framed, played, stream_head

from douane.testing.hostile_server import Behaviour, Exchange, HostileServer, Request, waits

IN_FLIGHT = 30
MANY_LOOKS = 1500
WIDE = TWO_ZONES.replace('clearance = "public"', 'clearance = "confidential"')
"""The cloud takes what is confidential."""


@dataclass
class House:
    folder: Path
    running: Running
    beside: Beside
    own: HostileServer
    far: HostileServer
    release: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def admin(self) -> str:
        assert self.running.key is not None
        return self.running.key

    def talk(self, *parts: bytes) -> Heard:
        return self.beside.run(talk(port_of(self.running.url), *parts))

    def ask(self, text: str, key: str | None = None, **fields: Any) -> Heard:
        return self.talk(post(chat(text, **fields), key or self.admin))

    def act(self, method: str, path: str, body: bytes = b"") -> Heard:
        return self.talk(post(body, self.admin, path=f"/admin/v1/{path}").replace(b"POST", method.encode(), 1))

    def write(self, config: str) -> None:
        (self.folder / "douane.toml").write_text(config.format(own=self.own.url, far=self.far.url), encoding="utf-8")

    def reload(self, config: str) -> None:
        """Put a configuration in force, by the admin API."""
        self.write(config)
        heard = self.act("POST", "reload")
        assert heard.status == 200, heard.raw

    @property
    def version(self) -> str:
        return str(self.act("GET", "status").json["configuration"]["version"])

    @property
    def said(self) -> str:
        return (self.folder / "errors.txt").read_text(encoding="utf-8")

    def until(self, holds: Callable[[], Awaitable[bool]]) -> None:
        """Look until it holds, a bounded number of times."""

        async def look() -> None:
            for _ in range(MANY_LOOKS):
                if await holds():
                    return
                await asyncio.sleep(0.01)
            raise AssertionError("it never came to hold")

        self.beside.run(look())

    def until_said(self, text: str, times: int = 1) -> None:
        async def holds() -> bool:
            return self.said.count(text) >= times

        self.until(holds)

    def until_status(self, key: str, status: int) -> None:
        """Wait until a key is answered in this way."""
        port = port_of(self.running.url)

        async def holds() -> bool:
            return (await talk(port, get("/v1/models", key))).status == status

        self.until(holds)


@pytest.fixture(scope="module")
def module_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("reload")
    with upstreams(2) as (beside, (own, far)):
        config = TWO_ZONES.format(own=own.url, far=far.url)
        with douane_up(folder, config) as running:
            yield House(folder, running, beside, own, far)


@pytest.fixture
def house(module_house: House) -> House:
    """The house under its first configuration, with upstreams that answer and have seen nothing."""
    for server in (module_house.own, module_house.far):
        server.received.clear()
        server.choose(CHAT, lambda request: answer(request, module_house.release))
    module_house.beside.call(module_house.release.clear)
    module_house.reload(TWO_ZONES)
    return module_house


def answer(request: Request, release: asyncio.Event) -> Behaviour:
    """Answer at once, or hold a request that says so: a whole answer entirely, a stream after its first event."""
    stream = b'"stream":true' in request.body
    if b"held" not in request.body:
        return played(good("chat", stream=stream))
    return held_stream(release) if stream else waits(release, played(good("chat", stream=False)))


def held_stream(release: asyncio.Event) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        await exchange.write(stream_head() + framed(piece("chat", "first")))
        await release.wait()
        last = (piece("chat", "last", "stop"), b"data: [DONE]\n\n", b"")
        await exchange.write(b"".join(framed(part) for part in last))

    return behave


@contextlib.contextmanager
def in_flight(house: House) -> Iterator[list[Heard]]:
    """Have 30 requests held open while the block runs, then let them end; every one of them must end well."""
    heard: list[Heard] = []

    async def ask_all() -> list[asyncio.Task[Heard]]:
        port = port_of(house.running.url)
        texts = ["held", f"held {IBAN}"]
        requests = [post(chat(texts[n // 2 % 2], stream=n % 2 == 0), house.admin) for n in range(IN_FLIGHT)]
        begun = [asyncio.Event() for _ in requests]
        tasks = [
            asyncio.create_task(talk(port, request, news=lambda _heard, event=event: event.set()))  # type: ignore[misc]
            for request, event in zip(requests, begun, strict=True)
        ]
        await asyncio.gather(*(event.wait() for event in begun[::2]))
        for _ in range(MANY_LOOKS):  # both servers: waiting for the news of one would miss those of the other
            if len(house.own.received) + len(house.far.received) == IN_FLIGHT:
                return tasks
            await asyncio.sleep(0.01)
        raise AssertionError("not every request arrived")

    async def let_go(tasks: list[asyncio.Task[Heard]]) -> list[Heard]:
        assert not any(task.done() for task in tasks), "a request ended while it was held"
        house.release.set()
        return await asyncio.gather(*tasks)

    tasks = house.beside.run(ask_all())
    try:
        yield heard
    finally:
        heard += house.beside.run(let_go(tasks))
    for each in heard:
        assert (each.status, each.whole) == (200, True)
        assert not each.events or each.events[-1] == b"[DONE]"
    assert sum(bool(each.events) for each in heard) == IN_FLIGHT // 2


ANOTHER_ROUTE = TWO_ZONES + '\n[routes.more]\ndeployments = ["own"]\n'
WITHOUT_CLOUD = "\n\n".join(
    block for block in TWO_ZONES.split("\n\n") if not block.strip().startswith(("[zones.cloud]", "[deployments.far]"))
).replace('"far", ', "")


def test_no_request_is_dropped_while_configurations_change(house: House) -> None:
    with in_flight(house):
        house.write(ANOTHER_ROUTE)
        house.running.process.send_signal(signal.SIGHUP)
        house.until_said("Reloaded: configuration")
        assert {model["id"] for model in house.talk(get("/v1/models", house.admin)).json["data"]} == {"chat", "more"}
        assert house.ask("hello", model="more").headers["x-douane-deployment"] == "own"
        house.reload(WITHOUT_CLOUD)
        assert house.ask("hello").headers["x-douane-deployment"] == "own"
        assert house.ask("hello", model="more").json["error"]["code"] == "forbidden_route"


def test_signals_that_pile_up_are_one_reload_after_another(house: House) -> None:
    with in_flight(house):
        before = house.said.count("Reloaded")
        for _ in range(50):
            house.running.process.send_signal(signal.SIGHUP)
        house.until_said("Reloaded", before + 1)
        assert house.ask("hello").status == 200


BROKEN = {
    "no TOML": ("[zones", "The end of the file"),
    "unknown setting": (TWO_ZONES + '\n[server]\nprot = 1\n', "server.prot"),
    "unknown zone": (TWO_ZONES.replace('zone = "cloud"', 'zone = "moon"'), "deployments.far.zone"),
    "premises without networks": (TWO_ZONES.replace('networks = ["127.0.0.0/8"]', "", 1), "zones.premises"),
    "two problems": (TWO_ZONES.replace('zone = "cloud"', 'zone = "moon"').replace('"own"]', '"mine"]'), "routes.chat"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_configuration_leaves_the_old_one_in_force_and_says_why(house: House, name: str) -> None:
    config, setting = BROKEN[name]
    version = house.version
    with in_flight(house):
        house.write(config)
        before = house.said.count("Not reloaded.")
        house.running.process.send_signal(signal.SIGHUP)
        house.until_said("Not reloaded.", before + 1)
        assert setting in house.said.rpartition("Not reloaded.")[2]
        heard = house.act("POST", "reload")
        assert heard.status >= 400
        error = heard.json["error"]
        assert error["code"] == "configuration"
        assert setting in heard.body.decode(), error
        assert house.version == version
        assert house.ask("hello").headers["x-douane-deployment"] == "far"


def test_a_configuration_that_is_gone_leaves_the_old_one_in_force(house: House) -> None:
    version = house.version
    (house.folder / "douane.toml").unlink()
    assert house.act("POST", "reload").status >= 400
    before = house.said.count("Not reloaded.")
    house.running.process.send_signal(signal.SIGHUP)
    house.until_said("Not reloaded.", before + 1)
    assert house.version == version
    assert house.ask("hello").status == 200


def test_a_tightened_zone_holds_for_the_next_request(house: House) -> None:
    house.reload(WIDE)
    assert house.ask(IBAN).headers["x-douane-zone"] == "cloud"
    house.reload(TWO_ZONES)
    assert house.ask(IBAN).headers["x-douane-zone"] == "premises"
    assert len(house.far.received) == 1


def test_a_zone_that_is_tightened_while_a_request_fails_gets_no_second_attempt(house: House) -> None:
    """Law 1: a reload during a retry counts. The first attempt was cleared; the second is not."""
    second = WIDE.split("[deployments.far]")[1].split("[routes")[0]
    twice = (WIDE + f"\n[deployments.further]{second}").replace('["far", "own"]', '["far", "further"]')
    house.reload(twice)
    house.far.choose(CHAT, lambda _request: waits(house.release, played(error_reply(503))))

    async def ask() -> asyncio.Task[Heard]:
        task = asyncio.create_task(talk(port_of(house.running.url), post(chat(IBAN), house.admin)))
        await house.far.until(lambda: len(house.far.received) == 1)
        return task

    async def told(task: asyncio.Task[Heard]) -> Heard:
        house.release.set()
        return await task

    task = house.beside.run(ask())
    house.reload(twice.replace('clearance = "confidential"', 'clearance = "public"'))
    heard = house.beside.run(told(task))
    assert (heard.status, heard.json["error"]["code"]) == (502, "upstream_failed")
    assert len(house.far.received) == 1


def test_keys_that_the_command_line_makes_and_revokes_reach_the_gateway(house: House) -> None:
    secret = cli("keys", "create", "ada", "--floor", "public", data=house.running.data).strip()
    house.until_status(secret, 200)
    assert house.ask("hello", secret).status == 200
    cli("keys", "revoke", "ada", data=house.running.data)
    house.until_status(secret, 401)
    before = len(house.far.received)
    assert house.ask("hello", secret).json["error"]["code"] == "unauthenticated"
    assert len(house.far.received) == before


def test_a_budget_that_a_reload_brings_counts_what_was_spent_before(house: House) -> None:
    """Whoever may edit no budget but waits for one to change would begin anew at every reload."""
    secret = cli_secret()
    key = f'\n[keys.spender]\nsecret_sha256 = "{sha256(secret.encode()).hexdigest()}"\nroutes = ["chat"]\nfloor = "public"\n'
    house.reload(TWO_ZONES + key)
    for _ in range(3):
        assert house.ask("hello", secret, max_tokens=1).status == 200
    for budget in (
        'amount = 0.000001, currency = "EUR", per = "month"',
        'amount = 0.000001, currency = "EUR", per = "day"',
    ):
        house.reload(TWO_ZONES + key + f"budget = {{{{ {budget} }}}}\n")
        heard = house.ask("hello", secret, max_tokens=1)
        assert (heard.status, heard.json["error"]["code"]) == (429, "budget_exhausted")


def cli_secret() -> str:
    return "dn-" + "budget" * 8


def test_a_blocked_deployment_gets_nothing_over_reloads_until_it_is_unblocked(house: House) -> None:
    assert house.act("POST", "deployments/far/block", b'{"reason":"audit"}').status == 200
    for config in (TWO_ZONES, ANOTHER_ROUTE):
        assert house.ask("hello").headers["x-douane-deployment"] == "own"
        house.reload(config)
    assert house.act("POST", "deployments/own/block", b'{"reason":"audit"}').status == 200
    own = len(house.own.received)
    for stream in (False, True):
        heard = house.ask("hello", stream=stream)
        assert (heard.status, heard.json["error"]["code"]) == (503, "no_cleared_deployment")
    assert (len(house.own.received), house.far.received) == (own, [])
    for name in ("own", "far"):
        assert house.act("DELETE", f"deployments/{name}/block").status == 200
    assert house.ask("hello").headers["x-douane-deployment"] == "far"


def test_a_deployment_that_is_blocked_in_the_midst_lets_running_answers_end(house: House) -> None:
    with in_flight(house):
        assert house.act("POST", "deployments/far/block", b'{"reason":"audit"}').status == 200
        assert house.ask("hello").headers["x-douane-deployment"] == "own"
    assert house.act("DELETE", "deployments/far/block").status == 200


def test_each_request_of_this_module_has_settled_once(house: House) -> None:
    house.running.process.terminate()
    assert house.running.wait_gone() == 0
    book = LedgerBook.read(house.running.data)
    assert (book.open, book.not_settled_once, book.sums_apart()) == (0, 0, 0)
    assert book.states["failed"] == 2, "the one whose upstream failed, and its second hop: written ahead, not sent"
    assert book.states.keys() == {"complete", "failed"}
    assert book.states["complete"] > 8 * IN_FLIGHT
    assert orjson.loads(cli("ledger", "verify", "--json", data=house.running.data))["verdict"] == "sound"
