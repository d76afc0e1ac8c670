"""What a ledger has recorded, read from its chained records alone, and added up here: an oracle beside the product's sums."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from douane.adapters.store.sqlite_reads import SqliteReads
from douane.core.receipt import Intent, Outcome, Refusal, Settlement, read_body

_ALWAYS = 1 << 62
_HOURLY = (
    "requests", "attempts", "input_tokens", "output_tokens", "cost_micro", "partial_attempts", "failed_attempts",
    "unknown_attempts",
)  # fmt: skip


@dataclass
class LedgerBook:
    """The records of a data folder, by request and attempt."""

    data: Path
    intents: dict[tuple[str, int], Intent] = field(default_factory=dict)
    outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    settlements: list[Settlement] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    settled: Counter[str] = field(default_factory=Counter)

    @classmethod
    def read(cls, data: Path) -> LedgerBook:
        """Read every record, beside a running gateway or without one."""
        book = cls(data)
        with SqliteReads(data / "douane.db").audit() as audit:
            for head in audit.heads():
                for _, _, body in audit.receipts(head.chain):
                    book._take(read_body(body)[4])
        return book

    def _take(self, record: Intent | Outcome | Refusal | Settlement) -> None:
        if isinstance(record, Intent):
            self.intents[record.request_id, record.attempt] = record
            return
        self.settled[record.request_id] += record.settles if isinstance(record, Outcome) else 1
        match record:
            case Outcome():
                self.outcomes[record.request_id, record.attempt] = record
            case Settlement():
                self.settlements.append(record)
            case Refusal():
                self.refusals.append(record)

    @property
    def open(self) -> int:
        """Count intents without outcome."""
        return len(self.intents.keys() - self.outcomes.keys())

    @property
    def not_settled_once(self) -> int:
        requests = {request_id for request_id, _ in self.intents} | self.settled.keys()
        return sum(self.settled[request_id] != 1 for request_id in requests)

    def ending(self, request_id: str) -> Outcome | None:
        """Return the outcome of a request's last attempt."""
        found = [outcome for (whose, _), outcome in self.outcomes.items() if whose == request_id]
        return max(found, key=lambda outcome: outcome.attempt) if found else None

    @property
    def states(self) -> Counter[str]:
        """Count attempts by how they ended."""
        return Counter(outcome.state for outcome in self.outcomes.values())

    def sums_apart(self) -> int:
        """Count the figures in which records, rows and hourly and ten-minute roll-ups disagree."""
        reads = SqliteReads(self.data / "douane.db")
        rows = {(row["request_id"], row["attempt"]): row["state"] for row in reads.attempts(0, _ALWAYS)}
        expected = {place: self.outcomes[place].state if place in self.outcomes else "open" for place in self.intents}
        hours = [sums for _, sums in reads.usage(0, _ALWAYS)]
        stored = {name: sum(getattr(sums, name) for sums in hours) for name in _HOURLY}
        added = self._added()
        slots = [sums for _, sums in reads.histogram(0, _ALWAYS)]
        in_slots = {n: sum(getattr(s, n) for s in slots) for n in ("attempts", "input_tokens", "output_tokens")}
        refused = sum(count for _, count in reads.refusals(0, _ALWAYS))
        apart = sum(stored[name] != added[name] for name in _HOURLY)
        apart += sum(in_slots[name] != added[name] for name in in_slots)
        return apart + (rows != expected) + (refused != len(self.refusals))

    def _added(self) -> dict[str, int]:
        outcomes = list(self.outcomes.values())
        added = {
            "requests": sum(outcome.settles for outcome in outcomes) + len(self.settlements),
            "attempts": len(outcomes),
        }
        for name in ("input_tokens", "output_tokens", "cost_micro"):
            added[name] = sum(getattr(outcome, name) or 0 for outcome in outcomes)
        for state in ("partial", "failed", "unknown"):
            added[f"{state}_attempts"] = self.states[state]
        return added
