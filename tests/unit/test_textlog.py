"""Text logs as lane programs and serial terminals print them; the lines are made up in the manner of the real ones.

Their forms were seen in published sources: crazyfox07/tianxian-demo (common/log.py, service/rsu_socket.py), serial
terminals' `[time]收←◆` lines, C#'s `HH:mm:ss:fff` and BitConverter. All bytes are invented or constants.
"""

import re
from datetime import UTC, datetime, timedelta, timezone

import pytest

from gateway.textlog import Converted, Problem, convert
from protocols.pcapng import Packet
from protocols.rsu.messages import CHINA


def ns(at: datetime) -> int:
    return (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000


def read(*lines: str, outbound: bool | None = None, start: datetime | None = None) -> Converted:
    return convert(lines, "rsu1", outbound=outbound, start=start)


def one(line: str, *, outbound: bool | None = None, start: datetime | None = None) -> Packet:
    found = read(line, outbound=outbound, start=start)
    assert found.problems == ()
    [packet] = found.packets
    return packet


def trouble(line: str, *, outbound: bool | None = None) -> str:
    found = read(line, outbound=outbound)
    assert found.packets == ()
    [problem] = found.problems
    assert problem.line == 1
    return problem.text


def skipped(*lines: str, outbound: bool | None = None) -> bool:
    found = read(*lines, outbound=outbound)
    return (found.packets, found.problems, found.skipped) == ((), (), len(lines))


# --- times -----------------------------------------------------------------------------------------------------

AT = datetime(2020, 8, 28, 17, 16, 34, 123000, tzinfo=CHINA)


@pytest.mark.parametrize(
    "printed",
    [
        "2020-08-28T17:16:34.123+08:00",
        "2020-08-28T17:16:34.123+0800",
        "2020-08-28T09:16:34.123Z",
        "2020-08-28 05:16:34.123 -0400",
        "2020-08-28 17:16:34.123",
        "2020-08-28 17:16:34,123",
        "2020-08-28 17:16:34:123",
        "2020/8/28 17:16:34.123",
        "[2020-08-28 17:16:34.123]",
        "2020.08.28_17:16:34.123",
        "2020年8月28日 17:16:34.123",
        "2020年08月28日17时16分34.123秒",
        "20200828 17:16:34.123",
        "20200828 171634.123",
        "20200828171634.123",
        "20200828-171634,123",
        "1598606194.123",
        "1598606194123",
        "(1598606194.123)",
        '"time": 1598606194123,',
        "INFO 2020-08-28 17:16:34,123 lane.py[line:70]",
        "INFO 20200828 171634.123",
        "12,2020-08-28 17:16:34.123",
        "12\t1598606194123",
    ],
)
def test_time(printed: str) -> None:
    assert one(f"{printed} TX: FF FF 80") == Packet("rsu1", ns(AT), outbound=True, data=b"\xff\xff\x80")


@pytest.mark.parametrize(
    "printed", ["17:16:34.123", "[17:16:34.123]", "17:16:34,123", "[17:16:34:123]", "DEBUG 17:16:34.123"]
)
def test_time_without_a_date_is_of_the_start_day(printed: str) -> None:
    assert one(f"{printed} TX: FF", start=datetime(2020, 8, 28, 3, tzinfo=CHINA)).time_ns == ns(AT)


def test_nanoseconds_are_kept() -> None:
    assert one("1970-01-01T00:00:01.123456789Z TX FF").time_ns == 1_123_456_789
    assert one("1000000000.000000001 TX FF").time_ns == 10**18 + 1


def test_the_first_time_in_a_line_counts() -> None:
    line = "[17:16:34.123] recv 2020-08-01 08:00:00 入场: FFFF80C0"
    assert one(line, start=AT).time_ns == ns(AT)


def test_zone_of_china_is_assumed_and_said() -> None:
    assert read("2020-08-28 17:16:34 TX FF").notes == (
        "时间未注明时区，按中国时间 +08:00 / times without a zone are taken as China time, +08:00",
    )
    assert read("2020-08-28 17:16:34Z TX FF", "1598606194 TX FF").notes == ()


def test_midnight_begins_the_next_day() -> None:
    lines = [f"{clock} TX FF" for clock in ("23:59:59.900", "23:59:59.800", "00:00:00.100", "13:00:00", "00:30:00")]
    found = read(*lines, start=datetime(2020, 8, 28, tzinfo=CHINA))
    hours = [(packet.time_ns - ns(datetime(2020, 8, 28, tzinfo=CHINA))) / 3_600e9 for packet in found.packets]
    assert [round(hour, 2) for hour in hours] == [24, 24, 24, 37, 48.5]
    assert found.packets[1].time_ns < found.packets[0].time_ns  # 0.1 s back is no midnight
    assert "从 2020-08-28 起" in found.notes[1]


def test_the_day_of_a_full_time_holds_for_the_clocks_after_it() -> None:
    found = read("2020-08-28 23:00:00 TX FF", "23:30:00 RX FF", "00:10:00 RX FF")
    assert [packet.time_ns - found.packets[0].time_ns for packet in found.packets] == [
        0,
        1800 * 10**9,
        4200 * 10**9,
    ]


def test_start_in_another_zone_is_the_day_in_china() -> None:
    start = datetime(2020, 8, 27, 20, tzinfo=timezone(timedelta(hours=0)))
    assert one("17:16:34.123 TX FF", start=start).time_ns == ns(AT)


def test_log_without_times_counts_its_lines() -> None:
    found = read("lane opened", "TX FF", "", "RX FE", start=AT)
    assert [packet.time_ns - ns(AT) for packet in found.packets] == [2_000_000, 4_000_000]
    assert found.notes[0].startswith(
        "没有时间，第 n 行记为 2020-08-28T17:16:34.123000+08:00 之后 n 毫秒 / no times"
    )


def test_without_a_start_a_date_is_used_that_nobody_takes_for_real() -> None:
    found = read("TX FF")
    assert found.packets[0].time_ns == ns(datetime(2000, 1, 1, tzinfo=CHINA)) + 1_000_000
    assert "2000-01-01T00:00:00+08:00" in found.notes[0]
    assert "2000-01-01" in read("17:16:34 TX FF").notes[1]


def test_line_without_time_gets_that_of_the_line_before_or_the_first() -> None:
    found = read("TX 01", "1598606194 TX 02", "TX 03", "1598606195 TX 04", "TX 05")
    assert [packet.time_ns // 10**9 - 1598606194 for packet in found.packets] == [0, 0, 0, 1, 1]
    [note] = found.notes
    assert note.startswith(
        "第 1 行等 3 行没有时间，取前一行的，开头的取第一个 / 3 lines from line 1 on have no time"
    )


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2020-02-30 17:16:34 TX FF", "没有这样的时间 / there is no such time: 2020-02-30 17:16:34"),
        ("25:16:34 TX FF", "no such time: 25:16:34"),
        ("20201328 171634.123 TX FF", "no such time: 20201328 171634.123"),
        ("28/12/2022 22:43:10.829 [TX] - FF", "日期写法不明，.*: 28/12/2022"),
        ("12.05.2022 22:43:10.829 [TX] - FF", "日期写法不明，.*: 12.05.2022"),
        ("20-08-28 17:16:34 TX FF", "日期写法不明，.*: 20-08-28"),
        ("08-28 17:16:34.123 TX FF", "日期写法不明，.*: 08-28"),
        ("8月28日 17:16:34.123 TX FF", "日期写法不明，.*: 8月28日"),
        ("Aug 28 17:16:34 lane1 TX FF", "unclear date, write year-month-day: Aug 28"),
        ("28 Aug 2020 17:16:34 TX FF", "unclear date, write year-month-day: 28 Aug"),
        ("1970-01-01 07:59:59 TX FF", "时间不在 1970 至 2200 年之间"),
        ("2199-12-31T23:59:59-01:00 TX FF", "时间不在 1970 至 2200 年之间"),
        ("recv: 05:06:07", "是时间还是数据？.*: 05:06:07"),
        ("05:06:07", "是时间还是数据？"),
        ("TX 1598606194", "是时间还是数据？.*: 1598606194"),
        ("20200828171634", "是时间还是数据？"),
    ],
)
def test_unclear_time_is_a_problem(line: str, why: str) -> None:
    assert re.search(why, trouble(line))


@pytest.mark.parametrize("line", ["17:16:34 << 05:06:07", "recv: 05 06 07", "recv 17:16:34.5 05:06:07"])
def test_bytes_that_look_like_a_time_behind_a_time(line: str) -> None:
    assert one(line).data == b"\x05\x06\x07"


@pytest.mark.parametrize(
    "line", ["[17:16:34] 天线 send ok", "[17:16:34.123]", "2020-08-28 17:16:34", "1598606194123"]
)
def test_time_without_hex_is_skipped(line: str) -> None:
    assert skipped(line)


# --- direction -------------------------------------------------------------------------------------------------

OUTBOUND = [
    *("send:", "Sent", "sending", "SEND_DATA:", "SendData:", "TX", "[TX]", "tx:", "TXD", "Tx ->", "write:"),
    *(">>", ">>>", "->", "-->", "=>", "→", "PC->RSU", "PC -> RSU:", "pc→rsu", "RSU<-PC", "[PC->RSU]", "to RSU:"),
    *(
        "发送",
        "发送:",
        "发送：",
        "【发送】",
        "下发",
        "发→◇",
        "[发]",
        "发：",
        "向天线发送：",
        "下行",
        "down",
        "[out]",
        '"down"',
    ),
    *("车道机->天线", "发送给RSU:", "to PSAM"),
]
INBOUND = [
    *("recv:", "Received", "receiving", "RECV_DATA:", "recvData:", "RX", "[RX]", "rx:", "RXD", "Rx <-", "read:"),
    *("<<", "<<<", "<-", "<--", "<=", "←", "RSU->PC", "RSU -> PC:", "rsu→pc", "PC<-RSU", "[RSU->PC]", "from RSU:"),
    *(
        "接收",
        "接收:",
        "收到：",
        "【接收】",
        "上报",
        "收←◆",
        "[收]",
        "收：",
        "收到RSU发送的数据：",
        "上行",
        "up",
        "[in]",
        '"up"',
    ),
    *("天线->车道机", "接收天线指令：", "from PSAM"),
]


@pytest.mark.parametrize(
    "template", ["{} FF FF 80", "17:16:34.123 {} FFFF80C0", "2020-08-28 17:16:34\t{}\tFFFF80C0"]
)
@pytest.mark.parametrize(("marker", "outbound"), [*((m, True) for m in OUTBOUND), *((m, False) for m in INBOUND)])
def test_direction(marker: str, outbound: bool, template: str) -> None:  # noqa: FBT001  a parameter
    packet = one(template.format(marker))
    assert packet.outbound is outbound
    assert packet.data.startswith(b"\xff\xff\x80")


@pytest.mark.parametrize("line", ["FFFF80C0,send", "FFFF80C0\trecv", "FFFF80C0 (up)"])
def test_direction_behind_the_hex(line: str) -> None:
    assert one(line).outbound is ("send" in line)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("2020-08-28 17:16:34 FFFF80C0", "没有方向"),
        ("收费 FFFF80C0", "没有方向"),
        ("发行方 FFFF80C0", "没有方向"),
        ("收发：FFFF80C0", "没有方向"),
        ("unsent resend FFFF80C0", "没有方向"),
        ("input output FFFF80C0", "没有方向"),
        ("收到B2，发送C1：ffff82c1", "两个方向都有"),
        ("PC<->RSU FFFF80C0", "两个方向都有"),
        ("RSU发送: FFFF80C0", "两个方向都有"),
        ("天线接收: FFFF80C0", "两个方向都有"),
        ("RSU send: FFFF80C0", "两个方向都有"),
    ],
)
def test_direction_that_cannot_be_told(line: str, why: str) -> None:
    assert trouble(line).startswith(why)
    assert trouble(line).endswith("--direction in|out")
    assert one(line, outbound=True).outbound
    assert not one(line, outbound=False).outbound


def test_direction_given_is_for_lines_that_tell_none() -> None:
    found = read("1598606194 TX FFFF80", "1598606194 FFFF81C0", "1598606194 FFFF82C0", outbound=False)
    assert [packet.outbound for packet in found.packets] == [True, False, False]
    [note] = found.notes
    assert note.startswith(
        "第 2 行等 2 行方向不明，按指定记为来自设备 / 2 lines from line 2 on tell no direction: from the"
    )


# --- hex -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "printed",
    [
        *("ffff81c2", "FFFF81C2", "FF FF 81 C2", "ff  ff  81  c2", "0xff 0xFF 0x81 0XC2", "0xFFFF81C2"),
        *("0xFF, 0xFF, 0x81, 0xC2", "0xFF,0xFF,0x81,0xC2", "ff:ff:81:c2", "FF-FF-81-C2", "ff, ff, 81, c2"),
        *(
            "[FF FF 81 C2]",
            "[ff, ff, 81, c2]",
            "[FF,FF,81,C2]",
            "{0xff,0xff,0x81,0xc2}",
            "FF|FF|81|C2",
            "ff;ff;81;c2",
        ),
        *("'ffff81c2'", '"FF FF 81 C2"', "<ffff81c2>", "ffff 81c2", "data: ffff81c2"),
        *(
            "(4 bytes): FF FF 81 C2",
            "len=4 data=FF FF 81 C2",
            "长度：4，数据：FFFF81C2",
            "4字节 FFFF81C2",
            "ffff81c2.",
        ),
        *("帧 ffff81c2", "c1指令：ffff81c2", "frame=ffff81c2 ok", "[COM3] FF FF 81 C2"),
        *(
            "192.168.1.20:9527 FF FF 81 C2",
            "FFFF81C2，扣费0.01元",
            "[10.0.0.2:9527]: ff ff 81 c2",
            "ff ff 81 c2 □",
            "FF FF 81 C2 12 ms",
            "FF FF 81 C2 (4 bytes)",
        ),
    ],
)
def test_hex(printed: str) -> None:
    assert one(f"2020-08-28 17:16:34.123 send: {printed}").data == b"\xff\xff\x81\xc2"
    assert one(f"17:16:34.123\tTX\t{printed}").data == b"\xff\xff\x81\xc2"


@pytest.mark.parametrize(
    "line",
    [
        *("recv: 55", "recv 55", "recv data: 55", "[17:16:34.123]收←◆55", "17:16:34.123,RX,55", "55,recv"),
        *(
            "7,17:16:34.123,RX,55",
            "lane1\trecv\trsu\t55",
            "recv 1 bytes: 55",
            '{"dir":"RX","data":"55"}',
            "<< 0x55",
        ),
    ],
)
def test_one_announced_byte(line: str) -> None:
    found = one(line)
    assert (found.data, found.outbound) == (b"\x55", False)


@pytest.mark.parametrize("line", ["55", "[55]", "  55 ", "1598606194 55", "2020-08-28 17:16:34,55", "17:16:34: 55"])
def test_a_byte_that_is_all_there_is(line: str) -> None:
    assert one(line, outbound=False).data == b"\x55"


@pytest.mark.parametrize(
    "line",
    [
        *(
            "",
            "#1598606194 TX FFFF80C0",
            "天线初始化",
            "recv timeout: 30",
            "发送成功，耗时: 12",
            "send ok",
            "retry 10",
        ),
        *("2020-08-28 17:16:34 connected to 192.168.1.20:9527", "recv 12 bytes", "recv thread added", "count: 10"),
        *(
            "2020-08-28 17:16:34 rsu.py[line:70] INFO =======初始化=======",
            "发送c0初始化指令",
            "卡号 3701012345678901",
        ),
        *("card 3701012345678901 read ok", "time,direction,data", "n\ttime\tdir\thex", "COM3 opened, 115200 8 N 1"),
    ],
)
def test_line_without_hex_is_skipped(line: str) -> None:
    assert skipped(line)


def test_skipped_lines_are_counted_and_said() -> None:
    found = read("started", "1598606194 TX FF", "stopped")
    assert found.skipped == 2
    assert found.notes == ("跳过 2 行没有十六进制数据的 / 2 lines without hex were skipped",)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("send: ffff80c05", "半个字节 / half a byte: ffff80c05 有 9 位 / has 9 digits"),
        ("send: FF FF 8", "最后一个字节缺一半：8 / the last byte lacks a digit: 8"),
        ("send: FF,FF,8", "the last byte lacks a digit: 8"),
        ("send: FF F 8", "half a byte: F "),
        ("2020-08-28 17:16:34 send: FF FF 00 0", "最后一个字节缺一半：0"),
        ("2020-08-28 17:16:34 send: FF FF 00 0G 11", "数据中有非十六进制字符 / not hex: 0G$"),
        ("send: 0xFF 0xF 0x80", "half a byte: F "),
        ("send: ffff80c05f493bf2020082817163203020a000284f0", "half a byte: ffff80c0…84f0 有 43 位"),
        ("send: FF FF 80 C0 5G 00", "数据中有非十六进制字符 / not hex: 5G"),
        ("send: FF FF 80 C0 O0 00", "not hex: O0"),
        ("send: 帧ffff80c0x1", "十六进制与其他字符相连 / hex runs into other characters: ffff80c0"),
        ("send: FF 80 ok", "hex runs into other characters: FF80"),
        ("send: 0010 FF FF 80 C0", "转储偏移.*: 0010"),
        ("TX FFFF80 26", "各组长度不一.*: FFFF80 26"),
        ("TX FF FF 80C0", "各组长度不一"),
        ("TX,55,26", "几段同样长"),
        ("TX,FF,FF,80", "几段同样长"),
        ("TX,55,55", "几段同样长"),
        ("TX: FF,FF,FF,5G", "几段同样长"),
        ("TX: FF:FF:80:C0:5G", "not hex: 5G"),
        ("TX: FF 80 C0 C1 Fg", "not hex: Fg"),
        ("recv B2 FF FF 08 B2", "帧名还是数据.* B2 FF FF 08"),
        ("send C1 FFFF81C1", "各组长度不一"),
        ("TX FF.FF.80", "请用空格隔开 / write these bytes with spaces: FF.FF.80"),
        (r"TX \xff\xff\x80", "write these bytes with spaces"),
        ("TX $FF $FF $80", "write these bytes with spaces"),
        ("TX FFh FFh 80h", "write these bytes with spaces"),
        ("TX FF_FF_80", "write these bytes with spaces"),
        ("TX FF/FF/80", "write these bytes with spaces"),
        ("TX 255 255 128", "half a byte: 255"),
        ("TX: FF 5G 80", "not hex: 5G"),
        ("RX 08-00-00-01-E0-77 00", "请用空格隔开"),
        ("TX: ab:ab:cc:dd:ee:ff:01:02:03 04", "请用空格隔开"),
        ("RX 0xFF,0xFF,0x00,0x08 0xB2", "分隔方式不一"),
        ("10:11:12 RX FF,FF,00,08,B2 65 00", "parted in two ways"),
        ("10:11:12 RX FF;FF;00;08;B2 65 00", "parted in two ways"),
        ("10:11:12 RX FF FF 00,08,B2", "parted in two ways"),
        ("TX obu 0800000a FF FF 80 C0", "各组长度不一"),
        ("TX " + "FF" * 40_000, "80003 个字符，太长"),
    ],
)
def test_unclear_hex_is_a_problem(line: str, why: str) -> None:
    assert re.search(why, trouble(line))


def test_groups_of_words_may_end_in_a_shorter_one() -> None:
    assert one("TX ffff 80c0 5f").data == b"\xff\xff\x80\xc0\x5f"


def test_of_several_pieces_the_longest_is_taken_and_said() -> None:
    found = read("1598606194 发送c1指令：ffff82c16a81353e， 标签 mac = 6a81353e", "1598606194 TX,FFFF80,26")
    assert [packet.data.hex() for packet in found.packets] == ["ffff82c16a81353e", "ffff80"]
    [note] = found.notes
    assert note.startswith(
        "第 1 行等 2 行有几段十六进制，取最长的 / 2 lines from line 1 on have several pieces of hex"
    )


@pytest.mark.parametrize(
    "line",
    [
        "send C0: FF FF 80 C0",
        "发送C0帧: FF FF 80 C0",
        "发送 C0 帧: FF FF 80 C0",
        "[C0] send: FFFF80C0",
        "TX(4): FFFF80C0",
    ],
)
def test_name_or_length_before_the_hex_is_no_part_of_it(line: str) -> None:
    assert one(line).data == b"\xff\xff\x80\xc0"


def test_row_number_is_no_piece_of_hex() -> None:
    found = read("12  2020-08-28 17:16:34Z  TX  FF", "13,1598606194,RX,FE")
    assert ([packet.data for packet in found.packets], found.notes) == ([b"\xff", b"\xfe"], ())


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("10:11:12 发送 08000001400399600100 OK", "08000001400399600100"),
        ("10:11:12 发送 08000001400399600100", "08000001400399600100"),
        ("10:11:12 RX: 08000001400399", "08000001400399"),
        ("10:11:12 RX: 08000001400399 (7 bytes, ok)", "08000001400399"),
    ],
)
def test_a_frame_of_digits_alone_is_hex(line: str, data: str) -> None:
    assert one(line).data.hex() == data


@pytest.mark.parametrize(
    "line",
    [
        "发送 080000014003 OK",
        "发送 0800000140039 OK",
        "发送 080000014003996 OK",
        "发送 20200828171634 OK",
        "发送成功 card 3701012345678901 ok",
    ],
)
def test_a_number_is_no_frame(line: str) -> None:
    assert skipped(line)


@pytest.mark.parametrize(
    ("line", "data"),
    [
        ("10:11:12 TX OBU=0800000A data=9000", "9000"),
        ("10:11:12 TX obu_id 0800000a, FF FF 80 C0", "ffff80c0"),
        ("10:11:12 TX obu: FFFF80C0", "ffff80c0"),
        ("10:11:12 TX obu: 0800000140037e", "0800000140037e"),
    ],
)
def test_the_address_of_a_tag_is_beside_the_point(line: str, data: str) -> None:
    found = read(line)
    assert ([packet.data.hex() for packet in found.packets], found.problems) == ([data], ())
    assert not any("several pieces" in note for note in found.notes)


@pytest.mark.parametrize(
    "line", ["TX obu 0800000a 超时 / timeout", "send to OBU=0800000A failed", "TX OBU:0800000a"]
)
def test_the_address_of_a_tag_alone_is_no_frame(line: str) -> None:
    assert skipped(line)


@pytest.mark.parametrize(
    "line", ["ab{}x", "len{}x", "x{}x", "发送{}x", "send: obu{}x", "send: {}ab"], ids=lambda line: line.format("_")
)
@pytest.mark.parametrize("filling", [" ", "\v", ",", "-", ":", "[", "= ", "1 g ", "ab,"], ids=repr)
def test_no_line_takes_long(line: str, filling: str) -> None:
    found = read(line.format(filling * (60_000 // len(filling))), outbound=True)
    assert len(found.packets) + len(found.problems) + found.skipped == 1


def test_the_same_piece_twice_is_one() -> None:
    assert one("recv: ffff80c0 (ffff80c0)").data == b"\xff\xff\x80\xc0"


# --- logs ------------------------------------------------------------------------------------------------------


def test_problems_stand_with_their_line_and_the_rest_is_read() -> None:
    found = read("1598606194 TX FF", "text", "1598606194 TX FFF", "1598606194 RX FE", "FFFF80C0")
    assert [packet.data for packet in found.packets] == [b"\xff", b"\xfe"]
    assert [problem.line for problem in found.problems] == [3, 5]
    assert isinstance(found.problems[0], Problem)
    assert found.skipped == 1


def test_line_ends_and_byte_order_marks_are_no_text() -> None:
    assert one("\ufeffTX FF 01\r\n").data == b"\xff\x01"


def test_nul_in_a_log_is_a_character_like_others() -> None:
    assert "hex runs into other characters: FFFF" in trouble("TX FFFF\x0080C0")


def test_empty_log() -> None:
    assert read() == Converted((), (), (), 0)
