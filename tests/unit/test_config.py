"""The site's TOML: what it becomes, and every mistake at once, with file, line, and words for a technician."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.security.module import InRsu, Remote, Software
from gateway.config import Config, ConfigError, LaneOptions, SiteFile, load, load_tariff
from gateway.lane.state import LaneRules
from protocols.rsu import dialect, dialects

REPOSITORY = Path(__file__).parents[2]
SITE = """\
[site]
id = "yard"
state = "state"
tariff = "tariffs/tariff.toml"

[[lane]]
name = "in1"
role = "entry"
reader = "rsu1"
barrier = "gate1"

[[lane]]
name = "out1"
role = "exit"
reader = "rsu2"
barrier = "gate2"
ceiling_fen = 20000
unresolved = "owe"
again_seconds = 300

[[reader]]
name = "rsu1"
dialect = "soulin"
port = "serial:///dev/ttyS0?baud=115200"

[[reader]]
name = "rsu2"
dialect = "wanji"
port = "tcp://192.168.1.20:9527"

[[barrier]]
name = "gate1"
profile = "board.toml"
port = "tcp://192.168.1.30:502"

[[barrier]]
name = "gate2"
profile = "board.toml"
port = "tcp://192.168.1.31:502"

[[uplink]]
name = "city"
host = "mqtt.example"
password_file = "secret"
"""
TARIFF = """\
id = "t"
version = "1"
name = "one yuan"
cycle = "24h"
free = { time = "15min" }
[[classes]]
name = "all"
default = true
steps = [{ unit = "1h", yuan = 1 }]
"""
BOARD = """\
poll = 0.1
[coils]
open = 0
close = 1
pulse = 0.5
[inputs]
presence = 0
"""

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a site; each change of its text must be one that bites."""

    def written(*changes: tuple[str, str], tariff: str = TARIFF, board: str = BOARD) -> Path:
        text = SITE
        for old, new in changes:
            assert text.count(old) >= 1, old
            text = text.replace(old, new, 1)
        (tmp_path / "tariffs").mkdir(exist_ok=True)
        (tmp_path / "tariffs" / "tariff.toml").write_text(tariff, encoding="utf-8")
        (tmp_path / "board.toml").write_text(board, encoding="utf-8")
        site = tmp_path / "site.toml"
        site.write_text(text, encoding="utf-8")
        return site

    return written


def mistakes(site: Path) -> list[str]:
    """What a technician reads, the folder left out."""
    with pytest.raises(ConfigError) as caught:
        load(site)
    return [str(problem).replace(f"{site.parent}/", "") for problem in caught.value.problems]


def mistake(site: Path) -> str:
    (only,) = mistakes(site)
    return only


# --- a good site -------------------------------------------------------------------------------------------


def test_a_site_becomes_rules_and_options(write: Write) -> None:
    site = write()
    config = load(site)
    assert config.rules.lanes == {
        "in1": LaneRules("in1", "entry", "rsu1", "gate1"),
        "out1": LaneRules("out1", "exit", "rsu2", "gate2", ceiling=20_000, unresolved="owe", again=300),
    }
    assert config.rules.tariff == load_tariff(site.parent / "tariffs" / "tariff.toml")
    assert config.rules.tariff.name == "one yuan"
    assert [reader.dialect for reader in config.options.reader] == ["soulin", "wanji"]
    assert set(config.profiles) == {"gate1", "gate2"}


def test_paths_are_relative_to_the_file_that_names_them(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write()
    monkeypatch.chdir(tmp_path.parent)
    config = load(Path(tmp_path.name) / "site.toml")
    assert config.ledger.resolve() == tmp_path / "state" / "ledger.db"
    secret = config.options.uplink[0].password_file
    assert secret is not None
    assert secret.resolve() == tmp_path / "secret"


def test_paths_of_keys_and_certificates_too(write: Write, tmp_path: Path) -> None:
    tls = '[uplink.tls]\nca_file = "ca.pem"\ncert_file = "/etc/own.pem"\nkey_file = "own.key"\n'
    options = load(write(('password_file = "secret"\n', tls))).options.uplink[0].tls
    assert options is not None
    assert (options.ca_file, options.key_file) == (tmp_path / "ca.pem", tmp_path / "own.key")
    assert options.cert_file == Path("/etc/own.pem")


def test_without_a_word_the_ledger_is_where_the_service_keeps_it(write: Write) -> None:
    assert load(write(('state = "state"\n', ""))).ledger == Path("/var/lib/etclane/ledger.db")


def test_a_board_without_close_coil_closes_by_itself(write: Write) -> None:
    config = load(write(board=BOARD.replace("close = 1\n", "")))
    assert [lane.lowers for lane in config.rules.lanes.values()] == [False, False]


def test_a_file_saved_on_windows(write: Write) -> None:
    site = write()
    site.write_bytes(b"\xef\xbb\xbf" + site.read_bytes().replace(b"\n", b"\r\n"))
    assert load(site).options.site.id == "yard"
    site.write_bytes(site.read_bytes().replace(b'"entry"', b'"in"'))
    assert mistake(site).startswith("site.toml:8: ")


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("config/*/site.toml")), ids=str)
def test_every_sample_site_is_sound(path: Path) -> None:
    assert isinstance(load(path), Config)


@pytest.mark.parametrize("path", sorted(REPOSITORY.glob("config/tariffs/*.toml")), ids=lambda path: path.stem)
def test_every_sample_tariff_is_sound(path: Path) -> None:
    assert load_tariff(path).classes


def test_the_digest_changes_with_any_file(write: Write, tmp_path: Path) -> None:
    digests = [load(write()).digest]
    for name in ("site.toml", "tariffs/tariff.toml", "board.toml"):
        site = write()
        # Of a tariff its content counts, which is more than its file: the versions before it, and the holidays.
        more = "shared_cap = false\n" if name.startswith("tariffs") else "# 备注\n"
        (tmp_path / name).write_text(more + (tmp_path / name).read_text(encoding="utf-8"), encoding="utf-8")
        digests.append(load(site).digest)
    assert len(set(digests)) == 4
    assert load(write()).digest == digests[0]
    elsewhere = shutil.copytree(tmp_path, tmp_path / "copy")
    assert load(elsewhere / "site.toml").digest == digests[0]


# --- one mistake of each kind ------------------------------------------------------------------------------

DIALECTS = ", ".join(dialect.names())
TABLES = ", ".join(SiteFile.model_fields)
LANE_KEYS = ", ".join(LaneOptions.model_fields)
ONE_MISTAKE = [
    # a key that is missing, or too many
    (('id = "yard"\n', ""), "site.toml:1: site.id: 缺少此项 / is missing"),
    (('name = "out1"\n', ""), "site.toml:12: lane.2.name: 缺少此项 / is missing"),
    (
        ("again_seconds", "agian_seconds"),
        (
            "site.toml:19: lane.2.agian_seconds: 没有这个选项，可用: "
            f"{LANE_KEYS} / no such option; there are: {LANE_KEYS}"
        ),
    ),
    (
        ("[[uplink]]", "[[uplinks]]"),
        (f"site.toml:41: uplinks: 没有这个选项，可用: {TABLES} / no such option; there are: {TABLES}"),
    ),
    (
        ('password_file = "secret"', 'tls = { ca = "x" }'),
        (
            "site.toml:44: uplink.1.tls.ca: 没有这个选项，可用: ca_file, cert_file, key_file / no such option; "
            "there are: ca_file, cert_file, key_file"
        ),
    ),
    # a value of the wrong kind
    (
        ("20000", '"many"'),
        (
            "site.toml:17: lane.2.ceiling_fen: 须为整数，不加引号 / "
            "must be a whole number without quotes (现为 / is 'many')"
        ),
    ),
    (
        ("20000", "0.5"),
        (
            "site.toml:17: lane.2.ceiling_fen: 须为整数，不加引号 / "
            "must be a whole number without quotes (现为 / is 0.5)"
        ),
    ),
    (
        ("20000", "[1]"),
        "site.toml:17: lane.2.ceiling_fen: 须为整数，不加引号 / must be a whole number without quotes",
    ),
    (('"in1"', "1"), "site.toml:7: lane.1.name: 须为引号中的文本 / must be text in quotes (现为 / is 1)"),
    (
        ('"tariffs/tariff.toml"', "7"),
        "site.toml:4: site.tariff: 须为引号中的文本 / must be text in quotes (现为 / is 7)",
    ),
    (
        ('dialect = "soulin"', 'dialect = "soulin"\nholding = "perhaps"'),
        (
            "site.toml:24: reader.1.holding: 须为 true 或 false，不加引号 / "
            "must be true or false without quotes (现为 / is 'perhaps')"
        ),
    ),
    (
        ('host = "mqtt.example"', 'host = "mqtt.example"\nack_timeout = "long"'),
        (
            "site.toml:44: uplink.1.ack_timeout: 须为数字，不加引号 / "
            "must be a number without quotes (现为 / is 'long')"
        ),
    ),
    (("[[uplink]]", "[uplink]"), "site.toml:41: uplink: 须写成 [[uplink]] / write [[uplink]]"),
    # a value in quotes that has none, or is a date
    (
        ('dialect = "soulin"', 'dialect = "soulin"\nholding = "no"'),
        (
            "site.toml:24: reader.1.holding: 须为 true 或 false，不加引号 / "
            "must be true or false without quotes (现为 / is 'no')"
        ),
    ),
    (
        ('host = "mqtt.example"', 'host = "mqtt.example"\nport = "1883"'),
        (
            "site.toml:44: uplink.1.port: 须为整数，不加引号 / "
            "must be a whole number without quotes (现为 / is '1883')"
        ),
    ),
    (
        ('host = "mqtt.example"', 'host = "mqtt.example"\nack_timeout = "15"'),
        "site.toml:44: uplink.1.ack_timeout: 须为数字，不加引号 / must be a number without quotes (现为 / is '15')",
    ),
    (
        ('host = "mqtt.example"', 'host = "mqtt.example"\nport = true'),
        "site.toml:44: uplink.1.port: 须为整数，不加引号 / must be a whole number without quotes (现为 / is True)",
    ),
    (
        ('dialect = "soulin"', 'dialect = "soulin"\nchannel = "1"'),
        "site.toml:24: reader.1.channel: 只能是 1 或 2 / must be 1 or 2 (现为 / is '1')",
    ),
    (('"yard"', "2026-03-01"), "site.toml:2: site.id: 须为引号中的文本 / must be text in quotes"),
    (
        ('host = "mqtt.example"', f'host = "mqtt.example"\ntls = {"[" * 250}{"]" * 250}'),
        "site.toml:1: 括号嵌套太深 / brackets are nested too deeply",
    ),
    # a value that is not allowed
    (
        ('"entry"', '"entrance"'),
        (
            "site.toml:8: lane.1.role: 只能是 'entry'、'exit' 或 'both' / must be 'entry', 'exit' or 'both' "
            "(现为 / is 'entrance')"
        ),
    ),
    (("20000", "0"), "site.toml:17: lane.2.ceiling_fen: 须大于 0 / must be above 0 (现为 / is 0)"),
    (
        ("20000", "1000001"),
        "site.toml:17: lane.2.ceiling_fen: 不得大于 1000000 / must be 1000000 or less (现为 / is 1000001)",
    ),
    (("300", "-1"), "site.toml:19: lane.2.again_seconds: 不得小于 0 / must be 0 or more (现为 / is -1)"),
    (
        ('"yard"', '"北 场"'),
        "site.toml:2: site.id: 只能用字母、数字、- 和 _ / must be letters, digits, - and _ (现为 / is '北 场')",
    ),
    (('"yard"', '""'), "site.toml:2: site.id: 不能为空 / must not be empty (现为 / is '')"),
    (
        ('"yard"', f'"{"y" * 33}"'),
        f"site.toml:2: site.id: 最多 32 个字符 / must be at most 32 characters (现为 / is '{'y' * 33}')",
    ),
    (
        ("serial:///dev/ttyS0", "ttyS0"),
        (
            "site.toml:24: reader.1.port: 须为 serial:///dev/ttyS0?baud=115200 或 tcp://主机:端口 / "
            "neither serial:///path nor tcp://host:port (现为 / is 'ttyS0?baud=115200')"
        ),
    ),
    (
        ('password_file = "secret"', 'tls = { cert_file = "x" }'),
        "site.toml:44: uplink.1.tls: cert_file 与 key_file 须同时给出 / cert_file and key_file go together",
    ),
    # what does not go together
    (
        ('role = "entry"', 'role = "both"'),
        (
            "site.toml:8: lane.1.role: 双向车道的道闸板须接入场外和场内地感 outside、inside，缺: inside, outside / "
            "its barrier's profile must have both inputs, outside and inside; missing: inside, outside"
        ),
    ),
    (
        ('barrier = "gate2"', 'barrier = "gate2"\ninterlock = "out1"'),
        (
            "site.toml:17: lane.2.interlock: 不能与自己互锁，请写另一车道 / "
            "a lane cannot wait for itself: name another lane"
        ),
    ),
    (
        ('barrier = "gate2"', 'barrier = "gate2"\ninterlock = "in2"'),
        (
            "site.toml:17: lane.2.interlock: 没有名为 'in2' 且有道闸的车道，现有: in1 / "
            "no such lane with a barrier; there are: in1"
        ),
    ),
    (
        ('"soulin"', '"jinyi"'),
        (
            f"site.toml:23: reader.1.dialect: 没有协议 'jinyi'，可用: {DIALECTS} / "
            f"no such dialect; there are: {DIALECTS}"
        ),
    ),
    (
        ('reader = "rsu2"', 'reader = "rsu3"'),
        (
            "site.toml:15: lane.2.reader: 没有名为 'rsu3' 的 [[reader]]，现有: rsu1, rsu2 / "
            "no such [[reader]]; there are: rsu1, rsu2"
        ),
    ),
    (
        ('barrier = "gate2"', 'barrier = "rsu2"'),
        (
            "site.toml:16: lane.2.barrier: 没有名为 'rsu2' 的 [[barrier]]，现有: gate1, gate2 / "
            "no such [[barrier]]; there are: gate1, gate2"
        ),
    ),
    (
        ('reader = "rsu2"', 'reader = "rsu1"'),
        "site.toml:15: lane.2.reader: 'rsu1' 已属车道 'in1' / belongs to lane 'in1' already",
    ),
    (
        ('name = "out1"', 'name = "in1"'),
        "site.toml:13: lane.2.name: 名称 'in1' 重复，请另取 / the name 'in1' is taken; choose another",
    ),
    (
        ("tariffs/tariff.toml", "tariffs/none.toml"),
        "site.toml:4: site.tariff: 没有文件 tariffs/none.toml / there is no such file",
    ),
    (
        ("board.toml", "boards"),
        "site.toml:33: barrier.1.profile: 没有文件 boards / there is no such file",
    ),
]


@pytest.mark.parametrize(
    ("change", "said"), ONE_MISTAKE, ids=[said.partition(": ")[2][:40] for _, said in ONE_MISTAKE]
)
def test_a_mistake_is_told_with_its_place_and_its_remedy(write: Write, change: tuple[str, str], said: str) -> None:
    assert mistake(write(change)) == said


GATE1, GATE2 = (
    (f'[[barrier]]\nname = "gate{n}"\nprofile = "board.toml"\nport = "tcp://192.168.1.3{n - 1}:502"\n\n', "")
    for n in (1, 2)
)
"""Without this barrier: one that no lane has is a mistake."""


@pytest.mark.parametrize(
    ("gone", "change", "said"),
    [
        (
            GATE1,
            ('role = "entry"\nreader = "rsu1"\nbarrier = "gate1"', 'role = "both"\nreader = "rsu1"'),
            (
                "site.toml:8: lane.1.role: 双向车道须有道闸，自由流请分为入口和出口两个车道 / "
                "wants a barrier: write free flow as two lanes, an entry and an exit"
            ),
        ),
        (
            GATE2,
            ('barrier = "gate2"\nceiling_fen = 20000\nunresolved = "owe"', 'unresolved = "hold"'),
            (
                "site.toml:16: lane.2.unresolved: 自由流车道没有道闸，拦不住车，请改为 owe 或删去 / "
                "without a barrier no car can be held: set owe, or leave this out"
            ),
        ),
        (
            GATE2,
            ('barrier = "gate2"', 'interlock = "in1"'),
            "site.toml:16: lane.2.interlock: 自由流车道没有道闸，不能互锁 / this lane has no barrier to interlock",
        ),
    ],
)
def test_a_mistake_in_a_lane_of_free_flow_is_told_with_its_place_and_its_remedy(
    write: Write, gone: tuple[str, str], change: tuple[str, str], said: str
) -> None:
    assert mistake(write(change, gone)) == said


@pytest.mark.parametrize(("named", "line"), [('barrier = "gate1"\n', 31), ('barrier = "gate2"\n', 36)])
def test_a_barrier_that_no_lane_has_is_told(write: Write, named: str, line: int) -> None:
    said = f"site.toml:{line}: barrier.{(line - 26) // 5}.name: 没有车道使用此道闸，请写入车道的 barrier 或删去 / "
    assert mistake(write((named, ""))) == f"{said}no lane has it: name it in one, or remove it"


def test_a_lane_is_at_work_unless_it_says_otherwise(write: Write) -> None:
    at_work = load(write()).rules.lanes
    assert not any(lane.commissioning for lane in at_work.values())
    trying = load(write(('role = "exit"', 'role = "exit"\ncommissioning = true'))).rules.lanes
    assert [name for name, lane in trying.items() if lane.commissioning] == ["out1"]
    said = mistake(write(('role = "exit"', 'role = "exit"\ncommissioning = "yes"')))
    assert said.startswith("site.toml:15: lane.2.commissioning: ")


FREE_FLOW = (('barrier = "gate1"\n', ""), GATE1)
BOTH_SIDES = f"{BOARD}outside = 1\ninside = 2\n"


def test_a_lane_without_a_barrier_is_free_flow_where_nobody_is_held(write: Write) -> None:
    free, barred = load(write(*FREE_FLOW)).rules.lanes.values()
    assert (free.barrier, free.inputs, free.lowers, free.unresolved) == ("", frozenset(), False, "owe")
    assert (barred.barrier, barred.inputs, barred.lowers) == ("gate2", frozenset({"presence"}), True)
    said = load(write(*FREE_FLOW, ('reader = "rsu1"', 'reader = "rsu1"\nunresolved = "owe"'))).rules.lanes["in1"]
    assert said == free


def test_a_barrier_lane_holds_a_car_in_doubt_unless_it_says_otherwise(write: Write) -> None:
    assert load(write(('unresolved = "owe"\n', ""))).rules.lanes["out1"].unresolved == "hold"


def test_a_lane_knows_what_is_wired_to_its_board_also_what_it_does_not_use(write: Write) -> None:
    lanes = load(write(('"entry"', '"both"'), board=f"{BOTH_SIDES}wind = 9\n")).rules.lanes
    assert lanes["in1"].role == "both"
    assert sorted(lanes["in1"].inputs) == ["inside", "outside", "presence", "wind"]
    assert [sorted(lane.loops) for lane in lanes.values()] == [["inside", "outside"], []]


@pytest.mark.parametrize(("wired", "missing"), [("outside", "inside"), ("inside", "outside")])
def test_one_loop_alone_does_not_tell_which_way_a_vehicle_goes(wired: str, missing: str, write: Write) -> None:
    site = write(('"entry"', '"both"'), board=f"{BOARD}{wired} = 1\n")
    assert mistake(site).endswith(f"outside and inside; missing: {missing}")


def test_a_board_with_mistakes_is_told_of_once(write: Write) -> None:
    """Whether it has the loops for both directions is not to be known then."""
    site = write(('"entry"', '"both"'), board=BOARD.replace("open = 0", "open = -1"))
    assert [said.split(": ")[1] for said in mistakes(site)] == ["coils.open"]


def test_an_interlock_names_the_other_lane(write: Write) -> None:
    lanes = load(write(('barrier = "gate2"', 'barrier = "gate2"\ninterlock = "in1"'))).rules.lanes
    assert [lane.interlock for lane in lanes.values()] == ["", "in1"]


def test_an_interlock_with_a_lane_of_free_flow_waits_for_nothing(write: Write) -> None:
    said = mistake(write(*FREE_FLOW, ('barrier = "gate2"', 'barrier = "gate2"\ninterlock = "in1"')))
    assert said.endswith("no such lane with a barrier; there are: -")


def test_the_times_of_a_lane(write: Write) -> None:
    times = "pass_seconds = 30\nwait_seconds = 120\nstale_days = 3"
    lane = load(write(("again_seconds = 300", times))).rules.lanes["out1"]
    assert (lane.pass_within, lane.wait, lane.stale, lane.again) == (30.0, 120.0, 3 * 86400.0, 600.0)


@pytest.mark.parametrize("odd", ["interlock = 7", "interlock = ['in1']", "barrier = ['gate1']", "unresolved = []"])
def test_what_is_no_text_is_told_of_as_that_alone(odd: str, write: Write) -> None:
    key = odd.partition(" ")[0]
    kept = "" if key == "barrier" else 'barrier = "gate2"\n'
    site = write(('barrier = "gate2"\nceiling_fen = 20000\nunresolved = "owe"', f"{kept}{odd}"))
    assert [said.split(": ")[1] for said in mistakes(site)] == [f"lane.2.{key}"]


def test_the_name_of_a_barrier_is_no_name_for_a_reader(write: Write) -> None:
    said = mistakes(write(('name = "gate1"', 'name = "rsu1"'), ('barrier = "gate1"', 'barrier = "rsu1"')))
    assert said == [
        "site.toml:32: barrier.1.name: 名称 'rsu1' 重复，请另取 / the name 'rsu1' is taken; choose another"
    ]


def test_two_uplinks_of_one_name_would_share_their_progress(write: Write) -> None:
    twice = write(('password_file = "secret"\n', '[[uplink]]\nname = "city"\nhost = "other.example"\n'))
    assert mistake(twice).startswith("site.toml:45: uplink.2.name: 名称 'city' 重复")


def test_a_whole_number_is_a_number_and_so_is_infinity(write: Write) -> None:
    config = load(write(('host = "mqtt.example"', 'host = "mqtt.example"\nack_timeout = 15')))
    assert config.options.uplink[0].ack_timeout == 15.0
    endless = write(('host = "mqtt.example"', 'host = "mqtt.example"\nack_timeout = inf'))
    assert mistake(endless).endswith("uplink.1.ack_timeout: 不得大于 600.0 / must be 600.0 or less (现为 / is inf)")


def test_a_site_without_anything(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("")
    assert mistakes(site) == [
        "site.toml:1: site: 缺少此项 / is missing",
        "site.toml:1: lane: 缺少此项 / is missing",
    ]
    site.write_text('lane = []\n[site]\nid = "a"\ntariff = "none.toml"\n')
    assert mistakes(site) == [
        "site.toml:1: lane: 至少要有一个 / there must be one or more",
        "site.toml:4: site.tariff: 没有文件 none.toml / there is no such file",
    ]


def test_tables_that_are_none(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text("site = 1\nlane = 2\nreader = [3]\nbarrier = { profile = 4 }\n")
    assert mistakes(site) == [
        "site.toml:1: site: 须为表 / must be a table (现为 / is 1)",
        "site.toml:2: lane: 须写成 [[lane]] / write [[lane]] (现为 / is 2)",
        "site.toml:3: reader.1: 须为表 / must be a table (现为 / is 3)",
        "site.toml:4: barrier: 须写成 [[barrier]] / write [[barrier]]",
    ]


# --- who has the keys --------------------------------------------------------------------------------------

KEYS = f"""
[software_keys]
vehicle = "{"10" * 16}"
purchase = "{"20" * 16}"
authorisation = "{"40" * 16}"
"""
TEST_LOT = ('state = "state"', 'state = "state"\nproduction = false')
PLATFORM = ('password_file = "secret"\n', f'password_file = "secret"\n{KEYS}')
NOBODY = ('[[uplink]]\nname = "city"\nhost = "mqtt.example"\npassword_file = "secret"\n', "")
SOULIN_REMOTE = ('baud=115200"', 'baud=115200"\nsecurity = "remote"')
GENVICT = ('dialect = "wanji"', 'dialect = "genvict"')


def secured(security: str) -> tuple[str, str]:
    return ('tcp://192.168.1.20:9527"', f'tcp://192.168.1.20:9527"\nsecurity = "{security}"')


def boxed(security: str = "software", listen: str = "tcp://0.0.0.0:21004") -> tuple[str, str]:
    box = f'[[box]]\nname = "box1"\nlisten = "{listen}"\nsecurity = "{security}"\n\n[[uplink]]'
    return ("[[uplink]]", box)


def test_the_antenna_has_the_keys_unless_a_site_says_otherwise(write: Write) -> None:
    config = load(write())
    assert config.options.site.production
    assert config.rules.security == {"rsu1": InRsu(), "rsu2": InRsu()}


def test_a_platform_has_the_keys(write: Write) -> None:
    security = load(write(GENVICT, secured("remote"), boxed("remote"))).rules.security
    assert (security["rsu2"], security["box1"]) == (Remote(), Remote())


def test_a_test_lot_may_have_keys_in_software(write: Write) -> None:
    security = load(write(TEST_LOT, GENVICT, secured("software"), boxed(), PLATFORM)).rules.security
    module = security["rsu2"]
    assert isinstance(module, Software)
    assert module is security["box1"]
    assert module.psam.keys.vehicle == b"\x10" * 16
    assert module.psam.terminal == "990100000001"


IN_PRODUCTION = "正式运营不得使用"
NO_KEYS = "缺少测试密钥表 [software_keys]"
NO_PLATFORM = "没有平台可应答"
UNABLE = "协议 soulin 没有 PSAM 授权，只能是 rsu / soulin authorises no PSAMs: must be rsu"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            (GENVICT, secured("software"), PLATFORM),
            [("30: reader.2.security", IN_PRODUCTION), ("47: software_keys", IN_PRODUCTION)],
        ),
        ((boxed(), PLATFORM), [("44: box.1.security", IN_PRODUCTION), ("51: software_keys", IN_PRODUCTION)]),
        ((PLATFORM,), [("46: software_keys", IN_PRODUCTION)]),
        ((TEST_LOT, GENVICT, secured("software")), [("31: reader.2.security", NO_KEYS)]),
        ((GENVICT, secured("remote"), NOBODY), [("30: reader.2.security", NO_PLATFORM)]),
        ((SOULIN_REMOTE,), [("25: reader.1.security", UNABLE)]),
        ((boxed("remote", "serial:///dev/ttyS0"),), [("43: box.1.listen", "须为 tcp://")]),
        (
            (boxed("rsu"),),
            [("44: box.1.security", "只能是 'remote' 或 'software' / must be 'remote' or 'software'")],
        ),
        ((boxed(), ('"box1"', '"rsu1"'), TEST_LOT, PLATFORM), [("43: box.1.name", "名称 'rsu1' 重复")]),
    ],
)
def test_nobody_has_keys_who_must_not_or_cannot(
    write: Write, changes: tuple[tuple[str, str], ...], said: list[tuple[str, str]]
) -> None:
    found = mistakes(write(*changes))
    assert len(found) == len(said)
    for line, (place, words) in zip(found, said, strict=True):
        assert line.startswith(f"site.toml:{place}: ")
        assert words in line
        assert " / " in line


def test_a_wrong_key_is_not_shown(write: Write) -> None:
    said = mistake(write(TEST_LOT, PLATFORM, ("20" * 16, "c0ffee")))
    assert said == "site.toml:49: software_keys.purchase: 须为 32 位十六进制数字 / must be 32 hex digits"


# --- all at once -------------------------------------------------------------------------------------------


def test_all_mistakes_are_told_at_once_in_the_order_of_the_files(write: Write) -> None:
    site = write(
        ('"entry"', '"in"'),
        ('reader = "rsu1"', 'reader = "rsu9"'),
        ("20000", "-5"),
        ('"soulin"', '"jinyi"'),
        ('name = "gate2"', 'name = "gate1"'),
        ('barrier = "gate2"', 'barrier = "gate1"'),
        ('host = "mqtt.example"', 'host = "a b"'),
        tariff=TARIFF.replace('"15min"', "15").replace("yuan = 1", 'yuan = "1"'),
        board=BOARD.replace("poll = 0.1", "poll = 60").replace("close = 1", "shut = 1"),
    )
    places = [re.match(r"([\w./]+):(\d+): ([\w.]+):", said) for said in mistakes(site)]
    assert [place.groups() for place in places if place] == [
        ("site.toml", "8", "lane.1.role"),
        ("site.toml", "9", "lane.1.reader"),
        ("site.toml", "16", "lane.2.barrier"),
        ("site.toml", "17", "lane.2.ceiling_fen"),
        ("site.toml", "23", "reader.1.dialect"),
        ("site.toml", "37", "barrier.2.name"),
        ("site.toml", "43", "uplink.1.host"),
        ("board.toml", "1", "poll"),
        ("board.toml", "4", "coils.shut"),  # though two barriers use the board, its mistakes are told once
        ("tariffs/tariff.toml", "5", "free.time"),
        ("tariffs/tariff.toml", "9", "classes.1.steps.1.yuan"),
    ]


def test_every_mistake_is_said_in_chinese_and_in_english(write: Write) -> None:
    for change, _ in ONE_MISTAKE:
        said = mistake(write(change)).partition(": ")[2]
        assert re.search(r"[\u4e00-\u9fff]", said), said
        assert " / " in said


def test_a_syntax_error_hides_the_rest(write: Write) -> None:
    said = mistake(write(('"entry"', '"entry'), ("20000", "-5")))
    assert said == "site.toml:8: TOML 语法错误，文本没有结束，这一行缺引号 / not TOML: Illegal character '\\n'"


def test_all_full_width_characters_of_a_file_are_told_at_once(write: Write) -> None:
    assert mistakes(write(('"entry"', "“entry”"), ("20000", "２００００"))) == [
        'site.toml:8: 第 8 行第 8 列有全角 “ 请改为 " / full-width “ at line 8 column 8: write "',
        'site.toml:8: 第 8 行第 14 列有全角 ” 请改为 " / full-width ” at line 8 column 14: write "',
        (
            "site.toml:17: 第 17 行第 15 列有全角 ２００００ 请改为 20000 / "
            "full-width ２００００ at line 17 column 15: write 20000"
        ),
    ]


def test_a_table_in_single_brackets_is_told_at_its_own_line(write: Write) -> None:
    assert mistake(write(("[[lane]]", "[lane]"))) == "site.toml:6: 第 6 行须为 [[lane]] / line 6 must be [[lane]]"


@pytest.mark.parametrize("name", ["site.toml", "tariffs/tariff.toml", "board.toml"])
def test_a_file_above_a_mebibyte_is_refused_unread(name: str, write: Write, tmp_path: Path) -> None:
    site = write()
    file = tmp_path / name
    text = file.read_bytes()
    file.write_bytes(text + b"#" * ((1 << 20) - len(text)))
    assert load(site)
    with file.open("ab") as more:
        more.write(b"#")
    assert mistake(site) == f"{name}:1: 文件超过 1 MiB，过大 / is larger than 1 MiB: too large"


def test_a_syntax_error_in_a_part_hides_only_that_part(write: Write) -> None:
    said = mistakes(write(('"entry"', '"in"'), tariff="id = \n"))
    assert [line.partition(" ")[0] for line in said] == ["site.toml:8:", "tariffs/tariff.toml:1:"]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    assert mistake(site) == "site.toml:1: 无法读取，没有这个文件 / cannot be read: No such file or directory"
    site.write_bytes('[site]\nid = "a" # 车场\n'.encode("gb18030"))
    assert mistake(site) == "site.toml:2: 须存为 UTF-8 / must be saved as UTF-8"
    site.write_text(f"a = {'[' * 2000}{']' * 2000}")
    assert mistake(site) == "site.toml:1: 括号嵌套太深 / brackets are nested too deeply"
    site.unlink()
    site.mkdir()
    assert mistake(site) == "site.toml:1: 无法读取，是目录 / cannot be read: Is a directory"


def test_a_tariff_alone(tmp_path: Path) -> None:
    path = tmp_path / "tariff.toml"
    path.write_text(TARIFF.replace(", yuan = 1", ""))
    with pytest.raises(ConfigError, match=r"tariff\.toml:9: classes\.1\.steps\.1\.yuan: 缺少此项"):
        load_tariff(path)


# --- versions of a tariff ----------------------------------------------------------------------------------


def versions(folder: Path, replaces: dict[str, str], **changes: tuple[str, str]) -> Path:
    """Writes versions, each of which replaces another; the first is the newest."""
    for number, (name, older) in enumerate(replaces.items()):
        table = f'[replaces]\nfile = "{older}"\nfrom = 20{60 - number}-01-01T00:00:00+08:00\nstays = "exit"\n'
        text = TARIFF.replace('version = "1"', f'version = "{name}"') + (table if older else "")
        path = folder / f"{name}.toml"
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text.replace(*changes.get(path.stem, ("", ""))), encoding="utf-8")
    return folder / f"{next(iter(replaces))}.toml"


def version_mistakes(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_tariff(path)
    return [str(problem).replace(f"{path.parent}/", "") for problem in caught.value.problems]


def test_a_tariff_brings_the_versions_that_it_replaces(tmp_path: Path) -> None:
    newest = load_tariff(versions(tmp_path, {"c": "old/b.toml", "old/b": "a.toml", "old/a": ""}))
    assert newest.replaces is not None
    assert newest.replaces.stays == "exit"
    assert newest.replaces.until == 32_872 * 86_400  # days of China's clock from 1970 to 2060
    older = newest.replaces.tariff
    assert older.replaces is not None
    assert [tariff.version for tariff in (newest, older, older.replaces.tariff)] == ["c", "old/b", "old/a"]
    assert older.replaces.tariff.replaces is None


def test_a_change_of_the_oldest_version_changes_the_newest_ones_hash(tmp_path: Path) -> None:
    chain = {"c": "b.toml", "b": "a.toml", "a": ""}
    one = load_tariff(versions(tmp_path, chain)).content_hash
    assert load_tariff(versions(tmp_path, chain, a=("yuan = 1", "yuan = 2"))).content_hash != one
    assert load_tariff(versions(tmp_path, chain)).content_hash == one


def test_the_digest_of_a_site_changes_with_the_version_before(write: Write, tmp_path: Path) -> None:
    table = '[replaces]\nfile = "old.toml"\nfrom = 2026-01-01T00:00:00+08:00\nstays = "entry"\n'
    site = write(tariff=TARIFF + table)
    digests = set()
    for price in (1, 2):
        (tmp_path / "tariffs" / "old.toml").write_text(TARIFF.replace("yuan = 1", f"yuan = {price}"))
        digests.add(load(site).digest)
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("replaces", "last"),
    [
        ({"a": "a.toml"}, "a.toml"),
        ({"a": "./a.toml"}, "a.toml"),
        ({"a": "b.toml", "b": "a.toml"}, "b.toml"),
        ({"a": "b.toml", "b": "c.toml", "c": "b.toml"}, "c.toml"),
        ({"a": "old/b.toml", "old/b": "../a.toml"}, "old/b.toml"),
    ],
)
def test_versions_in_a_circle(replaces: dict[str, str], last: str, tmp_path: Path) -> None:
    (said,) = version_mistakes(versions(tmp_path, replaces))
    assert said == (
        f"{last}:11: replaces.file: 版本互相替代，成了一圈 / these versions replace each other in a circle"
    )


def test_a_circle_through_a_link(tmp_path: Path) -> None:
    path = versions(tmp_path, {"a": "b.toml"})
    (tmp_path / "b.toml").symlink_to("a.toml")
    assert ["circle" in said for said in version_mistakes(path)] == [True]


def test_a_version_that_is_not_there(tmp_path: Path) -> None:
    assert version_mistakes(versions(tmp_path, {"b": "a.toml"})) == [
        "b.toml:11: replaces.file: 没有文件 a.toml / there is no such file"
    ]


def test_mistakes_of_the_version_before_are_told_in_its_own_file_beside_the_new_ones(tmp_path: Path) -> None:
    chain = {"b": "a.toml", "a": ""}
    path = versions(tmp_path, chain, a=("yuan = 1", "yuan = -1"), b=('"15min"', "15"))
    assert [said.partition(": ")[0] for said in version_mistakes(path)] == ["b.toml:5", "a.toml:9"]


def test_a_version_before_that_is_no_toml(tmp_path: Path) -> None:
    path = versions(tmp_path, {"b": "a.toml", "a": ""}, a=("id = ", "id "))
    (said,) = version_mistakes(path)
    assert said.startswith("a.toml:1: TOML 语法错误")


def test_a_site_tells_the_mistakes_of_a_version_before(write: Write, tmp_path: Path) -> None:
    table = '[replaces]\nfile = "old.toml"\nfrom = 2026-01-01T00:00:00+08:00\nstays = "entry"\n'
    (tmp_path / "tariffs").mkdir()
    (tmp_path / "tariffs" / "old.toml").write_text(TARIFF.replace('cycle = "24h"', 'cycle = "1h"'))
    said = mistake(write(tariff=TARIFF + table))
    assert said.startswith("tariffs/old.toml:4: cycle: 只能是 '24h'、'day' 或 'stay' / must be")


@pytest.mark.parametrize(
    ("table", "place"),
    [
        ('file = "a.toml"\nfrom = 2026-01-01T00:00:00\nstays = "exit"', "12: replaces.from: 缺少时区"),
        ('file = "a.toml"\nfrom = 2026-01-01\nstays = "exit"', "12: replaces.from: 须为带时区的时间"),
        ('file = "a.toml"\nfrom = "2026-01-01T00:00:00+08:00"\nstays = "exit"', "12: replaces.from: 须为带时区"),
        ('file = "a.toml"\nstays = "exit"', "10: replaces.from: 缺少此项"),
        ('file = "a.toml"\nfrom = 2026-01-01T00:00:00+08:00\nstays = "new"', "13: replaces.stays: 只能是"),
        ('file = 1\nfrom = 2026-01-01T00:00:00+08:00\nstays = "exit"', "11: replaces.file: 须为引号中的文本"),
        ('from = 2026-01-01T00:00:00+08:00\nstays = "exit"', "10: replaces.file: 缺少此项"),
    ],
)
def test_mistakes_of_the_change_itself(table: str, place: str, tmp_path: Path) -> None:
    versions(tmp_path, {"a": ""})
    path = tmp_path / "b.toml"
    path.write_text(TARIFF + f"[replaces]\n{table}\n", encoding="utf-8")
    (said,) = version_mistakes(path)
    assert said.startswith(f"b.toml:{place}")


@pytest.mark.parametrize(("dialect_name", "seconds"), [("soulin", 10.0), ("genvict", 30.0)])
def test_a_presence_lasts_until_the_antenna_reads_the_tag_again(
    make_site: Callable[[Path, list[dict[str, str]]], Path], tmp_path: Path, dialect_name: str, seconds: float
) -> None:
    lane = {"name": "out", "role": "exit", "dialect": dialect_name}
    ports = {"antenna": "tcp://127.0.0.1:1", "barrier": "tcp://127.0.0.1:2"}
    assert load(make_site(tmp_path, [{**lane, **ports}])).rules.lanes["out"].presence == seconds


def test_a_dialect_that_cannot_be_used_is_a_mistake_of_the_reader(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "torn.py").write_text("DIALECT = 1 +\n")
    monkeypatch.setattr(dialects, "__path__", [*dialects.__path__, str(tmp_path)])
    said = mistake(write(('dialect = "soulin"', 'dialect = "torn"')))
    assert re.match(
        r"site\.toml:\d+: reader\.1\.dialect: 协议 torn 无法装入 / dialect torn cannot be loaded: .*torn.py:1", said
    )
