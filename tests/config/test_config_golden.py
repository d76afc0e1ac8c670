"""One file for each rule of the configuration: a TOML text, `----------`, and what `douane check` says of it.

After a change that is meant, run `python tests/config/test_config_golden.py` and read the difference.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from config_kinds import ENVIRON, read

from douane.cli.check import lines_of
from douane.control.check import check

FOLDER = Path(__file__).parents[1] / "golden" / "config"
RULE = "----------\n"
CASES = sorted(FOLDER.glob("*.txt"))


def said_of(text: str) -> str:
    lines = lines_of(check(lambda: read(text)))
    lines[-1] = lines[-1].partition(", version")[0].rstrip(".") + "."
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_a_configuration_is_told_what_its_golden_file_says(case: Path) -> None:
    text, expected = case.read_text(encoding="utf-8").split(RULE)
    assert said_of(text) == expected


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_no_secret_of_the_environment_or_the_file_is_ever_told(case: Path) -> None:
    text, _ = case.read_text(encoding="utf-8").split(RULE)
    told = said_of(text)
    assert "golden-secret" not in told
    assert not any(value in told for name, value in ENVIRON.items() if name.endswith(("KEY", "TOKEN")))


def test_there_is_a_golden_file_for_each_rule() -> None:
    assert len(CASES) >= 100


if __name__ == "__main__":
    for one in CASES:
        given, _ = one.read_text(encoding="utf-8").split(RULE)
        one.write_text(given + RULE + said_of(given), encoding="utf-8")
