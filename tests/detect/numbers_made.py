"""National numbers made for tests: valid ones, by the rules of those who issue them, in the spellings that people use."""

from __future__ import annotations

import random
from collections.abc import Callable

from stdnum import luhn
from stdnum.de import idnr
from stdnum.es import dni, nie
from stdnum.fr import nir
from stdnum.iso7064 import mod_11_10
from stdnum.it import codicefiscale
from stdnum.nl import bsn
from stdnum.pt import nif

NNBSP = "\u202f"


def digits(draw: random.Random, count: int) -> str:
    return "".join(draw.choice("0123456789") for _ in range(count))


def grouped(number: str, sizes: tuple[int, ...], separators: str | tuple[str, ...]) -> str:
    groups, at = [], 0
    for size in sizes:
        groups.append(number[at : at + size])
        at += size
    if isinstance(separators, str):
        return separators.join(groups)
    return "".join(group + sign for group, sign in zip(groups, (*separators, ""), strict=True))


def day(draw: random.Random, first: int = 1930, last: int = 1999) -> tuple[int, int, int]:
    return draw.randint(first, last), draw.randint(1, 12), draw.randint(1, 28)


def a_nir(draw: random.Random) -> str:
    department = draw.choice([f"{draw.randint(1, 95):02}", "99", "2A", "2B", "97"])
    body = f"{draw.choice('1212123478')}{digits(draw, 2)}{draw.choice([*range(1, 13), 20, 33, 62]):02}{department}"
    body += f"{draw.randint(1, 990):03}{draw.randint(1, 999):03}"
    number = body + nir.calc_check_digits(body + "00")
    return draw.choice(
        [
            number,
            *(grouped(number, (1, 2, 2, 2, 3, 3, 2), sign) for sign in (" ", ".", "-", NNBSP)),
            f"{number[:13]} {number[13:]}",
            f"{number[:13]}/{number[13:]}" if number[5] != "2" else number,
        ]
    )


def a_siren(draw: random.Random) -> str:
    body = draw.choice("345789") + digits(draw, 7)
    return body + luhn.calc_check_digit(body)


def a_siret(draw: random.Random) -> str:
    body = a_siren(draw) + "000" + draw.choice("123456789")
    return body + luhn.calc_check_digit(body)


def a_siret_written(draw: random.Random) -> str:
    number = a_siret(draw)
    return draw.choice(
        [number, *(grouped(number, (3, 3, 3, 5), sign) for sign in (" ", NNBSP, ".")), number[:9] + " " + number[9:]]
    )


def a_siren_written(draw: random.Random) -> str:
    number = a_siren(draw)
    return draw.choice([number, *(grouped(number, (3, 3, 3), sign) for sign in (" ", "\u00a0", NNBSP, ".", "-"))])


def a_de_idnr(draw: random.Random) -> str:
    while True:
        signs = draw.sample("0123456789", 9)
        signs.insert(draw.randint(0, 9), draw.choice(signs))
        body = "".join(signs)
        number = body + mod_11_10.calc_check_digit(body)
        if idnr.is_valid(number):
            return draw.choice([number, *(grouped(number, (2, 3, 3, 3), sign) for sign in (" ", "/", NNBSP, "."))])


def an_es_nif(draw: random.Random) -> str:
    number = digits(draw, 8)
    letter = dni.calc_check_digit(number)
    dotted = grouped(number, (2, 3, 3), ".")
    return draw.choice(
        [
            number + letter,
            f"{number}-{letter}",
            number + letter.lower(),
            f"{dotted}-{letter}",
            f"{dotted} {letter}",
            f"{number} {letter}",
        ]
    )


def an_es_nie(draw: random.Random) -> str:
    body = draw.choice("XYZ") + digits(draw, 7)
    letter = nie.calc_check_digit(body)
    return draw.choice([body + letter, f"{body[0]}-{body[1:]}-{letter}", f"{body}-{letter}", (body + letter).lower()])


def an_it_cf(draw: random.Random) -> str:
    letters = "BCDFGLMNPRSTV"
    _, month, date = day(draw)
    body = "".join(draw.choice(letters) for _ in range(6)) + f"{draw.randint(30, 99)}{'ABCDEHLMPRST'[month - 1]}"
    body += f"{date + draw.choice([0, 40]):02}{draw.choice('ABCDEFGHL')}{draw.randint(1, 989):03}"
    number = body + codicefiscale.calc_check_digit(body)
    return draw.choice(
        [
            number,
            number.lower(),
            f"{number[:3]} {number[3:6]} {number[6:11]} {number[11:]}",
            f"{number[:6]} {number[6:11]} {number[11:]}",
        ]
    )


def a_be_nn(draw: random.Random) -> str:
    year, month, date = day(draw, 1930, 2004)
    body = f"{year % 100:02}{month:02}{date:02}{draw.randint(1, 997):03}"
    key = 97 - int(("2" if year >= 2000 else "") + body) % 97
    number = f"{body}{key:02}"
    return draw.choice(
        [
            number,
            grouped(number, (2, 2, 2, 3, 2), (".", ".", "-", ".")),
            grouped(number, (6, 3, 2), "-"),
            grouped(number, (6, 3, 2), " "),
            grouped(number, (2, 2, 2, 3, 2), " "),
            grouped(number, (2, 2, 2, 3, 2), "."),
        ]
    )


def an_nl_bsn(draw: random.Random) -> str:
    while True:
        number = draw.choice("0123456789") + digits(draw, 8)
        if bsn.is_valid(number) and len(set(number)) > 1:
            return draw.choice(
                [
                    number,
                    grouped(number, (3, 3, 3), " "),
                    grouped(number, (4, 2, 3), "."),
                    grouped(number, (3, 3, 3), "."),
                ]
            )


def a_pl_pesel(draw: random.Random) -> str:
    year, month, date = day(draw, 1930, 2009)
    body = f"{year % 100:02}{month + (20 if year >= 2000 else 0):02}{date:02}{digits(draw, 4)}"
    check = (10 - sum(int(sign) * weight for sign, weight in zip(body, (1, 3, 7, 9) * 3, strict=False)) % 10) % 10
    return f"{body}{check}"


def a_pt_nif(draw: random.Random) -> str:
    body = draw.choice("123") + digits(draw, 7)
    number = body + nif.calc_check_digit(body)
    return draw.choice([number, grouped(number, (3, 3, 3), " "), grouped(number, (3, 3, 3), ".")])


def a_uk_nino(draw: random.Random) -> str:
    number = draw.choice(["AB", "CE", "JM", "PW", "SX", "YZ"]) + digits(draw, 6) + draw.choice("ABCD")
    return draw.choice(
        [number, number.lower(), grouped(number, (2, 2, 2, 2, 1), " "), f"{number[:2]} {number[2:8]} {number[8]}"]
    )


def a_us_ssn(draw: random.Random) -> str:
    number = f"{draw.choice([*range(1, 666), *range(667, 900)]):03}{draw.randint(1, 99):02}{draw.randint(1, 9999):04}"
    return draw.choice([grouped(number, (3, 2, 4), "-"), grouped(number, (3, 2, 4), " "), number])


def a_fr_id(draw: random.Random) -> str:
    old = f"{draw.randint(5, 21):02}{draw.randint(1, 12):02}{draw.randint(1, 95):02}{digits(draw, 6)}"
    letters = "BCDFGHJKLMNPQRSTVWXYZ"
    new = (
        draw.choice(letters)
        + digits(draw, 1)
        + "".join(draw.choice(letters + "0123456789") for _ in range(5))
        + digits(draw, 2)
    )
    return draw.choice([old, new])


def a_fr_passport(draw: random.Random) -> str:
    number = f"{draw.randint(5, 26):02}{''.join(draw.choice('ABCDEFGHIJKLMNOPQRSTUVWXYZ') for _ in range(2))}{digits(draw, 5)}"
    return draw.choice([number, number.lower(), grouped(number, (2, 2, 5), " ")])


def a_card(draw: random.Random) -> str:
    prefix = draw.choice(["4", "51", "55", "2221", "6011", "37"])
    body = prefix + digits(draw, (14 if prefix == "37" else 15) - len(prefix))
    number = body + luhn.calc_check_digit(body)
    if len(number) == 15:
        return draw.choice([number, grouped(number, (4, 6, 5), " ")])
    return draw.choice([number, *(grouped(number, (4, 4, 4, 4), sign) for sign in (" ", "-", NNBSP))])


MAKERS: dict[str, Callable[[random.Random], str]] = {
    "NIR": a_nir,
    "SIREN": a_siren_written,
    "SIRET": a_siret_written,
    "DE_IDNR": a_de_idnr,
    "ES_NIF": an_es_nif,
    "ES_NIE": an_es_nie,
    "IT_CF": an_it_cf,
    "BE_NN": a_be_nn,
    "NL_BSN": an_nl_bsn,
    "PL_PESEL": a_pl_pesel,
    "PT_NIF": a_pt_nif,
    "UK_NINO": a_uk_nino,
    "US_SSN": a_us_ssn,
    "FR_ID": a_fr_id,
    "FR_PASSPORT": a_fr_passport,
    "CARD": a_card,
}

NAMED_BY: dict[str, tuple[str, ...]] = {
    "NIR": (
        "NIR",
        "n° de sécurité sociale",
        "N° SS",
        "numero_secu",
        "Sécu",
        "nir",
        "Immatriculation S.S.",
        "n° d'assuré social",
        "matricule SS",
        "n° séc. soc.",
        "French SSN",
        "numéro d'inscription au répertoire",
    ),
    "SIREN": (
        "SIREN",
        "n° SIREN",
        "siren",
        "RCS Paris",
        "numéro SIREN",
        "numéro d'entreprise",
        "R.C.S. Nanterre",
        "company registration no.",
        "sirenClient",
    ),
    "SIRET": ("SIRET", "n° SIRET", "siret", "num_siret", "SIRET étab.", "établissement", "SIRET client"),
    "DE_IDNR": (
        "Steuer-ID",
        "IdNr.",
        "Steueridentifikationsnummer",
        "steuer_id",
        "Steuer-Identifikationsnummer",
        "St.-IdNr.",
        "Ident.-Nr.",
        "German TIN",
        "n° fiscal allemand",
    ),
    "ES_NIF": ("DNI", "NIF", "dni", "D.N.I.", "NIF/DNI", "doc. identidad", "nifCliente"),
    "ES_NIE": ("NIE", "N.I.E.", "nie", "tarjeta de residencia", "residence card no."),
    "IT_CF": (
        "Codice fiscale",
        "C.F.",
        "CF",
        "codice_fiscale",
        "cod. fisc.",
        "Cod. Fisc.",
        "c.fisc.",
        "tessera sanitaria",
    ),
    "BE_NN": (
        "Rijksregisternummer",
        "Numéro national",
        "NISS",
        "registre national",
        "INSZ",
        "RR-nummer",
        "reg. nat.",
        "NISS/INSZ",
        "n° d'identification à la sécurité sociale",
    ),
    "NL_BSN": (
        "BSN",
        "burgerservicenummer",
        "bsn",
        "Sofinummer",
        "B.S.N.",
        "BSN-nummer",
        "employeeBsn",
        "citizen service number",
    ),
    "PL_PESEL": (
        "PESEL",
        "pesel",
        "nr PESEL",
        "Numer PESEL",
        "PESEL pracownika",
        "nr ewid.",
        "Polish national ID",
    ),
    "PT_NIF": (
        "NIF",
        "contribuinte n.º",
        "n.º de contribuinte",
        "nif",
        "n.º fiscal",
        "contrib. n.º",
        "sujeito passivo",
        "Portuguese TIN",
    ),
    "UK_NINO": (
        "NINO",
        "NI number",
        "National Insurance number",
        "national_insurance_no",
        "NI no.",
        "Nat. Ins. No.",
        "N.I. number",
        "NI nr",
        "assurance nationale",
    ),
    "US_SSN": (
        "SSN",
        "Social Security Number",
        "ssn",
        "social_security",
        "Social Security No.",
        "soc. sec. number",
        "S.S.N.",
        "SS no.",
        "taxpayer ID",
        "patientSSN",
    ),
    "FR_ID": ("carte nationale d'identité", "CNI", "n° CNI", "Carte d'identité n°"),
    "FR_PASSPORT": ("passeport", "Passport No", "n° de passeport", "passport_number"),
    "CARD": ("carte", "Credit card", "CB", "card_number", "Kreditkarte", "Karten-Nr.", "nr karty", "n.º do cartão"),
}
"""What people write before such a number."""
