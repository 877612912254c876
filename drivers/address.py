"""Where a device is: `serial:///dev/ttyS0?baud=115200` or `tcp://host:port`."""

import re
from typing import Annotated

from pydantic import AfterValidator

_FORM = re.compile(
    r"serial://(?P<path>/[^?\s\0]+)(\?baud=(?P<baud>[1-9]\d{2,6}))?"
    # Labels of a host name, none empty or over 63: the resolver raises UnicodeError for those, not OSError.
    r"|tcp://(?P<host>[\w-]{1,63}(\.[\w-]{1,63})*):(?P<port>\d{1,5})",
    re.ASCII,
)


def _check(text: str) -> str:
    match = _FORM.fullmatch(text)
    if not match or int(match["port"] or 1) not in range(1, 65536):
        raise ValueError(
            "须为 serial:///dev/ttyS0?baud=115200 或 tcp://主机:端口 / neither serial:///path nor tcp://host:port"
        )
    return text


Address = Annotated[str, AfterValidator(_check)]
"""The text, checked."""


def serial_of(address: str) -> tuple[str, int | None] | None:
    """Path and baud rate of a serial address, None for any other."""
    match = _FORM.fullmatch(address)
    if not match or not match["path"]:
        return None
    return match["path"], int(match["baud"]) if match["baud"] else None


def unopened(address: str, zh: str, en: str) -> str:
    """The sentence for a port that cannot be opened; why, or what to check, in Chinese and in English."""
    return f"无法打开 {address}：{zh} / cannot open {address}: {en}"


def tcp_of(address: str) -> tuple[str, int] | None:
    """Host and port of a TCP address, None for any other."""
    match = _FORM.fullmatch(address)
    return (match["host"], int(match["port"])) if match and match["host"] else None
