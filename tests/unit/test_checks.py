"""May this tag pass, and may this amount be taken: each refusal by itself, dates inclusive at both ends."""

from dataclasses import replace
from datetime import date

import pytest

from drivers.ports import TagRead
from gateway.lane import checks
from gateway.lane.checks import Refusal
from protocols.obu.values import CREDIT, STORED_VALUE, Card, Tag, Vehicle

FIRST, LAST = date(2024, 3, 1), date(2026, 3, 1)
BEFORE, AFTER, BETWEEN = date(2024, 2, 29), date(2026, 3, 2), date(2025, 1, 1)
WIDE = date(2000, 1, 1), date(2099, 12, 31)

TAG = Tag("652bc7a3", "c9bdb6ab37010001", "3701012023109155", *WIDE)
VEHICLE = Vehicle("测A12345", 0, 1)
CARD = Card("37010000000000000001", "c9bdb6ab37010001", CREDIT, 16, *WIDE, "测A12345", 10_000, bytes(43))


def read(tag: Tag = TAG, card: Card | None = CARD, vehicle: Vehicle | None = VEHICLE) -> TagRead:
    return TagRead("rsu1", 1, tag, vehicle, card)


def test_a_sound_tag_is_dealt_with() -> None:
    assert checks.unfit(read(), BETWEEN) is None


@pytest.mark.parametrize(
    ("flags", "refusal"),
    [
        ({"removed": True}, checks.REMOVED),
        ({"locked": True}, checks.LOCKED),
        ({"has_card": False}, checks.NO_CARD),
        ({"card_error": True}, checks.CARD_ERROR),
        ({"removed": True, "locked": True, "has_card": False, "card_error": True}, checks.REMOVED),
        ({"locked": True, "has_card": False}, checks.LOCKED),
        ({"low_battery": True}, None),
    ],
)
def test_flags_of_the_tag(flags: dict[str, bool], refusal: Refusal | None) -> None:
    assert checks.unfit(read(replace(TAG, **flags)), BETWEEN) == refusal


def test_a_card_that_says_of_itself_that_it_is_listed() -> None:
    """The antenna keeps a list of its own; all else comes before it."""
    listed = replace(CARD, listed=True)
    assert checks.unfit(read(card=listed), BETWEEN) == checks.LISTED
    assert checks.unfit(read(card=replace(listed, plate="测A12346")), BETWEEN) == checks.PLATE


@pytest.mark.parametrize("part", [{"card": None}, {"vehicle": None}, {"card": None, "vehicle": None}])
def test_a_tag_read_in_part_is_unreadable(part: dict[str, None]) -> None:
    assert checks.unfit(read(**part), BETWEEN) == checks.UNREADABLE


def test_what_the_tag_says_of_itself_comes_before_what_could_not_be_read() -> None:
    assert checks.unfit(read(replace(TAG, removed=True), None, None), BETWEEN) == checks.REMOVED


@pytest.mark.parametrize("plate", ["", "  ", "京\udcb2\udce2", "京A\n1234"])
def test_a_plate_that_names_no_vehicle(plate: str) -> None:
    assert checks.unfit(read(vehicle=replace(VEHICLE, plate=plate)), BETWEEN) == checks.NO_PLATE


@pytest.mark.parametrize(
    ("today", "of_the_tag", "of_the_card"),
    [
        (BEFORE, checks.TAG_NOT_STARTED, checks.CARD_NOT_STARTED),
        (FIRST, None, None),
        (LAST, None, None),
        (AFTER, checks.TAG_EXPIRED, checks.CARD_EXPIRED),
    ],
)
def test_dates_count_inclusive_of_both_ends(
    today: date, of_the_tag: Refusal | None, of_the_card: Refusal | None
) -> None:
    assert checks.unfit(read(replace(TAG, issued=FIRST, expires=LAST)), today) == of_the_tag
    assert checks.unfit(read(card=replace(CARD, starts=FIRST, expires=LAST)), today) == of_the_card


def test_while_the_clock_is_not_trusted_no_date_is_held_against_anybody() -> None:
    over = replace(TAG, issued=None, expires=FIRST)
    assert checks.unfit(read(over, replace(CARD, starts=AFTER, expires=None)), None) is None
    assert checks.unfit(read(replace(over, removed=True)), None) == checks.REMOVED
    assert checks.unfit(read(over, replace(CARD, plate="测A12346")), None) == checks.PLATE


@pytest.mark.parametrize(
    ("tag", "card", "refusal"),
    [
        ({"issued": None}, {}, checks.TAG_NOT_STARTED),
        ({"expires": None}, {}, checks.TAG_EXPIRED),
        ({}, {"starts": None}, checks.CARD_NOT_STARTED),
        ({}, {"expires": None}, checks.CARD_EXPIRED),
    ],
)
def test_a_date_that_no_calendar_knows_is_no_validity(
    tag: dict[str, None], card: dict[str, None], refusal: Refusal
) -> None:
    assert checks.unfit(read(replace(TAG, **tag), replace(CARD, **card)), BETWEEN) == refusal


@pytest.mark.parametrize(
    ("issuer", "refusal"),
    [
        ("c9bdb6ab99999999", None),  # the first four bytes count
        ("c9bdb6ac37010001", checks.ISSUER),
        ("00000000" + "37010001", checks.ISSUER),
        ("0" * 16, None),  # a card that names none
    ],
)
def test_issuer_of_card_and_tag(issuer: str, refusal: Refusal | None) -> None:
    assert checks.unfit(read(card=replace(CARD, issuer=issuer)), BETWEEN) == refusal


@pytest.mark.parametrize(("plate", "refusal"), [("测A12345", None), ("", None), ("测A12346", checks.PLATE)])
def test_plate_of_card_and_tag(plate: str, refusal: Refusal | None) -> None:
    assert checks.unfit(read(card=replace(CARD, plate=plate)), BETWEEN) == refusal


@pytest.mark.parametrize(
    ("kind", "balance", "fen", "refusal"),
    [
        (STORED_VALUE, 500, 500, None),
        (STORED_VALUE, 499, 500, checks.BALANCE),
        (CREDIT, 0, 500, None),
        (CREDIT, 4_194_967_091, 500, None),
        (STORED_VALUE, 10_000, 1000, None),
        (STORED_VALUE, 10_000, 1001, checks.CEILING),
        (CREDIT, 10_000, 1001, checks.CEILING),
        (STORED_VALUE, 0, 1001, checks.CEILING),
    ],
)
def test_what_may_be_taken_from_a_card(kind: int, balance: int, fen: int, refusal: Refusal | None) -> None:
    assert checks.undebitable(replace(CARD, kind=kind, balance=balance), fen, ceiling=1000) == refusal


def test_every_refusal_has_a_code_of_its_own_and_words_in_both_languages() -> None:
    refusals = [value for value in vars(checks).values() if isinstance(value, Refusal)]
    assert len({refusal.code for refusal in refusals}) == len(refusals) > 15
    for refusal in refusals:
        assert refusal.zh
        assert not refusal.zh.isascii()
        assert refusal.en
        assert refusal.en.isascii()
        assert refusal.code.isascii()
