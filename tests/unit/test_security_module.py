"""What a security module answers, held against the arithmetic of the standard's own vectors."""

from dataclasses import replace
from random import Random

import pytest

from drivers.security.module import (
    AuthoriseAsked,
    Authorised,
    DecryptAsked,
    Decrypted,
    InRsu,
    Mac1,
    Mac1Asked,
    Question,
    Refused,
    Remote,
    Software,
)
from protocols.obu.files import SystemInfo26
from protocols.obu.keys import SM4, TDES, Cipher, SecureFile, Trade, issuer_factor, seal
from protocols.obu.psam import PsamKeys, SoftwarePsam

KEYS = PsamKeys(
    vehicle=bytes(range(0x10, 0x20)), purchase=bytes(range(0x20, 0x30)), authorisation=bytes(range(0x40, 0x50))
)
TERMINAL = "013200000042"
SYSTEM = SystemInfo26("bdadcbd532010001", 1, 0x10, "3201000000004242", "20240101", "20491231")
VEHICLE = bytes(range(79))
AUTHORISE = AuthoriseAsked(TERMINAL, "32010000000000000042", 1, 0, "00" * 8, "0102030405060708")


def software() -> Software:
    return Software(SoftwarePsam(KEYS, TERMINAL, "32010000000000000042", 0x101, random=Random(1).randbytes))


def sealed(cipher: Cipher, file: bytes = VEHICLE) -> DecryptAsked:
    key = cipher.diversify(KEYS.vehicle, issuer_factor(SYSTEM.issuer), bytes.fromhex(SYSTEM.contract))
    text = seal(cipher, key, SecureFile(bytes(cipher.block), file))
    return DecryptAsked("02f7d593", SYSTEM, bytes(28), cipher.code, text)


def purchase(cipher: Cipher) -> Mac1Asked:
    return Mac1Asked(
        issuer=SYSTEM.issuer,
        card_id="0123456789012345",
        card_random=b"\1\2\3\4",
        card_serial=0x6F,
        fen=500,
        at="20241126203005",
        kind=9,
        key_type=cipher.code,
        terminal=TERMINAL,
    )


QUESTIONS: tuple[Question, ...] = (AUTHORISE, sealed(TDES), purchase(TDES))


@pytest.mark.parametrize("question", QUESTIONS)
def test_who_has_the_keys_in_the_antenna_is_not_asked(question: Question) -> None:
    answer = InRsu().ask(question)
    assert isinstance(answer, Refused)
    assert "security" in answer.reason


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_platform_answers_later(question: Question) -> None:
    assert Remote().ask(question) is None


def test_software_authorises_as_its_psam_expects() -> None:
    assert software().ask(AUTHORISE) == Authorised(
        TDES.encrypt(KEYS.authorisation, bytes.fromhex("0102030405060708")).hex()
    )


@pytest.mark.parametrize("random", ["01", "no hex at all!!!"])
def test_a_random_that_is_none_is_refused(random: str) -> None:
    assert isinstance(software().ask(replace(AUTHORISE, random=random)), Refused)


@pytest.mark.parametrize(("cipher", "size"), [(TDES, 88), (SM4, 96)])
def test_software_opens_a_vehicle_file(cipher: Cipher, size: int) -> None:
    asked = sealed(cipher)
    assert len(asked.cipher) == size
    assert software().ask(asked) == Decrypted(VEHICLE, 0, TERMINAL)


def test_a_file_of_another_tag_or_length_is_refused() -> None:
    asked = sealed(TDES)
    other = replace(asked, system=replace(SYSTEM, contract="3201000000004243"))
    for wrong in (other, sealed(TDES, bytes(59)), replace(asked, cipher=b"123"), replace(asked, key_type=7)):
        assert isinstance(software().ask(wrong), Refused)


@pytest.mark.parametrize("cipher", [TDES, SM4])
def test_software_makes_mac1_and_uses_up_a_serial(cipher: Cipher) -> None:
    module, asked = software(), purchase(cipher)
    first, second = module.ask(asked), module.ask(asked)
    trade = Trade(
        card_random=asked.card_random,
        card_serial=asked.card_serial,
        terminal=TERMINAL,
        terminal_serial=0x101,
        amount=500,
        kind=9,
        at=asked.at,
    )
    key = cipher.diversify(KEYS.purchase, issuer_factor(asked.issuer), bytes.fromhex(asked.card_id))
    assert first == Mac1(cipher.mac1(cipher.session_key(key, trade), trade), 0x101)
    assert isinstance(second, Mac1)
    assert second.terminal_serial == 0x102


def test_mac1_for_another_terminal_is_refused_and_uses_up_nothing() -> None:
    module = software()
    assert isinstance(module.ask(replace(purchase(TDES), terminal="013200000043")), Refused)
    answer = module.ask(purchase(TDES))
    assert isinstance(answer, Mac1)
    assert answer.terminal_serial == 0x101


def test_an_unauthorised_psam_refuses_with_its_status_word() -> None:
    psam = SoftwarePsam(KEYS, TERMINAL, "0" * 20, 1, random=Random(1).randbytes, authorised=False)
    answer = Software(psam).ask(sealed(TDES))
    assert isinstance(answer, Refused)
    assert answer.reason.startswith("diversify: ")
