"""What pydantic or the system finds wrong, as a technician would say it, in Chinese and English. Pure."""

import errno
from collections.abc import Iterator
from decimal import Decimal
from typing import get_args

from pydantic import BaseModel, ValidationError

from gateway.toml_positions import KeyPath

TOO_DEEP = "括号嵌套太深 / brackets are nested too deeply"

_LONG = 80
"""Characters of a value that are repeated, or bits of a number."""

# Any finding that is not here keeps pydantic's words.
_FINDINGS = {
    "missing": "缺少此项 / is missing",
    "extra_forbidden": "没有这个选项，可用: {allowed} / no such option; there are: {allowed}",
    "literal_error": "只能是 {choices} / must be {expected}",
    "int_type": "须为整数，不加引号 / must be a whole number without quotes",
    "float_type": "须为数字，不加引号 / must be a number without quotes",
    "string_type": "须为引号中的文本 / must be text in quotes",
    "bool_type": "须为 true 或 false，不加引号 / must be true or false without quotes",
    "date_type": "须为日期，如 2027-02-06，不加引号 / must be a date such as 2027-02-06, without quotes",
    "datetime_type": "须为带时区的时间，如 2024-08-01T00:00:00+08:00 / must be such a time, with its offset",
    "timezone_aware": "缺少时区，如 +08:00 / needs its offset, such as +08:00",
    "greater_than": "须大于 {gt} / must be above {gt}",
    "greater_than_equal": "不得小于 {ge} / must be {ge} or more",
    "less_than_equal": "不得大于 {le} / must be {le} or less",
    "string_pattern_mismatch": "只能用字母、数字、- 和 _ / must be letters, digits, - and _",
    "string_too_short": "不能为空 / must not be empty",
    "string_too_long": "最多 {max_length} 个字符 / must be at most {max_length} characters",
    "too_short": "至少要有一个 / there must be one or more",
    "too_long": "最多 {max_length} 个 / there may be {max_length} at most",
    "model_type": "须为表 / must be a table",
    "tuple_type": "须写成 [[{key}]] / write [[{key}]]",
    "list_type": "须为列表 [ ] 或 [[{key}]] / must be a list [ ], or [[{key}]]",
    "json_invalid": TOO_DEEP,  # all else that comes from TOML can be written as JSON
}

_ERRNO = {
    errno.ENOENT: "没有这个文件",
    errno.ENOTDIR: "路径中有一段不是目录",
    errno.EISDIR: "是目录",
    errno.EACCES: "无权限",
    errno.EPERM: "无权限",
    errno.EROFS: "磁盘只读",
    errno.ENOSPC: "磁盘已满",
    errno.EFBIG: "文件过大",
}


def refused(error: OSError) -> tuple[str, str]:
    """What the operating system refuses, in Chinese and in its own words."""
    return _ERRNO.get(error.errno or 0, "系统错误"), error.strerror or str(error)


def told(error: ValidationError, model: type[BaseModel], *, withheld: str = "") -> Iterator[tuple[KeyPath, str]]:
    """Each finding with its path in the document; what stands under the key `withheld` is not repeated."""
    for detail in error.errors():
        where, given = detail["loc"], detail["input"]
        if detail["type"] == "too_short" and given:
            continue  # pydantic counts the good tables only; the others have been told of
        words = _FINDINGS.get(detail["type"])
        context = dict(detail.get("ctx", {}))
        context["choices"] = str(context.get("expected", "")).replace(", ", "、").replace(" or ", " 或 ")
        if detail["type"] == "extra_forbidden":
            context["allowed"] = ", ".join(_allowed(where, model))
        message = (
            words.format(**context, key=where[-1] if where else "")
            if words
            else detail["msg"].removeprefix("Value error, ")
        )
        hidden = not where or where[0] == withheld  # the whole file, or what may be a real key
        shown = "" if hidden or detail["type"] == "extra_forbidden" else _shown(given)
        yield where, f"{message} (现为 / is {shown})" if shown else message


def _shown(given: object) -> str:
    """A single value as it may be repeated in a line; nothing for a list, a table, or a number of many digits."""
    match given:
        case str():
            return repr(given if len(given) <= _LONG else f"{given[:_LONG]}…")
        case int() if given.bit_length() > _LONG:
            return ""
        case int() | float():
            return repr(given)
        case Decimal():
            return str(given)[:_LONG]
        case _:
            return ""


def _allowed(where: KeyPath, table: type[BaseModel]) -> list[str]:
    """What may stand beside the key at this path."""
    for key in where[:-1]:
        if isinstance(key, str):
            named = (field for name, field in table.model_fields.items() if key in (name, field.alias))
            table = next(part for field in named for part in _tables(field.annotation))
    return [field.alias or name for name, field in table.model_fields.items()]


def _tables(kind: object) -> Iterator[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield kind
    for part in get_args(kind):
        yield from _tables(part)
