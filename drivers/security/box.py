"""A Genvict box over time, without I/O and without a clock: it asks E0 to E7, we answer F0 to F7.

The box makes the trades, we have the keys. MAC1, without which no card pays, leaves only when its intent is on
disk, and a trade record is confirmed only when it is. Whatever cannot be answered, or not in time, gets a status
that is not good (its value is [inf], see `protocols.rsu.box`).

There is no status list in the gateway yet: every card is "normal" unless the security module says otherwise.
Opening vehicle files and MAC1 cannot wait for a platform, and no message carries them there: `Remote` has them
refused.
"""

from collections.abc import Iterator, Mapping
from dataclasses import field, replace
from datetime import datetime
from typing import TypeVar

from drivers.link import Connected, Disconnected, Send, Tick
from drivers.ports import AuthorisePsam, Instant, PsamDone, PsamWanted
from drivers.security.module import (
    Answer,
    DecryptAsked,
    Decrypted,
    Mac1,
    Mac1Asked,
    Refused,
    SecurityModule,
)
from protocols.errors import MessageError
from protocols.immutable import dataclass
from protocols.obu.files import card_of, vehicle_of
from protocols.obu.values import Card, Vehicle
from protocols.rsu.box import BAD, E0, E1, E2, E3, E4, E5, E6, E7, F0, F1, F2, F4, F5, F6, F7, GOOD, decode
from protocols.rsu.framing import F3, Frame, Framer
from protocols.rsu.message import Message, to_data
from protocols.rsu.messages import bcd_time

RECORD_WITHIN = 1.0
"""Seconds for a record to become durable: the tag waits in the antenna's field meanwhile [inf]."""
AUTHORISE_WITHIN = 30.0
"""Seconds that the platform has for a MAC; how long a box waits is not stated [inf]."""
TRADE_WITHIN = 60.0
"""Seconds from MAC1 to the trade record; then what became of the purchase is unresolved."""
KEPT = 256
"""Files opened, purchases and trades that are remembered, so that a repeated question gets its answer again."""
GOOD_SW = "9000"
LATE = "no record in time"

K = TypeVar("K")
V = TypeVar("V")

# --- what a box tells of ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BoxUp:
    """The box has connected, or says that it is otherwise than before; `fault` 0 is good."""

    device: str
    version: str
    fault: int


@dataclass(frozen=True, slots=True)
class BoxDown:
    """The box is not connected."""

    device: str
    reason: str


@dataclass(frozen=True, slots=True)
class BoxDebitWanted:
    """MAC1 is wanted for a purchase of `fen`; it leaves if `Recorded(intent)` comes in time.

    `card` is the card number without its net; `at` enters the TAC.
    """

    device: str
    intent: str
    obu_id: str
    card: str
    card_serial: int
    fen: int
    at: datetime | None
    terminal: str


@dataclass(frozen=True, slots=True)
class BoxDebitEnded:
    """A purchase ended without a trade record: `not made`, since no MAC1 has left, or `unresolved`."""

    device: str
    intent: str
    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class BoxTraded:
    """The box's record of a trade, to be confirmed by `Recorded(ticket)`; `intent` "" for one that is not ours.

    `card` is as it was before the trade. `result` is the box's own: 0 good, the others are not stated.
    """

    device: str
    ticket: str
    intent: str
    result: int
    obu_id: str
    vehicle: Vehicle
    card: Card
    fen: int
    balance_after: int
    at: datetime | None
    entered: datetime | None
    terminal: str
    terminal_serial: int
    card_serial: int
    card_random: str
    tac: str
    algorithm: int
    psam: str


@dataclass(frozen=True, slots=True)
class BoxRefused:
    """A question got no good answer."""

    device: str
    question: str
    reason: str


@dataclass(frozen=True, slots=True)
class BoxTradeDoubted:
    """A record that speaks of a purchase of ours and is not its outcome; to be confirmed by `Recorded(ticket)`."""

    device: str
    ticket: str
    reason: str
    record: BoxTraded


BoxEvent = BoxUp | BoxDown | BoxDebitWanted | BoxDebitEnded | BoxTraded | BoxTradeDoubted | BoxRefused


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was told under this intent or ticket is durable."""

    ticket: str


@dataclass(frozen=True, slots=True)
class Tell:
    """An event for the site."""

    event: BoxEvent | PsamWanted | PsamDone


BoxInput = Connected | Disconnected | bytes | AuthorisePsam | Recorded | Tick
BoxOutput = Send | Tell

# --- what earlier runs have told -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Terms:
    """What a purchase and its trade record have in common; `card` is the card number without its net.

    That E2 has the card serial and the time of E7 is [inf]; a record with others is doubted, and never lost.
    """

    terminal: str
    card: str
    card_serial: int
    fen: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class TradeKey:
    """By what a trade record is known again; bytes that no clearing asks for may differ."""

    terms: Terms
    terminal_serial: int
    tac: str
    result: int

    @property
    def purchase(self) -> tuple[str, int, int]:
        """Terminal, its serial and the card's: a purchase has all three for itself."""
        return self.terms.terminal, self.terminal_serial, self.terms.card_serial


@dataclass(frozen=True, slots=True)
class Past:
    """What is durable of a box's earlier runs: its purchases without a trade record, by intent, and trade records.

    `trades` has the intent of each, "" for one that is not ours.
    """

    undecided: Mapping[str, Terms] = field(default_factory=dict)
    trades: Mapping[TradeKey, str] = field(default_factory=dict)


# --- the session -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Purchase:
    """One E7; `answer` is what it got, None while its intent is being written; `until` None once it is over.

    `traded`: its trade record has come.
    """

    asked: E7
    until: float | None
    answer: F7 | None = None
    traded: bool = False


@dataclass(slots=True)
class _Trade:
    """One E2, the outcome of `intent` if there is one; `until` None once it was answered."""

    ticket: str
    intent: str
    until: float | None
    recorded: bool = False


@dataclass(slots=True)
class BoxSession:
    """One box. Feed it with `on`; call it again with `Tick` when `deadline` has come.

    `boot` names this run of this box in 8 characters: it begins the ids of all its intents. MAC1 leaves for no more
    than `ceiling` fen.
    """

    device: str
    module: SecurityModule
    boot: str
    ceiling: int
    past: Past = field(default_factory=Past)
    _out: list[BoxOutput] = field(default_factory=list)
    _framer: Framer = field(default_factory=F3.framer)
    _connected: bool = False
    _count: int = 0
    _status: BoxUp | None = None
    _wanted: tuple[str, float] | None = None
    _opened: dict[str, tuple[str, Decrypted]] = field(default_factory=dict)
    _purchases: dict[str, _Purchase] = field(default_factory=dict)
    _trades: dict[TradeKey, _Trade] = field(init=False)
    _earlier: dict[str, Terms] = field(init=False)

    def __post_init__(self) -> None:
        self._earlier = dict(self.past.undecided)
        self._trades = {key: _Trade("", intent, None, recorded=True) for key, intent in self.past.trades.items()}

    def on(self, what: BoxInput, now: Instant) -> list[BoxOutput]:
        """Take one input at this instant; give what follows from it."""
        match what:
            case bytes():
                for frame in self._framer.feed(what):
                    if isinstance(frame, Frame):
                        self._hear(frame.data, now)
            case Connected():
                self._framer, self._connected, self._status = F3.framer(), True, None
                self._tell_up("", 0)
            case Disconnected(reason):
                self._lost(reason)
            case AuthorisePsam():
                self._authorise(what)
            case Recorded(ticket):
                self._recorded(ticket, now)
            case Tick():
                self._due(now.mono)
        out, self._out = self._out, []
        return out

    @property
    def deadline(self) -> float | None:
        """When the next `Tick` is wanted, monotonic."""
        return min(self._deadlines(), default=None)

    def _deadlines(self) -> Iterator[float]:
        if self._wanted:
            yield self._wanted[1]
        yield from (purchase.until for purchase in self._purchases.values() if purchase.until is not None)
        yield from (trade.until for trade in self._trades.values() if trade.until is not None)

    # --- questions -------------------------------------------------------------------------------------------

    def _hear(self, data: bytes, now: Instant) -> None:
        try:
            asked = decode(data)
        except MessageError:
            return  # as any antenna, too, says nothing to what it does not know
        match asked:
            case E0(status, _, psam, version):
                self._tell_up(version.decode("ascii", "backslashreplace").rstrip("\0"), status or psam)
                self._say(F0())
            case E1(obu_id):
                known = (opened.listed for obu, opened in reversed(self._opened.values()) if obu == obu_id)
                self._say(F1(next(known, 0)))
            case E2():
                self._trade(asked, now.mono)
            case E3():
                self._want_authorisation(asked, now.mono)
            case E4(status, _, sw):
                self._authorised(f"{status:02X} SW {sw}", good=status == GOOD and sw == GOOD_SW)
            case E5(status):
                self._authorised(f"{status:02X}", good=status == GOOD)
            case E6():
                self._open(asked)
            case E7():
                self._purchase(asked, now.mono)
            case _:
                pass  # what only we say

    def _tell_up(self, version: str, fault: int) -> None:
        up = BoxUp(self.device, version, fault)
        if up != self._status:
            self._status = up
            self._tell(up)

    # --- authorisation ---------------------------------------------------------------------------------------

    def _want_authorisation(self, asked: E3, now: float) -> None:
        """What its status and count mean is not stated: the platform hears of it, whatever they are."""
        self._wanted = asked.random, now + AUTHORISE_WITHIN
        needs = asked.number, asked.psam_version, asked.key_type, asked.area, asked.random
        self._tell(PsamWanted(self.device, asked.terminal, *needs))

    def _authorise(self, order: AuthorisePsam) -> None:
        if self._connected and self._wanted and self._wanted[0] == order.random:
            self._wanted = None
            self._say(F4(GOOD, order.random, order.mac))
        else:
            self._tell(PsamDone(self.device, good=False, detail="the request is over"))

    def _authorised(self, detail: str, *, good: bool) -> None:
        self._tell(PsamDone(self.device, good, detail))
        self._say(F5())

    # --- vehicle file and purchase ---------------------------------------------------------------------------

    def _open(self, asked: E6) -> None:
        question = DecryptAsked(asked.obu_id, asked.system, asked.card, asked.key_type, asked.cipher)
        answer = self.module.ask(question)
        if not isinstance(answer, Decrypted):
            self._refuse("E6", answer, F6.fill({"status": BAD}))
            return
        intent = f"{self.boot}{self._next():024d}"  # 32 characters for the 32 bytes of the serial
        _keep(self._opened, intent, (asked.obu_id, answer))
        opened = {"listed": answer.listed, "terminal": answer.terminal, "vehicle": answer.vehicle}
        self._say(F6.fill({"serial": intent.encode().hex(), **opened}))

    def _purchase(self, asked: E7, now: float) -> None:
        """Nothing leaves before the intent is on disk; asked again, the same MAC1 leaves, not a second serial."""
        intent = bytes.fromhex(asked.serial).decode("ascii", "replace")
        known = self._purchases.get(intent)
        if known and known.asked == asked:
            if known.answer:
                self._say(known.answer)
        elif known or intent not in self._opened:
            self._refuse("E7", Refused("its serial is of no F6, or of another purchase"), F7.fill({"status": BAD}))
        elif asked.fen > self.ceiling:
            above = f"{asked.fen} 分超过上限 ceiling_fen {self.ceiling} / fen are above it"
            self._refuse("E7", Refused(above), F7.fill({"status": BAD}))
        else:
            _keep(self._purchases, intent, _Purchase(asked, now + RECORD_WITHIN))
            wanted = BoxDebitWanted(
                device=self.device,
                intent=intent,
                obu_id=self._opened[intent][0],
                card=asked.card_id,
                card_serial=asked.card_serial,
                fen=asked.fen,
                at=bcd_time(asked.trade_time),
                terminal=asked.terminal,
            )
            self._tell(wanted)

    def _recorded(self, ticket: str, now: Instant) -> None:
        purchase = self._purchases.get(ticket)
        if purchase and purchase.answer is None:
            if purchase.until is not None and now.mono >= purchase.until:
                self._give_up(ticket, purchase, LATE)  # the tick may come after it
            else:
                self._make_mac1(ticket, purchase, now.mono)
        for trade in self._trades.values():
            if trade.ticket == ticket:
                trade.recorded = True
                if trade.until is not None:
                    trade.until = None
                    self._say(F2(GOOD))

    def _make_mac1(self, intent: str, purchase: _Purchase, now: float) -> None:
        asked = purchase.asked
        question = Mac1Asked(
            issuer=asked.issuer,
            card_id=asked.card_id,
            card_random=asked.card_random,
            card_serial=asked.card_serial,
            fen=asked.fen,
            at=asked.trade_time,
            kind=asked.mode,
            key_type=asked.key_type,
            terminal=asked.terminal,
        )
        answer = self.module.ask(question)
        if isinstance(answer, Mac1):
            purchase.answer, purchase.until = F7(GOOD, answer.mac1, answer.terminal_serial), now + TRADE_WITHIN
            self._say(purchase.answer)
        else:
            self._not_made(intent, purchase, _reason(answer))

    def _not_made(self, intent: str, purchase: _Purchase, reason: str) -> None:
        purchase.answer, purchase.until = F7.fill({"status": BAD}), None
        self._tell(BoxDebitEnded(self.device, intent, "not made", reason))
        self._say(purchase.answer)

    def _refuse(self, question: str, answer: Answer | None, said: Message) -> None:
        self._tell(BoxRefused(self.device, question, _reason(answer)))
        self._say(said)

    # --- trade records ---------------------------------------------------------------------------------------

    def _trade(self, record: E2, now: float) -> None:
        """A box that hears no F2 says its record again: it is one trade all the same, over a restart too."""
        key = _key_of(record)
        known = self._trades.get(key)
        if known and known.recorded:
            self._say(F2(GOOD))
        elif known:
            known.until = now + RECORD_WITHIN
        else:
            intent, doubt = self._whose(key)
            ticket = f"{self.boot}-{self._next()}"
            _keep(self._trades, key, _Trade(ticket, intent, now + RECORD_WITHIN))
            traded = _traded(self.device, ticket, intent, record)
            self._tell(BoxTradeDoubted(self.device, ticket, doubt, traded) if doubt else traded)

    def _whose(self, key: TradeKey) -> tuple[str, str]:
        """The purchase whose outcome this is, ended with it, or why it is none; neither for a trade not ours."""
        named = dict(self._named(key))
        for intent, terms in named.items():
            if terms == key.terms:
                self._earlier.pop(intent, None)
                if purchase := self._purchases.get(intent):
                    purchase.until, purchase.traded = None, True
                return intent, ""
        return "", f"not what was asked, or not the first record: {', '.join(named)}" if named else ""

    def _named(self, key: TradeKey) -> Iterator[tuple[str, Terms | None]]:
        """The intents that a record speaks of, each with the terms of its outcome, None if it has one already.

        PSAM and its serial name a purchase of this run. The serial of an earlier one was not written down: its
        intent was, before there was a serial. There terminal, card, its serial and the time do.
        """
        for other, trade in self._trades.items():
            if trade.intent and other.purchase == key.purchase:
                yield trade.intent, None
        for intent, purchase in self._purchases.items():
            answer, asked = purchase.answer, purchase.asked
            same = (asked.terminal, answer and answer.terminal_serial) == (key.terms.terminal, key.terminal_serial)
            if answer and answer.status == GOOD and same:
                yield intent, None if purchase.traded else _terms_of(asked)
        for intent, terms in self._earlier.items():
            if replace(terms, fen=key.terms.fen) == key.terms:
                yield intent, terms

    # --- time and link ---------------------------------------------------------------------------------------

    def _due(self, now: float) -> None:
        if self._wanted and now >= self._wanted[1]:
            random, self._wanted = self._wanted[0], None
            self._tell(PsamDone(self.device, good=False, detail=f"no answer within {AUTHORISE_WITHIN:g} s"))
            self._say(F4.fill({"status": BAD, "random": random}))
        for intent, purchase in self._purchases.items():
            if purchase.until is not None and now >= purchase.until:
                self._give_up(intent, purchase, LATE)
        for trade in self._trades.values():
            if trade.until is not None and now >= trade.until:
                trade.until = None
                self._say(F2(BAD))

    def _lost(self, reason: str) -> None:
        self._connected, self._wanted = False, None
        for intent, purchase in self._purchases.items():
            if purchase.until is not None:
                self._give_up(intent, purchase, f"link lost: {reason}")
        for trade in self._trades.values():
            trade.until = None
        self._tell(BoxDown(self.device, reason))

    def _give_up(self, intent: str, purchase: _Purchase, reason: str) -> None:
        """Without MAC1 no card has paid; with it, nobody knows until the trade record comes."""
        if purchase.answer is None:
            self._not_made(intent, purchase, reason)
        else:
            purchase.until = None
            self._tell(BoxDebitEnded(self.device, intent, "unresolved", reason))

    # --- speaking --------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _say(self, answer: Message) -> None:
        if self._connected:
            self._out.append(Send(F3.encode(0, to_data(answer))))

    def _tell(self, event: BoxEvent | PsamWanted | PsamDone) -> None:
        self._out.append(Tell(event))


def _keep(known: dict[K, V], key: K, value: V) -> None:
    """Remember it, and forget the oldest."""
    known[key] = value
    if len(known) > KEPT:
        del known[next(iter(known))]


def _reason(answer: Answer | None) -> str:
    """Why that is no answer."""
    return answer.reason if isinstance(answer, Refused) else "a platform cannot answer in time for a tag"


def _terms_of(asked: E7) -> Terms:
    return Terms(asked.terminal, asked.card_id, asked.card_serial, asked.fen, bcd_time(asked.trade_time))


def _key_of(record: E2) -> TradeKey:
    at = bcd_time(record.trade_time)
    terms = Terms(record.terminal, record.card.card_id, record.card_serial, record.fen, at)
    return TradeKey(terms, record.terminal_serial, record.tac, record.result)


def _traded(device: str, ticket: str, intent: str, record: E2) -> BoxTraded:
    return BoxTraded(
        device=device,
        ticket=ticket,
        intent=intent,
        result=record.result,
        obu_id=record.obu_id,
        vehicle=vehicle_of(record.vehicle),
        card=card_of(record.card, record.balance, record.station),
        fen=record.fen,
        balance_after=record.balance_after,
        at=bcd_time(record.trade_time),
        entered=bcd_time(record.entry_time),
        terminal=record.terminal,
        terminal_serial=record.terminal_serial,
        card_serial=record.card_serial,
        card_random=record.card_random,
        tac=record.tac,
        algorithm=record.key_type,
        psam=record.psam,
    )
