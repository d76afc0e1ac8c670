"""Dates of birth, addresses and names; and what they make together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from look_alikes import FAMILIES, documents

from douane.config import detector_rules
from douane.detect.combinations import REACH, Part, combinations
from douane.detect.people_rows import people_rows


def found(scanner, text, kind):
    return [text[f.start : f.end] for f in scanner.scan(text).findings if f.type == kind]


def together(scanner, value):
    return sorted(f.detail for f in scanner.scan(value).findings if f.type == "COMBINATION")


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("née le 12 mars 1980 à Lyon", "12 mars 1980"),
        ("né(e) le : 01.02.1975", "01.02.1975"),
        ("né à Lyon le 1er avril 1975", "1er avril 1975"),
        ("Date de naissance\n12/03/1980", "12/03/1980"),
        ("date_naissance=1980-03-12", "1980-03-12"),
        ("DDN: 12-03-80", "12-03-80"),
        ("born on March 12, 1980", "March 12, 1980"),
        ("(born 12th of March 1980)", "12th of March 1980"),
        ("DOB 1980-03-12", "1980-03-12"),
        ("D.O.B.: 12/03/1980", "12/03/1980"),
        ("geboren am 12. März 1980", "12. März 1980"),
        ("geb. 12.03.1980 in Köln", "12.03.1980"),
        ("Geburtsdatum: 12.3.1980", "12.3.1980"),
        ("nacida el 3 de mayo de 1975", "3 de mayo de 1975"),
        ("fecha de nacimiento: 03/05/1975", "03/05/1975"),
        ("nato a Roma il 12 marzo 1980", "12 marzo 1980"),
        ("geboortedatum 12-03-1980", "12-03-1980"),
        ("urodzona 12 maja 1980", "12 maja 1980"),
        ("nascido a 12 de maio de 1980", "12 de maio de 1980"),
        ('"birthDate": "1980-03-12"', "1980-03-12"),
        ("nom;date de naissance\nDurand;12/03/1980", "12/03/1980"),
    ],
)
def test_a_date_after_a_word_for_birth_is_one_of_birth(scanner, text, date):
    assert found(scanner, text, "DOB") == [date]


@pytest.mark.parametrize(
    "text",
    [
        "livré le 12/03/1980",
        "12 mars 1980",
        "ne le rendez pas avant le 12/03/2026",
        "NATO met on 12/03/2026",
        "né à Lyon. Livraison le 12/03/2026",
        "born in 1980",
        "la naissance de l'entreprise en 1980",
        "renée le 12",
    ],
)
def test_a_date_alone_is_no_date_of_birth(scanner, text):
    assert found(scanner, text, "DOB") == []


@pytest.mark.parametrize(
    "address",
    [
        "12 rue de la Paix, 75002 Paris",
        "5 bis, avenue du Général Leclerc\n92100 Boulogne-Billancourt",
        "128 bd Victor Hugo 59000 Lille",
        "3 place de l'Église",
        "BP 123, 75010 PARIS CEDEX 10",
        "10 Downing Street, London SW1A 2AA",
        "221B Baker Street",
        "Flat 3, 12 High Street, Oxford OX1 4AB",
        "500 Main St, Springfield, IL 62701",
        "Lindenstraße 12, 10969 Berlin",
        "Beckerweg 4a\n80331 München",
        "Postfach 12 34, 80331 München",
        "C/ Mayor, 5, 28013 Madrid",
        "Calle de Alcalá 45",
        "Via Garibaldi 12, 00185 Roma",
        "Piazza della Repubblica 3",
        "Keizersgracht 123, 1015 CJ Amsterdam",
        "ul. Marszałkowska 12/3, 00-001 Warszawa",
        "Rua Augusta 100, 1100-053 Lisboa",
    ],
)
def test_an_address_is_found_in_the_forms_of_its_country(scanner, address):
    assert found(scanner, f"Adresse : {address}.", "ADDRESS") == [address]


@pytest.mark.parametrize(
    "text",
    [
        "la rue de la Paix",
        "12 rues piétonnes",
        "on the road to 12 goals",
        "version 3 place holders",
        "a street of 12 houses",
        "il viale alberato",
        "le boulevard des Italiens",
        "3 courses",
        "12 parking spaces",
        "on its way 12 times",
    ],
)
def test_a_street_without_its_number_is_no_address(scanner, text):
    assert found(scanner, text, "ADDRESS") == []


@pytest.mark.parametrize("text", ["Via Roma 12 Milano", "Calle de Alcalá 12 Madrid", "Rua Augusta 10 Lisboa"])
def test_a_number_between_a_street_and_a_town_belongs_to_the_street(scanner, text):
    (found,) = (one for one in scanner.scan(text).findings if one.type == "ADDRESS")
    assert text[: found.end].endswith(("12", "10"))


def test_a_home_is_told_from_other_addresses(scanner):
    def details(text):
        return [f.detail for f in scanner.scan(text).findings if f.type == "ADDRESS"]

    assert details("demeurant 12 rue de la Paix, 75002 Paris") == ["home"]
    assert details("lives at 761 Carter Coves") == ["home"]
    assert details("12 rue de la Paix, 75002 Paris") == [""]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Mme Dubois et M. Jean-Pierre Martin", ["Dubois", "Jean-Pierre Martin"]),
        ("Monsieur DURAND Paul", ["DURAND Paul"]),
        ("Sehr geehrte Frau Weber,", ["Weber"]),
        ("El Sr. García López", ["García López"]),
        ("je m'appelle Aurore Vasseur", ["Aurore Vasseur"]),
        ("My name is Kofi Mensah.", ["Kofi Mensah"]),
        ("Mein Name ist Anna Schmidt", ["Anna Schmidt"]),
        ("Cordialement,\nHector Duval", ["Hector Duval"]),
        ("la patiente Zélie Fourcade a", ["Zélie Fourcade"]),
        ("au nom de Anne Le Goff, merci", ["Anne Le Goff"]),
        ("Thomas Vidal viendra", ["Thomas Vidal"]),
        ("avec O'Neill Sarah O'Neill", ["Sarah O'Neill"]),
        ("Elwira Davids, née le 3 mai 1980", ["Elwira Davids"]),
        ('{"last_name": "Fourcade"}', ["Fourcade"]),
        ("id;prénom\n1;Zélie\n2;Hector", ["Zélie", "Hector"]),
    ],
)
def test_a_name_is_found_by_what_stands_before_it(scanner, text, names):
    assert found(scanner, text, "PERSON") == names


@pytest.mark.parametrize(
    "text",
    [
        "M. le Président",
        "Madame la Directrice",
        "Saint Thomas Hospital",
        "Thomas Street",
        "the patient was late",
        "Paul Martin SARL",
        "Martin le pêcheur",
        "jean bleu",
        "Mary University",
        "signed by the board",
        "Best regards,\nthe team",
        "class Thomas(Base):",
        "david.martin@exemple.fr",
    ],
)
def test_what_only_looks_like_a_name_is_none(scanner, text):
    assert found(scanner, text, "PERSON") == []


@pytest.mark.parametrize(
    ("value", "details"),
    [
        ("Marie Durand, née le 12 mars 1980", ["person-birth"]),
        ("Mme Durand, demeurant 12 rue de la Paix, 75002 Paris", ["person-address"]),
        ("Jean Dupont\n12 rue de la Paix\n75002 Paris", ["person-address"]),
        ("Jean Dupont <jean.dupont@gmail.com>", ["person-mail"]),
        ("Jean Dupont : FR76 3000 6000 0112 3456 7890 189", ["person-account"]),
        ("née le 12/03/1980, zelie@exemple.fr", ["birth-contact"]),
        ({"record": {"full_name": "Marie Durand", "dob": "1980-03-12"}}, ["person-birth"]),
        ("Jean Dupont, jean.dupont@exemple.fr, 06 12 34 56 78", []),
        ("Jean Dupont\nExemple SARL\n12 rue de la Gare, 69000 Lyon\njean.dupont@exemple.fr", []),
        ("Jean Dupont, Exemple SAS, 12 rue de la Gare, 69000 Lyon, SIREN 732829320", []),
        ("Jean Dupont" + " mot" * 100 + " né le 12/03/1980", []),
        ({"messages": [{"content": "Jean Dupont"}, {"content": "né le 12/03/1980"}]}, []),
        ("Jean Dupont viendra", []),
        ("née le 12/03/1980", []),
    ],
)
def test_what_identifies_a_person_only_together_is_a_combination(scanner, value, details):
    assert together(scanner, value) == details


def test_a_business_signature_near_a_home_does_not_hide_it(scanner):
    text = "Mme Durand, demeurant 12 rue de la Paix, 75002 Paris. Bien à vous, contact@exemple.fr"
    assert together(scanner, text) == ["person-address"]


PARTS = st.lists(
    st.tuples(
        st.integers(1, 2000), st.sampled_from(["PERSON", "DOB", "EMAIL", "PHONE", "ADDRESS", "SIREN", "IBAN", "IP"])
    ),
    max_size=30,
)


@given(PARTS, st.integers(0, 300))
def test_a_combination_needs_a_name_or_a_birth_within_reach(places, separators):
    data = bytearray(b"x" * 2100)
    for at in range(0, 2100, separators + 20):
        data[at] = 0
    parts = [Part(start, start + 5, kind, "") for start, kind in sorted(places)]
    for number, detail in combinations(bytes(data), parts):
        whole = "PERSON" if detail.startswith("person") else "DOB"
        part = parts[number]
        near = [one for one in parts if one.type == whole and one is not part]
        assert any(abs(one.start - part.start) <= REACH + 5 for one in near)


@pytest.mark.parametrize("family", FAMILIES)
def test_documents_without_persons_hold_no_combination(scanner, family):
    for text in documents(family, 150, 23):
        assert together(scanner, text) == []


def test_the_rows_of_people_decode():
    rows = people_rows(detector_rules()["people"])
    assert "Jean" in rows.given
    assert len(rows.given) < 1000
    assert set(rows.streets) == {
        "number word name",
        "number name word",
        "number name Word",
        "word name number",
        "compound number",
    }


@pytest.mark.parametrize(
    "text",
    [
        "12 rue Victor Hugo 75001 " + "Ā" * 40,
        "12 rue " + "des " * 50 + "x",
        "12 rue " + "de la " * 40 + "x",
        "12 rue Victor Hugo 75001 " + "AA-" * 60 + "_",
        (" " + "A" * 31 + "a Jean Dupont") * 1000,
    ],
    ids=["a town", "a street", "a street of articles", "a town in parts", "a surname"],
)
def test_what_goes_on_like_a_name_and_is_none_is_told_in_one_go(scanner, text):
    """Each sign of these could once be read in two ways, and all of them were tried: for hours."""
    assert {found.type for found in scanner.scan(text).findings} <= {"ADDRESS", "BULK", "PERSON"}
