from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.errors import InvalidRequest
from douane.wire.strict_json import MAX_DEPTH, MAX_WEIGHT, is_too_heavy, parse, weight_bytes

CORPUS = Path(__file__).parent.parent / "corpus" / "wire" / "json"

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


def spaced(value: Any) -> bytes:
    """Write a value so that the shortest way through the parser is closed."""
    return json.dumps(value, indent=1).encode()


def corpus(prefix: str) -> list[Path]:
    found = sorted(CORPUS.glob(f"{prefix}-*.json"))
    assert found
    return found


@pytest.mark.parametrize("path", corpus("refused"), ids=lambda path: path.stem)
def test_what_two_parsers_may_read_differently_is_refused(path: Path) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(path.read_bytes())
    assert refusal.value.problem
    assert refusal.value.fix
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("path", corpus("accepted"), ids=lambda path: path.stem)
def test_what_every_parser_reads_alike_is_accepted(path: Path) -> None:
    body = path.read_bytes()
    assert parse(body) == json.loads(body)


@given(values)
def test_an_accepted_value_is_what_every_parser_reads_and_what_we_write(value: Any) -> None:
    for body in (orjson.dumps(value), spaced(value)):
        parsed = parse(body)
        assert parsed == json.loads(body)
        assert orjson.loads(orjson.dumps(parsed)) == parsed


def _problem_of(body: bytes) -> str:
    with pytest.raises(InvalidRequest) as refusal:
        parse(body)
    return refusal.value.problem


@given(st.dictionaries(st.text(min_size=1, max_size=6), values, min_size=1, max_size=4), st.data())
def test_a_key_named_twice_is_refused_wherever_it_stands(fields: dict[str, Any], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(fields)))
    pairs = [f"{json.dumps(key)}:{json.dumps(item)}" for key, item in fields.items()]
    pairs.insert(data.draw(st.integers(0, len(pairs))), f"{json.dumps(name)}:{json.dumps(data.draw(scalars))}")
    doubled = "{" + ",".join(pairs) + "}"
    wrapper = data.draw(st.sampled_from(["%s", "[%s]", '{"messages":[{"content":%s}]}', '[1,{"a":{"b":%s}}]']))
    with pytest.raises(InvalidRequest):
        parse((wrapper % doubled).encode())


@given(st.integers(1, 200), st.sampled_from([(b"[", b"]"), (b'{"a":', b"}")]))
def test_nesting_is_accepted_up_to_the_bound_and_not_beyond(depth: int, brackets: tuple[bytes, bytes]) -> None:
    opening, closing = brackets
    core = b"[]" if opening == b"[" else b"{}"
    body = opening * (depth - 1) + core + closing * (depth - 1)
    if depth <= MAX_DEPTH:
        assert parse(body) == orjson.loads(body)
    else:
        assert "deeper" in _problem_of(body)


@pytest.mark.parametrize(
    "body", [b"[" * 10_000_000, b'{"a":' * 2_000_000, b"[{}," * 2_000_000], ids=["lists", "objects", "mixed"]
)
def test_megabytes_of_open_brackets_are_refused_without_a_crash(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse(body)


@pytest.mark.parametrize("literal", ["9" * 5_000, "0." + "1" * 5_000, "1e" + "9" * 5_000, "1e-" + "9" * 5_000])
def test_numbers_of_thousands_of_digits_are_refused_cheaply(literal: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(f'{{"n": {literal}}}'.encode())


def test_a_refusal_names_the_place_in_words_of_the_api_and_never_content() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(b'{"messages":[{"content":{"Jean Dupont":{"iban":1,"iban":2}}}]}')
    assert refusal.value.param == "/messages/0/content/*"
    assert "Jean" not in str(refusal.value)
    assert "iban" not in str(refusal.value)


UNITS = [b"[]", b"{}", b'{"a":1}', b'""', b"1", b'{"a":[1,"b"]}']


@pytest.mark.parametrize("unit", UNITS, ids=bytes.decode)
def test_values_that_weigh_far_more_than_their_text_are_refused_unparsed(unit: bytes) -> None:
    heavy = (b"[" + (unit + b",") * (MAX_WEIGHT // 40))[: 8 << 20]  # it never closes: no parser has seen it
    with pytest.raises(InvalidRequest) as refusal:
        parse(heavy)
    assert refusal.value.rule == "The number of values is bounded."


@given(values)
def test_the_weight_is_an_upper_bound_of_what_values_take(value: Any) -> None:
    first_item_bytes = 64
    assert taken_bytes(orjson.loads(orjson.dumps(value))) <= weight_bytes(orjson.dumps(value)) + first_item_bytes


def taken_bytes(value: Any) -> int:
    if isinstance(value, dict):
        return sys.getsizeof(value) + sum(taken_bytes(item) for item in value.values())
    if isinstance(value, list):
        return sys.getsizeof(value) + sum(taken_bytes(item) for item in value)
    return 0 if value is None or isinstance(value, bool | str) else sys.getsizeof(value)


def test_long_texts_and_many_tokens_are_not_too_heavy() -> None:
    prose = b'{"content":"' + b'Lists (a, b), \\"quotes\\" and [notes] pass. ' * 180_000 + b'"}'
    tokens = b'{"input":[' + b",".join([b"[" + b",".join([b"12345"] * 1000) + b"]"] * 1300) + b"]}"
    source = orjson.dumps({"content": Path(__file__).read_text(encoding="utf-8") * 2000})[: 8 << 20]
    for body in (prose, tokens, source):
        assert len(body) > 7_000_000
        assert not is_too_heavy(body, MAX_WEIGHT)


@pytest.mark.parametrize("text", [b"", b"long " * 2000], ids=["short", "long"])
def test_nesting_is_bounded_alike_in_short_and_long_bodies(text: bytes) -> None:
    def nested(levels: int) -> bytes:
        return b'{"content":"%b","a":%b1%b}' % (text, b'[{"b":' * (levels // 2), b"}]" * (levels // 2))

    assert parse(nested(MAX_DEPTH - 2))
    with pytest.raises(InvalidRequest) as refusal:
        parse(nested(MAX_DEPTH))
    assert refusal.value.rule == "Nesting is bounded."
