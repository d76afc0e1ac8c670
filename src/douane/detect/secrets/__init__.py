"""Credentials: tokens of known issuers, known shapes, and values of settings that are named like a secret.

Rules enforced:
1. A token counts by its issuer's form, wherever it stands.
2. A setting's value counts only where it looks alive: no placeholder, no type, no reference to another variable.
3. The finding spans the secret; it is never handed on.
"""

from __future__ import annotations

from douane.detect.detector import Detector
from douane.detect.rules import Rules
from douane.detect.secrets.settings import SettingDetector
from douane.detect.secrets.tokens import ShapeDetector, TokenDetector
from douane.detect.secrets.vendors import VendorDetector


def secret_detectors(rules: Rules) -> tuple[Detector, ...]:
    """Return the detectors of credentials."""
    return (
        TokenDetector(rules.tokens),
        ShapeDetector(rules.shapes),
        VendorDetector(rules.vendors),
        SettingDetector(rules.keywords, rules.harmless),
    )
