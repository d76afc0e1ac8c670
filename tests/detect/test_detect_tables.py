"""Tables in markup of all sorts: a head names the cells of its column, and no others; a label names its value."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from numbers_made import MAKERS

from douane.detect.columns import Columns, tables
from douane.detect.html_tables import row_of

HEADS = {"PT_NIF": "NIF do cliente", "PL_PESEL": "PESEL", "NL_BSN": "Bsn-nr.", "SIREN": "N° SIREN"}
HTML = (
    ("<table><tr><th>{o}</th><th>{k}</th></tr>", "<tr><td>{i}</td><td>{v}</td></tr>", "</table>"),
    ("<table>\n<tr><td>{o}</td><td>{k}</td></tr>\n", "<tr><td>{i}</td><td>{v}</td></tr>\n", "</table>\n"),
    ("<TABLE><TR><TH>{o}</TH><TH>{k}</TH></TR>", "<TR><TD>{i}</TD><TD>{v}</TD></TR>", "</TABLE>"),
    ("<table><tr><th>{o}<th>{k}", "<tr><td>{i}<td>{v}\n", ""),
    (
        '<table class="t">\n <thead>\n  <tr>\n   <th scope="col">{o}</th>\n   <th scope="col">{k}</th>\n  </tr>\n </thead>'
        "<tbody>\n",
        '  <tr class="odd">\n   <td class="mono text-right">{i}</td>\n   <td style="color: #333">{v}</td>\n  </tr>\n',
        "</tbody></table>",
    ),
    (
        "<table><tr><td><b>{o}</b></td><td><strong>{k}</strong></td></tr>",
        "<tr><td>{i}<br></td><td><b>{v}</b></td></tr>",
        "</table>",
    ),
    (
        "<table><tr><th>x</th><th>{o}</th><th>{k}</th></tr>",
        "<tr><td>&nbsp;</td><td>{i}</td><td>{v}</td></tr>\n",
        "</table>",
    ),
    (
        '{{\\"h\\": \\"<table>\\n<tr><th class=\\"a\\">{o}</th><th>{k}</th></tr>\\n',
        '<tr><td class=\\"b\\">{i}</td>\\n<td>{v}</td></tr>\\n',
        '</table>\\"}}',
    ),
)
OTHER = (
    ("\\begin{{tabular}}{{ll}}\n{o} & {k} \\\\ \\hline\n", "{i} & {v} \\\\\n", "\\end{{tabular}}\n"),
    ("\\toprule\n\\textbf{{{o}}} & \\textbf{{{k}}} \\\\\n\\midrule\n", "{i} & {v} \\\\\n", "\\bottomrule\n"),
    ("||{o}||{k}||\n", "|{i}|{v}|\n", "\n"),
    ('{{| class="wikitable"\n! {o} !! {k}\n', "|-\n| {i} || {v}\n", "|}}\n"),
    ("+----+----+\n| {o} | {k} |\n+====+====+\n", "| {i} | {v} |\n+----+----+\n", "\n"),
    ("{o},kwota,{k}\n", '{i},"1.234,50 EUR",{v}\n', "\n"),
    ('"{o}";note;"{k}"\n', '"{i}";"à; b";"{v}"\n', "\n"),
)


def found(scanner, text, kind):
    return {text[f.start : f.end] for f in scanner.scan(text).findings if f.type == kind and "@" not in f.detector}


def numbers_of(draw, kind, count):
    return ["".join(filter(str.isalnum, MAKERS[kind](draw))) for _ in range(count)]


@pytest.mark.parametrize("table", [*HTML, *OTHER])
@pytest.mark.parametrize("kind", HEADS)
@given(seed=st.integers(0, 10**9), count=st.integers(2, 30))
def test_a_head_names_the_cells_of_its_column_alone(scanner, kind, table, seed, count):
    draw = random.Random(seed)
    numbers, others = numbers_of(draw, kind, count), numbers_of(draw, kind, count)
    head, row, end = table
    text = head.format(k=HEADS[kind], o="Order")
    text += "".join(row.format(i=other, v=number) for other, number in zip(others, numbers, strict=True)) + end.format()
    assert found(scanner, text, kind) == set(numbers), text


LABELS = (
    "<table><tr><th>Name</th><td>Jan</td></tr>\n<tr><th>{k}</th><td>{v}</td></tr></table>",
    "<tr>\n <th scope='row' class='w-25 text-muted'>{k}</th>\n <td class='font-monospace text-end'>{v}</td>\n</tr>",
    "<dl>\n<dt>Order</dt>\n<dd>123</dd>\n<dt>{k}</dt>\n<dd class='value value-long'>{v}</dd>\n</dl>",
    '<label for="f17">{k}:</label> <span class="form-control-plaintext">{v}</span>',
    "<p><strong>{k}</strong>\n<span class='form-control-plaintext'>{v}</span></p>",
    "<table><tr><td>{k}</td><td align='right' valign='top'>{v}</td></tr></table>",
    "field;value\nGerman tax ID;48 053 729 811\n{k} (XX);{v}\nVAT number;PT546356486\n",
    "field\tvalue\n{k}\t{o}\n{k} (XX)\t{v}\n",
    "{k}                           : {g}\n{k}                           : {v}\nDatum                        : x\n",
    "{k} ......................... : {v}\n",
)


@pytest.mark.parametrize("text", LABELS)
@pytest.mark.parametrize("kind", HEADS)
@given(seed=st.integers(0, 10**9))
def test_a_label_names_its_value(scanner, kind, text, seed):
    number, other, third = numbers_of(random.Random(seed), kind, 3)
    text = text.format(k=HEADS[kind], v=number, o=other, g=f"{third[:3]} {third[3:6]} {third[6:]}")
    assert number in found(scanner, text, kind), text


@pytest.mark.parametrize(
    "text",
    [
        "<table><tr><th>Order</th><th>SIREN</th></tr><tr><td>732829320</td><td>x</td></tr></table>",
        "<table><tr><th>Order</th><td>732829320</td></tr><tr><th>SIREN</th><td>x</td></tr></table>",
        "<dl><dt>Order</dt><dd>732829320</dd><dt>SIREN</dt><dd>x</dd></dl>",
        "<label>Order</label> <b>732829320</b> <label>SIREN</label>",
    ],
)
def test_a_label_for_something_else_denies_its_value(scanner, text):
    assert found(scanner, text, "SIREN") == set()


def test_a_number_ends_with_its_cell(scanner):
    text = "| Kunde | VAT | ISBN |\n| --- | --- | --- |\n| 376422860894882 | PT565715500 | 978-1-2702-1816-6 |\n"
    assert found(scanner, text, "VAT") == {"PT565715500"}
    assert not [f for f in scanner.scan(text).findings if f.type == "IBAN"]
    text = (
        "Paket        Name       KK-Nr.              Zimmer  Ort\n"
        "728267249621 Annika V.  4916944026189206    1813    Leipzig\n"
        "716645857482 Franziska  4569 0043 9886 9450 1343    Augsburg\n"
    )
    assert "4569 0043 9886 9450" in found(scanner, text, "CARD")


def test_a_word_for_a_card_outranks_what_else_the_number_is(scanner):
    assert found(scanner, "KK-Nr.: 340886608298585\n", "CARD") == {"340886608298585"}


@given(st.lists(st.sampled_from(["<table>", "<tr>", "<TR ", "<th>", "<td a=1>", "nif", ">", "</tr>", "</table>", "1234567",
                                 "\n", "\x00", "é"]), max_size=40))  # fmt: skip
def test_rows_of_heads_lie_above_their_tables(pieces):
    data = "".join(pieces).encode() + b"\x00"
    for word in range(len(data)):
        row = row_of(data, word)
        assert row is None or 0 <= row.start < word <= row.below <= row.end <= len(data)
    ends = [at + 4 for at in range(len(data)) if data.startswith(b"nif", at)]
    columns = Columns(data, ends)
    for at in range(len(data)):
        assert columns.cell(at, at + 1) <= at
    for table in tables(data, ends):
        for at, cell in Columns.cells(data, table):
            assert data[at : at + len(cell)] == cell


@pytest.mark.parametrize("end", ["\\\\", "\\\\ \\hline", "\\\\[2pt] % of the year"])
def test_a_line_of_a_tex_table_ends_in_two_strokes(scanner, end):
    rows = [("Nadège", "732829320"), ("Aymeric", "552100554")]
    text = "\n".join([f"Nom & N° SIREN {end}", *(f"{name} & {number} {end}" for name, number in rows)])
    assert {text[f.start : f.end] for f in scanner.scan(text).findings if f.type == "SIREN"} == {v for _, v in rows}


def test_no_head_stands_far_within_a_line():
    head = b"nom;siren\nA;732829320\n"
    assert tables(head, [9])
    assert not tables(b"x" * 5000 + head, [5009])
