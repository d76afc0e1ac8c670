"""What machines and workshops write of nobody is not raised; what hides among it is."""

import base64
import random

import pytest
from tests.detect.clean_families import MACHINE_MADE, NAMES, a_gif, a_png, hexes, signed_text

from douane.detect.spacers import is_spacer

BYTES_OF_NO_SMALL_PICTURE = (
    b"",
    b"GIF89a",
    b"\x89PNG\r\n\x1a\n",
    b"\x89PNG\r\n\x1a\n" + b"IHDR" * 9,
    b"GIF89a" + b"\x01" * 40,
)


@pytest.mark.parametrize("family", MACHINE_MADE)
def test_a_document_without_anybodys_data_is_not_raised(scanner, family):
    draw = random.Random(f"{family} 1")
    for _ in range(20):
        text = MACHINE_MADE[family](draw)
        told = [f for f in scanner.scan(text).findings if f.type in ("SECRET", "UNREADABLE", "BLOB")]
        assert told == [], [text[f.start : f.end] for f in told]


@pytest.mark.parametrize("name", NAMES)
def test_a_word_that_names_a_vendor_needs_another_that_says_what_follows(scanner, name):
    drawn = random.Random(f"{name} 2")
    digest = hexes(drawn, 32)
    assert scanner.scan(f"10:02:07 WARN Sync - {name}={digest} nanos=12").findings == ()
    assert {f.type for f in scanner.scan(f"{name.upper()}_API_KEY={digest}").findings} == {"SECRET"}


def test_a_keyword_of_two_hexadecimal_signs_in_a_row_of_bytes_names_no_card(scanner):
    number = "018824248246780"
    for row in ("7c:8e:e5:ae:cc:44", "cc:8e:e5:ae:ff:44", "7c-8e-e5-ae-ff-cb"):
        assert scanner.scan(f"toit;{row};v2.4.7\nquai;{number};x").findings == ()
    for before in ("cc: ", "CB : ", "12:05 cc "):
        assert [f.type for f in scanner.scan(f"{before}4970101234567893 merci").findings] == ["CARD"]


def test_a_picture_of_a_few_pixels_shows_nothing_and_any_other_is_unread(scanner):
    draw = random.Random(7)
    for made in (a_gif, a_png):
        for _ in range(30):
            assert scanner.scan(f"<img src='data:image/{made(draw)}'>").findings == ()
    words = b"\x00\x00\x00\x10tEXtnote\x00Jean Dupont0000"
    hidden = base64.b64decode(a_gif(draw).partition(",")[2])
    unread = (
        a_png(draw, side=9),
        a_png(draw, more=words),
        "gif;base64," + base64.b64encode(hidden + b"Jean Dupont, 12 rue de la Gare").decode(),
        "gif;base64," + base64.b64encode(hidden[:-1] + hidden[19:]).decode(),
        a_gif(draw) + "%0AQUJD",
    )
    for url in unread:
        assert ("UNREADABLE", "data-url") in scanner.scan(f"<img src='data:image/{url}'>").causes, url


@pytest.mark.parametrize("image", BYTES_OF_NO_SMALL_PICTURE)
def test_what_cannot_be_taken_apart_is_no_spacer(image):
    assert not is_spacer(base64.b64encode(image))


def test_any_part_of_a_spacer_is_none():
    draw = random.Random(3)
    for made in (a_gif, a_png):
        image = base64.b64decode(made(draw).partition(",")[2])
        # A GIF's last sign but one may be missing: readers end there, too.
        assert not any(is_spacer(base64.b64encode(image[:end])) for end in range(len(image) - 1))


def test_the_body_of_a_signature_stays_unread(scanner):
    assert {f.type for f in scanner.scan(signed_text(random.Random(2))).findings} == {"BLOB"}


def test_pairs_of_digits_among_bytes_are_no_telephone(scanner):
    for row in ("8d 6f b1 2b 01 93 35 55 88 ac 4e", "06 75 20 01 51 7c 4d 36 70", "fe 0c a1 04 08 66 21 78"):
        assert scanner.scan(f"0003faf0  {row}  |....|").findings == ()
    for said in ("appelle Fa de 06 75 20 01 51 ce soir", "bat 2b 3e 06 75 20 01 51", "de ce 06 75 20 01 51 ab"):
        assert [f.type for f in scanner.scan(said).findings] == ["PHONE"], said


def test_decimals_and_exponents_are_no_numbers_of_anybody(scanner):
    valid = "269054958815780"
    for cut in (1, 3, 5, 7):
        row = f"-3.770557440E-16  {valid[:cut]}.{valid[cut:]}\t7.964790372E+13  316352  0.48918529"
        assert scanner.scan(row).findings == (), row
    assert scanner.scan(f"{valid[:1]}  {valid[1:10]}  {valid[10:]}.9 ns/op").findings == ()
    for said in (f"patient {valid}.", f"le {valid[:3]} {valid[3:6]} {valid[6:9]} {valid[9:12]} {valid[12:]}. Merci"):
        assert [f.type for f in scanner.scan(said).findings] == ["NIR"], said
    assert [f.type for f in scanner.scan("appelle Eve+33 6 12 34 56 78").findings] == ["PHONE"]
    assert scanner.scan("7.9647E+33  612345678  0.48").findings == ()
