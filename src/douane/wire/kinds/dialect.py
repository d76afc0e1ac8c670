"""The OpenAI dialect as upstreams speak it: one kind is one value of `Dialect`, and rarely more.

Rules enforced:
1. What is sent is our own serialisation: the route's name becomes the deployment's, fields that are the gateway's are
   set here, all others are as they were classified (law 1).
2. Off the premises, and always at a managed platform, only listed fields pass; on the premises unknown ones do too.
3. Usage is asked for in every stream, where the platform has to be asked.
4. Where a deployment knows no tools, `tools` emulates them.
5. A deployment that a kind objects to is never called, whatever configuration let through.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from douane.core.models.catalogue import Deployment, KindFacts, ToolSupport
from douane.core.reason import Reason
from douane.errors import Unsupported
from douane.wire.call import Ask, Call, Fault
from douane.wire.fields import PASSABLE_VALUES
from douane.wire.kinds.answers import WholeAnswer
from douane.wire.kinds.faults import read_fault
from douane.wire.kinds.kind import AnswerReader, RateLimitState, StreamRelay
from douane.wire.kinds.listing import Shape, project
from douane.wire.kinds.rates import OPENAI_FAMILY, Headers, read_rate_limits
from douane.wire.kinds.streams import EventRelay
from douane.wire.kinds.tools import EmulatedAnswer, EmulatedStream, emulate, mentions_tools, plan_of

PATHS: Final = {"chat": "/chat/completions", "completions": "/completions", "embeddings": "/embeddings"}
_WHOLE: Final = (("content-type", "application/json"), ("accept", "application/json"))
_STREAM: Final = (("content-type", "application/json"), ("accept", "text/event-stream"))
_OURS: Final = frozenset({"model", "stream", "stream_options", *PASSABLE_VALUES})


@dataclass(frozen=True, slots=True)
class Dialect:
    """A kind of upstream.

    `listing` holds, per endpoint, the fields that may leave the premises. `renames` maps a field to what the platform
    calls it. `asks_usage`: usage comes in a stream only if asked for. `chat_bound` is the field with which the gateway
    itself bounds a chat's output. `drops` are fields that the platform refuses and whose effect is had otherwise.
    `rates` are its families of rate-limit headers, the first found counts.
    """

    facts: KindFacts
    listing: Mapping[str, Shape]
    renames: Mapping[str, str] = field(default_factory=dict)
    drops: frozenset[str] = frozenset()
    asks_usage: bool = True
    chat_bound: str = "max_tokens"
    rates: tuple[Headers, ...] = (OPENAI_FAMILY,)

    def objection(self, deployment: Deployment, *, premises: bool) -> Reason | None:
        """Return why a deployment may not be used in such a zone, or None."""
        if premises and self.facts.managed:
            return Reason(
                "managed_on_premises",
                "A managed platform is never on the premises.",
                f"Deployment `{deployment.name}` is of kind `{deployment.kind}`, and its zone is on the premises.",
                "Put it into a zone with `premises = false`.",
            )
        return None

    def call(self, ask: Ask, deployment: Deployment, *, premises: bool, isolation: str | None) -> Call:
        """Return the call, in our serialisation; raise Unsupported where a field may not go to such a deployment."""
        objection = self.objection(deployment, premises=premises)
        if objection is not None:
            raise Unsupported(objection.fact, objection.fix, rule=objection.rule)
        if ask.endpoint not in deployment.capabilities.endpoints or ask.endpoint not in self.listing:
            raise Unsupported(
                f"Deployment `{deployment.name}` does not serve {ask.endpoint}.",
                "Add a deployment that does to the route.",
                rule="A request goes to a deployment that can serve it.",
            )
        if _emulates(ask, deployment) and mentions_tools(ask):
            ask = emulate(ask)
        body = self.body(ask, deployment, premises=premises)
        body.update(self.gateway_fields(ask, deployment, isolation))
        return Call("POST", PATHS[ask.endpoint], self.headers(ask, deployment), orjson.dumps(body))

    def body(self, ask: Ask, deployment: Deployment, *, premises: bool) -> dict[str, Any]:
        """Return the fields that are the client's, as the platform calls them."""
        left_out = _OURS | self.drops if self.drops else _OURS
        fields = {name: item for name, item in ask.value.items() if name not in left_out}
        if not premises or self.facts.managed:
            fields = project(fields, self.listing[ask.endpoint], deployment.name)
        for name, other in self.renames.items():
            if name in fields:
                item = fields.pop(name)
                if item is not None:
                    fields[other] = item
        return {"model": self.model(deployment), **fields}

    def gateway_fields(self, ask: Ask, deployment: Deployment, isolation: str | None) -> dict[str, Any]:  # noqa: ARG002
        """Return the fields that the gateway sets, whatever the client wrote."""
        fields: dict[str, Any] = {}
        if ask.bound is not None:
            fields[self.chat_bound if ask.endpoint == "chat" else "max_tokens"] = ask.bound
        if ask.stream:
            fields["stream"] = True
            if self.asks_usage:
                fields["stream_options"] = {"include_usage": True}
        return fields

    def model(self, deployment: Deployment) -> str:
        """Return what the platform calls the deployment's model."""
        return deployment.upstream_model

    def headers(self, ask: Ask, deployment: Deployment) -> tuple[tuple[str, str], ...]:
        """Return the call's headers: none of the client's pass."""
        headers = _STREAM if ask.stream else _WHOLE
        return (*headers, ("authorization", f"Bearer {deployment.api_key}")) if deployment.api_key else headers

    def fault(self, status: int, headers: Mapping[str, str], body: bytes) -> Fault:
        """Read a refusal: any status but 200."""
        return read_fault(status, headers, body)

    def rate_limits(self, headers: Mapping[str, str]) -> RateLimitState | None:
        """Read what is left of our limits; None where the headers do not say."""
        return read_rate_limits(headers, *self.rates)

    def reader(self, ask: Ask, deployment: Deployment) -> AnswerReader:
        """Return a reader for one whole answer."""
        if _emulates(ask, deployment):
            return EmulatedAnswer(ask, deployment)
        return WholeAnswer(ask, deployment)

    def relay(self, ask: Ask, deployment: Deployment) -> StreamRelay:
        """Return a relay for one stream."""
        if _emulates(ask, deployment) and plan_of(ask) is not None:
            return EmulatedStream(ask, deployment)
        return EventRelay(ask, deployment)


def _emulates(ask: Ask, deployment: Deployment) -> bool:
    return ask.endpoint == "chat" and deployment.capabilities.tools is ToolSupport.EMULATED
