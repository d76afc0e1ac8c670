"""Recall and precision on labelled documents that are not part of the product. Skipped where they are not there."""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

DATA = Path(os.environ.get("DOUANE_TEST_DATA", "/nonexistent")) / "classification"
OWN = {
    "EMAIL": (0.995, 0.99),
    "PHONE": (0.99, 0.96),
    "IP": (0.995, 0.99),
    "IBAN": (0.995, 0.99),
    "CARD": (0.995, 0.97),
    "NIR": (0.995, 0.95),
    "SIREN": (0.99, 0.95),
    "SIRET": (0.99, 0.97),
    "VAT": (0.99, 0.98),
}
FOREIGN = {"EMAIL": (0.99, 0.99), "PHONE": (0.85, 0.9), "IP": (0.99, 0.9), "IBAN": (0.99, 0.99), "CARD": (0.99, 0.98)}
NAMES = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IP_ADDRESS": "IP",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="DOUANE_TEST_DATA does not name the folder of labelled data")


def generated(name):
    for line in (DATA / name).read_text().splitlines():
        row = json.loads(line)
        yield row["text"], [tuple(span) for span in row["spans"]]


def presidio():
    for row in json.loads((DATA / "presidio_research_synth_v2.json").read_text()):
        spans = [(s["start_position"], s["end_position"], NAMES.get(s["entity_type"], "")) for s in row["spans"]]
        yield row["full_text"], spans


def measure(scanner, documents, kinds):
    expected, found, false = Counter(), Counter(), Counter()
    for text, spans in documents:
        hits = [f for f in scanner.scan(text).findings if f.type in kinds]
        used = set()
        for start, end, kind in spans:
            if kind not in kinds:
                continue
            expected[kind] += 1
            matching = [
                number
                for number, hit in enumerate(hits)
                if hit.type == kind
                and min(end, hit.end) - max(start, hit.start) >= 0.6 * max(end - start, hit.end - hit.start)
            ]
            found[kind] += bool(matching)
            used.update(matching)
        false.update(hit.type for number, hit in enumerate(hits) if number not in used)
    return {kind: (found[kind] / n, found[kind] / max(1, found[kind] + false[kind])) for kind, n in expected.items()}


@pytest.mark.parametrize(
    ("documents", "floors"),
    [(lambda: generated("pii_dev_a.jsonl"), OWN), (lambda: generated("pii_dev_b.jsonl"), OWN), (presidio, FOREIGN)],
    ids=["dev_a", "dev_b", "presidio_research_v2"],
)
def test_recall_and_precision_stay_above_their_floors(scanner, documents, floors):
    figures = measure(scanner, documents(), floors)
    assert set(figures) == set(floors)
    short = {
        k: figures[k]
        for k, (recall, precision) in floors.items()
        if figures[k][0] < recall or figures[k][1] < precision
    }
    assert short == {}
