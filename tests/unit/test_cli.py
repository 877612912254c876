"""The command `etclane`, as a person or a program meets it: answers on stdout, sentences on stderr, exit codes."""

import errno
import json
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest
import tomli
from click.testing import Result
from hypothesis import given, settings
from hypothesis import strategies as st
from typer import Exit
from typer.testing import CliRunner

from gateway.cli import show, start
from gateway.cli.main import app
from gateway.cli.plainly import plainly
from gateway.config import load_tariff
from gateway.ledger import imports
from gateway.ledger.entries import (
    GENESIS,
    Booted,
    DebitIntended,
    DebitSettled,
    Draft,
    Moment,
    StayOpened,
    chained,
)
from gateway.ledger.stays import Stays
from gateway.ledger.store import Store
from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from protocols.rsu.messages import CHINA

REPOSITORY = Path(__file__).parents[2]
SESSION = REPOSITORY / "tests" / "golden" / "wanji-session"
TARIFF = REPOSITORY / "config" / "tariffs" / "lanzhou-airport.toml"
C4 = "ffff001000000002c4013f41"  # captured: antenna on
BALANCE = "08000001e0f70091180119010106000d8f8e900000"  # an air frame: what is on the card


def etclane(*words: object, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=stdin)


def good(*words: object, stdin: str | bytes | None = None) -> str:
    result = etclane(*words, stdin=stdin)
    assert (result.exit_code, result.stderr) == (0, ""), result.output
    return result.stdout


def bad(*words: object, stdin: str | bytes | None = None) -> str:
    """What stands on stderr when a command fails as it should: with code 1 and a sentence of ours."""
    result = etclane(*words, stdin=stdin)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stderr.splitlines()[-1].startswith("etclane: ")
    assert "Traceback" not in result.stderr
    return result.stderr


# --- help --------------------------------------------------------------------------------------------------

COMMANDS = [
    *("run", "demo", "check", "decode", "replay", "fee", "dissector", "capture convert"),
    *("ledger verify", "ledger show", "ledger import", "tariff check", "tariff table"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_a_help_with_an_example(command: str, flag: str) -> None:
    said = good(*command.split(), flag)
    assert f"example: etclane {command}" in " ".join(said.split())


@pytest.mark.parametrize("group", ["ledger", "capture", "tariff"])
def test_every_group_has_a_help_with_an_example(group: str) -> None:
    assert f"example: etclane {group} " in " ".join(good(group, "--help").split())
    assert "example: etclane fee " in " ".join(good("--help").split())


@pytest.mark.parametrize("command", ["", "fee", "tariff check", "tariff table", "decode", "check"])
def test_the_examples_of_a_help_work_from_the_projects_root(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPOSITORY)
    help_ = " ".join(good(*command.split(), "--help").split())
    _, *examples = help_.partition("例 / example: ")[2].split("etclane ")
    assert examples
    for example in examples:
        words = (sorted(Path().glob(word)) if "*" in word else [word] for word in example.split())
        good(*(word for some in words for word in some))


@pytest.mark.parametrize("command", ["replay", "ledger import"])
def test_whoever_takes_open_stays_shows_such_a_line(command: str) -> None:
    said = " ".join(good(*command.split(), "--help").split())
    assert imports.EXAMPLE in said
    assert list(imports.parse([imports.EXAMPLE]))


@pytest.mark.parametrize("group", [[], ["ledger"], ["capture"], ["tariff"]])
def test_every_command_stands_in_the_help(group: Sequence[str]) -> None:
    said = good(*group, "--help")
    assert etclane(*group).stdout.split() == said.split()
    for command in COMMANDS:
        *above, name = command.split()
        if above == list(group):
            assert name in said


def test_version() -> None:
    assert good("--version") == f"etclane {version('etclane')}\n"


def test_the_command_is_installed_under_its_name() -> None:
    command = Path(sys.executable).with_name("etclane")
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("etclane ")


def test_the_command_that_is_installed_is_the_start_of_it() -> None:
    project = tomli.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
    (entry,) = [EntryPoint("etclane", value, "") for value in project["project"]["scripts"].values()]
    assert entry.load() is start.main


def started(words: str, redirected: str = "") -> subprocess.CompletedProcess[str]:
    """The command in a shell of its own, with its output redirected."""
    begin = "from gateway.cli.start import main; main()"
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(begin)} {words} {redirected}"
    return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, cwd=REPOSITORY)


@pytest.mark.parametrize("module", ["typer", "gateway.cli.main", "gateway.cli.tariff"])
def test_ctrl_c_while_modules_are_loaded_ends_quietly(module: str) -> None:
    begin = f"""
import sys
class CtrlC:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            raise KeyboardInterrupt
sys.meta_path.insert(0, CtrlC())
from gateway.cli.start import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", begin], capture_output=True, text=True, check=False, cwd=REPOSITORY
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


HOURS = "--entry 2026-11-21T08:00 --exit 2026-11-21T10:01"


@pytest.mark.parametrize(
    "words",
    [
        f"fee {TARIFF} {HOURS}",
        f"fee {TARIFF} {HOURS} --json",
        f"tariff table {TARIFF} --until 1h",
        f"tariff table {TARIFF} --until 1h --json",
        f"tariff check {TARIFF}",
        f"decode -d wanji {C4}",
        "dissector",
        "--version",
        "--help",
    ],
)
def test_a_full_disk_under_the_output_ends_in_a_sentence(words: str) -> None:
    done = started(words, "> /dev/full")
    assert done.returncode == 1
    assert done.stderr.startswith("etclane: ")
    assert done.stderr.endswith("磁盘已满 / No space left on device\n")
    assert done.stderr.count("\n") == 1


def test_a_closed_output_is_no_success() -> None:
    done = started(f"fee {TARIFF} {HOURS}", ">&-")
    assert (done.returncode, done.stderr) == (1, "etclane: 标准输出已关闭 / standard output is closed\n")


@pytest.mark.parametrize(
    ("words", "usage", "said"),
    [
        ("fee", "fee", "'TARIFF': 缺少此项 / is missing"),
        (f"fee {TARIFF}", "fee", "'--entry': 缺少此项 / is missing"),
        ("decode", "decode", "'--dialect' / '-d': 缺少此项 / is missing"),
        ("nosuch", "", "没有命令 'nosuch' / no such command"),
        ("tariff nosuch", "tariff", "没有命令 'nosuch' / no such command"),
        ("--bogus", "", "没有选项 --bogus / no such option"),
        ("check --bogus", "check", "没有选项 --bogus / no such option"),
        ("check -c", None, "'-c': 缺少值 / needs a value"),
        ("demo --keep=3", None, "'--keep': 不带值 / takes no value"),
        ("check more words", "check", "多余的词 / words too many: more words"),
        ("ledger show --after x", "ledger show", "'--after': 须为整数 / must be a whole number"),
        ("ledger show --after -1", "ledger show", "'--after': 不得小于 0 / must be 0 or more"),
        (
            "capture convert x -d y --direction up",
            "capture convert",
            "没有 'up'，可用 / no such word; there are: 'in', 'out'",
        ),
        ("capture convert x -d y --start up", "capture convert", "须为时间 / must be a time: 2026-11-21T08:00"),
    ],
)
def test_a_wrong_command_line_is_told_in_chinese_first(words: str, usage: str | None, said: str) -> None:
    result = etclane(*words.split())
    assert (result.exit_code, result.stdout) == (2, "")
    *before, last = result.stderr.splitlines()
    assert before == ([] if usage is None else [" ".join(f"用法 / usage: etclane {usage} -h".split())])
    assert last.startswith("etclane: ")
    assert last.endswith(said)


def test_a_file_that_may_not_be_read_is_told_in_chinese_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "t.toml"
    file.touch()
    monkeypatch.setattr(os, "access", lambda *_: False)  # to the superuser, who runs some of us, no file is closed
    assert etclane("tariff", "check", file).stderr.endswith(f"etclane: {file}: 无权限 / Permission denied\n")


# --- check -------------------------------------------------------------------------------------------------


def test_check_of_a_good_site() -> None:
    assert good("check", "-c", SESSION / "site.toml").endswith(
        "site.toml: 配置正确 / good: golden, out1 (exit); one yuan\n"
    )


def test_check_tells_all_mistakes(tmp_path: Path) -> None:
    site = tmp_path / "site.toml"
    site.write_text('[site]\nid = "a"\ntariff = "none.toml"\n[[lane]]\nname = "in1"\n')
    lines = bad("check", "-c", site).splitlines()
    assert lines[0] == f"{site}:3: site.tariff: 没有文件 {tmp_path}/none.toml / there is no such file"
    assert lines[1:3] == [f"{site}:4: lane.1.{key}: 缺少此项 / is missing" for key in ("role", "reader")]
    assert lines[-1] == "etclane: 3 处配置错误 / mistakes in the configuration"


@pytest.mark.parametrize("command", [["check"], ["run"], ["ledger", "verify"], ["ledger", "show"]])
def test_without_a_configuration(command: Sequence[str], tmp_path: Path) -> None:
    assert "无法读取，没有这个文件 / cannot be read: No such file" in bad(*command, "-c", tmp_path / "none.toml")


# --- decode ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "stdin"), [([C4], None), (["ffff0010 00000002", "c4:01", "0x3f41"], None), ([], f"{C4}\n")]
)
def test_decode(words: Sequence[str], stdin: str | None) -> None:
    (said,) = map(json.loads, good("decode", "-d", "wanji", *words, stdin=stdin).splitlines())
    assert (said["command"], said["checksum"], said["direction"]) == ("C4", "ok", "PC->RSU")


def test_decode_of_several_frames_of_which_one_is_damaged() -> None:
    broken = C4[:-1] + "2"
    result = etclane("decode", "--dialect", "wanji", C4 + broken + C4)
    assert result.exit_code == 1
    said = [json.loads(line) for line in result.stdout.splitlines()]
    assert [frame.get("checksum") for frame in said] == ["ok", "bad", "ok"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((["zz"], None), "'z' is not allowed"),
        ((["abc"], None), "half a byte"),
        ((["ff", "测"], None), "第 2 段第 1 个字符：'测' 不是十六进制"),
        (([], ""), "没有十六进制数据 / no hex given"),
        (([], "\n \n"), "没有十六进制数据 / no hex given"),
        (([], "ff"), "其中没有帧 / there is no frame in it"),
    ],
)
def test_decode_of_what_is_no_hex(words: tuple[list[str], str | bytes | None], said: str) -> None:
    assert said in bad("decode", "-d", "soulin", *words[0], stdin=words[1])


@pytest.mark.parametrize("line", [b"not hex at all", b"\xff\xfe\x80 \x00"])
@pytest.mark.parametrize(("dialect", "sound"), [("wanji", C4), ("dsrc", BALANCE)])
def test_decode_tells_a_bad_line_and_goes_on(dialect: str, sound: str, line: bytes) -> None:
    result = etclane("decode", "-d", dialect, stdin=b"\n".join((sound.encode(), line, sound.encode())))
    assert (result.exit_code, result.stderr) == (1, "")
    first, bad, second = map(json.loads, result.stdout.splitlines())
    assert (bad["line"], bad["error"].partition("个")[0]) == (2, "第 2 行第 1 ")
    assert "error" not in first | second


def test_decode_in_a_dialect_that_nobody_speaks() -> None:
    assert "没有协议 'jinyi'" in bad("decode", "-d", "jinyi", C4)


@settings(max_examples=30)
@given(st.one_of(st.binary(max_size=300), st.text("0123456789abcdef \n", max_size=300).map(str.encode)))
def test_decode_of_anything_ends_without_a_traceback(stdin: bytes) -> None:
    for dialect in ("wanji", "soulin"):
        result = etclane("decode", "-d", dialect, stdin=stdin)
        assert result.exit_code in (0, 1)
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert all(isinstance(json.loads(line), dict) for line in result.stdout.splitlines())


def test_decode_from_a_real_pipe_with_bytes_that_are_no_text() -> None:
    command = [sys.executable, "-c", "from gateway.cli.main import main; main()", "decode", "-d", "wanji"]
    done = subprocess.run(command, input=b"\xff\xff\x00\x10", capture_output=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 1
    assert json.loads(done.stdout)["line"] == 1
    assert done.stderr == b""


# --- ledger ------------------------------------------------------------------------------------------------

AT = datetime(2026, 11, 21, 12, tzinfo=CHINA)
NOW = Moment(AT, 1000.0, "boot", trusted=True)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """The golden site with a ledger of its own."""
    text = (SESSION / "site.toml").read_text(encoding="utf-8")
    text = text.replace("../../..", str(REPOSITORY))
    (tmp_path / "tariff.toml").write_text((SESSION / "tariff.toml").read_text(encoding="utf-8"), encoding="utf-8")
    path = tmp_path / "site.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def ledger(site: Path) -> Path:
    path = site.parent / "state" / "ledger.db"
    book = Store(path)
    book.append(
        [
            Draft(NOW, "", Booted("1.0", "digest", "tariff")),
            Draft(NOW, "in1", StayOpened("s1", "测A12345", 0, 1, "652bc7a3", "card")),
            Draft(Moment(AT, 1.0, "boot", trusted=False), "in1", StayOpened("s2", "测B1", 1, 1, "652bc7a4", "")),
        ]
    )
    book.close()
    return path


def tamper(ledger: Path, sql: str) -> None:
    db = sqlite3.connect(ledger)
    db.executescript(f"DROP TRIGGER entries_stay; DROP TRIGGER entries_last; {sql}")
    db.close()


@pytest.mark.usefixtures("ledger")
def test_verify_of_a_sound_ledger(site: Path) -> None:
    said = good("ledger", "verify", "-c", site)
    assert said.startswith("3 条 / entries, chains ")
    assert said.endswith(": 完好 / clean\n")
    told = json.loads(good("ledger", "verify", "-c", site, "--json"))
    assert (told["entries"], told["problems"], told["clean"]) == (3, [], True)


def test_verify_beside_a_running_gateway(site: Path, ledger: Path) -> None:
    book = Store(ledger)
    book.append([Draft(NOW, "", Booted("1.0", "digest", "tariff"))])
    assert good("ledger", "verify", "-c", site).startswith("4 条")
    assert len(good("ledger", "show", "-c", site).splitlines()) == 4
    book.close()


@pytest.mark.parametrize(
    ("sql", "problem"),
    [
        ("UPDATE entries SET text = replace(text, '测A12345', '测A54321')", "2: its hash is not that of its text"),
        ("DELETE FROM entries WHERE number = 2", "2: missing up to 2"),
    ],
)
def test_verify_of_a_ledger_that_was_tampered_with(site: Path, ledger: Path, sql: str, problem: str) -> None:
    tamper(ledger, sql)
    result = etclane("ledger", "verify", "-c", site)
    assert result.exit_code == 1
    assert "处错误 / problems" in result.stdout
    assert problem in result.stdout
    told = etclane("ledger", "verify", "-c", site, "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["clean"] is False


@pytest.mark.parametrize("command", [["verify"], ["show"], ["show", "--json"]])
def test_a_ledger_that_is_none(site: Path, command: Sequence[str]) -> None:
    assert "no such file / 没有这个文件" in bad("ledger", *command, "-c", site)
    (site.parent / "state").mkdir()
    (site.parent / "state" / "ledger.db").write_bytes(b"no database" * 100)
    assert "not a database" in bad("ledger", *command, "-c", site)


def test_show_of_a_damaged_entry(site: Path, ledger: Path) -> None:
    tamper(ledger, "UPDATE entries SET text = 'x' WHERE number = 2")
    assert "entry 2 is damaged" in bad("ledger", "show", "-c", site)
    assert "2: its hash is not that of its text" in etclane("ledger", "verify", "-c", site).stdout


@pytest.mark.usefixtures("ledger")
def test_show_for_people(site: Path) -> None:
    first, second, third = good("ledger", "show", "-c", site).splitlines()
    assert " ".join(first.split()) == "1 2026-11-21T12:00:00 - booted config digest, tariff tariff, version 1.0"
    assert second.split()[:4] == ["2", "2026-11-21T12:00:00", "in1", "stay.opened"]
    assert second.endswith(" card card, color 0, obu_id 652bc7a3, plate 测A12345, stay s1, vehicle_class 1")
    assert third.endswith("(时钟不可信 / clock not trusted)")


def test_show_for_programs(site: Path, ledger: Path) -> None:
    said = [json.loads(line) for line in good("ledger", "show", "-c", site, "--json").splitlines()]
    book = Store(ledger)
    assert said == [{**entry.fields, "hash": entry.hash} for entry in book.entries()]
    book.close()


@pytest.mark.usefixtures("ledger")
def test_show_of_a_part(site: Path) -> None:
    lines = good("ledger", "show", "-c", site).splitlines()
    assert good("ledger", "show", "-c", site, "--after", 1, "--limit", 1).splitlines() == lines[1:2]
    assert good("ledger", "show", "-c", site, "--after", 3) == ""
    assert etclane("ledger", "show", "-c", site, "--after", -1).exit_code == 2


def inside(*plates: str, entered: str = "2026-11-20T08:00:00+08:00") -> str:
    stays = [{"plate": plate, "color": 0, "vehicle_class": 1, "entered": entered} for plate in plates]
    return "".join(json.dumps(stay, ensure_ascii=False) + "\n" for stay in stays)


def open_stays(ledger: Path) -> Stays:
    book, stays = Store(ledger), Stays()
    for draft in book.drafts():
        stays.apply(draft)
    book.close()
    return stays


def test_import(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "inside.jsonl"
    for plates in (("测X1", "测X2"), ("测Y1", "测Y2")):
        file.write_text(inside(*plates), encoding="utf-8")
        assert good("ledger", "import", file, "-c", site) == "已导入 2 辆 / imported 2\n"
    stays = open_stays(tmp_path / "state" / "ledger.db").open
    assert [stay.plate for stay in stays.values()] == ["测X1", "测X2", "测Y1", "测Y2"]
    assert len({stay.id for stay in stays.values()}) == 4  # or the exit of one would end the stay of another
    assert {stay.entered for stay in stays.values()} == {datetime(2026, 11, 20, 8, tzinfo=CHINA)}
    assert good("ledger", "verify", "-c", site).startswith("4 条")


def test_import_of_a_file_saved_on_windows(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "inside.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + inside("测X1").replace("\n", "\r\n").encode())
    assert "imported 1" in good("ledger", "import", file, "-c", site)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (
            inside("测X1", "测A12345").encode(),
            "测A12345 已在场内，未导入任何车辆 / is inside already; nothing was imported",
        ),
        (inside("测X1", entered="2999-01-01T00:00:00+08:00").encode(), "entered after now; nothing was imported"),
        (inside("测X1", "测X1").encode(), "第 2 行 / line 2: 测X1 重复"),
        (b"{}\n", "第 1 行 / line 1: "),
        (b"\n", "没有车辆 / holds no car"),
        (inside("测X1").encode("gb18030"), "须存为 UTF-8 / must be saved as UTF-8"),
    ],
)
def test_import_takes_all_or_nothing(site: Path, ledger: Path, tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "inside.jsonl"
    file.write_bytes(content)
    assert said in bad("ledger", "import", file, "-c", site)
    assert len(open_stays(ledger).open) == 2


def test_import_while_the_gateway_runs(site: Path, ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "inside.jsonl"
    file.write_text(inside("测X1"), encoding="utf-8")
    book = Store(ledger)
    assert "stop the other etclane first" in bad("ledger", "import", file, "-c", site)
    book.close()
    assert "No such file" in bad("ledger", "import", tmp_path / "none.jsonl", "-c", site)


def test_import_into_a_ledger_that_takes_nothing(site: Path, ledger: Path, tmp_path: Path) -> None:
    file = tmp_path / "inside.jsonl"
    file.write_text(inside("测X1"), encoding="utf-8")
    tamper(ledger, "CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'disk full'); END;")
    assert "账本无法写入 / the ledger cannot be written: disk full" in bad("ledger", "import", file, "-c", site)


# --- replay ------------------------------------------------------------------------------------------------


def test_replay_of_the_golden_session() -> None:
    words = ("replay", SESSION / "session.pcapng", "-c", SESSION / "site.toml", "--state", SESSION / "inside.jsonl")
    lines = [json.loads(line) for line in good(*words).splitlines()]
    kinds = [line["entry"]["kind"] for line in lines if "entry" in line]
    assert kinds[-3:] == ["debit.intended", "debit.settled", "stay.closed"]


@pytest.mark.parametrize("content", [b"", b"no capture", b"\n\r\r\n" + bytes(40)])
def test_replay_of_what_is_no_capture(tmp_path: Path, content: bytes) -> None:
    capture = tmp_path / "bad.pcapng"
    capture.write_bytes(content)
    bad("replay", capture, "-c", SESSION / "site.toml")
    assert "none.pcapng: 没有这个文件 / No such file or directory" in bad(
        "replay", tmp_path / "none.pcapng", "-c", SESSION / "site.toml"
    )


def test_replay_with_a_state_that_is_none(tmp_path: Path) -> None:
    state = tmp_path / "inside.jsonl"
    state.write_text("{}")
    words = ("replay", SESSION / "session.pcapng", "-c", SESSION / "site.toml", "--state", state)
    assert "第 1 行 / line 1" in bad(*words)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOENT, "没有这个文件 / No such file or directory"),
        (errno.EISDIR, "是目录 / Is a directory"),
        (errno.EACCES, "无权限 / Permission denied"),
        (errno.EPERM, "无权限 / Operation not permitted"),
        (errno.ENOSPC, "磁盘已满 / No space left on device"),
        (errno.EIO, "系统错误 / Input/output error"),
    ],
)
def test_what_the_system_refuses_is_said_in_chinese_first(
    number: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(Exit), plainly():
        raise OSError(number, os.strerror(number), "lane1.log")
    assert capsys.readouterr().err == f"etclane: lane1.log: {said}\n"


def test_a_directory_is_no_capture(tmp_path: Path) -> None:
    said = bad("replay", tmp_path, "-c", SESSION / "site.toml")
    assert said == f"etclane: {tmp_path}: 是目录 / Is a directory\n"


def test_whoever_has_read_enough_of_a_replay_may_go() -> None:
    words = [
        sys.executable,
        "-c",
        "from gateway.cli.main import main; main()",
        "replay",
        SESSION / "session.pcapng",
    ]
    command = [*map(str, words), "-c", str(SESSION / "site.toml")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


# --- run ---------------------------------------------------------------------------------------------------


def test_the_daemons_log_tells_the_zone_of_its_times() -> None:
    log = "import structlog; from gateway.cli.main import _log_to_stderr as begin; begin()"
    command = [sys.executable, "-c", f"{log}; structlog.get_logger().info('车')"]
    zone = {**os.environ, "TZ": "Asia/Shanghai"}
    done = subprocess.run(command, capture_output=True, encoding="utf-8", env=zone, check=True)
    line = json.loads(done.stderr)
    assert (line["event"], line["level"]) == ("车", "info")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+08:00", line["timestamp"])


# --- demo --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("words", "flags"), [([], []), (["--keep"], ["--keep"])])
def test_the_demo_is_started_beside_us(words: list[str], flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(subprocess, "call", lambda command: started.append(command) or 3)
    assert etclane("demo", *words).exit_code == 3
    assert started == [[sys.executable, "-m", "tools.demo", *flags]]


# --- how things are shown ----------------------------------------------------------------------------------


def test_an_entry_with_a_quote_is_one_line() -> None:
    price = quote(load_tariff(TARIFF), Parked(AT, AT + timedelta(hours=2))).to_json()
    intended = DebitIntended("i1", "s1", "652bc7a3", "card", 1000, 10_000, "now", price)
    shown = show.entry(chained(Draft(NOW, "out1", intended), "chain", 1, GENESIS))
    assert "quote 10.00 by T06-lanzhou-zhongchuan" in shown
    assert "\n" not in shown
    settled = DebitSettled("i1", "result", {"tac": "570bf7dc", "card_serial": 63}, 9000)
    shown = show.entry(chained(Draft(NOW, "out1", settled), "chain", 1, GENESIS))
    assert "proof card_serial=63 tac=570bf7dc" in shown


# --- decode --dialect dsrc ------------------------------------------------------------------------------------

BST = "FF FF FF FF 50 03 91 C0 08 00 00 00 66 C1 52 02 00 01 41 87 29 A0 1A 00 04 00 2B 00"
READ_BALANCE = "0800000140 77 9105010318010105805c000204"


def test_an_air_frame_is_decoded_from_its_words() -> None:
    [line] = good("decode", "-d", "dsrc", *BST.split()).splitlines()
    frame = json.loads(line)
    assert frame["title"].endswith("BST")
    assert frame["pdus"][0]["fields"]["time"] == 0x66C15202


def test_air_frames_stand_one_on_a_line_and_answers_find_their_requests() -> None:
    request, answer = map(
        json.loads, good("decode", "-d", "dsrc", stdin=f"{READ_BALANCE}\n\n{BALANCE}\n").splitlines()
    )
    assert (request["direction"], answer["direction"]) == ("RSU->OBU", "OBU->RSU")
    assert answer["files"][0]["fields"] == {"balance": 0x000D8F8E}
