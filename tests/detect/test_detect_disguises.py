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


def whole(scanner, text, kind, shown):
    """Tell whether a finding of a kind lies on most of a value, and on little else."""
    start = text.index(shown)
    return any(
        f.type == kind
        and min(f.end, start + len(shown)) - max(f.start, start) >= 0.6 * max(len(shown), f.end - f.start)
        for f in scanner.scan(text).findings
    )


SHOWN = {
    "marks of Markdown beside hyphens and in domains": [
        ("CARD", "4111-1111-`1111`-1111", "Please charge {} for the room."),
        ("CARD", "`4111`-1111-1111-1111", "Voici la carte : {} merci"),
        ("CARD", "4111-**1111**-**1111**-1111", '{{"pan": "{}"}}'),
        ("CARD", "5555-5555-~~5555~~-4444", "la carta è {}, grazie"),
        ("CARD", "4111-1111-1111-__1111__", "card {}\nthanks"),
        ("IBAN", "DE89-`3704`-0044-0532-0130-00", "Konto {} bitte"),
        ("IBAN", "FR76-3000-**6000**-0112-3456-7890-189", "virement sur {} svp"),
        ("PHONE", "06-`12`-34-56-78", "appelle le {} ce soir"),
        ("PHONE", "+33-6-__12__-34-56-78", "tel: {}"),
        ("PHONE", "+49-30-~~9018~~-2000", "Rückruf an {} erbeten"),
        ("PHONE", "`06`-12-34-56-78", "tél {}"),
        ("NIR", "1-85-05-`78`-006-084-91", "sécu {} du salarié"),
        ("EMAIL", "anna@muster-`firma`.de", "schreib an {} bitte"),
        ("EMAIL", "anna.k@firma.**de**", "schreib an {} bitte"),
        ("EMAIL", "anna.k@firma.__fr__", "écris à {} stp"),
        ("EMAIL", "paul@sub.`example`.org", "mail {}."),
        ("EMAIL", "paul@ex-~~ample~~.org", "mail {}."),
    ],
    "four a line, between other lines": [
        ("CARD", "4111\n1111\n1111\n1111", "Hola\n{}\nGracias por todo"),
        ("CARD", "4111\n1111\n1111\n1111", "> the number\n{}\n- next thing"),
        ("CARD", "4111\n1111\n1111\n1111", "Bob: card is {}\nBob: ok?"),
        ("CARD", "3782\n8224\n6310\n005", "Amex\n{}\nSincerely, Tom"),
        ("NIR", "1850\n5780\n0608\n491", "assurée :\n{}\nmerci beaucoup"),
        ("NIR", "1850\n5780\n0608\n491", "Frau Meier sagt\n{}\n2) Akte schließen"),
        ("IBAN", "DE89\n3704\n0044\n0532\n0130\n00", "Bitte\n{}\nDanke dir"),
        ("PHONE", "0612\n3456\n78", "Nina: {}\nNina: bisous"),
        ("EMAIL", "jean\n.dup\nont@\nexem\nple.\nfr", "mail\n{}\nMerci bien"),
    ],
    "digits in a top-level domain": [
        ("EMAIL", "m.k0h1er@exam.c0m", "an {} bitte"),
        ("EMAIL", "s0phie.1e@0range.inf0", "écris à {} demain"),
        ("EMAIL", "b0b@ma1l.c0.uk", "ask {} today"),
        ("EMAIL", "k.1ind@post.1u", "{}"),
        ("EMAIL", "anna@rij.n1", "mail naar {}, dank"),
        ("EMAIL", "o1a@fundacja.p1", "do {} jutro"),
    ],
    "digits in words before an @": [
        ("EMAIL", "paul.martin deux trois@free.fr", "écris à {} demain"),
        ("EMAIL", "p_martin one nine eight@mail.com", "to {} now"),
        ("EMAIL", "anna.schmidt drei vier fünf@web.de", "an {} bitte"),
        ("EMAIL", "luca.rossi due tre@libero.it", "scrivi a {} oggi"),
        ("EMAIL", "ana.gil cinco seis@correo.es", "a {} hoy"),
    ],
    "dots in words": [
        ("CARD", "4111 [dot] 1111 [dot] 1111 [dot] 1111", "pay with {} please"),
        ("CARD", "4111(point)1111(point)1111(point)1111", "carte {} merci"),
        ("CARD", "4111 (dot) 1111 (dot) 1111 (dot) 1111", "{}"),
        ("IBAN", "DE89 [dot] 3704 [dot] 0044 [dot] 0532 [dot] 0130 [dot] 00", "Konto {} bitte"),
        ("IBAN", "FR76[dot]3000[dot]6000[dot]0112[dot]3456[dot]7890[dot]189", "virement {}."),
        ("IBAN", "GB29 {dot} NWBK {dot} 6016 {dot} 1331 {dot} 9268 {dot} 19", "pay {} now"),
        ("NIR", "1[dot]85[dot]05[dot]78[dot]006[dot]084[dot]91", "secu {} ok"),
        ("NIR", "1 (dot) 85 (dot) 05 (dot) 78 (dot) 006 (dot) 084 (dot) 91", "- {}"),
        ("PHONE", "06[dot]12[dot]34[dot]56[dot]78", "tel {} ok"),
    ],
    "letters that look like digits": [
        (
            "CARD",
            "4\u041e\u041e\u041e-\u041e\u041e\u041e\u041e-\u041e\u041e\u041e\u041e-\u041e\u041e\u041e2",
            "card {} ok",
        ),
        ("CARD", "\u0417782 822463 1\u041e\u041e\u041e5", "card {} ok"),
        ("IBAN", "NL91 ABNA \u041e417 164\u0417 \u041e\u041e", "naar {} graag"),
        ("IBAN", "BE71 \u041e961 2\u041745 6769", "{}"),
        ("IBAN", "FR76 \u0417\u041e\u041e\u041e 6\u041e\u041e\u041e \u041e112 \u0417456 789\u041e 189", "vers {} svp"),
        ("NIR", "1 85 \u041e5 78 \u041e\u041e6 \u041e84 91", "- {}"),
        ("NIR", "1850578\u041e\u041e608491", "nir={};"),
        ("PHONE", "\u041e6 12 \u04174 56 78", "tél. {} ok"),
        ("PHONE", "+\u0417\u0417 6 12 \u04174 56 78", "tél. {} ok"),
        ("PHONE", "+49 \u0417\u041e 9\u041e18 2\u041e\u041e\u041e", "Rückruf {} ok"),
    ],
}


@pytest.mark.parametrize("form", SHOWN)
def test_a_value_is_told_whole_in_every_layout(scanner, form):
    missed = [(text, shown) for kind, shown, text in SHOWN[form] if not whole(scanner, text.format(shown), kind, shown)]
    assert missed == []


@pytest.mark.parametrize(
    "text",
    [
        "\u041e\u041e\u041e 7701234567 \u0438 \u0417 25", "Fix: see `self`-`other`.`fr` and a.`b` - `c`",
        "4111 [dot] 2222 [dot] 3333 [dot] 4444", "pip install app@v1.0.c0m.1 and x@1.2.3", "one two three@ home",
        "2023\n2024\n2025\n2026\nAll years\n", "a.b`c`-1`-2",
    ],
)  # fmt: skip
def test_what_looks_like_one_of_these_forms_is_none(scanner, text):
    assert told(scanner, text, "CARD") + told(scanner, text, "PHONE") + told(scanner, text, "EMAIL") == []


def test_one_number_word_before_an_address_is_a_word(scanner):
    assert told(scanner, "write to one@exemple.fr", "EMAIL") == ["one@exemple.fr"]
    assert told(scanner, "we are at six@exemple.fr", "EMAIL") == ["six@exemple.fr"]
