"""Asks Presidio and detect-secrets, each within an environment of its own: lines of JSON in, lines of JSON out."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from bench.detection.match import Span
from bench.peers import detect_secrets, presidio
from bench.peers.catalogue import home

FOLDER = Path(presidio.__file__).parent
LONGEST_S = 3600

ENTITIES = {
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IP_ADDRESS": "IP",
    "IBAN_CODE": "IBAN",
    "CREDIT_CARD": "CARD",
    "IT_FISCAL_CODE": "IT_CF",
    "IT_VAT_CODE": "VAT",
    "ES_NIF": "ES_NIF",
    "ES_NIE": "ES_NIE",
    "PL_PESEL": "PL_PESEL",
    "UK_NINO": "UK_NINO",
    "US_SSN": "US_SSN",
    "DE_TAX_ID": "DE_IDNR",
}
"""Presidio's names for what Douane finds; others of its names are left out."""


class Answer(NamedTuple):
    """What Presidio found in a text, under Douane's names, and its CPU time."""

    spans: list[Span]
    cpu_ms: float


_LANGUAGES = ("en", "fr", "de", "es", "it")


class Presidio:
    """Presidio's analyser, where it is installed."""

    def __init__(self) -> None:
        self.there = presidio.installed(home(presidio.NAME))
        self.load_s = self.rss_mb = 0.0

    def ask(self, texts: Sequence[tuple[str, str]]) -> list[Answer]:
        """Analyse texts, each with its language; one for which Presidio has no recognizers is read as English."""
        asked = ({"text": text, "language": lang if lang in _LANGUAGES else "en"} for text, lang in texts)
        rows = _feed(presidio.NAME, "ask_presidio.py", asked)
        self.load_s, self.rss_mb = rows[0]["load_s"], rows[0]["rss_mb"]
        return [
            Answer([Span(s, e, ENTITIES[n]) for n, s, e in row["findings"] if n in ENTITIES], row["cpu_ms"])
            for row in rows[1:]
        ]


class DetectSecrets:
    """detect-secrets, where it is installed."""

    def __init__(self) -> None:
        self.there = detect_secrets.installed(home(detect_secrets.NAME))

    def ask(self, rows: Iterable[Mapping[str, str]]) -> list[tuple[int, float]]:
        """Return for each text or file how many secrets it sees, and its CPU time in ms."""
        return [(row["found"], row["cpu_ms"]) for row in _feed(detect_secrets.NAME, "ask_detect_secrets.py", rows)]


def _feed(name: str, script: str, rows: Iterable[Mapping[str, str]]) -> list[dict[str, Any]]:
    argv = [str(home(name) / "venv/bin/python"), "-P", str(FOLDER / script)]
    given = "".join(json.dumps(row) + "\n" for row in rows)
    done = subprocess.run(argv, input=given, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr[-800:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]
