"""Why a text is no TOML, as a technician would say it, in Chinese and English. Pure."""

import re
from collections.abc import Iterator
from itertools import islice

from tomli import TOMLDecodeError

Mistake = tuple[int, str]
"""In which line, and what is wrong there."""

NOT_TOML = "TOML 语法错误，请检查引号、括号和等号 / not TOML; check quotes, brackets and ="

# How a message of the parser begins; one that does not stand here is told after `NOT_TOML`.
_SYNTAX = {
    "Unclosed array": "方括号没有结束，缺 ] 或逗号",
    "Unclosed inline table": "花括号没有结束，缺 } 或逗号",
    "Invalid value": "等号后的值不对，文本须加引号",
    "Invalid date or datetime": "没有这样的日期或时间",
    "Invalid statement": "此行既不是 键 = 值，也不是 [表]",
    "Invalid initial character for a key part": "键只能用字母、数字、- 和 _，否则须加引号",
    "Cannot overwrite a value": "与前面的键或表重名",
    "Cannot declare ": "前面已有这个表",
    "Duplicate inline table key": "花括号里有重名的键",
    "Unterminated string": "文本没有结束，缺引号",
    "Illegal character '\\n'": "文本没有结束，这一行缺引号",
    "Found invalid character '\\n'": "文本没有结束，这一行缺引号",
    'Expected "\'"': "文本没有结束，缺引号",
    "Illegal character": "有不可见的字符",
    "Expected '=' after a key in a key/value pair": "键的后面缺 =",
    "Expected newline or end of document after a statement": "一行只能写一项，多出的请删去或另起一行",
    "Expected ']' at the end of a table declaration": "表头缺 ]",
    "Expected ']]' at the end of an array declaration": "表头缺 ]]",
    "Invalid hex value": r"\x、\u 或 \U 后面的十六进制数字不对",
    r"Unescaped '\' in a string": r"双引号里的 \ 须写成 \\",
}

# What is hidden before the marks of a text are looked at: strings, also those with full-width quotes, and remarks.
# A string that does not end takes the rest of its line, and nothing is tried twice: the time is linear.
_HIDDEN = re.compile(
    r'"""(?:\\.|(?!""")[^\\])*+(?:""")?'
    r"|'''(?:(?!''').)*+(?:''')?"
    r'|"[^"“”\\\n]*+”|“[^“”"\n]*+[”"]'
    r"|‘[^‘’'\n]*+[’']"
    r'|"(?:\\[^\n]|[^"\\\n])*+"?'
    r"|'[^'\n]*+'?"
    r"|#[^\n]*+",
    re.DOTALL,
)
# By what to replace a full-width character: the nearest that means something in TOML.
_TYPED = str.maketrans(
    {chr(code): chr(code - 0xFEE0) for code in range(ord("！"), ord("～") + 1)}
    | dict(zip("；：（）。、“”‘’「」【】　", ',=[].,""\'\'""[] ', strict=True))
)
_FULL_WIDTH = re.compile(f"[{''.join(map(chr, _TYPED))}]+")
_IN_A_TIME = re.compile(r"(?<=\d)：(?=\d)")
_HEADER = re.compile(r"[ \t]*(\[\[?)([\w. \t-]+)\]")
_LISTED = 50
"""So many full-width characters; who typed more knows by then."""
_LONG = 40

REPEATED = frozenset(
    {"lane", "reader", "barrier", "box", "uplink", "classes", "classes.periods", "permits", "discounts"}
)
"""The tables of a site and of a tariff that are written `[[so]]`."""


def explained(text: str, error: TOMLDecodeError) -> list[Mistake]:
    """What to change in a text that the parser refused with `error`."""
    lines = _HIDDEN.sub(_blanked, text).split("\n")
    if tables := list(_wrong_headers(lines, error)):
        return tables
    typed = list(islice(_full_width(lines), _LISTED))
    if any(line == error.lineno for line, _ in typed):
        return typed
    chinese = next((words for begin, words in _SYNTAX.items() if error.msg.startswith(begin)), None)
    said = f"TOML 语法错误，{chinese} / not TOML" if chinese else NOT_TOML
    return [(error.lineno, f"{said}: {error.msg}"), *typed]


def _blanked(hidden: re.Match[str]) -> str:
    """As many blanks; only the full-width quotes about a string stay."""
    text = hidden[0]
    blank = re.sub(r"[^\n]", " ", text)
    if text.startswith("#"):
        return blank
    first, last = (text[at] if text[at] in "“”‘’" else blank[at] for at in (0, -1))
    return first + blank[1:-1] + last if len(text) > 1 else first


def _full_width(lines: list[str]) -> Iterator[Mistake]:
    for number, line in enumerate(lines, 1):
        right = _IN_A_TIME.sub(":", line).translate(_TYPED)
        for run in _FULL_WIDTH.finditer(line):
            at, column = slice(run.start(), min(run.end(), run.start() + _LONG)), run.start() + 1
            zh, en = f"第 {number} 行第 {column} 列有全角", f"at line {number} column {column}: write"
            if run[0].isspace():
                yield number, f"{zh}空格，请改为半角空格 / full-width blank {en} an ordinary one"
            else:
                yield number, f"{zh} {line[at]} 请改为 {right[at]} / full-width {line[at]} {en} {right[at]}"


def _wrong_headers(lines: list[str], error: TOMLDecodeError) -> Iterator[Mistake]:
    """If the parser stopped at a table that may be repeated: all such tables that are not written as one."""
    if not error.msg.startswith(("Cannot overwrite", "Cannot declare")):
        return
    headers = {
        number: (found[1], re.sub(r"\s", "", found[2]))
        for number, line in enumerate(lines, 1)
        if (found := _HEADER.match(line))
    }
    _, stopped = headers.get(error.lineno, ("", ""))
    if stopped not in REPEATED:
        return
    above: set[str] = set()
    for number, (brackets, name) in headers.items():
        outer = name.rpartition(".")[0]
        if outer in REPEATED and outer not in above:
            yield (
                number,
                f"第 {number} 行的 {name} 须在一个 [[{outer}]] 之下 / {name} must stand below a [[{outer}]]",
            )
        elif name in REPEATED and brackets == "[":
            yield number, f"第 {number} 行须为 [[{name}]] / line {number} must be [[{name}]]"
        above.add(name)
