"""Putting values back: however an answer is cut, only what this conversation issued, and never into an address."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from douane.core.pseudonym import Pseudonym, Pseudonyms
from douane.wire.unmasking.answers import StreamUnmasker, Unmasking, unmask_answer
from douane.wire.unmasking.text import MOST_HELD, TextUnmasker
from douane.wire.unmasking.urls import Surroundings

IBAN = "FR14 2004 1010 0505 0001 3M02 606"
NAME = 'Jean "le Grand" Dupont'
CHUNKINGS = 20_000


def issued(pseudonyms: Pseudonyms, kind: str, value: str) -> Pseudonym:
    made = pseudonyms.issue(kind, value)
    assert made is not None
    return made


OURS = Pseudonyms(b"k" * 32)
A, B = issued(OURS, "IBAN", IBAN), issued(OURS, "PERSON", NAME)
KEY = issued(OURS, "SECRET", "sk-live-0123456789")
FOREIGN = issued(Pseudonyms(b"o" * 32), "IBAN", IBAN)


def said(text: str, *, is_json: bool = False) -> str:
    unmasker = TextUnmasker(OURS.find, is_json=is_json)
    return unmasker.feed(text) + unmasker.finish()


MANGLED = {
    "as it is": str(A),
    "lower case": str(A).lower(),
    "another type": str(A).replace("IBAN", "Compte"),
    "one bracket": str(A)[1:-1],
    "one bracket before": str(A)[1:],
    "one bracket behind": str(A)[:-1],
    "blanks": str(A).replace("_", " _ "),
    "escaped": str(A).replace("_", "\\_"),
    "escaped brackets": str(A).replace("[", "\\[").replace("]", "\\]"),
}


@pytest.mark.parametrize("how", MANGLED)
def test_what_models_do_to_a_placeholder_is_understood(how: str) -> None:
    assert said(f"Pay {MANGLED[how]}, now") == f"Pay {IBAN}, now"


NOT_OURS = {
    "another conversation's": str(FOREIGN),
    "a number that was not issued": str(A).replace("_1_", "_2_"),
    "a made-up nonce": "[[IBAN_1_0000000000]]",
    "a nonce cut short": str(A)[:-3] + "]]",
    "no brackets": str(A)[2:-2],
    "a credential's": str(KEY),
    "digits of another script": str(A).replace("_1_", "_\u0661_"),
}


@pytest.mark.parametrize("what", NOT_OURS)
def test_what_was_not_issued_here_stays_as_it_is(what: str) -> None:
    assert said(f"Pay {NOT_OURS[what]}, now") == f"Pay {NOT_OURS[what]}, now"


IN_ADDRESSES = (
    "https://e.example/?q={}", "HTTPS://e.example/{}", "![x](https://e.example/{})", "![x](//e.example/{})",
    "![x](<https://e.example/a b {}>)", "![x](<a) {}>)", "[ref]: https://e.example/{}", "[r]: <https://e.example/a {}>",
    '<img src="https://e.example/a b {}">', "<img src='//e.example/{}'>", "<img src=//e.example/{}>",
    '<img alt=">" src="https://e.example/ {}">', '<a x=" " y=b" src="https://e.example/?> {}">', "<https://e.example/{}>",
    "<style>p{{background:url(//e.example/ {})}}</style>", "<pre x='\n\n {}'>", "www.e.example/{}", "mailto:a@b.fr?body={}",
    "[https://a](https://e.example/a{})", "![x](https://e.example/(a)b{})", "<!-- {} -->", "http://a/[{}](b)",
)  # fmt: skip


@pytest.mark.parametrize("shape", IN_ADDRESSES)
def test_no_value_goes_into_an_address(shape: str) -> None:
    text = shape.format(A)
    assert said(text) == text
    for cut in range(len(text)):
        assert "".join(pieces(TextUnmasker(OURS.find), [text[:cut], text[cut:]])) == text


BESIDE_ADDRESSES = (
    "https://e.example/ {}", "[{}](https://e.example)", "[x](https://e.example) {}", "<br>{}", "<https://e.example> {}",
    "see https://e.example\n{}", "a [1] and {}", "if x < 5 then {}", "([x](y)) {}", '<p class="a">\n\n{}',
)  # fmt: skip


@pytest.mark.parametrize("shape", BESIDE_ADDRESSES)
def test_a_value_goes_beside_an_address(shape: str) -> None:
    assert said(shape.format(A)) == shape.format(IBAN)


def test_an_address_may_have_begun_long_before() -> None:
    unmasker = TextUnmasker(OURS.find)
    out = [unmasker.feed("see https:/"), unmasker.feed("/e.example/?q=")]
    out += [unmasker.feed("a" * 1000) for _ in range(20)]
    out += [unmasker.feed(str(A)), unmasker.feed(" "), unmasker.feed(str(A)), unmasker.finish()]
    assert "".join(out).endswith(f"a{A} {IBAN}")


def test_in_json_a_value_is_escaped_and_an_address_ends_with_its_string() -> None:
    text = f'{{"url":"https://e.example/{A}","esc":"https:\\/\\/e/{A}","who":"{B}","iban":"{A}"}}'
    told = orjson.loads(said(text, is_json=True))
    assert told == {"url": f"https://e.example/{A}", "esc": f"https://e/{A}", "who": NAME, "iban": IBAN}


def pieces(unmasker: TextUnmasker, cut: list[str]) -> Iterator[str]:
    for piece in cut:
        yield unmasker.feed(piece)
    yield unmasker.finish()


def cuts(rng: random.Random, text: str) -> list[str]:
    points = sorted(rng.sample(range(1, len(text)), rng.randint(1, min(24, len(text) - 1))))
    return [text[a:b] for a, b in zip([0, *points], [*points, len(text)], strict=True)]


NASTY = (
    f"[[{A}]] \\{B} {str(A).lower()}[x](https://e/?{A}) {KEY} a[1][2] [[IBAN_1_ {FOREIGN} \\[\\[{str(B)[2:-2]}\\]\\] "
    f"www.x/{B} <img src='{A}'>\n\n{str(A)[1:-1]}[[{str(B)[2:]} `{A}` ]] [[[[{str(A)[2:-1]}"
)


def test_however_a_text_is_cut_the_same_is_said() -> None:
    whole = said(NASTY)
    assert whole.count(IBAN) >= 4
    assert whole.count(NAME) >= 3
    rng = random.Random(7)
    wrong = sum("".join(pieces(TextUnmasker(OURS.find), cuts(rng, NASTY))) != whole for _ in range(CHUNKINGS))
    assert wrong == 0


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [str(A), str(B), "[", "]", "\\", "[[", "_1_", A.nonce, "(", "](", "://", " ", "<b", '"', ">", "\n\n", "é"]
        ),
        max_size=14,
    ),
    st.randoms(),
    st.booleans(),
)
def test_any_text_cut_anyhow(words: list[str], rng: random.Random, is_json: bool) -> None:  # fmt: skip
    text = "".join(words)
    whole = said(text, is_json=is_json)
    if len(text) > 1:
        assert "".join(pieces(TextUnmasker(OURS.find, is_json=is_json), cuts(rng, text))) == whole


@given(st.text(max_size=200))
def test_a_text_without_placeholders_is_left_alone_and_hardly_held(text: str) -> None:
    unmasker = TextUnmasker(OURS.find)
    told, given_so_far = "", ""
    for sign in text:
        given_so_far += sign
        told += unmasker.feed(sign)
        assert len(given_so_far) - len(told) <= MOST_HELD
    assert told + unmasker.finish() == text


def test_reading_the_surroundings_is_bounded_in_memory() -> None:
    around = Surroundings()
    for _ in range(1000):
        around.note("word " * 20)
    assert around._size <= 4200


@pytest.mark.parametrize("slashes", ["\\/", "\\u002f", "/", "\\"])
def test_slashes_that_begin_no_address_are_read_at_once(slashes: str) -> None:
    """Each of thirty could once be read in two ways, and all of them were tried."""
    around = Surroundings()
    around.note("x" * 4200 + ":" + slashes * (60 // len(slashes)) + "-")
    assert around._size <= 64


# --- whole answers -----------------------------------------------------------------------------------------------------


def answer(**message: Any) -> bytes:
    choice = {
        "index": 0,
        "message": {"role": "assistant", **message},
        "finish_reason": "stop",
        "logprobs": {"content": [str(A)]},
    }
    return orjson.dumps({"id": "x", "model": "chat", "choices": [choice]})


def tool_call(name: str, arguments: str, number: int = 0) -> dict[str, Any]:
    return {"index": number, "id": "c", "type": "function", "function": {"name": name, "arguments": arguments}}


LOOKUP = Unmasking(OURS, frozenset({"lookup"}))


def test_values_go_into_every_text_of_an_answer_and_into_listed_tools_alone() -> None:
    given_arguments = orjson.dumps({"iban": str(A), "who": str(B)}).decode()
    payload, partial = unmask_answer(
        answer(
            content=f"Pay {A}", refusal=f"No {B}", reasoning_content=f"Hm {A}",
            tool_calls=[tool_call("lookup", given_arguments), tool_call("other", given_arguments, 1)],
            function_call={"name": "lookup", "arguments": given_arguments},
        ),
        LOOKUP,
    )  # fmt: skip
    choice = orjson.loads(payload)["choices"][0]
    message = choice["message"]
    assert (message["content"], message["refusal"], message["reasoning_content"]) == (
        f"Pay {IBAN}",
        f"No {NAME}",
        f"Hm {IBAN}",
    )
    values = {"iban": IBAN, "who": NAME}
    assert orjson.loads(message["tool_calls"][0]["function"]["arguments"]) == values
    assert message["tool_calls"][1]["function"]["arguments"] == given_arguments
    assert orjson.loads(message["function_call"]["arguments"]) == values
    assert choice["logprobs"] is None
    assert partial


def test_a_remnant_is_told_and_a_credential_is_none() -> None:
    assert unmask_answer(answer(content=f"{A} {KEY}"), LOOKUP)[1] is False
    assert unmask_answer(answer(content=f"the account {A.nonce.upper()}"), LOOKUP)[1] is True


def test_content_in_parts_is_text_too() -> None:
    parts = [{"type": "thinking", "thinking": f"{A}"}, {"type": "text", "text": f"{B}"}]
    payload, _ = unmask_answer(answer(content=parts), LOOKUP)
    content = orjson.loads(payload)["choices"][0]["message"]["content"]
    assert content == [{"type": "thinking", "thinking": IBAN}, {"type": "text", "text": NAME}]


def test_a_completion_is_text() -> None:
    payload, _ = unmask_answer(
        orjson.dumps({"choices": [{"index": 0, "text": f"{A}[", "finish_reason": "stop"}]}), LOOKUP
    )
    assert orjson.loads(payload)["choices"][0]["text"] == f"{IBAN}["


# --- streams -----------------------------------------------------------------------------------------------------------


def event(index: int = 0, finish: str | None = None, **delta: Any) -> bytes:
    chunk = {
        "id": "x",
        "object": "chat.completion.chunk",
        "model": "chat",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }
    return b"data: %b\n\n" % orjson.dumps(chunk)


def assembled(stream: bytes) -> dict[tuple[int, str, int], str]:
    texts: dict[tuple[int, str, int], str] = {}
    for line in stream.split(b"\n\n"):
        if line.startswith(b"data: {"):
            for choice in orjson.loads(line[6:]).get("choices", []):
                delta, index = choice.get("delta") or {"text": choice.get("text")}, choice["index"]
                for field in ("content", "refusal", "reasoning_content", "text"):
                    if delta.get(field):
                        texts[index, field, 0] = texts.get((index, field, 0), "") + delta[field]
                for call in delta.get("tool_calls", []):
                    place = index, "tool", call["index"]
                    texts[place] = texts.get(place, "") + call["function"].get("arguments", "")
    return texts


def test_a_stream_says_what_the_whole_answer_would() -> None:
    rng = random.Random(3)
    arguments = f'{{"who":"{B}","iban":"{A}"}}'
    for _ in range(200):
        queues = {
            (0, "content"): cuts(rng, f"Pay {A} to {B}["), (0, "reasoning_content"): cuts(rng, f"Hm {A}. \\"),
            (1, "content"): cuts(rng, f"{str(A).lower()}"), (0, 0): cuts(rng, arguments), (0, 1): cuts(rng, arguments),
        }  # fmt: skip
        unmasker = StreamUnmasker(LOOKUP)
        named: set[tuple[int, Any]] = set()
        out = b""
        while queues:
            place = rng.choice(list(queues))
            piece = queues[place].pop(0)
            index, field = place
            if isinstance(field, str):
                out += unmasker.feed(event(index, **{field: piece}))
            else:
                function = (
                    {"arguments": piece} if place in named else {"name": ("lookup", "other")[field], "arguments": piece}
                )
                named.add(place)
                out += unmasker.feed(event(index, tool_calls=[{"index": field, "function": function}]))
            if not queues[place]:
                del queues[place]
        out += unmasker.feed(event(0, "stop") + event(1, "stop") + b"data: [DONE]\n\n")
        texts = assembled(out)
        assert out.endswith(b"data: [DONE]\n\n")
        assert texts[0, "content", 0] == f"Pay {IBAN} to {NAME}["
        assert texts[0, "reasoning_content", 0] == f"Hm {IBAN}. \\"
        assert texts[1, "content", 0] == IBAN
        assert orjson.loads(texts[0, "tool", 0]) == {"who": NAME, "iban": IBAN}
        assert texts[0, "tool", 1] == arguments


def test_a_stream_that_breaks_off_says_no_half_placeholder() -> None:
    unmasker = StreamUnmasker(LOOKUP)
    out = unmasker.feed(event(content=f"Pay {str(A)[:12]}"))
    out += unmasker.feed(b'data: {"error":{"message":"gone"}}\n\n')
    assert assembled(out) == {(0, "content", 0): "Pay "}
    assert out.endswith(b'data: {"error":{"message":"gone"}}\n\n')


def test_text_after_a_finish_reason_is_said_before_the_end() -> None:
    unmasker = StreamUnmasker(LOOKUP)
    out = (
        unmasker.feed(event(0, "stop", content="a"))
        + unmasker.feed(event(content="b ["))
        + unmasker.feed(b"data: [DONE]\n\n")
    )
    assert assembled(out) == {(0, "content", 0): "ab ["}
    assert out.endswith(b"data: [DONE]\n\n")


def test_log_probabilities_of_placeholders_go() -> None:
    chunk = {
        "id": "x",
        "choices": [
            {
                "index": 0,
                "delta": {"content": str(A)},
                "logprobs": {"content": [{"token": str(A)}]},
                "finish_reason": None,
            }
        ],
    }
    out = StreamUnmasker(LOOKUP).feed(b"data: %b\n\n" % orjson.dumps(chunk))
    assert A.nonce.encode() not in out
    assert orjson.loads(out[6:])["choices"][0]["logprobs"] is None


def test_comments_and_usage_pass_as_they_are() -> None:
    usage = b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":1}}\n\n'
    assert StreamUnmasker(LOOKUP).feed(b": keep-alive\n\n" + usage) == b": keep-alive\n\n" + usage
