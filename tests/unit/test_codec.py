from dataclasses import FrozenInstanceError

import pytest

from protocols.codec import (
    U8,
    U16,
    U24,
    U32,
    Choice,
    Entries,
    Gbk,
    Hex,
    Nested,
    Raw,
    Record,
    Rest,
    plain,
    record,
    wire,
)
from protocols.errors import MessageError


@record
class Numbers(Record):
    one: int = wire(U8, "")
    two: int = wire(U16, "")
    three: int = wire(U24, "")
    four: int = wire(U32, "")


@record
class Texts(Record):
    digits: str = wire(Hex(3), "")
    plate: str = wire(Gbk(6), "")
    raw: bytes = wire(Raw(2), "")


@record
class Slot(Record):
    number: int = wire(U8, "")
    name: str = wire(Hex(1), "")


@record
class Wide(Record):
    kind: int = wire(U8, "")
    value: int = wire(U16, "")


@record
class Narrow(Record):
    kind: int = wire(U8, "")
    high: int = wire(U8, "")
    low: int = wire(U8, "")


@record
class Whole(Record):
    count: int = wire(U8, "")
    slots: tuple[Slot, ...] = wire(Entries(Slot, lambda before, _: int(before["count"])), "")
    inner: Slot = wire(Nested(Slot), "")
    either: Wide | Narrow = wire(Choice(3, lambda data: Wide if data[0] else Narrow), "")
    rest: bytes = wire(Rest, "")


def odd(_before: object, ahead: bytes) -> int:
    if len(ahead) % 2:
        raise MessageError("an odd number of bytes")
    return len(ahead) // 2 - 1


@record
class Counted(Record):
    head: int = wire(U8, "")
    slots: tuple[Slot, ...] = wire(Entries(Slot, odd), "")
    tail: int = wire(U16, "")


# --- each wire type ------------------------------------------------------------------------------------------


def test_numbers_are_big_endian() -> None:
    numbers = Numbers(0x01, 0x0203, 0x040506, 0x0708090A)
    assert numbers.encode() == bytes(range(1, 11))
    assert Numbers.decode(bytes(range(1, 11))) == numbers


def test_texts() -> None:
    texts = Texts("20ab01", "川A", b"\x00\xff")
    assert texts.encode().hex() == "20ab01" + "b4a841000000" + "00ff"
    assert Texts.decode(texts.encode()) == texts


def test_gbk_keeps_what_is_no_gbk() -> None:
    data = bytes.fromhex("000000") + b"\x81\xff\x80A\x00B" + b"\x00\x00"
    assert Texts.decode(data).encode() == data


def test_gbk_loses_only_its_padding() -> None:
    assert Texts.decode(bytes(11)).plate == ""
    assert Texts.decode(bytes(3) + b"A\x00B\x00\x00\x00" + bytes(2)).plate == "A\x00B"


def test_composite() -> None:
    data = bytes.fromhex("02" + "0111" + "0222" + "0333" + "010405" + "ffee")
    whole = Whole.decode(data)
    assert whole == Whole(2, (Slot(1, "11"), Slot(2, "22")), Slot(3, "33"), Wide(1, 0x0405), b"\xff\xee")
    assert whole.encode() == data


def test_choice_goes_by_its_bytes() -> None:
    data = bytes.fromhex("00" + "0333" + "000405")
    whole = Whole.decode(data)
    assert whole.either == Narrow(0, 4, 5)
    assert whole.encode() == data


def test_count_from_the_bytes_ahead() -> None:
    data = bytes.fromhex("07" + "0111" + "0222" + "beef")
    counted = Counted.decode(data)
    assert counted == Counted(7, (Slot(1, "11"), Slot(2, "22")), 0xBEEF)
    assert counted.encode() == data


def test_size() -> None:
    assert [cls.size() for cls in (Numbers, Texts, Slot, Wide, Whole, Counted)] == [10, 11, 2, 3, None, None]


def test_records_are_values() -> None:
    slot = Slot(1, "11")
    assert hash(slot) == hash(Slot(1, "11"))
    with pytest.raises(FrozenInstanceError):
        slot.number = 2  # type: ignore[misc]  # the point of the test
    assert not hasattr(slot, "__dict__")


# --- too short, too long -------------------------------------------------------------------------------------


@pytest.mark.parametrize("length", range(10))
def test_too_short(length: int) -> None:
    with pytest.raises(MessageError, match="Numbers: ") as caught:
        Numbers.decode(bytes(length))
    assert caught.value.offset == length


def test_too_long() -> None:
    with pytest.raises(MessageError, match=r"^Numbers ends after 10 bytes, not 12 \(at byte 10\)$") as caught:
        Numbers.decode(bytes(12))
    assert caught.value.offset == 10


def test_entries_that_do_not_fit() -> None:
    with pytest.raises(MessageError, match=r"^Whole: 5 bytes left do not hold slots \(at byte 1\)$"):
        Whole.decode(bytes.fromhex("03" + "0111" + "0222" + "03"))


def test_fewer_than_no_entries() -> None:
    with pytest.raises(MessageError, match=r"^Counted: 0 bytes left do not hold slots \(at byte 1\)$"):
        Counted.decode(b"\x07")


def test_error_of_a_count_says_where_the_entries_start() -> None:
    with pytest.raises(MessageError, match=r"^Counted: an odd number of bytes \(at byte 1\)$") as caught:
        Counted.decode(bytes(4))
    assert caught.value.offset == 1


# --- values that do not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "numbers",
    [
        Numbers(256, 0, 0, 0),
        Numbers(-1, 0, 0, 0),
        Numbers(0, 1 << 16, 0, 0),
        Numbers(0, 0, 1 << 24, 0),
        Numbers(0, 0, -1, 0),
        Numbers(0, 0, 0, 1 << 32),
    ],
)
def test_numbers_that_do_not_fit(numbers: Numbers) -> None:
    with pytest.raises(MessageError, match="Numbers cannot be encoded: "):
        numbers.encode()


@pytest.mark.parametrize(
    "texts",
    [
        Texts("20ab", "", b"\0\0"),
        Texts("20ab0102", "", b"\0\0"),
        Texts("20ab0", "", b"\0\0"),
        Texts("20ab0g", "", b"\0\0"),
        Texts("20ab01", "川A12345", b"\0\0"),
        Texts("20ab01", "🚗", b"\0\0"),
        Texts("20ab01", "", b"\0"),
        Texts("20ab01", "", b"\0\0\0"),
    ],
)
def test_texts_that_do_not_fit(texts: Texts) -> None:
    with pytest.raises(MessageError, match=r"Texts cannot be encoded: .+"):
        texts.encode()


def test_value_inside_that_does_not_fit() -> None:
    whole = Whole(0, (), Slot(256, "11"), Wide(1, 1), b"")
    with pytest.raises(MessageError, match="cannot be encoded"):
        whole.encode()
    whole = Whole(1, (Slot(256, "11"),), Slot(1, "11"), Wide(1, 1), b"")
    with pytest.raises(MessageError, match="Slot cannot be encoded"):
        whole.encode()


# --- as plain data -------------------------------------------------------------------------------------------


def test_plain() -> None:
    whole = Whole(1, (Slot(1, "11"),), Slot(3, "33"), Wide(1, 2), b"\xff\xee")
    assert plain(whole) == {
        "count": 1,
        "slots": [{"number": 1, "name": "11"}],
        "inner": {"number": 3, "name": "33"},
        "either": {"kind": 1, "value": 2},
        "rest": "ffee",
    }


def test_plain_marks_what_is_no_text() -> None:
    texts = Texts.decode(bytes(3) + b"\xb4\xa8A\xff\x00\x00" + bytes(2))
    assert plain(texts) == {"digits": "000000", "plate": "川A\\xff", "raw": "0000"}


def test_plain_never_takes_wrong_gbk_for_utf8() -> None:
    for high in range(0x80, 0x100):
        for low in range(256):
            text = bytes((high, low)).decode("gbk", "surrogateescape")
            wrong = sum("\udc80" <= character <= "\udcff" for character in text)
            assert plain(text).count("\\x") == wrong
