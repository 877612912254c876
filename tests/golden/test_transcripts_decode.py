"""The PC's link in recorded trades of an antenna's own firmware, against bcc2019: read, made, said in our words.

antenna-transcripts.tsv: github leizi163163/test, its firmware run on a host against a simulated tag, card and PSAM.
The PC's side was played by hand after rsu-protocol 2 and 3, with an arbitrary clock in C0. All values are made up.
"""

import csv
from collections import Counter
from datetime import datetime
from pathlib import Path

import pytest

from protocols.codec import plain
from protocols.rsu.dialect import load
from protocols.rsu.framing import Frame
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import (
    CHINA,
    Contents,
    Failed,
    FetchTac,
    GoOn,
    Init,
    Order,
    Purchase,
    Result,
    Status,
    Stop,
    TagSeen,
)

BCC2019 = load("bcc2019")


def lines() -> list[tuple[str, int, str, bytes]]:
    with (Path(__file__).parent / "antenna-transcripts.tsv").open(encoding="utf-8", newline="") as table:
        return [
            (row["scenario"], int(row["n"]), row["direction"], bytes.fromhex(row["hex"]))
            for row in csv.DictReader(table, delimiter="\t")
            if row["link"] == "rsu-pc"
        ]


LINES = lines()
EVERY_LINE = pytest.mark.parametrize(
    ("direction", "raw"), [pytest.param(*line[2:], id=f"{line[0]}-{line[1]}") for line in LINES]
)


def frame_in(raw: bytes) -> Frame:
    (frame,) = BCC2019.framing.framer().feed(raw)
    assert isinstance(frame, Frame)
    assert frame.raw == raw
    return frame


def message_in(raw: bytes) -> Message:
    return BCC2019.decode(frame_in(raw).data)


@EVERY_LINE
def test_a_line_is_read_and_made_byte_for_byte(direction: str, raw: bytes) -> None:
    frame, message = frame_in(raw), message_in(raw)
    assert BCC2019.direction(message) == direction
    assert to_data(message) == frame.data
    assert BCC2019.framing.encode(frame.sequence, to_data(message)) == raw


def test_the_recordings_hold_every_stage_of_a_trade() -> None:
    tables = Counter(type(message_in(raw)).__name__ for *_, raw in LINES)
    assert tables == {
        "C0": 9,
        "B0": 9,
        "C1Bare": 26,
        "B2Long": 11,
        "C2": 4,
        "B3": 7,
        "B4": 5,
        "C6": 5,
        "B5": 6,
        "C8": 1,
    }


# What the PC says, in our words: C1, C2 and C8 take theirs from the OBUID, C6 what the card shall be charged.
AT = datetime(2024, 11, 26, 20, 30, 5, tzinfo=CHINA)
ENTERED = "32010a01016745b0000103000000000000000000cbd542313233343500000000000501ffff000000"
STATIONS = {"entry-write-0019": bytes.fromhex("aa2900" + ENTERED)}
FEN = {"exit-normal": 500, "exit-zero-fee": 0, "entry-write-0019": 0, "low-battery": 1500}


def said(scenario: str, message: Message) -> Order:
    obu_id = plain(message)["obu_id"]
    match message.COMMAND:
        case 0xC1:
            return GoOn(obu_id, "bdadcbd532010001")
        case 0xC2:
            return Stop(obu_id, AT)
        case 0xC8:
            return FetchTac(obu_id, 0)
        case _:
            station = STATIONS.get(scenario, bytes.fromhex("aa2900") + bytes(40))
            return Purchase(obu_id, "bdadcbd532010001", FEN.get(scenario, 500), AT, station)


@pytest.mark.parametrize(
    ("scenario", "before", "raw"),
    [
        pytest.param(line[0], LINES[at - 1][3], line[3], id=f"{line[0]}-{line[1]}")
        for at, line in enumerate(LINES)
        if line[2] == "PC->RSU" and line[1] != 1
    ],
)
def test_what_the_pc_said_is_what_we_say_to_the_same_frame(scenario: str, before: bytes, raw: bytes) -> None:
    word = said(scenario, message_in(raw))
    sequence = BCC2019.framing.reply(frame_in(before).sequence, 0)
    assert BCC2019.framing.encode(sequence, BCC2019.encode(word)).hex() == raw.hex()


@pytest.mark.parametrize("raw", [line[3] for line in LINES if line[1] == 1])
def test_c0_is_ours_but_for_its_clock(raw: bytes) -> None:
    message = message_in(raw)
    (heard,) = BCC2019.hear(message)
    assert isinstance(heard, Init)
    assert heard.at == datetime(2024, 11, 26, 20, 30, tzinfo=CHINA)
    ours, theirs = BCC2019.encode(heard), to_data(message)
    assert (ours[:1], ours[5:]) == (theirs[:1], theirs[5:])


@pytest.mark.parametrize("raw", [line[3] for line in LINES if line[2] == "RSU->PC"])
def test_the_antenna_uses_the_stated_sequence_per_frame(raw: bytes) -> None:
    frame = frame_in(raw)
    fetched = frame.data[0] == 0xB5 and frame.sequence == 0x68  # the answer to C8
    assert fetched or frame.sequence == BCC2019.sequences[frame.data[0]]


def heard(scenario: str) -> list[object]:
    return [
        word
        for name, _, direction, raw in LINES
        if name == scenario and direction == "RSU->PC"
        for word in BCC2019.hear(message_in(raw))
    ]


def test_an_exit_is_heard_as_it_was() -> None:
    status, seen, vehicle, card, result = heard("exit-normal")
    assert status == Status(0, ("013200000042",), authorised=True, maker=0x46, version="2201")
    assert isinstance(seen, TagSeen)
    assert (seen.tag.obu_id, seen.tag.contract) == ("0a11fe22", "3201000000004242")
    assert (seen.tag.has_card, seen.tag.removed, seen.tag.low_battery) == (True, False, False)
    assert isinstance(vehicle, Contents)
    assert vehicle.vehicle
    assert (vehicle.vehicle.plate, vehicle.vehicle.color, vehicle.vehicle.vehicle_class) == ("苏B12345", 0, 1)
    assert isinstance(card, Contents)
    assert card.card
    assert (card.card.number, card.card.kind, card.card.balance) == ("32010123456789012345", 0x17, 0x0D8F8E)
    assert result == Result("0a11fe22", "", 0x101, 0x6F, "72181894", 9, 0, AT, 0x0D8D9A)
    assert isinstance(result, Result)
    assert result.balance == card.card.balance - 500


@pytest.mark.parametrize(
    ("scenario", "flag"), [("low-battery", "low_battery"), ("tag-removed", "removed"), ("no-card", "has_card")]
)
def test_a_tag_tells_what_is_wrong_with_it(scenario: str, flag: str) -> None:
    seen = next(word for word in heard(scenario) if isinstance(word, TagSeen))
    assert getattr(seen.tag, flag) is (flag != "has_card")


@pytest.mark.parametrize(("scenario", "code"), [("vehicle-read-no-answer", 0x04), ("psam-not-authorised", 0x2E)])
def test_a_vehicle_that_cannot_be_read_is_an_error_of_b3(scenario: str, code: int) -> None:
    assert heard(scenario)[-1] == Failed("0a11fe22", 0xB3, code)


def test_a_lost_answer_brings_an_error_with_the_serial_and_then_the_tac() -> None:
    *_, failed, fetched = heard("debit-answer-lost-then-C8")
    assert isinstance(failed, Failed)
    assert (failed.command, failed.code) == (0xB5, 0x16)
    assert failed.rest
    assert (failed.rest.card_serial, failed.rest.terminal_serial) == (0x6F, 0x106)
    assert isinstance(fetched, Result)
    assert (fetched.card_serial, fetched.tac, fetched.balance) == (0x6F, "3bb17ba3", 0)
