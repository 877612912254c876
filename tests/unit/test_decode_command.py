import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli import airframes, reasons
from gateway.cli.decode import HexError, decode, decode_pieces, looks_like, parse_hex, parse_lines
from protocols.errors import MessageError
from protocols.rsu.dialect import Dialect, load, names
from protocols.rsu.framing import LIMIT, Frame, f1_encode, f2_encode, f3_encode

SOULIN, WANJI = load("soulin"), load("wanji")

# Captured, see tests/golden/rsu-frames.tsv.
B3 = bytes.fromhex("ffff58b36a81353e00b2e241313233343500000000000001002aff")
B4 = bytes.fromhex(
    "ffff38b46a81353e000000100000270f00000000cdf2bcafcdf2bcaf1601110112345678876543212020080320250802b2e2413132333435"
    "00000000000000aa290000010001025f46a239000211223344556677889901020388b2e2413132333435000000000000000047ff"
)
C4_ON = bytes.fromhex("ffff001000000002c4013f41")
STATION = bytes.fromhex("aa2900" + "00" * 40)


# --- frames --------------------------------------------------------------------------------------------------


def test_frame() -> None:
    assert list(decode(SOULIN, B3)) == [
        {
            "offset": 0,
            "family": "F1",
            "dialect": "soulin",
            "direction": "RSU->PC",
            "command": "B3",
            "title": "车辆信息 / vehicle info",
            "sequence": 0x58,
            "checksum": "ok",
            "fields": {
                "obu_id": "6a81353e",
                "error": 0,
                "plate": "测A12345",
                "color": 0,
                "vehicle_class": 1,
                "user_type": 0,
            },
        }
    ]


def test_frames_in_the_order_of_the_stream() -> None:
    stream = B3 + b"\xff\xff" + B4 + f1_encode(0x84, b"\xc4\x01")
    found = list(decode(SOULIN, stream))
    assert [(item["offset"], item["command"], item["direction"]) for item in found] == [
        (0, "B3", "RSU->PC"),
        (len(B3) + 2, "B4", "RSU->PC"),
        (len(B3) + 2 + len(B4), "C4", "PC->RSU"),
    ]
    assert json.loads(json.dumps(found)) == found


def test_station_under_both_layouts() -> None:
    [found] = decode(SOULIN, B4)
    station = found["station_0019"]
    assert isinstance(station, dict)
    assert list(station) == ["since_2019", "older"]
    assert station["older"] == {
        "tag": 0xAA,
        "length": 0x29,
        "lock": 0,
        "entry_net": "0001",
        "entry_station": "0001",
        "entry_lane": 2,
        "entry_time": 0x5F46A239,
        "vehicle_class": 0,
        "status": 2,
        "flag_stations": "112233445566778899",
        "operator": "010203",
        "shift": 0x88,
        "plate": "测A12345",
        "reserved": "00000000",
    }
    assert station["since_2019"]["gantry"] == "112233"
    assert station["since_2019"]["amount"] == 0


@pytest.mark.parametrize(("station", "shown"), [(STATION, True), (bytes(43), False)])
def test_station_that_was_never_written_is_not_shown(station: bytes, shown: bool) -> None:  # noqa: FBT001  a parameter
    [found] = decode(WANJI, f2_encode(0x60, b"\xc6" + bytes(23) + station))
    assert found["command"] == "C6"
    assert ("station_0019" in found) is shown


def test_station_without_its_head_is_not_shown() -> None:
    [found] = decode(SOULIN, f1_encode(0x86, b"\xc6" + bytes(27) + b"\xaa" * 40))
    assert found["command"] == "C6"
    assert "station_0019" not in found


@pytest.mark.parametrize("dialect", [SOULIN, WANJI], ids=lambda dialect: dialect.name)
def test_empty_answer(dialect: Dialect) -> None:
    assert list(decode(dialect, dialect.framing.encode(0x81, b""))) == [
        {
            "offset": 0,
            "family": dialect.framing.family,
            "dialect": dialect.name,
            "direction": "PC->RSU",
            "command": "",
            "title": "空应答 / empty answer",
            "sequence": 0x81,
            "checksum": "ok",
            "fields": {},
        }
    ]


def test_nothing() -> None:
    assert list(decode(SOULIN, b"")) == []
    assert list(decode(SOULIN, b"\xff\xff\xff")) == []


# --- errors --------------------------------------------------------------------------------------------------


def test_sound_frame_that_no_table_fits() -> None:
    raw = f1_encode(0x08, b"\xb3\x01\x02")
    assert list(decode(SOULIN, B3 + raw)) == [
        *decode(SOULIN, B3),
        {
            "offset": len(B3),
            "family": "F1",
            "dialect": "soulin",
            "sequence": 0x08,
            "checksum": "ok",
            "error": "soulin 的 B3 应有 22, 6 字节，不是 3 字节 / B3 has 22, 6 bytes in soulin, not 3",
            "raw": raw.hex(),
        },
    ]


def test_error_inside_a_message_names_its_byte() -> None:
    [found] = decode(WANJI, f2_encode(1, b"\xb0" + bytes(20)))
    assert found["error"] == "第 3 字节：B0.psams 不符 / B0.psams: 18 bytes are not 15 + 9n (at byte 3)"
    assert found["checksum"] == "ok"


def test_bad_checksum() -> None:
    broken = B3[:-2] + b"\x2b\xff"
    assert list(decode(SOULIN, broken + B3)) == [
        {
            "offset": 2,
            "family": "F1",
            "error": "BCC 为 2b，按数据应为 2a / BCC is 2b, the bytes give 2a",
            "raw": broken[2:-1].hex(),
            "checksum": "bad",
        },
        {**next(decode(SOULIN, B3)), "offset": len(broken)},
    ]


def test_bad_checksums_one_after_the_other_stay_apart() -> None:
    broken = C4_ON[:-1] + b"\x42"
    found = list(decode(WANJI, broken + C4_ON + broken + broken))
    assert [(item["offset"], item["checksum"]) for item in found] == [
        (0, "bad"),
        (12, "ok"),
        (24, "bad"),
        (36, "bad"),
    ]
    assert found[0] == {
        "offset": 0,
        "family": "F2",
        "error": "CRC 为 3f42，按数据应为 3f41 / CRC is 3f42, the bytes give 3f41",
        "raw": broken.hex(),
        "checksum": "bad",
    }


def test_noise_is_one_error_however_long() -> None:
    noise = b"noise" * LIMIT
    assert list(decode(WANJI, noise + C4_ON)) == [
        {"offset": 0, "family": "F2", "error": "没有起始标志 FF FF 00 / no start FF FF 00", "raw": noise.hex()},
        {**next(decode(WANJI, C4_ON)), "offset": len(noise)},
    ]


def test_noise_before_a_bad_checksum_hides_it_not() -> None:
    found = list(decode(WANJI, b"noise" + C4_ON[:-1] + b"\x42"))
    assert [(item["offset"], item["error"]) for item in found] == [
        (0, "没有起始标志 FF FF 00 / no start FF FF 00"),
        (5, "CRC 为 3f42，按数据应为 3f41 / CRC is 3f42, the bytes give 3f41"),
    ]


def test_noise_of_an_overlong_frame_is_one_error() -> None:
    [found] = decode(SOULIN, b"\xff\xff" + bytes(3 * LIMIT))
    assert found == {
        "offset": 2,
        "family": "F1",
        "error": f"{LIMIT} 字节内没有结束标志 / no end mark within {LIMIT} bytes",
        "raw": "00" * 3 * LIMIT,
    }


@pytest.mark.parametrize("length", range(4, len(B3)))
def test_f1_unfinished_frame_at_the_end(length: int) -> None:
    found = list(decode(SOULIN, B3 + B3[:length]))
    assert found[1:] == [
        {"offset": len(B3) + 2, "family": "F1", "error": "帧不完整 / unfinished frame", "raw": B3[2:length].hex()}
    ]


@pytest.mark.parametrize("length", range(1, len(C4_ON)))
def test_f2_unfinished_frame_at_the_end(length: int) -> None:
    found = list(decode(WANJI, C4_ON + C4_ON[:length]))
    assert found[1:] == [
        {"offset": len(C4_ON), "family": "F2", "error": "帧不完整 / unfinished frame", "raw": C4_ON[:length].hex()}
    ]


def test_frames_inside_an_unfinished_one_are_found() -> None:
    unfinished = C4_ON[:4] + b"\x00\x00\x03\x00" + C4_ON[8:]
    found = list(decode(WANJI, unfinished + C4_ON))
    assert [(item["offset"], item.get("error"), item.get("command")) for item in found] == [
        (0, "帧不完整 / unfinished frame", None),
        (len(unfinished), None, "C4"),
    ]


def has_chinese(text: str) -> bool:
    return any("\u4e00" <= letter <= "\u9fff" for letter in text)


@given(st.sampled_from(names()), st.binary(max_size=80), st.integers(0, 40))
def test_every_error_is_chinese_first(name: str, junk: bytes, cut: int) -> None:
    spoken = load(name)
    frame = spoken.framing.encode(1, junk)
    said = [*decode(spoken, junk), *decode(spoken, frame), *decode(spoken, frame[:cut]), *airframes.decode(junk)]
    for error in (str(one["error"]) for one in said if "error" in one):
        chinese, english = error.split(" / ", 1)
        assert has_chinese(chinese)
        assert english
        assert not has_chinese(english)


@pytest.mark.parametrize(
    ("name", "junk"),
    [
        ("soulin", b"\x01\x02"),
        ("soulin", b"\xff\xff\xfe\x07\xff"),
        ("soulin", b"\xff\xff\x01\xff"),
        ("soulin", B3[:-2] + b"\x2b\xff"),
        ("soulin", B3[:-2]),
        ("soulin", b"\xff\xff" + bytes(LIMIT)),
        ("wanji", b"\x01\x02"),
        ("wanji", C4_ON[:-1] + b"\x42"),
        ("wanji", C4_ON[:4] + b"\x7f" + C4_ON[5:]),
    ],
)
def test_every_reason_of_a_framer_has_its_chinese(name: str, junk: bytes) -> None:
    framer = load(name).framing.framer()
    found = [*framer.feed(junk), *framer.resync()]
    said = [reasons.in_chinese(item.reason) for item in found if not isinstance(item, Frame)]
    assert said
    assert "内容不符" not in said
    assert not any(text.endswith(" 不符") for text in said)


def test_a_message_that_is_unknown_is_named_in_chinese() -> None:
    with pytest.raises(MessageError) as caught:
        WANJI.decode(b"\x99")
    assert reasons.of(caught.value) == "wanji 没有命令 99 / wanji has no command 99"


# --- another family ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spoken", "data", "hint"),
    [
        (SOULIN, C4_ON, "像是 F2 帧，soulin 用 F1 / unfinished frame; looks like F2, soulin speaks F1"),
        (WANJI, B3, "像是 F1 帧，wanji 用 F2 / no start FF FF 00; looks like F1, wanji speaks F2"),
    ],
)
def test_frames_of_another_family_are_named_once(spoken: Dialect, data: bytes, hint: str) -> None:
    first, *others = [str(said["error"]) for said in decode(spoken, data)]
    assert hint in first
    assert not any("looks like" in error for error in others)


def test_where_a_frame_of_its_own_family_is_found_nothing_is_guessed() -> None:
    assert not any("looks like" in str(said) for said in decode(WANJI, C4_ON + B3 + B3))


def test_only_frames_that_a_dialect_knows_are_a_family() -> None:
    unknown = b"\x99 no such message"
    assert looks_like(f2_encode(1, unknown) + f3_encode(1, unknown) + f1_encode(1, b""), "F1") is None
    assert looks_like(C4_ON, "F2") is None


# --- lines ---------------------------------------------------------------------------------------------------


def test_a_line_that_is_no_hex_hides_no_other() -> None:
    lines = [f"{C4_ON.hex(' ')}\n", "\n", "ff 0g\n", f"{C4_ON.hex('-')}\n"]
    first, bad, second = decode_pieces(WANJI, parse_lines(lines))
    assert (first["offset"], first["command"], second["offset"], second["command"]) == (0, "C4", 12, "C4")
    assert bad["line"] == 3
    assert str(bad["error"]).startswith("第 3 行第 5 个字符：'g' 不是十六进制")
    assert " / line 3, character 5: 'g' is not allowed" in str(bad["error"])


def test_a_frame_may_go_on_in_the_next_line_but_not_behind_a_bad_one() -> None:
    begin, end = C4_ON[:5].hex(), C4_ON[5:].hex()
    assert [said["command"] for said in decode_pieces(WANJI, parse_lines([begin, end]))] == ["C4"]
    torn = list(decode_pieces(WANJI, parse_lines([begin, "zz", end])))
    assert [(said.get("offset"), said.get("line")) for said in torn] == [(0, None), (None, 2), (5, None)]
    assert all("error" in said for said in torn)


def test_air_frames_are_read_past_a_bad_line() -> None:
    air = "08000001e0f70091180119010106000d8f8e900000"
    first, bad, second = airframes.decode_pieces(parse_lines([air, "zz", air]))
    assert bad["line"] == 2
    assert first == second
    assert "error" not in first


# --- hex -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        ["ffff81c2"],
        ["FF FF 81 C2"],
        ["ff:ff:81:c2"],
        ["ff-ff-81-c2"],
        ["ff, ff,81 , c2"],
        ["0xff 0xFF 0x81 0XC2"],
        ["0xffff81c2"],
        ["ff", "ff", "81c2"],
        ["ffff\n81\tc2\r\n"],
        ["", "  ", ":", "ffff 81", "", "c2"],
    ],
)
def test_parse_hex(texts: list[str]) -> None:
    assert parse_hex(texts) == bytes.fromhex("ffff81c2")


def test_parse_hex_of_nothing() -> None:
    assert parse_hex([]) == b""


def test_parse_hex_takes_lines_as_they_come() -> None:
    assert parse_hex(line for line in ("ff ff\n", "81 c2\n")) == bytes.fromhex("ffff81c2")


@pytest.mark.parametrize(
    ("texts", "text", "character", "what"),
    [
        (["ffgf"], 1, 3, "'g'"),
        (["ff", "ff 8-1"], 2, 4, "'8' is half a byte"),
        (["ff/ff"], 1, 3, "'/'"),
        (["0xff 0xfx"], 1, 9, "'x'"),
        (["ff x0"], 1, 4, "'x'"),
        (["ff;ff"], 1, 3, "';'"),
        (["ff１0"], 1, 3, "'１'"),
        (["ff ", "c05f49f"], 2, 7, "'f' is half a byte"),
        (["0xc05"], 1, 5, "'5' is half a byte"),
        (["f f"], 1, 1, "'f' is half a byte"),
        (["ff", "f", "f"], 2, 1, "'f' is half a byte"),
    ],
)
def test_parse_hex_names_the_place(texts: list[str], text: int, character: int, what: str) -> None:
    place = f"^第 {text} 段第 {character} 个字符：.* / text {text}, character {character}: .*"
    with pytest.raises(HexError, match=f"{place}{what}") as caught:
        parse_hex(texts)
    assert (caught.value.text, caught.value.character) == (text, character)
    assert isinstance(caught.value, ValueError)
