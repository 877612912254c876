"""How fast a frame becomes values, a stay a quote, a reading a debit: beside others of the same run. `make bench`.

Frames: each way takes a whole Wanji B4 frame of bytes, checks its CRC, and gives every field of it and of the files
inside: vehicle, 0015, and 0019 under its layout since 2019. Quotes: how the price of a stay grows with its length.
What counts is the ratio; it must stay within the demands. The quotes a second are the one number by itself here.
Decisions, with the disk in them, are in `tools.bench_decision`.
"""

import json
import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from string import Template
from struct import Struct
from time import process_time
from timeit import timeit

import tomli

from gateway.config import load_tariff
from gateway.notice.tariff import parse
from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from gateway.tariff.rules import Tariff
from protocols.china import CHINA
from protocols.codec import Record
from protocols.crc import crc_x25
from protocols.obu.files import Station2019
from protocols.rsu.dialect import load
from protocols.rsu.framing import F2Framer, Frame, Noise
from tools.bench_decision import race_decisions
from tools.shipped import CONFIG

Way = Callable[[bytes], object]

# rsu-protocol 7, B4 [cap]: plate and card number replaced, vehicle's texts zeroed, CRC made anew.
FRAME = bytes.fromhex(
    "ffff0007000000b7b4652bc7a30010b2e24131323334350000000000000100004317140402002600000500000000000000000000"
    "000000000000000000000000000000000000000000000000000000000000000000000000000000000000fa0a1e33c9bdb6ab3701"
    "00011710370100000000000000012020112420301124b2e24131323334350000000000000100000000000000aa2900c3b5d1269f"
    "c842345b0e5e089628000e54e0cdf2bcafcdf2bcaf16011101000000000000000720206680"
)
HEADER = 9
"""FF FF, VER, SEQ, LEN and the command byte."""


# --- ours ----------------------------------------------------------------------------------------------------


def ours() -> Way:
    """Framer, CRC, field tables."""
    framer, dialect = F2Framer(), load("wanji")

    def read(raw: bytes) -> object:
        message = dialect.decode(_frame(framer.feed(raw)).data)
        return message, Station2019.decode(message.station)  # type: ignore[attr-defined]  # it is a B4

    return read


def _frame(found: list[Frame | Noise]) -> Frame:
    [frame] = found
    if not isinstance(frame, Frame):
        raise ValueError(frame.reason)  # noqa: TRY004  a wrong checksum, not a wrong type
    return frame


# --- interpreted declarations --------------------------------------------------------------------------------


def declarations() -> Way:
    """The same framer and CRC, the same tables as construct reads them."""
    from tools.oracle import declare  # noqa: PLC0415  construct comes with the test extra

    framer, dialect = F2Framer(), load("wanji")
    message, station = declare(type(dialect.decode(FRAME[HEADER - 1 : -2]))), declare(Station2019)

    def read(raw: bytes) -> object:
        found = message.parse(_frame(framer.feed(raw)).data[1:])
        return found, station.parse(found.station)

    return read


# --- slices of a hex string, as public controllers have it ---------------------------------------------------


def slices() -> Way:
    """Everything by its place in the frame's hex digits, the CRC bit by bit."""
    return _read_slices


def _read_slices(raw: bytes) -> object:
    h = raw.hex()
    if h[0:6] != "ffff00" or int(h[8:16], 16) * 2 + 20 != len(h) or h[16:18] != "b4":
        raise ValueError("no B4")
    if _crc_by_bits(bytes.fromhex(h[4:-4])) != int(h[-4:], 16):
        raise ValueError("wrong CRC")
    return {
        "obu_id": h[18:26],
        "error": int(h[26:28], 16),
        "trade_type": int(h[28:30], 16),
        "vehicle_plate": _plate(h[30:54]),
        "vehicle_color": int(h[54:58], 16),
        "vehicle_class": int(h[58:60], 16),
        "vehicle_user_type": int(h[60:62], 16),
        "vehicle_length": h[62:66],
        "vehicle_width": h[66:68],
        "vehicle_height": h[68:70],
        "vehicle_wheels": int(h[70:72], 16),
        "vehicle_axles": int(h[72:74], 16),
        "vehicle_wheel_base": h[74:78],
        "vehicle_seats": int(h[78:84], 16),
        "vehicle_feature": h[84:116],
        "vehicle_engine": h[116:148],
        "vehicle_reserved": h[148:188],
        "balance": int(h[188:196], 16),
        "card_issuer": h[196:212],
        "card_type": int(h[212:214], 16),
        "card_version": int(h[214:216], 16),
        "card_net": h[216:220],
        "card_id": h[220:236],
        "card_starts": h[236:244],
        "card_expires": h[244:252],
        "card_plate": _plate(h[252:276]),
        "card_user_type": int(h[276:278], 16),
        "card_color_class": h[278:282],
        "card_rest": h[282:296],
        "station_tag": int(h[296:298], 16),
        "station_length": int(h[298:300], 16),
        "station_lock": int(h[300:302], 16),
        "station_entry_net": h[302:306],
        "station_entry_station": h[306:310],
        "station_entry_lane": int(h[310:312], 16),
        "station_entry_time": int(h[312:320], 16),
        "station_vehicle_class": int(h[320:322], 16),
        "station_status": int(h[322:324], 16),
        "station_gantry": h[324:330],
        "station_gantry_time": int(h[330:338], 16),
        "station_plate": _plate(h[338:362]),
        "station_color": int(h[362:364], 16),
        "station_axles": int(h[364:366], 16),
        "station_weight": int(h[366:372], 16),
        "station_vehicle_status": int(h[372:374], 16),
        "station_amount": int(h[374:382], 16),
    }


def _crc_by_bits(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc ^ 0xFFFF


def _plate(digits: str) -> str:
    return bytes.fromhex(digits).decode("gbk").rstrip("\0")


# --- one struct for the whole frame, the least that Python can do --------------------------------------------

_WHOLE = Struct(
    ">2s B B I B"  # FF FF, VER, SEQ, LEN, command
    " 4s B B"
    " 12s H B B 2s 1s 1s B B 2s 3s 16s 16s 20s"  # vehicle
    " I 8s B B 2s 8s 4s 4s 12s B 2s 7s"  # balance, 0015
    " B B B 2s 2s B I B B 3s I 12s B B 3s B I"  # 0019
    " H"
)
_PLATES = (3, 25, 40)
_NUMBERS = (13, 43)
"""Which values are texts, and which are numbers of three bytes: struct has no words for these."""


def struct() -> Way:
    """One unpack, one CRC; texts and odd numbers are left as bytes."""
    return _read_struct


def _read_struct(raw: bytes) -> object:
    start, version, _, _, command, *fields, crc = _WHOLE.unpack(raw)
    if start != b"\xff\xff" or version != 0 or command != 0xB4:
        raise ValueError("no B4")
    if crc != crc_x25(raw[2:-2]):
        raise ValueError("wrong CRC")
    return fields


# --- what they say -------------------------------------------------------------------------------------------

WAYS: Mapping[str, Callable[[], Way]] = {
    "ours": ours,
    "hex slices": slices,
    "construct": declarations,
    "one struct": struct,
}


def said(way: str, value: object) -> list[int | str]:
    """What a way gives, as numbers and texts in the order of the frame: bytes in hex, plates in characters."""
    return list(_flat(_spelt(value) if way == "one struct" else value))


def _spelt(fields: object) -> list[object]:
    spelt = list(fields) if isinstance(fields, list) else []
    for place in _PLATES:
        spelt[place] = spelt[place].decode("gbk").rstrip("\0")
    for place in _NUMBERS:
        spelt[place] = int.from_bytes(spelt[place])
    return spelt


def _flat(value: object) -> Iterator[int | str]:
    match value:
        case Record():
            yield from _flat({field.name: getattr(value, field.name) for field in value.FIELDS})
        case Mapping():  # without the 0019 as it stands and construct's stream: its fields follow
            yield from _flat([each for name, each in value.items() if name not in ("station", "_io")])
        case list() | tuple():
            for each in value:
                yield from _flat(each)
        case bytes():
            yield value.hex()
        case int() | str():
            yield value


# --- quotes --------------------------------------------------------------------------------------------------

ENTRY = datetime(2026, 1, 1, 8, tzinfo=CHINA)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TYPICAL = (HOUR / 3, HOUR, 3 * HOUR, 9 * HOUR, 2 * DAY + 5 * HOUR)

CALENDAR_NOTICE = Template("""
id = "bench"
version = "1"
name = "made up / 自拟"
cycle = "24h"
[[classes]]
name = "all"
default = true
caps = [{ yuan = 40 }]
[[classes.periods]]
name = "work"
days = ["working"]
from = "07:00"
to = "22:00"
steps = [{ unit = "$unit", yuan = $work }]
[[classes.periods]]
name = "off"
days = ["weekend", "holiday"]
from = "07:00"
to = "22:00"
steps = [{ unit = "$unit", yuan = $off }]
[[classes.periods]]
name = "night"
from = "22:00"
to = "07:00"
steps = [{ unit = "$unit", yuan = $night }]
""")
BY_MINUTES = {"unit": "1min", "work": "0.05", "off": "0.02", "night": "0.01"}
BY_HOURS = {"unit": "60min", "work": "3.00", "off": "1.20", "night": "0.60"}
"""The same prices, in units 60 times as long."""


def calendar_notice(words: Mapping[str, str]) -> Tariff:
    """A notice with prices by the kind of day and by day and night."""
    return parse(tomli.loads(CALENDAR_NOTICE.substitute(words), parse_float=Decimal))


def typical() -> Iterator[tuple[Tariff, Parked]]:
    """Every notice that is shipped, with every typical stay."""
    for path in sorted((CONFIG / "tariffs").glob("*.toml")):
        tariff = load_tariff(path)
        for length in TYPICAL:
            yield tariff, Parked(ENTRY, ENTRY + length)


def pricings() -> Mapping[str, Callable[[], object]]:
    """What is priced, by name, and the reference: the JSON text of a quote."""
    capped = load_tariff(CONFIG / "tariffs" / "lanzhou-airport.toml")
    minutes, hours = calendar_notice(BY_MINUTES), calendar_notice(BY_HOURS)
    stays = list(typical())
    plain = quote(capped, Parked(ENTRY, ENTRY + 3 * HOUR)).to_json()
    return {
        "cap, 1 hour": partial(quote, capped, Parked(ENTRY, ENTRY + HOUR)),
        "cap, 365 days": partial(quote, capped, Parked(ENTRY, ENTRY + 365 * DAY)),
        "calendar, 10 days": partial(quote, minutes, Parked(ENTRY, ENTRY + 10 * DAY)),
        "calendar, 365 days": partial(quote, minutes, Parked(ENTRY, ENTRY + 365 * DAY)),
        "by the hour, 10 days": partial(quote, hours, Parked(ENTRY, ENTRY + 10 * DAY)),
        "typical": lambda: [quote(*stay) for stay in stays],
        "json.dumps": partial(json.dumps, plain),
    }


# --- the race ------------------------------------------------------------------------------------------------

ROUNDS = 40
Demand = tuple[str, str, float]
"""The first takes less than this many times as long as the second."""

DEMANDS: tuple[Demand, ...] = (
    ("ours", "hex slices", 1.0),
    ("ours", "construct", 1 / 3),
    ("ours", "one struct", 20.0),
)
QUOTE_DEMANDS: tuple[Demand, ...] = (
    ("cap, 365 days", "cap, 1 hour", 5.0),
    ("calendar, 365 days", "calendar, 10 days", 60.0),
    ("calendar, 10 days", "by the hour, 10 days", 2.0),
    ("typical", "json.dumps", 10.0),
)
QUOTES_A_SECOND = 20_000
"""On one core."""


def race(runs: Mapping[str, Callable[[], object]], loops: int) -> dict[str, float]:
    """Best time of each in seconds per run; they take turns, so that a busy machine hits all alike.

    Time of the processor, since a long run on a busy machine is never left alone, and a short one is.
    """
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(timeit(run, timer=process_time, number=loops) / loops)
    return {name: min(each) for name, each in times.items()}


def judge(best: Mapping[str, float], demands: tuple[Demand, ...]) -> Iterator[tuple[bool, str]]:
    """Each demand: whether it holds with these times, and its text."""
    for one, other, limit in demands:
        ratio = best[one] / best[other]
        yield ratio < limit, f"{one} / {other} = {ratio:.2f}, must be less than {limit:.2f}"


def judge_rate(seconds: float) -> tuple[bool, str]:
    """Whether so long a quote leaves enough of them in a second, and what to say of it."""
    rate = int(1 / seconds)
    return rate >= QUOTES_A_SECOND, f"{rate} quotes a second on one core, must be at least {QUOTES_A_SECOND}"


def show(best: Mapping[str, float], unit: str, beside: str) -> None:
    """One line each: microseconds, and how many times those of one of them."""
    print(f"{'':24}{f'us/{unit}':>10}{f'x {beside}':>14}")
    for name, seconds in best.items():
        print(f"{name:24}{seconds * 1e6:10.1f}{seconds / best[beside]:14.2f}")
    print()


def race_frames(ways: Mapping[str, Way]) -> list[tuple[bool, str]]:
    """Measure all ways to read the frame, print their times, give the verdicts."""
    values, loops = len(said("ours", ways["ours"](FRAME))), 100
    print(f"B4 of {len(FRAME)} bytes, {values} values, best of {ROUNDS} rounds of {loops}\n")
    best = race({name: partial(way, FRAME) for name, way in ways.items()}, loops)
    show(best, "frame", "ours")
    return list(judge(best, DEMANDS))


def race_quotes() -> list[tuple[bool, str]]:
    """Measure all pricings, print their times, give the verdicts."""
    loops, stays = 5, len(list(typical()))
    print(f"quotes, best of {ROUNDS} rounds of {loops}; typical: {stays} of the shipped notices\n")
    best = race(pricings(), loops)
    best["typical"] /= stays
    show(best, "quote", "json.dumps")
    return [*judge(best, QUOTE_DEMANDS), judge_rate(best["typical"])]


def main() -> int:
    """Measure, print, and say with the exit code whether all demands hold."""
    try:
        ways = {name: make() for name, make in WAYS.items()}
    except ModuleNotFoundError as error:
        print(f"bench: {error.name} is missing; run `make bench`, or install etclane[test]", file=sys.stderr)
        return 1
    answers = {name: said(name, way(FRAME)) for name, way in ways.items()}
    if different := [name for name, answer in answers.items() if answer != answers["ours"]]:
        print(f"bench: not the same values as ours: {', '.join(different)}", file=sys.stderr)
        return 1
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} CPUs\n")
    verdicts = [*race_frames(ways), *race_quotes(), *race_decisions()]
    for holds, text in verdicts:
        print(f"{'holds' if holds else 'FAILS'}: {text}")
    return int(not all(holds for holds, _ in verdicts))


if __name__ == "__main__":
    sys.exit(main())
