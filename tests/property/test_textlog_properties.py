"""Whatever packets are printed in any of the known styles, reading the log gives them back."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.textlog import ARTIFICIAL_START, Converted, convert
from protocols.pcapng import Packet
from protocols.rsu.messages import CHINA

BEGIN = datetime(2020, 8, 28, tzinfo=CHINA)
BEGIN_NS = 1_598_544_000 * 10**9
NS, US, MS, SECOND = 1, 1_000, 1_000_000, 1_000_000_000


def at(ns: int) -> datetime:
    """China time, to the second."""
    return BEGIN + timedelta(seconds=(ns - BEGIN_NS) // SECOND)


def clocked(layout: str, digits: int) -> Callable[[int], str]:
    """A time by strftime, `%~` being so many digits of the second's fraction."""
    return lambda ns: at(ns).strftime(layout).replace("~", f"{ns % SECOND:09}"[:digits])


TIMES: list[tuple[int, Callable[[int], str]]] = [
    (NS, clocked("%Y-%m-%dT%H:%M:%S.~+08:00", 9)),
    (US, clocked("%Y-%m-%d %H:%M:%S.~", 6)),
    (MS, clocked("%Y-%m-%d %H:%M:%S,~", 3)),
    (MS, clocked("[%Y/%m/%d %H:%M:%S:~]", 3)),
    (MS, clocked("%Y%m%d %H%M%S.~", 3)),
    (SECOND, clocked("%Y%m%d%H%M%S", 0)),
    (SECOND, clocked("%Y年%m月%d日 %H时%M分%S秒", 0)),
    (MS, clocked("[%H:%M:%S.~]", 3)),
    (SECOND, clocked("%H:%M:%S", 0)),
    (SECOND, lambda ns: f"{ns // SECOND}"),
    (NS, lambda ns: f"{ns // SECOND}.{ns % SECOND:09}"),
    (MS, lambda ns: f"{ns // MS}"),
]

MARKERS = [
    *(("send:", "recv:"), ("TX", "RX"), ("[TX]", "[RX]"), (">>", "<<"), ("->", "<-"), ("PC->RSU", "RSU->PC")),
    *(("发送", "接收"), ("发送：", "接收："), ("发→◇", "收←◆"), ("down", "up"), ("out", "in"), ("下行", "上行")),
]

HEX: list[Callable[[bytes], str]] = [
    bytes.hex,
    lambda data: data.hex().upper(),
    lambda data: data.hex(" "),
    lambda data: data.hex(":"),
    lambda data: data.hex("-").upper(),
    lambda data: f"0x{data.hex()}",
    lambda data: " ".join(f"0x{byte:02X}" for byte in data),
    lambda data: f"[{data.hex(' ')}]",
]
WITH_COMMAS: list[Callable[[bytes], str]] = [
    lambda data: ", ".join(f"0x{byte:02x}" for byte in data),
    lambda data: f"[{data.hex(',')}]",
    lambda data: f"{{{', '.join(f'{byte:02X}' for byte in data)}}}",
]

LAYOUTS = ["{time} {marker} {hex}", "{time}\t{marker}\t{hex}", "{row}\t{time}\t{marker}\t{hex}"]
TABLES = ["{time},{marker},{hex}", "{row},{time},{marker},{hex}", "{time};{marker};{hex}", "{time},{hex},{marker}"]
TIMELESS = ["{marker} {hex}", "{marker}\t{hex}", "{row}\t{marker}\t{hex}"]

LOOKS_LIKE_A_TIME = re.compile(r"\W*(\d{10}|\d{14}|\d\d:\d\d:\d\d)\W*")
TEXT_ONLY = ["", "天线初始化", "2020-08-28 17:16:34 connected to 192.168.1.20:9527", "recv timeout: 30", "# FFFF80"]


@dataclass(frozen=True)
class Style:
    """How one program prints its lines."""

    layout: str
    markers: tuple[str, str]
    hex: Callable[[bytes], str]

    def line(self, row: int, time: str, packet: Packet) -> str:
        marker = self.markers[0 if packet.outbound else 1]
        return self.layout.format(row=row, time=time, marker=marker, hex=self.hex(packet.data))


def styles(layouts: list[str], *, tables: bool = False) -> st.SearchStrategy[Style]:
    free = st.builds(
        Style, st.sampled_from(layouts), st.sampled_from(MARKERS), st.sampled_from([*HEX, *WITH_COMMAS])
    )
    # Between commas bytes cannot be parted by commas; and "send:,FF" nobody prints.
    words = st.sampled_from([pair for pair in MARKERS if pair[0].isalnum()])
    columns = st.builds(Style, st.sampled_from(TABLES), words, st.sampled_from(HEX))
    return free | columns if tables else free


# A byte that may be the name of the frame behind it is not converted: test_textlog.py.
DATA = st.binary(min_size=1, max_size=40).filter(lambda data: not re.match("[bcd].ffff", data.hex()))


@st.composite
def packets(draw: st.DrawFn) -> list[Packet]:
    """Up to a dozen, less than 12 hours apart, so that a clock alone tells the day."""
    steps = st.integers(0, 12 * 3600 * SECOND - 1)
    now, made = BEGIN_NS, []
    for step in draw(st.lists(steps, min_size=1, max_size=12)):
        now += step
        made.append(Packet("rsu1", now, draw(st.booleans()), draw(DATA)))
    return made


def read(lines: list[str], start: datetime | None = None) -> Converted:
    return convert(lines, "rsu1", start=start)


@given(packets(), styles(LAYOUTS, tables=True), st.sampled_from(TIMES))
def test_what_is_printed_is_read(
    passed: list[Packet], style: Style, time: tuple[int, Callable[[int], str]]
) -> None:
    resolution, shown = time
    expected = [Packet("rsu1", p.time_ns // resolution * resolution, p.outbound, p.data) for p in passed]
    lines = [style.line(row, shown(packet.time_ns), packet) for row, packet in enumerate(passed, 1)]
    found = read(lines, BEGIN)
    assert (found.problems, found.skipped) == ((), 0)
    assert list(found.packets) == expected


@given(packets(), styles(TIMELESS))
def test_what_is_printed_without_times_is_read(passed: list[Packet], style: Style) -> None:
    assume(not any(LOOKS_LIKE_A_TIME.fullmatch(style.hex(packet.data)) for packet in passed))
    found = read([style.line(row, "", packet) for row, packet in enumerate(passed, 1)])
    assert (found.problems, found.skipped) == ((), 0)
    assert [(p.outbound, p.data) for p in found.packets] == [(p.outbound, p.data) for p in passed]
    first = int(ARTIFICIAL_START.timestamp()) * SECOND
    assert [p.time_ns for p in found.packets] == [first + n * MS for n in range(1, len(passed) + 1)]


@given(packets(), styles(LAYOUTS, tables=True), st.lists(st.tuples(st.integers(0, 12), st.sampled_from(TEXT_ONLY))))
def test_text_between_changes_nothing(passed: list[Packet], style: Style, texts: list[tuple[int, str]]) -> None:
    lines = [style.line(row, TIMES[0][1](packet.time_ns), packet) for row, packet in enumerate(passed, 1)]
    mixed = lines.copy()
    for place, text in texts:
        mixed.insert(place, text)
    assert read(mixed).packets == read(lines).packets
    assert read(mixed).skipped == len(texts)


HEXLIKE = st.text(st.sampled_from("0123456789abcdefABCDEFxgG ,:;-|[]()<>\t.\0发收送send年月日TXR"), max_size=60)


@given(st.lists(HEXLIKE | st.text(max_size=40), max_size=8), st.sampled_from([None, True, False]))
def test_every_line_is_a_packet_a_problem_or_skipped(lines: list[str], outbound: bool | None) -> None:  # noqa: FBT001
    found = convert(lines, "rsu1", outbound=outbound)
    assert len(found.packets) + len(found.problems) + found.skipped == len(lines)
    assert all(packet.data and 0 <= packet.time_ns < 2**63 for packet in found.packets)


@given(st.lists(HEXLIKE, max_size=8))
def test_a_byte_comes_from_two_digits_side_by_side(lines: list[str]) -> None:
    for line in lines:
        for packet in convert([line], "rsu1", outbound=True).packets:
            digits = "".join(re.findall("[0-9a-f]", re.sub("0x", "", line.lower())))
            assert packet.data.hex() in digits
