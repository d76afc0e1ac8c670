"""Structured findings: recall and precision, disguises, documents without anybody's data."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from bench.detection import subject
from bench.detection.match import Span, Tally
from bench.detection.measure import Details, Found, Measure
from bench.detection.peers import Answer
from bench.detection.samples import APART, CHECKED, OTHERS, Sample
from bench.detection.world import World
from bench.disguises import LABELS
from douane.core.label import Level

RECALL, PRECISION = 0.995, 0.98
CELL = 0.95
CELLS_DEMANDED = 114
RAISED_AT_MOST = 0.01
LOOKED_AT = frozenset({*CHECKED, *APART, *OTHERS})


def check_digits(world: World) -> Iterator[Found]:
    """Identifiers with check digits among look-alikes, in five languages."""
    documents = world.samples.documents()
    mine, alarms, cpu = _douane(world, documents)
    answers = world.asked(documents)
    peer = _tally(documents, [answer.spans for answer in answers]) if answers else None
    there = [label for label in CHECKED if mine.there[label]]
    number = sum(mine.there[label] for label in there)
    said = f"{len(documents)} documents, {number} values of {len(there)} types"
    yield Measure("check-digit types, recall", mine.recall(there), RECALL, peer=_rate(peer, "recall", there), note=said)
    yield Measure(
        "check-digit types, precision",
        mine.precision(there),
        PRECISION,
        peer=_rate(peer, "precision", there),
        note="; ".join(f"{kind} {count}" for kind, count in alarms.most_common(6)) or "no false alarm",
    )
    own = [label for label in there if peer is not None and peer.right[label]]
    if peer is not None:
        yield Measure(
            "the same, the types that Presidio finds at all: recall",
            mine.recall(own),
            peer=_rate(peer, "recall", own),
            note=", ".join(own),
        )
        yield Measure(
            "CPU for a document", cpu / len(documents), unit="ms", at_least=False, peer=f"{_mean_cpu(answers):.2f} ms"
        )
    yield _by_type("By type: recall / precision", [*there, *APART, *OTHERS], mine, peer)
    yield _by_family(documents, world)


def presidio_research(world: World) -> Iterator[Found]:
    """Presidio's own synthetic set: formats of many countries, in English."""
    documents = world.samples.presidio_research()
    labels = ("CARD", "IBAN", "EMAIL", "IP", "PHONE")
    mine, _, _ = _douane(world, documents, subject.WORLD_REGIONS, frozenset(labels))
    answers = world.asked(documents)
    peer = _tally(documents, [answer.spans for answer in answers], frozenset(labels)) if answers else None
    for label in labels:
        recall, precision = (0.80, 0.75) if label == "PHONE" else (0.99, 0.98)
        said = f"{mine.there[label]} values" + (", any region" if label == "PHONE" else "")
        yield Measure(
            f"presidio-research v2, {label}, recall",
            mine.recall([label]),
            recall,
            peer=_rate(peer, "recall", [label]),
            note=said,
        )
        yield Measure(
            f"presidio-research v2, {label}, precision",
            mine.precision([label]),
            precision,
            peer=_rate(peer, "precision", [label]),
        )


def disguises(world: World) -> Iterator[Found]:
    """Each of 24 ways to write five types of values: how many cells have a recall of 0.95."""
    disguised = world.samples.disguised()
    there: Counter[tuple[str, str]] = Counter()
    mine: Counter[tuple[str, str]] = Counter()
    named: Counter[bool] = Counter()
    peer: Counter[tuple[str, str]] = Counter()
    answers = world.presidio.ask([(one.text, "en") for one in disguised]) if world.presidio is not None else []
    for number, one in enumerate(disguised):
        cell = one.transform, one.span.label
        there[cell] += 1
        seen = any(_covers(found, one.span) for found in subject.look(one.text).spans)
        mine[cell] += seen
        named[one.keyword] += seen
        if not seen:
            world.tell(f"missed, {one.transform},", one.text, one.span)
        if answers:
            peer[cell] += any(_covers(found, one.span) for found in answers[number].spans)
    half = max(1, len(disguised) / 2)
    good = sum(mine[cell] / there[cell] >= CELL for cell in there)
    its = [cell for cell in there if cell[1] != "NIR"]
    yield Measure(
        "24 disguises x 5 types, cells with recall >= 0.95",
        good,
        CELLS_DEMANDED,
        unit=f"of {len(there)}",
        peer=f"{sum(peer[cell] / there[cell] >= CELL for cell in its)} of {len(its)}" if answers else "",
        note=f"recall with a word for the type {named[True] / half:.3f}, without {named[False] / half:.3f}",
    )
    names = list(dict.fromkeys(cell[0] for cell in there))
    rows = [
        (
            name,
            " ".join(f"{mine[name, label] / there[name, label]:.2f}" for label in LABELS),
            " ".join("--" if label == "NIR" else f"{peer[name, label] / there[name, label]:.2f}" for label in LABELS)
            if answers
            else "",
        )
        for name in names
    ]
    yield Details(
        f"Recall by disguise, in the order {' '.join(LABELS)}", ("disguise", "Douane", "Presidio"), tuple(rows)
    )


def clean(world: World) -> Iterator[Found]:
    """Documents without anybody's data, that patterns raise to confidential or above."""
    documents = world.samples.clean()
    raised: Counter[str] = Counter()
    causes: Counter[str] = Counter()
    for sample in documents:
        seen = subject.look(sample.text)
        if seen.label.level >= Level.CONFIDENTIAL:
            raised[sample.family] += 1
            causes.update({kind for kind, _ in seen.inspection.causes if kind not in ("EMAIL", "PHONE", "IP")})
            for span in [span for span in seen.spans if _is_confidential(span.label)][:3]:
                world.tell(f"raised, {sample.family},", sample.text, span)
    answers = world.asked(documents)
    its = sum(any(_is_confidential(span.label) for span in answer.spans) for answer in answers)
    families = Counter(sample.family for sample in documents)
    yield Measure(
        "documents without anybody's data raised to confidential or above",
        sum(raised.values()) / len(documents),
        RAISED_AT_MOST,
        at_least=False,
        peer=f"{its / len(documents):.4f}" if answers else "",
        note=f"{len(documents)} documents of {len(families)} families; "
        + (", ".join(f"{kind} {count}" for kind, count in causes.most_common(8)) or "none"),
    )
    rows = tuple((family, str(families[family]), str(raised[family])) for family in families if raised[family])
    if rows:
        yield Details("Raised, by family", ("family", "documents", "raised"), rows)
    binaries = world.samples.binaries()
    if binaries:
        unread = sum(subject.look(sample.text).label.level >= Level.CONFIDENTIAL for sample in binaries)
        yield Measure(
            "documents with an image that nobody can read as text, raised",
            unread / len(binaries),
            note="`policy.unknown`; told only",
        )


def _douane(
    world: World, documents: Sequence[Sample], regions: tuple[str, ...] = (), labels: frozenset[str] = LOOKED_AT
) -> tuple[Tally, Counter[str], float]:
    """Return Douane's tally, its false alarms by type and what stands there, and its CPU time."""
    tally, alarms, cpu = Tally(), Counter[str](), 0.0
    subject.scanner(regions)
    for sample in documents:
        seen = subject.look(sample.text, regions)
        cpu += seen.cpu_ms
        true = [span for span in sample.true if span.label in labels]
        found = [span for span in seen.spans if span.label in labels]
        missed, left = tally.add(true, found)
        for span in missed:
            world.tell("missed,", sample.text, span)
        for span in left:
            stands = next(
                (each.label for each in sample.spans if each.start < span.end and span.start < each.end), "text"
            )
            world.tell("false alarm,", sample.text, span, f"[{stands}]")
            if span.label in CHECKED:
                alarms[f"{span.label} on {stands}"] += 1
    return tally, alarms, cpu


def _tally(documents: Sequence[Sample], found: Sequence[Sequence[Span]], labels: frozenset[str] = LOOKED_AT) -> Tally:
    tally = Tally()
    for sample, spans in zip(documents, found, strict=True):
        tally.add(
            [span for span in sample.true if span.label in labels], [span for span in spans if span.label in labels]
        )
    return tally


def _covers(found: Span, true: Span) -> bool:
    """Tell whether a finding of the label covers 60 % of the disguised place, whatever it takes beside it."""
    shared = min(found.end, true.end) - max(found.start, true.start)
    return found.label == true.label and shared >= 0.6 * (true.end - true.start)


def _is_confidential(label: str) -> bool:
    mapped = subject.policy().map.get(label)
    return mapped is None or mapped.level >= Level.CONFIDENTIAL


def _rate(tally: Tally | None, which: str, labels: Sequence[str]) -> str:
    if tally is None:
        return ""
    return f"{tally.recall(labels) if which == 'recall' else tally.precision(labels):.4f}"


def _mean_cpu(answers: Sequence[Answer]) -> float:
    return sum(answer.cpu_ms for answer in answers) / max(1, len(answers))


def _by_type(title: str, labels: Sequence[str], mine: Tally, peer: Tally | None) -> Details:
    rows = tuple(
        (label, str(mine.there[label]), mine.cell(label), peer.cell(label) if peer is not None else "")
        for label in labels
        if mine.there[label]
    )
    return Details(title, ("type", "values", "Douane", "Presidio"), rows)


def _by_family(documents: Sequence[Sample], world: World) -> Details:
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    checked = frozenset(CHECKED)
    for sample in documents:
        found = [span for span in subject.look(sample.text).spans if span.label in checked]
        tallies[sample.family or sample.lang].add([span for span in sample.true if span.label in checked], found)
    rows = tuple(
        (family, f"{tally.recall(CHECKED):.3f} / {tally.precision(CHECKED):.3f}", str(sum(tally.there.values())))
        for family, tally in sorted(tallies.items())
    )
    return Details("By shape of document: recall / precision of check-digit types", ("shape", "Douane", "values"), rows)
