"""A quote as a receipt: aligned in a terminal, and short even for a year's stay. Pure: values in, text out."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from unicodedata import east_asian_width

from gateway.notice.values import length, spoken
from gateway.tariff.parts import seconds_of
from gateway.tariff.quote import CapCut, DiscountTaken, Line, Quote, yuan
from gateway.tariff.rules import DAY
from protocols.china import CHINA
from protocols.immutable import dataclass

HASH_SHOWN = 12
"""So many characters of a hash tell two versions of a tariff apart for a person."""

_FEW = 3
"""A receipt lists so many stretches of cycles one by one; of more it says how many cycles they are."""

_MANY = 24
"""So many lines still fit a screen: of more, all that are alike are gathered."""

_BETWEEN = 2

_Key = tuple[str, str, int, int]


def width(text: str) -> int:
    """How many columns of a terminal it takes: Chinese characters take two each."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, columns: int) -> str:
    """With blanks behind it up to so many columns."""
    return text + " " * (columns - width(text))


def span(seconds: int) -> str:
    """A length as a notice writes it, `1h30min`, with the seconds that it may have besides: `30min1s`."""
    whole, rest = seconds // 60 * 60, seconds % 60
    return f"{length(whole) if whole else ''}{f'{rest}s' if rest else ''}" or "0"


@dataclass(frozen=True, slots=True)
class _Sum:
    """What for, how it is reckoned, what it comes to, and in which cycles of the stay."""

    label: str
    reckoned: str
    fen: int
    cycles: str = ""


def receipt(quote: Quote, name: str) -> str:
    """A quote as a receipt; `name` is the tariff's."""
    return "\n".join([name, *_head(quote), *_sums(quote), f"校验 / hash    {quote.content_hash[:HASH_SHOWN]}"])


def _head(quote: Quote) -> Iterator[str]:
    days, rest = divmod(seconds_of(quote.exit) - seconds_of(quote.entry), DAY)
    stay = " ".join((*([f"{days}d"] if days else []), *([span(rest)] if rest or not days else [])))
    yield f"费率 / tariff  {quote.tariff_id} ({quote.version})"
    yield f"类别 / class   {quote.price_class}"
    yield f"入场 / entry   {quote.entry.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    yield f"出场 / exit    {quote.exit.astimezone(CHINA):%Y-%m-%d %H:%M:%S}"
    yield f"时长 / stay    {stay}"


def _sums(quote: Quote) -> Iterator[str]:
    lines = _in_order(quote.lines)
    too_many = len(lines) > _MANY
    if too_many:
        lines = _alike(quote.lines)
    parts = [*map(_line, lines), *_caps(quote), *map(_discount, quote.discounts)]
    ends = [_Sum("合计 / total", "", quote.total)]
    if quote.paid:
        ends += [_Sum("已付 / paid", "", -quote.paid), _Sum("应付 / due", "", quote.due)]
    labels = max(width(one.label) for one in (*parts, *ends)) + _BETWEEN
    reckoned = max(len(one.reckoned) for one in (*parts, *ends))
    money = max(len(yuan(one.fen)) for one in (*parts, *ends)) + _BETWEEN

    def row(one: _Sum, note: str) -> str:
        text = f"{padded(one.label, labels)}{one.reckoned:>{reckoned}}{yuan(one.fen):>{money}}  {note}"
        return text.rstrip()

    rule = "-" * (labels + reckoned + money)
    several = max((line.to_cycle for line in quote.lines), default=1) > 1
    yield rule
    if too_many:
        yield "同类合并 / alike lines gathered"
    yield from (row(one, one.cycles if several else "") for one in parts)
    if parts:
        yield rule
    yield from (row(one, "元 / yuan") for one in ends)


def _line(alike: Sequence[Line]) -> _Sum:
    one = alike[0]
    units = sum(line.units for line in alike)
    label = f"{one.period} {one.rule}".strip()
    return _Sum(label, f"{units} x {yuan(one.unit_fen)} =", sum(line.fen for line in alike), _cycles(alike))


def _in_order(lines: Iterable[Line]) -> list[list[Line]]:
    """The lines in the order of the stay; where cycles on end say the same in the same order, they say it once."""
    gathered: list[list[Line]] = []
    run: list[list[Line]] = []
    for _, cycle in groupby(lines, lambda line: (line.from_cycle, line.to_cycle)):
        new = [[line] for line in cycle]
        if run and run[0][-1].to_cycle + 1 == new[0][0].from_cycle and _keys(run) == _keys(new):
            for alike, same in zip(run, new, strict=True):
                alike.extend(same)
        else:
            run = new
            gathered += new
    return gathered


def _alike(lines: Iterable[Line]) -> list[list[Line]]:
    """All alike lines together, wherever in the stay they are."""
    groups: dict[_Key, list[Line]] = {}
    for line in lines:
        groups.setdefault(_key(line), []).append(line)
    return list(groups.values())


def _keys(run: list[list[Line]]) -> list[_Key]:
    return [_key(alike[0]) for alike in run]


def _key(line: Line) -> _Key:
    """What lines of several cycles have in common that are alike: the units are those of one cycle."""
    return line.rule, line.period, line.unit_fen, line.units // (line.to_cycle - line.from_cycle + 1)


def _caps(quote: Quote) -> Iterator[_Sum]:
    groups: dict[tuple[str, int], list[CapCut]] = {}
    for cut in quote.caps:
        groups.setdefault((cut.period, cut.cap_fen), []).append(cut)
    for (period, cap_fen), alike in groups.items():
        label = f"封顶 / cap {yuan(cap_fen)} {period}".strip()
        yield _Sum(label, "", -sum(cut.fen for cut in alike), _cycles(alike))


def _discount(taken: DiscountTaken) -> _Sum:
    off = f" 减免{spoken(taken.time)} / {span(taken.time)} off" if taken.time else ""
    return _Sum(f"优惠 / discount {taken.name}{off}", "", -taken.fen)


def _cycles(alike: Sequence[Line] | Sequence[CapCut]) -> str:
    """In which cycles: 第1-3、6周期 / cycles 1-3, 6."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted((one.from_cycle, one.to_cycle) for one in alike):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    if len(merged) > _FEW:
        reach, count = f"{merged[0][0]}-{merged[-1][1]}", sum(last - first + 1 for first, last in merged)
        return f"第{reach}周期中{count}个 / {count} of cycles {reach}"
    said = [f"{first}-{last}" if last > first else f"{first}" for first, last in merged]
    many = "s" if merged[-1][1] > merged[0][0] else ""
    return f"第{'、'.join(said)}周期 / cycle{many} {', '.join(said)}"
