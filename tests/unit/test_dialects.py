from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from importlib.metadata import EntryPoint

import pytest

from protocols.codec import plain
from protocols.errors import MessageError
from protocols.obu.files import (
    GoodsFile,
    PassengerFile,
    bcd_date,
    card_of,
    date_bcd,
    file_of,
    vehicle_file,
    vehicle_of,
)
from protocols.obu.values import Card, Tag, Vehicle
from protocols.rsu import dialect as dialects
from protocols.rsu.dialect import Dialect, DialectError, load, names, to_data
from protocols.rsu.messages import (
    CHINA,
    Antenna,
    Contents,
    Failed,
    GoOn,
    Heartbeat,
    HeartbeatSeen,
    Init,
    Order,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TagSeen,
    bcd_time,
    status_of,
    tag_flags,
    time_bcd,
    unix_local,
    unix_utc,
)

SOULIN, WANJI = load("soulin"), load("wanji")
NOON = datetime(2024, 6, 5, 12, 30, 45, tzinfo=CHINA)
OBU = "6a81353e"
NO_OBU = "00000000"
STATION = bytes.fromhex("aa2900" + "11" * 40)

TAG = Tag(OBU, "cdf2bcafcdf2bcaf", "1234567887654321", date(2020, 8, 3), date(2025, 8, 2))
CAR = Vehicle("川A12345", 0, 1)
TRUCK = Vehicle("川A12345", 1, 12, 3)
CARD = Card(
    number="11011234567887654321",
    issuer="cdf2bcafcdf2bcaf",
    kind=0x16,
    version=0x40,
    starts=date(2020, 8, 3),
    expires=date(2025, 8, 2),
    plate="川A12345",
    balance=0xFA0A1E33,
    station=STATION,
)
RESULT = Result(
    obu_id=OBU,
    terminal="01370004727f",
    terminal_serial=0x23,
    card_serial=0x3F,
    tac="570bf7dc",
    trade_type=9,
    algorithm=0,
    at=NOON,
    balance=100,
)


def said(dialect: Dialect, hexes: str) -> tuple[Report | Order, ...]:
    return dialect.hear(dialect.decode(bytes.fromhex(hexes)))


# --- finding dialects ----------------------------------------------------------------------------------------


def test_names() -> None:
    assert {"soulin", "wanji"} <= set(names())
    assert list(names()) == sorted(set(names()))


def test_every_name_loads_a_dialect_of_that_name() -> None:
    assert [load(name).name for name in names()] == list(names())


@pytest.mark.parametrize("name", ["", "Soulin", "no-such", "..framing"])
def test_unknown_name(name: str) -> None:
    with pytest.raises(KeyError) as caught:
        load(name)
    assert caught.value.args == (name,)


def test_entry_point_brings_a_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(WANJI, name="other")
    monkeypatch.setattr("protocols.rsu.dialects.wanji.OTHER", other, raising=False)
    point = EntryPoint("other", "protocols.rsu.dialects.wanji:OTHER", "etclane.dialects")
    monkeypatch.setattr(dialects, "entry_points", lambda **_: [point])
    assert load("other") is other
    assert "other" in names()


def test_entry_point_that_is_no_dialect(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("other", "protocols.rsu.dialects.gantry_v3:B0", "etclane.dialects")
    monkeypatch.setattr(dialects, "entry_points", lambda **_: [point])
    with pytest.raises(DialectError, match="not a Dialect"):
        load("other")


# --- which table ---------------------------------------------------------------------------------------------


def test_no_command_byte() -> None:
    with pytest.raises(MessageError, match="no command byte"):
        SOULIN.decode(b"")


@pytest.mark.parametrize(
    ("dialect", "command"), [(SOULIN, "B1"), (SOULIN, "00"), (SOULIN, "CF"), (WANJI, "4C"), (WANJI, "FF")]
)
def test_unknown_command(dialect: Dialect, command: str) -> None:
    with pytest.raises(MessageError, match=f"{dialect.name} has no command {command}"):
        dialect.decode(bytes.fromhex(command) + bytes(20))


@pytest.mark.parametrize(
    ("dialect", "command", "allowed"),
    [
        (SOULIN, "B0", "27 bytes"),
        (SOULIN, "B2", "33, 35, 45, 6 bytes"),
        (SOULIN, "B3", "22, 6 bytes"),
        (SOULIN, "B4", "103, 6 bytes"),
        (SOULIN, "B5", "38, 6 bytes"),
        (SOULIN, "C0", "17 bytes"),
        (SOULIN, "C1", "13, 5 bytes"),
        (SOULIN, "C2", "6, 5 bytes"),
        (SOULIN, "C4", "2 bytes"),
        (SOULIN, "4C", "2 bytes"),
        (SOULIN, "C6", "68 bytes"),
        (WANJI, "B2", "37, 6 bytes"),
        (WANJI, "B4", "183, 274, 64, 161, 6 bytes"),
        (WANJI, "B5", "36, 20, 6 bytes"),
        (WANJI, "C0", "22 bytes"),
        (WANJI, "C1", "13 bytes"),
        (WANJI, "C2", "10, 6 bytes"),
        (WANJI, "C4", "2 bytes"),
        (WANJI, "C6", "67, 159, 164, 174 bytes"),
        (WANJI, "CF", "2 bytes"),
    ],
)
def test_wrong_length_names_those_allowed(dialect: Dialect, command: str, allowed: str) -> None:
    sizes = {int(size) for size in allowed.removesuffix(" bytes").split(", ")}
    for length in range(1, 300):
        data = bytes.fromhex(command) + bytes(length - 1)
        if length in sizes:
            assert to_data(dialect.decode(data)) == data
        else:
            with pytest.raises(MessageError) as caught:
                dialect.decode(data)
            assert caught.value.reason == f"{command} has {allowed} in {dialect.name}, not {length}"


def test_wanji_status_has_18_bytes_and_9_per_psam() -> None:
    for length in range(1, 100):
        data = b"\xb0" + bytes(length - 1)
        if length >= 18 and (length - 18) % 9 == 0:
            assert len(plain(WANJI.decode(data))["psams"]) == (length - 18) // 9
        else:
            with pytest.raises(MessageError, match=r"^B0\."):
                WANJI.decode(data)


def test_error_inside_a_message_counts_from_its_command_byte() -> None:
    with pytest.raises(MessageError, match=r"^B0\.psams: 1 bytes are not 15 \+ 9n \(at byte 3\)$") as caught:
        WANJI.decode(bytes.fromhex("b0000000"))
    assert caught.value.offset == 3


# --- B1 of Wanji ---------------------------------------------------------------------------------------------


def heartbeat(tail: str) -> dict[str, object]:
    found: dict[str, object] = plain(WANJI.decode(bytes.fromhex("b1001101" + tail)))
    return found


def slots(*channels: int) -> list[dict[str, int]]:
    return [{"channel": channel, "fault": 0, "unauthorised": 1} for channel in channels]


def test_heartbeat_that_counts_right() -> None:
    found = heartbeat("02" + "010001" + "020001" + "01" + "030001" + "0200" + "01000002" + "02000102")
    assert found["psams_1"] == slots(1, 2)
    assert found["psams_2"] == slots(3)
    assert found["antennas"] == [
        {"number": 1, "fault": 0, "channel": 0, "power": 2},
        {"number": 2, "fault": 0, "channel": 1, "power": 2},
    ]


def test_heartbeat_that_counts_no_psam_and_has_one() -> None:
    for channel in range(256):
        found = heartbeat("00" + f"{channel:02x}0001" + "00" + "0100" + "01000002")
        assert found["psams_1"] == slots(channel)
        assert found["psams_2"] == []


def test_heartbeat_without_psams() -> None:
    found = heartbeat("00" + "00" + "0200" + "01000002" + "02000102")
    assert (found["psams_1"], found["psams_2"], found["antenna_count"]) == ([], [], 2)


@pytest.mark.parametrize(
    "tail",
    [
        "01",
        "0000",
        "010000",
        "000100000000",
        "00" + "030001" + "00" + "0200" + "01000002" + "02000102",  # one PSAM, not counted, and two antennas
    ],
)
def test_heartbeat_that_does_not_add_up(tail: str) -> None:
    with pytest.raises(MessageError, match=r"^B1\."):
        heartbeat(tail)


@pytest.mark.parametrize(
    ("tail", "fault"),
    [
        ("01" + "010001" + "00" + "0100" + "01000002", 0),
        ("01" + "010101" + "00" + "0100" + "01000002", 1),
        ("01" + "010001" + "00" + "0100" + "01020002", 2),
        ("00" + "00" + "0000", 0),
    ],
)
def test_heartbeat_reports_the_worst_fault(tail: str, fault: int) -> None:
    assert said(WANJI, "b1001101" + tail) == (Heartbeat(fault),)
    assert said(WANJI, "b1031101" + tail) == (Heartbeat(3),)


# --- every word that a dialect says, heard again -------------------------------------------------------------

COMMON: list[Order | Report] = [
    Init(NOON, entry=True, tx_power=10, channel=1),
    Init(NOON, entry=False, tx_power=31, channel=2),
    Antenna(on=True),
    Antenna(on=False),
    GoOn(OBU, "cdf2bcafcdf2bcaf"),
    GoOn(NO_OBU, "0000000000000000"),
    Purchase(OBU, "cdf2bcafcdf2bcaf", 0, NOON, STATION),
    Purchase(OBU, "cdf2bcafcdf2bcaf", 0xFFFFFFFF, NOON, STATION),
    Heartbeat(0),
    Heartbeat(1),
    TagSeen(TAG),
    TagSeen(replace(TAG, issued=None, expires=None)),
    TagSeen(replace(TAG, has_card=False)),
    TagSeen(replace(TAG, card_error=True)),
    TagSeen(replace(TAG, locked=True)),
    TagSeen(replace(TAG, removed=True)),
    TagSeen(replace(TAG, low_battery=True)),
    Failed(OBU, 0xB2, 1),
    Failed(OBU, 0xB3, 4),
    Failed(OBU, 0xB4, 8),
    Failed(OBU, 0xB5, 0x11),
]

SAID: list[tuple[Dialect, Order | Report]] = [
    *((dialect, word) for dialect in (SOULIN, WANJI) for word in COMMON),
    (SOULIN, Stop(OBU, None)),
    (SOULIN, Resend(OBU, None)),
    (SOULIN, Status(0, ("013700047270",), None, 0x0D, "0001")),
    (SOULIN, Status(1, ("013700047270", "013700047271"), None, 0x0D, "0001")),
    (SOULIN, Status(3, (), None, 0x0D, "0001")),
    # Its B5 names no algorithm, and has a number for a balance that could not be read.
    (SOULIN, replace(RESULT, algorithm=None)),
    (SOULIN, replace(RESULT, algorithm=None, at=None)),
    (SOULIN, replace(RESULT, algorithm=None, balance=None)),
    (SOULIN, Contents(OBU, CAR, None)),
    (SOULIN, Contents(OBU, TRUCK, None)),
    (SOULIN, Contents(OBU, None, CARD)),
    (WANJI, Stop(OBU, NOON)),
    (WANJI, Resend(OBU, NOON)),
    (WANJI, HeartbeatSeen()),
    (WANJI, Status(0, ("01370004727f",), authorised=True, maker=8, version="2009")),
    (WANJI, Status(1, ("01370004727f", "01370004727e"), authorised=False, maker=8, version="2009", slots=(1, 2))),
    (WANJI, Contents(OBU, CAR, CARD)),
    (WANJI, Contents(OBU, TRUCK, CARD)),
    (WANJI, RESULT),
    (WANJI, replace(RESULT, at=None)),
    (WANJI, replace(RESULT, algorithm=4)),
    (WANJI, replace(RESULT, balance=0xFFFFFFFF)),  # a credit card's counter may be so high
]


@pytest.mark.parametrize(("dialect", "word"), SAID, ids=lambda value: getattr(value, "name", type(value).__name__))
def test_what_is_said_is_heard(dialect: Dialect, word: Order | Report) -> None:
    message = dialect.decode(dialect.encode(word))
    assert dialect.hear(message) == (word,)
    antenna = isinstance(word, Status | Heartbeat | TagSeen | Contents | Result | Failed)
    assert dialect.direction(message) == ("RSU->PC" if antenna else "PC->RSU")


@pytest.mark.parametrize(
    ("dialect", "word"),
    [
        (SOULIN, HeartbeatSeen()),
        (SOULIN, Contents(OBU, None, None)),
        (SOULIN, Failed(OBU, 0xB0, 1)),
        (WANJI, Contents(OBU, CAR, None)),
        (WANJI, Contents(OBU, None, CARD)),
        (WANJI, Contents(OBU, None, None)),
        (WANJI, Failed(OBU, 0xB1, 1)),
    ],
    ids=lambda value: getattr(value, "name", type(value).__name__),
)
def test_words_that_a_dialect_has_not(dialect: Dialect, word: Order | Report) -> None:
    with pytest.raises(MessageError, match=f"{dialect.name} has no word for {type(word).__name__}"):
        dialect.encode(word)


@pytest.mark.parametrize("dialect", [SOULIN, WANJI], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize(
    "word",
    [
        Init(NOON, entry=True, tx_power=256, channel=1),
        Init(NOON, entry=True, tx_power=1, channel=-1),
        GoOn("6a8135", "cdf2bcafcdf2bcaf"),
        GoOn(OBU, "cdf2bc"),
        Purchase(OBU, "cdf2bcafcdf2bcaf", 1 << 32, NOON, STATION),
        Purchase(OBU, "cdf2bcafcdf2bcaf", -1, NOON, STATION),
        Purchase(OBU, "cdf2bcafcdf2bcaf", 1, NOON, STATION[:-1]),
        TagSeen(replace(TAG, contract="12")),
        Contents(OBU, replace(CAR, plate="川A1234567890"), CARD),
        replace(RESULT, tac="570bf7dc00"),
    ],
    ids=lambda word: type(word).__name__,
)
def test_values_that_do_not_fit(dialect: Dialect, word: Order | Report) -> None:
    if dialect is SOULIN and isinstance(word, Contents):
        word = replace(word, card=None)
    with pytest.raises(MessageError, match="cannot be"):
        dialect.encode(word)


# --- the bytes that are said, where no golden frame shows them ---------------------------------------------------

LOCAL, UTC = f"{unix_local(NOON):08x}", f"{unix_utc(NOON):08x}"


@pytest.mark.parametrize(
    ("dialect", "word", "start"),
    [
        (SOULIN, Init(NOON, entry=True, tx_power=10, channel=1), f"c0{LOCAL}20240605123045 03 02 0a 00 02"),
        (SOULIN, Init(NOON, entry=False, tx_power=31, channel=2), f"c0{LOCAL}20240605123045 04 02 1f 01 02"),
        (
            WANJI,
            Init(NOON, entry=True, tx_power=10, channel=1),
            f"c0{UTC}20240605123045 12 0a 0a 01 01 000000 0000",
        ),
        (
            WANJI,
            Init(NOON, entry=False, tx_power=31, channel=2),
            f"c0{UTC}20240605123045 13 0a 1f 02 01 000000 0000",
        ),
        (
            SOULIN,
            Status(0, ("013700047270",), None, 0x0D, "0001"),
            "b0 00 01 013700047270 000000000000 00 0d 010001 0001 0000000000",
        ),
        (
            WANJI,
            Status(0, ("01370004727f",), authorised=True, maker=8, version="2009"),
            "b0 00 01 01 01 00 01370004727f 00 08 000001 2009 00 000000 00000000",
        ),
        (WANJI, Heartbeat(0), "b1 00 11 01 00 00 01 00 01000002"),
        (WANJI, Contents(OBU, CAR, CARD), f"b4 {OBU} 00 10 b4a8413132333435"),
        (SOULIN, replace(RESULT, at=None), f"b5 {OBU} 00 00000000 01370004727f 00000000000000"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_bytes_that_are_said(dialect: Dialect, word: Order | Report, start: str) -> None:
    data = dialect.encode(word)
    assert data[: len(bytes.fromhex(start))].hex(" ") == bytes.fromhex(start).hex(" ")


# --- what is special -----------------------------------------------------------------------------------------


def test_soulin_diversifies_by_the_first_half_of_the_issuer() -> None:
    assert SOULIN.encode(GoOn(OBU, "c9bdb6ab37010001")).hex() == "c1" + OBU + "c9bdb6abc9bdb6ab"
    assert WANJI.encode(GoOn(OBU, "c9bdb6ab37010001")).hex() == "c1" + OBU + "c9bdb6ab37010001"


@pytest.mark.parametrize("dialect", [SOULIN, WANJI], ids=lambda dialect: dialect.name)
def test_search_starts_with_zeros(dialect: Dialect) -> None:
    assert dialect.encode(GoOn(NO_OBU, "c9bdb6ab37010001")) == b"\xc1" + bytes(12)


def test_c2_carries_a_time_in_wanji_only() -> None:
    assert SOULIN.encode(Stop(OBU, NOON)).hex() == "c2" + OBU + "01"
    assert SOULIN.encode(Resend(OBU, NOON)).hex() == "c2" + OBU + "02"
    seconds = f"{int(NOON.timestamp()):08x}"
    assert WANJI.encode(Stop(OBU, NOON)).hex() == "c2" + OBU + "01" + seconds
    assert WANJI.encode(Resend(OBU, NOON)).hex() == "c2" + OBU + "02" + seconds


@pytest.mark.parametrize(
    ("dialect", "data", "word"),
    [
        (SOULIN, "c2" + OBU, Stop(OBU, None)),
        (SOULIN, "c2" + OBU + "01", Stop(OBU, None)),
        (SOULIN, "c2" + OBU + "02", Resend(OBU, None)),
        (SOULIN, "4c01", Antenna(on=True)),
        (WANJI, "c2" + OBU + "01", Stop(OBU, None)),
        (WANJI, "c2" + OBU + "02", Resend(OBU, None)),
        (WANJI, "c2" + OBU + "0300000000", Stop(OBU, datetime(1970, 1, 1, 8, tzinfo=CHINA))),
        (WANJI, "c2" + OBU + "02ffffffff", Resend(OBU, datetime(2106, 2, 7, 14, 28, 15, tzinfo=CHINA))),
    ],
)
def test_forms_that_are_heard_and_not_said(dialect: Dialect, data: str, word: Order) -> None:
    assert said(dialect, data) == (word,)


SOULIN_B2 = "11" * 8 + "12" * 8 + "20200803" + "20250802" + "10" + "2001"


@pytest.mark.parametrize(
    ("dialect", "data", "fault"),
    [
        (SOULIN, "b20000000080", 0),
        (SOULIN, "b20000000000", 0),
        (SOULIN, "b20000000005", 5),
        (SOULIN, "b2ffffffff80", 0),
        (SOULIN, "b2ffffffff00" + SOULIN_B2, 0),
        (SOULIN, "b20000000080" + SOULIN_B2, 0),
        (SOULIN, "b2ffffffff07" + SOULIN_B2, 7),
        (WANJI, "b20000000080", 0),
        (WANJI, "b20000000003", 3),
        (WANJI, "b20000000080" + "00" * 31, 0),
        (WANJI, "b20000000003" + "00" * 31, 3),
    ],
)
def test_heartbeats(dialect: Dialect, data: str, fault: int) -> None:
    assert said(dialect, data) == (Heartbeat(fault),)


@pytest.mark.parametrize("name", [name for name in names() if name != "genvict"])  # its B2 has no OBUID
def test_no_tag_has_an_address_of_all_f(name: str) -> None:
    assert said(load(name), "b2ffffffff80") == (Heartbeat(0),)


@pytest.mark.parametrize(
    ("dialect", "command", "rest"),
    [
        (SOULIN, "b2", 27),
        (SOULIN, "b3", 16),
        (SOULIN, "b4", 97),
        (SOULIN, "b5", 32),
        (WANJI, "b2", 31),
        (WANJI, "b4", 177),
        (WANJI, "b5", 30),
    ],
)
def test_error_with_and_without_the_rest(dialect: Dialect, command: str, rest: int) -> None:
    failed = (Failed(OBU, int(command, 16), 0x11),)
    assert said(dialect, command + OBU + "11") == failed
    assert said(dialect, command + OBU + "11" + "00" * rest) == failed


@pytest.mark.parametrize("dialect", [SOULIN, WANJI], ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("command", ["b2", "b3", "b4", "b5"])
def test_no_error_and_no_rest_says_nothing(dialect: Dialect, command: str) -> None:
    assert said(dialect, command + OBU + "00") == ()


def test_order_whose_time_is_no_time_says_nothing() -> None:
    no_time = "20240230123045"
    assert said(SOULIN, "c0" + "00000000" + no_time + "03020a0002") == ()
    assert said(SOULIN, "c6" + OBU + "00" * 16 + no_time + "00" * 40) == ()
    assert said(WANJI, "c0" + "00000000" + no_time + "120a0a0101" + "0000000000") == ()
    assert said(WANJI, "c6" + OBU + "00" * 12 + no_time + "00" * 43) == ()


def test_result_whose_time_is_no_time_is_still_a_result() -> None:
    data = WANJI.encode(RESULT).hex().replace(time_bcd(NOON), "99" * 7)
    assert said(WANJI, data) == (replace(RESULT, at=None),)


# --- values --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "digits",
    ["00000000000000", "20240230000000", "20241301000000", "20240101240000", "20240101000060", "2024010100000a"],
)
def test_digits_that_are_no_time(digits: str) -> None:
    assert bcd_time(digits) is None


@pytest.mark.parametrize("digits", ["00000000", "20240230", "20241301", "2024010a", "ffffffff"])
def test_digits_that_are_no_date(digits: str) -> None:
    assert bcd_date(digits) is None


@pytest.mark.parametrize("digits", ["00010101000000", "09991231235959", "20240229235959", "99991231235959"])
def test_times_and_dates_are_written_as_read(digits: str) -> None:
    assert time_bcd(bcd_time(digits)) == digits
    assert date_bcd(bcd_date(digits[:8])) == digits[:8]


def test_no_time_and_no_date_are_zeros() -> None:
    assert (time_bcd(None), date_bcd(None)) == ("0" * 14, "0" * 8)


def test_times_of_other_zones_become_chinas() -> None:
    utc = NOON.astimezone(timezone(timedelta(hours=-3)))
    assert time_bcd(utc) == "20240605123045"
    assert unix_utc(utc) == unix_utc(NOON)
    assert unix_local(utc) == unix_utc(NOON) + 8 * 3600


@pytest.mark.parametrize(
    ("status", "flag"),
    [
        (0x8000, "has_card"),
        (0x0800, "card_error"),
        (0x0400, "locked"),
        (0x0200, "removed"),
        (0x0100, "low_battery"),
    ],
)
def test_each_status_bit_is_its_flag(status: int, flag: str) -> None:
    normal = tag_flags(0x2001)
    assert normal == {
        "has_card": True,
        "card_error": False,
        "locked": False,
        "removed": False,
        "low_battery": False,
    }
    assert tag_flags(0x2001 | status) == normal | {flag: not normal[flag]}


def test_status_of_a_tag() -> None:
    assert status_of(TAG) == 0x2001
    assert status_of(replace(TAG, removed=True)) == 0x2200
    assert status_of(replace(TAG, has_card=False)) == 0xA001


@pytest.mark.parametrize(("vehicle", "layout"), [(CAR, PassengerFile), (TRUCK, GoodsFile)])
def test_vehicle_file(vehicle: Vehicle, layout: type[PassengerFile | GoodsFile]) -> None:
    file = vehicle_file(vehicle)
    assert type(file) is layout
    assert vehicle_of(file) == vehicle
    message = WANJI.decode(WANJI.encode(Contents(OBU, vehicle, CARD)))
    assert getattr(message, "vehicle", None) == file


@pytest.mark.parametrize(("vehicle_class", "layout"), [(10, PassengerFile), (11, GoodsFile)])
def test_goods_begin_at_class_11(vehicle_class: int, layout: type[PassengerFile | GoodsFile]) -> None:
    assert type(vehicle_file(replace(CAR, vehicle_class=vehicle_class))) is layout


def test_card_file() -> None:
    file = file_of(CARD, CAR)
    assert file.color_class == "0001"
    assert card_of(file, CARD.balance, CARD.station) == CARD
    assert file_of(CARD).color_class == "0000"
