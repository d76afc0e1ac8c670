"""Names in running text, for masking alone: what a model of language is given to read, and what is made of its answer.

A finding from here says what is to be replaced where PERSON may be masked. It raises no label and takes none away: who
asks for it sees to that (`detect.masking`, `gateway.mask`). This package is pure: what finds the names is handed in.
"""

from __future__ import annotations

from typing import Final

LAYER: Final = "names"
"""What reading for names is called, in receipts and reasons."""
