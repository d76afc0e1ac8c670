"""What a caller writes so that an engine fetches, counts or reads something else than the gateway saw."""

from __future__ import annotations

from typing import Any

import pytest

from douane.errors import InvalidRequest, Unsupported
from douane.wire.openai_request import parse_chat, parse_completions, parse_embeddings
from douane.wire.strict_json import parse

FAR = "http://192.0.2.1/x.png"


def chat(content: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content}], **more}


@pytest.mark.parametrize(
    "url",
    [" " * 64 + FAR, "\x00" * 70 + FAR, "\x0b\x1f\u3000" * 30 + FAR, "h" + "\n" * 70 + "ttp://192.0.2.1/x",
     "\t" * 100 + "FILE:///etc/passwd", " data:" + " " * 64 + FAR],
)  # fmt: skip
def test_no_padding_hides_an_address_that_an_engine_would_fetch(url: str) -> None:
    """Readers of URLs strip spaces and control characters before, and line ends within (WHATWG URL, 4.4)."""
    with pytest.raises(Unsupported):
        parse_chat(chat([{"type": "image_url", "image_url": {"url": url}}]))


def test_inline_media_pass_whatever_their_size() -> None:
    for url in ("data:image/png;base64,AAAA", "DATA:image/png;base64,AA:AA", "A" * 1_000_000):
        parse_chat(chat([{"type": "image_url", "image_url": {"url": url}}]))


@pytest.mark.parametrize("parser", [parse_completions, parse_embeddings])
def test_messages_do_not_pass_unchecked_where_an_engine_might_take_them_for_a_chat(parser: Any) -> None:
    smuggled = chat([{"type": "image_url", "image_url": {"url": FAR}}], input="x", prompt="x")
    with pytest.raises(InvalidRequest):
        parser(smuggled)


@pytest.mark.parametrize("reference", [FAR, "//192.0.2.1/a", "other.json#/x", "file:///etc/passwd"])
def test_a_schema_refers_to_nothing_outside_itself(reference: str) -> None:
    schema = {"type": "object", "properties": {"a": {"anyOf": [{"$ref": reference}]}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    shape = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    for more in ({"tools": [tool]}, {"response_format": shape}):
        with pytest.raises(Unsupported) as refused:
            parse_chat(chat("x", **more))
        assert reference not in str(refused.value)


def test_a_schema_may_refer_to_itself_and_name_a_property_like_a_reference() -> None:
    schema = {"$defs": {"a": {}}, "properties": {"$ref": {"$ref": "#/$defs/a"}}}
    parse_chat(chat("x", tools=[{"type": "function", "function": {"name": "f", "parameters": schema}}]))


def test_the_length_of_a_completion_is_what_was_reserved_for_it() -> None:
    with pytest.raises(InvalidRequest):
        parse_completions({"model": "m", "prompt": "x", "max_tokens": 1, "max_completion_tokens": 10**6})
    assert parse_completions({"model": "m", "prompt": "x", "max_completion_tokens": 7}).max_output_tokens == 7


def test_short_numbers_are_kept_exactly_without_a_second_look() -> None:
    written = b"[1.50,0.1,123456789.12345,1e5,-2.5E-10,1e289,1e-289,0.0,5e-324, 2.225e-308]"
    assert parse(written) == [1.5, 0.1, 123456789.12345, 1e5, -2.5e-10, 1e289, 1e-289, 0.0, 5e-324, 2.225e-308]
    for odd in (b"[ 1.234567e-320]", b"[ 1e-400]", b"[ 1e400]", b"[ 0.1234567890123456789]"):
        with pytest.raises(InvalidRequest):
            parse(odd)
