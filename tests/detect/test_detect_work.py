"""What one scan may take is bounded in counts, and what lies beyond counts as unread."""

import sys
from pathlib import Path

import pytest
from bench.detection import texts

from douane.detect.units import units
from douane.detect.work import Work

HOSTILE = Path(__file__).parent.parent / "corpus" / "detect" / "hostile"
SIZE = 64 * 1024
MOST_CALLS = 450_000
"""Calls of Python's and of C's functions, some fifty nanoseconds each. Texts of this kind took ten times as many."""


def repeated(unit, size=SIZE):
    return (unit * (size // len(unit.encode()) + 1)).encode()[:size].decode(errors="ignore")


def calls_of(act):
    count = 0

    def counted(_frame, event, _what):
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        act()
    finally:
        sys.setprofile(before)
    return count


@pytest.mark.parametrize("sample", sorted(HOSTILE.glob("*.txt")), ids=lambda path: path.stem)
def test_a_hostile_text_takes_a_bounded_number_of_calls(scanner, sample):
    text = repeated(sample.read_text().removesuffix("\n"))
    scanner.scan(text)
    assert calls_of(lambda: tuple(scanner.scan(text).findings)) < MOST_CALLS


def test_what_lies_beyond_the_bound_counts_as_unread(scanner):
    text = repeated("secret: ")
    assert not scanner.scan(text[:1024]).cut
    assert scanner.scan(text).cut


@pytest.mark.parametrize("sample", sorted(HOSTILE.glob("*.txt")), ids=lambda path: path.stem)
def test_a_little_of_a_hostile_text_is_read_whole(scanner, sample):
    assert not scanner.scan(repeated(sample.read_text().removesuffix("\n"), 1024)).cut


@pytest.mark.parametrize("kilobytes", [1, 16, 64])
def test_ordinary_text_is_never_cut_short(scanner, kilobytes):
    assert not scanner.scan(texts.mixed(kilobytes * 1024, kilobytes)).cut


def test_columns_of_numbers_that_are_nobodys_are_read_to_their_end(scanner):
    for row in (
        "0.{0:09}, ",
        "{0:016}\n",
        "17640000{0:05},{1:03}\n",
        "7{0:06} 1{1:03}\n",
        '{{"id": 48{0:07}, "n": {1:02}}}\n',
    ):
        text = "".join(row.format(n * 7919 % 99_991, n % 97) for n in range(SIZE // 16))[:SIZE]
        found = scanner.scan(text)
        assert not found.cut, row


def test_work_that_is_gone_stays_gone_and_pays_for_nothing():
    work = Work(0)
    assert not work.gone
    assert work.affordable("mark") > 0
    assert work.spent("mark", 10**9)
    assert work.gone
    assert work.affordable("mark") == 0
    assert work.spent("mark", 0)


def test_units_share_what_they_may_take_and_what_is_beyond_it_is_not_told(scanner):
    (_, unit, _) = units({"messages": [repeated("tél. 06 12 34 56 78, ", 2048), "and another one"]})
    work = Work.of_units()
    told = [scanner.scan_unit_if_brief(unit, 10**6, work) for _ in range(40)]
    assert told[0] is not None
    assert told[-1] is None
    assert work.gone
