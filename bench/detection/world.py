"""What a case is given: samples, the peers that are installed, how much to say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.detection.match import Span
from bench.detection.peers import Answer, DetectSecrets, Presidio
from bench.detection.samples import Sample, Samples


@dataclass(slots=True)
class World:
    """One run. `show`: so many misses and false alarms of a type are printed with their text, held-out ones never."""

    samples: Samples
    presidio: Presidio | None
    detect_secrets: DetectSecrets | None
    quick: bool = False
    show: int = 0
    seed: int = 1
    shown: Counter[str] = field(default_factory=Counter)

    def asked(self, samples: Sequence[Sample]) -> list[Answer]:
        """Return what Presidio says of samples, each in its language; nothing where it is not installed."""
        if self.presidio is None:
            return []
        return self.presidio.ask([(sample.text, sample.lang) for sample in samples])

    def tell(self, what: str, text: str, span: Span, more: str = "") -> None:
        """Print a miss or a false alarm with what is around it, while developing."""
        kind = f"{what} {span.label}"
        if self.samples.held_out or self.shown[kind] >= self.show:
            return
        self.shown[kind] += 1
        print(f"    {kind}: {text[max(0, span.start - 40) : span.end + 25]!r} {more}")
