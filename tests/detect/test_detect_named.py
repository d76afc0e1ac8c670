"""What names a number: the head of its column in tables of all sorts, a part of its key, a word after it."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_made import MAKERS

from douane.detect.layouts import layout

OF_ONE_LENGTH = {"SIREN": 9, "NL_BSN": 9, "PT_NIF": 9, "DE_IDNR": 11, "PL_PESEL": 11}
HEADS = {
    "SIREN": ("SIREN", "N° SIREN", "SIREN DE L'ENTREPRISE", "clientSiren"),
    "NL_BSN": ("BSN", "BSN nr.", "burgerservicenummer", "BSN NÉERLANDAIS (NL)"),
    "PT_NIF": ("NIF", "N.º contribuinte", "NIF (PORTUGAL)", "número de identificação fiscal"),
    "DE_IDNR": ("IdNr.", "STEUER_ID", "Steuerliche Identifikationsnummer"),
    "PL_PESEL": ("PESEL", "NR_PESEL", "nr PESEL"),
}
OTHERS = ("ORDER_ID", "Straße", "Référence", "METER_ID", "BATCH", "WEIGHT")


def found(scanner, text, kind):
    return [text[f.start : f.end] for f in scanner.scan(text).findings if f.type == kind and "@" not in f.detector]


def number_of(draw, kind):
    return "".join(filter(str.isalnum, MAKERS[kind](draw)))


def drawn(rows, draw, gap, ruler):
    """Return rows of cells as a table of fixed width, each column to one side."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    right = draw.random() < 0.5
    lines = [
        (" " * gap).join(
            cell.rjust(width) if right else cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        for row in rows
    ]
    if ruler:
        lines.insert(1, (" " * gap).join(ruler * width for width in widths))
    return "\n".join(line.rstrip() for line in lines) + "\n"


@pytest.mark.parametrize("kind", OF_ONE_LENGTH)
@given(seed=st.integers(0, 10**9), gap=st.integers(2, 9), ruler=st.sampled_from(["", "-", "="]))
def test_a_column_of_fixed_width_is_named_by_its_head_alone(scanner, kind, seed, gap, ruler):
    draw = random.Random(seed)
    count, size = draw.randint(3, 30), OF_ONE_LENGTH[kind]
    numbers, others = ([number_of(draw, kind) for _ in range(count)] for _ in range(2))
    notes = [draw.choice(["Besançon", "à l'œil", "x", "Nord 62"]) for _ in range(count)]
    columns = [(draw.choice(HEADS[kind]), *numbers), (draw.choice(OTHERS), *others), ("NOTE", *notes)]
    if draw.random() < 0.4:
        columns[0] = tuple("" if at > 1 and draw.random() < 0.2 else cell for at, cell in enumerate(columns[0]))
    draw.shuffle(columns)
    text = f"Voici :\n\n{drawn(list(zip(*columns, strict=True)), draw, gap, ruler)}\nfin {'9' * size}"
    wanted = [cell for column in columns if set(column) & set(numbers) for cell in column[1:] if cell]
    assert set(wanted) <= set(found(scanner, text, kind)), text
    if kind != "DE_IDNR":
        assert set(found(scanner, text, kind)) == set(wanted), text


@pytest.mark.parametrize("kind", OF_ONE_LENGTH)
@given(seed=st.integers(0, 10**9), ruler=st.sampled_from("-="))
def test_one_blank_parts_columns_above_a_ruler(scanner, kind, seed, ruler):
    draw = random.Random(seed)
    numbers = [number_of(draw, kind) for _ in range(12)]
    ids = [str(draw.randrange(10**8, 10**9)) for _ in numbers]
    rows = list(zip(("ID", *ids), (HEADS[kind][0], *numbers), ("X", *("abc" for _ in ids)), strict=True))
    text = drawn(rows, draw, 1, ruler)
    assert set(numbers) <= set(found(scanner, text, kind)), text


BOXES = (
    (" id | {k} | x \n----+-----+---\n", " {i} | {v} | a \n", "(9 rows)\n"),
    ("+----+-----+---+\n| id | {k} | x |\n+----+-----+---+\n", "| {i} | {v} | a |\n", "+----+-----+---+\n"),
    ("+----+-----+\n| id | {k} |\n+====+=====+\n", "| {i} | {v} |\n+----+-----+\n", "\n"),
    ("┌────┬─────┐\n│ id │ {k} │\n├────┼─────┤\n", "│ {i} │ {v} │\n", "└────┴─────┘\n"),
    ("┏━━━━┳━━━━━┓\n┃ id ┃ {k} ┃\n┡━━━━╇━━━━━┩\n", "│ {i} │ {v} │\n", "└────┴─────┘\n"),
    ("╔════╦═════╗\n║ id ║ {k} ║\n╠════╬═════╣\n", "║ {i} ║ {v} ║\n", "╚════╩═════╝\n"),
)


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("kind", OF_ONE_LENGTH)
def test_a_table_in_a_box_has_heads(scanner, kind, box):
    draw = random.Random(7)
    numbers, others = ([number_of(draw, kind) for _ in range(20)] for _ in range(2))
    head, row, end = box
    text = head.format(k=HEADS[kind][0])
    text += "".join(row.format(i=other, v=number) for other, number in zip(others, numbers, strict=True)) + end
    assert set(numbers) <= set(found(scanner, text, kind)), text
    assert kind == "DE_IDNR" or not set(others) & set(found(scanner, text, kind)), text


@pytest.mark.parametrize(
    "text",
    [
        "Le SIREN manque.  Il suit.\nLe numéro 1 est là.  Merci bien.\n",
        "siren seul\n732829320 et la suite\n",
        "siren  732829320\nnom    Durand\n",
        "siren  nom\n\n732829320  Durand\n",
        "siren  nom\nvoicilenomquisuit\n",
    ],
)
def test_sentences_and_pairs_head_no_columns(text):
    data = text.encode()
    assert layout(data, 0, data.index(b"\n")) is None


@given(st.lists(st.sampled_from(["siren", "  ", " ", "\n", "é", "1", "--", "\x00", "nom"]), max_size=40))
def test_a_table_of_fixed_width_lies_below_its_heads(pieces):
    data = "".join(pieces).encode()
    stop = data.find(b"\n")
    drawn_there = layout(data, 0, stop) if stop >= 0 else None
    if drawn_there is not None:
        assert stop < drawn_there.start < drawn_there.end <= len(data)
        assert b"\x00" not in data[drawn_there.start : drawn_there.end]
        assert all(left[1] <= right[0] for left, right in zip(drawn_there.heads, drawn_there.heads[1:], strict=False))


PARTS = {
    "NL_BSN": "bsn", "SIREN": "siren", "SIRET": "siret", "PT_NIF": "nif", "PL_PESEL": "pesel", "BE_NN": "niss",
    "DE_IDNR": "steuer_id", "ES_NIF": "dni", "ES_NIE": "nie", "UK_NINO": "nino", "US_SSN": "ssn", "NIR": "nir",
}  # fmt: skip
KEYS = (
    "employee{H}", "Customer{H}", "client_{s}", "client-{k}", "customer.{s}", "{s}_client", "{c}Cliente", "{c}Number",
    "{H}Value", "NUM_{S}", "{S}_USER", "client2{H}",
)  # fmt: skip
PAIRS = ('{{"x": 1, "{k}": "{v}", "y": 2}}', "<{k}>{v}</{k}>", "{k}={v}\n", "{k}: {v}\n", "update t set {k} = '{v}';")


@pytest.mark.parametrize("kind", PARTS)
@pytest.mark.parametrize("key", KEYS)
@given(seed=st.integers(0, 10**9), pair=st.sampled_from(PAIRS))
def test_a_key_that_holds_the_word_as_a_part_names_its_value(scanner, kind, key, seed, pair):
    word = PARTS[kind]
    hump = "".join(part.capitalize() for part in word.split("_"))
    name = key.format(H=hump, c=hump[0].lower() + hump[1:], s=word, k=word.replace("_", "-"), S=word.upper())
    number = number_of(random.Random(seed), kind)
    assert found(scanner, pair.format(k=name, v=number), kind) == [number]


@pytest.mark.parametrize("key", ["siren_date", "siren_count", "sirenTimestamp", "order_id", "souvenir", "desirent"])
def test_a_key_for_something_else_names_nothing(scanner, key):
    assert found(scanner, f"{key}=732829320\n", "SIREN") == []


AFTER = (
    "commit c5fa4490cd1d left on 2024-07-17. We hold {v} as the {k} number on file. {o}",
    "We have {v} as your {k}. {o}",
    "{v} est le {k} du client. {o}",
    "{v} is the {k}. {o}",
    "{v} ist die {k} des Kunden. {o}",
    "{v} es el {k} del cliente. {o}",
    "{v} ({k}) {o}",
)


@pytest.mark.parametrize("sentence", AFTER)
@pytest.mark.parametrize("kind", ["SIRET", "NL_BSN", "PT_NIF", "PL_PESEL", "SIREN"])
def test_a_word_after_a_number_names_it_in_its_sentence(scanner, sentence, kind):
    draw = random.Random(3)
    number = number_of(draw, kind)
    others = " ".join(f"x{draw.randrange(9)}, {draw.randrange(10 ** (len(number) - 1))}," for _ in range(40))
    text = sentence.format(v=number, k=PARTS[kind].upper(), o=others)
    assert number in found(scanner, text, kind), text


def test_a_word_after_a_number_that_names_the_next_one_does_not_name_it(scanner):
    assert found(scanner, "commande 123456782 pour le SIREN 732829320", "SIREN") == ["732829320"]
    assert found(scanner, "Facture 552100554, est-ce le SIREN ?", "SIREN") == []


def test_what_has_its_number_denies_no_number_of_the_next_sentence(scanner):
    card = "4751638654220888"
    assert found(scanner, f"timestamp: 20210718175052 Is {card} still the right one?", "CARD") == [card]
    assert found(scanner, f"timestamp: {card} is it", "CARD") == []


@pytest.mark.parametrize("name", ["Immatriculation S.S.", "N° SS", "n° d'assuré social", "numéro de Sécu"])
@pytest.mark.parametrize("number", ["1 81 05 2B 398 566 / 44", "191082A03258164", "2 68 07 2A 280 237 43"])
def test_a_nir_of_corsica_is_named_as_others_are(scanner, name, number):
    assert found(scanner, f"{name} : {number}.", "NIR") == [number]


def test_times_beside_a_nir_are_none_without_a_key(scanner):
    text = '{"updatedAt": "1749273693717", "created_at": 1760568387850, "num_secu": "170016923107559"}'
    assert not set(found(scanner, text, "NIR")) - {"170016923107559"}
