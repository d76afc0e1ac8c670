"""Classify texts and request bodies without sending them: label, reasons, findings.

A text that is a JSON object or array is read as a request body, and its findings have pointers into it; any other text
is one leaf. UTF-16 is read as well, marked or not. What is like JSON and yet no body that every parser reads
alike is scanned as the text that it is, and counts as unread beside (law 2): its images are not looked into.
Of a file of lines, each line stands by itself: one that can't be read yields an error, the others go on.
No key floor is applied. Values are never shown, only where they stand.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import orjson

from douane.core.finding import Finding, Inspection
from douane.core.reason import reason_of
from douane.core.traffic.classification import Classified, classify
from douane.core.traffic.snapshot import Policy
from douane.detect.scanner import Scanner
from douane.errors import DouaneError, InvalidRequest, TooLarge
from douane.ports import Understand
from douane.wire.strict_json import MAX_WEIGHT, is_too_heavy, parse

LONGEST_TEXT_BYTES: Final = 64 * 1024 * 1024
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024
_BOM: Final = b"\xef\xbb\xbf"
_MARKED: Final = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
_LOOKED_AT: Final = 4096
_STRING_FIRST: Final = re.compile(rb'[\[{\s]*"')
_LINE_FIX: Final = 'Write each line as {"id": "...", "text": "..."}.'
_UNREAD: Final = Finding("UNREADABLE", "", 0, 0, 1.0, "strict-json", "json")


def classify_text(
    data: bytes,
    scanner: Scanner,
    policy: Policy,
    *,
    owner: str = "",
    id: str | None = None,
    understand: Understand | None = None,
) -> dict[str, Any]:
    """Classify a body or a bare text. Raises InvalidRequest where it is neither, TooLarge beyond the bound."""
    if len(data) > LONGEST_TEXT_BYTES:
        raise TooLarge(
            f"The text has {len(data)} bytes; at most {LONGEST_TEXT_BYTES} are read at once.", "Classify it in parts."
        )
    value, unread = _body_or_text(data)
    inspection = scanner.scan(value, owner)
    if understand is not None:
        inspection = understand(value, inspection, owner)
    if unread:
        inspection = inspection._replace(findings=(_UNREAD, *inspection.findings))
    return as_dict(id, classify(inspection, policy, owner=owner), inspection)


def classify_lines(
    lines: Iterable[bytes],
    scanner: Scanner,
    policy: Policy,
    *,
    owner: str = "",
    understand: Understand | None = None,
) -> Iterator[dict[str, Any]]:
    """Classify lines of `{"id", "text"}`, one answer each; empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        id = None
        try:
            row = _row(line, number)
            id = _id(row, number)
            text = _text(row, number)
        except DouaneError as error:
            yield {"id": id, "line": number, "error": reason_of(error).as_dict()}
            continue
        inspection = scanner.scan(text, owner)
        if understand is not None:
            inspection = understand(text, inspection, owner)
        yield as_dict(id, classify(inspection, policy, owner=owner), inspection)


def _body_or_text(data: bytes) -> tuple[Any, bool]:
    """Return what to scan, and whether there may be more in it than a scan of the text reads."""
    data = _as_utf_8(data)
    text = data.strip().removeprefix(_BOM).lstrip()
    if text[:1] not in (b"{", b"["):
        return _decoded(data), False
    try:
        return parse(text), False
    except InvalidRequest:
        return _decoded(data), _is_like_json(text)


def _is_like_json(text: bytes) -> bool:
    """Tell whether a text in brackets that is no strict JSON is meant to be JSON all the same, and not prose.

    Some parser takes it, or it is one or more values that are cut off or joined: a string comes first, or an escape.
    """
    if is_too_heavy(text, MAX_WEIGHT):
        return True
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        return _STRING_FIRST.match(text) is not None or (b'"' in text and b"\\" in text)
    return True


def _as_utf_8(data: bytes) -> bytes:
    """Return UTF-16 as UTF-8: by its mark, or, where half of the first bytes are null, without one."""
    begin = data[:_LOOKED_AT]
    encoding = _MARKED.get(begin[:2])
    if encoding is None:
        low, high = begin[::2].count(0), begin[1::2].count(0)
        if max(low, high) * 4 < len(begin) or min(low, high) * 8 > max(low, high):
            return data
        encoding = "utf-16-le" if high > low else "utf-16-be"
    try:
        return data.decode(encoding).removeprefix("\ufeff").encode()
    except UnicodeError:
        return data


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"The input is not UTF-8 text: see its byte {error.start}.", "Save it as UTF-8.", rule="Text is UTF-8."
        ) from error


def _row(line: bytes, number: int) -> dict[str, Any]:
    if len(line) > LONGEST_LINE_BYTES:
        raise TooLarge(
            f"Line {number} has {len(line)} bytes; at most {LONGEST_LINE_BYTES} are read.", "Classify it in parts."
        )
    row = parse(line.strip())
    if type(row) is not dict:
        raise _no_line(f"Line {number} is no object.", _LINE_FIX, None)
    return row


def _id(row: Mapping[str, Any], number: int) -> str | int | None:
    id = row.get("id")
    if id is None or (type(id) in (str, int) and len(str(id)) <= 256):
        return id
    raise _no_line(
        f"Line {number} has an `id` that is no string or whole number of at most 256 characters.",
        "Give each line a short `id`.",
        "id",
    )


def _text(row: Mapping[str, Any], number: int) -> Any:
    if type(row.get("text")) in (str, dict, list):
        return row["text"]
    raise _no_line(f"Line {number} has no `text` that is a string or a body.", _LINE_FIX, "text")


def _no_line(problem: str, fix: str, param: str | None) -> InvalidRequest:
    return InvalidRequest(problem, fix, rule="A line is an object with `id` and `text`.", param=param)


def as_dict(id: str | int | None, classified: Classified, inspection: Inspection) -> dict[str, Any]:
    """Return the JSON shape of the outside contract."""
    return {
        "id": id,
        "level": classified.label.level.word,
        "compartments": sorted(classified.label.compartments),
        "reasons": [reason.as_dict() for reason in classified.reasons],
        "findings": [_finding(found) for found in inspection.findings],
        "layers": list(inspection.layers),
        "detectors": inspection.detectors,
        "cut": inspection.cut,
    }


def _finding(found: Finding) -> dict[str, Any]:
    return {
        "type": found.type,
        "detail": found.detail,
        "start": found.start,
        "end": found.end,
        "confidence": found.confidence,
        "detector": found.detector,
        "pointer": found.pointer,
    }
