"""The field tables as pages for people: `python -m tools.tables` writes docs/frames anew.

The pages are made from what encodes and decodes, so they cannot say anything else. Pure but for `main`.
"""

import sys
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path

from protocols.codec import (
    Choice,
    Entries,
    Filling,
    Gbk,
    Hex,
    Likely,
    Nested,
    Number,
    Raw,
    Record,
    Rest,
    Sized,
    Stated,
    Type,
    When,
)
from protocols.dsrc import equipment
from protocols.dsrc.application import Fitting, Mark, Pdu
from protocols.dsrc.link import Head, WhenAll
from protocols.lua import AIR, STATIONS, is_station, pdu_path
from protocols.obu import apdu
from protocols.rsu import dialect, dialects
from protocols.rsu.dialect import Dialect
from protocols.rsu.message import Message

CHECKOUT = Path(__file__).parent.parent
DIRECTORY = CHECKOUT / "docs" / "frames"
MADE = "<!-- 由 `make docs` 生成，请勿手改 / made by `make docs`, do not edit -->"
HEAD = "| 偏移 Offset | 长度 Length | 字段 Field | 类型 Type | 说明 Note |\n|--:|--:|---|---|---|"
FAMILIES = {
    "F1": "F1: `FF FF | RSCTL 1 | DATA | BCC 1 | FF`，FF→FE 01、FE→FE 00 转义 / escaped between the marks",
    "F2": "F2: `FF FF | VER 1 | SEQ 1 | LEN 4 | DATA | CRC 2`，CRC-16/X-25",
    "F3": "F3: `FF FF | LEN 2 | DATA | CRC 2`，CRC-16/X-25",
}
"""How DATA is framed (rsu-protocol 2, 5, 9); as text because framers are code."""

FILTERS = {
    "command": "命令字 / command byte",
    "direction": "方向 / `RSU->PC`, `PC->RSU`, `OBU->RSU`, `RSU->OBU`",
    "checksum.bad": "校验错误 / the checksum is wrong",
    "misfit": "报文与协议表不符 / no table fits",
    "noise": "不是帧 / bytes that are no frame",
    "obu_id": "电子标签 MAC / the tag's MAC address",
    "plate": "车牌 / plate of tag or card",
    "card": "卡号 20 位 / card number, 20 digits",
    "amount": "扣费金额（分）/ what is debited, fen",
    "balance": "余额（分）/ balance, fen",
    "tac": "交易认证码 / transaction authentication code",
    "apdu": "卡指令 / card command",
    "apdu.sw": "状态字 / its status word",
    "input": "道闸输入 / an input of a barrier",
}
"""What the dissector calls things in every dialect."""


def pages() -> dict[str, str]:
    """All pages, by file name."""
    spoken = [dialect.load(name) for name in dialect.names() if _module(name)]
    found = {f"{each.name}.md": _dialect_page(each) for each in spoken}
    made = {"README.md": _index(spoken), **found, f"{AIR}.md": _air_page()}
    return {name: text + "\n" for name, text in made.items()}


def _module(name: str) -> str:
    """What the dialect's own module says of it; nothing for dialects of other packages."""
    try:
        return import_module(f"{dialects.__name__}.{name.replace('-', '_')}").__doc__ or ""
    except ModuleNotFoundError:
        return ""


# --- pages ---------------------------------------------------------------------------------------------------


def _index(spoken: list[Dialect]) -> str:
    rows = [f"| [{each.name}]({each.name}.md) | {each.framing.family} | {len(each.tables)} |" for each in spoken]
    return _joined(
        MADE,
        "# 报文字段表 / Field tables",
        "天线与车道计算机之间的报文，每种协议一页；网关按同样的表解码，Wireshark 解析脚本也由其生成 "
        "(`etclane dissector -o etclane.lua`)。 / What antennas and lane PCs say to each other, one page per "
        "dialect. The gateway decodes by these very tables, and the Wireshark dissector is made from them.",
        "| 协议 Dialect | 帧 Framing | 报文 Messages |\n|---|---|--:|\n" + "\n".join(rows),
        f"空口帧 / air frames of GB/T 20851: [{AIR}]({AIR}.md).",
        "\n".join(f"- {text}" for text in FAMILIES.values()),
        "## 读表 / How to read a table",
        "- 偏移从命令字起算，命令字为 0 / offsets count the command byte as 0; in files and groups they count from "
        "their own start. `3 + psams` = 3 + `psams` 的长度 / and the length of the field `psams`.\n"
        "- `uint` 大端无符号整数 / big-endian, unsigned; `int` 有符号 / two's complement; "
        "`hex` 十六进制或 BCD 原样 / hex or BCD digits as they are; "
        "`gbk` 汉字文本，00 补齐 / text padded with 00; `bytes` 原始字节 / raw bytes.\n"
        "- 金额单位为分 / money is in fen.\n"
        "- `[cap]` 抓包验证 / seen in captured bytes; `[2+]` 两个以上来源 / two or more sources; `[1]` 一个来源 / "
        "one source; `[inf]` 推断 / inferred.",
        "## 过滤 / Filters",
        "```sh\netclane dissector -o etclane.lua\n"
        "tshark -X lua_script:etclane.lua -r x.pcapng -Y 'etclane.tac == \"570bf7dc\"'\n```",
        "现场抓天线 TCP 端口 / a live capture of the antenna's TCP port: `-d tcp.port==9527,etclane.wanji`. "
        "抓包接口说明未写协议时 / where a capture does not say its dialect: `-o etclane.dialect:wanji`. "
        "Wireshark: `etclane dissector -o ~/.local/lib/wireshark/plugins/etclane.lua`.",
        "字段名 / a field's name: `etclane.<dialect>.<command>.<field>`, 文件内 / in files "
        "`etclane.<dialect>.<command>.<file>.<field>`. 各协议通用 / in all of them:",
        "\n".join(f"- `etclane.{name}` {meaning}" for name, meaning in FILTERS.items()),
    )


def _dialect_page(each: Dialect) -> str:
    tables = sorted(each.tables, key=lambda table: (table in each.from_pc, table.COMMAND))
    messages = [_message(each, table) for table in tables]
    return _joined(
        MADE,
        f"# {each.name}",
        _module(each.name).strip(),
        FAMILIES[each.framing.family],
        "## 报文 / Messages",
        "| 命令 Command | 方向 Direction | 名称 Title | 长度 Length |\n|---|---|---|--:|\n"
        + "\n".join(_line_of(each, table) for table in tables),
        *messages,
        _codes(each),
        *_groups(tables),
    )


def _codes(each: Dialect) -> str:
    if not each.codes:
        return ""
    rows = (f"| {command:02X} | {code:02X} | {text} |" for (command, code), text in sorted(each.codes.items()))
    head = "| 命令 Command | 错误码 ErrorCode | 含义 Meaning |\n|---|---|---|"
    return _joined("## 错误码 / Error codes", "\n".join([head, *rows]))


def _line_of(each: Dialect, table: type[Message]) -> str:
    size = table.size()
    anchor = table.__name__.lower()
    return (
        f"| [{table.COMMAND:02X}](#{anchor}) | {_direction(each, table)} | {table.TITLE} | "
        f"{'…' if size is None else size + 1} |"
    )


def _message(each: Dialect, table: type[Message]) -> str:
    return _joined(
        f'### <a id="{table.__name__.lower()}"></a>{table.COMMAND:02X} {table.TITLE}',
        f"{_direction(each, table)}. {_first_line(table)} 过滤 / filter: `etclane.{each.name}.{table.COMMAND:02x}`",
        _table(table, start=1, before=f"| 0 | 1 | command | uint | {table.COMMAND:02X} |"),
    )


def _direction(each: Dialect, table: type[Message]) -> str:
    return "天线→车道机 RSU→PC" if table in each.from_antenna else "车道机→天线 PC→RSU"


def _air_page() -> str:
    pdus = list(dict.fromkeys(equipment.T_APDU.tables()))
    parts = [table for form in apdu.FORMS for table in (form.data, *form.answers) if table]
    return _joined(
        MADE,
        f"# {AIR}",
        "GB/T 20851 空口帧 / air frames: "
        "`7E | 地址 address 4 | MAC 1 | LLC 1 [| 状态 status 1] | T-APDU … | FCS 2 | 7E`",
        "## MAC, LLC",
        _table(Head, start=0),
        "## T-APDU",
        *(_pdu(table) for table in pdus),
        *_groups(pdus),
        "## 卡指令 / Card commands",
        "| 头 Header | 名称 Title | 数据 Data | 应答 Answer |\n|---|---|---|---|\n"
        + "\n".join(map(_form, apdu.FORMS)),
        *_groups(parts, parts),
    )


def _pdu(table: type[Pdu]) -> str:
    return _joined(
        f"### {table.TITLE}",
        f"{_first_line(table)} 过滤 / filter: `{pdu_path(table)}`",
        _table(table, start=0),
    )


def _form(form: apdu.Form) -> str:
    answers = ", ".join(_link(table) for table in form.answers)
    return f"| `{form.header.upper()}` | {form.title} | {_link(form.data) if form.data else ''} | {answers} |"


def _groups(tables: Iterable[type[Record]], first: Iterable[type[Record]] = ()) -> Iterator[str]:
    """The tables inside these, each once."""
    inner = dict.fromkeys([*first, *(each for table in tables for each in _inside(table))])
    if inner:
        yield "## 文件与组 / Files and groups"
    for table in inner:
        size = table.size()
        length = "" if size is None else f" {size} 字节 bytes."
        yield _joined(
            f'### <a id="{table.__name__.lower()}"></a>{table.__name__}',
            f"{_first_line(table)}{length}",
            _table(table, start=0),
        )


def _inside(table: type[Record]) -> Iterator[type[Record]]:
    for each in table.FIELDS:
        for inner in STATIONS.values() if is_station(each) else _inner(each.type):
            yield inner
            yield from _inside(inner)


def _inner(kind: Type) -> tuple[type[Record], ...]:
    match kind:
        case Nested() | Entries():
            return (kind.inner,)
        case Choice():
            return tuple(layout for _, layout in kind.layouts)
        case When():
            return _inner(kind.inner)
        case _:
            return ()


# --- tables --------------------------------------------------------------------------------------------------


def _table(table: type[Record], *, start: int, before: str = "") -> str:
    rows = [HEAD, before] if before else [HEAD]
    fixed, varying = start, ""
    for each in table.FIELDS:
        note = each.note.replace("|", "\\|")
        text = " / ".join(map(_link, STATIONS.values())) if is_station(each) else _text(each.type)
        rows.append(f"| {fixed}{varying} | {_length(each.type)} | {each.name} | {text} | {note} |")
        if each.type.size is None:
            varying += f" + {each.name}"
        else:
            fixed += each.type.size
    return "\n".join(rows)


def _length(kind: Type) -> str:
    match kind:
        case When():
            return f"0 / {_length(kind.inner)}"
        case Sized():
            return f"`{kind.length}`"
        case Entries() if kind.inner.size():
            return f"n × {kind.inner.size()}"
        case _:
            return "…" if kind.size is None else str(kind.size)


def _text(kind: Type) -> str:
    match kind:
        case Number():
            return "int" if kind.signed else "uint"
        case Mark():
            return "uint"
        case Hex():
            return "hex"
        case Gbk():
            return "gbk"
        case Raw() | Rest():
            return f"bytes{_extent(kind)}"
        case Nested():
            return _link(kind.inner)
        case Choice():
            layouts = ", ".join(f"≥ {least} {_link(layout)}" for least, layout in kind.layouts)
            return f"按其第 {kind.at} 字节 / by its byte {kind.at}: {layouts}"
        case When():
            several = isinstance(kind, WhenAll) and kind.mask.bit_count() > 1
            which = f"{kind.mask:02X}{' 全部 / all of them' if several else ''}"
            return f"{_text(kind.inner)}, 仅当 / only if `{kind.field}` & {which}"
        case Entries():
            return f"{_link(kind.inner)} × n, {_count(kind.count)}"
        case _:
            raise TypeError(f"no words for {type(kind).__name__}")


def _extent(kind: Type) -> str:
    match kind:
        case Raw() | Sized():
            return ""
        case Fitting():
            return ", 使后续恰好结束 / so that what follows ends the frame"
        case Rest(tail=0):
            return ", 到结尾 / to the end"
        case Rest():
            return f", 到最后 {kind.tail} 字节之前 / but the last {kind.tail}"
        case _:
            raise TypeError(f"no words for {type(kind).__name__}")


def _count(count: Stated | Filling | Likely) -> str:
    match count:
        case Stated(stated):
            return f"n = `{stated}`"
        case Filling(tail):
            return f"n 由长度定，其后 {tail} 字节 / by length, {tail} bytes follow"
        case Likely(stated, tail):
            return f"n = `{stated}`，不符时由长度定，其后 {tail} 字节 / or by length, {tail} bytes follow"


def _link(table: type[Record]) -> str:
    return f"[{table.__name__}](#{table.__name__.lower()})"


def _first_line(table: type[Record]) -> str:
    return (table.__doc__ or "").strip().partition("\n")[0]


def _joined(*parts: str) -> str:
    return "\n\n".join(part for part in parts if part)


def main() -> None:
    """Write the pages; drop those of dialects that are no more."""
    if not (CHECKOUT / "pyproject.toml").is_file():  # installed: docs/ would land in site-packages
        sys.exit("请在源码目录运行 / run it in a checkout")
    DIRECTORY.mkdir(parents=True, exist_ok=True)
    made = pages()
    for old in DIRECTORY.glob("*.md"):
        if old.name not in made:
            old.unlink()
    for name, text in made.items():
        (DIRECTORY / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
