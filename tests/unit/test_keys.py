"""Vectors of gbt20851 3.2 and 4.5, computed with made-up keys."""

from dataclasses import replace

import pytest

from protocols.errors import MessageError
from protocols.obu.keys import (
    SM4,
    TDES,
    Cipher,
    SecureFile,
    Trade,
    authenticator,
    is_authentic,
    issuer_factor,
    seal,
    unseal,
)

MASTER = bytes(range(0x10, 0x20))
ISSUER = "b9e3b6ab44010001"
CARD = bytes.fromhex("0000000000000142")
TRADE = Trade(
    card_random=bytes.fromhex("0ac4cb69"),
    card_serial=0xAB31,
    terminal="000000000184",
    terminal_serial=0x0003C5F0,
    amount=1,
    kind=9,
    at="20180122095312",
)
VECTORS = (
    (TDES, "fba65aff841b33d081a3b9a4fc322417", "1208c9c33dafa245", "10bf6492", "6d0bfcdd"),
    (SM4, "399977267b4f223356b20ff79a72c26e", "6205e736409ed4df6278aa83dc4f02e4", "43444149", "5ce0b31b"),
)

CONTRACT = bytes.fromhex("1122334455667788")
RANDOM = bytes.fromhex("db46d54625901243")
FILE = bytes.fromhex(
    "d4c141313233343500000000c0b600020e74120d0402001100019041414100000000000000000000000000424242"
).ljust(59, b"\0")


# --- published vectors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cipher", "card_key", "session", "mac1", "mac2"), VECTORS, ids=lambda value: str(value)[:8]
)
def test_keys_and_macs_of_a_purchase(cipher: Cipher, card_key: str, session: str, mac1: str, mac2: str) -> None:
    key = cipher.diversify(MASTER, issuer_factor(ISSUER), CARD)
    assert key.hex() == card_key
    session_key = cipher.session_key(key, TRADE)
    assert session_key.hex() == session
    assert cipher.mac1(session_key, TRADE).hex() == mac1
    assert cipher.mac2(session_key, TRADE).hex() == mac2


def test_sm4_is_the_standards_own() -> None:
    # GB/T 32907-2016, annex A, example 1.
    key = bytes.fromhex("0123456789abcdeffedcba9876543210")
    assert SM4.encrypt(key, key).hex() == "681edf34d206965e86b3e94f536e4246"


def test_issuer_factor_is_the_first_four_bytes_twice() -> None:
    assert issuer_factor(ISSUER).hex() == "b9e3b6abb9e3b6ab"


@pytest.mark.parametrize("cipher", [TDES, SM4], ids=lambda cipher: cipher.name)
def test_two_levels_are_one_level_twice(cipher: Cipher) -> None:
    first = cipher.diversify(MASTER, issuer_factor(ISSUER))
    assert cipher.diversify(first, CARD) == cipher.diversify(MASTER, issuer_factor(ISSUER), CARD)
    assert cipher.diversify(MASTER) == MASTER


def test_3des_diversifies_left_by_the_factor_and_right_by_its_inverse() -> None:
    inverse = bytes.fromhex("fffffffffffffebd")
    assert TDES.diversify(MASTER, CARD) == TDES.encrypt(MASTER, CARD) + TDES.encrypt(MASTER, inverse)


# --- what a MAC covers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cipher", [TDES, SM4], ids=lambda cipher: cipher.name)
@pytest.mark.parametrize(
    ("change", "differ"),
    [
        ({"amount": 2}, "MAC1 MAC2 TAC"),
        ({"kind": 6}, "MAC1 TAC"),
        ({"terminal": "000000000185"}, "MAC1 TAC"),
        ({"at": "20180122095313"}, "MAC1 TAC"),
        ({"terminal_serial": 0x0003C5F1}, "TAC"),
        ({"card_serial": 0xAB32}, ""),
    ],
    ids=str,
)
def test_each_proof_covers_its_fields(cipher: Cipher, change: dict[str, int], differ: str) -> None:
    def proofs(trade: Trade) -> dict[str, bytes]:
        session = bytes(range(cipher.block))
        return {
            "MAC1": cipher.mac1(session, trade),
            "MAC2": cipher.mac2(session, trade),
            "TAC": cipher.tac(MASTER, trade),
        }

    before, after = proofs(TRADE), proofs(replace(TRADE, **change))  # type: ignore[arg-type]
    assert {name for name in before if before[name] != after[name]} == set(differ.split())


@pytest.mark.parametrize("cipher", [TDES, SM4], ids=lambda cipher: cipher.name)
def test_session_key_takes_the_low_half_of_the_terminal_serial(cipher: Cipher) -> None:
    key = cipher.session_key(MASTER, TRADE)
    assert cipher.session_key(MASTER, replace(TRADE, terminal_serial=0xC5F0)) == key
    assert cipher.session_key(MASTER, replace(TRADE, terminal_serial=0xC5F1)) != key
    assert cipher.session_key(MASTER, replace(TRADE, card_serial=0xAB32)) != key


def test_a_message_of_whole_blocks_is_padded_all_the_same() -> None:
    key = bytes(range(8))
    assert TDES.mac(key, bytes(7) + b"\x80") != TDES.mac(key, bytes(7))
    chained = TDES.encrypt(key, bytes(8))
    assert TDES.mac(key, bytes(8)) == TDES.encrypt(key, bytes((chained[0] ^ 0x80, *chained[1:])))[:4]


def test_tac_of_3des_folds_the_key_by_halves() -> None:
    same = TDES.tac(bytes(range(8)) + bytes(8), TRADE)
    assert TDES.tac(bytes(8) + bytes(range(8)), TRADE) == same
    assert TDES.tac(bytes(range(16)), TRADE) == TDES.tac(bytes(8) + b"\x08" * 8, TRADE)


# --- the sealed vehicle file ---------------------------------------------------------------------------------


def test_authenticator_vector() -> None:
    key = TDES.diversify(MASTER, issuer_factor(ISSUER), CONTRACT)
    assert authenticator(key, FILE, RANDOM).hex() == "13826ab832f340b4"


def test_only_the_last_six_bytes_of_the_random_count() -> None:
    assert authenticator(MASTER, FILE, RANDOM) == authenticator(MASTER, FILE, bytes(2) + RANDOM[2:])
    assert authenticator(MASTER, FILE, RANDOM) != authenticator(MASTER, FILE, RANDOM[:2] + bytes(6))


@pytest.mark.parametrize(
    ("cipher", "size", "whole"),
    [(TDES, 16, 32), (TDES, 59, 72), (TDES, 79, 88), (SM4, 79, 96)],
    ids=lambda value: str(getattr(value, "name", value)),
)
def test_sizes_of_the_sealed_file_are_the_published_ones(cipher: Cipher, size: int, whole: int) -> None:
    secured = SecureFile(bytes(cipher.block), bytes(range(size)))
    data = seal(cipher, MASTER, secured)
    assert len(data) == whole
    assert unseal(cipher, MASTER, data) == secured


def test_file_starts_at_9_in_3des_and_at_17_in_sm4() -> None:
    assert SecureFile(bytes(8), b"file").encode(TDES)[9:13] == b"file"
    assert SecureFile(bytes(16), b"file").encode(SM4)[17:21] == b"file"


def test_padding_is_80_and_zeros() -> None:
    assert SecureFile(bytes(8), b"\x11" * 59).encode(TDES)[68:] == b"\x80\0\0\0"


def test_authenticity_in_sm4_is_not_claimed() -> None:
    assert is_authentic(SM4, MASTER, SecureFile(bytes(16), FILE), RANDOM) is None


@pytest.mark.parametrize("length", [0, 7, 63, 72, 0xFF])
def test_a_length_byte_that_does_not_fit_is_an_error(length: int) -> None:
    clear = bytes((length,)) + bytes(71)
    with pytest.raises(MessageError, match=f"length byte {length} does not fit 72"):
        SecureFile.decode(TDES, clear)


# --- wrong sizes ---------------------------------------------------------------------------------------------


def test_parts_of_blocks_are_refused() -> None:
    with pytest.raises(MessageError, match="blocks of 16"):
        unseal(SM4, MASTER, bytes(88))
    with pytest.raises(MessageError, match="does not fit 0"):
        unseal(TDES, MASTER, b"")


@pytest.mark.parametrize("size", [0, 7, 12, 24])
def test_keys_of_wrong_size_are_refused(size: int) -> None:
    with pytest.raises(ValueError, match="8 or 16 bytes"):
        TDES.encrypt(bytes(size), bytes(8))
    with pytest.raises(ValueError, match="key size"):
        SM4.encrypt(bytes(size), bytes(16))


def test_factors_of_wrong_size_are_refused() -> None:
    with pytest.raises(ValueError, match="8 bytes, not 4"):
        TDES.diversify(MASTER, bytes(4))


def test_values_that_no_field_holds_are_refused() -> None:
    with pytest.raises(MessageError, match="terminal"):
        TDES.tac(MASTER, replace(TRADE, terminal="0184"))
    with pytest.raises(MessageError, match="16 bytes of authenticator, not 8"):
        SecureFile(bytes(8), FILE).encode(SM4)
    with pytest.raises(MessageError, match="at most 247"):
        SecureFile(bytes(8), bytes(248)).encode(TDES)
