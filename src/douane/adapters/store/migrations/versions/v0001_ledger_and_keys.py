"""The first tables: ledger, roll-ups, keys."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("request_id", sa.Text(), nullable=False),
        sa.Column("attempt", sa.BigInteger(), nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("zone", sa.Text(), nullable=False),
        sa.Column("premises", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("model_digest", sa.Text(), nullable=True),
        sa.Column("assurance", sa.Text(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("compartments", sa.Text(), nullable=False),
        sa.Column("payload_bytes", sa.BigInteger(), nullable=False),
        sa.Column("reserved_input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("reserved_micro", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("client_retry", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("intent_seq", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("ended_us", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=True),
        sa.Column("output_tokens", sa.BigInteger(), nullable=True),
        sa.Column("token_source", sa.Text(), nullable=False),
        sa.Column("cost_micro", sa.BigInteger(), nullable=True),
        sa.Column("answer_bytes", sa.BigInteger(), nullable=False),
        sa.Column("upstream", sa.Text(), nullable=False),
        sa.Column("first_byte_us", sa.BigInteger(), nullable=True),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("settles", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("outcome_seq", _ROW_NUMBER, primary_key=True, autoincrement=False, nullable=False),
    )
    op.create_index("attempts_at_us", "attempts", ["at_us"])
    op.create_table(
        "chains",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("last_batch", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("last_hash", sa.Text(), nullable=False),
    )
    op.create_table(
        "key_changes",
        sa.Column("id", sa.Integer(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "keys",
        sa.Column("name", sa.Text(), primary_key=True, nullable=False),
        sa.Column("digest", sa.Text(), nullable=False, unique=True),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("routes", sa.Text(), nullable=True),
        sa.Column("zones", sa.Text(), nullable=True),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("compartments", sa.Text(), nullable=False),
        sa.Column("requests_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("tokens_per_minute", sa.BigInteger(), nullable=True),
        sa.Column("concurrent", sa.BigInteger(), nullable=True),
        sa.Column("budget_micro", sa.BigInteger(), nullable=True),
        sa.Column("budget_currency", sa.Text(), nullable=True),
        sa.Column("budget_per", sa.Text(), nullable=True),
        sa.Column("expires_at_s", sa.BigInteger(), nullable=True),
        sa.Column("admin", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_us", sa.BigInteger(), nullable=False),
        sa.Column("revoked_us", sa.BigInteger(), nullable=True),
    )
    op.create_table(
        "open_requests",
        sa.Column("intent_seq", _ROW_NUMBER, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("ended", sa.Boolean(create_constraint=False), nullable=False),
    )
    op.create_table(
        "receipts",
        sa.Column("seq", _ROW_NUMBER, primary_key=True, autoincrement=False, nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
    )
    op.create_table(
        "refusal_hours",
        sa.Column("hour_s", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), primary_key=True, nullable=False),
        sa.Column("route", sa.Text(), primary_key=True, nullable=False),
        sa.Column("code", sa.Text(), primary_key=True, nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "requests",
        sa.Column("request_id", sa.Text(), primary_key=True, nullable=False),
        sa.Column("settled_us", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=False),
        sa.Column("endpoint", sa.Text(), nullable=False),
        sa.Column("level", sa.BigInteger(), nullable=False),
        sa.Column("compartments", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.BigInteger(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("client_retry", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.Integer(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "revocations",
        sa.Column("kind", sa.Text(), primary_key=True, nullable=False),
        sa.Column("subject", sa.Text(), primary_key=True, nullable=False),
        sa.Column("at_us", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "usage_hours",
        sa.Column("key", sa.Text(), primary_key=True, nullable=False),
        sa.Column("hour_s", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("route", sa.Text(), primary_key=True, nullable=False),
        sa.Column("deployment", sa.Text(), primary_key=True, nullable=False),
        sa.Column("zone", sa.Text(), primary_key=True, nullable=False),
        sa.Column("currency", sa.Text(), primary_key=True, nullable=False),
        sa.Column("requests", sa.BigInteger(), nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sa.Column("unknown_token_attempts", sa.BigInteger(), nullable=False),
        sa.Column("cost_micro", sa.BigInteger(), nullable=False),
        sa.Column("unpriced_attempts", sa.BigInteger(), nullable=False),
        sa.Column("partial_attempts", sa.BigInteger(), nullable=False),
        sa.Column("failed_attempts", sa.BigInteger(), nullable=False),
        sa.Column("unknown_attempts", sa.BigInteger(), nullable=False),
        sa.Column("estimated_attempts", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("usage_hours_hour_s", "usage_hours", ["hour_s"])
    op.create_table(
        "usage_slots",
        sa.Column("slot_s", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("key", sa.Text(), primary_key=True, nullable=False),
        sa.Column("route", sa.Text(), primary_key=True, nullable=False),
        sa.Column("deployment", sa.Text(), primary_key=True, nullable=False),
        sa.Column("input_bucket", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("output_bucket", sa.BigInteger(), primary_key=True, autoincrement=False, nullable=False),
        sa.Column("attempts", sa.BigInteger(), nullable=False),
        sa.Column("input_tokens", sa.BigInteger(), nullable=False),
        sa.Column("output_tokens", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute("insert into key_changes (id, changes) values (1, 0)")


def downgrade() -> None:
    raise NotImplementedError("a ledger does not go back: restore a backup")
