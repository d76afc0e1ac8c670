"""The admin API behind the edge."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from edge_harness import Answer, Client, Echo, run, serving
from hypothesis import given, settings
from hypothesis import strategies as st

from douane.errors import InvalidRequest, NotFound
from douane.http.admin import AdminActions, admin_app
from douane.http.admin_bodies import Block, NewKey, read
from douane.http.app import Application
from douane.http.response import Headers

ADMIN = b"Authorization: Bearer admin"


class House:
    """Remembers what was done; knows one key, `old`."""

    def __init__(self) -> None:
        self.done: list[tuple[Any, ...]] = []
        self.keys: list[Mapping[str, Any]] = [{"name": "old"}]

    async def reload(self) -> Mapping[str, Any]:
        self.done.append(("reload",))
        return {"version": "1"}

    async def status(self) -> Mapping[str, Any]:
        return {"ready": True}

    async def list_keys(self) -> Sequence[Mapping[str, Any]]:
        return self.keys

    async def create_key(self, key: NewKey) -> Mapping[str, Any]:
        self.done.append(("create", key))
        return {"name": key.name, "secret": "shown-once"}

    async def revoke_key(self, name: str) -> Mapping[str, Any]:
        if name != "old":
            raise NotFound("There is no key of that name.", "`GET /admin/v1/keys` lists them.")
        return {"name": name, "revoked": True}

    async def block(self, name: str, reason: str) -> Mapping[str, Any]:
        self.done.append(("block", name, reason))
        return {"name": name, "blocked": True}

    async def unblock(self, name: str) -> Mapping[str, Any]:
        self.done.append(("unblock", name))
        return {"name": name, "blocked": False}

    async def erase_values(self, owner: str | None, subject: str | None) -> Mapping[str, Any]:
        self.done.append(("erase", owner, subject))
        return {"erased": 1}

    async def forget_conversations(self, owner: str) -> Mapping[str, Any]:
        self.done.append(("forget", owner))
        return {"owner": owner, "forgotten": 2}

    def application(self, report: Any = lambda _line: None) -> Application:
        actions = AdminActions(
            self.reload, self.status, self.list_keys, self.create_key, self.revoke_key, self.block, self.unblock,
            self.erase_values,
            self.forget_conversations,
        )  # fmt: skip

        def authorise(headers: Headers) -> bool:
            return (b"authorization", b"Bearer admin") in headers

        return Application(
            Echo(), probes={}, mounted=lambda: admin_app(actions, authorise, lambda: "req_admin"), report=report
        )


async def ask(client: Client, line: str, body: bytes = b"", *fields: bytes) -> Answer:
    head = [f"{line} HTTP/1.1".encode(), b"Host: a.test", b"Content-Length: %d" % len(body), *fields]
    return await (await client.open(b"\r\n".join(head) + b"\r\n\r\n" + body)).answer()


LINES = [
    "POST /admin/v1/reload", "GET /admin/v1/status", "GET /admin/v1/keys", "POST /admin/v1/keys",
    "DELETE /admin/v1/keys/old", "POST /admin/v1/deployments/d/block", "DELETE /admin/v1/deployments/d/block",
    "POST /admin/v1/vault/erase",
    "DELETE /admin/v1/conversations?owner=o",
    "GET /admin/v1/nothing", "PATCH /admin/v1/keys", "GET /admin/", "OPTIONS /admin/v1/keys", "HEAD /admin/v1/status",
]  # fmt: skip


def test_nothing_of_the_admin_api_is_told_or_done_without_an_admins_key() -> None:
    async def scenario() -> None:
        house = House()
        async with serving(app=house.application()) as (client, _, _):
            for line in LINES:
                for field in (b"X: y", b"Authorization: Bearer user", b"Authorization: admin", b"x-api-key: admin"):
                    if line.startswith("HEAD"):
                        continue
                    answer = await ask(client, line, b"{}", field)
                    assert (answer.status, answer.error["code"]) == (401, "unauthenticated"), line
                    assert answer.headers["www-authenticate"] == "Bearer"
        assert house.done == []

    run(scenario)


def test_a_browser_acting_for_another_site_is_refused_even_with_an_admins_key() -> None:
    async def scenario() -> None:
        house = House()
        async with serving(app=house.application()) as (client, _, _):
            for site in (b"cross-site", b"same-site"):
                answer = await ask(client, "POST /admin/v1/reload", b"", ADMIN, b"Sec-Fetch-Site: " + site)
                assert (answer.status, answer.error["code"]) == (403, "forbidden_route")
            assert house.done == []
            assert (
                await ask(client, "POST /admin/v1/reload", b"", ADMIN, b"Sec-Fetch-Site: same-origin")
            ).status == 200

    run(scenario)


def test_each_verb_does_its_one_thing_and_answers_json_that_is_not_cached() -> None:
    async def scenario() -> None:
        house = House()
        async with serving(app=house.application()) as (client, _, _):
            for line, body, status, said in (
                ("POST /admin/v1/reload", b"", 200, {"version": "1"}),
                ("GET /admin/v1/status", b"", 200, {"ready": True}),
                ("GET /admin/v1/keys", b"", 200, {"keys": [{"name": "old"}]}),
                ("POST /admin/v1/keys", b'{"name":"new"}', 201, {"name": "new", "secret": "shown-once"}),
                ("DELETE /admin/v1/keys/old", b"", 200, {"name": "old", "revoked": True}),
                ("POST /admin/v1/deployments/d/block", b'{"reason":"why"}', 200, {"name": "d", "blocked": True}),
                ("DELETE /admin/v1/deployments/d/block", b"", 200, {"name": "d", "blocked": False}),
                ("POST /admin/v1/vault/erase", b'{"owner":"acme","subject":"a@x.fr"}', 200, {"erased": 1}),
                ("DELETE /admin/v1/conversations?owner=o", b"", 200, {"owner": "o", "forgotten": 2}),
            ):
                answer = await ask(client, line, body, ADMIN)
                assert (answer.status, json.loads(answer.body)) == (status, said), line
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["content-type"] == "application/json"
        assert [done[0] for done in house.done] == ["reload", "create", "block", "unblock", "erase", "forget"]

    run(scenario)


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        ("GET /admin/v1/nothing", 404, "not_found"),
        ("GET /nothing", 404, "not_found"),
        ("PATCH /admin/v1/keys", 405, "method_not_allowed"),
        ("GET /admin/v1/reload", 405, "method_not_allowed"),
        ("DELETE /admin/v1/keys/other", 404, "not_found"),
        ("DELETE /admin/v1/conversations", 400, "invalid_request"),
        ("DELETE /admin/v1/conversations?owner=", 400, "invalid_request"),
        ("DELETE /admin/v1/conversations?owner=a&owner=b", 400, "invalid_request"),
        ("DELETE /admin/v1/conversations?owner=a&dry=1", 400, "invalid_request"),
        ("POST /admin/v1/keys", 400, "invalid_request"),
    ],
)
def test_every_error_is_the_envelope(line: str, status: int, code: str) -> None:
    async def scenario() -> None:
        async with serving(app=House().application()) as (client, _, _):
            answer = await ask(client, line, b"", ADMIN)
            assert (answer.status, answer.error["code"]) == (status, code)
            assert ("allow" in answer.headers) == (status == 405)
            if line.startswith("PATCH"):
                assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}

    run(scenario)


def test_a_fault_in_an_action_is_500_and_its_text_is_nowhere() -> None:
    async def scenario() -> None:
        told: list[str] = []
        house = House()

        async def fail() -> Mapping[str, Any]:
            raise RuntimeError("the secret in the text")

        house.status = fail  # type: ignore[method-assign]
        async with serving(app=house.application(told.append)) as (client, _, _):
            answer = await ask(client, "GET /admin/v1/status", b"", ADMIN)
            assert answer.status == 500
            assert answer.error["code"] == "internal"
            assert b"secret" not in answer.body
        [line] = told
        assert "type=RuntimeError" in line
        assert "secret" not in line

    run(scenario)


def test_a_key_is_read_in_the_words_of_the_configuration() -> None:
    key = read(
        NewKey,
        b"""{"name": "team", "owner": "org", "routes": ["chat", "*"], "zones": ["eu"],
             "floor": {"level": "internal", "compartments": ["pci"]},
             "limits": {"requests_per_minute": 60}, "budget": {"amount": 0.1, "currency": "EUR", "per": "month"},
             "expires": "2027-01-01T00:00:00+00:00", "admin": false}""",
    )
    assert key.floor is not None
    assert (key.floor.level, key.floor.compartments) == ("internal", ["pci"])
    assert key.budget is not None
    assert str(key.budget.amount) == "0.1"
    assert key.expires is not None
    assert read(NewKey, b'{"name": "team", "floor": "restricted"}').floor is not None


@pytest.mark.parametrize(
    ("body", "place"),
    [
        (b"{}", "/name"),
        (b'{"name": 5}', "/name"),
        (b'{"name": "SECRET VALUE"}', "/name"),
        (b'{"name": "n", "SECRET": 1}', "/*"),
        (b'{"name": "n", "limits": {"concurrent": 0}}', "/limits/concurrent"),
        (b'{"name": "n", "limits": {"SECRET": 0}}', "/limits/*"),
        (b'{"name": "n", "budget": {"amount": "SECRET", "currency": "EUR", "per": "month"}}', "/budget/amount"),
        (b'{"name": "n", "budget": {"amount": 1e-9, "currency": "EUR", "per": "month"}}', "/budget/amount"),
        (b'{"name": "n", "budget": {"amount": 1, "currency": "SECRET", "per": "month"}}', "/budget/currency"),
        (b'{"name": "n", "routes": ["ok", "SECRET VALUE"]}', "/routes/1"),
        (b'{"name": "n", "floor": "SECRET"}', "/floor/level"),
        (b'{"name": "n", "expires": "SECRET"}', "/expires"),
        (b'{"name": "n", "expires": "2027-01-01"}', "/expires"),
        (b'{"name": "n", "admin": "SECRET"}', "/admin"),
    ],
)
def test_a_fault_in_a_body_names_its_place_and_never_its_content(body: bytes, place: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read(NewKey, body)
    assert refusal.value.param == place
    assert "SECRET" not in str(refusal.value)


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text("XYZ", min_size=3, max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from([*NewKey.model_fields, "level", "amount", "XYZ"]), inner, max_size=4)
        ),
        max_leaves=12,
    )
)
def test_no_body_is_echoed_whatever_it_is(value: Any) -> None:
    for kind in (NewKey, Block):
        said = refusal_of(kind, json.dumps(value).encode())
        assert not any(text in said for text in ("XYZ", "XXX", "YYY", "ZZZ"))


def refusal_of(kind: type[NewKey | Block], body: bytes) -> str:
    try:
        read(kind, body)
    except InvalidRequest as refusal:
        return str(refusal)
    return ""
