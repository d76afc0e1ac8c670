from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from wire_harness import attempt

from douane.errors import Unsupported
from douane.wire.kinds.listing import CHAT, LEAF, MESSAGE, project

NAMES = ["role", "content", "type", "text", "image_url", "url", "tool_calls", "annotations", "name", "secret"]
plain = st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3)
nested = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=12,
)
messages = st.lists(st.dictionaries(st.sampled_from(NAMES), nested, max_size=4), max_size=3)


def unlisted(item: Any, shape: Any) -> list[str]:
    """Return the names that a shape does not hold, at any depth."""
    if shape is LEAF:
        return []
    if isinstance(shape, list):
        return [name for child in item for name in unlisted(child, shape[0])] if isinstance(item, list) else []
    if not isinstance(item, dict):
        return []
    strange = [name for name in item if name not in shape]
    return strange + [name for name in item if name in shape for name in unlisted(item[name], shape[name])]


@given(messages)
def test_no_unlisted_name_passes_at_any_depth(given_messages: list[dict[str, Any]]) -> None:
    passed = attempt(lambda: project({"messages": given_messages}, CHAT, "away"))
    if isinstance(passed, Unsupported):
        assert unlisted(given_messages, [MESSAGE])
        return
    assert isinstance(passed, dict)
    assert unlisted(passed["messages"], [MESSAGE]) == []


@given(messages)
def test_what_a_listing_names_in_whole_passes_as_it_is(given_messages: list[dict[str, Any]]) -> None:
    if not unlisted(given_messages, [MESSAGE]):
        assert project({"messages": given_messages}, CHAT, "away") == {"messages": given_messages}
