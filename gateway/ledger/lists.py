"""What the ledger says of cards that must not be debited, and of permits. Pure."""

from dataclasses import dataclass, field
from datetime import date

from gateway.ledger.entries import CardListed, Draft, PermitGranted, PermitWithdrawn
from gateway.tariff.quote import Permit

Vehicle = tuple[str, int]
"""Plate and colour: the same plate in another colour is another vehicle (domain 6.3)."""
UNKNOWN_CLASS = 0
"""Where only the plate of a vehicle was read: no code of a class (rsu-protocol 8.4)."""
UNKNOWN_COLOR = 255
"""Where only the letters of a plate were read: no code of a colour (rsu-protocol 8.4)."""


@dataclass(slots=True)
class Lists:
    """`cards` are the numbers on the status list."""

    cards: set[str] = field(default_factory=set)
    _permits: dict[Vehicle, dict[str, Permit]] = field(default_factory=dict)
    _holders: dict[str, Vehicle] = field(default_factory=dict)

    def permits(self, vehicle: Vehicle) -> tuple[Permit, ...]:
        """What this vehicle holds, valid or not."""
        return tuple(self._permits.get(vehicle, {}).values())

    def is_granted(self, permit: str) -> bool:
        """Whether this permit has been granted and not withdrawn."""
        return permit in self._holders

    def has(self, permit: str, vehicle: Vehicle, terms: Permit) -> bool:
        """Whether this very permit is known already."""
        return self._permits.get(vehicle, {}).get(permit) == terms

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        match draft.body:
            case CardListed(card, on):
                (self.cards.add if on else self.cards.discard)(card)
            case PermitGranted(permit, plate, color, kind, first, last):
                self._withdraw(permit)  # granted anew, it may be another vehicle's
                self._holders[permit] = plate, color
                self._permits.setdefault((plate, color), {})[permit] = Permit(kind, _day(first), _day(last))
            case PermitWithdrawn(permit):
                self._withdraw(permit)
            case _:
                pass

    def _withdraw(self, permit: str) -> None:
        if holder := self._holders.pop(permit, None):
            del self._permits[holder][permit]


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
