"""A request that a zone may get only masked: what is sent there, what comes back, and what is never sent."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from leak_world import PATHS, World, ask, body_of, error_reply, good, make_deployment, policy, world_of

from douane.adapters.inspector.inspector import ScanningInspector
from douane.bootstrap import Start, configuration_of, kinds_installed
from douane.core.finding import Failure, Finding, Inspection
from douane.core.label import Clearance, Label, Level
from douane.core.models.catalogue import Capabilities
from douane.core.pseudonym import PLACEHOLDER, Pseudonyms
from douane.core.traffic.snapshot import Route, Snapshot, Strategy
from douane.core.zone import Zone
from douane.errors import StoreFailed
from douane.ports import Inspector
from douane.testing.client import RecordingSink
from douane.testing.scripted_upstream import Reply, json_reply, sse_reply

IBAN = "FR14 2004 1010 0505 0001 3M02 606"
NIR = "NIR du salarié : 2 69 05 49 588 157 80"
TEXT = f"Pay to {IBAN} and tell jean@example.org."
TALK = {"x-douane-conversation": "c-1"}


@pytest.fixture(scope="module")
def inspector() -> Iterator[ScanningInspector]:
    made = ScanningInspector(configuration_of(Start(), kinds_installed()).detectors)
    yield made
    asyncio.run(made.aclose())


def masking_zones(*, home: bool = True, **cloud: Any) -> Snapshot:
    rng = random.Random(0)
    networks = (ip_network("127.0.0.0/8"),)
    masked = {
        "mask": frozenset({"IBAN", "EMAIL", "NIR", "CARD", "SECRET"}),
        "unmask_tools": frozenset({"lookup"}),
    } | cloud
    zones = {
        "cloud": Zone("cloud", False, Clearance(Level.PUBLIC), networks, **masked),
        "home": Zone("home", True, Clearance(Level.RESTRICTED, every_compartment=True), networks),
    }
    names = ("cloud-0", "home-0") if home else ("cloud-0",)
    can = Capabilities(frozenset(PATHS), media=True)
    deployments = {name: replace(make_deployment(name, name[:-2], rng), capabilities=can) for name in names}
    return Snapshot("v1", zones, deployments, {"chat": Route("chat", names)}, {}, policy())


def world(inspector: Inspector, snapshot: Snapshot | None = None) -> World:
    built = world_of(snapshot or masking_zones(), inspector, random.Random(1))
    built.excused = lambda _zone, payload: b"2004" not in payload and b"jean" not in payload
    built.worth = (2, frozenset())
    for name in built.snapshots.snapshot.deployments:
        built.upstream.play(name, good("chat", stream=False))
    return built


def run(built: World, body: Any = None, headers: dict[str, str] | None = None, endpoint: str = "chat") -> RecordingSink:
    return asyncio.run(ask(built, endpoint, body or body_of("chat", "text", TEXT, stream=False), headers))


def sent(built: World, name: str = "cloud-0") -> list[Any]:
    return [orjson.loads(call.payload) for call in built.upstream.sent_to(name)]


def echoing(built: World, reply: Callable[[str], Reply]) -> None:
    """Let the cloud answer with the placeholders that it was sent."""
    play(built, "cloud-0", lambda _cleared, call: reply(placeholders(call.payload)))


def play(built: World, name: str, *script: Any) -> None:
    """Let a deployment do this instead of answering well."""
    built.upstream._scripts.pop(name, None)
    built.upstream.play(name, *script)


def placeholders(payload: bytes) -> str:
    return " and ".join(dict.fromkeys(match[0] for match in PLACEHOLDER.finditer(payload.decode())))


def said(content: str, **message: Any) -> Reply:
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content, **message}}
    return json_reply(
        orjson.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
    )


def test_a_confidential_request_goes_to_a_masking_zone_masked_and_its_answer_comes_back_whole(
    inspector: Inspector,
) -> None:
    built = world(inspector)
    echoing(built, lambda words: said(f"Done: {words}"))
    sink = run(built)
    assert sink.json["choices"][0]["message"]["content"] == f"Done: {IBAN} and jean@example.org"
    assert sink.headers["x-douane-level"] == "confidential"
    assert sink.headers["x-douane-masked"] == "EMAIL,IBAN"
    assert sink.headers["x-douane-zone"] == "cloud"
    assert "x-douane-unmask" not in sink.headers
    (payload,) = sent(built)
    assert PLACEHOLDER.sub("*", payload["messages"][0]["content"]) == "Pay to * and tell *."
    assert not built.leaks


def test_the_receipt_tells_both_labels_and_what_was_masked(inspector: Inspector) -> None:
    built = world(inspector)
    run(built)
    (intent,) = built.ledger.intents
    assert (intent.level, intent.masked, intent.payload_label) == (int(Level.CONFIDENTIAL), "EMAIL,IBAN", "public")
    assert "jean" not in repr(intent)


def test_a_request_that_needs_no_mask_gets_none(inspector: Inspector) -> None:
    built = world(inspector)
    built.worth = (0, frozenset())
    echoing(built, lambda _: said("[[IBAN_1_abcdefabcd]]"))
    sink = run(built, body_of("chat", "text", "hello [[IBAN_1_abcdefabcd]]", stream=False))
    assert "x-douane-masked" not in sink.headers
    assert sink.json["choices"][0]["message"]["content"] == "[[IBAN_1_abcdefabcd]]"
    assert built.ledger.intents[0].masked == ""


def test_what_is_allowed_as_it_is_and_tried_first_goes_as_it_is(inspector: Inspector) -> None:
    snapshot = masking_zones()
    built = world(inspector, replace(snapshot, routes={"chat": Route("chat", ("home-0", "cloud-0"))}))
    sink = run(built)
    assert sink.headers["x-douane-zone"] == "home"
    assert "x-douane-masked" not in sink.headers
    assert sent(built, "home-0")[0]["messages"][0]["content"] == TEXT


def test_a_route_without_a_zone_that_masks_makes_no_mask(inspector: Inspector) -> None:
    snapshot = masking_zones()
    built = world(inspector, replace(snapshot, routes={"chat": Route("chat", ("home-0",))}))
    run(built)
    assert built.gateway._shell.vault._passing == 0  # type: ignore[union-attr]


@pytest.mark.parametrize("strategy", Strategy)
def test_a_masked_attempt_that_fails_is_followed_by_what_is_cleared(inspector: Inspector, strategy: Strategy) -> None:
    snapshot = masking_zones()
    built = world(inspector, replace(snapshot, routes={"chat": Route("chat", ("cloud-0", "home-0"), strategy)}))
    play(built, "cloud-0", *([error_reply(500)] * 3))
    play(built, "home-0", said("[[IBAN_1_abcdefabcd]]"))
    sink = run(built)
    assert sink.headers["x-douane-zone"] == "home"
    assert "x-douane-masked" not in sink.headers
    assert all(TEXT in body["messages"][0]["content"] for body in sent(built, "home-0"))
    assert not built.leaks


KEPT_HOME = {
    "a type that policy does not list": (TEXT + " 4111 1111 1111 1111", {"mask": frozenset({"IBAN", "EMAIL"})}),
    "restricted": (f"{TEXT} {NIR}", {}),
    "what nobody can read": (
        [
            {"type": "text", "text": TEXT},
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}},
        ],
        {},
    ),
}


@pytest.mark.parametrize("why", KEPT_HOME)
def test_what_masking_does_not_clear_stays_at_home(inspector: Inspector, why: str) -> None:
    content, cloud = KEPT_HOME[why]
    built = world(inspector, masking_zones(**cloud))
    sink = run(built, {"model": "chat", "messages": [{"role": "user", "content": content}]})
    assert sink.headers["x-douane-zone"] == "home"
    assert not sent(built)
    alone = world(inspector, masking_zones(home=False, **cloud))
    sink = run(alone, {"model": "chat", "messages": [{"role": "user", "content": content}]})
    assert (sink.status, sink.json["error"]["code"]) == (403, "label_not_cleared")
    assert not sent(alone)


def test_a_value_split_over_messages_stays_at_home(inspector: Inspector) -> None:
    built = world(inspector)
    messages = [
        {"role": "user", "content": "FR14 2004 1010 "},
        {"role": "user", "content": "0505 0001 3M02 606, jean@example.org"},
    ]
    sink = run(built, {"model": "chat", "messages": messages})
    assert sink.headers["x-douane-zone"] == "home"
    assert not sent(built)


def test_a_declared_label_is_not_masked_away(inspector: Inspector) -> None:
    built = world(inspector)
    assert run(built, headers={"x-douane-level": "internal"}).headers["x-douane-zone"] == "home"
    assert not sent(built)


def test_a_refusal_tells_what_masking_left(inspector: Inspector) -> None:
    built = world(inspector, masking_zones(home=False, mask=frozenset({"EMAIL"})))
    message = run(built).json["error"]["message"]
    assert "still `confidential`: IBAN" in message
    assert IBAN not in message


def test_restricted_content_is_masked_where_policy_says_so_alone(inspector: Inspector) -> None:
    body = body_of("chat", "text", NIR, stream=False)
    built = world(inspector, masking_zones(mask_restricted=True))
    built.excused = lambda _zone, payload: b"588" not in payload
    built.worth = (3, frozenset())
    sink = run(built, body)
    assert (sink.headers["x-douane-zone"], sink.headers["x-douane-level"]) == ("cloud", "restricted")
    assert sink.headers["x-douane-masked"] == "NIR"
    assert not built.leaks


def test_a_conversation_keeps_its_placeholders_and_another_one_knows_none_of_them(inspector: Inspector) -> None:
    built = world(inspector)
    for headers in (TALK, TALK, {"x-douane-conversation": "c-2"}, None, None):
        run(built, headers=headers)
    first, again, other, *without = [body["messages"][0]["content"] for body in sent(built)]
    assert first == again
    assert len({first, other, *without}) == 4
    echoed = world(inspector)
    play(echoed, "cloud-0", said(first))
    assert run(echoed, headers=TALK).json["choices"][0]["message"]["content"].count("2004") == 1
    stranger = world(inspector)
    play(stranger, "cloud-0", said(first))
    answer = run(stranger, headers={"x-douane-conversation": "c-3"})
    assert answer.json["choices"][0]["message"]["content"] == first


def test_arguments_of_listed_tools_alone_get_their_values(inspector: Inspector) -> None:
    built = world(inspector)

    def calling(words: str) -> Reply:
        arguments = orjson.dumps({"iban": words.split(" ")[0]}).decode()
        calls = [
            {"id": name, "type": "function", "function": {"name": name, "arguments": arguments}}
            for name in ("lookup", "send")
        ]
        return said("", tool_calls=calls)

    echoing(built, calling)
    sink = run(built)
    lookup, send = sink.json["choices"][0]["message"]["tool_calls"]
    assert orjson.loads(lookup["function"]["arguments"]) == {"iban": IBAN}
    assert PLACEHOLDER.fullmatch(orjson.loads(send["function"]["arguments"])["iban"])
    assert sink.headers["x-douane-unmask"] == "partial"


def test_a_stream_is_unmasked_however_it_is_cut(inspector: Inspector) -> None:
    for size in range(1, 40, 3):
        built = world(inspector)

        def cut(words: str, size: int = size) -> Reply:
            pieces = [words[at : at + size] for at in range(0, len(words), size)]
            events = [event({"content": piece}) for piece in pieces]
            return sse_reply(*events, event({}, "stop"), b"data: [DONE]\n\n")

        echoing(built, cut)
        sink = run(built, body_of("chat", "text", TEXT, stream=True))
        told = "".join(c["delta"].get("content", "") for e in sink.events[:-1] for c in e["choices"])
        assert told == f"{IBAN} and jean@example.org"
        assert sink.events[-1] == "[DONE]"
        assert sink.headers["x-douane-masked"] == "EMAIL,IBAN"


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    chunk = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
    }
    return b"data: %b\n\n" % orjson.dumps(chunk)


def test_a_masked_stream_that_breaks_off_never_looks_complete(inspector: Inspector) -> None:
    built = world(inspector, masking_zones(home=False))
    echoing(built, lambda words: sse_reply(event({"content": f"so {words[:9]}"})))
    sink = run(built, body_of("chat", "text", TEXT, stream=True))
    assert "[DONE]" not in sink.events
    assert "error" in sink.events[-1]
    assert "[[" not in sink.data.decode()


def test_completions_and_embeddings_are_masked_too(inspector: Inspector) -> None:
    for endpoint, field in (("completions", "prompt"), ("embeddings", "input")):
        built = world(inspector)
        play(built, "cloud-0", good(endpoint, stream=False))
        sink = run(built, {"model": "chat", field: TEXT}, endpoint=endpoint)
        assert sink.status == 200
        assert sink.headers["x-douane-masked"] == "EMAIL,IBAN"
        assert PLACEHOLDER.sub("*", sent(built)[0][field]) == "Pay to * and tell *."
        assert not built.leaks


def test_a_reload_that_takes_the_mask_away_stops_a_masked_payload(inspector: Inspector) -> None:
    built = world(inspector)
    bare = masking_zones(mask=frozenset())

    def reload() -> None:
        built.snapshots.snapshot = replace(bare, version="v2")

    built.ledger.meanwhile = reload
    sink = run(built)
    assert sink.headers["x-douane-zone"] == "home"
    assert not sent(built)


def test_without_a_vault_nothing_is_masked(inspector: Inspector) -> None:
    built = world(inspector)
    built.gateway._classify._mask._vault = None
    assert run(built).headers["x-douane-zone"] == "home"
    assert not sent(built)


def turns(built: World, *texts: str) -> list[str]:
    """Return which zones the turns of one conversation went to, each without the earlier ones."""
    return [run(built, body_of("chat", "text", text, stream=False), TALK).headers["x-douane-zone"] for text in texts]


def test_a_conversation_that_could_be_masked_goes_on_where_it_was(inspector: Inspector) -> None:
    built = world(inspector)
    assert turns(built, TEXT, "And in short?", TEXT) == ["cloud"] * 3
    assert not built.leaks


def test_a_conversation_that_could_not_be_masked_stays_at_home(inspector: Inspector) -> None:
    """Else who adds an IBAN to a paraphrase of it would have it sent."""
    built = world(inspector, masking_zones(mask=frozenset({"IBAN"})))
    assert turns(built, "card 4111 1111 1111 1111", "And in short?", f"pay {IBAN}") == ["home"] * 3
    assert not sent(built)


def test_what_one_zone_may_mask_clears_nothing_for_another(inspector: Inspector) -> None:
    snapshot = masking_zones()
    fewer = replace(snapshot.zones["cloud"], name="fewer", mask=frozenset({"IBAN"}))
    less = replace(snapshot.deployments["cloud-0"], name="fewer-0", zone="fewer")
    routes = {"chat": Route("chat", ("cloud-0", "home-0")), "other": Route("other", ("fewer-0", "home-0"))}
    snapshot = replace(
        snapshot, zones={**snapshot.zones, "fewer": fewer}, routes=routes,
        deployments={**snapshot.deployments, "fewer-0": less},
    )  # fmt: skip
    built = world(inspector, snapshot)
    assert turns(built, "write to jean@example.org, card 4111 1111 1111 1111") == ["cloud"]
    sink = run(built, {**body_of("chat", "text", f"pay {IBAN}", stream=False), "model": "other"}, TALK)
    assert sink.headers["x-douane-zone"] == "home"
    assert not sent(built, "fewer-0")


class BrokenVault:
    """A vault on a disk that is full."""

    async def recall(self, owner: str, conversation: str | None) -> Pseudonyms:
        return Pseudonyms(b"k")

    async def keep(self, owner: str, conversation: str, pseudonyms: Pseudonyms, subject: str | None) -> None:
        raise StoreFailed("The vault could not be written.", "Look at the disk.")

    async def erase(self, owner: str | None, subject: str | None) -> int:
        return 0


def test_what_the_vault_cannot_keep_is_not_sent_masked(inspector: Inspector) -> None:
    built = world(inspector)
    told: list[str] = []
    built.gateway._classify._mask._vault = BrokenVault()
    built.gateway._classify._mask._report = told.append
    assert run(built, headers=TALK).headers["x-douane-zone"] == "home"
    assert not sent(built)
    assert told == ["nothing was masked: The vault could not be written."]


# --- names in running text -------------------------------------------------------------------------------------------

STORY = f"Pay to {IBAN}: Kylian Duchêne told Priya so."


class Naming:
    """An inspector whose finder of names sees those of a list, or fails."""

    def __init__(self, inspector: Inspector, names: tuple[str, ...] | Failure) -> None:
        self._inspector = inspector
        self._names = names
        self.read: list[Any] = []
        self.inspect, self.understand = inspector.inspect, inspector.understand

    async def find_names(self, value: Any, _owner: str) -> Sequence[Finding] | Failure:
        self.read.append(value)
        if isinstance(self._names, Failure):
            return self._names
        text = value["messages"][0]["content"]
        return [
            Finding("PERSON", "/messages/0/content", text.index(name), text.index(name) + len(name), 0.5, "names")
            for name in self._names
            if name in text
        ]


def naming(inspector: Inspector, names: tuple[str, ...] | Failure, **cloud: Any) -> tuple[World, Naming]:
    mask = frozenset({"IBAN", "EMAIL", "PERSON"})
    snapshot = masking_zones(**({"mask": mask} | cloud))
    found = Naming(inspector, names)
    built = world(found, replace(snapshot, policy=replace(snapshot.policy, name_layers=frozenset({"names"}))))
    return built, found


def story(text: str = STORY) -> Any:
    return body_of("chat", "text", text, stream=False)


def test_names_in_running_text_are_masked_and_put_back(inspector: Inspector) -> None:
    built, found = naming(inspector, ("Kylian Duchêne", "Priya"))
    echoing(built, lambda words: said(f"Done: {words}"))
    sink = run(built, story())
    assert sink.headers["x-douane-masked"] == "IBAN,PERSON"
    assert sink.json["choices"][0]["message"]["content"] == f"Done: {IBAN} and Kylian Duchêne and Priya"
    (payload,) = sent(built)
    assert PLACEHOLDER.sub("*", payload["messages"][0]["content"]) == "Pay to *: * told * so."
    assert built.ledger.intents[0].layers.split(",")[-1] == "names"
    assert IBAN not in str(found.read)


@pytest.mark.parametrize("cause", ["late", "died", "too long", "queue full"])
def test_what_was_not_read_for_names_is_not_sent_masked_and_says_so(inspector: Inspector, cause: str) -> None:
    built, _ = naming(inspector, Failure("names", cause))
    told: list[str] = []
    built.gateway._classify._mask._report = told.append
    assert run(built, story()).headers["x-douane-zone"] == "home"
    assert not sent(built)
    assert told == [f"nothing was masked: names were not read ({cause})"]


def test_where_nothing_else_may_serve_the_refusal_names_the_layer(inspector: Inspector) -> None:
    built, _ = naming(inspector, Failure("names", "late"), home=False)
    sink = run(built, story())
    assert sink.status == 403
    assert "`names` did not read this" in sink.data.decode()
    assert not sent(built)


def test_even_where_unknown_content_may_leave_names_that_were_not_read_do_not(inspector: Inspector) -> None:
    built, _ = naming(inspector, Failure("names", "late"))
    snapshot = built.snapshots.snapshot
    built.snapshots.snapshot = replace(snapshot, policy=replace(snapshot.policy, unknown=Label(Level.PUBLIC)))
    assert run(built, story()).headers["x-douane-zone"] == "home"
    assert not sent(built)


def test_a_name_takes_no_label_away(inspector: Inspector) -> None:
    """What the words that a model takes for a name said to other detectors stays said."""
    built, found = naming(inspector, ("TLP:RED",))
    assert run(built, story(f"TLP:RED. Pay to {IBAN}.")).headers["x-douane-zone"] == "home"
    assert not sent(built)
    assert not found.read


class Suspicious(Naming):
    """Finds a NIR in whatever holds a name's pseudonym."""

    def __init__(self, inspector: Inspector, names: tuple[str, ...]) -> None:
        super().__init__(inspector, names)
        self.inspect = self._inspect

    async def _inspect(self, value: Any, size_bytes: int, owner: str = "") -> Inspection | Failure:
        seen = await self._inspector.inspect(value, size_bytes, owner)
        if "[[PERSON" not in str(value) or isinstance(seen, Failure):
            return seen
        return seen._replace(findings=(*seen.findings, Finding("NIR", "/messages/0/content", 0, 3, 1.0, "nir")))


def test_what_was_masked_of_names_is_inspected_again_and_goes_by_what_it_shows_then(inspector: Inspector) -> None:
    mask = frozenset({"IBAN", "EMAIL", "PERSON"})
    snapshot = masking_zones(mask=mask)
    found = Suspicious(inspector, ("Priya",))
    built = world(found, replace(snapshot, policy=replace(snapshot.policy, name_layers=frozenset({"names"}))))
    assert run(built, story()).headers["x-douane-zone"] == "home"
    assert not sent(built)
    assert found.read


def test_names_raise_no_label(inspector: Inspector) -> None:
    built, found = naming(inspector, ("Kylian Duchêne",))
    built.worth = (0, frozenset())
    sink = run(built, story("Kylian Duchêne told so."))
    assert sink.headers["x-douane-level"] == "public"
    assert not found.read


def test_a_zone_that_masks_no_names_asks_for_none(inspector: Inspector) -> None:
    built, found = naming(inspector, ("Priya",), mask=frozenset({"IBAN"}))
    assert run(built, story()).headers["x-douane-masked"] == "IBAN"
    assert not found.read


def test_a_name_that_cannot_be_replaced_is_not_sent(inspector: Inspector) -> None:
    arguments = f'{{"a": "{IBAN}", "b": "Priya", "c": 1}}'
    built, _ = naming(inspector, ('"Priya", "c"',))
    assert run(built, story(arguments)).headers["x-douane-zone"] == "home"
    assert not sent(built)
