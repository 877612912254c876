import json

import pytest

from gateway.cli.decode import HexError, decode, parse_hex
from protocols.rsu.dialect import Dialect, load
from protocols.rsu.framing import LIMIT, f1_encode, f2_encode

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
            "error": "B3 has 22, 6 bytes in soulin, not 3 (at byte 0)",
            "raw": raw.hex(),
        },
    ]


def test_error_inside_a_message_names_its_byte() -> None:
    [found] = decode(WANJI, f2_encode(1, b"\xb0" + bytes(20)))
    assert found["error"] == "B0.psams: 18 bytes are not 15 + 9n (at byte 3)"
    assert found["checksum"] == "ok"


def test_bad_checksum() -> None:
    broken = B3[:-2] + b"\x2b\xff"
    assert list(decode(SOULIN, broken + B3)) == [
        {
            "offset": 2,
            "family": "F1",
            "error": "BCC is 2b, the bytes give 2a",
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
        "error": "CRC is 3f42, the bytes give 3f41",
        "raw": broken.hex(),
        "checksum": "bad",
    }


def test_noise_is_one_error_however_long() -> None:
    noise = b"noise" * LIMIT
    assert list(decode(WANJI, noise + C4_ON)) == [
        {"offset": 0, "family": "F2", "error": "no start FF FF 00", "raw": noise.hex()},
        {**next(decode(WANJI, C4_ON)), "offset": len(noise)},
    ]


def test_noise_before_a_bad_checksum_hides_it_not() -> None:
    found = list(decode(WANJI, b"noise" + C4_ON[:-1] + b"\x42"))
    assert [(item["offset"], item["error"]) for item in found] == [
        (0, "no start FF FF 00"),
        (5, "CRC is 3f42, the bytes give 3f41"),
    ]


def test_noise_of_an_overlong_frame_is_one_error() -> None:
    [found] = decode(SOULIN, b"\xff\xff" + bytes(3 * LIMIT))
    assert found == {
        "offset": 2,
        "family": "F1",
        "error": f"no end mark within {LIMIT} bytes",
        "raw": "00" * 3 * LIMIT,
    }


@pytest.mark.parametrize("length", range(4, len(B3)))
def test_f1_unfinished_frame_at_the_end(length: int) -> None:
    found = list(decode(SOULIN, B3 + B3[:length]))
    assert found[1:] == [
        {"offset": len(B3) + 2, "family": "F1", "error": "unfinished frame", "raw": B3[2:length].hex()}
    ]


@pytest.mark.parametrize("length", range(1, len(C4_ON)))
def test_f2_unfinished_frame_at_the_end(length: int) -> None:
    found = list(decode(WANJI, C4_ON + C4_ON[:length]))
    assert found[1:] == [
        {"offset": len(C4_ON), "family": "F2", "error": "unfinished frame", "raw": C4_ON[:length].hex()}
    ]


def test_frames_inside_an_unfinished_one_are_found() -> None:
    unfinished = C4_ON[:4] + b"\x00\x00\x03\x00" + C4_ON[8:]
    found = list(decode(WANJI, unfinished + C4_ON))
    assert [(item["offset"], item.get("error"), item.get("command")) for item in found] == [
        (0, "unfinished frame", None),
        (len(unfinished), None, "C4"),
    ]


# --- hex -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "texts",
    [
        ["ffff81c2"],
        ["FF FF 81 C2"],
        ["ff:ff:81:c2"],
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
        (["ff", "ff 8-1"], 2, 5, "'-'"),
        (["0xff 0xfx"], 1, 9, "'x'"),
        (["ff x0"], 1, 4, "'x'"),
        (["ff,ff"], 1, 3, "','"),
        (["ff１0"], 1, 3, "'１'"),
        (["ff ", "c05f49f"], 2, 7, "'f' is half a byte"),
        (["0xc05"], 1, 5, "'5' is half a byte"),
        (["f f"], 1, 1, "'f' is half a byte"),
        (["ff", "f", "f"], 2, 1, "'f' is half a byte"),
    ],
)
def test_parse_hex_names_the_place(texts: list[str], text: int, character: int, what: str) -> None:
    with pytest.raises(HexError, match=f"^text {text}, character {character}: .*{what}") as caught:
        parse_hex(texts)
    assert (caught.value.text, caught.value.character) == (text, character)
    assert isinstance(caught.value, ValueError)
