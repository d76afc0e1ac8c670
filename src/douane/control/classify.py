"""Classify texts and request bodies without sending them: label, reasons, findings.

A text that is a JSON object or array is read as a request body, and its findings have pointers into it; any other text
is one leaf. Of a file of lines, each line stands by itself: one that can't be read yields an error, the others go on.
No key floor is applied. Values are never shown, only where they stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from douane.core.finding import Finding, Inspection
from douane.core.reason import reason_of
from douane.core.traffic.classification import Classified, classify
from douane.core.traffic.snapshot import Policy
from douane.detect.scanner import Scanner
from douane.errors import DouaneError, InvalidRequest, TooLarge
from douane.wire.strict_json import parse

LONGEST_TEXT_BYTES: Final = 64 * 1024 * 1024
LONGEST_LINE_BYTES: Final = 16 * 1024 * 1024


def classify_text(data: bytes, scanner: Scanner, policy: Policy, *, id: str | None = None) -> dict[str, Any]:
    """Classify a body or a bare text. Raises InvalidRequest where it is neither, TooLarge beyond the bound."""
    if len(data) > LONGEST_TEXT_BYTES:
        raise TooLarge(
            f"The text has {len(data)} bytes; at most {LONGEST_TEXT_BYTES} are read at once.", "Classify it in parts."
        )
    return _answer(id, _body_or_text(data), scanner, policy)


def classify_lines(lines: Iterable[bytes], scanner: Scanner, policy: Policy) -> Iterator[dict[str, Any]]:
    """Classify lines of `{"id", "text"}`, one answer each; empty lines are passed over."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            id, text = _line(line, number)
        except DouaneError as error:
            yield {"id": None, "line": number, "error": reason_of(error).as_dict()}
            continue
        yield _answer(id, text, scanner, policy)


def _body_or_text(data: bytes) -> Any:
    if data.lstrip()[:1] in (b"{", b"["):
        try:
            return parse(data.strip())
        except InvalidRequest:  # no strict JSON: it is read whole, as the text that it is
            pass
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"The input is not UTF-8 text: see its byte {error.start}.", "Save it as UTF-8.", rule="Text is UTF-8."
        ) from error


def _line(line: bytes, number: int) -> tuple[str | int | None, Any]:
    if len(line) > LONGEST_LINE_BYTES:
        raise TooLarge(
            f"Line {number} has {len(line)} bytes; at most {LONGEST_LINE_BYTES} are read.", "Classify it in parts."
        )
    row = parse(line.strip())
    if type(row) is not dict or "text" not in row or type(row["text"]) not in (str, dict, list):
        raise InvalidRequest(
            f"Line {number} has no `text` that is a string or a body.",
            'Write each line as {"id": "...", "text": "..."}.',
            rule="A line is an object with `id` and `text`.",
            param="text",
        )
    id = row.get("id")
    if not (id is None or (type(id) in (str, int) and len(str(id)) <= 256)):
        raise InvalidRequest(
            f"Line {number} has an `id` that is no string or whole number of at most 256 characters.",
            "Give each line a short `id`.",
            rule="A line is an object with `id` and `text`.",
            param="id",
        )
    return id, row["text"]


def _answer(id: str | int | None, value: Any, scanner: Scanner, policy: Policy) -> dict[str, Any]:
    inspection = scanner.scan(value)
    return as_dict(id, classify(inspection, policy), inspection)


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
