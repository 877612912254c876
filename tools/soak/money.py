"""Money against what really happened: what each stay should have cost, and what was paid by phone.

The price follows from true times alone, whatever the gateway's clock has shown in between (law 10): a vehicle came
before the antenna, and some seconds later its row was in the file; the decision fell in between.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from gateway.tariff.engine import quote
from gateway.tariff.quote import Parked
from gateway.tariff.rules import Tariff
from tools.soak.clock import BEGAN, Clock
from tools.soak.laws import Broken
from tools.soak.office import Payment
from tools.soak.rows import Row, Rows

A_SECOND: Final = 1.0
"""Fractions of a second never count: so much longer or shorter is a stay for its notice."""
UNSEEN: Final = 0.5
"""Seconds of steps of the clock that may be missing in the ledger; real ones are longer."""
ON_THE_WAY: Final = 600.0
"""Seconds until a payment is on record, where broker and gateway are there: it is told again and again."""


@dataclass(frozen=True, slots=True)
class _Here:
    """A vehicle before the arm, and since when."""

    plate: str
    since: float


@dataclass(frozen=True, slots=True)
class _Entered:
    """How a stay began: between which true times, and what `boot`'s clock was wrong by, less recorded steps."""

    plate: str
    earliest: float
    latest: float
    boot: str
    wrong: float


@dataclass(slots=True)
class Money:
    """Checks every row as it comes, and the payments in the end. `priced` counts the prices that were checked."""

    clock: Clock
    tariff: Tariff
    rows: Rows
    priced: int = 0
    _here: dict[str, _Here] = field(default_factory=dict)
    _entered: dict[str, _Entered] = field(default_factory=dict)
    _stepped: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By run: the sum of the steps of the clock that it has recorded."""
    _made: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Payments on record: for which stay, how much."""
    _refused: set[str] = field(default_factory=set)

    def came(self, lane: str, plate: str) -> None:
        """A vehicle stands before this arm from now on."""
        self._here[lane] = _Here(plate, self.clock.now)

    def note(self, row: Row) -> None:
        """A row that is new in the file."""
        body = row.body
        match row.kind:
            case "stay.opened":
                self._note_entry(row)
            case "clock.stepped":
                self._stepped[row.said["boot"]] += body["seconds"]
            case "debit.intended":
                self._check_price(row, body["quote"]["total"])
            case "stay.closed" if body["quote"] and not self._was_debited(body["stay"], body["due"]):
                self._check_price(row, body["due"])
            case "payment.made":
                self._note_payment(body["payment"], body["stay"], body["fen"])
            case "alarm" if body["what"] == "payment for a stay that is not known":
                self._refused.add(body["detail"].partition(":")[0])
            case _:
                pass

    def at_the_end(self, told: Mapping[str, Payment]) -> None:
        """Every payment that the gateway was told of is on record once, as it was made, or was refused aloud."""
        for name, payment in told.items():
            made = self._made.pop(name, None)
            late = payment.at + ON_THE_WAY < self.clock.now
            if made is None and late and name not in self._refused:
                raise Broken(5, f"payment {name} of {payment.fen} fen for stay {payment.stay} is not on record")
            if made not in (None, (payment.stay, payment.fen)):
                raise Broken(5, f"payment {name} of {payment.fen} fen for stay {payment.stay} stands as {made}")
        if self._made:
            raise Broken(5, f"payments on record that nobody made: {' '.join(self._made)}")

    def _note_payment(self, name: str, stay: str, fen: int) -> None:
        if name in self._made:
            raise Broken(5, f"payment {name} stands twice")
        self._made[name] = stay, fen

    def _note_entry(self, row: Row) -> None:
        """Of a vehicle that is not the one here (misread, or let in by a name) the true times are not known."""
        here, boot = self._here.get(row.lane), row.said["boot"]
        if here and here.plate == row.body["plate"] and row.said["trusted"]:
            wrong = self.clock.offset - self._stepped[boot]
            self._entered[row.body["stay"]] = _Entered(here.plate, here.since, self.clock.now, boot, wrong)

    def _was_debited(self, stay: str, due: int) -> bool:
        """Whether this is the price of a debit whose outcome came to light later; it was checked when it began."""
        return any(i.due == due for i in self.rows.intents.values() if i.stay == stay and i.state == "settled")

    def _check_price(self, row: Row, fen: int) -> None:
        entered, here = self._entered.get(row.body["stay"]), self._here.get(row.lane)
        if entered is None or here is None or here.plate != entered.plate or not row.said["trusted"]:
            return
        if abs(self.clock.offset - self._stepped[entered.boot] - entered.wrong) > UNSEEN:
            return  # stepped while nobody ran, or in another run than the one that let it in: nobody can know
        least = self._price(here.since - entered.latest - A_SECOND)
        most = self._price(self.clock.now - entered.earliest + A_SECOND)
        if not least <= fen <= most:
            stayed = timedelta(seconds=round(self.clock.now - entered.latest))
            raise Broken(10, f"entry {row.number} wants {fen} fen for {stayed}, which cost {least} to {most}")
        self.priced += 1

    def _price(self, seconds: float) -> int:
        return quote(self.tariff, Parked(BEGAN, BEGAN + timedelta(seconds=max(0.0, seconds)))).total
