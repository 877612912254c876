"""The software PSAM and the MACs against whole trades of an antenna's own firmware, and published card commands.

antenna-transcripts.tsv: the firmware github leizi163163/test run on a host against a simulated tag, card and PSAM,
line by line. All keys and numbers in it are made up; they stand below. dsrc-frames.tsv names a source per row.
"""

import csv
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from protocols.codec import Record
from protocols.obu import apdu
from protocols.obu.apdu import Command, decode_answer, decode_command
from protocols.obu.files import File0015, File0019, PassengerFile, SystemInfo27, VehicleFile59
from protocols.obu.keys import TDES, SecureFile, Trade, is_authentic, issuer_factor, unseal
from protocols.obu.psam import PsamKeys, SoftwarePsam

HERE = Path(__file__).parent

KEYS = PsamKeys(vehicle=bytes(range(0x10, 0x20)), purchase=bytes(range(0x20, 0x30)), authorisation=bytes(16))
TAC_MASTER = bytes(range(0x30, 0x40))
TERMINAL = "013200000042"
ISSUER = issuer_factor("bdadcbd532010001")
CONTRACT = bytes.fromhex("3201000000004242")
CARD = bytes.fromhex("0123456789012345")


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as table:
        return list(csv.DictReader(table, delimiter="\t"))


# --- the antenna's trades ------------------------------------------------------------------------------------

TRANSCRIPTS = rows("antenna-transcripts.tsv")
SCENARIOS = sorted({row["scenario"] for row in TRANSCRIPTS})
TRADES = ("exit-normal", "exit-zero-fee", "entry-write-0019", "low-battery", "debit-answer-lost-then-C8")


def lines(scenario: str, link: str) -> list[tuple[str, bytes]]:
    return [
        (row["direction"], bytes.fromhex(row["hex"]))
        for row in TRANSCRIPTS
        if row["scenario"] == scenario and row["link"] == link
    ]


def psam_dialogue(scenario: str) -> list[tuple[bytes, bytes]]:
    said = lines(scenario, "psam")
    assert [way for way, _ in said] == ["to PSAM", "from PSAM"] * (len(said) // 2)
    return [(said[at][1], said[at + 1][1]) for at in range(0, len(said), 2)]


def chip_dialogue(scenario: str) -> Iterator[tuple[Command, bytes]]:
    """Commands through TransferChannel and their answers (gbt20851 3.1); a lost answer leaves its command out."""
    asked: list[bytes] = []
    for _, data in lines(scenario, "air"):
        if b"\x91\x05\x01\x03\x18" in data[6:11]:
            asked = parts(data[11:])
        if b"\x91\x18\x01\x19" in data[7:11]:
            for command, answer in zip(asked, parts(data[11:-1]), strict=True):
                yield decode_command(command), answer


def parts(data: bytes) -> list[bytes]:
    """Channel, count, then length and bytes of each."""
    found, at = [], 2
    for _ in range(data[1]):
        found.append(data[at + 1 : at + 1 + data[at]])
        at += 1 + data[at]
    assert at == len(data)
    return found


def first_terminal_serial(scenario: str) -> int:
    """Serials run on from scenario to scenario."""
    for command, answer in psam_dialogue(scenario):
        fields = decode_answer(decode_command(command), answer).fields
        if isinstance(fields, apdu.CountMac1Answer):
            return fields.terminal_serial
    return 0x101


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_software_psam_answers_as_recorded(scenario: str) -> None:
    psam = SoftwarePsam(
        KEYS,
        TERMINAL,
        "32010000000000000042",
        first_terminal_serial(scenario),
        random=Random(1).randbytes,
        authorised=scenario != "psam-not-authorised",
    )
    dialogue = psam_dialogue(scenario)
    assert len(dialogue) >= 5
    for command, answer in dialogue:
        assert psam.on(command).hex() == answer.hex(), decode_command(command).title


def test_the_recordings_hold_what_they_should() -> None:
    names = [decode_command(command).name for scenario in TRADES for command, _ in psam_dialogue(scenario)]
    assert names.count("mac1") == names.count("decipher") == 5
    assert names.count("mac2") == 4  # the lost answer has none
    assert [first_terminal_serial(scenario) for scenario in TRADES] == [0x101, 0x102, 0x103, 0x105, 0x106]
    refused = [answer for _, answer in psam_dialogue("psam-not-authorised")]
    assert refused[-1].hex() == "6985"


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_command_and_answer_of_the_recordings_has_a_name_and_fields(scenario: str) -> None:
    chip = list(chip_dialogue(scenario))
    for command, answer in [*chip, *((decode_command(asked), said) for asked, said in psam_dialogue(scenario))]:
        found = decode_answer(command, answer)
        assert command.name not in ("unknown", "read-binary", "read-record")
        assert found.encode() == answer
        # Only the deciphered file has no table of its own; see SecureFile.
        assert isinstance(found.fields, Record) or not found.fields or command.form is apdu.DECIPHER
    assert {command.name for command, _ in chip} >= ({"balance", "init-purchase"} if scenario in TRADES else set())


def recorded_trade(scenario: str) -> tuple[Trade, list[Record | bytes]]:
    """The purchase as card and PSAM were told of it, and all that the card answered."""
    told = [decode_command(command).fields for command, _ in psam_dialogue(scenario)]
    asked = next(fields for fields in told if isinstance(fields, apdu.CountMac1))
    trade = Trade(
        card_random=asked.card_random,
        card_serial=asked.card_serial,
        terminal=TERMINAL,
        terminal_serial=first_terminal_serial(scenario),
        amount=asked.amount,
        kind=asked.kind,
        at=asked.at,
    )
    return trade, [decode_answer(command, answer).fields for command, answer in chip_dialogue(scenario)]


@pytest.mark.parametrize("scenario", TRADES)
def test_tac_and_mac2_of_the_card_are_ours(scenario: str) -> None:
    trade, answers = recorded_trade(scenario)
    session = TDES.session_key(TDES.diversify(KEYS.purchase, ISSUER, CARD), trade)
    [proof] = [fields for fields in answers if isinstance(fields, (apdu.DebitAnswer, apdu.FetchTacAnswer))]
    assert proof.tac == TDES.tac(TDES.diversify(TAC_MASTER, ISSUER, CARD), trade).hex()
    assert proof.mac2 == TDES.mac2(session, trade)
    assert isinstance(proof, apdu.FetchTacAnswer) is (scenario == "debit-answer-lost-then-C8")


@pytest.mark.parametrize("scenario", TRADES)
def test_mac1_sent_to_the_card_is_the_psams(scenario: str) -> None:
    trade, _ = recorded_trade(scenario)
    session = TDES.session_key(TDES.diversify(KEYS.purchase, ISSUER, CARD), trade)
    frames = [data for way, data in lines(scenario, "air") if way == "down" and data[7:11] == b"\x05\x01\x03\x18"]
    [debit] = [
        command.fields
        for data in frames
        for command in map(decode_command, parts(data[11:]))
        if command.form is apdu.DEBIT
    ]
    assert debit == apdu.Debit(trade.terminal_serial, trade.at, TDES.mac1(session, trade))


def test_the_deciphered_vehicle_file() -> None:
    [clear] = [
        answer[:-2]
        for command, answer in psam_dialogue("exit-normal")
        if decode_command(command).form is apdu.DECIPHER
    ]
    secured = SecureFile.decode(TDES, clear)
    file = PassengerFile.decode(secured.file)
    assert (file.plate, file.color, file.vehicle_class, file.seats) == ("苏B12345", 0, 1, 5)
    key = TDES.diversify(KEYS.vehicle, ISSUER, CONTRACT)
    random = bytes.fromhex("1122334455667788")  # RndRSU of the GetSecure.rq on the air
    assert is_authentic(TDES, key, secured, random)
    assert is_authentic(TDES, key, secured, bytes(8)) is False


def test_system_information_in_the_vst() -> None:
    vst = next(data for way, data in lines("tag-removed", "air") if way == "up")
    at = vst.index(bytes.fromhex("27bdadcbd5")) + 1
    info = SystemInfo27.decode(vst[at : at + 27])
    assert (info.contract, info.issued, info.expires) == ("3201000000004242", "20240101", "20340101")
    assert info.tamper == 0 == vst[-1]


# --- published commands --------------------------------------------------------------------------------------

ROWS = rows("dsrc-frames.tsv")
PUBLISHED = {row["type"]: row for row in ROWS if row["layer"] == "ICC/PSAM/ESAM APDU"}


def published(name: str) -> bytes:
    return bytes.fromhex(PUBLISHED[name]["hex"])


def answered(command: str, answer: str) -> Record | bytes:
    found = decode_answer(decode_command(bytes.fromhex(command)), published(answer))
    assert found.text == "成功 / done"
    return found.fields


def test_every_published_row_is_looked_at() -> None:
    assert set(PUBLISHED) == {
        "update CAPP data cache 0019",
        "read 0015 (43 bytes) response",
        "initialise CAPP purchase",
        "initialise response",
        "debit",
        "debit response",
        "decrypted GetSecure payload, 3DES, 59-byte file",
        "TEST VECTOR GetSecure 3DES block",
    }


def test_published_update_of_0019() -> None:
    fields = decode_command(published("update CAPP data cache 0019")).fields
    assert isinstance(fields, File0019)
    assert (fields.tag, fields.length, fields.entry_net, fields.entry_station) == (0xAA, 0x29, "0026", "0431")


def test_published_0015() -> None:
    fields = answered("00b095002b", "read 0015 (43 bytes) response")
    assert isinstance(fields, File0015)
    assert (fields.net, fields.card_id, fields.starts) == ("0123", "1122334455667788", "20010101")


def test_published_purchase() -> None:
    asked = decode_command(published("initialise CAPP purchase"))
    assert asked.fields == apdu.InitPurchase(key_index=1, amount=200, terminal="200041599997")
    assert answered(asked.encode().hex(), "initialise response") == apdu.InitPurchaseAnswer(
        balance=0x000162AF,
        card_serial=0x36,
        overdraft=0x000320,
        key_version=1,
        algorithm=0,
        random=bytes.fromhex("84176ad7"),
    )
    debit = decode_command(published("debit"))
    assert debit.fields == apdu.Debit(0x57, "20180313164329", bytes.fromhex("66cbc863"))
    assert answered(debit.encode().hex(), "debit response") == apdu.DebitAnswer(
        "c630c2c8", bytes.fromhex("abcc913b")
    )


def test_published_clear_block() -> None:
    clear = bytes.fromhex(next(row["hex"] for row in PUBLISHED.values() if row["direction"] == "ESAM clear block"))
    secured = SecureFile.decode(TDES, clear)
    assert secured.authenticator.hex() == "288c47b50805ff02"
    assert secured.encode(TDES) == clear
    file = VehicleFile59.decode(secured.file)
    assert (file.plate, file.color, file.vehicle_class, file.user_type) == ("粤A25436", 1, 1, 2)
    assert file.engine.startswith(b"BBB\0")


def test_sealed_file_under_a_made_up_key() -> None:
    key = TDES.diversify(KEYS.vehicle, issuer_factor("b9e3b6ab"), bytes.fromhex("1122334455667788"))
    random = bytes.fromhex("db46d54625901243")
    cipher = published("TEST VECTOR GetSecure 3DES block")
    secured = unseal(TDES, key, cipher)
    assert VehicleFile59.decode(secured.file).plate == "粤A12345"
    assert secured.authenticator.hex() == "13826ab832f340b4"
    assert is_authentic(TDES, key, secured, random)
    assert is_authentic(TDES, key, secured, random[:-1] + b"\x42") is False
    flipped = cipher[:20] + bytes((cipher[20] ^ 1,)) + cipher[21:]
    assert is_authentic(TDES, key, unseal(TDES, key, flipped), random) is False


def test_commands_inside_published_frames() -> None:
    channels = [bytes.fromhex(row["hex"])[11:] for row in ROWS if row["type"] == "TransferChannel.rq"]
    sound = [data for data in channels if b"\x80\x54\x01\0\x0f\0\0\x06\xc6" not in data]  # its count byte is wrong
    assert [[decode_command(command).name for command in parts(data)] for data in sound] == [
        ["read-0019", "balance"],
        ["debit"],
        ["fetch-tac"],
        ["balance", "read-binary", "read-0019"],
        ["read-0015"],
        ["select", "read-binary", "select", "unknown", "read-binary"],
        ["select", "read-ef04"],
    ]


def test_psam_commands_on_a_published_pc_link() -> None:
    frames = {
        row["notes"].partition(";")[0]: bytes.fromhex(row["hex"]) for row in ROWS if "PSAM APDU" in row["type"]
    }
    terminal = decode_command(frames["read PSAM terminal number"][7:-2])
    assert terminal.form is apdu.READ_TERMINAL
    answer = decode_answer(terminal, frames["terminal number 131000000001"][7:-2])
    assert answer.fields == apdu.TerminalNumber("131000000001")
    select = apdu.SELECT.command(apdu.Select("df01"))
    assert decode_answer(select, frames["select DF01 FCI"][7:-2]).text == "成功 / done"
