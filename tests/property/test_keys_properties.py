"""Keys, seals, commands and the software PSAM over any values."""

from random import Random

from hypothesis import assume, given
from hypothesis import strategies as st

from protocols.errors import MessageError
from protocols.obu import apdu
from protocols.obu.apdu import Answer, Command, decode_answer, decode_command
from protocols.obu.keys import (
    CIPHERS,
    TDES,
    Cipher,
    SecureFile,
    Trade,
    authenticator,
    is_authentic,
    seal,
    unseal,
)
from protocols.obu.psam import PsamKeys, SoftwarePsam

ciphers = st.sampled_from(CIPHERS)
keys = st.binary(min_size=16, max_size=16)
factors = st.binary(min_size=8, max_size=8)
trades = st.builds(
    Trade,
    card_random=st.binary(min_size=4, max_size=4),
    card_serial=st.integers(0, 0xFFFF),
    terminal=st.binary(min_size=6, max_size=6).map(bytes.hex),
    terminal_serial=st.integers(0, 0xFFFFFFFF),
    amount=st.integers(0, 0xFFFFFFFF),
    kind=st.sampled_from((6, 9)),
    at=st.binary(min_size=7, max_size=7).map(bytes.hex),
)
commands = st.one_of(
    st.binary(max_size=64),
    # A known header, and a length byte that may be right.
    st.builds(
        lambda form, digits, data: bytes.fromhex("".join(digits if c == "." else c for c in form.header)) + data,
        st.sampled_from(apdu.FORMS),
        st.sampled_from("0123456789abcdef"),
        st.one_of(
            st.binary(max_size=64),
            st.binary(min_size=1, max_size=64).map(lambda data: bytes((len(data),)) + data),
        ),
    ),
)


def command(data: bytes) -> Command:
    try:
        return decode_command(data)
    except MessageError:
        assume(False)  # noqa: FBT003  hypothesis' own interface
        raise


# --- keys ----------------------------------------------------------------------------------------------------


@given(ciphers, keys, st.binary(max_size=64))
def test_decrypting_undoes_encrypting(cipher: Cipher, key: bytes, data: bytes) -> None:
    blocks = data[: len(data) // cipher.block * cipher.block]
    assert cipher.decrypt(key, cipher.encrypt(key, blocks)) == blocks


@given(ciphers, keys, st.lists(factors, min_size=1, max_size=2))
def test_a_diversified_key_is_a_key_again(cipher: Cipher, master: bytes, levels: list[bytes]) -> None:
    key = cipher.diversify(master, *levels)
    assert len(key) == len(master)
    assert key != master


@given(ciphers, keys, trades)
def test_session_keys_are_of_one_block_and_proofs_of_four_bytes(cipher: Cipher, key: bytes, trade: Trade) -> None:
    session = cipher.session_key(key, trade)
    assert len(session) == cipher.block
    assert {len(cipher.mac1(session, trade)), len(cipher.mac2(session, trade)), len(cipher.tac(key, trade))} == {4}


# --- the sealed file -----------------------------------------------------------------------------------------


@given(ciphers, keys, st.binary(max_size=200), st.data())
def test_a_sealed_file_comes_back(cipher: Cipher, key: bytes, file: bytes, data: st.DataObject) -> None:
    secured = SecureFile(data.draw(st.binary(min_size=cipher.block, max_size=cipher.block)), file)
    assert unseal(cipher, key, seal(cipher, key, secured)) == secured


@given(keys, st.binary(min_size=1, max_size=79), factors, st.data())
def test_a_flipped_bit_of_file_or_authenticator_shows(
    key: bytes, file: bytes, random: bytes, data: st.DataObject
) -> None:
    secured = SecureFile(authenticator(key, file, random), file)
    assert is_authentic(TDES, key, secured, random)
    whole = bytearray(secured.authenticator + file)
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    flipped = SecureFile(bytes(whole[:8]), bytes(whole[8:]))
    assert is_authentic(TDES, key, flipped, random) is False


@given(ciphers, st.binary(max_size=96))
def test_clear_blocks_are_a_file_or_an_error(cipher: Cipher, clear: bytes) -> None:
    try:
        secured = SecureFile.decode(cipher, clear)
    except MessageError:
        return
    assert clear.startswith(secured.encode(cipher)[: 1 + cipher.block + len(secured.file)])


# --- commands and answers ------------------------------------------------------------------------------------


@given(commands)
def test_what_decodes_as_a_command_comes_back(data: bytes) -> None:
    found = command(data)
    assert found.encode() == data
    assert found.form in apdu.FORMS


@given(commands, st.binary(max_size=120), st.integers(0, 0xFFFF))
def test_an_answer_comes_back(data: bytes, body: bytes, sw: int) -> None:
    asked = command(data)
    whole = body + sw.to_bytes(2, "big")
    answer = decode_answer(asked, whole)
    assert answer.encode() == whole
    assert answer == decode_answer(asked, answer.encode())
    assert answer.sw == sw


@given(st.sampled_from([form for form in apdu.FORMS if form.answers]), st.data())
def test_every_answer_table_is_reached(form: apdu.Form, data: st.DataObject) -> None:
    header = bytes.fromhex(form.header.replace(".", "0"))
    asked = command(header[:4] + (header[4:] or b"\0"))
    table = data.draw(st.sampled_from(form.answers))
    size = table.size() or 9
    body = data.draw(st.binary(min_size=size, max_size=size))
    assert isinstance(decode_answer(asked, body + b"\x90\0"), Answer)
    assert isinstance(decode_answer(asked, body + b"\x90\0").fields, table)


# --- the software PSAM ---------------------------------------------------------------------------------------


@given(keys, st.lists(commands, max_size=12))
def test_any_commands_get_an_answer_with_a_status_word(key: bytes, asked: list[bytes]) -> None:
    psam = SoftwarePsam(PsamKeys(key, key, key), "013200000042", "00" * 10, 1, random=Random(1).randbytes)
    psam.on(bytes.fromhex("00a4000002df01"))
    for data in asked:
        answer = psam.on(data)
        assert len(answer) >= 2
        assert apdu.status_text(int.from_bytes(answer[-2:], "big")) != "未知状态字 / unknown status word"
        assert answer[-2:] == b"\x90\0" or len(answer) == 2


@given(ciphers, keys, trades, factors, factors)
def test_card_and_psam_always_agree(cipher: Cipher, key: bytes, trade: Trade, issuer: bytes, card: bytes) -> None:
    psam = SoftwarePsam(
        PsamKeys(key, key, key), trade.terminal, "00" * 10, trade.terminal_serial, random=Random(1).randbytes
    )
    psam.on(bytes.fromhex("00a4000002df01"))
    asked = apdu.COUNT_MAC1.command(
        apdu.CountMac1(
            card_random=trade.card_random,
            card_serial=trade.card_serial,
            amount=trade.amount,
            kind=trade.kind,
            at=trade.at,
            key_version=1,
            algorithm=cipher.code,
            card_id=card.hex(),
            issuer_factor=issuer,
        )
    )
    answer = decode_answer(asked, psam.on(asked.encode()))
    session = cipher.session_key(cipher.diversify(key, issuer, card), trade)
    assert answer.fields == apdu.CountMac1Answer(trade.terminal_serial, cipher.mac1(session, trade))
    assert psam.on(apdu.CHECK_MAC2.command(cipher.mac2(session, trade)).encode()) == b"\x90\0"
