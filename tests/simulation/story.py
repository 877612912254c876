"""A small lot to tell stories with: site, lanes, runner, ledger and its file are real, on a virtual clock.

What stands outside is simulated, and honest: a card pays when the order comes, an arm moves as its board is told,
a camera reads what it is shown. A killed lot loses all but its file; cards, cars and arms stay as they are.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import pytest

from drivers.ports import (
    BarrierUp,
    CloseBarrier,
    Debit,
    DebitDone,
    DebitFound,
    DebitProof,
    DebitUnknown,
    DeviceEvent,
    DeviceOrder,
    InputChanged,
    Instant,
    OpenBarrier,
    PlateSeen,
    Show,
    TagRead,
)
from gateway.facts import SiteRules
from gateway.lane.state import LaneRules
from gateway.ledger.entries import Booted, Draft, Entry
from gateway.ledger.stays import Stays
from gateway.ledger.store import Store
from gateway.orders import LetThrough, Order, Pay, Resolve
from gateway.runner import Runner
from gateway.tariff.rules import Tariff
from tools.cards import Bought, CardRefused, SimulatedTag, make_tag
from tools.world import BEGAN, START, TARIFF

INPUTS = frozenset({"approach", "presence", "beyond", "closed", "fire", "handset"})
ENTRY = LaneRules("in", "entry", "in-rsu", "in-gate", "in-camera", INPUTS)
EXIT = LaneRules("out", "exit", "out-rsu", "out-gate", "out-camera", INPUTS)
TERMINAL = "990100000001"
TRADE = 0.3
"""Seconds from the order to the antenna's result."""
GIVEN_UP = 3.0
"""Seconds from the order until the antenna's session says that no result came."""

Row = dict[str, Any]
"""The body of an entry, as it stands in the file."""
Done = Callable[[list[Entry]], None]
Story = Callable[..., None]
"""A test that tells what happened, with the fixtures that it wants."""


Patch = Callable[[pytest.MonkeyPatch], None]
"""A change of the product that brings a fault back."""


class OpenLot(Protocol):
    """Opens a lot with these lanes."""

    def __call__(self, *lanes: LaneRules, tariff: Tariff = ...) -> "Lot": ...


class Killed(Exception):  # noqa: N818  what a power cut does, not a mistake in a program
    """The gateway is gone between two steps."""


@dataclass(slots=True)
class Lot:
    """One site with its ledger in `file`.

    `result` is what becomes of the next purchases: `told`, `lost` (the card pays, nobody hears) or `failed` (it
    does not pay, and nobody hears of that). `disk` is how many seconds a group takes to be durable.
    `stuck` are barriers whose arm does not move.

    `kill_at` numbers the group at which the gateway dies, from 1: before it is in the file, or, with `landed`,
    when it is and nothing that waited for it has left.
    """

    file: Path
    lanes: tuple[LaneRules, ...]
    tariff: Tariff = TARIFF
    result: str = "told"
    disk: float = 0.0
    stuck: frozenset[str] = frozenset()
    kill_at: int | None = None
    landed: bool = False
    now: float = START
    clock_off: float = 0.0
    orders: list[DeviceOrder | Show] = field(default_factory=list)
    groups: list[list[str]] = field(default_factory=list)
    store: Store = field(init=False)
    runner: Runner = field(init=False)
    _cars: dict[str, SimulatedTag] = field(default_factory=dict)
    _inputs: dict[tuple[str, str], bool] = field(default_factory=dict)
    _agenda: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)
    _runs: int = 0
    _psam: int = 0

    def __post_init__(self) -> None:
        for lane in self.lanes:
            for name in sorted(lane.inputs):
                self._inputs[lane.barrier, name] = name == "closed"
        self.start()

    # --- the gateway ---------------------------------------------------------------------------------------------

    def start(self, floor: datetime = BEGAN - timedelta(days=1)) -> None:
        """A new run on what the file says; `floor`: a clock before it is not trusted."""
        self.store, stays = Store(self.file), Stays()
        for draft in self.store.drafts():
            stays.apply(draft)
        self._runs += 1
        rules = SiteRules({lane.name: lane for lane in self.lanes}, self.tariff)
        self.runner = Runner(rules, stays, f"run{self._runs}", self._submit, self._ordered, floor)
        self.runner.start(Booted("0", "", ""), self.instant)
        for lane in self.lanes:
            if lane.barrier:
                self._tell(BarrierUp(lane.barrier))
        for (device, name), on in self._inputs.items():
            self._tell(InputChanged(device, name, on))

    def restart(self) -> None:
        """The power comes back: what was under way in the old run is gone."""
        self.store.close()
        self._agenda.clear()
        self.kill_at = None
        for lane in self.lanes:  # an arm that was told to move has moved
            if self._inputs.get((lane.barrier, "closed")) is not None:
                self._inputs[lane.barrier, "closed"] = self._last_move(lane.barrier) is not OpenBarrier
        self.start()

    def _last_move(self, barrier: str) -> type | None:
        moves = [type(o) for o in self.orders if isinstance(o, OpenBarrier | CloseBarrier) and o.device == barrier]
        return moves[-1] if moves else None

    def _submit(self, drafts: Sequence[Draft], done: Done) -> None:
        self.groups.append([draft.body.KIND for draft in drafts])
        dies = len(self.groups) == self.kill_at
        if dies and not self.landed:
            raise Killed
        entries = self.store.append(drafts)
        if dies:
            raise Killed
        if self.disk:
            self._after(self.disk, lambda: done(entries))
        else:
            done(entries)

    @property
    def instant(self) -> Instant:
        """Now, by the gateway's clocks."""
        return Instant(BEGAN + timedelta(seconds=self.now - START + self.clock_off), self.now)

    def wait(self, seconds: float = 0.0, *, minutes: float = 0.0, days: float = 0.0) -> None:
        """Let time pass, and all that is due in it."""
        end = self.now + seconds + minutes * 60 + days * 86400
        for _ in range(10_000):
            soonest = min(self._agenda[0][0] if self._agenda else end, self.runner.deadline or end, end)
            self.now = max(self.now, soonest)
            if self._agenda and self._agenda[0][0] <= self.now:
                heappop(self._agenda)[2]()
            elif self.runner.deadline is not None and self.runner.deadline <= self.now:
                self.runner.due(self.instant)
            else:
                return
        raise AssertionError("the lot does not come to rest")

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        heappush(self._agenda, (self.now + seconds, next(self._numbers), do))

    def _tell(self, event: DeviceEvent) -> None:
        self.runner.on(event, self.instant)

    # --- devices -------------------------------------------------------------------------------------------------

    def _ordered(self, order: DeviceOrder | Show) -> None:
        self.orders.append(order)
        match order:
            case Debit():
                self._debit(order)
            case OpenBarrier(device) if device not in self.stuck:
                self._after(0.5, lambda: self._arm_moves(device, OpenBarrier))
            case CloseBarrier(device) if device not in self.stuck:
                self._after(1.0, lambda: self._arm_moves(device, CloseBarrier))

    def _debit(self, order: Debit) -> None:
        car, made = self._cars[order.obu_id], False
        with suppress(CardRefused):
            if self.result != "failed":
                car.purchase(order.fen, order.at, TERMINAL, self._psam + 1)
                self._psam, made = self._psam + 1, True
        if made and self.result == "told":
            done = DebitDone(order.device, order.intent, proof_of(car.purchases[-1]))
            self._after(TRADE, lambda: self._tell(done))
        else:
            lost = DebitUnknown(order.device, order.intent, "no result")
            self._after(GIVEN_UP, lambda: self._tell(lost))

    def _arm_moves(self, barrier: str, order: type) -> None:
        """Unless it was told otherwise meanwhile."""
        if self._last_move(barrier) is order:
            self._input(barrier, "closed", on=order is CloseBarrier)

    def finds(self, car: SimulatedTag, lane: str = "out") -> None:
        """The antenna tells of this car's last purchase after all, to whoever runs now."""
        found = DebitFound(f"{lane}-rsu", car.tag.obu_id, proof_of(car.purchases[-1]))
        self._tell(found)

    def loop(self, lane: str, name: str, *, on: bool) -> None:
        """An input of the lane's board changes: a loop, the handset, the fire alarm."""
        self._input(f"{lane}-gate", name, on=on)

    def _input(self, device: str, name: str, *, on: bool) -> None:
        if self._inputs.get((device, name)) is not on:
            self._inputs[device, name] = on
            self._tell(InputChanged(device, name, on))

    # --- cars ----------------------------------------------------------------------------------------------------

    def car(self, plate: str, balance: int = 10_000, **card: Any) -> SimulatedTag:  # noqa: ANN401  of a Card
        """A car with a tag and a card of its own; `card` changes what its card says."""
        car = make_tag(len(self._cars) + 1, plate, 1, balance)
        car.card = replace(car.card, **card)
        self._cars[car.tag.obu_id] = car
        return car

    def tag_read(self, car: SimulatedTag, lane: str = "out") -> None:
        """The antenna of this lane reads the car's tag, as it is now."""
        self._tell(TagRead(f"{lane}-rsu", next(self._numbers), car.tag, car.vehicle, car.card))

    def camera_sees(self, plate: str, lane: str = "out", color: int | None = 0) -> None:
        """The camera of this lane reads a plate once."""
        self._tell(PlateSeen(f"{lane}-camera", plate, color))

    def comes(self, car: SimulatedTag, lane: str = "out", *, tag: bool = True) -> None:
        """Before the arm: on the loop, twice in the camera, and its tag is read."""
        self.loop(lane, "approach", on=True)
        for _ in range(2):
            self.camera_sees(car.vehicle.plate, lane, car.vehicle.color)
        if tag:
            self.tag_read(car, lane)

    def goes_through(self, lane: str = "out") -> None:
        """Under the arm, if that is up, and away; then all comes to rest."""
        self.wait(2.0)
        assert not self._inputs.get((f"{lane}-gate", "closed")), f"the arm of lane {lane} is down"
        for name, on in (
            ("presence", True),
            ("approach", False),
            ("beyond", True),
            ("presence", False),
            ("beyond", False),
        ):
            self.loop(lane, name, on=on)
            self.wait(0.4)
        self.wait(3.0)

    def backs_out(self, lane: str = "out") -> None:
        """Off the loop, the way it came."""
        self.loop(lane, "approach", on=False)
        self.wait(5.0)

    def stands(self, lane: str = "out") -> bool:
        """Whether a car is still before this lane's arm; what is under it or past it goes on its way."""
        for name in ("presence", "beyond"):
            self.loop(lane, name, on=False)
        return self._inputs[f"{lane}-gate", "approach"]

    def drives_in(self, car: SimulatedTag) -> str:
        """A good day's entry; gives the id of the stay."""
        self.comes(car, "in")
        self.goes_through("in")
        return str(self.entries("stay.opened")[-1]["stay"])

    def drives_out(self, car: SimulatedTag) -> None:
        """A good day's exit."""
        self.comes(car)
        self.goes_through()

    def parks(self, car: SimulatedTag, minutes: float = 30) -> str:
        """Drives in and stays for a while; 30 minutes cost 500 fen."""
        stay = self.drives_in(car)
        self.wait(minutes=minutes)
        return stay

    # --- people --------------------------------------------------------------------------------------------------

    def told(self, order: Order) -> None:
        """An order from outside."""
        self.runner.obey(order, self.instant)

    def pays(self, stay: str, fen: int, payment: str = "wx-1") -> None:
        """The driver pays by phone, and the platform says so."""
        self.told(Pay(payment, stay, fen, "wechat"))

    def lets_through(self, lane: str = "out", plate: str = "", reason: str = "sees to it by hand") -> None:
        """The operator opens."""
        self.told(LetThrough(lane, "operator Li", reason, plate))

    def resolves(self, intent: str, *, made: bool) -> None:
        """Clearing has found out what became of a debit."""
        self.told(Resolve(intent, made, "operator Li", "clearing file"))

    # --- what came of it -----------------------------------------------------------------------------------------

    def entries(self, kind: str) -> list[Row]:
        """What stands in the file of this kind, in its order."""
        return [entry.fields["body"] for entry in self.store.entries() if entry.kind == kind]  # type: ignore[misc]  # plain JSON

    def kinds(self) -> Counter[str]:
        """How often each kind stands in the file."""
        return Counter(entry.kind for entry in self.store.entries())

    def the(self, kind: str) -> Row:
        """The only entry of this kind."""
        found = self.entries(kind)
        assert len(found) == 1, f"{len(found)} entries {kind}: {found}"
        return found[0]

    def open_doubts(self) -> list[Row]:
        """Intents whose outcome nobody knows."""
        doubts = [intent.id for intent in self.runner.stays.intents.values() if intent.state == "unresolved"]
        return [row for row in self.entries("debit.intended") if row["intent"] in doubts]

    def alarms(self) -> list[str]:
        """What the alarms say."""
        return [row["what"] for row in self.entries("alarm")]

    def refusals(self) -> list[str]:
        """Codes of the refusals."""
        return [row["why"] for row in self.entries("passage.refused")]

    def opened(self, lane: str = "out") -> int:
        """How often this lane's arm was told to rise."""
        return sum(order == OpenBarrier(f"{lane}-gate") for order in self.orders)

    def lowered(self, lane: str = "out") -> int:
        """How often this lane's arm was told to come down."""
        return sum(order == CloseBarrier(f"{lane}-gate") for order in self.orders)

    def debits(self) -> list[Debit]:
        """Purchases that were ordered."""
        return [order for order in self.orders if isinstance(order, Debit)]

    def is_down(self, lane: str = "out") -> bool:
        """Whether the arm is."""
        return self._inputs[f"{lane}-gate", "closed"]

    def money_is_right(self) -> None:
        """What the cards paid is in the file, each stay is paid once, and what is too much is due as a refund."""
        intents = {row["intent"]: row for row in self.entries("debit.intended")}
        made = [intents[row["intent"]] for kind in MADE for row in self.entries(kind)]
        for car in self._cars.values():
            taken = sorted(bought.fen for bought in car.purchases)
            told = sorted(row["fen"] for row in made if row["card"] == car.card.number)
            assert taken == told, f"{car.vehicle.plate} paid {taken}, and the ledger says {told}"
        paid, back = Counter[str](), Counter[str]()
        for row in (*made, *self.entries("payment.made")):
            paid[row["stay"]] += row["fen"]
        for row in self.entries("refund.due"):
            back[row["stay"]] += row["fen"]
        for closed in self.entries("stay.closed"):
            kept, due = paid[closed["stay"]] - back[closed["stay"]], closed["due"]
            assert kept == due or closed["reason"] in UNPAID, f"{closed['stay']}: {kept} kept of {due} fen due"
            assert kept <= due, f"{closed['stay']}: {kept} kept of {due} fen due"
        for group in self.groups:
            assert group[0] != "refund.due", "a refund that is due in a transaction of its own"


MADE = ("debit.settled", "debit.corrected")
"""Kinds of entries that say that a debit was made."""
UNPAID = ("owed", "let go", "superseded")
"""Ends of a stay that may be short of money."""


@dataclass(slots=True)
class PutBack:
    """Stories, each with a change of the product that brings its fault back; `names` are those of the changes."""

    faults: list[tuple[Story, Patch]] = field(default_factory=list)

    def __call__(self, story: Story, **case: object) -> Callable[[Patch], Patch]:
        """Note that this change brings back what the story is about, in this case of it."""

        def note(patch: Patch) -> Patch:
            self.faults.append((partial(story, **case), patch))
            return patch

        return note

    @property
    def names(self) -> list[str]:
        """For the tests, which are numbered where one change breaks several stories."""
        return [patch.__name__ for _, patch in self.faults]


def proof_of(bought: Bought) -> DebitProof:
    """What an antenna reports of this purchase."""
    serials = bought.terminal_serial, bought.card_serial
    return DebitProof(bought.terminal, *serials, bought.tac, 9, 0, bought.at, bought.balance)
