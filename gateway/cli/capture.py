"""`etclane capture`: captures from what is at hand. `convert` makes one of a text log."""

import io
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from gateway import textlog
from gateway.cli import airframes, decode
from gateway.cli.plainly import fail, plainly
from gateway.textlog import Problem
from protocols.china import CHINA
from protocols.dsrc.exchange import Exchange
from protocols.pcapng import Interface, Packet, Writer
from protocols.rsu import dialect
from protocols.rsu.dialect import Dialect

AIR = "dsrc"
"""The interface description of what passed between antenna and tag; no antenna's dialect."""

SHOWN = 20
"""So many problems are listed: a log with the wrong direction would have one per line."""

capture = typer.Typer(no_args_is_help=True)


@capture.callback()
def _captures() -> None:
    """抓包 / captures."""


class Direction(StrEnum):
    """Of lines that do not tell theirs, seen from the PC."""

    IN = "in"
    OUT = "out"


class Encoding(StrEnum):
    """What a log's text is saved in."""

    UTF_8 = "utf-8"
    GBK = "gbk"


CODECS = {Encoding.UTF_8: "utf-8", Encoding.GBK: "gb18030"}  # GB18030 holds all of GBK


@capture.command(epilog="例 / example: etclane capture convert lane1.log --dialect wanji")
def convert(
    log: Annotated[Path, typer.Argument(help="文本日志 / a text log")],
    *,
    name: Annotated[
        str, typer.Option("--dialect", "-d", help="天线协议，空口为 dsrc / the antenna's dialect, or dsrc")
    ],
    out: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="缺省如 lane1.pcapng / by default lane1.log becomes lane1.pcapng"),
    ] = None,
    interface: Annotated[
        str, typer.Option(help="设备名，同车场配置 / the device's name in the site's TOML")
    ] = "rsu1",
    direction: Annotated[Direction | None, typer.Option(help="日志未注明的方向 / where the log tells none")] = None,
    start: Annotated[
        datetime | None, typer.Option(help="日志缺时间或日期时的起点 / where the log tells none")
    ] = None,
    encoding: Annotated[Encoding | None, typer.Option(help="缺省先 UTF-8 后 GB18030 / or both are tried")] = None,
) -> None:
    """把文本日志转为 pcapng / make a pcapng of a text log with hex."""
    with plainly():
        known = (*dialect.names(), AIR)
        if name not in known:
            fail(f"没有协议 {name!r}，可用 / no such dialect; there are: {', '.join(known)}")
        target = out or log.with_suffix(".pcapng")
        _check_target(target, log, named=out is not None)
        outbound = None if direction is None else direction is Direction.OUT
        text = _decoded(log, encoding)
        found = textlog.convert(io.StringIO(text, newline=None), interface, outbound=outbound, start=_begin(start))
        if found.problems:
            _report(log, found.problems)
        if not found.packets:
            fail(f"{log}: 没有十六进制数据 / holds no hex")
        _write(target, Interface(interface, name), found.packets)
        checked = _air_checked(found.packets) if name == AIR else _checked(dialect.load(name), found.packets)
    for note in (*found.notes, checked):
        typer.echo(note, err=True)
    typer.echo(f"{target}: {len(found.packets)} 个数据包 / packets")


def _check_target(target: Path, log: Path, *, named: bool) -> None:
    if target.is_dir():
        fail(f"{target}: 是目录，请用 -o 指定文件 / is a directory; name a file with -o")
    if not target.parent.is_dir():
        fail(f"{target.parent}: 没有这个目录 / there is no such directory")
    if target.exists() and target.samefile(log):
        fail(f"{target}: 不能覆盖日志本身 / this is the log itself; name another file with -o")
    if target.exists() and not named:
        fail(f"{target}: 已存在，请用 -o 指定 / exists; name a file with -o")


def _begin(start: datetime | None) -> datetime | None:
    if start is None:
        return None
    if start.year not in range(1971, 2200):
        fail(f"--start {start.isoformat()}: 须在 1971 至 2199 年之间 / must be between 1971 and 2199")
    return start if start.utcoffset() is not None else start.replace(tzinfo=CHINA)


def _decoded(log: Path, encoding: Encoding | None) -> str:
    """The log's text. A bad byte in a log whose encoding is named spoils no more than its own line."""
    data = log.read_bytes()
    if data.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        typer.echo("日志是 UTF-16，按其读取 / the log is UTF-16 and is read as such", err=True)
        return data.decode("utf-16", "replace")
    if data.count(0) * 4 > len(data):  # text saved as UTF-16 without its mark: hex, spaces and times are half NUL
        fail(f"{log}: 像是 UTF-16，请另存为 UTF-8 / looks like UTF-16; save it as UTF-8")
    if encoding:
        return data.decode(CODECS[encoding], "replace")
    try:
        return data.decode(CODECS[Encoding.UTF_8])
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode(CODECS[Encoding.GBK])
    except UnicodeDecodeError as error:
        fail(
            f"{log}: 第 {error.start} 字节不是 UTF-8 也不是 GB18030，请另存为 UTF-8 或用 --encoding / "
            f"byte {error.start} is neither UTF-8 nor GB18030; save the log as UTF-8, or name --encoding"
        )
    typer.echo("日志不是 UTF-8，按 GB18030 读取 / the log is not UTF-8 and is read as GB18030", err=True)
    return text


def _report(log: Path, problems: Sequence[Problem]) -> NoReturn:
    for problem in problems[:SHOWN]:
        typer.echo(f"{log}:{problem.line}: {problem.text}", err=True)
    if len(problems) > SHOWN:
        typer.echo(f"… 还有 {len(problems) - SHOWN} 行 / and {len(problems) - SHOWN} more lines", err=True)
    fail(
        f"{len(problems)} 行无法转换，未写出文件；请改正，或在行首加 # / "
        f"{len(problems)} lines cannot be converted, nothing was written; correct them, or put # before them"
    )


def _write(target: Path, interface: Interface, packets: Sequence[Packet]) -> None:
    """The whole capture or nothing: it gets its name when it is complete."""
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    writer = Writer()
    try:
        with unfinished.open("xb") as file:
            file.write(writer.header() + writer.interface(interface))
            file.writelines(map(writer.packet, packets))
        unfinished.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target)) from error  # the other name nobody knows
    finally:
        unfinished.unlink(missing_ok=True)


# --- what the capture holds ------------------------------------------------------------------------------------


def _checked(spoken: Dialect, packets: Sequence[Packet]) -> str:
    """How much of the log is frames of this dialect, each in its own direction; and if none are, what it may be."""
    streams = {
        way: b"".join(packet.data for packet in packets if packet.outbound is outbound)
        for way, outbound in (("PC->RSU", True), ("RSU->PC", False))
    }
    found = [(way, frame) for way, stream in streams.items() for frame in decode.decode(spoken, stream)]
    sound = [(way, frame["direction"]) for way, frame in found if "error" not in frame]
    good = sum(way == says for way, says in sound)
    doubt = "", ""
    if sound and not good:
        doubt = "；方向可能相反", "; the direction may be swapped"
    elif not sound and (family := decode.looks_like(b"".join(streams.values()), spoken.framing.family)):
        doubt = f"；像是 {family} 帧", f"; looks like {family}"
    return _fit(good, len(found) - good, spoken.name, *doubt)


def _air_checked(packets: Sequence[Packet]) -> str:
    exchange = Exchange()
    found = [frame for packet in packets for frame in airframes.decode(packet.data, exchange)]
    bad = sum("error" in frame for frame in found)
    return _fit(len(found) - bad, bad, AIR)


def _fit(good: int, bad: int, name: str, chinese: str = "", english: str = "") -> str:
    return f"读出 {good} 帧，{bad} 处不符 {name}{chinese} / {good} frames fit {name}, {bad} do not{english}"
