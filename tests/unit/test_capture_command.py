"""`etclane capture convert`, as a technician meets it: a file or a sentence."""

import shutil
import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from gateway.cli.capture import SHOWN, capture
from protocols import pcapng
from protocols.pcapng import Interface, Packet
from protocols.rsu.dialect import names
from protocols.rsu.messages import CHINA

SESSION = Path(__file__).parents[1] / "golden" / "wanji-session" / "session.pcapng"
LOG = "2020-08-28 17:16:34,123 send: FF FF 80\n天线初始化\n2020-08-28 17:16:34,456 recv: FFFF08B0\n"
PACKETS = (
    Packet("rsu1", 1_598_606_194_123_000_000, outbound=True, data=b"\xff\xff\x80"),
    Packet("rsu1", 1_598_606_194_456_000_000, outbound=False, data=b"\xff\xff\x08\xb0"),
)
ZONE = "时间未注明时区，按中国时间 +08:00 / times without a zone are taken as China time, +08:00"
SKIPPED = "跳过 1 行没有十六进制数据的 / 1 lines without hex were skipped"


def convert(*words: object) -> Result:
    return CliRunner().invoke(capture, ["convert", *map(str, words)])


NO_FRAME = "读出 0 帧，2 处不符 wanji / 0 frames fit wanji, 2 do not"


def good(log: Path, *words: object) -> tuple[pcapng.Capture, list[str]]:
    out = log.with_name("out.pcapng")
    result = convert(log, "--dialect", "wanji", "-o", out, *words)
    assert result.exit_code == 0, result.output
    return pcapng.read(out.read_bytes()), result.stderr.splitlines()


def bad(folder: Path, *words: object) -> list[str]:
    """The lines on stderr; nothing may have changed in the folder."""
    before = {path: path.read_bytes() for path in folder.iterdir()}
    result = convert(*words)
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    lines = result.stderr.splitlines()
    assert lines[-1].startswith("etclane: ")
    return lines


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "lane1.log"
    path.write_text(LOG, encoding="utf-8")
    return path


def test_log_becomes_a_capture(log: Path) -> None:
    captured, said = good(log)
    assert captured == pcapng.Capture((Interface("rsu1", "wanji"),), PACKETS, None)
    assert said == [ZONE, SKIPPED, NO_FRAME]


def test_answer_names_file_and_packets(log: Path) -> None:
    result = convert(log, "-d", "wanji")
    out = log.with_name("lane1.pcapng")
    assert result.stdout == f"{out}: 2 个数据包 / packets\n"
    assert sorted(log.parent.iterdir()) == [log, out]


def test_interface_and_dialect_name_the_port(log: Path) -> None:
    captured, _ = good(log, "--dialect", "dsrc", "--interface", "air")
    assert captured.interfaces == (Interface("air", "dsrc"),)
    assert {packet.interface for packet in captured.packets} == {"air"}


def test_direction_is_for_lines_without_one(log: Path) -> None:
    log.write_text("1598606194 FFFF80\n1598606194 TX FF\n", encoding="utf-8")
    for word, outbound in (("in", False), ("out", True)):
        captured, said = good(log, "--direction", word)
        assert [packet.outbound for packet in captured.packets] == [outbound, True]
        assert len(said) == 2
        assert "第 1 行等 1 行方向不明，按指定" in said[0]


@pytest.mark.parametrize(
    ("start", "zone"),
    [("2020-08-28T17:16:34", 8), ("2020-08-28T17:16:34+08:00", 8), ("2020-08-28T17:16:34+00:00", 0)],
)
def test_start_begins_a_log_without_times(log: Path, start: str, zone: int) -> None:
    log.write_text("TX FF\n", encoding="utf-8")
    captured, said = good(log, "--start", start)
    assert captured.packets[0].time_ns == (1_598_606_194 + (8 - zone) * 3600) * 10**9 + 1_000_000
    assert said[0].startswith("没有时间，第 n 行记为 2020-08-2")


@pytest.mark.parametrize("saved", ["utf-8", "utf-8-sig", "gbk"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_encodings_of_lane_pcs(log: Path, saved: str, ends: str) -> None:
    log.write_bytes("2020年8月28日 17时16分34秒 发送：FFFF80\n天线\n".replace("\n", ends).encode(saved))
    captured, said = good(log)
    assert captured.packets == (Packet("rsu1", 1_598_606_194 * 10**9, outbound=True, data=b"\xff\xff\x80"),)
    assert said[:-3] == (
        ["日志不是 UTF-8，按 GB18030 读取 / the log is not UTF-8 and is read as GB18030"] if saved == "gbk" else []
    )


def test_a_named_encoding_bears_bad_bytes_in_the_text(log: Path) -> None:
    log.write_bytes("1598606194 车道\xff".encode("latin-1", "ignore") + "发送：FFFF80\n".encode("gbk"))
    assert "save the log as UTF-8, or name --encoding" in bad(log.parent, log, "-d", "wanji")[0]
    assert good(log, "--encoding", "gbk")[0].packets[0].data == b"\xff\xff\x80"


def test_problems_are_listed_by_line_and_nothing_is_written(log: Path) -> None:
    log.write_text(f"{LOG}2020-08-28 17:16:35 send: FFF\nFFFF80C0\n", encoding="utf-8")
    said = bad(log.parent, log, "-d", "wanji", "-o", log.with_name("out.pcapng"))
    assert said == [
        f"{log}:4: 半个字节 / half a byte: FFF 有 3 位 / has 3 digits",
        f"{log}:5: 没有方向 / tells no direction; --direction in|out",
        said[-1],
    ]
    assert said[-1].startswith(
        "etclane: 2 行无法转换，未写出文件；请改正，或在行首加 # / 2 lines cannot be converted"
    )


def test_of_many_problems_the_first_are_listed(log: Path) -> None:
    log.write_text("FFFF80C0\n" * (SHOWN + 5), encoding="utf-8")
    said = bad(log.parent, log, "-d", "wanji")
    assert len(said) == SHOWN + 2
    assert said[SHOWN] == "… 还有 5 行 / and 5 more lines"


def test_a_line_put_behind_a_number_sign_is_left_out(log: Path) -> None:
    log.write_text(f"{LOG}#2020-08-28 17:16:35 send: FFF\n", encoding="utf-8")
    assert good(log)[0].packets == PACKETS


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["-d", "nobody"], f"没有协议 'nobody'，可用 / no such dialect; there are: {', '.join(names())}, dsrc"),
        (["-d", "wanji", "--start", "9999-12-31"], "须在 1971 至 2199 年之间"),
        (["-d", "wanji", "-o", "."], "是目录，请用 -o 指定文件 / is a directory"),
        (["-d", "wanji", "-o", "nowhere/out.pcapng"], "nowhere: 没有这个目录 / there is no such directory"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    log: Path, words: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(log.parent)
    [said] = bad(log.parent, log, *words)
    assert sentence in said


def test_log_that_is_not_there(tmp_path: Path) -> None:
    [said] = bad(tmp_path, tmp_path / "lane9.log", "-d", "wanji")
    assert said == f"etclane: {tmp_path / 'lane9.log'}: 没有这个文件 / No such file or directory"


def test_log_without_hex(log: Path) -> None:
    log.write_text("天线初始化\n", encoding="utf-8")
    assert bad(log.parent, log, "-d", "wanji") == [f"etclane: {log}: 没有十六进制数据 / holds no hex"]


def test_a_log_that_is_called_a_capture_is_never_overwritten(log: Path) -> None:
    named = log.rename(log.with_suffix(".pcapng"))
    assert "不能覆盖日志本身" in bad(log.parent, named, "-d", "wanji")[0]


@pytest.mark.parametrize("saved", ["utf-16-le", "utf-16-be"])
def test_a_log_in_utf_16_is_read_by_its_mark(log: Path, saved: str) -> None:
    log.write_bytes(f"\ufeff{LOG}".encode(saved))
    captured, said = good(log)
    assert captured.packets == PACKETS
    assert said[0] == "日志是 UTF-16，按其读取 / the log is UTF-16 and is read as such"


def test_a_log_in_utf_16_without_a_mark_is_to_be_saved_anew(log: Path) -> None:
    log.write_bytes(LOG.encode("utf-16-le"))
    [said] = bad(log.parent, log, "-d", "wanji")
    assert said == f"etclane: {log}: 像是 UTF-16，请另存为 UTF-8 / looks like UTF-16; save it as UTF-8"


C4, B3 = "ffff001000000002c4013f41", "ffff58b36a81353e00b2e241313233343500000000000001002aff"
"""Captured: antenna on, which the PC says in F2, and a vehicle, of which the antenna tells in F1."""
BALANCE = "08000001e0f70091180119010106000d8f8e900000"


@pytest.mark.parametrize(
    ("name", "lines", "told"),
    [
        (
            "wanji",
            [f"TX {C4}", f"TX {C4[:12]}", f"TX {C4[12:]}"],
            "读出 2 帧，0 处不符 wanji / 2 frames fit wanji, 0 do not",
        ),
        ("soulin", [f"TX {C4}", f"RX {B3}"], "读出 1 帧，1 处不符 soulin / 1 frames fit soulin, 1 do not"),
        ("wanji", [f"TX {C4}", f"RX {C4}"], "读出 1 帧，1 处不符 wanji / 1 frames fit wanji, 1 do not"),
        (
            "wanji",
            [f"RX {C4}"],
            "读出 0 帧，1 处不符 wanji；方向可能相反 / 0 frames fit wanji, 1 do not; the direction may be swapped",
        ),
        (
            "soulin",
            [f"TX {C4}"],
            "读出 0 帧，1 处不符 soulin；像是 F2 帧 / 0 frames fit soulin, 1 do not; looks like F2",
        ),
        ("dsrc", [f"RX {BALANCE}", "RX 0800"], "读出 1 帧，1 处不符 dsrc / 1 frames fit dsrc, 1 do not"),
    ],
)
def test_what_was_written_is_checked_against_the_dialect(log: Path, name: str, lines: list[str], told: str) -> None:
    log.write_text("".join(f"1598606194 {line}\n" for line in lines), encoding="utf-8")
    result = convert(log, "-d", name)
    assert result.exit_code == 0
    assert result.stderr.splitlines()[-1] == told


def test_log_itself_is_never_overwritten(log: Path) -> None:
    [said] = bad(log.parent, log, "-d", "wanji", "-o", log.parent / "." / "lane1.log")
    assert "this is the log itself" in said


def test_a_file_that_nobody_named_is_not_overwritten(log: Path) -> None:
    out = log.with_name("lane1.pcapng")
    out.write_bytes(b"another")
    assert "已存在" in bad(log.parent, log, "-d", "wanji")[0]
    assert convert(log, "-d", "wanji", "-o", out).exit_code == 0
    assert pcapng.read(out.read_bytes()).packets == PACKETS


def test_a_full_disk_leaves_nothing_behind(log: Path) -> None:
    """The limit on a file's size stands for the disk: the write fails half way. It ends with the command."""
    log.write_text("1598606194 TX FFFF80C0\n" * 100, encoding="utf-8")
    code = (
        "import atexit, resource as r; r.setrlimit(r.RLIMIT_FSIZE, (512, -1));"
        "atexit.register(r.setrlimit, r.RLIMIT_FSIZE, (-1, -1));"
        "from gateway.cli.capture import capture; capture()"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", code, "convert", log, "-d", "wanji"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    target = log.with_name("lane1.pcapng")  # not the unfinished file, which nobody knows
    assert ended.stderr == f"etclane: {target}: 文件过大 / File too large\n"
    assert list(log.parent.iterdir()) == [log]


def test_a_recorded_session_printed_as_a_log_comes_back(tmp_path: Path) -> None:
    passed = [packet for packet in pcapng.read(SESSION.read_bytes()).packets if packet.interface == "rsu1"]
    assert passed
    log = tmp_path / "lane.log"
    log.write_text("".join(map(printed, passed)), encoding="utf-8")
    assert list(good(log)[0].packets) == passed


def printed(packet: Packet) -> str:
    seconds, ns = divmod(packet.time_ns, 10**9)
    at = datetime(1970, 1, 1, 8, tzinfo=CHINA) + timedelta(seconds=seconds)
    way = "PC->RSU" if packet.outbound else "RSU->PC"
    return f"{at:%Y-%m-%d %H:%M:%S}.{ns:09} INFO rsu.py[line:70] {way}: {packet.data.hex(' ').upper()}\n"


def test_wireshark_reads_the_capture(log: Path) -> None:
    if not shutil.which("tshark"):
        pytest.fail("tshark is missing; install the package tshark")
    good(log)
    fields = ["frame.time_epoch", "frame.interface_name", "frame.len", "frame.packet_flags_direction"]
    shown = subprocess.run(
        [
            "tshark",
            "-n",
            "-r",
            log.with_name("out.pcapng"),
            "-T",
            "fields",
            *(w for f in fields for w in ("-e", f)),
        ],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert [line.split("\t") for line in shown.stdout.splitlines()] == [
        ["1598606194.123000000", "rsu1", "3", "0x00000002"],
        ["1598606194.456000000", "rsu1", "4", "0x00000001"],
    ]
