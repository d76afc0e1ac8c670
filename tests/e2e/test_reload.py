"""A running gateway takes another configuration, other keys and blocks: whole, at once, and without dropping a request."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterator
from hashlib import sha256

import orjson
import pytest
from leak_world import error_reply
from ledger_book import LedgerBook
from raw_client import CHAT, IBAN, Heard, chat, get, port_of, post, talk
from reload_world import IN_FLIGHT, House, as_at_first, in_flight, reloadable
from running import TWO_ZONES, cli
from test_sdk_python import played

from douane.control.register import Place, add_names
from douane.testing.hostile_server import waits

WIDE = TWO_ZONES.replace('clearance = "public"', 'clearance = "confidential"')
"""The cloud takes what is confidential."""


@pytest.fixture(scope="module")
def module_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with reloadable(tmp_path_factory.mktemp("reload")) as house:
        yield house


@pytest.fixture
def house(module_house: House) -> House:
    return as_at_first(module_house)


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


PROJECTS = """
[dictionaries.projects]
file = "projects.dict"
key = "file:hashing.key"
label = "restricted"
"""


def test_a_reload_puts_a_dictionary_in_force_for_requests_of_any_length(house: House) -> None:
    short, long = "about the Projet Aurore", "about the Projet Aurore. " + "Nothing else. " * 4000
    levels = [house.ask(text).headers["x-douane-level"] for text in (short, long)]
    assert levels == ["public", "public"]
    for name, expected in (("Projet-Aurore", "restricted"), ("Zeppelin", "public")):
        add_names("projects", [("list", name.encode())], Place(house.folder, replace=True), bytes(32))
        house.reload(TWO_ZONES + PROJECTS)
        for text in (short, long):
            heard = house.ask(text)
            assert heard.headers["x-douane-level"] == expected
            assert heard.headers["x-douane-zone"] == ("premises" if expected == "restricted" else "cloud")
    (house.folder / "projects.dict").unlink()
    house.write(TWO_ZONES + PROJECTS)
    assert house.act("POST", "reload").status == 500
    assert house.ask("about a Zeppelin").headers["x-douane-level"] == "restricted"


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
