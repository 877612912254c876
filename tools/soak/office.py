"""The people behind the platform: they take money by phone, decide at the desk, and clear what was left open."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any, Final

from tools.soak.clock import BEGAN, Clock, Process
from tools.soak.platform import Platform

PAYS: Final = 0.7
"""The share of drivers who pay when asked to."""
SAID_AGAIN: Final = 90.0
"""Seconds after which a payment that the gateway has not confirmed is told once more."""
CALLS_BACK: Final = 20.0
"""Seconds after which an order to open that could not be delivered is no use any more, and says so."""
GIVEN_UP: Final = 40
"""How often a payment is told."""


@dataclass(frozen=True, slots=True)
class Payment:
    """Fen paid by phone for a stay, which the gateway has been told since then."""

    stay: str
    fen: int
    at: float


@dataclass(slots=True)
class Office:
    """Reads what the platform is told, and orders. `made` tells whether a debit was really made."""

    clock: Clock
    rng: Random
    platform: Platform
    made: Callable[[str], bool]
    count: Callable[[str], None]
    paid: dict[str, Payment] = field(default_factory=dict)
    """Payments by phone, by their id."""
    confirmed: set[str] = field(default_factory=set)

    def booked(self, entry: dict[str, Any]) -> None:
        """The platform has a new entry."""
        body = entry["body"]
        match entry["kind"]:
            case "payment.asked" if self.rng.random() < PAYS:
                self.clock.after(self.rng.uniform(3, 30), lambda: self.pay(body["stay"], body["fen"]))
            case "payment.made":
                self.confirmed.add(body["payment"])
            case "refund.due":
                who = {"refund": body["refund"], "actor": "desk", "reason": "paid twice"}
                self.clock.after(self.rng.uniform(60, 7200), lambda: self.platform.order("refund.made", who))
            case "debit.unresolved":
                self.clock.after(self.rng.uniform(600, 36000), lambda: self._clear(body["intent"]))
            case _:
                pass

    def pay(self, stay: str, fen: int) -> None:
        """A driver pays by phone; the gateway is told until it confirms."""
        payment = f"phone-{len(self.paid) + 1}"
        self.paid[payment] = Payment(stay, fen, self.clock.now)
        self.count("payment by phone")
        self.clock.begin(self._tell(payment))

    def let_through(self, lane: str, plate: str) -> None:
        """The person at the desk opens for who has called."""
        until = BEGAN + timedelta(seconds=self.clock.now + CALLS_BACK)
        order = {"lane": lane, "actor": "desk", "reason": "the driver called", "until": until.isoformat()}
        order = {**order, "plate": plate} if self.rng.random() < 0.5 else order
        self.platform.order("lane.open", order)

    def _tell(self, payment: str) -> Process:
        paid = self.paid[payment]
        order = {"payment": payment, "stay": paid.stay, "fen": paid.fen, "channel": "phone"}
        for _ in range(GIVEN_UP):
            self.platform.order("payment", order)
            yield SAID_AGAIN
            if payment in self.confirmed:
                return

    def _clear(self, intent: str) -> None:
        """Somebody has asked the clearing house."""
        self.count("debit cleared by hand")
        order = {"intent": intent, "made": self.made(intent), "actor": "clearing", "reason": "asked"}
        self.platform.order("debit.resolve", order)
