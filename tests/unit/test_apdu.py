import pytest

from protocols.codec import Record
from protocols.errors import MessageError
from protocols.obu import apdu
from protocols.obu.apdu import FORMS, decode_answer, decode_command, status_text
from protocols.obu.files import (
    FeesEf04,
    File0002,
    File0008,
    File0009,
    File0012,
    File0015,
    File0015Long,
    File0018,
    File0019,
    ProvincesEf04,
    Station2019,
    SystemInfo26,
    SystemInfo27,
    VehicleFile59,
)

STATION = "aa2900" + "3201" + "0a01" + "01" + "6745b000" + "01" + "03" + "00" * 29


# --- commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ("00a40000023f00", "select"),
        ("805c000204", "balance"),
        ("00b0880010", "read-0008"),
        ("00b0890067", "read-0009"),
        ("00b0920028", "read-0012"),
        ("00b095002b", "read-0015"),
        ("00b0950032", "read-0015"),
        ("00b0952b07", "read-binary"),
        ("00b203c417", "read-0018"),
        ("00b201cc2b", "read-0019"),
        ("00b2aac82b", "read-0019-by-tag"),
        ("00b20ac82b", "read-record"),
        ("80500302" + "0b" + "01" + "000001f4" + "013200000042", "init-purchase"),
        ("80500102" + "0b" + "41" + "000001f4" + "013200000042" + "0f", "init-purchase"),
        ("80dcaac82b" + STATION, "update-0019"),
        ("805401000f" + "00000101" + "20241126203005" + "27fd6cfc", "debit"),
        ("805a000902" + "0070", "fetch-tac"),
        ("805a000902" + "0070" + "08", "fetch-tac"),
        ("00b0013a5b", "read-ef04"),
        ("00b0019550", "read-ef04-provinces"),
        ("80f6000304", "chip-serial"),
        ("00b095000e", "psam-info"),
        ("00b0960006", "psam-terminal"),
        ("00b0960037", "read-binary"),
        ("00b0970908", "psam-area"),
        ("0084000008", "challenge"),
        ("0082004108" + "11" * 8, "authorise"),
        ("801a590310" + "3201000000004242" + "bdadcbd5" * 2, "diversify"),
        ("801a594310" + "3201000000004242" + "bdadcbd5" * 2, "diversify"),
        ("80fa800058" + "00" * 88, "decipher"),
        ("8070000024" + "00" * 36, "mac1"),
        ("8070000024" + "00" * 36 + "08", "mac1"),
        ("8072000004" + "53288334", "mac2"),
        ("00b400000a" + "00000000111111110140", "unknown"),
        ("ffffffff", "unknown"),
    ],
)
def test_every_command_has_its_name_and_comes_back(data: str, name: str) -> None:
    command = decode_command(bytes.fromhex(data))
    assert command.name == name
    assert " / " in command.title
    assert command.encode().hex() == data


def test_fields_of_a_purchase() -> None:
    command = decode_command(bytes.fromhex("805003020b01000001f4013200000042"))
    assert command.fields == apdu.InitPurchase(key_index=1, amount=500, terminal="013200000042")
    assert command.header.hex() == "80500302"
    assert command.le is None


def test_fields_of_mac1() -> None:
    data = "80700000244420823c006f000001f4092024112620300501000123456789012345bdadcbd5bdadcbd5"
    assert decode_command(bytes.fromhex(data)).fields == apdu.CountMac1(
        card_random=bytes.fromhex("4420823c"),
        card_serial=0x6F,
        amount=500,
        kind=9,
        at="20241126203005",
        key_version=1,
        algorithm=0,
        card_id="0123456789012345",
        issuer_factor=bytes.fromhex("bdadcbd5bdadcbd5"),
    )


def test_new_0019_in_fields() -> None:
    fields = decode_command(bytes.fromhex("80dcaac82b" + STATION)).fields
    assert isinstance(fields, File0019)
    assert (fields.entry_net, fields.entry_station, fields.entry_time) == ("3201", "0a01", 0x6745B000)
    assert Station2019.decode(fields.encode()).gantry == "000000"


def test_an_unknown_command_keeps_header_data_and_le() -> None:
    command = decode_command(bytes.fromhex("00b400000a0000000011111111014010"))
    assert command.header.hex() == "00b40000"
    assert command.fields == bytes.fromhex("00000000111111110140")
    assert command.le == 0x10


def test_data_of_another_length_stay_bytes() -> None:
    command = decode_command(bytes.fromhex("8072000002ffff"))
    assert command.name == "mac2"
    assert command.fields == b"\xff\xff"


@pytest.mark.parametrize(
    "data", ["", "00a400", "00a40000023f", "00a40000023f000011", "805c00000011", "00b095000e0000"]
)
def test_no_command_at_all_is_an_error(data: str) -> None:
    with pytest.raises(MessageError, match=r"at least 4 bytes|length byte"):
        decode_command(bytes.fromhex(data))


def test_a_card_is_asked_nothing_of_a_psam() -> None:
    holder = bytes.fromhex("00b0960006")
    assert decode_command(holder).name == "psam-terminal"
    assert decode_command(holder, apdu.CARD_FORMS).name == "read-binary"
    assert {*FORMS} == {*apdu.CARD_FORMS, *apdu.PSAM_FORMS}
    assert apdu.CARD_FORMS[-1] is FORMS[-1] is apdu.UNKNOWN


# --- building ------------------------------------------------------------------------------------------------


def test_a_form_builds_its_command() -> None:
    assert apdu.SELECT.command(apdu.Select("df01")).encode().hex() == "00a4000002df01"
    assert apdu.BALANCE.command(le=4).encode().hex() == "805c000204"
    assert apdu.READ_TERMINAL.command(le=6).encode().hex() == "00b0960006"
    header = bytes.fromhex("00b205c4")
    assert apdu.READ_0018.command(header=header, le=23).encode().hex() == "00b205c417"


def test_a_form_takes_data_as_bytes_too() -> None:
    command = apdu.UPDATE_CACHE.command(bytes.fromhex(STATION))
    assert isinstance(command.fields, File0019)
    assert command.encode().hex() == "80dcaac82b" + STATION


@pytest.mark.parametrize(
    ("form", "data", "header", "le"),
    [
        (apdu.READ_0018, b"", "", 23),  # which record?
        (apdu.READ_0018, b"", "00b201cc", 23),
        (apdu.READ_TERMINAL, b"", "", 7),
        (apdu.CHECK_MAC2, b"\0\0\0", "", None),
        (apdu.DECIPHER, bytes(256), "", None),
        (apdu.BALANCE, b"", "", 256),
        (apdu.UNKNOWN, b"", "805c00", None),
    ],
)
def test_a_form_refuses_what_it_is_not(form: apdu.Form, data: bytes, header: str, le: int | None) -> None:
    with pytest.raises(MessageError):
        form.command(data, header=bytes.fromhex(header), le=le)


# --- answers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer", "fields"),
    [
        ("805c000204", "000d8f8e9000", File0002(balance=888718)),
        ("00b0880004", "010203049000", File0008(marks=b"\1\2\3\4")),
        ("00b0890067", "11" * 103 + "9000", File0009(content=b"\x11" * 103)),
        ("00b0960006", "0132000000429000", apdu.TerminalNumber("013200000042")),
        (
            "00b095000e",
            "32010000000000000042010100009000",
            apdu.PsamInfo("32010000000000000042", 1, 1, "0000"),
        ),
        ("00b0970908", "32010000000000009000", apdu.PsamArea("3201000000000000")),
        ("80f6000304", "a1b2c3d49000", apdu.ChipSerial("a1b2c3d4")),
        ("0084000008", "01020304050607089000", apdu.Random(bytes(range(1, 9)))),
        ("805401000f" + "00" * 15, "7218189453288334" + "9000", apdu.DebitAnswer("72181894", b"\x53\x28\x83\x34")),
        ("805a0009020070", "e44e3cd23bb17ba39000", apdu.FetchTacAnswer(b"\xe4\x4e\x3c\xd2", "3bb17ba3")),
        ("8070000024" + "00" * 36, "0000010127fd6cfc9000", apdu.CountMac1Answer(0x101, b"\x27\xfd\x6c\xfc")),
        ("00b0013a5b", "00" * 91 + "9000", FeesEf04.fill({})),
        ("00b0019550", "00" * 80 + "9000", ProvincesEf04(bytes(80))),
        (
            "00b201c417",
            "006f" + "000000" + "000001f4" + "09" + "013200000042" + "20241126" + "203005" + "9000",
            File0018(0x6F, 0, 500, 9, "013200000042", "20241126", "203005"),
        ),
    ],
)
def test_an_answer_is_read_by_its_commands_table(command: str, answer: str, fields: Record) -> None:
    found = decode_answer(decode_command(bytes.fromhex(command)), bytes.fromhex(answer))
    assert found.fields == fields
    assert found.sw == apdu.DONE
    assert found.encode().hex() == answer


def test_0015_of_old_and_new_cards() -> None:
    old = bytes.fromhex("bdadcbd5320100011740320101234567890123452024010120340101cbd542313233343500000000000001")
    short = decode_answer(decode_command(bytes.fromhex("00b095002b")), old + b"\x90\0").fields
    assert isinstance(short, File0015)
    assert (short.plate, short.color_class) == ("苏B12345", "0001")
    long = decode_answer(decode_command(bytes.fromhex("00b0950032")), old + bytes(7) + b"\x90\0").fields
    assert isinstance(long, File0015Long)
    assert (long.plate, long.tail) == ("苏B12345", bytes(7))


def test_0012_in_fields() -> None:
    entry = "32010a01016745b0000103"
    data = entry + "00" * 9 + "000000" + "01" + "cbd5423132333435".ljust(24, "0")
    answer = decode_answer(decode_command(bytes.fromhex("00b0920028")), bytes.fromhex(data + "00000000" + "9000"))
    assert isinstance(answer.fields, File0012)
    assert (answer.fields.plate, answer.fields.entry_lane, answer.fields.shift) == ("苏B12345", 1, 1)


def test_a_read_from_the_middle_is_not_taken_for_the_file() -> None:
    answer = decode_answer(decode_command(bytes.fromhex("00b095012b")), bytes(43) + b"\x90\0")
    assert answer.fields == bytes(43)


def test_a_refusal_has_a_status_word_and_no_fields() -> None:
    for command in ("805c000204", "00b0880004"):
        answer = decode_answer(decode_command(bytes.fromhex(command)), b"\x6a\x82")
        assert (answer.fields, answer.sw, answer.text) == (b"", 0x6A82, "文件未找到 / file not found")


def test_an_answer_without_status_word_is_an_error() -> None:
    with pytest.raises(MessageError, match="status word"):
        decode_answer(decode_command(bytes.fromhex("805c000204")), b"\x90")


@pytest.mark.parametrize(
    ("sw", "text"),
    [
        (0x9000, "done"),
        (0x6104, "more data"),
        (0x6C2B, "wrong Le"),
        (0x63C2, "tries left"),
        (0x6982, "PIN"),
        (0x9302, "wrong MAC"),
        (0x9303, "for good"),
        (0x9406, "TAC"),
        (0x1234, "unknown status word"),
        (0x0090, "unknown status word"),
    ],
)
def test_status_words_say_what_happened(sw: int, text: str) -> None:
    assert text in status_text(sw)


# --- tables --------------------------------------------------------------------------------------------------


def test_names_are_unique_and_titles_bilingual() -> None:
    assert len({form.name for form in FORMS}) == len(FORMS)
    for form in FORMS:
        chinese, english = form.title.split(" / ")
        assert any(ord(letter) > 0x4E00 for letter in chinese)
        assert english.isascii()


@pytest.mark.parametrize(
    ("table", "size"),
    [
        (SystemInfo26, 26),
        (SystemInfo27, 27),
        (VehicleFile59, 59),
        (File0002, 4),
        (File0009, 0x67),
        (File0012, 40),
        (File0015Long, 50),
        (File0018, 23),
        (File0019, 43),
        (FeesEf04, 91),
        (ProvincesEf04, 80),
        (apdu.InitPurchase, 0x0B),
        (apdu.Debit, 0x0F),
        (apdu.Diversify, 0x10),
        (apdu.CountMac1, 0x24),
        (apdu.PsamInfo, 0x0E),
    ],
)
def test_tables_have_the_sizes_that_commands_ask_for(table: type[Record], size: int) -> None:
    assert table.size() == size
