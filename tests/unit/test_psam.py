from random import Random

import pytest

from protocols.errors import MessageError
from protocols.obu import apdu
from protocols.obu.keys import SM4, TDES, Cipher, SecureFile, Trade, is_authentic, issuer_factor, seal
from protocols.obu.psam import PsamKeys, SoftwarePsam, authorisation

KEYS = PsamKeys(
    vehicle=bytes(range(0x10, 0x20)), purchase=bytes(range(0x20, 0x30)), authorisation=bytes(range(0x40, 0x50))
)
TERMINAL = "013200000042"
ISSUER = issuer_factor("bdadcbd532010001")
CONTRACT = "3201000000004242"
CARD = "0123456789012345"
AT = "20241126203005"
CHALLENGE = Random(7).randbytes(8)


def make(*, selected: bool = True, authorised: bool = True, next_serial: int = 0x101) -> SoftwarePsam:
    psam = SoftwarePsam(
        KEYS,
        TERMINAL,
        "32010000000000000042",
        next_serial,
        random=Random(7).randbytes,
        area="3201000000000000",
        authorised=authorised,
    )
    if selected:
        assert psam.on(bytes.fromhex("00a4000002df01")) == b"\x90\0"
    return psam


def ask(psam: SoftwarePsam, command: str) -> str:
    return psam.on(bytes.fromhex(command)).hex()


def diversify(cipher: Cipher) -> str:
    return f"801a59{cipher.psam_key:02x}10{CONTRACT}{ISSUER.hex()}"


def mac1(algorithm: int, amount: int = 500) -> str:
    data = apdu.CountMac1(b"\1\2\3\4", 0x6F, amount, 9, AT, 1, algorithm, CARD, ISSUER)
    return apdu.COUNT_MAC1.command(data).encode().hex()


def trade(terminal_serial: int = 0x101, amount: int = 500) -> Trade:
    return Trade(
        card_random=b"\1\2\3\4",
        card_serial=0x6F,
        terminal=TERMINAL,
        terminal_serial=terminal_serial,
        amount=amount,
        kind=9,
        at=AT,
    )


def card_session(cipher: Cipher, terminal_serial: int = 0x101) -> bytes:
    """What a card with these keys would work out by itself."""
    key = cipher.diversify(KEYS.purchase, ISSUER, bytes.fromhex(CARD))
    return cipher.session_key(key, trade(terminal_serial))


# --- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("selected", [False, True])
@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("00b095000e", "32010000000000000042" + "0101" + "0000" + "9000"),
        ("00b0960006", TERMINAL + "9000"),
        ("00b0970908", "3201000000000000" + "9000"),
        ("00b0960203", "000000" + "9000"),
        ("00b0960010", "6c06"),
        ("00b0960606", "6b00"),
        ("00b09600", "6700"),
        ("00b0960000", "6700"),
        ("00b09600020000", "6700"),
        ("00b0960002000006", "6700"),
        ("00b0980006", "6a82"),
    ],
)
def test_its_files_are_read_in_either_directory(command: str, answer: str, *, selected: bool) -> None:
    assert ask(make(selected=selected), command) == answer


def test_unknown_directories_are_not_found() -> None:
    psam = make()
    assert ask(psam, "00a40000021001") == "6a82"
    assert ask(psam, diversify(TDES)) == "9000"  # still in DF01
    assert ask(psam, "00a40000023f00") == "9000"
    assert ask(psam, diversify(TDES)) == "6985"


def test_numbers_of_wrong_length_are_refused_at_once() -> None:
    with pytest.raises(MessageError, match="terminal"):
        SoftwarePsam(KEYS, "0132", "32010000000000000042", 1, random=Random(7).randbytes)
    with pytest.raises(ValueError, match="16 bytes, not 8"):
        PsamKeys(bytes(16), bytes(8), bytes(16))


def test_keys_do_not_show_in_its_repr() -> None:
    psam = make()
    ask(psam, diversify(TDES))
    ask(psam, mac1(TDES.code))
    assert repr(KEYS) == "PsamKeys()"
    assert "b'" not in repr(psam)


# --- activation ----------------------------------------------------------------------------------------------


def test_without_authorisation_no_key_is_used() -> None:
    psam = make(authorised=False)
    assert ask(psam, diversify(TDES)) == "6985"
    assert ask(psam, mac1(TDES.code)) == "6985"
    assert ask(psam, "00b0960006") == TERMINAL + "9000"
    assert psam.next_terminal_serial == 0x101


def test_the_right_answer_to_its_challenge_authorises() -> None:
    psam = make(authorised=False)
    assert ask(psam, "0084000008") == CHALLENGE.hex() + "9000"
    assert ask(psam, "0082004108" + authorisation(KEYS, CHALLENGE).hex()) == "9000"
    assert psam.authorised
    assert ask(psam, diversify(TDES)) == "9000"


def test_a_wrong_answer_uses_the_challenge_up() -> None:
    psam = make(authorised=False)
    ask(psam, "0084000008")
    assert ask(psam, "0082004108" + "00" * 8) == "9302"
    assert ask(psam, "0082004108" + authorisation(KEYS, CHALLENGE).hex()) == "6985"
    assert not psam.authorised


@pytest.mark.parametrize(
    ("challenge", "answer", "refused"),
    [
        ("0084000004", "0082004108" + "00" * 8, "6985"),
        ("0084000008", "0082004208" + "00" * 8, "9403"),
        ("0084000008", "0082004104" + "00" * 4, "6700"),
        ("00840000", "0082004108" + "00" * 8, "6985"),
        ("00840000081122334455667788" + "08", "0082004108" + "00" * 8, "6985"),
    ],
)
def test_other_authorisations_are_refused(challenge: str, answer: str, refused: str) -> None:
    psam = make(authorised=False)
    ask(psam, challenge)
    assert ask(psam, answer) == refused
    assert not psam.authorised


# --- vehicle file --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", [TDES, SM4], ids=lambda cipher: cipher.name)
def test_it_deciphers_what_the_tag_sealed(cipher: Cipher) -> None:
    tag_key = cipher.diversify(KEYS.vehicle, ISSUER, bytes.fromhex(CONTRACT))
    secured = SecureFile(bytes(range(cipher.block)), bytes(range(79)))
    psam = make()
    assert ask(psam, diversify(cipher)) == "9000"
    answer = psam.on(apdu.DECIPHER.command(seal(cipher, tag_key, secured)).encode())
    assert answer[-2:] == b"\x90\0"
    assert SecureFile.decode(cipher, answer[:-2]) == secured
    assert is_authentic(cipher, tag_key, secured, bytes(8)) is (None if cipher is SM4 else False)


def test_deciphering_needs_a_key_and_whole_blocks() -> None:
    psam = make()
    assert ask(psam, "80fa800008" + "00" * 8) == "6985"
    assert ask(psam, diversify(SM4)) == "9000"
    assert ask(psam, "80fa800008" + "00" * 8) == "6700"
    assert ask(psam, "80fa8000") == "6700"
    assert ask(psam, "801a590410" + "00" * 16) == "9403"
    assert ask(psam, "801a59030f" + "00" * 15) == "6700"


# --- purchase ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", [TDES, SM4], ids=lambda cipher: cipher.name)
def test_card_and_psam_agree_on_a_purchase(cipher: Cipher) -> None:
    psam = make()
    session = card_session(cipher)
    expected = "00000101" + cipher.mac1(session, trade()).hex()
    assert ask(psam, mac1(cipher.code)) == expected + "9000"
    assert ask(psam, "8072000004" + "00000000") == "9302"
    assert ask(psam, "8072000004" + cipher.mac2(session, trade()).hex()) == "9000"
    assert ask(psam, "8072000004" + cipher.mac2(session, trade()).hex()) == "6985"


def test_the_ciphers_do_not_answer_alike() -> None:
    assert ask(make(), mac1(TDES.code)) != ask(make(), mac1(SM4.code))


def test_every_mac1_has_a_terminal_serial_of_its_own() -> None:
    psam = make()
    assert ask(psam, mac1(0)).startswith("00000101")
    assert ask(psam, mac1(0)).startswith("00000102")
    assert psam.next_terminal_serial == 0x103
    # The MAC2 of the first purchase is no good for the second.
    assert ask(psam, "8072000004" + TDES.mac2(card_session(TDES), trade()).hex()) == "9302"


def test_the_last_terminal_serial_is_the_end() -> None:
    psam = make(next_serial=0xFFFFFFFF)
    assert ask(psam, mac1(0)).startswith("ffffffff")
    assert ask(psam, mac1(0)) == "9402"


def test_an_algorithm_that_it_has_no_key_for() -> None:
    psam = make()
    assert ask(psam, mac1(0x01)) == "9403"
    assert psam.next_terminal_serial == 0x101


def test_a_new_selection_ends_a_purchase() -> None:
    psam = make()
    ask(psam, mac1(0))
    assert ask(psam, "00a4000002df01") == "9000"
    assert ask(psam, "8072000004" + TDES.mac2(card_session(TDES), trade()).hex()) == "6985"


# --- anything else -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("", "6700"),
        ("00a400", "6700"),
        ("00a40000023f", "6700"),
        ("00a4000001df", "6700"),
        ("8072000003000000", "6700"),
        ("8070000023" + "00" * 35, "6700"),
        ("805c000204", "6d00"),
        ("00e4000000", "6d00"),
        ("90b0960006", "6e00"),
        ("00840000081122334455667788" + "08", "6700"),
        ("00a4040002df01", "6b00"),
        ("0084010008", "6b00"),
        ("0082014108" + "00" * 8, "6b00"),
        ("801a580310" + "00" * 16, "6b00"),
        ("8070010024" + "00" * 36, "6b00"),
    ],
)
def test_what_is_no_command_of_a_psam_gets_its_status_word(command: str, answer: str) -> None:
    assert ask(make(), command) == answer
