"""`etclane tariff`: what a price notice says, checked, and as a table; `etclane fee`: what one stay costs."""

import re
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from pydantic import TypeAdapter, ValidationError

from gateway.cli import curve, show
from gateway.cli.curve import Curves, Plateau
from gateway.cli.plainly import fail, plainly
from gateway.cli.receipt import HASH_SHOWN, padded, receipt, width
from gateway.config import ConfigError, Problem, load_tariff
from gateway.notice.tables import DiscountTable
from gateway.notice.values import COLORS, Length
from gateway.tariff.doubts import Doubt, doubts
from gateway.tariff.engine import quote
from gateway.tariff.parts import seconds_of
from gateway.tariff.quote import Charged, Context, Earlier, Paid, Parked, Permit, Quote, yuan
from gateway.tariff.rules import DAY, Discount, Tariff
from protocols.china import CHINA

FEE_COMMAND = "etclane fee config/tariffs/lanzhou-airport.toml --entry 2026-11-21T08:00 --exit 2026-11-21T10:01"
FEE_EXAMPLE = (
    f"例 / example: {FEE_COMMAND}\n\n"
    "etclane fee config/tariffs/weifang.toml --entry 2026-11-21T08:00 --exit 2026-11-21T10:01 --class 1 "
    "--plate-color 渐变绿 --permit 门诊患者:2026-11-01..2026-11-30 --coupon 30分钟 --charged 45分钟 "
    "--earlier 2026-11-21T06:00..2026-11-21T06:20=0,free --paid 2026-11-21T09:00=5元 --channel etc"
)

_YEARS = range(1971, 2200)
_MONEY = re.compile(r"(\d{1,6}(?:\.\d{1,2})?)(?:元|yuan)?")
_UNITS = {"小时": "h", "分钟": "min", "天": "d"}
_COLORS = dict(zip(("蓝", "黄", "黑", "白", "渐变绿", "黄绿", "绿", "蓝白"), COLORS, strict=True))
_LONE_DIGIT = re.compile(r"(?<![\d.,])\d(?!\d)")
"""2026-12-7 8:00: but for the 0 before it, as a time is written."""

_CODE = re.compile(r"\d+")
_LAST_CODE = 255
_LONGEST_TABLE = 7 * DAY
"""Each minute of it is priced twice, for each row."""

_USUAL = datetime(2026, 3, 4, 9, tzinfo=CHINA)
"""An ordinary working day, a Wednesday."""

tariff = typer.Typer(no_args_is_help=True)


@tariff.callback()
def _tariffs() -> None:
    """费率 / tariffs."""


class Channel(StrEnum):
    """How the vehicle pays, where that changes the price."""

    ETC = "etc"


# --- words of the command line -------------------------------------------------------------------------------


def _length(word: str) -> int:
    """A length as a notice reads it; otherwise the notice's own sentence of what is allowed."""
    try:
        return TypeAdapter(Length).validate_python(_in_letters(word))
    except ValidationError as error:
        raise typer.BadParameter(error.errors()[0]["msg"].removeprefix("Value error, ")) from None


def _in_letters(word: str) -> str:
    """A length as a notice writes it: 1h30min for 1小时30分钟."""
    for chinese, unit in _UNITS.items():
        word = word.replace(chinese, unit)
    return word


def _color(word: str) -> int:
    color = _COLORS.get(word, word)
    if color not in COLORS:
        raise typer.BadParameter(f"{word!r}: 须为 {'、'.join(_COLORS)} 之一 / must be one of {', '.join(COLORS)}")
    return COLORS.index(color)


def _moment(word: str) -> datetime:
    try:
        at = datetime.fromisoformat(_LONE_DIGIT.sub(r"0\g<0>", word))
    except ValueError:
        at = None
    if at is None or at.year not in _YEARS:
        raise typer.BadParameter(
            f"{word!r}: 须为 1971 至 2199 年的时间，如 2026-11-21T08:00，不写时区为北京时间 / must be a time of "
            "the years 1971 to 2199 such as 2026-11-21T08:00, China's unless it has an offset"
        )
    return at if at.utcoffset() is not None else at.replace(tzinfo=CHINA)


def _class(word: str) -> int | str:
    if not _CODE.fullmatch(word):
        return word
    if len(word) > 3 or int(word) > _LAST_CODE:
        raise typer.BadParameter(
            f"{word}: 须为 0 至 {_LAST_CODE} 的车型代码或收费类别名称 / must be a vehicle class code from 0 to "
            f"{_LAST_CODE}, or the name of a row",
            param_hint="--class",
        )
    return int(word)


def _permit(word: str) -> Permit:
    kind, _, days = word.rpartition(":") if ".." in word else (word, "", "")
    first, _, last = days.partition("..")
    try:
        permit = Permit(kind, _day(first), _day(last))
        if kind and not (permit.first and permit.last and permit.last < permit.first):
            return permit
    except ValueError:
        pass
    raise typer.BadParameter(
        f"{word!r}: 须为证件种类，可加有效期，如 月租:2026-11-01..2026-11-30 / must be a kind of permit, with its "
        "first and last day if it has any, as shown"
    )


def _day(word: str) -> date | None:
    return date.fromisoformat(_LONE_DIGIT.sub(r"0\g<0>", word)) if word else None


def _coupon(word: str) -> Discount:
    table: dict[str, object] = {"name": word}
    if word in ("all", "全免"):
        table = {"name": "全免券", "whole": True}
    elif word.endswith(("元", "yuan")):
        table["yuan"] = _number(word)
    elif word.endswith("%"):
        table["percent"] = _number(word.removesuffix("%"))
    else:
        table["time"] = _in_letters(word)
    try:
        return DiscountTable.model_validate(table).rule()
    except ValidationError:
        raise typer.BadParameter(
            f"{word!r}: 须为 30分钟、5元、10% 这样的时长、金额、折扣，或 all 全免 / must be a time, a sum or a "
            "percentage to take off, such as 30min, 5yuan, 10%, or all"
        ) from None


def _number(word: str) -> Decimal | None:
    """Yuan or a percentage of at most two decimals, with its unit or without."""
    match = _MONEY.fullmatch(word)
    return Decimal(match[1]) if match else None


def _earlier(word: str) -> Earlier:
    stay, _, rest = word.partition("=")
    entry, dots, exit_ = stay.partition("..")
    money, comma, free = rest.partition(",")
    yuan = _number(money)
    if yuan is None or not dots or free != ("free" if comma else ""):
        raise typer.BadParameter(
            f"{word!r}: 须为 入场..出场=元，已享免费时再加 ,free，如 2026-11-21T06:00..2026-11-21T06:20=0,free / "
            "must be entry..exit=yuan, and ,free if it had its free time, as shown"
        )
    parked = Parked(_moment(entry), _moment(exit_))
    if parked.exit < parked.entry:
        raise typer.BadParameter(f"{word!r}: 出场早于入场 / the exit lies before the entry")
    return Earlier(parked.entry, parked.exit, int(yuan * 100), bool(free))


def _paid(word: str) -> Paid:
    at, _, money = word.partition("=")
    yuan = _number(money)
    if yuan is None:
        raise typer.BadParameter(
            f"{word!r}: 须为 时间=元，如 2026-11-21T09:00=5 / must be time=yuan, such as 2026-11-21T09:00=5"
        )
    return Paid(_moment(at), int(yuan * 100))


def _picture(word: str) -> Path:
    """So a slip of the keyboard writes over no tariff."""
    if not word.endswith(".svg"):
        raise typer.BadParameter(f"{word!r}: 须以 .svg 结尾 / must end in .svg")
    return Path(word)


_COLOR_HELP = ", ".join(f"{chinese} {color}" for chinese, color in _COLORS.items())

AsJson = Annotated[bool, typer.Option("--json", help="JSON 输出 / for programs")]
Notice = Annotated[Path, typer.Argument(metavar="TARIFF", help="费率文件 / a tariff's TOML")]
PlateColor = Annotated[int | None, typer.Option(parser=_color, metavar="COLOR", help=f"车牌颜色 / {_COLOR_HELP}")]
Permits = Annotated[
    list[Permit] | None,
    typer.Option("--permit", parser=_permit, metavar="KIND[:FROM..TO]", help="证件及有效期 / a permit, its days"),
]


# --- commands ------------------------------------------------------------------------------------------------


def fee(
    file: Notice,
    *,
    entry: Annotated[
        datetime,
        typer.Option(parser=_moment, metavar="TIME", help="入场 / entry, China time unless it has an offset"),
    ],
    exit_: Annotated[datetime, typer.Option("--exit", parser=_moment, metavar="TIME", help="出场 / exit")],
    vehicle_class: Annotated[
        str,
        typer.Option("--class", metavar="CLASS", help="车型代码，或收费类别名称 / a code, or the name of a row"),
    ] = "1",
    plate_color: PlateColor = None,
    permits: Permits = None,
    coupon: Annotated[
        list[Discount] | None, typer.Option(parser=_coupon, metavar="30分钟|5元|10%|all", help="优惠券 / coupon")
    ] = None,
    charged: Annotated[
        int | None, typer.Option(parser=_length, metavar="LENGTH", help="充电时长，如 45分钟 / time it charged")
    ] = None,
    earlier: Annotated[
        list[Earlier] | None,
        typer.Option(parser=_earlier, metavar="FROM..TO=YUAN[,free]", help="此前的停车 / a stay before this one"),
    ] = None,
    paid: Annotated[
        list[Paid] | None, typer.Option(parser=_paid, metavar="TIME=YUAN", help="已付 / what was paid")
    ] = None,
    channel: Annotated[Channel | None, typer.Option(help="付款渠道 / how it pays")] = None,
    as_json: AsJson = False,
) -> None:
    """计算停车费 / what a stay costs, line by line."""
    with plainly():
        found = load_tariff(file)
        context = Context(
            _class(vehicle_class),
            plate_color,
            _known(found, permits or []),
            tuple(coupon or ()),
            tuple(earlier or ()),
            () if charged is None else (Charged("", charged),),
            tuple(paid or ()),
            channel or "",
        )
        price = quote(found, Parked(entry, exit_), context)
        _possible(price, context)
    name = next(one.name for one in _versions(found) if one.content_hash == price.content_hash)
    typer.echo(show.as_json(price.to_json()) if as_json else receipt(price, name))


@tariff.command(epilog="例 / example: etclane tariff check config/tariffs/*.toml")
def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="费率文件 / tariffs' TOML")],
    *,
    as_json: AsJson = False,
) -> None:
    """检查费率：错误，以及可疑之处 / check tariffs: mistakes with file and line, then what may not be meant."""
    problems: list[Problem] = []
    with plainly():
        for file in files:
            try:
                found = load_tariff(file)
            except ConfigError as error:
                problems += error.problems
                if as_json:
                    typer.echo(show.as_json(_mistakes_json(file, error)))
            else:
                doubted = list(doubts(found))
                typer.echo(
                    show.as_json(_checked_json(file, found, doubted))
                    if as_json
                    else "\n".join(checked(file, found, doubted))
                )
        if problems and not as_json:
            raise ConfigError(tuple(dict.fromkeys(problems)))
    if problems:
        raise typer.Exit(1)


@tariff.command(epilog="例 / example: etclane tariff table config/tariffs/lanzhou-airport.toml --until 24h")
def table(
    file: Notice,
    *,
    vehicle_class: Annotated[
        str | None, typer.Option("--class", metavar="CLASS", help="只列此车型 / only this class: a code, or a row")
    ] = None,
    plate_color: PlateColor = None,
    permits: Permits = None,
    entry: Annotated[
        datetime | None,
        typer.Option(parser=_moment, metavar="TIME", help="入场，缺省为周三 9:00 / or on a Wednesday at 9"),
    ] = None,
    until: Annotated[
        int | None, typer.Option(parser=_length, metavar="LENGTH", help="到多久，缺省 48h / up to which length")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(parser=_picture, metavar="FILE.svg", help="画成曲线图 / draw the curve")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """停车时长与收费对照 / the fee by length of stay, one line for each change."""
    with plainly():
        reach = until or 2 * DAY
        if reach > _LONGEST_TABLE:
            raise typer.BadParameter("至多 7d / may be 7d at most", param_hint="--until")
        found = load_tariff(file)
        begin = entry or _usual_entry(found)
        held = _known(found, permits or [])
        curves = _curves(found, begin, reach, vehicle_class, Context(plate_color=plate_color, permits=held))
        if plot:
            title = f"{found.name} {found.version}"
            plot.write_text(curve.svg(title, f"{_tariff_line(found)} · {_entry_line(begin)}", curves), "utf-8")
    typer.echo(
        show.as_json(_table_json(found, begin, curves)) if as_json else "\n".join(_table(found, begin, curves))
    )


# --- fee -----------------------------------------------------------------------------------------------------


def _versions(found: Tariff) -> Iterator[Tariff]:
    """A tariff and all that it replaces."""
    yield found
    if found.replaces:
        yield from _versions(found.replaces.tariff)


def _possible(price: Quote, context: Context) -> None:
    """What is told of the stay must have happened: paid while it lasted, earlier stays over when it began."""
    if any(not price.entry <= paid.at <= price.exit for paid in context.paid):
        raise typer.BadParameter(
            "付款时间须在入场与出场之间 / one pays between entry and exit", param_hint="--paid"
        )
    if any(earlier.exit > price.entry for earlier in context.earlier):
        raise typer.BadParameter(
            "此前的停车须在本次入场前结束 / an earlier stay must end before this one begins", param_hint="--earlier"
        )


def _known(found: Tariff, permits: list[Permit]) -> tuple[Permit, ...]:
    """The permits, if the tariff knows them all: a kind that is spelled wrong would get the full price."""
    known: set[str] = set()
    for version in _versions(found):
        known |= {rule.kind for rule in version.permits}
        known = known.union(*(row.permits for row in version.classes), *(one.permits for one in version.discounts))
    for permit in permits:
        if not known:
            fail(f"没有证件 {permit.kind!r}，本费率没有证件 / no such permit: this tariff knows none")
        if permit.kind not in known:
            kinds = ", ".join(sorted(known))
            fail(f"没有证件 {permit.kind!r}，有: {kinds} / no such permit in this tariff; there are: {kinds}")
    return tuple(permits)


# --- check ---------------------------------------------------------------------------------------------------


def checked(file: Path, found: Tariff, doubted: list[Doubt]) -> Iterator[str]:
    """What a good tariff is, and what is doubtful in it, line by line."""
    rows = "、".join(row.name for row in found.classes)
    said = f"{found.id} ({found.version}), {rows}, {found.content_hash[:HASH_SHOWN]}"
    if not doubted:
        yield f"{file}: 费率正确 / good: {said}"
        return
    yield f"{file}: {len(doubted)} 处存疑 / doubts: {said}"
    for doubt in doubted:
        yield f"  {doubt.row}: {doubt.message}" if doubt.row else f"  {doubt.message}"
        for price in doubt.example:
            stay = f"{price.entry:%Y-%m-%d %H:%M:%S} - {price.exit:%Y-%m-%d %H:%M:%S}"
            yield f"    {stay}  {yuan(price.total):>9} 元 / yuan"


def _mistakes_json(file: Path, error: ConfigError) -> dict[str, object]:
    return {"file": file, "good": False, "mistakes": [asdict(problem) for problem in error.problems]}


def _checked_json(file: Path, found: Tariff, doubted: list[Doubt]) -> dict[str, object]:
    return {
        "file": file,
        "good": True,
        "tariff": _tariff_json(found),
        "classes": [row.name for row in found.classes],
        "doubts": [
            {
                "kind": doubt.kind,
                "class": doubt.row,
                "message": doubt.message,
                "example": [price.to_json() for price in doubt.example],
            }
            for doubt in doubted
        ],
    }


def _tariff_json(found: Tariff) -> dict[str, str]:
    return {"id": found.id, "version": found.version, "name": found.name, "hash": found.content_hash}


# --- table ---------------------------------------------------------------------------------------------------


def _usual_entry(found: Tariff) -> datetime:
    """A Wednesday at nine on which this version holds already."""
    at = _USUAL
    while found.replaces and seconds_of(at) < found.replaces.until and at.year in _YEARS:
        at += timedelta(weeks=1)
    return at


def _curves(found: Tariff, entry: datetime, until: int, vehicle_class: str | None, vehicle: Context) -> Curves:
    """The fees of one class, or of all rows, each under its row's name."""
    wanted = [row.name for row in found.classes] if vehicle_class is None else [_class(vehicle_class)]
    curves: dict[str, list[Plateau]] = {}
    for one in wanted:
        context = replace(vehicle, vehicle_class=one)
        name = quote(found, Parked(entry, entry), context).price_class
        curves[name] = curve.plateaus(partial(_fen, found, entry, context), until)
    return curves


def _fen(found: Tariff, entry: datetime, context: Context, seconds: int) -> int:
    return quote(found, Parked(entry, entry + timedelta(seconds=seconds)), context).total


def _tariff_line(found: Tariff) -> str:
    return f"{found.id} ({found.version}), {found.content_hash[:HASH_SHOWN]}"


def _entry_line(entry: datetime) -> str:
    at = entry.astimezone(CHINA)
    return f"入场 / entry {at:%Y-%m-%d %H:%M} 周{'一二三四五六日'[at.weekday()]} / {at:%A}"


def _table(found: Tariff, entry: datetime, curves: Curves) -> Iterator[str]:
    yield found.name
    yield _tariff_line(found)
    yield _entry_line(entry)
    begins = sorted({plateau.begin for row in curves.values() for plateau in row})
    ends = [*(begin - 1 for begin in begins[1:]), next(iter(curves.values()))[-1].end]
    limits = [Plateau(begin, end, 0).limits for begin, end in zip(begins, ends, strict=True)]
    reach = [max(len(limit[side]) for limit in limits) for side in (0, 1)]
    fees = [[yuan(curve.fen_at(row, begin)) for row in curves.values()] for begin in begins]
    columns = [max(width(name), *(len(row[at]) for row in fees)) for at, name in enumerate(curves)]
    head = [" " * (columns[at] - width(name)) + name for at, name in enumerate(curves)]
    yield "  ".join((padded("时长 / stay", sum(reach) + 2), *head)) + "  元 / yuan"
    for (after, up_to), row in zip(limits, fees, strict=True):
        money = [f"{text:>{columns[at]}}" for at, text in enumerate(row)]
        yield "  ".join((f"{after:<{reach[0]}}", f"{up_to:<{reach[1]}}", *money))


def _table_json(found: Tariff, entry: datetime, curves: Curves) -> dict[str, object]:
    return {
        "tariff": _tariff_json(found),
        "entry": entry.isoformat(),
        "classes": [
            {
                "class": name,
                "steps": [{"from": one.begin, "to": one.end, "fen": one.fen} for one in row],
            }
            for name, row in curves.items()
        ],
    }
