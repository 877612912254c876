"""What the ledger says of cards that must not be debited, and of permits."""

from datetime import date, datetime

from gateway.ledger.entries import Body, Booted, CardListed, Draft, Moment, PermitGranted, PermitWithdrawn
from gateway.ledger.lists import Lists
from gateway.tariff.quote import Permit
from protocols.china import CHINA

NOW = Moment(datetime(2026, 11, 21, 12, tzinfo=CHINA), 1000.0, "boot", trusted=True)
CAR, OTHER = ("测A12345", 1), ("测A12345", 0)


def lists(*bodies: Body, begin: Lists | None = None) -> Lists:
    found = begin or Lists()
    for body in bodies:
        found.apply(Draft(NOW, "", body))
    return found


def listed(card: str, *, on: bool = True) -> CardListed:
    return CardListed(card, on, "city", "lost")


def granted(
    permit: str = "m1", vehicle: tuple[str, int] = CAR, kind: str = "month", last: str = ""
) -> PermitGranted:
    return PermitGranted(permit, *vehicle, kind, "2026-11-01", last, "office")


def test_a_card_is_listed_until_it_is_taken_off() -> None:
    found = lists(listed("1"), listed("2"))
    assert found.cards == {"1", "2"}
    lists(listed("1", on=False), listed("3", on=False), begin=found)
    assert found.cards == {"2"}


def test_a_permit_is_its_vehicles_with_its_days() -> None:
    found = lists(
        granted(last="2026-11-30"), granted("m2", kind="berth"), granted("m3", OTHER), Booted("1", "c", "t")
    )
    first = date(2026, 11, 1)
    assert found.permits(CAR) == (Permit("month", first, date(2026, 11, 30)), Permit("berth", first))
    assert found.permits(OTHER) == (Permit("month", first),)
    assert found.permits(("测B1", 1)) == ()
    assert lists(PermitGranted("m1", *CAR, "month", "", "", "office")).permits(CAR) == (Permit("month"),)


def test_a_permit_that_is_withdrawn_is_nobodys() -> None:
    found = lists(granted(), granted("m2", kind="berth"), PermitWithdrawn("m1", "office", "moved"))
    assert [permit.kind for permit in found.permits(CAR)] == ["berth"]
    lists(PermitWithdrawn("m1", "office", "again"), PermitWithdrawn("m9", "office", "never granted"), begin=found)
    assert [permit.kind for permit in found.permits(CAR)] == ["berth"]


def test_a_permit_granted_anew_is_what_it_is_now() -> None:
    """Another vehicle's, or of another kind: not both."""
    found = lists(granted(), granted("m1", OTHER, "berth"))
    assert found.permits(CAR) == ()
    assert [permit.kind for permit in found.permits(OTHER)] == ["berth"]


def test_what_is_granted_is_known_by_its_name_and_its_terms() -> None:
    found = lists(granted(last="2026-11-30"), granted("m2"), PermitWithdrawn("m2", "office", "moved"))
    terms = Permit("month", date(2026, 11, 1), date(2026, 11, 30))
    assert [found.is_granted(permit) for permit in ("m1", "m2", "m9")] == [True, False, False]
    assert found.has("m1", CAR, terms)
    assert not found.has("m1", OTHER, terms)
    assert not found.has("m1", CAR, Permit("month", date(2026, 11, 1)))
    assert not found.has("m2", CAR, Permit("month", date(2026, 11, 1)))
