"""A reload puts `[server]` in force with all the rest, or says that it needs a restart; and what `up` prints works."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from raw_client import Heard, chat, get, port_of, post, talk
from reload_world import House, as_at_first, in_flight, reloadable
from running import TWO_ZONES, Beside, douane_up

SERVER = '\n[server]\nhosts = ["127.0.0.1", "localhost"{hosts}]\n{more}\n'
"""What each test starts from has no `[server]`: these are its defaults, and more."""


def serving(*hosts: str, more: str = "") -> str:
    return TWO_ZONES + SERVER.format(hosts="".join(f', "{host}"' for host in hosts), more=more)


@pytest.fixture(scope="module")
def module_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with reloadable(tmp_path_factory.mktemp("reload-server")) as house:
        yield house


@pytest.fixture
def house(module_house: House) -> House:
    return as_at_first(module_house)


def ask_as(house: House, host: str, text: str = "hello") -> Heard:
    return house.talk(post(chat(text), house.admin, host=host))


def hang_up(house: House, config: str, outcome: str) -> None:
    """Put a configuration in place and tell by signal, until its outcome is said."""
    house.write(config)
    before = house.said.count(outcome)
    house.running.process.send_signal(signal.SIGHUP)
    house.until_said(outcome, before + 1)


@pytest.mark.parametrize("way", ["signal", "admin"])
def test_a_reload_widens_and_narrows_the_hosts_and_drops_no_request(house: House, way: str) -> None:
    def put(config: str) -> None:
        if way == "admin":
            house.reload(config)
        else:
            hang_up(house, config, "Reloaded: configuration")

    with in_flight(house):
        assert ask_as(house, "llm.test").status == 400
        put(serving("llm.test"))
        assert ask_as(house, "llm.test").status == 200
        put(TWO_ZONES)
        refused = ask_as(house, "llm.test")
        assert (refused.status, refused.json["error"]["code"]) == (400, "invalid_request")
        assert house.ask("hello").status == 200


def test_a_reload_bounds_bodies_and_connections_anew(house: House) -> None:
    long = "x" * 3000
    with in_flight(house):
        assert house.ask(long).status == 200
        house.reload(serving(more="max_body_bytes = 2048"))
        refused = house.ask(long)
        assert (refused.status, refused.json["error"]["code"]) == (413, "too_large")
        house.reload(serving(more="max_connections = 1"))
        full = house.ask("hello")
        assert (full.status, full.json["error"]["code"]) == (503, "overloaded")
    house.reload(TWO_ZONES)
    assert house.ask(long).status == 200


@pytest.mark.parametrize(
    ("setting", "line"),
    [("host", 'host = "127.0.0.2"'), ("port", "port = 8081"), ("data_dir", 'data_dir = "elsewhere"')],
)
def test_what_needs_a_restart_fails_the_reload_whole(house: House, setting: str, line: str) -> None:
    version = house.version
    config = serving("llm.test", more=line) + '\n[routes.more]\ndeployments = ["own"]\n'
    with in_flight(house):
        hang_up(
            house, config, f"Not reloaded. server.{setting}: `server.{setting}` has changed, which needs a restart."
        )
        heard = house.act("POST", "reload")
        error = heard.json["error"]
        assert (heard.status, error["code"]) == (500, "configuration")
        assert f"server.{setting}" in heard.body.decode()
        assert house.version == version
        assert ask_as(house, "llm.test").status == 400
        assert house.ask("hello", model="more").status == 403
        assert house.ask("hello").status == 200


# --- what is printed


def printed(folder: Path, config: str, *arguments: str) -> tuple[str, str]:
    """Return the address that a gateway prints, once it has answered there, and all that it said on its terminal."""
    with douane_up(folder, config, *arguments) as running:
        host = running.url.removeprefix("http://").rpartition(":")[0]
        beside = Beside()
        try:
            asked = get("/healthz").replace(b"Host: 127.0.0.1", f"Host: {host}".encode())
            assert beside.run(talk(port_of(running.url), asked)).status == 200
        finally:
            beside.close()
        running.process.terminate()
        assert running.wait_gone() == 0
        return host, (folder / "errors.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("hosts", "name"),
    [((), "127.0.0.1"), (("localhost", "llm.test"), "localhost"), (("llm.test",), "llm.test")],
)
def test_a_gateway_on_every_address_prints_a_name_that_it_answers(
    tmp_path: Path, hosts: tuple[str, ...], name: str
) -> None:
    config = TWO_ZONES.format(own="http://127.0.0.1:9", far="http://127.0.0.1:9")
    if hosts:
        config += "\n[server]\nhosts = [" + ", ".join(f'"{host}"' for host in hosts) + "]\n"
    assert printed(tmp_path, config, "--host", "0.0.0.0")[0] == name
