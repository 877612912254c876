"""Text logs of lanes as packets. Pure: lines in, packets, problems and stated assumptions out.

A log is read line by line, by tables of patterns: time, what is beside the point, direction, and what is left is
searched for hex. There is no standard for such logs; the tables hold what lane programs and serial terminals are
known to print. A line that may mean two things becomes a problem, never a guess.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta

from protocols.china import CHINA
from protocols.immutable import dataclass
from protocols.pcapng import Packet

ARTIFICIAL_START = datetime(2000, 1, 1, tzinfo=CHINA)
"""When a log without times or dates begins, unless told: nobody takes it for the real time."""

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
EPOCH = date(1970, 1, 1)
TIMES = range((date(2200, 1, 1) - EPOCH).days * DAY)
"""Nanoseconds since 1970 UTC that a log may speak of; a replay takes no others either."""

CERTAIN = 8
"""So many digits in a row, letters among them, are hex wherever they stand; fewer must be announced."""

NEAR = 80
"""So many characters before hex are searched for what announces it."""

LONGEST = 65_536
"""A line of more characters is no lane program's; the patterns are not tried on it."""

CUT = "\0"
"""Stands for what a table has recognised and taken out."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A line with hex that cannot be converted; `line` counts from 1, `text` says why, Chinese first."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Converted:
    """What a log holds: packets in its order, `skipped` lines without hex, `notes` on all that was assumed."""

    packets: tuple[Packet, ...]
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    skipped: int


def convert(
    lines: Iterable[str], interface: str, *, outbound: bool | None = None, start: datetime | None = None
) -> Converted:
    """Read a log as packets of one interface.

    `outbound` is the direction of lines that tell none. `start` (aware) dates a log that has no dates, and begins
    one that has no times, where line n is n milliseconds later. Lines that begin with # are skipped.
    """
    found: list[_Line] = []
    problems: list[Problem] = []
    skipped = 0
    for number, text in enumerate(lines, 1):
        try:
            line = _line(number, text.replace(CUT, "\ufffd").strip("\ufeff \t\r\n"), outbound=outbound)
        except _UnclearError as unclear:
            problems.append(Problem(number, str(unclear)))
            continue
        if line:
            found.append(line)
        else:
            skipped += 1
    times, notes = _times(found, start)
    packets = (Packet(interface, at, line.outbound, line.data) for line, at in zip(found, times, strict=True))
    return Converted(tuple(packets), tuple(problems), (*notes, *_assumptions(found, skipped)), skipped)


class _UnclearError(Exception):
    """Why a line with hex is no packet, in the words of `Problem.text`."""


# --- times -----------------------------------------------------------------------------------------------------

_DATE = r"(?P<year>(?:19|20|21)\d\d)(?P<by>[-/.])(?P<month>\d\d?)(?P=by)(?P<day>\d\d?)"
_CHINESE_DATE = r"(?P<year>(?:19|20|21)\d\d)年(?P<month>\d\d?)月(?P<day>\d\d?)日"
_PLAIN_DATE = r"(?P<year>(?:19|20|21)\d\d)(?P<month>[01]\d)(?P<day>[0-3]\d)"
# After a comma or a colon only milliseconds: any other number of digits could be the bytes of the next column.
_FRACTION = r"(?:\.(?P<fraction>\d{1,9})|[,:](?P<millis>\d{3}))?"
_CLOCK = rf"(?P<hour>\d\d?):(?P<minute>\d\d):(?P<second>\d\d){_FRACTION}"
_CHINESE_CLOCK = rf"(?P<hour>\d\d?)[时点](?P<minute>\d\d?)分(?P<second>\d\d?){_FRACTION}秒"
_PLAIN_CLOCK = rf"(?P<hour>\d\d)(?P<minute>\d\d)(?P<second>\d\d){_FRACTION}"
_ZONE = r"(?: ?(?P<zone>Z|[+-]\d\d:?\d\d))?"
_BEGIN, _END = r"(?<![\w:.-])", r"(?!\w|[:.]\w)"
# Forms of nothing but digits can also be bytes: only at the head, or as a column.
_HEAD = r"(?:^(?:\W*[A-Za-z]{2,8}\W++)?|[\t,;|\"'\[({=:]) *"

TIME_FORMS = tuple(
    re.compile(form, re.ASCII)
    for form in (
        rf"{_BEGIN}(?P<time>{_DATE}[ T_@]{_CLOCK}{_ZONE}){_END}",
        rf"{_BEGIN}(?P<time>{_CHINESE_DATE} ?{_CLOCK}){_END}",
        rf"{_BEGIN}(?P<time>{_CHINESE_DATE} ?{_CHINESE_CLOCK})",
        rf"{_BEGIN}(?P<time>{_PLAIN_DATE}[ T_-]{_CLOCK}{_ZONE}){_END}",
        rf"{_HEAD}(?P<time>{_PLAIN_DATE}[ T_-]?{_PLAIN_CLOCK}{_ZONE}){_END}",
        rf"{_HEAD}(?P<time>(?P<unix>[1-4]\d{{9}})(?:\.(?P<fraction>\d{{1,9}})|(?P<millis>\d{{3}}))?){_END}",
        rf"{_BEGIN}(?P<time>{_CLOCK}){_END}",
    )
)
UNCLEAR_DATE = re.compile(
    r"(?<![\w.])\d\d?(?P<by>[/.-])\d\d?(?P=by)(?:19|20|21)?\d\d(?!\w)"
    r"|(?<![\w.])\d\d?[-/.月]\d\d?日?(?=[ T]*$)"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*[ .,-]+\d{1,2}\b"
    r"|\b\d{1,2}[ .-]+(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
)
COULD_BE_BYTES = re.compile(r"(?:\d\d)+|\d\d:\d\d:\d\d")


@dataclass(frozen=True, slots=True)
class _Stamp:
    """A time as printed: the day if there was one, nanoseconds of the day, minutes east of UTC if it told."""

    day: date | None
    clock: int
    zone: int | None


def _stamp(found: re.Match[str]) -> _Stamp:
    part = {name: text for name, text in found.groupdict().items() if text}
    fraction = int((part.get("fraction") or part.get("millis") or "").ljust(9, "0"))
    if "unix" in part:
        days, seconds = divmod(int(part["unix"]), 86_400)
        return _Stamp(EPOCH + timedelta(days), seconds * SECOND + fraction, 0)
    hour, minute, second = (int(part[name]) for name in ("hour", "minute", "second"))
    try:
        day = date(int(part["year"]), int(part["month"]), int(part["day"])) if "year" in part else None
        datetime(2000, 1, 1, hour, minute, second, tzinfo=UTC)
    except ValueError:
        raise _UnclearError(f"没有这样的时间 / there is no such time: {part['time']}") from None
    zone = part.get("zone")
    return _Stamp(day, ((hour * 60 + minute) * 60 + second) * SECOND + fraction, _minutes(zone) if zone else None)


def _minutes(zone: str) -> int:
    if zone == "Z":
        return 0
    sign = -1 if zone.startswith("-") else 1
    return sign * (int(zone[1:3]) * 60 + int(zone[-2:]))


def _cut_time(text: str) -> tuple[re.Match[str] | None, str]:
    """The first time in a line, in the fullest form that begins there, and the line without it."""
    found = min((m for form in TIME_FORMS if (m := form.search(text))), key=lambda m: m.start("time"), default=None)
    if not found:
        return None, text
    return found, text[: found.start("time")] + CUT + text[found.end("time") :]


# --- what is beside the point ----------------------------------------------------------------------------------

ASIDES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.])",  # address
        r"\b(?:len|length|size|line|port|thread|tid|pid|长度|字节数|行号|端口)\s*+(?:[:=：]\s*+)?\d{1,5}(?!\w)",
        # A tag's address; what a tag is sent or says has more than 4 bytes.
        (
            r"(?<![a-z])obu[ _]?(?:id|mac)?\s*+(?:[:=：]\s*+)?(?:0x)?(?!ffff)[0-9a-f]{8}(?!\w)"
            r"(?! ++(?:0x)?[0-9a-f]++(?![0-9a-z]))"
        ),
        r"(?<![\w.])\d{1,5} ?(?:bytes?|ms|字节|毫秒|秒)(?![0-9a-z])",
        r"(?<![\w.])\d+\.\d+(?![\w.])",  # an amount
        r"\b(?:COM\d{1,3}|tty[A-Z]*\d{1,3})\b",
    )
)
ROW_NUMBER = re.compile(rf"^\W*\d{{1,9}}[\s.,;|\])：:]+(?=[\"'\[(]*{CUT})")
LABELS = (
    r"(?:data|hex|frame|raw|buf|buffer|msg|message|bytes?|packet|payload|dir|direction|数据|报文|帧|指令|命令|内容"
    r"|天线|rsu|obu|trace|debug|info|warn|warning|error)"
)


def _cut_asides(text: str) -> str:
    for pattern in ASIDES:
        text = pattern.sub(CUT, text)
    return text


# --- direction -------------------------------------------------------------------------------------------------

OUT, IN, EITHER = frozenset({True}), frozenset({False}), frozenset({True, False})
_PC = r"(?:PC|HOST|车道机|上位机|计算机)"
_DEVICE = r"(?:RSU|OBU|PSAM|antenna|天线)"
_TO, _FROM = r"\s?(?:[-=]+>|>+|→|to)\s?", r"\s?(?:<[-=]+|<+|←)\s?"
_FREE, _CLOSED = r"(?<![A-Za-z0-9])", r"(?![a-z0-9])"
_ALONE = rf"(?:^|(?<=[{CUT}\t,;|\[\](){{}}<>\"':=]))[^\S\t]*"
_THEN = r"\s*(?=[\])>\"':：=,;|\t]|\s[\[({<\"']*(?:0x)?[0-9a-f]{2}|$)"

# Each pattern is taken out before the next one looks, so that the arrow of "PC->RSU" counts once.
MARKERS = tuple(
    (re.compile(pattern, re.IGNORECASE), says)
    for pattern, says in (
        (r"<[-=]+>|↔|⇄", EITHER),
        (rf"{_FREE}{_PC}{_TO}{_DEVICE}{_CLOSED}|{_FREE}{_DEVICE}{_FROM}{_PC}{_CLOSED}", OUT),
        (rf"{_FREE}{_DEVICE}{_TO}{_PC}{_CLOSED}|{_FREE}{_PC}{_FROM}{_DEVICE}{_CLOSED}", IN),
        (rf"(?:收到|接收到?){_DEVICE}(?:发送|发来|上报)的?", IN),
        (rf"(?:{_FREE}to|发送?(?:给|到|往)|给|向)\s?{_DEVICE}(?:发送)?{_CLOSED}", OUT),
        (rf"(?:{_FREE}from|来自)\s?{_DEVICE}{_CLOSED}|从\s?{_DEVICE}(?:接收|收到)", IN),
        # Who speaks, the antenna or the program's part of that name, these do not tell.
        (rf"{_FREE}{_DEVICE} ?(?:发送|接收|sends?|sent|recv|receives?|received|[tr]x)(?![a-z])", EITHER),
        (r"发送|下发|发出|下行|发[→>]+◇?|(?<!收)发(?=\s*[:：\])】])", OUT),
        (r"接收到?|收到|发来|上报|上行|收[←<]+◆?|收(?=\s*[:：\])】])", IN),
        (
            rf"{_FREE}(?:send(?:ing)?|sent|txd?|written|write|downlink)(?:_?(?:data|hex|frame|msg|buf))?{_CLOSED}",
            OUT,
        ),
        (
            rf"{_FREE}(?:recv|receiv(?:e|ed|ing)|rcvd?|rxd?|read|uplink)(?:_?(?:data|hex|frame|msg|buf))?{_CLOSED}",
            IN,
        ),
        (rf"{_ALONE}(?:out|outbound|down){_THEN}", OUT),
        (rf"{_ALONE}(?:in|inbound|up){_THEN}", IN),
        (r">>+|(?<![-=])[-=]+>|[→⇒]|^>(?=\s)", OUT),
        (r"<<+|<[-=]+|[←⇐]|^<(?=\s)", IN),
    )
)


def _cut_direction(text: str) -> tuple[frozenset[bool], str]:
    heard: frozenset[bool] = frozenset()
    for pattern, says in MARKERS:
        text, count = pattern.subn(CUT, text)
        if count:
            heard |= says
    return heard, text


# --- hex -------------------------------------------------------------------------------------------------------

_BYTE, _WORD = r"(?:0x)?[0-9a-f]{1,2}", r"(?:0x)?[0-9a-f]+"
RUN = re.compile(
    r"(?<![0-9a-z_.])"
    rf"(?:{_BYTE}(?P<mark>[,:;|-]) *{_BYTE}(?:(?P=mark) *{_BYTE}(?![0-9a-z_]))*+(?P<more>(?: +{_WORD}\b)*)"
    rf"|{_WORD}(?: +{_WORD})*)"
    r"(?![0-9a-z_])",
    re.IGNORECASE | re.ASCII,
)
_TWO = r"(?:0x)?[0-9a-f]{2}"
# Two bytes or more before or behind others, parted as columns are: only commas or only blanks part bytes.
LISTED_BEFORE = re.compile(
    rf"(?<![0-9a-z_.]){_TWO}(?P<mark>[,;|]) *(?:{_TWO}(?P=mark) *)+$", re.IGNORECASE | re.ASCII
)
LISTED_BEHIND = re.compile(rf" *(?P<mark>[,;|]) *{_TWO} *(?P=mark) *{_TWO}(?![0-9a-z_.])", re.IGNORECASE | re.ASCII)
GROUP = re.compile(r"(?:0x)?([0-9a-f]+)", re.IGNORECASE)
ANNOUNCED = re.compile(rf"(?:^|{CUT}|[\t;|]|,(?! ))(?:[^\w{CUT}]|{LABELS})*$", re.IGNORECASE)
FINISHED = re.compile(rf"\s*(?:$|[{CUT}\])}}>\"'”】,;，；。|\t])")
AROUND = re.compile(rf"[\s{CUT}\[\](){{}}<>\"',;:|【】]*")
TORN = re.compile(r"[ ,:;|-]*(?P<group>[0-9a-f][g-z]|[g-z][0-9a-f])(?![0-9a-z])", re.IGNORECASE | re.ASCII)
BROKEN = re.compile(rf"(?<![0-9a-f])(?=\d*[a-f])[0-9a-f]{{{CERTAIN},}}", re.IGNORECASE)
STRANGE = re.compile(
    r"(?<![0-9a-z])(?:\\x|\$)?(?:[0-9a-f]{2}h?(?:\\x|[^0-9a-z]{1,2})){2,}[0-9a-f]{2}h?(?![0-9a-z])",
    re.IGNORECASE | re.ASCII,
)
# "B2 FF FF 08 B2": frames begin with FF FF (rsu-protocol 2), and are called B0..D1.
FRAME_NAME = re.compile(r"[bcd][0-9a-f] ff ff", re.IGNORECASE)
# More digits than a number in such a log has, and no date with a time: bytes that happen to need no letters.
LONG_NUMBER = re.compile(r"(?!(?:19|20|21)\d\d[01]\d[0-3]\d[0-2]\d[0-5]\d[0-5]\d$)(?:\d\d){7,}", re.ASCII)
DUMP_OFFSET = re.compile(r"(?:[0-9a-f]{3}|[0-9a-f]{7})0", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Run:
    """Hex digits in groups, and where in the text they stand."""

    groups: tuple[str, ...]
    start: int
    end: int

    @property
    def digits(self) -> str:
        return "".join(self.groups)

    def counts(self, text: str, *, directed: bool) -> bool:
        """Whether these digits are data: for sure, or all there is, or announced by what stands before them."""
        digits = self.digits.lower()
        if len(digits) >= CERTAIN and re.search("[a-f]", digits) and re.search(r"\d|ff", digits):
            return True
        if AROUND.fullmatch(text, 0, self.start) and AROUND.fullmatch(text, self.end):
            return True
        finished = bool(FINISHED.match(text, self.end)) or bool(LONG_NUMBER.fullmatch(digits))
        return directed and finished and self._announced(text)

    def begins_data(self, text: str) -> bool:
        """Whether these digits are announced as data are, though what follows them is none: no number, no name."""
        digits = self.digits
        hexlike = len(digits) >= 4 and (len(self.groups) > 1 or re.search("[a-f]", digits, re.IGNORECASE))
        return bool(hexlike or TORN.match(text, self.end)) and self._announced(text)

    def whole(self, text: str) -> None:
        """Raises _UnclearError if a byte with a character that is no digit goes on behind these."""
        torn = TORN.match(text, self.end)
        if torn:
            raise _UnclearError(f"数据中有非十六进制字符 / not hex: {torn['group']}")

    def _announced(self, text: str) -> bool:
        return bool(ANNOUNCED.search(text, max(0, self.start - NEAR), self.start))

    def data(self, text: str) -> bytes:
        """The bytes. Raises _UnclearError where they may be fewer or more."""
        *before, end = self.groups
        if before and len(end) == 1 and not any(len(group) % 2 for group in before):
            raise _UnclearError(f"最后一个字节缺一半：{end} / the last byte lacks a digit: {end}")
        odd = next((group for group in self.groups if len(group) % 2), None)
        if odd:
            raise _UnclearError(f"半个字节 / half a byte: {_short(odd)} 有 {len(odd)} 位 / has {len(odd)} digits")
        if len(self.groups) > 1:
            self.whole(text)
            near = max(0, self.start - NEAR)
            if LISTED_BEFORE.search(text, near, self.start) or LISTED_BEHIND.match(text, self.end):
                raise _UnclearError(
                    "字节的分隔方式不一，请只用空格 / bytes are parted in two ways, write blanks alone"
                )
        *sizes, last = map(len, self.groups)
        if DUMP_OFFSET.fullmatch(self.groups[0]) and set(sizes[1:]) | {last} == {2}:
            raise _UnclearError(
                f"开头像是转储偏移，请删去 / looks like a dump's offset, remove it: {self.groups[0]}"
            )
        if FRAME_NAME.match(" ".join(self.groups)):
            raise _UnclearError(f"开头是帧名还是数据？ / a frame's name, or a byte? {' '.join(self.groups[:4])}")
        if sizes and not (len(set(sizes)) == 1 and (last == sizes[0] or (last < sizes[0] and len(sizes) > 1))):
            groups = " ".join(self.groups)
            raise _UnclearError(f"各组长度不一，哪些是数据 / groups of unlike lengths, which are data: {groups}")
        return bytes.fromhex(self.digits)


def _runs(text: str) -> Iterable[_Run]:
    for found in RUN.finditer(text):
        mark, start, end = found["mark"], found.start(), found.end()
        groups = [(group[1], start + group.start(), start + group.end()) for group in GROUP.finditer(found[0])]
        if found["more"]:
            # Of the list and the words behind it only the words can be the bytes, with the last of the list.
            *single, (_, begin, _) = [group for group in groups if group[1] < found.start("more")]
            yield from (_Run((digits,), *place) for digits, *place in single)
            yield _Run(tuple(digits for digits, _, _ in groups[len(single) :]), begin, end)
            continue
        # A comma that also stands before or behind them separates columns, not bytes.
        if (
            mark
            and mark in ",;|"
            and mark in (text[max(0, start - NEAR) : start].rstrip()[-1:], text[end : end + NEAR].lstrip()[:1])
        ):
            yield from (_Run((digits,), *place) for digits, *place in groups)
        else:
            yield _Run(tuple(digits for digits, _, _ in groups), start, end)


def _short(digits: str) -> str:
    return digits if len(digits) <= 16 else f"{digits[:8]}…{digits[-4:]}"


# --- lines -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Line:
    """A line with hex: what it says, and what had to be assumed (`untold` direction, `several` pieces of hex)."""

    number: int
    stamp: _Stamp | None
    outbound: bool
    data: bytes
    untold: bool
    several: bool


def _line(number: int, text: str, *, outbound: bool | None) -> _Line | None:
    """None for a line without hex."""
    if text.startswith("#"):
        return None
    if len(text) > LONGEST:
        raise _UnclearError(f"一行有 {len(text)} 个字符，太长 / {len(text)} characters are too long a line")
    time, rest = _cut_time(text)
    heard, rest = _cut_direction(_cut_asides(rest))
    runs = [run for run in _runs(rest) if run.counts(rest, directed=bool(heard))]
    if not runs:
        _nothing_overlooked(text, time, rest, directed=bool(heard))
        return None
    pieces = _without_row_number(runs, rest)
    data = _longest(pieces).data(rest)
    told = next(iter(heard)) if len(heard) == 1 else outbound
    if told is None:
        which = "两个方向都有 / names both directions" if heard else "没有方向 / tells no direction"
        raise _UnclearError(f"{which}; --direction in|out")
    return _Line(number, _dated(text, time), told, data, untold=len(heard) != 1, several=len(pieces) > 1)


def _nothing_overlooked(text: str, time: re.Match[str] | None, rest: str, *, directed: bool) -> None:
    """Where a line seems to have no hex: none may have been taken for a time, or be broken by other characters."""
    if time and COULD_BE_BYTES.fullmatch(time["time"]) and AROUND.fullmatch(text[time.end("time") :]):
        before = text[: time.start("time")]
        if AROUND.fullmatch(before) or _cut_direction(before)[0]:
            raise _UnclearError(f"是时间还是数据？数据请用空格隔开 / a time, or bytes? Put spaces: {time['time']}")
    broken = BROKEN.search(rest)
    begun = next((run for run in _runs(rest) if run.begins_data(rest)), None)
    if directed and begun and not broken:
        begun.whole(rest)
    piece = broken[0] if broken else begun and begun.digits
    strange = STRANGE.search(rest)
    if directed and strange and not piece:
        raise _UnclearError(f"十六进制写法不明，请用空格隔开 / write these bytes with spaces: {strange[0][:40]}")
    if directed and piece:
        raise _UnclearError(f"十六进制与其他字符相连 / hex runs into other characters: {_short(piece)}")


def _without_row_number(runs: Sequence[_Run], text: str) -> Sequence[_Run]:
    row = ROW_NUMBER.match(text)
    return [run for run in runs if not (row and run.start < row.end())] or runs


def _longest(runs: Sequence[_Run]) -> _Run:
    longest = max(runs, key=lambda run: len(run.digits))
    rivals = [run for run in runs if len(run.digits) == len(longest.digits)]
    # A frame printed twice is one frame; a short byte twice may be two.
    if len(rivals) > 1 and (len(longest.digits) < CERTAIN or {run.digits for run in rivals} != {longest.digits}):
        raise _UnclearError(
            "有几段同样长的十六进制，不知哪段是数据 / several pieces of hex, equally long; which is data?"
        )
    return longest


def _dated(text: str, time: re.Match[str] | None) -> _Stamp | None:
    if not time:
        return None
    stamp = _stamp(time)
    if stamp.day is None and (unclear := UNCLEAR_DATE.search(text[: time.start("time")])):
        raise _UnclearError(f"日期写法不明，请改为 年-月-日 / unclear date, write year-month-day: {unclear[0]}")
    if stamp.day is not None and _nanoseconds(stamp, stamp.day) not in TIMES:
        raise _UnclearError(f"时间不在 1970 至 2200 年之间 / not between 1970 and 2200: {time['time']}")
    return stamp


# --- what is assumed -------------------------------------------------------------------------------------------


def _times(found: Sequence[_Line], start: datetime | None) -> tuple[list[int], list[str]]:
    """Nanoseconds since 1970 UTC per line, and what was assumed to find them."""
    begin = (start or ARTIFICIAL_START).astimezone(CHINA)
    if not any(line.stamp for line in found):
        first = (begin - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
        note = (
            f"没有时间，第 n 行记为 {begin.isoformat()} 之后 n 毫秒 / no times: line n is n milliseconds after that"
        )
        return [first + line.number * 1_000_000 for line in found], [note] if found else []
    times = _on_days(found, begin.date())
    known = [at for at in times if at is not None]
    filled = [known[0]]
    for at in times:
        filled.append(filled[-1] if at is None else at)
    return filled[1:], list(_time_notes(found, begin.date()))


def _on_days(found: Sequence[_Line], day: date) -> list[int | None]:
    """Times that only tell the clock are of the day before them, or of the next when they go back by 12 hours."""
    times: list[int | None] = []
    last = 0
    for line in found:
        if line.stamp is None:
            times.append(None)
            continue
        day = line.stamp.day or (day + timedelta(days=1) if line.stamp.clock <= last - DAY // 2 else day)
        last = line.stamp.clock
        times.append(_nanoseconds(line.stamp, day))
    return times


def _nanoseconds(stamp: _Stamp, day: date) -> int:
    china = CHINA.utcoffset(None) // timedelta(minutes=1)
    zone = china if stamp.zone is None else stamp.zone
    return (day - EPOCH).days * DAY + stamp.clock - zone * 60 * SECOND


def _time_notes(found: Sequence[_Line], day: date) -> Iterable[str]:
    stamps = [line.stamp for line in found]
    if any(stamp and stamp.zone is None for stamp in stamps):
        yield "时间未注明时区，按中国时间 +08:00 / times without a zone are taken as China time, +08:00"
    if any(stamp and stamp.day is None for stamp in stamps):
        yield f"时间没有日期，从 {day} 起，过午夜加一天 / times without a date: from {day} on, midnights counted"
    if none := [line.number for line in found if line.stamp is None]:
        yield (
            f"第 {none[0]} 行等 {len(none)} 行没有时间，取前一行的，开头的取第一个 / "
            f"{len(none)} lines from line {none[0]} on have no time and get that of the line before, or the first"
        )


def _assumptions(found: Sequence[_Line], skipped: int) -> Iterable[str]:
    if untold := [line for line in found if line.untold]:
        count, first = len(untold), untold[0].number
        way, towards = ("发往设备", "to") if untold[0].outbound else ("来自设备", "from")
        yield (
            f"第 {first} 行等 {count} 行方向不明，按指定记为{way} / "
            f"{count} lines from line {first} on tell no direction: {towards} the device, as given"
        )
    if several := [line.number for line in found if line.several]:
        yield (
            f"第 {several[0]} 行等 {len(several)} 行有几段十六进制，取最长的 / "
            f"{len(several)} lines from line {several[0]} on have several pieces of hex: the longest was taken"
        )
    if skipped:
        yield f"跳过 {skipped} 行没有十六进制数据的 / {skipped} lines without hex were skipped"
