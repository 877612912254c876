"""Why bytes are no sound frame: Chinese first, then what the protocol floor says."""

import re

from protocols.errors import ProtocolError

_CHINESE = tuple(
    (re.compile(english), chinese)
    for english, chinese in (
        (r"no start mark FF", "缺起始标志 FF"),
        (r"no start ([0-9A-F ]+)", r"没有起始标志 \1"),
        (r"no end mark within (\d+) bytes", r"\1 字节内没有结束标志"),
        (r"unfinished frame", "帧不完整"),
        (r"shorter than RSCTL and BCC", "短于 RSCTL 和 BCC"),
        (r"(BCC|CRC) is (\w+), the bytes give (\w+)", r"\1 为 \2，按数据应为 \3"),
        (r"LEN (\d+) is over (\d+)", r"LEN \1 超过 \2"),
        (r"FE must be followed by 00 or 01.*", "FE 之后只能是 00 或 01"),
        (r"no command byte", "没有命令字节"),
        (r"(\S+) has no command (\w+)", r"\1 没有命令 \2"),
        (r"(\w+) has ([\d, ]*) bytes in (\S+), not (\d+)", r"\3 的 \1 应有 \2 字节，不是 \4 字节"),
        (r"(\S+) ends after (\d+) bytes, not (\d+)", r"\1 只有 \2 字节，不是 \3 字节"),
        (r"no air frame: .*", "不是空口帧"),
        (r"(.*)\bends after (\d+) of (\d+) bytes", r"\1应有 \3 字节，只有 \2 字节"),
        (r"([\w.]+): .*", r"\1 不符"),
    )
)


def in_chinese(reason: str) -> str:
    """What a framer or a message table says of bytes, in Chinese; of what is not listed, that they do not fit."""
    known = ((pattern.fullmatch(reason), chinese) for pattern, chinese in _CHINESE)
    return next((found.expand(chinese) for found, chinese in known if found), "内容不符")


def of(error: ProtocolError) -> str:
    """An error's reason, and its byte where that is not the first."""
    place = (f"第 {error.offset} 字节：", f" (at byte {error.offset})") if error.offset else ("", "")
    return f"{place[0]}{in_chinese(error.reason)} / {error.reason}{place[1]}"
