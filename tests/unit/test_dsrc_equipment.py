import pytest

from protocols.dsrc import link
from protocols.dsrc.application import BST, OtherAction, OtherAnswer, Pdu
from protocols.dsrc.equipment import (
    ACTIONS,
    ANSWERS,
    CONTAINERS,
    T_APDU,
    Apdu,
    GetRandAnswer,
    GetRandRequest,
    GetSecureAnswer,
    GetSecureRequest,
    SetMmiAnswer,
    SetMmiRequest,
    SetSecureAnswer,
    SetSecureRequest,
    TransferAnswer,
    TransferRequest,
    cipher_text,
    read_secured,
)
from protocols.dsrc.exchange import LIMIT, Content, Exchange
from protocols.errors import MessageError
from protocols.obu.apdu import Answer, Command
from protocols.obu.files import File0002, File0015, File0015Long, SystemInfo26, SystemInfo27, VehicleFile59
from protocols.obu.keys import TDES, SecureFile, authenticator, issuer_factor, seal

TAG = "0a11fe22"


def read(raw: str) -> Pdu:
    data = bytes.fromhex(raw)
    table = T_APDU.choose(data, 0)
    found = table.decode(data)
    assert found.encode() == data
    return found


# --- tables --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "pdu"),
    [
        (
            "91 05 01 00 14 80 01 0000 4f 1122334455667788 40 43",
            GetSecureRequest(0x91, 5, 1, 0, None, 0x14, 0x80, 1, 0, 79, "1122334455667788", 0x40, 0x43),
        ),
        (
            "91 05 01 00 14 00 01 0010 3b 1122334455667788 00",
            GetSecureRequest(0x91, 5, 1, 0, None, 0x14, 0, 1, 16, 59, "1122334455667788", 0, None),
        ),
        (
            "91 0d 01 00 a1a2a3a4a5a6a7a8 14 80 01 0000 10 1122334455667788 00 00",
            GetSecureRequest(0x91, 0xD, 1, 0, "a1a2a3a4a5a6a7a8", 0x14, 0x80, 1, 0, 16, "1122334455667788", 0, 0),
        ),
        (
            "91 18 01 15 01" + "c0" * 72 + "00" * 8 + "00",
            GetSecureAnswer(0x91, 0x18, 1, 0x15, 1, b"\xc0" * 72, "00" * 8, 0),
        ),
        (
            "91 0d 03 01 a1a2a3a4a5a6a7a8 16 00 02 0000 02 beef 1122334455667788 01 02 03",
            SetSecureRequest(
                *(0x91, 0xD, 3, 1, "a1a2a3a4a5a6a7a8", 0x16, 0, 2, 0, 2, b"\xbe\xef"),
                *("1122334455667788", 1, 2, 3),
            ),
        ),
        ("91 18 03 17 aabb 00", SetSecureAnswer(0x91, 0x18, 3, 0x17, b"\xaa\xbb", 0)),
        ("91 01 01 02", GetRandRequest(0x91, 1, 1, 2, None)),
        ("91 18 01 1d 1122334455667788 00", GetRandAnswer(0x91, 0x18, 1, 0x1D, "1122334455667788", 0)),
        (
            "91 05 01 03 18 01 02 02 aabb 00",
            TransferRequest(0x91, 5, 1, 3, None, 0x18, 1, 2, (Apdu(2, b"\xaa\xbb"), Apdu(0, b""))),
        ),
        (
            "91 18 01 19 02 01 02 9000 00",
            TransferAnswer(0x91, 0x18, 1, 0x19, 2, 1, (Apdu(2, b"\x90\x00"),), 0),
        ),
        ("99 05 01 04 1a 02", SetMmiRequest(0x99, 5, 1, 4, None, 0x1A, 2)),
        ("91 18 01 1b 00", SetMmiAnswer(0x91, 0x18, 1, 0x1B, 0)),
        ("91 05 01 07 2f 01", OtherAction(0x91, 5, 1, 7, b"\x2f\x01")),
        ("91 07 01 00 14", OtherAction(0x91, 7, 1, 0, b"\x14")),
        ("91 01 01 03", OtherAction(0x91, 1, 1, 3, b"")),
        ("91 10 01 04", OtherAnswer(0x91, 0x10, 1, b"", 4)),
        ("91 18 01 2e 07 00", OtherAnswer(0x91, 0x18, 1, b"\x2e\x07", 0)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Pdu) else None,
)
def test_pdu(raw: str, pdu: Pdu) -> None:
    assert read(raw) == pdu


@pytest.mark.parametrize("wrong", ["91 05 01 00 15 80", "91 05 01 04 1b 00", "91 05 01 03 19 01 00"])
def test_request_whose_container_is_not_its_own_is_refused(wrong: str) -> None:
    with pytest.raises(MessageError, match=r"tag: .. expected") as caught:
        read(wrong)
    assert caught.value.offset == 4


def test_filled_tables_are_chosen_again() -> None:
    tables: list[type[Pdu]] = [*ACTIONS.values(), *CONTAINERS.values(), GetRandRequest]
    for table in tables:
        assert T_APDU.choose(table.fill({}).encode(), 0) is table


def test_every_action_has_its_answer() -> None:
    assert {*ANSWERS} == {BST, GetRandRequest, *ACTIONS.values()}
    assert {*CONTAINERS.values()} < {*ANSWERS.values()}


# --- cipher --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("length", "block", "size"), [(16, 8, 32), (59, 8, 72), (79, 8, 88), (79, 16, 96)])
def test_cipher_is_as_long_as_the_request_makes_it(length: int, block: int, size: int) -> None:
    text = bytes(range(size))
    sent = GetSecureAnswer.decode(bytes.fromhex("9118011501") + text + bytes(9))
    assert cipher_text(sent, length, block) == text
    # An old tag without authenticator.
    sent = GetSecureAnswer.decode(bytes.fromhex("9118011501") + text + bytes(1))
    assert sent.cipher != text
    assert cipher_text(sent, length, block) == text


def test_cipher_that_is_too_short_says_so() -> None:
    with pytest.raises(MessageError, match="79 bytes needs 88 bytes of cipher, 80 came"):
        cipher_text(GetSecureAnswer.fill({"cipher": bytes(72), "authenticator": "00" * 8}), 79, 8)


SECURED = bytes.fromhex("9118011501")


@pytest.mark.parametrize("authenticator", [b"", b"\xee" * 8], ids=["without", "with"])
@pytest.mark.parametrize(
    ("behind", "more", "remainder"),
    [
        ("", [], ""),
        ("1234", [], "1234"),
        ("91 18 01 1b 00", [SetMmiAnswer(0x91, 0x18, 1, 0x1B, 0)], ""),
        ("91 18 01 1b 00 1234", [SetMmiAnswer(0x91, 0x18, 1, 0x1B, 0)], "1234"),
    ],
    ids=["alone", "wrong FCS", "another", "another and wrong FCS"],
)
def test_known_length_of_a_secured_file_leaves_what_follows(
    authenticator: bytes, behind: str, more: list[Pdu], remainder: str
) -> None:
    sent = SECURED + b"\xc0" * 72 + authenticator + b"\0"
    pdus, rest = read_secured(sent + bytes.fromhex(behind), 59, 8)
    answer = pdus[0]
    assert isinstance(answer, GetSecureAnswer)
    assert (answer.encode(), answer.status, list(pdus[1:]), rest.hex()) == (sent, 0, more, remainder)
    assert cipher_text(answer, 59, 8) == b"\xc0" * 72


def test_answer_shorter_than_asked_for_is_left_as_it_came() -> None:
    sent = SECURED + bytes(30)
    assert read_secured(sent, 59, 8) == ((GetSecureAnswer.decode(sent),), b"")


# --- what frames carry ---------------------------------------------------------------------------------------

ISSUED = bytes.fromhex(
    "bdadcbd532010001 17 40 3201 0123456789012345 20240101 20340101 cbd54231323334350000000000 0001"
)[:43]
STATION = b"\xaa\x29" + bytes(41)
BALANCE = bytes.fromhex("000d8f8e")
INFO = bytes.fromhex("bdadcbd532010001 01 40 3201000000004242 20240101 20340101")


def bst(files: str, info: int = 26) -> str:
    return f"ffffffff 50 03 91 c0 46 012002 6745c100 00 01 41 87 29 {files[:2]} {info:02x} {files[2:]} 00"


def vst(icc: bytes, info: bytes = INFO, tag: str = TAG) -> str:
    return f"{tag} c0 03 91 d0 00 01 c1 01 20 27 {info.hex()} 28 {icc.hex()} {tag} 302001"


def heard(*frames: str, exchange: Exchange | None = None) -> tuple[Content, ...]:
    """What the last of them carries."""
    exchange = exchange or Exchange()
    return [exchange.on(link.decode(bytes.fromhex(frame))) for frame in frames][-1]


def card(*frames: str) -> list[tuple[str, type]]:
    return [(content.name, type(content.value)) for content in heard(*frames) if content.place == "icc"]


def test_system_information() -> None:
    [info, _] = heard(vst(ISSUED))
    assert info == Content(0, "system_info", "EF01", SystemInfo26.decode(INFO))
    [info, _] = heard(bst("20002b", 29), vst(ISSUED, INFO + b"\1\xee\xee"))
    assert info == Content(0, "system_info", "EF01", SystemInfo27.decode(INFO + b"\1"), b"\xee\xee")


def test_system_information_shorter_than_its_table_stays_bytes() -> None:
    contents = heard(vst(ISSUED, INFO[:16]), SECURE, sealed(), exchange=Exchange({TDES: MASTER}))
    assert contents == ()  # no key without the whole of it
    [info, _] = heard(vst(ISSUED, INFO[:16]))
    assert (info.name, info.value) == ("EF01", INFO[:16])


def test_bst_says_where_system_information_ends() -> None:
    info = INFO + b"\x28" + bytes(2)  # alone, the VST looks as if it ended after 26 bytes
    [first, second] = heard(bst("20002b", 29), vst(ISSUED, info))
    assert (first.value, first.rest) == (SystemInfo27.decode(info[:27]), info[27:])
    assert second.value == File0015.decode(ISSUED)
    [first, _] = heard(vst(ISSUED, info))
    assert (first.value, first.rest) == (SystemInfo26.decode(INFO), b"")


def test_bst_that_does_not_fit_changes_nothing() -> None:
    [first, _] = heard(bst("20002b", 30), vst(ISSUED))
    assert first.value == SystemInfo26.decode(INFO)


def test_bst_says_where_system_information_ends_before_a_random_number_too() -> None:
    info = INFO + b"\x1d" + bytes(8) + b"\x28"
    raw = f"{TAG} c0 03 91 d0 00 01 c1 01 a0 27 {info.hex()} 1d {'07' * 8} 28 {ISSUED.hex()} {TAG} 302001"
    exchange = Exchange()
    [first, second] = heard(bst("20002b", len(info)), raw, exchange=exchange)
    assert first.rest == info[27:]
    assert second.value == File0015.decode(ISSUED)
    frame = link.decode(bytes.fromhex(raw))
    assert exchange.exact(frame) != frame
    assert exchange.exact(frame).encode() == frame.encode()


def test_one_file_is_what_was_asked_for() -> None:
    assert card(bst("20002b"), vst(ISSUED)) == [("0015", File0015)]
    assert card(bst("200032"), vst(ISSUED + bytes(7))) == [("0015", File0015Long)]
    assert card(bst("800004"), vst(BALANCE)) == [("0002", File0002)]


def test_part_of_a_file_stays_bytes() -> None:
    [_, part] = heard(bst("20082b"), vst(ISSUED))
    assert (part.name, part.value) == ("0015", ISSUED)
    assert "from byte 8 on" in part.note
    [_, part] = heard(bst("20001c"), vst(ISSUED[:28]))
    assert (part.name, part.value) == ("0015", ISSUED[:28])


@pytest.mark.parametrize("turned", [False, True])
def test_order_of_two_files_is_the_plausible_one(turned: bool) -> None:  # noqa: FBT001  a parameter of the test
    names = ["0002", "0015"] if not turned else ["0015", "0002"]
    icc = BALANCE + ISSUED if not turned else ISSUED + BALANCE
    assert [name for name, _ in card(bst("a00004002b"), vst(icc))] == names
    assert [name for name, _ in card(vst(icc))] == names


def test_files_that_look_like_nothing_stay_bytes() -> None:
    for frames in (
        (bst("a00004002b"), vst(bytes(47))),
        (vst(bytes(43)),),
        (bst("20002b"), vst(ISSUED[:40])),
        (vst(BALANCE),),
    ):
        [_, unknown] = heard(*frames)
        assert (unknown.name, type(unknown.value)) == ("", bytes)
        assert "cannot be told" in unknown.note


def test_a_few_bytes_of_0015_cannot_rule_an_order_out() -> None:
    icc = BALANCE + ISSUED[:8] + STATION
    found = [name for name, _ in card(bst("b0 0004 0008 002b"), vst(icc))]
    assert found == ["0002", "0015", "0019"]


def test_plausible_twice_is_not_told() -> None:
    # Both ends look like a balance, and the middle like 0019 either way.
    icc = bytes.fromhex("aa290000") + b"\xaa" * 43
    assert card(bst("900004002b"), vst(icc)) == [("", bytes)]


def test_without_a_request_the_card_says_what_it_is() -> None:
    assert card(vst(ISSUED)) == [("0015", File0015)]
    assert card(vst(ISSUED + bytes(7))) == [("0015", File0015Long)]
    assert [name for name, _ in card(vst(ISSUED + STATION))] == ["0015", "0019"]
    assert [name for name, _ in card(vst(BALANCE + bytes(40) + ISSUED + STATION))] == [
        "0002",
        "0012",
        "0015",
        "0019",
    ]


# --- answers -------------------------------------------------------------------------------------------------

ASK = f"{TAG} 40 77 91 05 01 03 18 01 02 05 805c000204 05 00b201cc2b"
TELL = f"{TAG} e0 f7 00 91 18 01 19 01 02 06 000d8f8e9000 02 6a83 00"


def test_commands_of_a_request() -> None:
    first, second = heard(ASK)
    assert isinstance(first.value, Command)
    assert [(each.place, each.name) for each in (first, second)] == [
        ("apdus[0]", "balance"),
        ("apdus[1]", "read-0019"),
    ]


def test_commands_of_a_psam_are_none_of_a_card() -> None:
    frame = f"{TAG} 40 77 91 05 01 03 18 01 02 05 00b0960006 05 00b095000e"
    assert [content.name for content in heard(frame)] == ["read-binary", "read-0015"]
    elsewhere = frame.replace("18 01 02", "18 02 02")
    assert [content.name for content in heard(elsewhere)] == ["psam-terminal", "psam-info"]


def test_answers_are_read_with_their_request() -> None:
    first, second = heard(ASK, TELL)
    assert first == Content(0, "apdus[0]", "balance", Answer(File0002(888718), 0x9000))
    assert second == Content(0, "apdus[1]", "read-0019", Answer(b"", 0x6A83))


@pytest.mark.parametrize(
    "before",
    [
        [],
        [ASK.replace(TAG, "0b0c0d10")],
        [ASK.replace(" 40 77", " 40 f7")],
        [ASK, f"{TAG} 40 f7 91 05 01 04 1a 00"],
    ],
    ids=["none", "to another tag", "wrong sequence bit", "long ago"],
)
def test_answer_without_its_request_stays_bytes(before: list[str]) -> None:
    contents = heard(*before, TELL)
    assert [content.value for content in contents] == [bytes.fromhex("000d8f8e9000"), bytes.fromhex("6a83")]
    assert all("its command was not seen" in content.note for content in contents)


def test_lengths_that_a_frame_does_not_tell_are_those_of_its_request() -> None:
    exchange = Exchange()
    heard(SECURE, exchange=exchange)
    answer = link.decode(bytes.fromhex(sealed() + "91 18 01 1b 00"))
    exact = exchange.exact(answer)
    assert [type(pdu) for pdu in exact.pdus] == [GetSecureAnswer, SetMmiAnswer]
    assert exact.encode() == answer.encode()
    assert exchange.exact(exact) == exact
    assert [type(pdu) for pdu in Exchange().exact(answer).pdus] == [GetSecureAnswer]


def test_repeated_answer_is_read_again() -> None:
    assert heard(ASK, TELL, TELL) == heard(ASK, TELL)


def test_more_answers_than_commands_stay_bytes() -> None:
    first, second = heard(ASK.replace("18 01 02", "18 01 01").replace("05 00b201cc2b", ""), TELL)
    assert isinstance(first.value, Answer)
    assert second.value == bytes.fromhex("6a83")


def test_fewer_answers_than_commands() -> None:
    [first] = heard(ASK, f"{TAG} e0 f7 00 91 18 01 19 01 01 02 6985 00")
    assert first.value == Answer(b"", 0x6985)


def test_concatenated_requests_find_their_answers_in_order() -> None:
    ask = f"{TAG} 40 f7 91 05 01 03 18 01 01 05 805c000204 91 05 01 03 18 02 01 07 00a4000002df01"
    tell = f"{TAG} e0 77 00 91 18 01 19 01 01 06 000d8f8e9000 00 91 18 01 19 02 01 02 9000 00"
    contents = heard(ask, tell)
    assert [(content.pdu, content.name) for content in contents] == [(0, "balance"), (1, "select")]


def test_commands_beyond_the_stated_count_are_shown_and_answered() -> None:
    ask = ASK.replace("18 01 02", "18 01 01")
    first, second = heard(ask)
    assert (first.note, second.name) == ("", "read-0019")
    assert "beyond the stated count" in second.note
    assert heard(ask, TELL)[1].value == Answer(b"", 0x6A83)


def test_remainder_that_is_no_row_of_commands_is_left_alone() -> None:
    assert len(heard(ASK + "05 8054")) == 2


def test_what_is_no_command_or_no_answer_stays_bytes() -> None:
    [content] = heard(f"{TAG} 40 77 91 05 01 03 18 01 01 03 805c00")
    assert (content.value, content.name) == (bytes.fromhex("805c00"), "")
    assert "no card command" in content.note
    [_, content] = heard(ASK, f"{TAG} e0 f7 00 91 18 01 19 01 02 02 9000 01 90 00")
    assert content.value == b"\x90"


def test_only_so_many_tags_are_remembered() -> None:
    exchange = Exchange()
    others = [ASK.replace(TAG, f"{number:08x}") for number in range(LIMIT)]
    assert isinstance(heard(ASK, *others[1:], TELL, exchange=exchange)[0].value, Answer)
    assert isinstance(heard(ASK, *others, TELL, exchange=exchange)[0].value, bytes)


def test_a_tag_heard_again_is_remembered_anew() -> None:
    exchange = Exchange()
    others = [ASK.replace(TAG, f"{number:08x}") for number in range(LIMIT)]
    frames = (ASK, *others[: LIMIT // 2], ASK, *others[LIMIT // 2 :], TELL)
    assert isinstance(heard(*frames, exchange=exchange)[0].value, Answer)


# --- the vehicle file ----------------------------------------------------------------------------------------

MASTER = bytes(range(0x10, 0x20))
KEY = TDES.diversify(MASTER, issuer_factor("bdadcbd532010001"), bytes.fromhex("3201000000004242"))
FILE = bytes.fromhex("d4c14131323334350000000000 00 01 00".replace(" ", "")).ljust(59, b"\0")
RANDOM = "1122334455667788"
SECURE = f"{TAG} 40 77 91 05 01 00 14 80 01 0000 3b {RANDOM} 00 00"


def sealed(file: bytes = FILE, proof: bytes | None = None) -> str:
    proof = authenticator(KEY, file, bytes.fromhex(RANDOM)) if proof is None else proof
    return f"{TAG} e0 f7 00 91 18 01 15 01 {seal(TDES, KEY, SecureFile(proof, file)).hex()} {'00' * 8} 00"


def test_vehicle_file_in_clear_for_who_has_the_key() -> None:
    [content] = heard(vst(ISSUED), SECURE, sealed(), exchange=Exchange({TDES: MASTER}))
    assert (content.name, content.value) == ("DF01/EF01", VehicleFile59.decode(FILE))
    assert "authenticator right" in content.note


def test_wrong_authenticator_is_said() -> None:
    [content] = heard(vst(ISSUED), SECURE, sealed(proof=bytes(8)), exchange=Exchange({TDES: MASTER}))
    assert "authenticator wrong" in content.note


def test_wrong_key_leaves_the_cipher() -> None:
    [content] = heard(vst(ISSUED), SECURE, sealed(), exchange=Exchange({TDES: bytes(16)}))
    assert isinstance(content.value, bytes)
    assert "not deciphered" in content.note


def test_part_of_the_vehicle_file_stays_bytes() -> None:
    for asked, part in (("0000 10", FILE[:16]), ("0001 3b", FILE)):
        request = SECURE.replace("0000 3b", asked)
        [content] = heard(vst(ISSUED), request, sealed(part), exchange=Exchange({TDES: MASTER}))
        assert content.value == part


@pytest.mark.parametrize(
    ("frames", "masters"),
    [((vst(ISSUED), SECURE), {}), ((SECURE,), {TDES: MASTER}), ((vst(ISSUED),), {TDES: MASTER})],
    ids=["no key", "tag unknown", "request not seen"],
)
def test_without_key_tag_or_request_the_file_stays_closed(frames: tuple[str, ...], masters: dict) -> None:  # type: ignore[type-arg]  # keys by cipher
    assert heard(*frames, sealed(), exchange=Exchange(masters)) == ()
