"""Which engine runs changes the speed, never a finding."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from douane.config import detector_rules
from douane.detect.scanner import Scanner
from douane.detect.settings import DetectorSettings
from douane.errors import ConfigurationError

TEXTS = Path(__file__).parent.parent / "corpus" / "detect" / "texts"
PIECES = [
    "jean.dupont@exemple.fr",
    "a.b@",
    "é@é",
    "06 12 34 56 78",
    "+33 6 12",
    "0612345678",
    "2 95 10 99 126 111 93",
    "1 ",
    "12 ",
    "253072B07300470",
    "4970 1012 3456 7893",
    "4970101234567893",
    "732 829 320 00074",
    "FR76 3000 6000 0112 3456 7890 189",
    "FR40303265045",
    "BE68",
    "lu28 0019 4006 4475 0000",
    "SA03 8000 0000 6080 1016 7519",
    "RO18547290",
    "de 14 500 euros ",
    "192.168.1.12",
    "1.2.3.",
    "2001:db8::ff00:42:8329",
    "::",
    "password: Tr0ub4dor&3",
    "key=",
    "secret ",
    "ghp_" + "aB3" * 13,
    "eyJ",
    "CONFIDENTIEL",
    "TLP:RED",
    "secret",
    "phone: 9472 7916",
    "steuer-id 86095742719",
    "12345678Z",
    "dni ",
    "siren;",
    "732829320",
    "AB 12 34 56 C",
    "RSSMRA85T10A562S",
    "née le 12/03/1980",
    "12 rue de la Paix, 75002 Paris",
    "demeurant ",
    "Mme ",
    "Jean Dupont",
    "://a:b1c2d3@h",
    "Zx9" * 100,
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUg==",
    " ",
    "\n",
    "\u00a0",
    "\u202f",
    "-",
    ".",
    "x",
    "0",
    "é",
    "\x00",
    "\x01",
    "\\n",
    "commande n° ",
    "RlI3NjMwMDA2MDAwMDExMjM0NTY3ODkwMTg5 ",
    "\u200b",
    "４９７０ ",
    "%34%39",
    "\\u0040",
    "&#64;",
    "=40=41",
    "4 9 7 0 ",
    "1O l2 ",
    "quatre neuf sept zéro ",
    " [at] ",
    "67RF ",
    "**",
    "4970\n1012\n",
    "4.970101234567893e15",
    "0x4a 65 61 6e 40 62 2e 66 72 ",
    "1+2345+6789+",
    "€",
    "(",
    ")",
]


@pytest.fixture(scope="module", params=["re2", "re"])
def other(request) -> Scanner:
    return Scanner(detector_rules(), request.param)


@pytest.mark.parametrize("file", sorted(TEXTS.glob("*.txt")), ids=lambda file: file.stem)
def test_engines_agree_on_the_corpus(scanner, other, file):
    assert scanner.engine_name == "hyperscan"
    text = file.read_text()
    found = scanner.scan(text)
    assert found.findings
    assert other.scan(text) == found


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=3)), max_size=12))
def test_engines_agree_on_any_mixture(scanner, other, pieces):
    text = "".join(pieces)
    assert other.scan(text) == scanner.scan(text)


def test_an_engine_that_is_not_there_is_refused_by_name():
    with pytest.raises(ConfigurationError, match="`pcre` is not available"):
        Scanner(detector_rules(), "pcre")


@pytest.mark.parametrize("name", ["hyperscan", "re2", "re"])
def test_what_one_scanner_compiled_serves_another(name):
    rows = DetectorSettings(detector_rules(), engine=name)
    first = Scanner.of(rows)
    second = Scanner.of(rows, first.compiled)
    assert second.detectors == first.detectors
    for text in [path.read_text(encoding="utf-8", errors="replace") for path in sorted(TEXTS.iterdir())]:
        assert second.scan(text) == first.scan(text)
