"""What hides at the end of a text, next to what is plain, or among ordinary words is told whole, and nothing else is."""

import random
from base64 import b64encode

import pytest
from numbers_made import a_nir
from stdnum import iban, luhn

from douane.detect.detector import Candidate
from douane.detect.overlaps import without_parts
from douane.detect.views.levels import Known
from douane.detect.views.stretches import around

ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
LEET = str.maketrans("01", "Ol")
HIDDEN = ("\u200b", "\u200c", "\u200d", "\u00ad", "\u2060", "\ufeff")
ENDS = ("{}", "see {}", "see {}.", "see {} again", "see\n{}\n")
ACCOUNTS = ("GB", "BE", "FR", "DE", "NL", "NO", "LU", "BG", "GR")
BODIES = {
    "GB": ("BARC", 14), "BE": ("", 12), "FR": ("", 23), "DE": ("", 18), "NL": ("INGB", 10), "NO": ("", 11),
    "LU": ("", 16), "BG": ("BNBG", 14), "GR": ("", 23),
}  # fmt: skip


def digits(draw, count):
    return "".join(draw.choice("0123456789") for _ in range(count))


def account(draw, country):
    """Return an account number whose ISO 7064 digits are right; of a country, its structure alone."""
    bank, rest = BODIES[country]
    body = bank + digits(draw, rest)
    return country + iban.calc_check_digits(country + "00" + body) + body


def card(draw, prefix="4", length=16):
    body = prefix + digits(draw, length - 1 - len(prefix))
    return body + luhn.calc_check_digit(body)


def told(scanner, text, kind):
    return [text[f.start : f.end] for f in scanner.scan(text).findings if f.type == kind]


@pytest.mark.parametrize("sign", HIDDEN)
def test_an_address_with_one_sign_unseen_is_told_whole_wherever_it_stands(scanner, sign):
    address = "marie-odile.leguen42@exemple.fr"
    for at in range(1, len(address)):
        hidden = address[:at] + sign + address[at:]
        for text in ENDS:
            assert told(scanner, text.format(hidden), "EMAIL") == [hidden]


def test_an_address_after_a_sign_unseen_is_told_alone(scanner):
    for before in ("\u200d", "Contact :\u00a0", "M.\u202fDurand, ", "(\u00ad", "\U0001f468\u200d\U0001f469 "):
        assert told(scanner, f"{before}m.durand@exemple.fr", "EMAIL") == ["m.durand@exemple.fr"]


def test_what_may_not_belong_together_does_not_grow(scanner):
    for text in ("Durand\nm.durand@exemple.fr\nParis", "**Durand** m.durand@exemple.fr", "a b c m.durand@exemple.fr"):
        assert told(scanner, text, "EMAIL") == ["m.durand@exemple.fr"]


def test_the_whole_stands_for_its_parts_and_for_nothing_else():
    part, other, kin = (Candidate(kind, *span, 1.0) for kind, span in (
        ("EMAIL", (4, 9)), ("PHONE", (4, 9)), ("EMAIL", (12, 15)),
    ))  # fmt: skip
    whole = Candidate("EMAIL", 0, 9, 1.0)
    assert without_parts([part, other, kin], [whole]) == [other, kin]
    known = Known([part, other, kin])
    assert known.has_part("EMAIL", 0, 9)
    assert not known.has_part("EMAIL", 4, 9)
    assert not known.has_part("EMAIL", 5, 20)
    assert not known.has_part("IBAN", 0, 9)


def test_a_hit_that_ends_with_its_leaf_looks_into_that_leaf():
    data = b"\x00abcdef\x00ghijkl\x00"
    assert list(around(data, [8], 4, 4)) == [(3, 7)]
    assert list(around(data, [8, 15], 4, 4)) == [(3, 7), (8, 14)]
    assert list(around(data, [7, 9], 4, 4)) == [(3, 7), (8, 13)]


@pytest.mark.parametrize("frame", ENDS)
@pytest.mark.parametrize("country", ACCOUNTS)
def test_account_numbers_are_read_turned_moved_and_with_letters_for_digits(scanner, country, frame):
    draw = random.Random(country + frame)
    missed = []
    for _ in range(20):
        plain = account(draw, country)
        blocks = " ".join(plain[at : at + 4] for at in range(0, len(plain), 4))
        for number in (plain, blocks):
            hidden = [number[::-1], number.translate(ROT13), number[:2] + number[2:].translate(LEET)]
            for shown in hidden:
                if shown != number and told(scanner, frame.format(shown), "IBAN") != [shown]:
                    missed.append(shown)
    assert len(missed) <= 3, missed  # of 120


@pytest.mark.parametrize("frame", ENDS)
def test_numbers_with_strong_check_digits_are_read_turned_without_a_word(scanner, frame):
    draw = random.Random(frame)
    numbers = [(kind, number) for _ in range(60) for kind, number in (
        ("CARD", card(draw)), ("CARD", card(draw, "37", 15)), ("NIR", a_nir(draw)),
    ) if number.isdigit() and (kind == "CARD" or (number[0] in "12" and "01" <= number[3:5] <= "12"))]  # fmt: skip
    seen = [number for kind, number in numbers if told(scanner, frame.format(number[::-1]), kind) == [number[::-1]]]
    assert len(seen) >= 0.95 * len(numbers)


def test_a_turned_card_of_fifteen_digits_is_read_in_its_groups(scanner):
    number = card(random.Random(3), "37", 15)
    shown = f"{number[:4]} {number[4:10]} {number[10:]}"[::-1]
    assert told(scanner, f"charge {shown} twice", "CARD") == [shown]


@pytest.mark.parametrize(
    "row", ["({0}, 7)", "x = {0}", "a;{0};b", '"{0}"', "17 {0}", "{0}, 98", "run-{0}", "{0}-ab", "a\t{0}\tb", "|{0}|"]
)
def test_a_number_in_a_row_or_a_program_is_no_turned_card(scanner, row):
    draw = random.Random(row)
    for _ in range(20):
        text = row.format(card(draw)[::-1])
        assert [f for f in scanner.scan(text).findings if f.detector == "card@turned"] == []


def test_ids_of_a_column_are_no_turned_cards(scanner):
    draw = random.Random(7)
    text = "\n".join(f"row {digits(draw, 16)} ends" for _ in range(400))
    assert [f for f in scanner.scan(text).findings if f.detector == "card@turned"] == []


def test_moments_are_no_turned_cards(scanner):
    draw = random.Random(9)
    for _ in range(300):
        text = f"at {draw.randint(1_650_000_000, 1_799_999_999)}{digits(draw, 6)} it ended"
        assert [f for f in scanner.scan(text).findings if f.detector == "card@turned"] == []


@pytest.mark.parametrize("frame", ENDS)
def test_telephone_numbers_with_letters_for_digits_are_read_whatever_their_sum(scanner, frame):
    for plain in ("+44 7400 421147", "+447400008332", "+33 6 10 20 41 07", "01 49 52 63 63", "01.57.72.96.29"):
        shown = plain.translate(LEET)
        assert told(scanner, frame.format(shown), "PHONE") == [shown]


def test_telephone_numbers_in_words_by_pairs_are_read_with_any_sign_between(scanner):
    for between in (" . ", ". ", " - ", ", ", " / ", " "):
        for pairs in (
            ("zéro trois", "quatre quatre", "neuf sept", "neuf sept", "deux six"),
            ("zero six", "two six", "four four", "six three", "eight one"),
        ):
            shown = between.join(pairs)
            assert told(scanner, f"au {shown} ce soir", "PHONE") == [shown]


NAMING = (
    "The phone number changed on Monday and is now {}", "They keep asking for a telephone, though I gave {} at the desk",
    "{} is my new mobile number.", '{{"telefono": "{}"}}', "Die Telefonnummer lautet seit heute {} laut Akte",
    "El móvil de la señora desde hoy es {} según ella", "Il cellulare da oggi è {} come detto", "O meu telemóvel é {} agora",
    "Le portable de la cliente est {} depuis lundi", "name;phone;city\nJones;{};Leeds\n", "telefoon: {}",
)  # fmt: skip
COUNTRIES = ("2127368794", "415 626 4900", "612345678", "912 345 678", "3471234567", "621 123 456", "601 234 567")


@pytest.mark.parametrize("number", COUNTRIES)
def test_a_word_of_its_sentence_names_a_number_of_any_common_country(scanner, number):
    for frame in NAMING:
        assert told(scanner, frame.format(number), "PHONE") == [number], frame


@pytest.mark.parametrize(
    "text",
    [
        "He left 4156264900 on a note", "phone orders: the order 4156264900 is late", "phone;city;amount\n;Ulm;4156264900\n",
        '{"phone": "", "stock": 4156264900}', "The phone rang.\nThen\nnothing\nbut 4156264900", "phone built 4156264900_a",
    ],
)  # fmt: skip
def test_ten_digits_that_no_word_names_are_no_phone(scanner, text):
    assert told(scanner, text, "PHONE") == []


def test_a_word_that_ends_in_a_word_for_another_number_denies_nothing(scanner):
    assert told(scanner, "her answer only said 07911182211", "PHONE") == ["07911182211"]


DIGITS = {
    "de": "null eins zwei drei vier fünf sechs sieben acht neun", "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "it": "zero uno due tre quattro cinque sei sette otto nove", "nl": "nul een twee drie vier vijf zes zeven acht negen",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
}  # fmt: skip


@pytest.mark.parametrize("language", DIGITS)
def test_digits_are_read_in_words_of_each_language(scanner, language):
    draw = random.Random(language)
    words = DIGITS[language].split()
    for _ in range(10):
        bank = account(draw, "DE")
        for kind, number in (("CARD", card(draw)), ("IBAN", bank), ("PHONE", "+4930" + digits(draw, 8))):
            shown = " ".join(words[int(sign)] if sign.isdigit() else sign for sign in number).replace("D E", "DE")
            for said in (shown, shown.upper()):
                assert told(scanner, f"- {said}.", kind) == [said]


def test_doubled_digits_and_a_spoken_plus_count_in_other_languages(scanner):
    for said in (
        "plus vier neun drei null doppel zwei drei vier fünf sechs sieben acht",
        "más tres cuatro seis uno dos doble tres cuatro cinco seis siete",
    ):
        assert told(scanner, f"- {said}.", "PHONE") == [said]


@pytest.mark.parametrize("gap", [" ", ".", "-", "\n"])
def test_words_of_one_letter_beside_spaced_signs_are_none_of_them(scanner, gap):
    draw = random.Random(gap)
    for before, after in ((f"a{gap}", f"{gap}y"), ("es ", f"{gap}e"), (f"I{gap}", "")):
        for kind, number in (
            ("CARD", card(draw)), ("IBAN", account(draw, "BE")), ("NIR", a_nir(draw)), ("PHONE", "+33612345678"),
        ):  # fmt: skip
            shown = gap.join(number)
            assert shown in told(scanner, f"{before}{shown}{after}", kind)


@pytest.mark.parametrize("mark", ["`{}`", "*{}*", "**{}**", "__{}__", "~~{}~~", "<b>{}</b>"])
def test_marks_about_a_part_leave_the_value_whole(scanner, mark):
    for kind, shown in (
        ("EMAIL", f"h.mercer@{mark.format('mercer.com')}"), ("PHONE", f"{mark.format('+34')} 612 400 872"),
        ("PHONE", f"+33 1 45 47 {mark.format('51')} 48"), ("CARD", f"4111 {mark.format('1111')} 1111 1111"),
    ):  # fmt: skip
        for text in ENDS:
            spans = told(scanner, text.format(shown), kind)
            assert len(spans) == 1
            assert len(spans[0]) >= len(shown) - 4, (spans, shown)


@pytest.mark.parametrize("write", [
    lambda plain: b64encode(plain).decode(), lambda plain: b64encode(plain).decode().rstrip("="),
    lambda plain: b64encode(b64encode(plain)).decode(), lambda plain: plain.hex(), lambda plain: plain.hex().upper(),
    lambda plain: plain.hex(" "), lambda plain: "0x" + plain.hex(),
])  # fmt: skip
def test_an_encoded_number_is_named_by_the_words_beside_it(scanner, write):
    for plain in (b"612345678", b"2127368794", b"347 1234567", b"+33320783702"):
        shown = write(plain)
        spans = told(scanner, f"mi móvil es {shown} y ya", "PHONE")
        assert len(spans) == 1
        assert len(spans[0]) >= 0.6 * len(shown)
    shown = write(b"379129325541449")
    assert len(told(scanner, f"garde le n° de carte {shown} tel quel", "CARD")) == 1
    assert told(scanner, f"garde le n° de carte {shown} tel quel", "NIR") == []


def test_the_next_line_of_a_text_is_no_part_of_an_encoded_run(scanner):
    shown = b64encode(b"marie-odile.leguen42@exemple.fr").decode()
    assert len(shown.rstrip("=")) >= 40
    for after in ("Merci", "- next", "a b"):
        assert "EMAIL" in {f.type for f in scanner.scan(f"{shown.rstrip('=')}\n{after}").findings}


def test_a_turned_number_is_named_from_further_off_and_after_a_comma(scanner):
    assert told(scanner, "My old mobile number is gone, take 4978637212 now", "PHONE") == ["4978637212"]
    assert told(scanner, "reach her at 7126-626 )514(", "PHONE") == ["7126-626 )514("]
    assert told(scanner, "for tomorrow morning, 1111111111111114 will do", "CARD") == ["1111111111111114"]
