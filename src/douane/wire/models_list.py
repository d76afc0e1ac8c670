"""The body of GET /v1/models: the routes that a key may use, as the OpenAI dialect lists models."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson


def models_list(routes: Iterable[str], name: str = "") -> bytes | None:
    """Return the list of `routes`, or with `name` that one's own object; None where it is not among them.

    `created` is 0: a route has no date that means anything to a client.
    """
    known = tuple(routes)
    if not name:
        return orjson.dumps({"object": "list", "data": [_model(route) for route in known]})
    return orjson.dumps(_model(name)) if name in known else None


def _model(route: str) -> dict[str, Any]:
    return {"id": route, "object": "model", "created": 0, "owned_by": "douane"}
