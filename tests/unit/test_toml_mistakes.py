"""Why a text is no TOML: every full-width character, the table further up, the parser's words in Chinese."""

from time import process_time
from typing import get_args

import pytest
import tomli
from pydantic import BaseModel

from gateway.config import SiteFile
from gateway.notice.tables import NoticeFile
from gateway.toml_mistakes import NOT_TOML, REPEATED, Mistake, explained


def mistakes(text: str) -> list[Mistake]:
    with pytest.raises(tomli.TOMLDecodeError) as caught:
        tomli.loads(text)
    return explained(text, caught.value)


def places(text: str) -> list[tuple[int, str, str]]:
    """Line, what was typed, and what to write, as both languages say it."""
    found = []
    for line, message in mistakes(text):
        chinese, _, english = message.partition(" / ")
        where, _, what = chinese.partition(" 列有全角 ")
        typed, _, right = what.partition(" 请改为 ")
        column = where.removeprefix(f"第 {line} 行第 ")
        assert english == f"full-width {typed} at line {line} column {column}: write {right}"
        found.append((line, f"{column} {typed}", right))
    return found


# --- full-width characters -----------------------------------------------------------------------------------


def test_a_full_width_comma_is_told_with_its_line_and_column() -> None:
    assert mistakes('id = "t"\nsteps = [1，2]\n') == [
        (2, "第 2 行第 11 列有全角 ， 请改为 , / full-width ， at line 2 column 11: write ,")
    ]


def test_all_full_width_characters_are_told_at_once() -> None:
    assert places("name = “北京，上海”\nｉｄ：１\n【classes】\na = ［1、2。5；3］\nb = ‘x’") == [
        (1, "8 “", '"'),
        (1, "14 ”", '"'),
        (2, "1 ｉｄ：１", "id=1"),
        (3, "1 【", "["),
        (3, "9 】", "]"),
        (4, "5 ［", "["),
        (4, "7 、", ","),
        (4, "9 。", "."),
        (4, "11 ；", ","),
        (4, "13 ］", "]"),
        (5, "5 ‘", "'"),
        (5, "7 ’", "'"),
    ]


def test_a_full_width_blank_is_named() -> None:
    assert mistakes("　a = 1") == [
        (1, "第 1 行第 1 列有全角空格，请改为半角空格 / full-width blank at line 1 column 1: write an ordinary one")
    ]


def test_a_full_width_colon_in_a_time_is_one() -> None:
    assert places("t = 08：00") == [(1, "7 ：", ":")]


@pytest.mark.parametrize("end", ["”", "”, unit = '30min', name = \"x\""])
def test_a_string_that_only_ends_in_a_full_width_quote(end: str) -> None:
    assert places(f'a = {{ until = "1h{end} }}') == [(1, "18 ”", '"')]


@pytest.mark.parametrize(
    "hidden",
    [
        'a = "，“好”：１"',
        "a = '，“好”：１'",
        "a = 1  # 备注，“好”",
        "# 备注：“”",
        'a = """\n，\n"quoted"，\n"""',
        "a = '''\n，\n'quoted'，\n'''",
        r'a = "\"，"',
    ],
)
def test_strings_and_remarks_may_have_full_width_characters(hidden: str) -> None:
    assert tomli.loads(hidden) is not None
    (only,) = mistakes(f"{hidden}\nb 1")
    assert "全角" not in only[1]
    (line,) = {line for line, _ in mistakes(f"{hidden}\nb = 1，")}
    assert line == hidden.count("\n") + 2


def test_the_parsers_own_mistake_stands_before_full_width_characters_on_other_lines() -> None:
    first, second = mistakes("a 1\nb = 1，2\n")
    assert first == (1, "TOML 语法错误，键的后面缺 = / not TOML: Expected '=' after a key in a key/value pair")
    assert "第 2 行第 6 列有全角 ，" in second[1]


@pytest.mark.parametrize(
    ("part", "times", "end"),
    [
        ("，a", 250_000, ""),
        ('\\"', 500_000, ""),
        ('\\"""\n', 200_000, ""),
        ('"""\\', 250_000, ""),
        ("'''x", 250_000, "'"),
        ("[classes]\n", 100_000, ""),
        ("“", 300_000, ""),
        ('"“', 200_000, ""),
    ],
    ids=range(8),
)
def test_a_text_of_a_megabyte_takes_as_many_times_as_long_as_it_is_longer(part: str, times: int, end: str) -> None:
    """What is quadratic here would take sixteen times sixteen as long."""

    def seconds(many: int) -> float:
        began = process_time()
        assert mistakes(part * many + end)
        return process_time() - began

    short = min(seconds(times // 16) for _ in range(3))
    assert seconds(times) < 16 * 4 * short


def test_of_very_many_full_width_characters_the_first_are_told() -> None:
    assert len(mistakes("a = １，\n" * 1000)) == 50


# --- tables ----------------------------------------------------------------------------------------------------


def must_be(line: int, name: str) -> Mistake:
    return line, f"第 {line} 行须为 [[{name}]] / line {line} must be [[{name}]]"


@pytest.mark.parametrize("name", sorted(REPEATED - {"classes.periods"}))
@pytest.mark.parametrize("again", ["[{}]", "[[{}]]"])
def test_a_repeated_table_in_single_brackets_is_told_where_it_stands(name: str, again: str) -> None:
    text = f"id = 1\n[{name}]\nx = 1\n\n{again.format(name)}\nx = 2\n"
    assert mistakes(text) == [must_be(2, name), *([must_be(5, name)] if again == "[{}]" else [])]


def test_all_such_tables_are_told_at_once() -> None:
    text = "[classes]\na = 1\n[ classes . periods ]\nb = 1\n[[classes]]\na = 2\n[discounts]\n# [permits]\n"
    assert mistakes(text) == [must_be(1, "classes"), must_be(3, "classes.periods"), must_be(7, "discounts")]


def test_a_period_in_single_brackets_under_a_row_in_two() -> None:
    text = "[[classes]]\n[classes.periods]\na = 1\n[[classes.periods]]\na = 2\n"
    assert mistakes(text) == [must_be(2, "classes.periods")]


@pytest.mark.parametrize("header", ["[classes.periods]", "[[classes.periods]]", "[classes.free]"])
def test_a_part_of_a_row_before_any_row(header: str) -> None:
    name = header.strip("[]")
    assert mistakes(f"{header}\na = 1\n[[classes]]\nb = 1\n") == [
        (1, f"第 1 行的 {name} 须在一个 [[classes]] 之下 / {name} must stand below a [[classes]]")
    ]


def test_a_table_that_must_not_be_repeated_is_told_as_such() -> None:
    (only,) = mistakes("[site]\n[site]\n")
    assert only == (2, "TOML 语法错误，前面已有这个表 / not TOML: Cannot declare ('site',) twice")


def test_a_key_twice_says_nothing_of_tables() -> None:
    (only,) = mistakes("[[classes]]\na = 1\na = 2\n[permits]\n")
    assert only == (3, "TOML 语法错误，与前面的键或表重名 / not TOML: Cannot overwrite a value")


def test_the_repeated_tables_are_those_of_a_site_and_of_a_tariff() -> None:
    def repeated(table: type[BaseModel], above: str = "") -> set[str]:
        rows = {
            f"{above}{name}": row
            for name, field in table.model_fields.items()
            for row in get_args(field.annotation)
            if isinstance(row, type) and issubclass(row, BaseModel)
            if getattr(field.annotation, "__origin__", None) in (list, tuple)
        }
        return set(rows).union(*(repeated(row, f"{name}.") for name, row in rows.items()))

    # Steps and caps may be repeated tables too; everybody writes them as a list in one line.
    assert repeated(SiteFile) | repeated(NoticeFile) == REPEATED | {
        "classes.steps",
        "classes.caps",
        "classes.periods.steps",
    }


# --- the parser's words ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "chinese", "english"),
    [
        ("a = [1 2]", "方括号没有结束", "Unclosed array"),
        ("a = { b = 1", "花括号没有结束", "Unclosed inline table"),
        ("a = b", "文本须加引号", "Invalid value"),
        ("= 1", "不是 键 = 值", "Invalid statement"),
        ("a. = 1", "键只能用字母", "Invalid initial character for a key part"),
        ("a = 1\na = 2", "重名", "Cannot overwrite a value"),
        ("[a]\n[a]", "前面已有这个表", "Cannot declare ('a',) twice"),
        ("a = { b = 1, b = 2 }", "重名", "Duplicate inline table key 'b'"),
        ('a = "b', "文本没有结束", "Unterminated string"),
        ('a = "b\n', "缺引号", "Illegal character '\\n'"),
        ("a = 'b\nc = 'd'", "缺引号", "Found invalid character '\\n'"),
        ("a = 'b", "缺引号", 'Expected "\'"'),
        ('a = "\x01"', "不可见", "Illegal character '\\x01'"),
        ("a 1", "键的后面缺 =", "Expected '=' after a key in a key/value pair"),
        ("a = 1 b = 2", "一行只能写一项", "Expected newline or end of document after a statement"),
        ("[a", "表头缺 ]", "Expected ']' at the end of a table declaration"),
        ("[[a]", "表头缺 ]]", "Expected ']]' at the end of an array declaration"),
        (r'a = "\uxyz!"', "十六进制", "Invalid hex value"),
        (r'a = "C:\d"', r"须写成 \\", r"Unescaped '\' in a string"),
        ("a = 2026-02-30T00:00:00", "没有这样的日期", "Invalid date or datetime"),
    ],
)
def test_a_message_of_the_parser_is_told_in_chinese_too(text: str, chinese: str, english: str) -> None:
    (only,) = mistakes(text)
    first, _, last = only[1].partition(" / ")
    assert first.startswith("TOML 语法错误，")
    assert chinese in first
    assert last == f"not TOML: {english}"


def test_a_message_that_nobody_translated_is_told_with_a_general_sentence() -> None:
    (only,) = mistakes("a = []\n[[a]]")
    assert only == (2, f"{NOT_TOML}: Cannot mutate immutable namespace ('a',)")
