"""How a single value of a notice is read: a sum, a length, a time of day, a season, a colour, or what was expected.

Prices stand in yuan as in the notice (2.5, 3.75) and are exact: parse the document with `Decimal` for floats.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, Field

from gateway.tariff.rules import DAY, Dates

COLORS = ("blue", "yellow", "black", "white", "green-gradient", "yellow-green", "green", "blue-white")
"""Plate colours by their code from 0 (rsu-protocol 8.4)."""

MANY = 64
"""As long as a list of rows, periods, steps, caps or sums may be."""

LEAP_YEAR = 2028
"""Stands in for the year where a date has none."""

_YUAN_LIMIT = 1_000_000
_LONGEST = 366 * DAY
_LENGTH = re.compile(r"(?=.)(?:(\d{1,3})d)?(?:(\d{1,4})h)?(?:(\d{1,6})min)?")
_CLOCK = re.compile(r"(\d\d):(\d\d)")
_SEASON = re.compile(r"(?:(\d{4})-)?(\d\d)-(\d\d)(?:\.\.(?:(\d{4})-)?(\d\d)-(\d\d))?")
_NEVER = 2 * _LONGEST
"""No rest of a unit is that long: only completed units count."""


def _exact(value: object, places: int, highest: int) -> Decimal | None:
    """A number of at most so many decimals, from 0 to `highest`; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    number = Decimal(value)
    exponent = number.as_tuple().exponent
    return number if isinstance(exponent, int) and exponent >= -places and 0 <= number <= highest else None


def _yuan(value: object) -> int:
    number = _exact(value, 2, _YUAN_LIMIT)
    if number is None:
        raise ValueError(
            f"须为 0 到 {_YUAN_LIMIT} 元，最多两位小数，不加引号 / must be 0 to {_YUAN_LIMIT} yuan with at most "
            "two decimals, without quotes"
        )
    return int(number * 100)


def yuan_or_list(value: object) -> tuple[int, ...]:
    """One sum or a list of them, in fen."""
    if isinstance(value, list) and not 0 < len(value) <= MANY:
        raise ValueError(f"须有 1 到 {MANY} 个金额 / must have 1 to {MANY} sums")
    return tuple(map(_yuan, value if isinstance(value, list) else [value]))


def _percent(value: object) -> int:
    number = _exact(value, 2, 100)
    if not number:
        raise ValueError(
            "须大于 0，至多 100，最多两位小数 / must be above 0, at most 100, with at most two decimals"
        )
    return int(number * 100)


def factor(value: object) -> Decimal:
    """What a price is multiplied by."""
    number = _exact(value, 4, 100)
    if not number:
        raise ValueError(
            "须大于 0，至多 100，最多四位小数 / must be above 0, at most 100, with at most four decimals"
        )
    return number


def _length(value: object) -> int:
    if isinstance(value, str) and (match := _LENGTH.fullmatch(value)):
        days, hours, minutes = (int(part or 0) for part in match.groups())
        seconds = days * DAY + hours * 3600 + minutes * 60
        if 0 < seconds <= _LONGEST:
            return seconds
    raise ValueError('须为时长，如 "30min"、"2h"、"1h30min"，至多 366d / must be a length such as "30min", "2h"')


def seconds(value: object) -> int | None:
    """A length, None for anything else."""
    try:
        return _length(value)
    except ValueError:
        return None


def length(seconds: int) -> str:
    """A length as a notice writes it: `2h`, `90min`, `1h30min`; 0 is `0`."""
    hours, minutes = divmod(seconds // 60, 60)
    return f"{f'{hours}h' if hours else ''}{f'{minutes}min' if minutes else ''}" or "0"


def spoken(seconds: int) -> str:
    """A length as a driver says it: `2小时`, `1小时30分钟`."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "小时"), (minutes, "分钟"), (rest, "秒"))
    return "".join(f"{count}{unit}" for count, unit in parts if count)


def within_a_day(value: object) -> int:
    """A length of at most a day, in seconds."""
    seconds = _length(value)
    if seconds > DAY:
        raise ValueError("不得长于 24h / must not be longer than 24h")
    return seconds


def _clock(value: object) -> int:
    if isinstance(value, str) and (match := _CLOCK.fullmatch(value)):
        seconds = int(match[1]) * 3600 + int(match[2]) * 60
        if int(match[2]) < 60 and seconds <= DAY:
            return seconds
    raise ValueError('须为 "00:00" 到 "24:00" 的时刻 / must be a time of day from "00:00" to "24:00"')


def counts_from(value: object) -> int:
    """From how many seconds on a begun unit counts."""
    if value == "started":
        return 1
    if value == "completed":
        return _NEVER
    try:
        return _length(value)
    except ValueError:
        raise ValueError(
            '须为 "started"、"completed" 或零头起计的时长，如 "30min" / must be "started", "completed", or from '
            'how much of a unit on it counts, such as "30min"'
        ) from None


def _season(value: object) -> Dates:
    if isinstance(value, str) and (match := _SEASON.fullmatch(value)):
        numbers = [int(part or 0) for part in match.groups()]
        first, last = (numbers[0], numbers[1], numbers[2]), (numbers[3], numbers[4], numbers[5])
        if not last[1]:
            last = first
        real = all(is_date(*end) for end in (first, last)) and bool(first[0]) == bool(last[0])
        if real and not (first[0] and first > last):
            return Dates(first, last)
    raise ValueError(
        '须为日期或起止日期，如 "10-01"、"03-01..11-30"、"2027-02-05..2027-02-12" / must be a date or two, as shown'
    )


def is_date(year: int, month: int, day: int) -> bool:
    """Whether there is such a day; year 0 is any year."""
    try:
        date(year or LEAP_YEAR, month, day)  # 02-29 may stand in a season
    except ValueError:
        return False
    return True


def _color(value: object) -> int:
    if isinstance(value, str) and value in COLORS:
        return COLORS.index(value)
    raise ValueError(f"须为 {'、'.join(COLORS)} 之一 / must be one of {', '.join(COLORS)}")


def _one_line(value: object) -> object:
    if isinstance(value, str) and not (value.strip() and value.isprintable()):
        raise ValueError("必须是一行文字 / must be one line of text")
    return value


Text = Annotated[str, Field(min_length=1, max_length=80), BeforeValidator(_one_line)]
Yuan = Annotated[int, BeforeValidator(_yuan)]
Percent = Annotated[int, BeforeValidator(_percent)]
Length = Annotated[int, BeforeValidator(_length)]
TimeOfDay = Annotated[int, BeforeValidator(_clock)]
Season = Annotated[Dates, BeforeValidator(_season)]
Color = Annotated[int, BeforeValidator(_color)]
Code = Annotated[int, Field(ge=0, le=255, description="车型代码 / rsu-protocol 8.4")]
Few = Field(max_length=MANY)
