"""The laws, asserted from outside: by the raw rows of the ledger's file, and by what really happened in the world.

Nothing here asks the product what it thinks. A broken law raises `Broken` with the law's number in DESIGN's order.
"""

import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from math import inf
from typing import Any, Final

from drivers.ports import CloseBarrier, Debit, DeviceOrder, OpenBarrier, Show
from gateway.facts import SiteRules
from protocols.rsu.messages import Result
from tools.cards import Bought, SimulatedTag
from tools.soak.clock import BEGAN, Clock
from tools.soak.lane_devices import REVERSES, Gate
from tools.soak.platform import Books
from tools.soak.rows import Intent, Row, Rows

REASONS: Final = frozenset({"stay.opened", "stay.closed", "passage.again", "lane.opened", "lane.held", "fire"})
"""Kinds of entries that a barrier may open for (law 3)."""
AT_ONCE: Final = 1.0
"""Seconds from a durable reason within which its order to open leaves."""
ODD_ONES: Final = 2
"""Healthy passages that may end badly in any world: few frames are lost twice."""
STEP: Final = 2.0
"""Seconds of a step of the clock that must stand in the ledger (law 10)."""


class Broken(AssertionError):  # noqa: N818  a verdict
    """A law does not hold."""

    def __init__(self, law: int, what: str) -> None:
        super().__init__(law, what)
        self.law = law

    def __str__(self) -> str:
        """The law and what broke it."""
        return f"law {self.law}: {self.args[1]}"


@dataclass(slots=True)
class Purchase:
    """What a card really paid. `told`: when the gateway's end of the line got the result, whole."""

    lane: str
    plate: str
    bought: Bought
    told: float | None = None


@dataclass(slots=True)
class Laws:
    """Watches one world. `boots` are the runs with the true time at which each one's machine was switched on."""

    clock: Clock
    rules: SiteRules
    rows: Rows
    gates: dict[str, Gate]
    also: Callable[[Row], None]
    """Who else looks at each new row."""
    boots: dict[str, float] = field(default_factory=dict)
    alive_since: float | None = None
    purchases: dict[tuple[str, str], Purchase] = field(default_factory=dict)
    paid: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """Fen by stay: settled debits and payments less refunds, as the rows say."""
    passing: dict[str, str] = field(default_factory=dict)
    stirred: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """By lane: when it last had a reason to open, be it for nobody."""
    left_up: set[str] = field(default_factory=set)
    """Lanes whose arm did not come down when it was told to, as the ledger says."""
    ordered_at: dict[str, float] = field(default_factory=lambda: defaultdict(lambda: -inf))
    """By lane: when its barrier was last opened by an order."""
    reasons: dict[str, Row] = field(default_factory=dict)
    """By lane: the newest row that its barrier may open for."""
    stays: dict[str, str] = field(default_factory=dict)
    """By plate: the newest stay."""
    _due: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    paused: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    alarmed: set[str] = field(default_factory=set)
    """Lanes that are held open by the fire alarm."""
    _closing: frozenset[str] = frozenset()
    """Lanes whose arm was told to close, and not to open since."""
    _touched: set[str] = field(default_factory=set)
    _ended: dict[str, str] = field(default_factory=dict)
    """By stay: why it was closed."""
    _reasons_at: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """By lane: when reasons to open became durable that nothing has been opened for."""
    _readings: dict[str, dict[str, bool] | None] = field(default_factory=dict)
    floor: float = -inf
    """What `newest_wall` was when the gateway started: a clock that shows less cannot be trusted."""
    newest_wall: float = -inf
    """What the clock showed at the newest row, in seconds since the world began."""
    _chain: str = ""
    _newest: tuple[str, float] | None = None
    """Boot of the newest row, and wall less monotonic time in it."""

    # --- what the world tells -------------------------------------------------------------------------------

    def sold(self, lane: str, tag: SimulatedTag, bought: Bought) -> None:
        """A card has paid: law 1 knows for what."""
        key = tag.tag.obu_id, bought.at.isoformat()
        intent = self.rows.by_purchase.get(key)
        if intent is None or intent.fen != bought.fen or intent.lane != lane:
            raise Broken(1, f"{lane}: {bought.fen} fen left card {tag.card.number} without a durable intent")
        if key in self.purchases:
            raise Broken(1, f"{lane}: {bought.fen} fen left card {tag.card.number} twice for {intent.id}")
        self.purchases[key] = Purchase(lane, tag.vehicle.plate, bought)

    def told(self, lane: str, result: Result) -> None:
        """The gateway was told what became of a purchase, if it lives."""
        at = result.at.isoformat() if result.at else ""
        purchase = self.purchases.get((result.obu_id, at))
        if purchase and purchase.lane == lane and purchase.told is None:
            purchase.told = self.clock.now

    def came_down(self, lane: str, under_since: float) -> None:
        """The arm's own protection must not be needed where the gateway saw the car in time."""
        seen_for = self.clock.now - max(under_since, self.alive_since or self.clock.now)
        if not self.gates[lane].away and self._readings.get(lane) and seen_for > REVERSES:
            raise Broken(6, f"{lane}: the arm came down on a car that was under it for {seen_for:.1f} s")

    # --- what the gateway does ------------------------------------------------------------------------------

    def ordered(self, order: DeviceOrder | Show) -> None:
        """A lane's order, as it leaves the runner."""
        match order:
            case Debit(intent=intent, fen=fen):
                found = self.rows.intents.get(intent)
                if found is None or found.fen != fen:
                    raise Broken(1, f"debit {intent} of {fen} fen ordered before its intent was durable")
            case OpenBarrier(device):
                self._may_open(str(self.rules.lane_of(device)))
            case CloseBarrier(device):
                self._may_close(str(self.rules.lane_of(device)))
            case _:
                pass

    def read(self, lane: str, inputs: dict[str, bool] | None) -> None:
        """What the gateway knows of a board's inputs."""
        self._readings[lane] = inputs

    def coil(self, lane: str, *, opens: bool) -> None:
        """A coil is switched on."""
        if opens:
            return
        if self.gates[lane].on("presence"):
            raise Broken(6, f"{lane}: the close coil was switched on with a car under the arm")
        self._may_close(lane)

    def started(self, boot: str, epoch: float) -> None:
        """A new run: what was durable is still there (law 4), and no old reason opens anything."""
        if self.rows.last and self.rows.hash_of(self.rows.last) != self.rows.hash:
            raise Broken(4, f"entry {self.rows.last} was durable before the kill, and is gone or another one")
        self.boots[boot] = epoch
        self.written()
        self.floor = self.newest_wall
        self.alive_since = self.clock.now
        self._reasons_at.clear()
        self._readings.clear()
        self.alarmed.clear()
        self._closing = frozenset()

    def stopped(self) -> None:
        """The run was killed: what it was told and could not make durable, it was not told."""
        self.alive_since = None
        for intent in self.rows.intents.values():
            purchase = self.purchases.get((intent.obu_id, intent.at))
            if purchase and intent.state in ("open", "unresolved"):
                purchase.told = None

    def _may_open(self, lane: str) -> None:
        """Law 3: a reason of this lane has just become durable, or the arm is held, or comes down on a car."""
        fresh = [at for at in self._reasons_at[lane] if self.clock.now - at <= AT_ONCE]
        self._reasons_at[lane] = fresh[1:]
        closing, self._closing = lane in self._closing, self._closing - {lane}
        inputs = self._readings.get(lane)
        over_a_car = closing and inputs is not None and inputs["presence"]
        burns = lane in self.alarmed or any(gate.fire for gate in self.gates.values())
        if over_a_car or lane in self.held or burns:
            return
        if not fresh:
            raise Broken(3, f"{lane}: the arm was told to open without a durable reason")

    def _may_close(self, lane: str) -> None:
        self._closing = self._closing | {lane}
        inputs = self._readings.get(lane)
        if inputs is None or inputs["presence"]:
            known = "unknown" if inputs is None else "occupied"
            raise Broken(6, f"{lane}: the arm was told to close while presence was {known}")

    # --- rows -----------------------------------------------------------------------------------------------

    def written(self) -> None:
        """The file has grown: look at every new row."""
        for row in self.rows.follow():
            self._check_chain(row)
            self._check_time(row)
            self._check_debit(row)
            self._note(row)
            self.also(row)
        self._check_paid()

    def _check_paid(self) -> None:
        """Law 5, after each commit: a stay that has ended has paid no more than its price, less refunds."""
        touched, self._touched = self._touched, set()
        for stay in touched & self._ended.keys():
            if self.paid[stay] > self._due[stay]:
                raise Broken(
                    5, f"stay {stay} has paid {self.paid[stay]} of {self._due[stay]} fen, and no refund is due"
                )

    def _check_chain(self, row: Row) -> None:
        said = row.said
        self._chain = self._chain or said["chain"]
        good = (
            row.number == self.rows.last + 1 == said["number"]
            and said["previous"] == self.rows.hash
            and hashlib.sha256(row.text.encode()).hexdigest() == row.hash
            and said["chain"] == self._chain
        )
        if not good:
            raise Broken(4, f"entry {row.number} does not follow from {self.rows.last}")

    def _check_time(self, row: Row) -> None:
        said = row.said
        epoch = self.boots.get(said["boot"])
        if epoch is None or not isinstance(said["trusted"], bool):
            raise Broken(10, f"entry {row.number} does not say of which run it is, or whether its clock is trusted")
        self.newest_wall = (datetime.fromisoformat(said["wall"]) - BEGAN).total_seconds()
        offset = self.newest_wall - (said["mono"] + epoch)
        before, self._newest = self._newest, (said["boot"], offset)
        stepped = before and before[0] == said["boot"] and abs(offset - before[1]) >= STEP + 0.1
        if stepped and row.kind != "clock.stepped":
            raise Broken(
                10,
                f"the clock had stepped by {offset - before[1]:.1f} s before entry {row.number}" if before else "",
            )
        if said["trusted"] and self.newest_wall < self.floor:
            raise Broken(10, f"entry {row.number} trusts a clock that shows less than the ledger did before")
        if row.kind == "debit.intended" and not said["trusted"]:
            raise Broken(10, f"entry {row.number}: a debit while the clock is not trusted")

    def _check_debit(self, row: Row) -> None:
        match row.kind:
            case "debit.intended":
                self._check_intent(row)
            case "debit.settled" | "debit.not_made" | "debit.unresolved" | "debit.corrected":
                self._check_end(row, self.rows.intents.get(row.body["intent"]))
            case _:
                pass

    def _check_intent(self, row: Row) -> None:
        body = row.body
        if body["intent"] in self.rows.intents:
            raise Broken(2, f"intent {body['intent']} stands twice")
        if body["fen"] > self.rules.lanes[row.lane].ceiling:
            raise Broken(11, f"{row.lane}: a debit of {body['fen']} fen is above the ceiling")
        if row.lane in self.paused:
            raise Broken(11, f"{row.lane}: a debit while ETC is paused there")
        paid, due = self.paid[body["stay"]], body["quote"]["total"]
        if body["fen"] + paid > due:
            raise Broken(5, f"stay {body['stay']}: {body['fen']} fen wanted, {paid} paid of {due}")

    def _check_end(self, row: Row, intent: Intent | None) -> None:
        if intent is None:
            raise Broken(2, f"entry {row.number} ends an intent that was never stated")
        made = (intent.obu_id, intent.at) in self.purchases
        corrects = row.kind == "debit.corrected" and intent.ends == ["not made"]
        if not corrects and (intent.ends or (row.kind == "debit.unresolved" and intent.unresolved)):
            raise Broken(2, f"intent {intent.id} is {row.kind}, and was {intent.state} before")
        if row.kind in ("debit.settled", "debit.corrected") and not made:
            raise Broken(2, f"intent {intent.id} is settled, and card {intent.card} paid nothing")
        if row.kind == "debit.not_made" and made:
            raise Broken(2, f"intent {intent.id} is not made, and card {intent.card} paid {intent.fen} fen")
        if row.kind == "debit.settled":
            self._check_proof(row, intent)

    def _check_proof(self, row: Row, intent: Intent) -> None:
        proof = row.body["proof"]
        bought = self.purchases[intent.obu_id, intent.at].bought
        if row.body["evidence"] != "result":
            return
        if proof and proof["tac"] not in (bought.tac, "00000000"):
            raise Broken(2, f"intent {intent.id} is settled by the proof of another purchase")
        if proof and (proof["card_serial"], proof["terminal_serial"]) != (
            bought.card_serial,
            bought.terminal_serial,
        ):
            raise Broken(2, f"intent {intent.id} is settled by the serials of another purchase")

    def _note(self, row: Row) -> None:
        self._note_lane(row)
        self._note_money(row)
        if row.kind not in REASONS or row.body.get("reason") == "superseded":
            return
        self._reasons_at[row.lane].append(self.clock.now)
        self.stirred[row.lane] = self.clock.now
        if row.kind.startswith(("stay", "passage")):
            self.reasons[row.lane] = row
            self.passing[row.lane] = row.body["stay"]

    def _note_lane(self, row: Row) -> None:
        body = row.body
        match row.kind:
            case "etc.switched":
                (self.paused.discard if body["on"] else self.paused.add)(row.lane)
            case "lane.held":
                (self.held.add if body["on"] else self.held.discard)(row.lane)
            case "fire":
                (self.alarmed.add if body["on"] else self.alarmed.discard)(row.lane)
            case "passage.ended":
                self.passing.pop(row.lane, None)
            case "lane.opened":
                self.ordered_at[row.lane] = self.clock.now
            case "alarm" if body["what"] == "arm did not close":
                self.left_up.add(row.lane)
            case "arm.down":
                self.left_up.discard(row.lane)
            case _:
                pass

    def _note_money(self, row: Row) -> None:
        body = row.body
        match row.kind:
            case "debit.settled" | "debit.corrected":
                intent = self.rows.intents[body["intent"]]
                self._pay(intent.stay, intent.fen)
            case "payment.made":
                self._pay(body["stay"], body["fen"])
            case "refund.due":
                self._pay(body["stay"], -body["fen"])
            case "stay.opened":
                self.stays[body["plate"]] = body["stay"]
            case "stay.closed":
                self._due[body["stay"]] = body["due"]
                self._ended[body["stay"]] = body["reason"]
                self._touched.add(body["stay"])
            case _:
                pass

    def _pay(self, stay: str, fen: int) -> None:
        self.paid[stay] += fen
        self._touched.add(stay)

    # --- at rest and in the end -----------------------------------------------------------------------------

    def at_rest(self, lane: str) -> None:
        """Law 7: long after the last car, nothing is under way in this lane, and what was not finished says so."""
        begun = [intent for intent, where in self.rows.begun.items() if where == lane]
        if begun:
            raise Broken(7, f"{lane}: debit {begun[0]} has no outcome long after the car has gone")
        if lane in self.passing:
            raise Broken(7, f"{lane}: the passage of stay {self.passing[lane]} has no end")
        if self.gates[lane].arm.state != "down" and lane not in self.held | self.alarmed | self.left_up:
            raise Broken(7, f"{lane}: the arm is {self.gates[lane].arm.state} long after the last car")

    def at_the_end(self, books: Books) -> None:
        """All of it once more, over the whole file."""
        self._all_chained(books)
        self._all_decided()

    def cleared(self, intent: str) -> bool:
        """What the clearing house knows of it: whether the card has paid. It had a right to be open until then."""
        found = self.rows.intents[intent]
        if found.state == "unresolved":
            self.rightly_unresolved(found)
        return (found.obu_id, found.at) in self.purchases

    def rightly_unresolved(self, intent: Intent) -> None:
        """Law 2: without outcome only while the world has withheld the evidence."""
        made = self.purchases.get((intent.obu_id, intent.at))
        if made and made.told is not None:
            raise Broken(2, f"intent {intent.id} is unresolved, and the gateway was told at {made.told:.1f} s")

    def offline(self, healthy: int, well: int) -> None:
        """Law 8: whether broker and platform are there makes no difference to whoever comes."""
        if healthy - well > max(ODD_ONES, 0.01 * healthy):
            raise Broken(8, f"without a network only {well} of {healthy} healthy passages ended well")

    def _all_chained(self, books: Books) -> None:
        """Laws 4 and 9: every row again, as the one before wants it, and with the platform as it stands."""
        db = sqlite3.connect(f"file:{self.rows.path}?mode=ro", uri=True)
        rows = db.execute("SELECT number, text, hash FROM entries ORDER BY number").fetchall()
        chains = db.execute("SELECT count(*) FROM chains").fetchone()[0]
        db.close()
        previous = "0" * 64
        for at, (number, text, digest) in enumerate(rows, 1):
            said: dict[str, Any] = json.loads(text)
            if number != at or said["previous"] != previous or hashlib.sha256(text.encode()).hexdigest() != digest:
                raise Broken(4, f"entry {number} is not what stood there")
            if books.texts.get(number) != text:
                raise Broken(9, f"entry {number} is not with the platform as it was written")
            previous = digest
        if chains != 1:
            raise Broken(4, f"the ledger has {chains} chains")
        if books.newest != len(rows):
            raise Broken(9, f"the platform has {books.newest} entries of {len(rows)}")

    def _all_decided(self) -> None:
        """Law 2: an intent is settled if its card has paid, and only then; money is conserved to the fen."""
        for intent in self.rows.intents.values():
            made = self.purchases.get((intent.obu_id, intent.at))
            if intent.state == "open":
                raise Broken(2, f"intent {intent.id} has no outcome")
            if intent.state == "not made" and made:
                raise Broken(2, f"intent {intent.id} is not made, and card {intent.card} paid {intent.fen} fen")
            if intent.state == "unresolved":
                self.rightly_unresolved(intent)
        settled = sum(intent.fen for intent in self.rows.intents.values() if intent.state == "settled")
        open_ = [intent for intent in self.rows.intents.values() if intent.state == "unresolved"]
        owed = sum(intent.fen for intent in open_ if (intent.obu_id, intent.at) in self.purchases)
        left = sum(purchase.bought.fen for purchase in self.purchases.values())
        if left != settled + owed:
            raise Broken(2, f"{left} fen left the cards, {settled} are settled and {owed} unresolved")
