import pytest

from douane.config import detector_rules
from douane.detect.scanner import Scanner


@pytest.fixture(scope="session")
def scanner() -> Scanner:
    return Scanner(detector_rules())
