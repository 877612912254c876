from collections.abc import Callable
from dataclasses import FrozenInstanceError

import pytest

from protocols.codec import (
    S32,
    U8,
    U16,
    U24,
    U32,
    Before,
    Choice,
    Entries,
    Filling,
    Fits,
    Gbk,
    Hex,
    Likely,
    Nested,
    Number,
    Raw,
    Record,
    Rest,
    Sized,
    Stated,
    Type,
    When,
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
class Signed(Record):
    three: int = wire(Number(3, signed=True), "")
    four: int = wire(S32, "")
    eight: int = wire(Number(8), "")


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
class LongSlot(Slot):
    more: int = wire(U8, "")


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
class Either(Record):
    what: Narrow | Wide = wire(Choice(3, at=0, layouts=((0, Narrow), (4, Wide))), "")


@record
class Text(Record):
    length: int = wire(U8, "")
    body: bytes = wire(Sized("length"), "")


@record
class Whole(Record):
    count: int = wire(U8, "how many slots")
    slots: tuple[Slot, ...] = wire(Entries(Slot, Stated("count")), "")
    inner: Slot = wire(Nested(Slot), "")
    either: Narrow | Wide = wire(Choice(3, at=0, layouts=((0, Narrow), (1, Wide))), "")
    rest: bytes = wire(Rest(), "")


@record
class Filled(Record):
    head: int = wire(U8, "")
    slots: tuple[Slot, ...] = wire(Entries(Slot, Filling(2)), "")
    tail: int = wire(U16, "")


@record
class Doubtful(Record):
    count: int = wire(U8, "as sent; may lie")
    slots: tuple[Slot, ...] = wire(Entries(Slot, Likely("count", 1)), "")
    others_count: int = wire(U8, "")
    others: tuple[Slot, ...] = wire(Entries(Slot, Stated("others_count")), "")


@record
class Sometimes(Record):
    flags: int = wire(U8, "")
    number: int | None = wire(When("flags", 0x81, U16), "")
    slot: Slot | None = wire(When("flags", 0x02, Nested(Slot)), "")


@record
class Middle(Record):
    kind: int = wire(U8, "")
    content: bytes = wire(Rest(tail=2), "")
    check: int = wire(U16, "")


@record
class Listing(Record):
    count: int = wire(U8, "")
    texts: tuple[Text, ...] = wire(Entries(Text, Stated("count")), "")
    last: Text = wire(Nested(Text), "")


@record
class Below(Record):
    length: int = wire(S32, "")
    body: bytes = wire(Sized("length"), "")


@record
class Fewer(Record):
    count: int = wire(S32, "")
    slots: tuple[Slot, ...] = wire(Entries(Slot, Stated("count")), "")


# --- each wire type ------------------------------------------------------------------------------------------


def test_numbers_are_big_endian() -> None:
    numbers = Numbers(0x01, 0x0203, 0x040506, 0x0708090A)
    assert numbers.encode() == bytes(range(1, 11))
    assert Numbers.decode(bytes(range(1, 11))) == numbers


def test_signed_numbers_and_numbers_of_other_sizes() -> None:
    numbers = Signed(-2, -3, 1 << 63)
    assert numbers.encode().hex() == "fffffe" + "fffffffd" + "8000000000000000"
    assert Signed.decode(numbers.encode()) == numbers


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


@pytest.mark.parametrize("key", [0, 3, 4, 255])
def test_choice_is_the_last_layout_that_its_byte_reaches(key: int) -> None:
    data = bytes((key, 4, 5))
    either = Either.decode(data)
    assert either.what == (Wide(key, 0x0405) if key >= 4 else Narrow(key, 4, 5))
    assert either.encode() == data


@pytest.mark.parametrize(
    ("size", "at", "layouts"),
    [
        (3, 0, ((0, Slot), (4, Wide))),
        (3, 0, ((0, Narrow), (4, Text))),
        (3, 0, ((1, Narrow), (4, Wide))),
        (3, 3, ((0, Narrow), (4, Wide))),
        (3, -1, ((0, Narrow), (4, Wide))),
    ],
)
def test_choice_has_one_layout_of_its_size_for_every_byte(
    size: int, at: int, layouts: tuple[tuple[int, type[Record]], ...]
) -> None:
    with pytest.raises(ValueError, match=f"^a choice of {size} bytes by its byte {at}: "):
        Choice(size, at, layouts)


def test_rest_leaves_its_tail() -> None:
    middle = Middle.decode(bytes.fromhex("01" + "aabbcc" + "beef"))
    assert middle == Middle(1, b"\xaa\xbb\xcc", 0xBEEF)
    assert middle.encode().hex() == "01aabbccbeef"
    assert Middle.decode(bytes(3)).content == b""


def test_a_stated_length() -> None:
    assert Text.decode(b"\x02ab") == Text(2, b"ab")
    assert Text(2, b"ab").encode() == b"\x02ab"
    assert Text.decode(b"\x00") == Text(0, b"")


@pytest.mark.parametrize(
    ("data", "number", "slot"),
    [
        ("00", None, None),
        ("7c", None, None),
        ("01" + "0203", 0x0203, None),
        ("80" + "0203", 0x0203, None),
        ("02" + "0511", None, Slot(5, "11")),
        ("83" + "0203" + "0511", 0x0203, Slot(5, "11")),
    ],
)
def test_a_field_stands_there_with_any_bit_of_its_mask(data: str, number: int | None, slot: Slot | None) -> None:
    sometimes = Sometimes.decode(bytes.fromhex(data))
    assert sometimes == Sometimes(int(data[:2], 16), number, slot)
    assert sometimes.encode().hex() == data


def test_entries_and_records_of_varying_length() -> None:
    data = b"\x02" + b"\x01a" + b"\x03bcd" + b"\x00"
    listing = Listing.decode(data)
    assert listing == Listing(2, (Text(1, b"a"), Text(3, b"bcd")), Text(0, b""))
    assert listing.encode() == data


def test_entries_that_fill_whatever_a_count_says() -> None:
    data = bytes.fromhex("07" + "0111" + "0222" + "beef")
    filled = Filled.decode(data)
    assert filled == Filled(7, (Slot(1, "11"), Slot(2, "22")), 0xBEEF)
    assert filled.encode() == data
    assert Filled.decode(bytes(3)).slots == ()


@pytest.mark.parametrize(
    ("data", "slots", "others"),
    [
        ("01" + "0111" + "01" + "0222", 1, 1),  # as stated; all that fit would not add up
        ("01" + "0111" + "01" + "0200", 1, 1),  # as stated, though all that fit would add up too
        ("02" + "0111" + "01" + "0200" + "00", -1, 0),  # neither
        ("07" + "0111" + "00", 1, 0),  # all that fit: 7 do not
        ("00" + "0111" + "00", 1, 0),  # all that fit, though none, and one other, would add up too
        ("00" + "02" + "0111" + "0222", 0, 2),  # none: all that fit would not add up
        ("00" + "00", 0, 0),
        ("00", -1, 0),
        ("01" + "00", 0, 0),
    ],
)
def test_entries_as_many_as_make_the_message_add_up(data: str, slots: int, others: int) -> None:
    raw = bytes.fromhex(data)
    if slots < 0:
        with pytest.raises(MessageError, match=r"^Doubtful\.slots: \d bytes add up with neither .*\(at byte 1\)$"):
            Doubtful.decode(raw)
        return
    doubtful = Doubtful.decode(raw)
    assert (len(doubtful.slots), len(doubtful.others)) == (slots, others)
    assert doubtful.encode() == raw


@pytest.mark.parametrize("count", [Filling(0), Likely("count", 0)])
def test_only_entries_of_one_length_are_counted_by_length(count: Filling | Likely) -> None:
    with pytest.raises(ValueError, match="Text has no fixed size"):
        Entries(Text, count)


def test_size() -> None:
    assert [cls.size() for cls in (Numbers, Signed, Texts, Slot, LongSlot, Wide, Either)] == [
        10,
        15,
        11,
        2,
        3,
        3,
        3,
    ]
    assert {cls.size() for cls in (Whole, Filled, Doubtful, Sometimes, Middle, Listing, Text)} == {None}


def test_a_table_may_extend_another() -> None:
    assert [field.name for field in LongSlot.FIELDS] == ["number", "name", "more"]
    assert LongSlot.decode(b"\x01\x11\x05") == LongSlot(1, "11", 5)


def test_records_are_values() -> None:
    slot = Slot(1, "11")
    assert hash(slot) == hash(Slot(1, "11"))
    with pytest.raises(FrozenInstanceError):
        slot.number = 2  # type: ignore[misc]  # the point of the test
    assert not hasattr(slot, "__dict__")


def test_a_record_is_read_where_it_stands() -> None:
    assert Slot.read(bytes.fromhex("ffff0511ff"), 2) == (Slot(5, "11"), 4)
    assert Text.read(b"..\x01a.", 2) == (Text(1, b"a"), 4)


class Mark(Type):
    """A wire type of another module: the byte 28 and no other."""

    size = 1

    def read(self, data: bytes, at: int, _before: Before, _fits: Fits) -> tuple[int, int]:
        if data[at : at + 1] != b"\x28":
            raise MessageError("28 expected", at)
        return 0x28, at + 1

    def write(self, value: int) -> bytes:
        return bytes((value,))


@record
class Marked(Record):
    mark: int = wire(Mark(), "")
    number: int = wire(U8, "")


@record
class Marks(Record):
    kind: int = wire(U8, "")
    inner: Marked = wire(Nested(Marked), "")
    entries: tuple[Marked, ...] = wire(Entries(Marked, Filling(0)), "")


def test_other_wire_types_have_their_own_say() -> None:
    data = bytes.fromhex("01" + "2802" + "2803" + "2804")
    marks = Marks.decode(data)
    assert marks == Marks(1, Marked(0x28, 2), (Marked(0x28, 3), Marked(0x28, 4)))
    assert marks.encode() == data
    assert (Marked.size(), Marks.size()) == (2, None)
    assert Mark().idle is None


@pytest.mark.parametrize(
    ("data", "what"),
    [
        ("01" + "2902", "inner: Marked.mark: 28 expected (at byte 1)"),
        ("01" + "2802" + "2803" + "2904", "entries: Marked.mark: 28 expected (at byte 5)"),
        ("01" + "28", "inner: Marked.number: ends after 0 of 1 bytes (at byte 2)"),
        ("01", "inner: Marked.mark: 28 expected (at byte 1)"),
    ],
)
def test_what_another_wire_type_refuses_is_named_with_its_byte(data: str, what: str) -> None:
    assert error_of(Marks, data) == f"Marks.{what}"


def test_a_choice_has_no_layout_that_may_refuse_its_bytes() -> None:
    with pytest.raises(ValueError, match="Marked"):
        Choice(2, at=1, layouts=((0, Slot), (4, Marked)))


# --- the table itself, and what stands where nothing is said -------------------------------------------------


def test_the_field_table() -> None:
    first = Whole.FIELDS[0]
    assert (first.name, first.type, first.note, first.idle) == ("count", U8, "how many slots", 0)
    assert [field.name for field in Whole.FIELDS] == ["count", "slots", "inner", "either", "rest"]


@pytest.mark.parametrize(
    ("table", "idle"),
    [
        (Numbers, Numbers(0, 0, 0, 0)),
        (Signed, Signed(0, 0, 0)),
        (Texts, Texts("000000", "", b"\0\0")),
        (Whole, Whole(0, (), Slot(0, "00"), Narrow(0, 0, 0), b"")),
        (Sometimes, Sometimes(0, None, None)),
        (Text, Text(0, b"")),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_record_with_nothing_to_say_is_zeros(table: type[Record], idle: Record) -> None:
    assert table.fill({}) == idle
    assert not any(idle.encode())


def test_a_record_is_filled_with_what_there_is_to_say() -> None:
    @record
    class Greeting(Record):
        kind: int = wire(U8, "", idle=0x10)
        slot: Slot = wire(Nested(Slot), "", idle=Slot(1, "11"))
        number: int = wire(U8, "")

    assert Greeting.fill({"number": 5, "of_another": 6}) == Greeting(0x10, Slot(1, "11"), 5)
    assert Greeting.fill({"kind": 0}) == Greeting(0, Slot(1, "11"), 0)


# --- too short, too long: an offset is that of the first missing byte, or where what does not fit begins ------


def error_of(table: type[Record], data: str) -> str:
    with pytest.raises(MessageError) as caught:
        table.decode(bytes.fromhex(data))
    assert str(caught.value) == f"{caught.value.reason} (at byte {caught.value.offset})"
    return str(caught.value)


@pytest.mark.parametrize("length", range(10))
def test_too_short(length: int) -> None:
    with pytest.raises(MessageError, match=r"^Numbers\.") as caught:
        Numbers.decode(bytes(length))
    assert caught.value.offset == length


@pytest.mark.parametrize(
    ("length", "what"),
    [
        (0, "one: ends after 0 of 1 bytes"),
        (1, "two: ends after 0 of 2 bytes"),
        (2, "two: ends after 1 of 2 bytes"),
        (9, "four: ends after 3 of 4 bytes"),
    ],
)
def test_too_short_names_the_field(length: int, what: str) -> None:
    assert error_of(Numbers, "00" * length) == f"Numbers.{what} (at byte {length})"


def test_too_long() -> None:
    with pytest.raises(MessageError, match=r"^Numbers ends after 10 bytes, not 12 \(at byte 10\)$") as caught:
        Numbers.decode(bytes(12))
    assert caught.value.offset == 10


@pytest.mark.parametrize(
    ("table", "data", "what"),
    [
        (Whole, "03" + "0111" + "0222" + "03", "slots: 3 of 2 bytes expected, 5 bytes are left (at byte 1)"),
        (Whole, "01" + "0111" + "02", "inner: ends after 1 of 2 bytes (at byte 4)"),
        (Whole, "00" + "0111" + "0102", "either: ends after 2 of 3 bytes (at byte 5)"),
        (Fewer, "ffffffff" + "0111", "slots: -1 of 2 bytes expected, 2 bytes are left (at byte 4)"),
        (Filled, "07", "slots: 0 bytes are not 2 + 2n (at byte 1)"),
        (Filled, "07" + "000000", "slots: 3 bytes are not 2 + 2n (at byte 1)"),
        (Doubtful, "02" + "0111" + "01", "slots: 3 bytes add up with neither 2 nor 1 of 2 (at byte 1)"),
        (Doubtful, "01" + "0111" + "03" + "0222", "slots: 5 bytes add up with neither 1 nor 2 of 2 (at byte 1)"),
        (Middle, "01" + "02", "content: 2 bytes must follow, 1 are left (at byte 1)"),
        (Text, "04" + "010203", "body: length says 4 bytes, 3 are left (at byte 1)"),
        (Below, "ffffffff" + "01", "body: length says -1 bytes, 1 are left (at byte 4)"),
        (Sometimes, "01" + "02", "number: ends after 1 of 2 bytes (at byte 2)"),
        (Sometimes, "02" + "05", "slot: Slot.name: ends after 0 of 1 bytes (at byte 2)"),
        (Listing, "02" + "0105" + "0306", "texts: Text.body: length says 3 bytes, 1 are left (at byte 4)"),
        (Listing, "01" + "0105", "last: Text.length: ends after 0 of 1 bytes (at byte 3)"),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else None,
)
def test_an_error_names_field_and_byte(table: type[Record], data: str, what: str) -> None:
    assert error_of(table, data) == f"{table.__name__}.{what}"


def test_less_than_no_entries_are_not_tried() -> None:
    @record
    class Digit(Record):
        value: int = wire(U8, "")

    @record
    class Digits(Record):
        count: int = wire(U8, "")
        digits: tuple[Digit, ...] = wire(Entries(Digit, Likely("count", 1)), "")
        others_count: int = wire(U8, "")
        others: tuple[Digit, ...] = wire(Entries(Digit, Stated("others_count")), "")

    assert error_of(Digits, "00") == ("Digits.digits: 0 bytes add up with neither 0 nor -1 of 1 (at byte 1)")


# --- values that do not fit ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "offset"),
    [
        (Numbers(256, 0, 0, 0), 0),
        (Numbers(-1, 0, 0, 0), 0),
        (Numbers(0, 1 << 16, 0, 0), 1),
        (Numbers(0, 0, 1 << 24, 0), 3),
        (Numbers(0, 0, -1, 0), 3),
        (Numbers(0, 0, 0, 1 << 32), 6),
        (Numbers(None, 0, 0, 0), 0),  # type: ignore[arg-type]  # the point of the test
        (Numbers(0, "1", 0, 0), 1),  # type: ignore[arg-type]  # likewise
        (Signed(1 << 23, 0, 0), 0),
        (Signed(0, -(1 << 31) - 1, 0), 3),
        (Signed(0, 0, -1), 7),
    ],
)
def test_numbers_that_do_not_fit(numbers: Record, offset: int) -> None:
    with pytest.raises(MessageError, match=r"\.(one|two|three|four|eight) cannot be .+: .+") as caught:
        numbers.encode()
    assert caught.value.offset == offset


@pytest.mark.parametrize(
    ("texts", "what"),
    [
        (Texts("20ab", "", b"\0\0"), "digits cannot be '20ab': 3 bytes expected, not 2"),
        (Texts("20ab0102", "", b"\0\0"), "digits cannot be '20ab0102': 3 bytes expected, not 4"),
        (Texts("20ab0", "", b"\0\0"), "digits cannot be"),
        (Texts("20ab0g", "", b"\0\0"), "digits cannot be"),
        (Texts("20ab01", "川A12345", b"\0\0"), "plate cannot be '川A12345': 6 bytes expected, not 8"),
        (Texts("20ab01", "🚗", b"\0\0"), "plate cannot be"),
        (Texts("20ab01", "", b"\0"), "raw cannot be b'.+': 2 bytes expected, not 1"),
        (Texts("20ab01", "", b"\0\0\0"), "raw cannot be b'.+': 2 bytes expected, not 3"),
        (Texts("20ab01", "", "ab"), "raw cannot be 'ab'"),  # type: ignore[arg-type]  # the point of the test
        (Texts("20ab01", "", 2), "raw cannot be 2"),  # type: ignore[arg-type]  # likewise
    ],
)
def test_texts_that_do_not_fit(texts: Texts, what: str) -> None:
    with pytest.raises(MessageError, match=rf"^Texts\.{what}"):
        texts.encode()


@pytest.mark.parametrize(
    ("made", "what"),
    [
        (lambda: Whole(0, (), Slot(256, "11"), Wide(1, 1), b""), "inner: Slot.number cannot be 256: .* byte 1"),
        (lambda: Whole(0, (), Slot(1, "1111"), Wide(1, 1), b""), "inner: Slot.name cannot be '1111': .* byte 2"),
        (lambda: Whole(1, (Slot(256, "11"),), Slot(1, "11"), Wide(1, 1), b""), "slots: Slot.number cannot be 256"),
        (lambda: Whole(1, (LongSlot(1, "11", 2),), Slot(1, "11"), Wide(1, 1), b""), "slots cannot be .* a Slot is"),
        (lambda: Whole(0, (), LongSlot(1, "11", 2), Wide(1, 1), b""), "inner cannot be .* a Slot is expected"),
        (lambda: Whole(0, (), "ab", Wide(1, 1), b""), "inner cannot be 'ab': a Slot is expected"),
        (lambda: Whole(0, (), Slot(1, "11"), LongSlot(1, "11", 2), b""), "either cannot .* a Narrow or Wide is"),
        (lambda: Whole(0, (), Slot(1, "11"), Wide(0, 1), b""), "either cannot be .* its byte 0 says Narrow"),
        (lambda: Whole(0, (), Slot(1, "11"), Narrow(1, 1, 1), b""), "either cannot be .* its byte 0 says Wide"),
        (lambda: Whole(0, (), Slot(1, "11"), Wide(1, 1), 3), "rest cannot be 3"),
        (lambda: Sometimes(1, 1 << 16, None), "number cannot be 65536: .* byte 1"),
    ],
)
def test_value_inside_that_does_not_fit(made: Callable[[], Record], what: str) -> None:
    with pytest.raises(MessageError, match=rf"^(Whole|Sometimes)\.{what}"):
        made().encode()


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
