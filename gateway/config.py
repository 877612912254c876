"""The site's TOML to types, with every mistake at once: file, line, what is wrong, what is allowed.

Nothing here opens a port or a ledger; `etclane check` and `etclane run` read the same way.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tomli
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.barrier.options import BarrierOptions
from drivers.barrier.profile import BarrierProfile, ProfileError
from drivers.barrier.profile import parse as parse_profile
from drivers.reader.options import ReaderOptions
from drivers.security.module import InRsu, Remote, SecurityModule, Software
from drivers.security.options import BoxOptions, SoftwareKeys
from gateway.facts import SiteRules
from gateway.findings import TOO_DEEP, refused, told
from gateway.lane.state import PRESENCE, LaneRules
from gateway.notice.mistakes import TariffError
from gateway.notice.tariff import parse as parse_tariff
from gateway.recorder import RecorderOptions
from gateway.tariff.rules import Tariff
from gateway.toml_mistakes import Mistake, explained
from gateway.toml_positions import KeyPath, line_of, positions
from gateway.uplink.options import UplinkOptions
from protocols.immutable import dataclass
from protocols.obu.psam import PsamKeys, SoftwarePsam
from protocols.rsu import dialect
from protocols.rsu.dialect import DialectError

T = TypeVar("T")
Table = TypeVar("Table", bound=BaseModel)
Name = Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]

CANNOT_HOLD = (
    "自由流车道没有道闸，拦不住车，请改为 owe 或删去 / "
    "without a barrier no car can be held: set owe, or leave this out"
)

_LARGEST = 1 << 20
"""Bytes of a file. The worst texts of this size were seen to take three seconds and 500 MB."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SiteOptions(_Table):
    """`[site]`: the gateway itself."""

    id: Annotated[Name, Field(description="网关编号，全市唯一 / the gateway's id, unique in the city")]
    state: Annotated[Path, Field(description="账本目录 / where the ledger lives")] = Path("/var/lib/etclane")
    tariff: Annotated[Path, Field(description="费率文件 / the tariff, relative to this file")]
    production: Annotated[
        bool, Field(description="正式运营；false 时才允许测试密钥 / test keys are allowed only when this is false")
    ] = True


class LaneOptions(_Table):
    """`[[lane]]`: one passage."""

    name: Name
    role: Annotated[Literal["entry", "exit", "both"], Field(description="入口、出口或双向 / which way")]
    reader: Annotated[str, Field(description="本车道天线名称 / the name of its reader")]
    barrier: Annotated[
        str, Field(description="本车道道闸名称；自由流不写 / the name of its barrier; none in free flow")
    ] = ""
    interlock: Annotated[
        str, Field(description="互锁车道: 其杆落下后本道才抬杆 / the lane whose arm must be down first")
    ] = ""
    ceiling_fen: Annotated[int, Field(gt=0, le=1_000_000, description="单笔扣费上限(分) / largest debit")] = 50_000
    unresolved: Annotated[
        Literal["hold", "owe"] | None,
        Field(description="扣费结果不明时: 等人工(默认)或放行记欠 / wait for staff, as usual, or let go"),
    ] = None
    again_seconds: Annotated[
        int, Field(ge=0, le=3600, description="已放行未通过时可再次开闸的时间 / open again for a car still here")
    ] = 600
    pass_seconds: Annotated[
        int, Field(ge=5, le=600, description="抬杆后等待车辆通过 / how long an arm stays up for nobody")
    ] = 60
    wait_seconds: Annotated[
        int, Field(ge=10, le=3600, description="等待缴费或人工的时间 / how long to wait for money or staff")
    ] = 300
    stale_days: Annotated[
        int, Field(ge=1, le=3650, description="停车超过此天数须人工处理 / a longer stay is left to staff")
    ] = 30
    untrusted_fen: Annotated[
        int | None,
        Field(
            ge=0, le=1_000_000, description="时钟不可信时的固定收费(分) / the price while the clock is not trusted"
        ),
    ] = None
    commissioning: Annotated[
        bool, Field(description="调试: 只读只显示，不扣费不开闸 / read and show all, debit and open nothing")
    ] = False

    def rules(self, board: BarrierProfile | None, reread: float) -> LaneRules:
        """As the lane core wants them; `board` is its barrier's, None in free flow.

        `reread` is for how many seconds the antenna does not read a tag again that is still there.
        """
        return LaneRules(
            name=self.name,
            role=self.role,
            reader=self.reader,
            barrier=self.barrier,
            inputs=frozenset(board.inputs if board else ()),
            interlock=self.interlock,
            ceiling=self.ceiling_fen,
            unresolved=self.unresolved or ("hold" if self.barrier else "owe"),
            presence=PRESENCE + reread,
            again=self.again_seconds,
            pass_within=self.pass_seconds,
            wait=self.wait_seconds,
            stale=self.stale_days * 86400.0,
            untrusted=self.untrusted_fen,
            lowers=board is not None and board.close_coil is not None,
            commissioning=self.commissioning,
        )


class SiteFile(_Table):
    """The whole file."""

    site: SiteOptions
    lane: Annotated[tuple[LaneOptions, ...], Field(min_length=1)]
    reader: tuple[ReaderOptions, ...] = ()
    barrier: tuple[BarrierOptions, ...] = ()
    box: tuple[BoxOptions, ...] = ()
    uplink: tuple[UplinkOptions, ...] = ()
    software_keys: SoftwareKeys | None = None
    recorder: RecorderOptions | None = None


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
    """A checked site. `digest` tells what all its files say, a tariff's remarks aside (SHA-256, hex)."""

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
    problems: list[Problem] = []
    options = _shape(file, problems)
    problems += _cross_problems(file)
    site = file.document.get("site")
    tariff = _part(file, ("site", "tariff"), site, load_tariff, problems)
    boards = [
        _part(file, ("barrier", n, "profile"), row, _load_profile, problems) for n, row in file.tables("barrier")
    ]
    problems += _lane_problems(file, boards)
    if problems or options is None or tariff is None:
        raise _all_of(path, problems)
    profiles = {barrier.name: board for barrier, board in zip(options.barrier, boards, strict=True) if board}
    spoken = {reader.name: dialect.load(reader.dialect) for reader in options.reader}
    lanes = {lane.name: lane.rules(profiles.get(lane.barrier), spoken[lane.reader].reread) for lane in options.lane}
    options = _absolute(options, path)
    digest = _digest(file, options, tariff)
    return Config(options, SiteRules(lanes, tariff, _security(options)), profiles, digest)


def load_tariff(path: Path) -> Tariff:
    """Read and check a tariff alone, with the versions that it replaces. Raises ConfigError."""
    return _tariff(path)


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed TOML file that still knows its lines."""

    path: Path
    text: str
    document: dict[str, Any]
    lines: Mapping[KeyPath, int]

    @classmethod
    def read(cls, path: Path, parse_float: Callable[[str], object] = float) -> "TomlFile":
        """Raises ConfigError if there is no such file, or it is not TOML."""
        text = ""
        found: list[Mistake]
        try:
            if path.stat().st_size > _LARGEST:
                raise ConfigError((Problem(path, 1, "", "文件超过 1 MiB，过大 / is larger than 1 MiB: too large"),))
            text = path.read_text(encoding="utf-8-sig")  # as Windows saves it
            return cls(path, text, tomli.loads(text, parse_float=parse_float), positions(text))
        except OSError as error:
            chinese, english = refused(error)
            found = [(1, f"无法读取，{chinese} / cannot be read: {english}")]
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            found = [(line, "须存为 UTF-8 / must be saved as UTF-8")]
        except tomli.TOMLDecodeError as error:
            found = explained(text, error)
        except RecursionError:
            found = [(1, TOO_DEEP)]
        except (ValueError, ArithmeticError):  # Python reads no number of thousands of digits
            found = [(1, "有一个数字太大 / a number in it is too large")]
        raise ConfigError(tuple(Problem(path, line, "", message) for line, message in found))

    def tables(self, kind: str) -> list[tuple[int, dict[str, Any]]]:
        """The `[[kind]]` tables with their numbers from 0; what is no table is left out."""
        rows = self.document.get(kind)
        return [(n, row) for n, row in enumerate(rows) if isinstance(row, dict)] if isinstance(rows, list) else []

    def problem(self, where: KeyPath, message: str) -> Problem:
        """A mistake at this key."""
        place = ".".join(str(part + 1) if isinstance(part, int) else part for part in where)
        return Problem(self.path, line_of(self.lines, where), place, message)


def _shape(file: TomlFile, problems: list[Problem]) -> SiteFile | None:
    try:
        # As JSON, strictly: text is no number and no truth, and yet a list is a tuple, and text a path. A date
        # becomes what no option takes.
        text = json.dumps(file.document, default=lambda _date: [[]])
        return SiteFile.model_validate_json(text, strict=True)
    except ValidationError as error:
        problems += [file.problem(*found) for found in told(error, SiteFile, withheld="software_keys")]
        return None


def _cross_problems(file: TomlFile) -> Iterator[Problem]:
    """What no table shows by itself; read from the document, so that a mistake in one hides none in another."""
    yield from _name_problems(file)
    yield from _security_problems(file)
    yield from _idle_boards(file)
    for kind in ("reader", "barrier"):
        names = sorted(row["name"] for _, row in file.tables(kind) if isinstance(row.get("name"), str))
        users: dict[str, object] = {}
        for number, lane in file.tables("lane"):
            wanted = lane.get(kind)
            if not isinstance(wanted, str) or (kind == "barrier" and not wanted):
                continue
            if wanted not in names:
                known = ", ".join(names) or "-"
                message = (
                    f"没有名为 {wanted!r} 的 [[{kind}]]，现有: {known} / no such [[{kind}]]; there are: {known}"
                )
                yield file.problem(("lane", number, kind), message)
            elif wanted in users:
                message = f"{wanted!r} 已属车道 {users[wanted]!r} / belongs to lane {users[wanted]!r} already"
                yield file.problem(("lane", number, kind), message)
            users.setdefault(wanted, lane.get("name"))
    for number, reader in file.tables("reader"):
        if isinstance(spoken := reader.get("dialect"), str):
            known = ", ".join(dialect.names())
            try:
                dialect.load(spoken)
            except KeyError:
                message = f"没有协议 {spoken!r}，可用: {known} / no such dialect; there are: {known}"
                yield file.problem(("reader", number, "dialect"), message)
            except DialectError as error:
                yield file.problem(("reader", number, "dialect"), str(error))


def _name_problems(file: TomlFile) -> Iterator[Problem]:
    for kinds in (("lane",), ("reader", "barrier", "box"), ("uplink",)):
        seen: set[str] = set()
        for kind in kinds:
            for number, row in file.tables(kind):
                name = row.get("name")
                if isinstance(name, str) and name in seen:
                    message = f"名称 {name!r} 重复，请另取 / the name {name!r} is taken; choose another"
                    yield file.problem((kind, number, "name"), message)
                seen.add(str(name))


def _lane_problems(file: TomlFile, boards: Sequence[BarrierProfile | None]) -> Iterator[Problem]:
    """What a lane can be depends on its arm, on what is wired to its board, and on the lane that it waits for.

    `boards` are those of the barriers in their order, None where a profile has mistakes of its own.
    """
    wired = {str(row.get("name")): board for (_, row), board in zip(file.tables("barrier"), boards, strict=True)}
    arms = {lane["name"] for _, lane in file.tables("lane") if isinstance(lane.get("name"), str) and _arm(lane)}
    for number, lane in file.tables("lane"):
        board = wired.get(_arm(lane))
        found = {
            "role": _wrong_way(lane, board),
            "unresolved": None if _arm(lane) or lane.get("unresolved") != "hold" else CANNOT_HOLD,
            "interlock": _wrong_interlock(lane, arms),
        }
        yield from (file.problem(("lane", number, key), wrong) for key, wrong in found.items() if wrong)


def _idle_boards(file: TomlFile) -> Iterator[Problem]:
    """A barrier that no lane has: nobody would hear of its loops, nor of its fire alarm."""
    boards = {row["name"]: n for n, row in file.tables("barrier") if isinstance(row.get("name"), str)}
    used = {_arm(lane) for _, lane in file.tables("lane")} - {""}
    if not used <= boards.keys():
        return  # the name that a lane has wrong may be this one's
    for name, number in boards.items():
        if name not in used:
            message = (
                "没有车道使用此道闸，请写入车道的 barrier 或删去 / no lane has it: name it in one, or remove it"
            )
            yield file.problem(("barrier", number, "name"), message)


def _arm(lane: Mapping[str, Any]) -> str:
    """The name of its barrier, empty in free flow; what is no text is told of elsewhere."""
    return str(lane.get("barrier") or "")


def _wrong_way(lane: Mapping[str, Any], board: BarrierProfile | None) -> str | None:
    """What is wrong with a lane for both directions: the one loop that is occupied tells which it is."""
    if lane.get("role") != "both":
        return None
    if not _arm(lane):
        return (
            "双向车道须有道闸，自由流请分为入口和出口两个车道 / "
            "wants a barrier: write free flow as two lanes, an entry and an exit"
        )
    missing = ", ".join(sorted({"outside", "inside"} - set(board.inputs))) if board else ""
    if missing:
        return (
            f"双向车道的道闸板须接入场外和场内地感 outside、inside，缺: {missing} / "
            f"its barrier's profile must have both inputs, outside and inside; missing: {missing}"
        )
    return None


def _wrong_interlock(lane: Mapping[str, Any], arms: set[str]) -> str | None:
    """What is wrong with the lane whose arm must be down first, None if nothing is."""
    other = lane.get("interlock")
    if not isinstance(other, str) or not other:
        return None
    if not _arm(lane):
        return "自由流车道没有道闸，不能互锁 / this lane has no barrier to interlock"
    if other == lane.get("name"):
        return "不能与自己互锁，请写另一车道 / a lane cannot wait for itself: name another lane"
    if other not in arms:
        known = ", ".join(sorted(arms - {lane.get("name")})) or "-"
        return f"没有名为 {other!r} 且有道闸的车道，现有: {known} / no such lane with a barrier; there are: {known}"
    return None


def _security_problems(file: TomlFile) -> Iterator[Problem]:
    """Who has the keys: test keys have no place in production, and the others must be reachable."""
    site, has_keys = file.document.get("site"), "software_keys" in file.document
    production = not isinstance(site, dict) or site.get("production", True) is not False
    if has_keys and production:
        message = (
            "正式运营不得使用测试密钥，请删除此表，或在测试车场的 [site] 中写 production = false / no test keys "
            "in production: remove this table, or say production = false in the [site] of a test lot"
        )
        yield file.problem(("software_keys",), message)
    for kind, default in (("reader", "rsu"), ("box", "remote")):
        for number, row in file.tables(kind):
            security = row.get("security", default)
            if wrong := _who_answers(file, security, production=production, has_keys=has_keys):
                yield file.problem((kind, number, "security"), wrong)
            elif kind == "reader" and security in ("remote", "software"):
                yield from _unable(file, number, row.get("dialect"))


def _who_answers(file: TomlFile, security: object, *, production: bool, has_keys: bool) -> str | None:
    """What is wrong with this choice of `security`, None if nothing is."""
    if security == "software" and production:
        return (
            "software 只有测试密钥，正式运营不得使用，请改为 remote 或 rsu，或在测试车场的 [site] 中写 "
            "production = false / has test keys only, never for production: set remote or rsu, or say "
            "production = false in the [site] of a test lot"
        )
    if security == "software" and not has_keys:
        return "缺少测试密钥表 [software_keys] / wants the table [software_keys] with the test keys"
    if security == "remote" and not file.tables("uplink"):
        return "没有平台可应答，请写 [[uplink]] / there is no platform to answer: add an [[uplink]]"
    return None


def _unable(file: TomlFile, reader: int, spoken: object) -> Iterator[Problem]:
    """A dialect without messages for it: its antenna would never be authorised, and never be asked to be."""
    try:
        able = not isinstance(spoken, str) or dialect.load(spoken).authorises_psams
    except (KeyError, DialectError):
        return  # told of the dialect itself
    if not able:
        message = f"协议 {spoken} 没有 PSAM 授权，只能是 rsu / {spoken} authorises no PSAMs: must be rsu"
        yield file.problem(("reader", reader, "security"), message)


def _security(options: SiteFile) -> dict[str, SecurityModule]:
    """Who has the keys, for each reader and box."""
    modules: dict[str, SecurityModule] = {"rsu": InRsu(), "remote": Remote()}
    if options.software_keys:
        modules["software"] = _software(options.software_keys)
    devices: tuple[ReaderOptions | BoxOptions, ...] = (*options.reader, *options.box)
    return {device.name: modules[device.security] for device in devices}


def _software(table: SoftwareKeys) -> Software:
    """Its terminal serials begin at 1 with every start: no book is kept of what test keys do."""
    keys = PsamKeys(*(bytes.fromhex(key) for key in (table.vehicle, table.purchase, table.authorisation)))
    return Software(SoftwarePsam(keys, table.terminal, "99" * 10, 1, random=secrets.token_bytes))


def _part(
    file: TomlFile, where: KeyPath, table: object, parse: Callable[[Path], T], problems: list[Problem]
) -> T | None:
    """Read the file that a table of the site names at `where`; its mistakes join the others."""
    named = table.get(where[-1]) if isinstance(table, dict) else None
    if not isinstance(named, str):
        return None
    path = _beside(file.path, Path(named))
    if not path.is_file():
        problems.append(file.problem(where, f"没有文件 {path} / there is no such file"))
        return None
    try:
        return parse(path)
    except ConfigError as error:
        problems.extend(error.problems)
        return None


def _tariff(path: Path, newer: tuple[Path, ...] = ()) -> Tariff:
    """A tariff with the versions before it; `newer` are the files that led here."""
    file = TomlFile.read(path, parse_float=Decimal)
    problems: list[Problem] = []
    table = file.document.get("replaces")
    replaced = None
    if isinstance(table, dict) and isinstance(table.get("file"), str):
        chain = (*newer, path.resolve())
        if _beside(path, Path(table["file"])).resolve() in chain:
            message = "版本互相替代，成了一圈 / these versions replace each other in a circle"
            raise ConfigError((file.problem(("replaces", "file"), message),))
        replaced = _part(file, ("replaces", "file"), table, lambda before: _tariff(before, chain), problems)
    try:
        tariff = parse_tariff(file.document, replaced)
    except TariffError as error:
        problems += [file.problem(p.path, p.message) for p in error.problems]
        tariff = None
    if problems or tariff is None:
        raise _all_of(path, problems)
    return tariff


def _load_profile(path: Path) -> BarrierProfile:
    file = TomlFile.read(path)
    try:
        return parse_profile(file.document)
    except ProfileError as error:
        problems = tuple(file.problem(tuple(p.path.split(".")), p.message) for p in error.problems)
        raise ConfigError(problems) from error


def _all_of(path: Path, problems: list[Problem]) -> ConfigError:
    """Each mistake once, also of a file that is named twice: this file's first, and each file's in its order."""
    return ConfigError(tuple(sorted(dict.fromkeys(problems), key=lambda p: (p.file != path, str(p.file), p.line))))


def _beside(file: Path, part: Path) -> Path:
    """A path in a configuration is relative to the file that names it."""
    return file.parent / part


def _digest(file: TomlFile, options: SiteFile, tariff: Tariff) -> str:
    boards = [barrier.profile.read_bytes() for barrier in options.barrier]
    content = [file.text.encode(), tariff.content_hash.encode(), *boards]
    return hashlib.sha256(b"\0".join(content)).hexdigest()


def _absolute(table: Table, file: Path) -> Table:
    """The same table, with all its paths as seen from the file that names them."""
    seen: dict[str, object] = {}
    for name, value in table:
        match value:
            case Path():
                seen[name] = _beside(file, value)
            case BaseModel():
                seen[name] = _absolute(value, file)
            case tuple():
                seen[name] = tuple(_absolute(row, file) for row in value)
    return table.model_copy(update=seen)
