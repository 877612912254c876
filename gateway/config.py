"""The site's TOML to types, with every mistake at once: file, line, what is wrong, what is allowed.

Nothing here opens a port or a ledger; `etclane check` and `etclane run` read the same way.
"""

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.barrier.options import BarrierOptions
from drivers.barrier.profile import BarrierProfile, ProfileError
from drivers.barrier.profile import parse as parse_profile
from drivers.reader.options import ReaderOptions
from gateway.lane.state import LaneRules
from gateway.site import SiteRules
from gateway.tariff.rules import Tariff, TariffError
from gateway.tariff.rules import parse as parse_tariff
from gateway.toml_positions import KeyPath, line_of, positions
from gateway.uplink.options import UplinkOptions
from protocols.rsu import dialect

T = TypeVar("T")
Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteOptions(_Table):
    """`[site]`: the gateway itself."""

    id: Annotated[Name, Field(description="网关编号，全市唯一 / the gateway's id, unique in the city")]
    state: Annotated[Path, Field(description="账本目录 / where the ledger lives")] = Path("/var/lib/etclane")
    tariff: Annotated[Path, Field(description="费率文件 / the tariff, relative to this file")]


class LaneOptions(_Table):
    """`[[lane]]`: one passage."""

    name: Name
    role: Annotated[Literal["entry", "exit"], Field(description="入口或出口")]
    reader: Annotated[str, Field(description="本车道天线名称 / the name of its reader")]
    barrier: Annotated[str, Field(description="本车道道闸名称 / the name of its barrier")]
    ceiling_fen: Annotated[int, Field(gt=0, le=1_000_000, description="单笔扣费上限(分) / largest debit")] = 50_000
    unresolved: Annotated[
        Literal["hold", "owe"], Field(description="扣费结果不明时: 等人工或放行记欠 / wait for staff, or let go")
    ] = "hold"
    again_seconds: Annotated[
        int, Field(ge=0, le=3600, description="已放行未通过时可再次开闸的时间 / open again for a car still here")
    ] = 600

    def rules(self) -> LaneRules:
        """As the lane core wants them."""
        return LaneRules(
            name=self.name,
            role=self.role,
            reader=self.reader,
            barrier=self.barrier,
            ceiling=self.ceiling_fen,
            unresolved=self.unresolved,
            again=self.again_seconds,
        )


class SiteFile(_Table):
    """The whole file."""

    site: SiteOptions
    lane: Annotated[tuple[LaneOptions, ...], Field(min_length=1)]
    reader: tuple[ReaderOptions, ...] = ()
    barrier: tuple[BarrierOptions, ...] = ()
    uplink: tuple[UplinkOptions, ...] = ()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: where and what, in Chinese and English."""

    file: Path
    line: int
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.place + ': ' if self.place else ''}{self.message}"


class ConfigError(Exception):
    """A configuration that cannot be used; `problems` are all its mistakes, or the one that hides the rest."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """A checked site. `digest` tells the exact content of all its files (SHA-256, hex)."""

    options: SiteFile
    rules: SiteRules
    profiles: Mapping[str, BarrierProfile]
    digest: str

    @property
    def ledger(self) -> Path:
        """Where the ledger's file is."""
        return self.options.site.state / "ledger.db"


def load(path: Path) -> Config:
    """Read and check a site with all files it names. Raises ConfigError."""
    file = TomlFile.read(path)
    try:
        options = SiteFile.model_validate(file.document)
    except ValidationError as error:
        raise ConfigError(tuple(_shape_problems(file, error))) from error
    problems = list(_cross_problems(file, options))
    tariff = _part(file, ("site", "tariff"), options.site.tariff, _tariff, problems)
    profiles = {
        barrier.name: profile
        for number, barrier in enumerate(options.barrier)
        if (profile := _part(file, ("barrier", number, "profile"), barrier.profile, _profile, problems))
    }
    if problems or tariff is None:
        raise ConfigError(tuple(problems))
    texts = [file.text, *(_beside(path, part).read_text() for part in _parts(options))]
    digest = hashlib.sha256("\0".join(texts).encode()).hexdigest()
    rules = SiteRules({lane.name: lane.rules() for lane in options.lane}, tariff)
    return Config(_absolute(options, path), rules, profiles, digest)


def load_tariff(path: Path) -> Tariff:
    """Read and check a tariff alone. Raises ConfigError."""
    return _tariff(TomlFile.read(path))


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed TOML file that still knows its lines."""

    path: Path
    text: str
    document: dict[str, Any]
    lines: Mapping[KeyPath, int]

    @classmethod
    def read(cls, path: Path) -> "TomlFile":
        """Raises ConfigError if there is no such file, or it is not TOML."""
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            message = f"无法读取 / cannot be read: {error}"
            raise ConfigError((Problem(path, 1, "", message),)) from error
        try:
            return cls(path, text, tomli.loads(text), positions(text))
        except tomli.TOMLDecodeError as error:
            message = f"TOML 语法错误 / not TOML: {error.msg}"
            raise ConfigError((Problem(path, error.lineno, "", message),)) from error

    def problem(self, where: KeyPath, message: str) -> Problem:
        """A mistake at this key."""
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
        return Problem(self.path, line_of(self.lines, where), place, message)


# What pydantic finds, in Chinese; its own English follows.
_CHINESE = {
    "missing": "缺少此项",
    "extra_forbidden": "没有这个选项",
    "literal_error": "取值不在允许范围",
    "int_type": "须为整数",
    "int_parsing": "须为整数",
    "string_type": "须为文本",
    "bool_type": "须为 true 或 false",
    "greater_than": "数值太小",
    "greater_than_equal": "数值太小",
    "less_than_equal": "数值太大",
    "string_pattern_mismatch": "只能用字母、数字、- 和 _",
    "string_too_short": "不能为空",
    "too_short": "至少要有一个",
}


def _shape_problems(file: TomlFile, error: ValidationError) -> Iterator[Problem]:
    for detail in error.errors():
        chinese = _CHINESE.get(detail["type"])
        english = detail["msg"].removeprefix("Value error, ")
        given = "" if detail["type"] in ("missing", "extra_forbidden") else f" (现为 / is {detail['input']!r})"
        yield file.problem(detail["loc"], f"{chinese + ' / ' if chinese else ''}{english}{given}")


def _cross_problems(file: TomlFile, options: SiteFile) -> Iterator[Problem]:
    yield from _name_problems(file, options)
    for kind in ("reader", "barrier"):
        names = {device.name for device in getattr(options, kind)}
        users: dict[str, str] = {}
        for number, lane in enumerate(options.lane):
            wanted = getattr(lane, kind)
            where = ("lane", number, kind)
            if wanted not in names:
                known = ", ".join(sorted(names)) or "-"
                message = f"没有名为 {wanted!r} 的 [[{kind}]]，现有: {known} / there is no such [[{kind}]]"
                yield file.problem(where, message)
            elif wanted in users:
                yield file.problem(where, f"{wanted!r} 已属车道 {users[wanted]!r} / belongs to that lane already")
            users.setdefault(wanted, lane.name)
    for number, reader in enumerate(options.reader):
        if reader.dialect not in dialect.names():
            known = ", ".join(dialect.names())
            message = f"没有协议 {reader.dialect!r}，可用: {known} / no such dialect; there are: {known}"
            yield file.problem(("reader", number, "dialect"), message)


def _name_problems(file: TomlFile, options: SiteFile) -> Iterator[Problem]:
    for kinds in (("lane",), ("reader", "barrier"), ("uplink",)):
        seen: set[str] = set()
        for kind in kinds:
            for number, table in enumerate(getattr(options, kind)):
                if table.name in seen:
                    message = f"名称 {table.name!r} 重复 / the name is taken"
                    yield file.problem((kind, number, "name"), message)
                seen.add(table.name)


def _part(
    file: TomlFile, where: KeyPath, part: Path, parse: Callable[[TomlFile], T], problems: list[Problem]
) -> T | None:
    """Read a file that the site names; its mistakes join the others."""
    path = _beside(file.path, part)
    if not path.is_file():
        problems.append(file.problem(where, f"没有文件 {path} / there is no such file"))
        return None
    try:
        return parse(TomlFile.read(path))
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _tariff(file: TomlFile) -> Tariff:
    try:
        return parse_tariff(file.document)
    except TariffError as error:
        raise ConfigError(tuple(file.problem(p.path, p.message) for p in error.problems)) from error


def _profile(file: TomlFile) -> BarrierProfile:
    try:
        return parse_profile(file.document)
    except ProfileError as error:
        problems = tuple(file.problem(tuple(p.path.split(".")), p.message) for p in error.problems)
        raise ConfigError(problems) from error


def _beside(file: Path, part: Path) -> Path:
    """A path in a configuration is relative to the file that names it."""
    return file.parent / part


def _parts(options: SiteFile) -> list[Path]:
    return [options.site.tariff, *(barrier.profile for barrier in options.barrier)]


def _absolute(options: SiteFile, path: Path) -> SiteFile:
    site = options.site.model_copy(update={"state": _beside(path, options.site.state)})
    return options.model_copy(update={"site": site})
