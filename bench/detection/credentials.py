"""Secrets: how many examples of vendors are seen, and in how many files without any there are false alarms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from bench.detection import subject
from bench.detection.match import Span
from bench.detection.measure import Found, Measure
from bench.detection.world import World
from bench.held_out.vendors import vendor_of

RECALL = 0.55
FALSE_FILES = 0.02


def secrets(world: World) -> Iterator[Found]:
    """Examples of one half of the vendors, and files of the standard library."""
    examples = world.samples.secrets()
    files = world.samples.library_files()
    seen = [_is_seen(example) for _, example in examples]
    for (rule, example), is_seen in zip(examples, seen, strict=True):
        if not is_seen:
            world.tell("missed,", example, Span(0, min(160, len(example)), "SECRET"), rule)
    peer = world.detect_secrets.ask({"text": example} for _, example in examples) if world.detect_secrets else []
    vendors = Counter(vendor_of(rule) for rule, _ in examples)
    found = {vendor_of(rule) for (rule, _), is_seen in zip(examples, seen, strict=True) if is_seen}
    half = "set aside" if world.samples.held_out else "not set aside"
    yield Measure(
        f"secrets, kingfisher's examples of the vendors {half}, recall",
        sum(seen) / len(examples),
        RECALL,
        peer=f"{sum(bool(count) for count, _ in peer) / len(examples):.4f}" if peer else "",
        note=f"{len(examples)} examples; {len(found)} of {len(vendors)} vendors with one seen; peer: detect-secrets",
    )
    alarms = []
    for path in files:
        text = path.read_text(encoding="utf-8", errors="replace")
        spans = [span for span in subject.look(text).spans if span.label == "SECRET"]
        alarms += [path] if spans else []
        for span in spans:
            world.tell("false alarm,", text, span, path.name)
    its = world.detect_secrets.ask({"file": str(path)} for path in files) if world.detect_secrets else []
    yield Measure(
        "files of the standard library with a false alarm",
        len(alarms) / len(files),
        FALSE_FILES,
        at_least=False,
        peer=f"{sum(bool(count) for count, _ in its) / len(files):.4f}" if its else "",
        note=f"{len(files)} files, {sum(path.stat().st_size for path in files) / 1e6:.1f} MB; peer: detect-secrets",
    )


def _is_seen(text: str) -> bool:
    return any(span.label == "SECRET" for span in subject.look(text).spans)
