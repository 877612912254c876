import pytest
import tomli

from gateway.toml_positions import KeyPath, line_of, positions


def at(text: str) -> dict[KeyPath, int]:
    """Positions of a text that the parser accepts."""
    tomli.loads(text)
    return positions(text)


def test_an_empty_text_has_no_keys() -> None:
    assert at("") == {}
    assert at("# only = 'a remark'\n\n") == {}


def test_tables_dotted_and_quoted_keys() -> None:
    text = """\
# [not.a.table]
name = "P1"           # key = 1
[lane . "出口 1"]
fee.cap.day = 30_00   # implies fee, = [and] fee.cap
'fee'."cap".night=10
"a.b\\t\\"\\u00e9\\U0001F697" = 1979-05-27 07:32:00
"" = +1.5e3
  [[reader]]
"""
    assert at(text) == {
        ("name",): 2,
        ("lane",): 3,
        ("lane", "出口 1"): 3,
        ("lane", "出口 1", "fee"): 4,
        ("lane", "出口 1", "fee", "cap"): 4,
        ("lane", "出口 1", "fee", "cap", "day"): 4,
        ("lane", "出口 1", "fee", "cap", "night"): 5,
        ("lane", "出口 1", 'a.b\t"é🚗'): 6,
        ("lane", "出口 1", ""): 7,
        ("reader",): 8,
        ("reader", 0): 8,
    }


def test_arrays_of_tables_are_counted_within_the_table_they_are_in() -> None:
    text = """\
[[a]]
[[a.b]]
[[a.b]]
x = 1
[a.b.c]
y = 2
[[a]]
z = 3
[[a.b]]
"""
    assert at(text) == {
        ("a",): 1,
        ("a", 0): 1,
        ("a", 0, "b"): 2,
        ("a", 0, "b", 0): 2,
        ("a", 0, "b", 1): 3,
        ("a", 0, "b", 1, "x"): 4,
        ("a", 0, "b", 1, "c"): 5,
        ("a", 0, "b", 1, "c", "y"): 6,
        ("a", 1): 7,
        ("a", 1, "z"): 8,
        ("a", 1, "b"): 9,
        ("a", 1, "b", 0): 9,
    }


def test_a_table_stands_at_its_own_header_even_if_implied_before() -> None:
    assert at("[a.b]\n[a]\n") == {("a", "b"): 1, ("a",): 2}


def test_arrays_and_inline_tables_over_several_lines() -> None:
    text = """\
lanes = [ # [ {
  { name = "x]", ports = [1,
      2] },
  {}, # }
]
point = { x.y = 1, z = [[], ['#', ",\\""]], }
last = true
"""
    assert at(text) == {
        ("lanes",): 1,
        ("lanes", 0): 2,
        ("lanes", 0, "name"): 2,
        ("lanes", 0, "ports"): 2,
        ("lanes", 0, "ports", 0): 2,
        ("lanes", 0, "ports", 1): 3,
        ("lanes", 1): 4,
        ("point",): 6,
        ("point", "x"): 6,
        ("point", "x", "y"): 6,
        ("point", "z"): 6,
        ("point", "z", 0): 6,
        ("point", "z", 1): 6,
        ("point", "z", 1, 0): 6,
        ("point", "z", 1, 1): 6,
        ("last",): 7,
    }


@pytest.mark.parametrize(
    "value",
    [
        '"""\na = 1\n[b]\n"""',
        '"""\\"""\n"" # \\\n\n"""""',
        '""""two quotes at each end\n\n"""""',
        "'''\n[[b]]\\\n'a' = ''\n'''''",
        "[\n'\"',\n\"'\",]",
        "{ x = '''\n\n\n''' }",
    ],
)
def test_keys_after_a_value_of_four_lines_are_on_their_own_line(value: str) -> None:
    text = f"k = {value}\nafter = 1\n"
    assert at(text)["after",] == 1 + text[: text.index("after")].count("\n")
    assert ("b",) not in at(text)


@pytest.mark.parametrize("value", ['""', "''", '""""""', "''''''", '"\\\\"', "'\\'", '"#"', "0xF_f"])
def test_a_short_value_ends_where_it_ends(value: str) -> None:
    assert at(f"a={value} # b = 1\nc=[{value}]\n") == {("a",): 1, ("c",): 2, ("c", 0): 2}


def test_windows_line_ends_count_once() -> None:
    assert at('a = 1\r\n\r\n[b]\r\nc = """\r\n"""\r\nd = 1') == {
        ("a",): 1,
        ("b",): 3,
        ("b", "c"): 4,
        ("b", "d"): 6,
    }


def test_what_toml_1_1_adds_is_read_as_the_parser_reads_it() -> None:
    text = 'a = {\n  "\\x41\\e" = 1, # remark\n  b = 2,\n}\n'
    assert at(text) == {("a",): 1, ("a", "A\x1b"): 2, ("a", "b"): 3}


def test_a_path_without_a_line_has_that_of_its_nearest_ancestor() -> None:
    known = at("\n[a]\n[[a.b]]\nx = 1\n")
    assert line_of(known, ("a", "b", 0, "x")) == 4
    assert line_of(known, ("a", "b", 0, "missing", "deeper")) == 3
    assert line_of(known, ("a", "missing")) == 2
    assert line_of(known, ("missing",)) == 1
    assert line_of(known, ()) == 1


@pytest.mark.parametrize("text", ["a", "a = ", "[a", "[[a]", "a = [1", "a = { b = 1", "= 1", "a = 1\n]"])
def test_a_text_that_no_parser_accepts_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"line \d is not TOML; ask for positions only after"):
        positions(text)
