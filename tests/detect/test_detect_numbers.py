import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn, numdb
from stdnum.fr import nir
from stdnum.iso7064 import mod_97_10

from douane.config import detector_rules
from douane.detect.accounts import has_check_digits
from douane.detect.identifiers import passes_luhn

NBSP, NNBSP, NBHYPHEN = "\u00a0", "\u202f", "\u2011"
SEPARATORS = ["", " ", NBSP, NNBSP, ".", "-", NBHYPHEN, "\u2009"]


def spans(scanner, text, kind):
    return [text[f.start : f.end] for f in scanner.scan(text).findings if f.type == kind]


def grouped(digits, sizes, separator):
    groups, at = [], 0
    for size in sizes:
        groups.append(digits[at : at + size])
        at += size
    return separator.join(groups)


DIGITS = st.text("0123456789", min_size=20, max_size=20)
AROUND = st.sampled_from(
    [("", ""), ("Voici ", " merci"), ("é: ", "."), ("(", ")"), ("\U0001f600 ", ", demain"), ('"', '"')]
)


@given(DIGITS, st.sampled_from("12"), st.integers(1, 12), st.integers(1, 95), st.sampled_from(SEPARATORS), AROUND)
def test_a_nir_with_its_key_is_found_however_it_is_spaced(scanner, digits, sex, month, department, separator, around):
    body = f"{sex}{digits[:2]}{month:02}{department:02}{1 + int(digits[2:4]):03}{1 + int(digits[4:6]):03}"
    number = body + nir.calc_check_digits(body + "00")
    written = grouped(number, (1, 2, 2, 2, 3, 3, 2), separator)
    assert spans(scanner, around[0] + written + around[1], "NIR") == [written]


@pytest.mark.parametrize(
    "number",
    [
        "253072B07300470",
        "253072A07300443",
        "2 53 07 2A 073 004 43",
        f"2{NBSP}53{NBSP}07{NBSP}2b{NBSP}073{NBSP}004{NBSP}70",
    ],
)
def test_a_nir_of_corsica_is_found(scanner, number):
    assert spans(scanner, f"né à Ajaccio, {number}.", "NIR") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "2 95 10 99 126 111 94",
        "295109912611194",
        "2 95 13 99 126 111 93",
        "x295109912611193",
        "295109912611193a",
        "0.295109912611193",
    ],
)
def test_a_nir_with_a_wrong_key_or_grown_into_a_word_is_not_one(scanner, text):
    assert spans(scanner, text, "NIR") == []


STRUCTURES = {
    "FR": "n" * 10 + "c" * 11 + "nn",
    "DE": "n" * 18,
    "BE": "n" * 12,
    "GB": "aaaa" + "n" * 14,
    "NO": "n" * 11,
    "MT": "aaaa" + "n" * 5 + "c" * 18,
}
"""What stands after the check digits, by the SWIFT registry."""
IBAN_SIGNS = {"n": "0123456789", "a": "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "c": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"}


def iban(country, draw, structure=None):
    bban = "".join(draw.choice(IBAN_SIGNS[sign]) for sign in structure or STRUCTURES[country])
    return country + mod_97_10.calc_check_digits(bban + country) + bban


@given(
    st.randoms(use_true_random=False),
    st.sampled_from(sorted(STRUCTURES)),
    st.sampled_from(["", " ", NBSP, NNBSP, "-"]),
    AROUND,
)
def test_an_iban_is_cut_at_its_countrys_length(scanner, draw, country, separator, around):
    number = iban(country, draw)
    written = separator.join(number[at : at + 4] for at in range(0, len(number), 4))
    assert spans(scanner, around[0] + written + around[1], "IBAN") == [written]


@given(st.randoms(use_true_random=False), st.sampled_from(sorted(detector_rules()["numbers"]["iban"]["length"])))
def test_an_iban_of_every_country_is_found_however_it_is_written(scanner, draw, country):
    registered = numdb.get("iban").info(country)[0][1].get("bban", "")
    structure = "".join(sign * int(count) for count, sign in re.findall("([0-9]+)!([nac])", registered))
    length = detector_rules()["numbers"]["iban"]["length"][country] - 4
    number = iban(country, draw, structure if len(structure) == length else "c" * length)
    signs = [draw.choice([sign, sign.lower()]) for sign in number]
    spelled = signs[0] + "".join(sign + draw.choice(SEPARATORS) for sign in signs[1:-1]) + signs[-1]
    assert spans(scanner, f"IBAN: {spelled}, merci", "IBAN") == [spelled]


@given(st.randoms(use_true_random=False), st.sampled_from(["DE", "BE", "NO", "GB"]))
def test_a_right_remainder_is_no_iban_without_the_countrys_structure(scanner, draw, country):
    structure = STRUCTURES[country]
    other = structure[:-1] + "a" if country != "GB" else "n" * len(structure)
    findings = scanner.scan(iban(country, draw, other)).findings
    assert [f for f in findings if f.detector == "iban"] == []  # its last letter may stand for a digit


@pytest.mark.parametrize("after", [" demain", " DEMAIN", " 2026", "\n12", ", BIC BNPAFRPP", ";X"])
def test_the_word_after_an_iban_is_not_part_of_it(scanner, after):
    assert spans(scanner, f"Compte BE68 5390 0754 7034{after}", "IBAN") == ["BE68 5390 0754 7034"]


def test_an_iban_in_small_letters_is_found(scanner):
    assert spans(scanner, "iban: be68539007547034", "IBAN") == ["be68539007547034"]


def test_an_iban_hides_the_numbers_inside_it(scanner):
    found = scanner.scan("FR76 3000 6000 0112 3456 7890 189").findings
    assert [f.type for f in found] == ["IBAN"]


@pytest.mark.parametrize("gap", [" ", ", ", "\n"])
def test_an_iban_does_not_hide_the_numbers_around_it(scanner, gap):
    account, phone, card = "BE68 5390 0754 7034", "06 12 34 56 78", "4970 1012 3456 7893"
    text = gap.join((card, account, phone, account, card))
    found = [(f.type, text[f.start : f.end]) for f in scanner.scan(text).findings]
    assert found == [("CARD", card), ("IBAN", account), ("PHONE", phone), ("IBAN", account), ("CARD", card)]


@given(DIGITS, st.sampled_from(["4", "51", "55", "2221"]), st.sampled_from(["", " ", NBSP, NNBSP, "-", "."]), AROUND)
def test_a_card_with_a_luhn_digit_counts_without_a_word_beside_it(scanner, digits, prefix, separator, around):
    body = (prefix + digits)[:15]
    number = body + luhn.calc_check_digit(body)
    if len(set(number)) <= 2:
        return
    written = grouped(number, (4, 4, 4, 4), separator)
    assert spans(scanner, around[0] + written + around[1], "CARD") == [written]


@pytest.mark.parametrize(
    "number",
    [
        "378282246310005",
        "3782 822463 10005",
        "36227206271667",
        "3530111333300000",
        "6011111111111117",
        "5200828282828210",
    ],
)
def test_cards_of_other_issuers_are_found(scanner, number):
    assert spans(scanner, f"Ma carte {number} svp", "CARD") == [number]


def test_a_number_in_json_is_read_by_its_digits(scanner):
    found = scanner.scan({"messages": [], "user_card": 4970101234567893, "other": 4970101234567893.0}).findings
    assert [(f.type, f.pointer, f.start, f.end) for f in found] == [
        ("CARD", "/user_card", 0, 16),
        ("CARD", "/other", 0, 16),
    ]


def test_a_column_of_ids_is_no_wallet_though_one_in_ten_passes_luhn(scanner):
    draw = random.Random(7)
    ids = [f"4{draw.randrange(10**14, 10**15)}" for _ in range(200)]
    assert any(luhn.is_valid(id) for id in ids)
    assert spans(scanner, "\n".join(ids), "CARD") == []


def test_a_real_wallet_is_found_however_many_cards_it_has(scanner):
    bodies = [f"49701012345{number:04}" for number in range(40)]
    cards = [body + luhn.calc_check_digit(body) for body in bodies]
    assert spans(scanner, "\n".join(cards), "CARD") == cards


def test_a_card_among_ids_is_found_where_a_word_or_its_groups_tell_it(scanner):
    draw = random.Random(7)
    ids = "\n".join(f"4{draw.randrange(10**14, 10**15)}" for _ in range(200))
    assert spans(scanner, f"{ids}\ncarte bancaire 4970101234567893", "CARD") == ["4970101234567893"]
    assert spans(scanner, f"{ids}\n4970 1012 3456 7893", "CARD") == ["4970 1012 3456 7893"]


@pytest.mark.parametrize("text", ["4970101234567894", "0.4970101234567893", "ab4970101234567893", "0000000000000000"])
def test_what_only_resembles_a_card_is_none(scanner, text):
    assert spans(scanner, text, "CARD") == []


@given(st.text("0123456789", min_size=8, max_size=8), st.sampled_from(["", " ", NBSP, NNBSP, "."]))
def test_a_siren_and_the_siret_built_on_it_are_told_apart(scanner, digits, separator):
    siren = digits + luhn.calc_check_digit(digits)
    siret = siren + "0001" + luhn.calc_check_digit(siren + "0001")
    if siren.startswith("356000000") or len(set(siren)) == 1 or siren[0] == "0":
        return
    assert "SIREN" in {f.type for f in scanner.scan(f"RCS {grouped(siren, (3, 3, 3), separator)}, Lyon").findings}
    found = scanner.scan(f"siret : {grouped(siret, (3, 3, 3, 5), separator)}").findings
    assert "SIRET" in {f.type for f in found}
    assert "SIREN" not in {f.type for f in found}


def test_la_postes_establishments_follow_their_own_rule(scanner):
    assert spans(scanner, "SIRET 35600000049837", "SIRET") == ["35600000049837"]
    assert spans(scanner, "SIRET 35600000049838", "SIRET") == []


@pytest.mark.parametrize("text", ["CMD-732829320", "732829320 €", "732.829.320.5", "REF732829320", "id/732829320/x"])
def test_nine_digits_tied_to_something_else_are_no_siren(scanner, text):
    assert spans(scanner, text, "SIREN") == []


@pytest.mark.parametrize(
    "number",
    [
        "ATU13585627",
        "BE0428759497",
        "BG175074752",
        "CY10259033P",
        "CZ25123891",
        "DE136695976",
        "DK13585628",
        "EE100931558",
        "EL094259216",
        "ESB58378431",
        "FI20774740",
        "FR40303265045",
        "FRK7399859412",
        "FRFR303265060",
        "HR33392005961",
        "HU12892312",
        "IE6433435F",
        "IT00743110157",
        "LT119511515",
        "LU15027442",
        "LV40003521600",
        "MT11679112",
        "NL004495445B01",
        "PL8567346215",
        "PT501964843",
        "RO18547290",
        "SE123456789701",
        "SI50223054",
        "SK2022749619",
    ],
)
def test_a_vat_number_of_each_member_state_is_found(scanner, number):
    spaced = number[:2] + NBSP + number[2:]
    assert spans(scanner, f"TVA {number}, merci", "VAT") == [number]
    assert spans(scanner, f"VAT: {spaced}.", "VAT") == [spaced]


@given(st.data(), st.sampled_from(sorted(detector_rules()["numbers"]["vat"]["structure"].items())))
def test_every_vat_structure_has_the_digits_that_its_probe_looks_for(data, row):
    country, structure = row
    number = data.draw(st.from_regex(re.compile(structure, re.ASCII), fullmatch=True), country)
    assert number[2:6].isdigit()


@pytest.mark.parametrize("text", ["FR41303265045", "le projet de 136695976", "XFR40303265045", "DE1366959761"])
def test_a_vat_number_needs_its_check_digits_its_capitals_and_its_end(scanner, text):
    assert spans(scanner, text, "VAT") == []


@pytest.mark.parametrize(
    "number",
    [
        "06 12 34 56 78",
        "0612345678",
        "06.12.34.56.78",
        "06-12-34-56-78",
        f"06{NBSP}12{NBSP}34{NBSP}56{NBSP}78",
        f"06{NNBSP}12{NNBSP}34{NNBSP}56{NNBSP}78",
        "+33 6 12 34 56 78",
        "+33612345678",
        "0033612345678",
        "+33 (0)6 12 34 56 78",
        "01 42 68 53 00",
        "+44 20 7946 0958",
        "+49 30 123456",
        "+1 415-555-2671",
        "(415) 555-2671",
        "07911 123456",
        "+352 26 12 34 56",
        "0800 123 456",
    ],
)
def test_a_phone_number_is_found_in_its_usual_forms(scanner, number):
    assert spans(scanner, f"Appelez {number} svp", "PHONE") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23 10:30",
        "07/11/2026 10:30",
        "commande 0612345678",
        "10.0.19041.1",
        "054-28-6917",
        "version 1.2.3.4",
        "0123456789",
        "550e8400-e29b-41d4-a716-446655440000",
    ],
)
def test_dates_orders_and_versions_are_no_phone_numbers(scanner, text):
    assert spans(scanner, text, "PHONE") == []


@pytest.mark.parametrize(
    "text", ["phone: 9472 7916", "Fax: 345-899-3560", "call me on 450 0840", "téléphone : 78 651 450"]
)
def test_a_word_before_makes_any_plan_a_phone_number(scanner, text):
    assert len(spans(scanner, text, "PHONE")) == 1


def test_regions_are_a_choice():
    from douane.config import detector_rules
    from douane.detect.scanner import Scanner

    british = Scanner(detector_rules(), regions=("GB",))
    assert spans(british, "07911 123456", "PHONE") == ["07911 123456"]
    assert spans(british, "06 12 34 56 78 ", "PHONE") == []


@pytest.mark.parametrize(
    "text",
    [
        "192.168.1.12",
        "8.8.8.8",
        "220.237.200.120",
        "2001:db8::ff00:42:8329",
        "fe80::1ff:fe23:4567:890a",
        "2001:0db8:0000:0000:0000:ff00:0042:8329",
    ],
)
def test_addresses_are_found(scanner, text):
    assert spans(scanner, f"depuis {text}, port", "IP") == [text]


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1",
        "0.0.0.0",
        "255.255.255.0",
        "version 1.2.3.4",
        "1.2.3.4.5",
        "256.1.1.1",
        "12:30:45",
        "std::dec",
        "::1",
        "10:20:30:40",
    ],
)
def test_loopback_masks_versions_and_times_are_no_addresses(scanner, text):
    assert spans(scanner, text, "IP") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("jean.dupont@exemple.fr", ["jean.dupont@exemple.fr"]),
        ("<a+b@sub.exemple.co.uk>,", ["a+b@sub.exemple.co.uk"]),
        ("mailto:x_y%z@exemple.fr?subject=a", ["x_y%z@exemple.fr"]),
        ("écrire à rené@société.fr.", ["rené@société.fr"]),
        ("«jean@exemple.fr»", ["jean@exemple.fr"]),
        ('{"to": "a@exemple.fr\\nb@exemple.fr"}', ["a@exemple.fr", "b@exemple.fr"]),
        ("icon@2x.png", []),
        ("@scope/pkg@1.2.3", []),
        ("git@github.com:org/repo.git", []),
        ("user@localhost", []),
        ("a.@exemple.fr", []),
        ("x@y@z", []),
    ],
)
def test_e_mail_addresses(scanner, text, found):
    assert spans(scanner, text, "EMAIL") == found


ACCOUNTS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=1, max_size=30)


@given(st.sampled_from(["FR", "DE", "GB", "MT"]), st.integers(0, 99), ACCOUNTS)
def test_the_check_digits_of_accounts_are_those_of_stdnum(country, check, account):
    right = mod_97_10.calc_check_digits(account + country)
    assert has_check_digits(country + right + account)
    assert has_check_digits(f"{country}{check:02}{account}") == mod_97_10.is_valid(f"{account}{country}{check:02}")


@given(st.text("0123456789", min_size=2, max_size=40))
def test_the_last_digit_of_cards_is_that_of_stdnum(digits):
    assert passes_luhn(digits.encode()) == luhn.is_valid(digits)
    assert passes_luhn((digits + luhn.calc_check_digit(digits)).encode())
