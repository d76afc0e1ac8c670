"""Whatever is killed in mid-flight, what was acknowledged is there, sums agree, the chain verifies (law 4).

`python -m bench.ledger_crash --rounds 50` plays as many rounds as one likes.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from bench.ledger_crash import play


@pytest.mark.parametrize("acknowledgements", [60, 333, 1_000])
@pytest.mark.parametrize("victim", ["writer", "gateway"])
def test_nothing_acknowledged_is_lost_when_a_process_is_killed_in_mid_flight(
    tmp_path: Path, victim: str, acknowledgements: int
) -> None:
    found = play(tmp_path / "data", victim, acknowledgements)
    assert found.in_flight >= 20
    assert found.intents >= acknowledgements
    assert found.lost == 0
    assert found.verdict == "sound"
