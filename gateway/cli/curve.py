"""The fee by how long a stay is: its plateaus, and a picture of them. Pure: values in, SVG out.

The picture is drawn here, since a plotting library would weigh 60 MB on a lane's PC for this one curve. It is on
white, so that it can be read on a dark page too; whoever points at a plateau is told its limits.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from xml.etree import ElementTree as ET

from gateway.cli.receipt import span, width
from gateway.tariff.quote import yuan
from protocols.immutable import dataclass

Curves = Mapping[str, Sequence["Plateau"]]
"""The plateaus of each row of a notice, by its name."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom, in pixels."""

_WIDTH, _HEIGHT = 1000, 620
_LEFT, _TOP, _RIGHT, _BOTTOM = 72, 92, 976, 540
_SMALL, _LARGE = 13, 20
_LETTER = 0.58
"""About how wide a digit is, as a part of the size of its font; a Chinese character is one."""

_INK, _GREY, _GRID = "#1f2937", "#4b5563", "#e5e7eb"
_COLOURS = ("#0b5fa5", "#c2410c", "#0f766e", "#6d28d9", "#9d174d", "#3f6212", "#404040")
"""Each dark enough to be read as text on white (contrast 4.5 or more)."""

_HOURS = (0.05, 0.1, 0.25, 0.5, 1, 2, 3, 4, 6, 12, 24, 48, 72)
_MOST_MARKS = 12
_NARROW = 8
"""A plateau of fewer pixels gets no label: labels beside such a dense stair would tell nothing."""


@dataclass(frozen=True, slots=True)
class Plateau:
    """Stays of `begin` to `end` seconds, both included, cost `fen`."""

    begin: int
    end: int
    fen: int

    @property
    def limits(self) -> tuple[str, str]:
        """From where and up to where, as a notice says it: `> 30min`, `<= 1h`; strict ones `>= 30min`, `< 1h`."""
        after, past = self.begin - 1, self.end + 1
        return (
            f">= {span(self.begin)}" if self.begin % 60 == 0 else f"> {span(after)}",
            f"< {span(past)}" if past % 60 == 0 else f"<= {span(self.end)}",
        )


def plateaus(fee: Callable[[int], int], until: int) -> list[Plateau]:
    """What a stay costs, from one second up to `until`; every change is exact to the second.

    Lengths and times of day in a notice are whole minutes. So the fee is looked at on each minute and one second
    past it, and where two of these differ, the change between them is searched for.
    """
    found: list[Plateau] = []
    begin, fen, before = 1, fee(1), 1
    for at in (moment for minute in range(60, until + 1, 60) for moment in (minute, minute + 1)):
        while at <= until and fee(at) != fen:
            change = _change(fee, fen, before, at)
            found.append(Plateau(begin, change - 1, fen))
            begin, fen, before = change, fee(change), change
        before = at
    return [*found, Plateau(begin, until, fen)]


def _change(fee: Callable[[int], int], fen: int, before: int, at: int) -> int:
    """The first second after `before`, at most `at`, that costs something else than `fen`."""
    return bisect_left(range(at), 1, lo=before + 1, hi=at, key=lambda second: int(fee(second) != fen))


def fen_at(curve: Sequence[Plateau], seconds: int) -> int:
    """What a stay of so many seconds costs."""
    return curve[bisect_left(curve, seconds, key=lambda plateau: plateau.end)].fen


@dataclass(frozen=True, slots=True)
class _Paper:
    """Where a stay and its fee lie on the picture."""

    seconds: int
    fen: int

    def x(self, seconds: float) -> float:
        return round(_LEFT + (_RIGHT - _LEFT) * seconds / self.seconds, 2)

    def y(self, fen: float) -> float:
        return round(_BOTTOM - (_BOTTOM - _TOP) * fen / self.fen, 2)


def svg(title: str, subtitle: str, curves: Curves) -> str:
    """All curves on one sheet, with axes, the fee of each plateau where there is room for it, and a legend."""
    until = max(curve[-1].end for curve in curves.values())
    highest = max(plateau.fen for curve in curves.values() for plateau in curve)
    mark = _fen_between_marks(highest)
    paper = _Paper(until, (highest // mark + 1) * mark)
    rows = _legend_rows(list(curves))
    height = _HEIGHT + 24 * (len(rows) - 1)
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {_WIDTH} {height}",
            "font-family": "Noto Sans CJK SC, Microsoft YaHei, PingFang SC, sans-serif",
        },
    )
    ET.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "white"})
    size = min(_LARGE, (_RIGHT - _LEFT) / max(1, width(title)) / _LETTER)
    _text(root, title, _LEFT, 34, size=size, fill=_INK, weight="bold")
    _text(root, subtitle, _LEFT, 58, size=_SMALL, fill=_GREY)
    _axes(root, paper, mark)
    for number, (name, curve) in enumerate(curves.items()):
        _draw(root, paper, number, name, curve)
    _labels(root, paper, curves)
    _legend(root, rows)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _fen_between_marks(highest: int) -> int:
    steps = (base * int(10**power) for power in range(1, 12) for base in (1, 2, 5))
    return next(step for step in steps if highest / step < _MOST_MARKS - 2)


def _axes(root: ET.Element, paper: _Paper, mark: int) -> None:
    hours = next((step for step in _HOURS if paper.seconds / 3600 / step <= _MOST_MARKS), _HOURS[-1])
    for number in range(int(paper.seconds / 3600 / hours) + 1):
        x = paper.x(number * hours * 3600)
        _line(root, (x, _TOP, x, _BOTTOM), stroke=_GRID)
        _text(root, f"{number * hours:g}", x, _BOTTOM + 20, anchor="middle")
    for fen in range(0, paper.fen + 1, mark):
        _line(root, (_LEFT, paper.y(fen), _RIGHT, paper.y(fen)), stroke=_GRID if fen else _GREY)
        _text(root, _short(fen), _LEFT - 10, paper.y(fen) + 4.5, anchor="end")
    _text(root, "元 / yuan", _LEFT - 10, _TOP - 14, anchor="end")
    _text(root, "停车时长（小时）/ stay in hours", _RIGHT, _BOTTOM + 42, anchor="end")


def _draw(root: ET.Element, paper: _Paper, number: int, name: str, curve: Sequence[Plateau]) -> None:
    """One curve. The first are the widest, so that those drawn over them do not hide them where fees are equal."""
    colour, stroke = _COLOURS[number % len(_COLOURS)], max(2.0, 5 - 1.5 * number)
    group = ET.SubElement(root, "g", {"class": "row", "stroke": colour})
    ET.SubElement(group, "title").text = name
    for one, next_ in pairwise(curve):
        x = paper.x(one.end)
        _line(group, (x, paper.y(one.fen), x, paper.y(next_.fen)), width="1.2")
    for plateau in curve:
        y = paper.y(plateau.fen)
        line = _line(group, (paper.x(plateau.begin - 1), y, paper.x(plateau.end), y), width=f"{stroke:g}")
        line.set("class", "plateau")
        ET.SubElement(line, "title").text = f"{name} {' '.join(plateau.limits)}: {yuan(plateau.fen)} 元 / yuan"


def _labels(root: ET.Element, paper: _Paper, curves: Curves) -> None:
    """The longest plateaus get their fee first; a label that would cover a line or another label is left out."""
    taken = [box for curve in curves.values() for box in _lines_of(paper, curve)]
    wanted = [
        (plateau, _COLOURS[number % len(_COLOURS)])
        for number, curve in enumerate(curves.values())
        for plateau in curve
        if paper.x(plateau.end) - paper.x(plateau.begin - 1) >= _NARROW
    ]
    wanted.sort(key=lambda one: one[0].begin - one[0].end)
    told: set[Plateau] = set()
    for plateau, colour in wanted:
        text = _short(plateau.fen)
        place = next((box for box in _places(paper, plateau, text) if not _meets(box, taken)), None)
        if place and plateau not in told:
            taken.append(place)
            told.add(plateau)
            _text(root, text, place[0], place[3] - 3, fill=colour, weight="bold")


def _places(paper: _Paper, plateau: Plateau, text: str) -> list[Box]:
    """Where its label may stand: above its middle, up its left where a rising stair leaves room, below."""
    long, high = len(text) * _SMALL * _LETTER + 2, _SMALL + 2.0
    left, right, y = paper.x(plateau.begin - 1), paper.x(plateau.end), paper.y(plateau.fen)
    middle = (left + right - long) / 2
    above, below = y - 4 - high, y + 5
    spots = [(middle, above)] if right - left >= long else [(right - 3 - long, above)]
    spots += [(middle, below), (left + 3, below)]
    return [
        (x, top, x + long, top + high)
        for x, top in spots
        if x > _LEFT and x + long < _WIDTH and top + high < _BOTTOM
    ]


def _lines_of(paper: _Paper, curve: Sequence[Plateau]) -> list[Box]:
    flat = [(paper.x(one.begin - 1), paper.y(one.fen) - 2, paper.x(one.end), paper.y(one.fen) + 2) for one in curve]
    rises = [
        (paper.x(a.end) - 1, paper.y(max(a.fen, b.fen)), paper.x(a.end) + 1, paper.y(min(a.fen, b.fen)))
        for a, b in pairwise(curve)
    ]
    return [*flat, *rises, (_LEFT, _BOTTOM, _RIGHT, _BOTTOM + 1)]


def _meets(box: Box, taken: Sequence[Box]) -> bool:
    left, top, right, bottom = box
    return any(
        left < right_ and left_ < right and top < bottom_ and top_ < bottom
        for left_, top_, right_, bottom_ in taken
    )


def _legend_rows(names: list[str]) -> list[list[tuple[int, str, float]]]:
    """Which names stand beside each other under the picture, each with its number and its left edge."""
    rows: list[list[tuple[int, str, float]]] = [[]]
    x = float(_LEFT)
    for number, name in enumerate(names):
        long = 50 + width(name) * _SMALL * _LETTER
        if rows[-1] and x + long > _RIGHT:
            rows.append([])
            x = _LEFT
        rows[-1].append((number, name, x))
        x += long
    return rows


def _legend(root: ET.Element, rows: list[list[tuple[int, str, float]]]) -> None:
    for at, row in enumerate(rows):
        y = _HEIGHT - 16 + 24 * at
        for number, name, x in row:
            line = _line(root, (x, y, x + 22, y), stroke=_COLOURS[number % len(_COLOURS)], width="4")
            line.set("class", "legend")
            _text(root, name, x + 28, y + 4.5, fill=_INK)


def _line(parent: ET.Element, ends: Box, *, stroke: str = "", width: str = "1") -> ET.Element:
    element = ET.SubElement(
        parent, "line", dict(zip(("x1", "y1", "x2", "y2"), (f"{at:g}" for at in ends), strict=True))
    )
    element.set("stroke-width", width)
    if stroke:
        element.set("stroke", stroke)
    return element


def _text(
    parent: ET.Element,
    text: str,
    x: float,
    y: float,
    *,
    size: float = _SMALL,
    fill: str = _GREY,
    anchor: str = "start",
    weight: str = "normal",
) -> None:
    attributes = {
        "x": f"{x:g}",
        "y": f"{y:g}",
        "font-size": f"{size:g}",
        "fill": fill,
        "text-anchor": anchor,
        "font-weight": weight,
    }
    ET.SubElement(parent, "text", attributes).text = text


def _short(fen: int) -> str:
    """Yuan without places that say nothing: 5, 2.50."""
    return yuan(fen).removesuffix(".00")
