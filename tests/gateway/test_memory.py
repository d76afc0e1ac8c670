"""What the gateway remembers of a conversation: dropping an id, a message or an answer lowers no label."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import orjson
import pytest
from leak_world import PUBLIC_TEXT, SENSITIVE, World, ask, make_deployment, piece, policy, world_of
from shipped_detectors import shipped_inspector

from douane.core.finding import Failure, Inspection
from douane.core.label import Clearance, Label, Level
from douane.core.traffic.conversation import NameKind, spoken
from douane.core.traffic.snapshot import Key, Policy, Route, Snapshot
from douane.core.zone import Zone
from douane.errors import StoreFailed
from douane.ports import Inspector
from douane.testing.client import RecordingSink
from douane.testing.conversations import InMemoryConversations
from douane.testing.keys import StaticKeys, digest_of
from douane.testing.scripted_upstream import Reply, failure, json_reply, sse_reply
from douane.testing.telemetry import GivenInspector

IBAN = SENSITIVE[0][0]
ANSWER = "Yes: the transfer was booked on the third of March, and it arrived on the day after that one."
ID = {"x-douane-conversation": "c-1"}
KEYS = StaticKeys(
    Key("k", digest_of("k"), "owner"),
    Key("same", digest_of("same"), "owner"),
    Key("other", digest_of("other"), "another"),
)


def house(rules: Policy | None = None) -> Snapshot:
    local = (ip_network("127.0.0.0/8"),)
    zones = {
        "home": Zone("home", True, Clearance(Level.RESTRICTED, every_compartment=True), local),
        "cloud": Zone("cloud", False, Clearance(Level.INTERNAL), local),
    }
    deployments = {name: make_deployment(name, name, random.Random(0)) for name in zones}
    routes = {
        "chat": Route("chat", ("cloud", "home")),
        "far": Route("far", ("cloud",)),
        "near": Route("near", ("home",)),
    }
    return Snapshot("v1", zones, deployments, routes, {}, rules or policy())


class Talk:
    """A client of one world."""

    def __init__(
        self,
        inspector: Inspector | None = None,
        rules: Policy | None = None,
        conversations: InMemoryConversations | None = None,
    ) -> None:
        self.inspector = inspector or shipped_inspector()
        self.book = conversations or InMemoryConversations()
        self.world: World = world_of(house(rules), self.inspector, random.Random(0), keys=KEYS, conversations=self.book)

    def say(
        self,
        *messages: str | dict[str, Any],
        headers: dict[str, str] | None = None,
        key: str = "k",
        route: str = "chat",
        reply: Reply | None = None,
        **more: Any,
    ) -> RecordingSink:
        """Send messages (a text is a user's) and get `ANSWER`, or another reply."""
        given = [{"role": "user", "content": one} if isinstance(one, str) else one for one in messages]
        for name in ("home", "cloud"):
            self.world.upstream._scripts.pop(name, None)
            self.world.upstream.play(name, reply or answered(ANSWER))
        body = {"model": route, "messages": given, **more}
        return asyncio.run(ask(self.world, "chat", body, headers, secret=key))


def answered(*texts: str | None) -> Reply:
    choices = [
        {"index": n, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        for n, text in enumerate(texts)
    ]
    return json_reply(
        orjson.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})
    )


def was(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": text}


def label(sink: RecordingSink) -> str:
    return sink.headers["x-douane-level"]


# --- how a conversation is known -------------------------------------------------------------------------------------


def test_dropping_the_message_that_held_it_lowers_no_label() -> None:
    talk = Talk()
    assert label(talk.say(IBAN, headers=ID)) == "confidential"
    later = talk.say(PUBLIC_TEXT, headers=ID)
    assert (label(later), later.headers["x-douane-zone"]) == ("confidential", "home")
    assert label(talk.say(PUBLIC_TEXT, headers={"x-douane-conversation": "c-2"})) == "public"


@pytest.mark.parametrize("message", [was(ANSWER), was(f"\n {ANSWER.replace(' ', '  ')}"), {
    "role": "assistant", "content": [{"type": "text", "text": ANSWER[:9]}, {"type": "text", "text": ANSWER[9:]}]}])  # fmt: skip
def test_dropping_the_header_too_lowers_no_label_while_an_answer_comes_back(message: dict[str, Any]) -> None:
    talk = Talk()
    talk.say(IBAN)
    assert label(talk.say(message, PUBLIC_TEXT)) == "confidential"


def test_an_answer_tells_the_id_of_its_conversation() -> None:
    talk = Talk()
    talk.say(PUBLIC_TEXT, headers=ID)
    assert label(talk.say(was(ANSWER), IBAN, reply=answered("ok"))) == "confidential"
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == "confidential"


def test_what_a_caller_wrote_tells_no_conversation() -> None:
    talk = Talk()
    prompt = "You are a helpful assistant of the house, and answer in whole sentences, politely and briefly."
    talk.say({"role": "system", "content": prompt}, IBAN, ANSWER)
    assert label(talk.say({"role": "system", "content": prompt}, PUBLIC_TEXT)) == "public"
    assert label(talk.say(ANSWER, PUBLIC_TEXT)) == "public", "as a user's message it is a text like any other"


def test_a_short_answer_tells_no_conversation() -> None:
    talk = Talk()
    talk.say(IBAN, reply=answered("Yes, it did."))
    assert label(talk.say(was("Yes, it did."), PUBLIC_TEXT)) == "public"


def test_each_choice_tells_the_conversation() -> None:
    talk = Talk()
    texts = [f"{number}: {ANSWER}" for number in range(3)]
    talk.say(IBAN, reply=answered(*texts), n=3)
    for text in texts:
        assert label(talk.say(was(text), PUBLIC_TEXT)) == "confidential"


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_streamed_answer_tells_it_however_it_was_cut(step: int) -> None:
    talk = Talk()
    pieces = [piece("chat", ANSWER[at : at + step]) for at in range(0, len(ANSWER), step)]
    sink = talk.say(IBAN, reply=sse_reply(*pieces, piece("chat", "", "stop"), b"data: [DONE]\n\n"), stream=True)
    assert sink.events[-1] == "[DONE]"
    assert label(talk.say(was(ANSWER), PUBLIC_TEXT)) == "confidential"


def test_a_stream_that_broke_off_is_known_by_what_arrived_of_it() -> None:
    talk = Talk()
    long = f"{ANSWER} " * 5
    talk.say(
        IBAN, reply=sse_reply(piece("chat", long[:150]), piece("chat", long[150:300]), failure("body")), stream=True
    )
    for arrived in (300, 260, 150, 70):
        assert label(talk.say(was(long[:arrived]), PUBLIC_TEXT)) == "confidential"
    assert label(talk.say(was("Something else: " + long), PUBLIC_TEXT)) == "public"


def test_a_client_that_leaves_has_its_half_answer_remembered() -> None:
    talk = Talk()

    async def leave() -> None:
        gone = asyncio.Event()
        for name in ("home", "cloud"):
            talk.world.upstream.play(name, sse_reply(piece("chat", ANSWER), gone))
        body = {"model": "chat", "messages": [{"role": "user", "content": IBAN}], "stream": True}
        task = asyncio.create_task(ask(talk.world, "chat", body, secret="k"))
        for _ in range(200):
            await asyncio.sleep(0)
        assert talk.world.upstream.arrivals
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(leave())
    assert label(talk.say(was(ANSWER[:80]), PUBLIC_TEXT)) == "confidential"


# --- what is remembered ----------------------------------------------------------------------------------------------


def test_a_refused_turn_counts() -> None:
    talk = Talk()
    refused = talk.say(IBAN, headers=ID, route="far")
    assert (refused.status, refused.json["error"]["code"]) == (403, "label_not_cleared")
    again = talk.say(PUBLIC_TEXT, headers=ID, route="far")
    assert (again.status, label(again)) == (403, "confidential")
    assert talk.say(PUBLIC_TEXT, route="far").status == 200


def test_a_turn_that_failed_counts() -> None:
    talk = Talk()
    assert talk.say(IBAN, headers=ID, reply=json_reply(b"{}", status=500)).status == 502
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == "confidential"


def test_a_turn_that_could_not_be_read_counts() -> None:
    inspector = GivenInspector(Failure("patterns", "late"))
    talk = Talk(inspector)
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == "restricted"
    inspector.inspection = Inspection(layers=("patterns",))
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == "restricted"


def test_a_declaration_counts_for_the_whole_conversation() -> None:
    talk = Talk()
    talk.say(PUBLIC_TEXT, headers={**ID, "x-douane-level": "confidential", "x-douane-compartments": "mnpi"})
    later = talk.say(PUBLIC_TEXT, headers=ID)
    assert (label(later), later.headers["x-douane-compartments"]) == ("confidential", "mnpi")


def test_a_reload_that_maps_less_lowers_no_conversation() -> None:
    talk = Talk()
    talk.say(IBAN, headers=ID)
    snapshot = house(replace(policy(), map={**policy().map, "IBAN": Label(Level.PUBLIC)}))
    talk.world.snapshots.snapshot = replace(snapshot, version="v2")
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == "confidential"
    assert label(talk.say(IBAN)) == "public"


def test_the_receipt_says_that_the_conversation_raised_it_where_nothing_else_did() -> None:
    talk = Talk()
    talk.say(IBAN, headers=ID)
    talk.say(PUBLIC_TEXT, headers=ID, route="far")
    talk.say(IBAN, headers=ID, route="far")
    assert [refusal.reasons for refusal in talk.world.ledger.refusals] == ["conversation", "finding,IBAN"]


# --- layers ----------------------------------------------------------------------------------------------------------

MEANING = replace(policy(), layers=frozenset({"patterns", "meaning"}))
READ = Inspection(layers=("patterns",))
UNDERSTOOD = Inspection(layers=("patterns", "meaning"))


def test_a_turn_that_stayed_unread_lets_no_later_turn_leave() -> None:
    talk = Talk(GivenInspector(READ, UNDERSTOOD), MEANING)
    assert label(talk.say(PUBLIC_TEXT, headers=ID, route="near")) == "public"
    later = talk.say(PUBLIC_TEXT, headers=ID)
    assert (label(later), later.headers["x-douane-zone"]) == ("restricted", "home")
    assert talk.say(PUBLIC_TEXT, headers=ID, route="far").status == 403


def test_turns_that_every_layer_read_may_leave_one_after_the_other() -> None:
    talk = Talk(GivenInspector(READ, UNDERSTOOD), MEANING)
    for _ in range(3):
        turn = talk.say(was(ANSWER), PUBLIC_TEXT, headers=ID)
        assert (label(turn), turn.headers["x-douane-zone"]) == ("public", "cloud")


# --- tenants, and the store ------------------------------------------------------------------------------------------


def test_another_owners_id_and_answers_tell_nothing() -> None:
    talk = Talk()
    talk.say(IBAN, headers=ID)
    assert label(talk.say(was(ANSWER), PUBLIC_TEXT, headers=ID, key="other")) == "public"
    assert label(talk.say(was(ANSWER), PUBLIC_TEXT, key="same")) == "confidential", "keys of one owner share it"
    talk.say(SENSITIVE[2][0], was(ANSWER), headers=ID, key="other")
    assert label(talk.say(was(ANSWER), PUBLIC_TEXT, headers=ID)) == "confidential"


@pytest.mark.parametrize("when", ["classified", "answered", "streamed"])
def test_a_label_that_is_not_durable_is_not_told(when: str) -> None:
    talk = Talk()
    talk.book.fail_with = StoreFailed("The disk is full.", "Free some of it.", rule="r")
    pieces = sse_reply(piece("chat", ANSWER), piece("chat", "", "stop"), b"data: [DONE]\n\n")
    if when == "streamed":
        sink = talk.say(IBAN, stream=True, reply=pieces)
        assert b"[DONE]" not in sink.data
        return
    sink = talk.say(IBAN, headers=ID if when == "classified" else None)
    assert (sink.status, sink.json["error"]["code"]) == (503, "overloaded")
    assert ANSWER.encode() not in sink.data
    assert talk.say(PUBLIC_TEXT).status == 200, "what is remembered nowhere needs no disk"
    talk.book.fail_with = None
    assert label(talk.say(PUBLIC_TEXT, headers=ID)) == ("confidential" if when == "classified" else "public")


def test_public_turns_without_an_id_leave_no_trace() -> None:
    talk = Talk()
    talk.say(PUBLIC_TEXT)
    talk.say(was(ANSWER), PUBLIC_TEXT)
    assert not talk.book.kinds("owner")


# --- masked forms ----------------------------------------------------------------------------------------------------


def masking() -> Talk:
    """Return a talk in a house whose cloud, cleared for public, masks account numbers."""
    talk = Talk()
    snapshot = house()
    cloud = replace(snapshot.zones["cloud"], clearance=Clearance(Level.PUBLIC), mask=frozenset({"IBAN"}))
    talk.world.snapshots.snapshot = replace(snapshot, zones={**snapshot.zones, "cloud": cloud}, version="v2")
    return talk


def test_a_conversation_that_left_masked_goes_on_masked() -> None:
    talk = masking()
    for text in (IBAN, PUBLIC_TEXT, IBAN):
        turn = talk.say(text, headers=ID)
        assert (label(turn), turn.headers["x-douane-zone"]) == ("confidential", "cloud")


@pytest.mark.parametrize("first", [SENSITIVE[1][0], SENSITIVE[2][0]])
def test_what_could_not_leave_masked_lets_no_masked_form_of_a_later_turn_leave(first: str) -> None:
    talk = masking()
    assert talk.say(first, headers=ID).headers["x-douane-zone"] == "home"
    for text in (PUBLIC_TEXT, IBAN):
        assert talk.say(text, headers=ID).headers["x-douane-zone"] == "home"
    assert talk.say(IBAN).headers["x-douane-zone"] == "cloud"


def test_an_answer_is_known_as_the_client_got_it() -> None:
    talk = masking()

    def echo(_cleared: object, call: Any) -> Reply:
        text = orjson.loads(call.payload)["messages"][0]["content"]
        return answered(f"You asked me to do this, and it is done: {text}")

    talk.world.upstream.play("cloud", echo)
    body = {"model": "chat", "messages": [{"role": "user", "content": IBAN}]}
    got = asyncio.run(ask(talk.world, "chat", body, secret="k")).json["choices"][0]["message"]["content"]
    assert "3M02" in got
    known = talk.say(was(got), PUBLIC_TEXT)
    assert label(known) == "confidential"
    named = [talk.book.name("owner", NameKind.ANSWER, spoken(got))]
    assert talk.book.recall("owner", named) is not None
