"""The store's tables, as SQLAlchemy knows them: for migrations and for reads that nobody waits for.

The migrations in `migrations/versions` make exactly these tables; a test compares the two. Who writes:
- the ledger's writer (`book`): chains, receipts, attempts, open_requests, requests, usage_hours, usage_slots,
  refusal_hours, all in the transaction of one batch;
- the control plane (`key_book`): keys, revocations, key_changes.

`requests` holds requests that are settled: its primary key is what makes a request settle once. `open_requests` names
the intents of the others by their number: what to recover after a crash is read there. An attempt has a row once it has
ended. Rows of receipts, attempts and intents are numbered as the chain is, so that tables grow at their ends: a page is
written once, not for each row. Times end in _us or _s: Unix micro-seconds or seconds.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text

HEAD: Final = "0001"
"""The revision of the tables below; a test compares it to the newest migration."""

metadata: Final = MetaData()


_ROW_NUMBER: Final = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, Text, primary_key=key, nullable=null)


def _number(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, BigInteger, primary_key=key, nullable=null, autoincrement=False)


def _place(name: str) -> Column[Any]:
    """A number in the chain that a table is ordered by: SQLite's own row number."""
    return Column(name, _ROW_NUMBER, primary_key=True, nullable=False, autoincrement=False)


def _flag(name: str, *, null: bool = False) -> Column[Any]:
    return Column(name, Boolean(create_constraint=False), nullable=null)


chains: Final = Table(
    "chains",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    _text("session"),
    _number("last_batch"),
    _number("last_seq"),
    _text("last_hash"),
)

receipts: Final = Table(
    "receipts",
    metadata,
    _place("seq"),
    Column("chain", Integer, nullable=False),
    _text("hash"),
    _text("body"),
)

attempts: Final = Table(
    "attempts",
    metadata,
    _text("request_id"),
    _number("attempt"),
    _number("at_us"),
    _text("key"),
    _text("owner"),
    _text("route"),
    _text("endpoint"),
    _text("deployment"),
    _text("zone"),
    _flag("premises"),
    _text("model"),
    _text("model_digest", null=True),
    _text("assurance"),
    _number("level"),
    _text("compartments"),
    _number("payload_bytes"),
    _number("reserved_input_tokens"),
    _number("reserved_output_tokens"),
    _number("reserved_micro", null=True),
    _text("currency", null=True),
    _number("client_retry"),
    Column("chain", Integer, nullable=False),
    _number("intent_seq"),
    _text("state"),
    _number("ended_us"),
    _number("status"),
    _text("error_code"),
    _number("input_tokens", null=True),
    _number("output_tokens", null=True),
    _text("token_source"),
    _number("cost_micro", null=True),
    _number("answer_bytes"),
    _text("upstream"),
    _number("first_byte_us", null=True),
    _number("duration_us"),
    _flag("settles"),
    _place("outcome_seq"),
    Index("attempts_at_us", "at_us"),
)

open_requests: Final = Table("open_requests", metadata, _place("intent_seq"), _flag("ended"))

requests: Final = Table(
    "requests",
    metadata,
    _text("request_id", key=True),
    _number("settled_us"),
    _text("key"),
    _text("owner"),
    _text("route"),
    _text("endpoint"),
    _number("level"),
    _text("compartments"),
    _text("state"),
    _number("status"),
    _text("code"),
    _number("client_retry"),
    Column("chain", Integer, nullable=False),
    _number("seq"),
    sqlite_with_rowid=False,
)

usage_hours: Final = Table(
    "usage_hours",
    metadata,
    _text("key", key=True),
    _number("hour_s", key=True),
    _text("route", key=True),
    _text("deployment", key=True),
    _text("zone", key=True),
    _text("currency", key=True),
    _number("requests"),
    _number("attempts"),
    _number("input_tokens"),
    _number("output_tokens"),
    _number("unknown_token_attempts"),
    _number("cost_micro"),
    _number("unpriced_attempts"),
    _number("partial_attempts"),
    _number("failed_attempts"),
    _number("unknown_attempts"),
    _number("estimated_attempts"),
    Index("usage_hours_hour_s", "hour_s"),
    sqlite_with_rowid=False,
)

usage_slots: Final = Table(
    "usage_slots",
    metadata,
    _number("slot_s", key=True),
    _text("key", key=True),
    _text("route", key=True),
    _text("deployment", key=True),
    _number("input_bucket", key=True),
    _number("output_bucket", key=True),
    _number("attempts"),
    _number("input_tokens"),
    _number("output_tokens"),
    sqlite_with_rowid=False,
)

refusal_hours: Final = Table(
    "refusal_hours",
    metadata,
    _number("hour_s", key=True),
    _text("key", key=True),
    _text("route", key=True),
    _text("code", key=True),
    _number("requests"),
    sqlite_with_rowid=False,
)

keys: Final = Table(
    "keys",
    metadata,
    _text("name", key=True),
    Column("digest", Text, nullable=False, unique=True),
    _text("owner"),
    _text("routes", null=True),
    _text("zones", null=True),
    _number("level"),
    _text("compartments"),
    _number("requests_per_minute", null=True),
    _number("tokens_per_minute", null=True),
    _number("concurrent", null=True),
    _number("budget_micro", null=True),
    _text("budget_currency", null=True),
    _text("budget_per", null=True),
    _number("expires_at_s", null=True),
    _flag("admin"),
    _number("created_us"),
    _number("revoked_us", null=True),
)

revocations: Final = Table(
    "revocations",
    metadata,
    _text("kind", key=True),
    _text("subject", key=True),
    _number("at_us"),
    _text("why"),
    sqlite_with_rowid=False,
)

key_changes: Final = Table(
    "key_changes",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    _number("changes"),
)
