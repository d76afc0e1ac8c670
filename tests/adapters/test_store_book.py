"""The ledger's book, in one process: batches, replays, recovery, and the whole against a model."""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from shutil import copyfile, rmtree

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, precondition, rule

from douane.adapters.store import schema
from douane.adapters.store.book import Book, open_book
from douane.adapters.store.directory import DataDirectory
from douane.adapters.store.sqlite_reads import SqliteReads
from douane.control.ledger_verify import verify
from douane.core.receipt import Outcome, Record
from douane.core.traffic.ledger import roll_up
from douane.errors import StoreFailed
from douane.testing.records import a_refusal, an_intent, an_outcome

KINDS = {"Intent": "intent", "Outcome": "outcome", "Refusal": "refusal", "Settlement": "settlement"}


ALL_BUT_THE_ID = ", ".join(column.name for column in schema.requests.columns if column.name != "request_id")


def write(book: Book, number: int, *records: Record) -> list[int]:
    return book.apply(number, [KINDS[type(r).__name__] for r in records], [tuple(r) for r in records])


def verdict(database: Path) -> str:
    return str(verify(SqliteReads(database))["verdict"])


@pytest.fixture
def database(data: Path) -> Path:
    return data / "douane.db"


@pytest.fixture
def connection(database: Path) -> Iterator[sqlite3.Connection]:
    connection = open_book(str(database))
    yield connection
    connection.close()


@pytest.fixture
def book(connection: sqlite3.Connection) -> Book:
    book = Book(connection, "session-1")
    book.recover(0)
    return book


def count(connection: sqlite3.Connection, table: str, where: str = "1") -> int:
    return int(connection.execute(f"select count(*) from {table} where {where}").fetchone()[0])


def test_a_batch_is_written_with_its_rows_receipts_and_sums(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    assert write(book, 1, an_intent("a"), an_intent("b"), a_refusal("c")) == []
    assert write(book, 2, an_outcome("a"), an_outcome("b", cost_micro=None)) == []
    assert (count(connection, "attempts"), count(connection, "requests"), count(connection, "receipts")) == (2, 3, 5)
    assert count(connection, "open_requests") == 0
    assert book.spent_micro("support-team", 0) == {"USD": 63}
    assert verdict(database) == "sound"


def test_a_batch_that_is_sent_again_is_applied_once(book: Book, connection: sqlite3.Connection, database: Path) -> None:
    write(book, 1, an_intent("a"), a_refusal("b"))
    write(book, 2, an_outcome("a"))
    again = Book(open_book(str(database)), "session-1")
    assert write(again, 2, an_outcome("a")) == []
    assert write(again, 1, an_intent("a"), a_refusal("b")) == []
    assert count(connection, "receipts") == 3
    assert verdict(database) == "sound"


def test_records_count_once_whatever_batch_repeats_them(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    write(book, 1, an_intent("a"), a_refusal("b"))
    write(book, 2, an_outcome("a"))
    assert write(book, 3, an_outcome("a"), a_refusal("b"), an_intent("c"), an_outcome("c")) == []
    assert count(connection, "receipts") == 5
    assert book.spent_micro("support-team", 0) == {"USD": 126}
    assert verdict(database) == "sound"


def test_one_unfit_record_does_not_keep_the_others_out(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    left_out = write(
        book,
        1,
        an_intent("a"),
        an_outcome("never-intended"),
        an_intent("b"),
        an_outcome("b", input_tokens=1 << 62),
        an_intent("a"),
        an_intent("c", payload_bytes=1 << 63),
        an_outcome("a"),
    )
    assert left_out == [1, 3, 4, 5]
    assert count(connection, "attempts") == 1
    assert count(connection, "open_requests", "not ended") == 1
    assert verdict(database) == "sound"


def test_a_request_settles_once_even_if_two_attempts_say_they_settle_it(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    write(book, 1, an_intent("a", 1), an_intent("a", 2), an_outcome("a", 1), an_outcome("a", 2))
    assert count(connection, "requests") == 1
    assert count(connection, "attempts", "settles") == 1
    assert book.spent_micro("support-team", 0) == {"USD": 126}
    assert verdict(database) == "sound"


def test_an_attempt_that_has_ended_is_not_begun_again(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    first = an_outcome("a", 1, state="failed", settles=False, cost_micro=0)
    assert write(book, 1, an_intent("a", 1), first, an_intent("a", 1), an_intent("a", 2)) == [2]
    assert write(book, 2, an_intent("a", 1), an_intent("a", 2), an_outcome("a", 2), an_intent("a", 3)) == [0, 1, 3]
    assert (count(connection, "attempts"), count(connection, "requests"), count(connection, "open_requests")) == (
        2,
        1,
        0,
    )
    assert verdict(database) == "sound"


@pytest.mark.parametrize(
    "fields",
    [{"payload_bytes": 1 << 63}, {"reserved_micro": 1 << 63}, {"zone": None}, {"level": None}],
)
def test_an_intent_that_could_never_be_written_as_an_attempt_is_not_acknowledged(
    book: Book, connection: sqlite3.Connection, fields: dict[str, object]
) -> None:
    assert write(book, 1, an_intent("a"), an_intent("b", **fields)) == [1]
    assert count(connection, "open_requests") == 1


def test_a_writer_that_starts_again_knows_the_intents_of_the_one_before(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    failed = an_outcome("a", 1, state="failed", settles=False, cost_micro=0)
    write(book, 1, an_intent("a", 1), an_intent("b"), failed)
    again = Book(open_book(str(database)), "session-1")
    assert write(again, 2, an_intent("a", 1), an_intent("a", 2), an_outcome("b"), an_outcome("a", 2)) == [0]
    assert count(connection, "open_requests") == 0
    assert verdict(database) == "sound"


def test_an_open_request_without_a_readable_intent_is_told_with_a_fix(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    write(book, 1, an_intent("a"))
    connection.execute("update receipts set body='[]'")
    with pytest.raises(StoreFailed, match="record 1") as told:
        Book(open_book(str(database)), "session-2")
    assert "verify" in told.value.fix


def test_nothing_is_intended_for_a_request_that_is_settled_by_then(book: Book, connection: sqlite3.Connection) -> None:
    write(book, 1, a_refusal("a"))
    write(book, 2, a_refusal("a"), an_intent("a"))
    assert count(connection, "requests", "state='refused'") == 1
    assert count(connection, "attempts") == 0


def test_the_chain_goes_on_in_the_next_session(book: Book, connection: sqlite3.Connection, database: Path) -> None:
    write(book, 1, an_intent("a"), an_outcome("a"))
    later = Book(open_book(str(database)), "session-2")
    assert later.recover(0) == 0
    assert write(later, 1, an_intent("b"), an_outcome("b")) == []
    assert connection.execute("select count(*), max(last_seq) from chains").fetchone() == (1, 4)
    assert verdict(database) == "sound"


def test_two_writers_never_extend_one_chain(book: Book, database: Path) -> None:
    other = Book(open_book(str(database)), "session-1")
    write(other, 1, an_intent("a"))
    with pytest.raises(StoreFailed, match="Another process"):
        write(book, 2, an_intent("b"))
    assert verdict(database) == "sound"


def test_recovery_settles_what_a_dead_session_left_open(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    write(book, 1, an_intent("answered"), an_intent("left"), an_intent("stayed", premises=True))
    write(book, 2, an_outcome("answered"))
    write(book, 3, an_intent("between", 1), an_outcome("between", 1, state="failed", settles=False, cost_micro=0))
    write(book, 4, an_intent("second", 1), an_outcome("second", 1, settles=False), an_intent("second", 2))
    later = Book(open_book(str(database)), "session-2")
    assert later.recover(1_700_000_100_000_000) == 4
    rows = connection.execute("select request_id, state, code from requests order by request_id").fetchall()
    assert rows == [
        ("answered", "complete", ""),
        ("between", "unknown", "interrupted"),
        ("left", "unknown", "interrupted"),
        ("second", "unknown", "interrupted"),
        ("stayed", "unknown", "interrupted"),
    ]
    costs = dict(connection.execute("select request_id, cost_micro from attempts where state='unknown'").fetchall())
    assert costs == {"left": 270, "stayed": None, "second": 270}
    assert count(connection, "open_requests") == 0
    assert Book(open_book(str(database)), "session-3").recover(0) == 0
    assert verdict(database) == "sound"


def test_recovery_ends_an_attempt_that_its_settled_request_left_open(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    write(book, 1, an_intent("a", 1), an_intent("a", 2))
    write(book, 2, an_outcome("a", 1))
    assert Book(open_book(str(database)), "session-2").recover(0) == 1
    assert count(connection, "open_requests", "not ended") == 0
    assert count(connection, "open_requests") == 0
    assert count(connection, "requests") == 1
    assert verdict(database) == "sound"


def test_a_restarted_writer_of_the_same_session_recovers_nothing(book: Book, database: Path) -> None:
    write(book, 1, an_intent("a"))
    assert Book(open_book(str(database)), "session-1").recover(0) == 0


@pytest.mark.parametrize(
    ("tampering", "code"),
    [
        (
            "update receipts set body=replace(body, ',63,\"USD\",', ',62,\"USD\",') where seq=2",
            "chain_broken",
        ),
        ("delete from receipts where seq=2", "chain_broken"),
        ("delete from receipts where seq=3", "chain_broken"),
        ("update chains set last_seq=2", "chain_broken"),
        ("update attempts set cost_micro=1 where request_id='a'", "rows_astray"),
        ("update attempts set cost_micro=-1", "rows_astray"),
        ("update usage_hours set cost_micro=cost_micro-1", "sums_differ"),
        ("update usage_slots set attempts=2", "sums_differ"),
        ("delete from requests where state='refused'", "rows_astray"),
        ("delete from attempts", "rows_astray"),
        ("insert into requests select 'z', " + ALL_BUT_THE_ID + " from requests where state='refused'", "rows_astray"),
        ("update attempts set outcome_seq=9", "rows_astray"),
        ("insert into receipts select 9, 2, hash, body from receipts where seq=1", "rows_astray"),
        ("update refusal_hours set requests=0", "sums_differ"),
        ("delete from requests where request_id='a'", "rows_astray"),
        ("insert into open_requests values (1, 0)", "rows_astray"),
        ("delete from open_requests where intent_seq=4", "rows_astray"),
        ("update open_requests set ended=1", "rows_astray"),
    ],
)
def test_verification_finds_what_was_tampered_with(
    book: Book, connection: sqlite3.Connection, database: Path, tampering: str, code: str
) -> None:
    write(book, 1, an_intent("a"), an_outcome("a"), a_refusal("b"), an_intent("open"))
    assert verdict(database) == "sound"
    connection.execute(tampering)
    found = verify(SqliteReads(database))
    assert found["verdict"] == "broken"
    assert [reason["code"] for reason in found["reasons"]] == [code]


@pytest.mark.parametrize(
    ("table", "column"),
    [(table.name, column.name) for table in (schema.attempts, schema.requests) for column in table.columns],
)
def test_verification_finds_every_column_that_is_not_what_the_chain_says(
    book: Book, connection: sqlite3.Connection, database: Path, table: str, column: str
) -> None:
    write(book, 1, an_intent("a"), an_outcome("a"), an_intent("b"), an_outcome("b"), a_refusal("c"))
    altered = f"case when typeof({column})='integer' then {column}+10 else {column}||'x' end"
    connection.execute(f"update {table} set {column}={altered} where request_id='b'")
    found = verify(SqliteReads(database))
    assert (found["verdict"], [reason["code"] for reason in found["reasons"]]) == ("broken", ["rows_astray"])
    if column not in ("request_id", "outcome_seq"):
        assert f"`{table}` holds another `{column}` than record 4." in found["reasons"][0]["fact"]


def test_verification_names_the_first_row_that_differs_and_counts_the_others(
    book: Book, connection: sqlite3.Connection, database: Path
) -> None:
    for number in range(1, 31):
        write(book, number, an_intent(f"r{number}"), an_outcome(f"r{number}"))
    connection.execute("update attempts set level=0 where intent_seq>=39")
    for page in (1, 7, 1_000):
        (reason,) = verify(SqliteReads(database, page=page))["reasons"]
        assert reason["fact"] == "`attempts` holds another `level` than record 40; rows astray besides: 10."


class LedgerAgainstModel(RuleBasedStateMachine):
    """Any mixture of batches, replays, deaths and recoveries gives the sums of a few dictionaries."""

    requests = Bundle("requests")
    template: Path

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.database = Path(copyfile(self.template, self.folder / "douane.db"))
        self.session = 0
        self.open: set[tuple[str, int]] = set()
        self.outcomes: dict[tuple[str, int], Outcome] = {}
        self.settled: set[str] = set()
        self.refused = 0
        self.pending: list[Record] = []
        self.made = 0
        self.last: list[Record] = []
        self._start()

    def _start(self) -> None:
        self.session += 1
        self.number = 0
        self.connection = open_book(str(self.database))
        self.book = Book(self.connection, f"session-{self.session}")
        self.book.recover(self.session)

    @rule(target=requests)
    def request(self) -> str:
        self.made += 1
        return f"r{self.made:04d}"

    @rule(request=requests, attempt=st.integers(1, 3))
    def intend(self, request: str, attempt: int) -> None:
        self.pending.append(an_intent(request, attempt))

    @rule(request=requests, attempt=st.integers(1, 3), settles=st.booleans(), cost=st.none() | st.integers(0, 99))
    def conclude(self, request: str, attempt: int, settles: bool, cost: int | None) -> None:
        self.pending.append(an_outcome(request, attempt, settles=settles, cost_micro=cost))

    @rule(request=requests)
    def refuse(self, request: str) -> None:
        self.pending.append(a_refusal(request))

    @rule()
    def commit(self) -> None:
        self.number += 1
        self.last, self.pending = self.pending, []
        write(self.book, self.number, *self.last)
        for record in self.last:
            self._expect(record)

    def _expect(self, record: Record) -> None:
        if isinstance(record, Outcome):
            place = (record.request_id, record.attempt)
            if place in self.open:
                self.open.discard(place)
                record = record._replace(settles=record.settles and record.request_id not in self.settled)
                self.outcomes[place] = record
                if record.settles:
                    self.settled.add(record.request_id)
        elif hasattr(record, "body_bytes"):
            if record.request_id not in self.settled:
                self.settled.add(record.request_id)
                self.refused += 1
        elif record.request_id not in self.settled:
            place = (record.request_id, record.attempt)
            if place not in self.open and place not in self.outcomes:
                self.open.add(place)

    @precondition(lambda self: self.number > 0)
    @rule()
    def the_writer_dies_and_its_batch_is_sent_again(self) -> None:
        self.connection.close()
        self.connection = open_book(str(self.database))
        self.book = Book(self.connection, f"session-{self.session}")
        assert self.book.recover(0) == 0
        write(self.book, self.number, *self.last)

    @rule()
    def the_gateway_dies(self) -> None:
        self.connection.close()
        self.pending = []
        self._start()
        for place in sorted(self.open):
            self.outcomes[place] = an_outcome(*place, cost_micro=270)
        self.settled |= {request for request, _ in self.outcomes}
        self.open = set()

    @invariant()
    def the_sums_are_those_of_the_model(self) -> None:
        known = sum(outcome.cost_micro or 0 for outcome in self.outcomes.values())
        assert self.book.spent_micro("support-team", 0).get("USD", 0) == known
        assert count(self.connection, "open_requests", "not ended") == len(self.open)
        assert count(self.connection, "attempts") == len(self.outcomes)
        assert count(self.connection, "requests", "state='refused'") == self.refused

    def teardown(self) -> None:
        self.connection.close()
        for page in (1, 4, 1_000):
            found = verify(SqliteReads(self.database, page=page))
            assert found["verdict"] == "sound", found
        rmtree(self.folder)


@pytest.fixture(scope="module", autouse=True)
def _template(fresh_database: Path) -> None:
    LedgerAgainstModel.template = fresh_database


TestLedgerAgainstModel = LedgerAgainstModel.TestCase
TestLedgerAgainstModel.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_the_sums_read_back_are_the_sums_of_the_records(book: Book, database: Path) -> None:
    records = [an_intent("a"), an_intent("b"), an_outcome("a"), an_outcome("b", input_tokens=None), a_refusal("c")]
    write(book, 1, *records)
    with SqliteReads(database).audit() as audit:
        assert audit.roll_ups() == roll_up(records)


def test_a_directory_is_held_by_one_process_at_a_time(tmp_path: Path) -> None:
    held = DataDirectory.claim(tmp_path / "data")
    with pytest.raises(StoreFailed, match="Another process"):
        DataDirectory.claim(tmp_path / "data", patience_s=0.0)
    held.release()
    DataDirectory.claim(tmp_path / "data", patience_s=0.0).release()


def test_a_directory_is_its_owners_alone(tmp_path: Path) -> None:
    DataDirectory.claim(tmp_path / "data").release()
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "data" / "douane.db").stat().st_mode & 0o777 == 0o600


def test_a_newer_schema_is_refused_and_left_as_it_is(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("update alembic_version set version_num='9999'")
    connection.commit()
    connection.close()
    with pytest.raises(StoreFailed, match="schema 9999"):
        DataDirectory.claim(database.parent)


def test_a_folder_that_cannot_be_used_is_told_with_a_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed, match="cannot be used") as told:
        DataDirectory.claim(tmp_path / "file" / "data")
    assert "--data" in told.value.fix
