"""An antenna over time, without I/O and without a clock: init, answers, holding answers, repeats, give-up.

The session talks any dialect. It knows one trade at a time (rsu-protocol 11.3: match the OBUID before acting), and
it decides nothing about money: it says what it read, and carries out `Debit` or `Release` for that very reading.

An answer once sent is sent again when the antenna repeats its question, with one exception: a purchase leaves once.
If the antenna repeats B4 after C6, it gets the holding answer, and evidence decides later what became of the C6.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    AuthorisePsam,
    Debit,
    DebitDone,
    DebitFound,
    DebitNotSent,
    DebitProof,
    DebitUnknown,
    Instant,
    PsamDone,
    PsamWanted,
    ReaderDown,
    ReaderEvent,
    ReaderOrder,
    ReaderUp,
    Release,
    TagRead,
    TagUnreadable,
)
from drivers.reader.authorisation import Authorisation, Step
from drivers.reader.options import ReaderOptions
from protocols.errors import MessageError
from protocols.obu.values import Card, Tag, Vehicle
from protocols.rsu.dialect import Dialect, Holding
from protocols.rsu.framing import Frame, Framer, Noise
from protocols.rsu.messages import (
    Contents,
    Failed,
    FetchTac,
    GoOn,
    Heartbeat,
    Init,
    Order,
    PsamAnswered,
    PsamAsks,
    Purchase,
    Resend,
    Result,
    Status,
    Stop,
    TacFetched,
    TagSeen,
    Word,
)

NO_TAC = "00000000"
"""The purchase was made, its proof could not be read (rsu-protocol 11.3 [2+])."""
RESULT = 0xB5

ANSWER_WITHIN = 0.08
"""Seconds after which a holding answer goes out: F2 repeats after 120 ms (rsu-protocol 5 [KB9, 1])."""
TORN_AFTER = 0.12
"""Seconds after which an unfinished frame is given up: no antenna pauses that long inside one."""
INIT_AGAIN = 2.0
"""Seconds from C0 to B0 at most (KT, rsu-protocol 2.4 [1])."""
INIT_TRIES = 3
READ_WITHIN = 2.0
"""Seconds from B2 to B4 at most; antennas give up after some 1.1 s themselves."""
START_AGAIN = 60.0
"""Seconds after which the words that start the search are said once more behind every good B0.

No antenna confirms C1 or C4: one that has lost them heartbeats and searches for no tag, until the next clock.
"""
AUTHORISE_AGAIN = 300.0
"""Seconds after which a PSAM's authorisation is asked for anew: a platform has that long to answer."""
RESULT_WITHIN = 3.0
"""Seconds from C6 to B5: a whole deduction takes about 0.7 s (CRAZY-S [1])."""
LATE_RESULT = 60.0
"""Seconds for which a B5 still finds the purchase whose outcome was given up, and is not told again."""
TOLD_KEPT = 100
"""B5s that are remembered as told at most: an antenna makes some 60 purchases a minute."""
LOOPS = 3
"""B2 of one tag in a row without getting further (CRAZY-S gives up after 3 [1])."""

ReaderInput = Connected | Disconnected | bytes | ReaderOrder | Tick
ReaderOutput = Send | Emit | Drop


@dataclass(slots=True)
class _Trade:
    """One tag from B2 to its end.

    `phase`: reading, deciding (waits for an order), buying (C6 has left), fetching (its proof was asked for again).
    C6 left at `bought_at`; `failed`: a B5 said so. `rest` is what the B5 before C8 said of this purchase; `made`
    the same, if it was good but for its TAC.
    """

    number: int
    tag: Tag
    sequence: int
    until: float
    phase: str = "reading"
    vehicle: Vehicle | None = None
    card: Card | None = None
    hold_at: float | None = None
    loops: int = 0
    debit: Debit | None = None
    bought_at: float = 0.0
    failed: bool = False
    rest: Result | None = None
    made: Result | None = None

    def is_all_of(self, tag: Tag) -> bool:
        """Whether B2 was all there is to read, and this is that B2 again: our holding answer may ask for it."""
        return self.card is None and self.tag == tag

    def is_about(self, result: Result) -> bool:
        """Whether the answer to C8 has the serials of the purchase that it was asked about."""
        return self.rest is not None and _same_serials(result, self.rest)

    def is_paid(self, balance: int) -> bool:
        """Whether this is the card's balance after the purchase; credit cards count down in 32 bits."""
        if self.card is None or self.debit is None:
            return False
        return balance == (self.card.balance - self.debit.fen) % 2**32


@dataclass(slots=True)
class _Late:
    """A purchase that is over, for a B5 that comes late or again.

    Until `repeats_until` a whole tag with the same `card` may be the frame that was bought on, said once more.
    `told` is what was told of it.
    """

    debit: Debit
    issuer: str
    until: float
    card: Card | None = None
    repeats_until: float = 0.0
    told: Result | None = None


@dataclass(slots=True)
class ReaderSession:
    """One antenna. Feed it with `on`; call it again with `Tick` when `deadline` has come."""

    device: str
    dialect: Dialect
    options: ReaderOptions
    entry: bool
    _out: list[ReaderOutput] = field(default_factory=list)
    _count: int = 0
    _trades: int = 0
    _status: Status | None = None
    _told_down: bool = False
    _connected: bool = False
    _start_at: float | None = None
    _inits: int = 0
    _asked_at: float = 0.0
    _init_at: float | None = None
    _clock_at: float | None = None
    _heard_at: float = 0.0
    _spoke_at: float = 0.0
    _trade: _Trade | None = None
    _quiet: dict[str, float] = field(default_factory=dict)
    _late: dict[str, _Late] = field(default_factory=dict)
    _told: deque[tuple[float, Result]] = field(default_factory=lambda: deque(maxlen=TOLD_KEPT))
    _held: AuthorisePsam | None = None
    _framer: Framer = field(init=False)
    _psams: Authorisation = field(init=False)

    def __post_init__(self) -> None:
        self._framer = self.dialect.framing.framer()
        self._psams = Authorisation(self.device)

    def on(self, what: ReaderInput, now: Instant) -> list[ReaderOutput]:
        """Take one input at this instant; give what follows from it."""
        match what:
            case bytes():
                self._received(what, now)
            case Debit():
                self._order_debit(what, now)
            case Release():
                self._order_release(what, now)
            case AuthorisePsam():
                self._order_authorise(what)
            case Connected():
                self._on_connected(now)
            case Disconnected(reason):
                self._on_disconnected(reason, now)
            case Tick():
                self._on_tick(now)
        if self._held and self._trade is None:
            held, self._held = self._held, None
            self._order_authorise(held)
        out, self._out = self._out, []
        return out

    @property
    def deadline(self) -> float | None:
        """When the next `Tick` is wanted, monotonic; None while there is no connection."""
        if not self._connected:
            return None
        trade = self._trade
        times: list[float | None] = [
            self._spoke_at + self.dialect.silence,
            self._heard_at + TORN_AFTER if self._framer.held else None,
            *((trade.until, trade.hold_at) if trade else (self._init_at, self._clock_at, self._start_at)),
        ]
        return min(time for time in times if time is not None)

    # --- the link ------------------------------------------------------------------------------------------

    def _on_connected(self, now: Instant) -> None:
        self._framer = self.dialect.framing.framer()
        self._connected = True
        self._spoke_at = now.mono
        self._inits = 0
        self._psams.forget()
        self._init(now)

    def _on_disconnected(self, reason: str, now: Instant) -> None:
        self._connected = False
        self._lose_trade(f"link lost: {reason}", now)
        self._status = None
        if not self._told_down:
            self._told_down = True
            self._emit(ReaderDown(self.device, reason))

    def _init(self, now: Instant, answering: int | None = None) -> None:
        """Say C0; to a B0 that nobody asked for as its answer: 98 gets 89 (rsu-protocol 11.1 [2+])."""
        self._inits += 1
        self._asked_at, self._init_at = now.mono, now.mono + INIT_AGAIN
        self._clock_at = self._start_at = None
        word = Init(now.wall, self.entry, self.options.tx_power, self.options.channel)
        self._start(word) if answering is None else self._reply(answering, word)

    def _on_tick(self, now: Instant) -> None:
        if not self._connected:
            return
        while self._framer.held and now.mono >= self._heard_at + TORN_AFTER:
            self._frames(self._framer.resync(), now)
        if now.mono >= self._spoke_at + self.dialect.silence:
            self._drop(f"{self.dialect.silence:g} s 无数据 / silent for {self.dialect.silence:g} s", now)
        if self._trade:
            self._tick_trade(self._trade, now)
        if self._trade is None:  # C0 would end a trade
            self._tick_idle(now)

    def _tick_idle(self, now: Instant) -> None:
        if self._init_at is not None and now.mono >= self._init_at:
            if self._inits < INIT_TRIES:
                self._init(now)
            else:
                self._drop(f"C0 三次无应答 / no answer to C0, {INIT_TRIES} times", now)
        elif self._clock_at is not None and now.mono >= self._clock_at:
            self._init(now)
        elif self._start_at is not None and now.mono >= self._start_at:
            self._start_at = None
            self._authorise((), self._start)

    def _drop(self, reason: str, now: Instant) -> None:
        """Ask for the link to be made anew, once: `Disconnected` follows."""
        self._spoke_at = now.mono
        self._init_at = self._clock_at = self._start_at = None
        self._out.append(Drop(reason))

    def _tick_trade(self, trade: _Trade, now: Instant) -> None:
        if trade.hold_at is not None and now.mono >= trade.hold_at:
            self._hold(trade, now)
        if now.mono < trade.until:
            return
        if trade.debit:
            self._lose_trade(f"no result within {RESULT_WITHIN:g} s", now)
        elif trade.phase == "reading":
            self._emit(TagUnreadable(self.device, trade.tag.obu_id, "lost while reading", 0))
        self._let_go(trade.debit, trade.tag.obu_id, trade.sequence, now)
        self._trade = None

    def _let_go(self, debit: Debit | None, obu_id: str, sequence: int, now: Instant) -> None:
        """Leave a tag; but where tags come whole, Stop is "ignore it" (rsu-protocol 9): a doubt wants it again."""
        if debit is None or self.dialect.stages:
            self._reply(sequence, Stop(obu_id, now.wall))

    # --- frames --------------------------------------------------------------------------------------------

    def _received(self, data: bytes, now: Instant) -> None:
        found = self._framer.feed(data)
        self._heard_at = now.mono
        self._frames(found, now)

    def _frames(self, found: Sequence[Frame | Noise], now: Instant) -> None:
        for frame in found:
            if isinstance(frame, Frame):  # noise is the recorder's business, and no sign of life
                self._spoke_at = now.mono
                self._frame(frame, now)

    def _frame(self, frame: Frame, now: Instant) -> None:
        if not frame.data:
            return  # an empty frame asks for nothing
        try:
            words = self.dialect.hear(self.dialect.decode(frame.data))
        except MessageError:
            self._answer_holding(frame.sequence, "", now)
            return
        if not words:  # only shown to us, and yet F1 wants every frame answered (rsu-protocol 2.4 [DOC-1])
            self._answer_holding(frame.sequence, "", now)
        for word in words:
            self._hear(word, frame.sequence, now)

    def _hear(self, word: Word, sequence: int, now: Instant) -> None:
        match word:
            case Status():
                self._hear_status(word, sequence, now)
            case Heartbeat(fault):
                self._hear_heartbeat(fault, sequence)
            case PsamAsks() | PsamAnswered():
                self._hear_psam(word, sequence)
            case TagSeen(tag):
                self._hear_tag(tag, sequence, now)
            case Contents():
                self._hear_contents(word, sequence, now)
            case Result():
                self._hear_result(word, sequence, now)
            case TacFetched():
                self._hear_tac(word, sequence, now)
            case Failed():
                self._hear_failed(word, sequence, now)
            case _:
                pass  # what only a PC says

    def _hear_status(self, status: Status, sequence: int, now: Instant) -> None:
        # So soon after C0 it is the answer, if need be said again: F2 repeats what we answer late (rsu-protocol 5).
        asked = self._init_at is not None or now.mono < self._asked_at + INIT_AGAIN
        if not asked:  # the antenna has started anew
            self._lose_trade("antenna restarted", now)
            self._psams.forget()
            self._init(now, sequence)
            return
        self._inits = 0
        if status.fault:
            self._init_at = now.mono + INIT_AGAIN  # report it and say C0 again (rsu-protocol 11.1 [2+])
            self._answer_holding(sequence, "", now)
        else:
            self._init_at = None
            self._clock_at = now.mono + self.options.clock_minutes * 60
            self._start_at = now.mono + START_AGAIN
            wanted = self.options.security != "rsu" and self.dialect.authorises_psams
            steps = self._psams.begin(status.slots if wanted else ())
            self._authorise(steps, partial(self._reply, sequence))
            if self._psams.waiting:  # whoever does not answer is asked anew, with C0
                self._clock_at = now.mono + AUTHORISE_AGAIN
        self._tell_status(status)

    def _authorise(self, steps: Sequence[Step], say: Callable[[Order], None]) -> None:
        """Carry out what the PSAMs want; it searches when they are authorised: before, it cannot trade (law 8)."""
        for step in steps:
            if isinstance(step, PsamWanted | PsamDone):
                self._emit(step)
            else:
                say(step)
        if not self._psams.waiting and self._trade is None:  # they would end a trade
            for word in self.dialect.starting:
                say(word)

    def _hear_psam(self, word: PsamAsks | PsamAnswered, sequence: int) -> None:
        if self._psams.waiting:
            self._authorise(self._psams.on(word, self._terminal()), partial(self._reply, sequence))

    def _order_authorise(self, order: AuthorisePsam) -> None:
        if self._trade:  # an antenna that says "not authorised" may trade all the same: after that
            self._held = order
        elif self._connected and self._psams.waiting:
            self._authorise(self._psams.on(order, ""), self._start)
        else:
            self._emit(PsamDone(self.device, good=False, detail="the request is over"))

    def _terminal(self) -> str:
        """Of the antenna's first PSAM, for messages that do not name it."""
        return next(iter(self._status.terminals), "") if self._status else ""

    def _hear_heartbeat(self, fault: int, sequence: int) -> None:
        if self.dialect.heartbeat_answer and self._trade is None:  # Yunnan's is a C2, which would end a trade
            self._reply(sequence, self.dialect.heartbeat_answer)
        if self._status:
            self._tell_status(replace(self._status, fault=fault))

    def _tell_status(self, status: Status) -> None:
        if status != self._status:
            self._status, self._told_down = status, False
            up = ReaderUp(self.device, status.terminals, status.authorised, status.version, status.fault)
            self._emit(up)

    def _hear_tag(self, tag: Tag, sequence: int, now: Instant) -> None:
        trade = self._trade
        own = trade is not None and trade.tag.obu_id == tag.obu_id
        if trade and trade.phase != "reading" and (not own or trade.is_all_of(tag)):
            self._hold_soon(trade, sequence, now)
            return
        if self._is_quiet(tag.obu_id, now) and not own:
            self._reply(sequence, Stop(tag.obu_id, now.wall))
            return
        loops = trade.loops + 1 if trade and own and trade.phase == "reading" else 0
        known = trade.vehicle if trade and trade.tag == tag else None  # B2 repeated: B3 may have come between
        self._lose_trade("the tag was found anew before the result", now)
        if loops > LOOPS:
            self._emit(TagUnreadable(self.device, tag.obu_id, "B2 again and again", 0))
            self._reply(sequence, Stop(tag.obu_id, now.wall))
            return
        self._trades += 1
        self._trade = _Trade(self._trades, tag, sequence, now.mono + READ_WITHIN, vehicle=known, loops=loops)
        if tag.has_card and not (tag.card_error or tag.locked or tag.removed):
            self._reply(sequence, GoOn(tag.obu_id, tag.issuer))
        else:
            self._decide(self._trade, now)  # there is no more to read, or nobody would trade with it

    def _hear_contents(self, contents: Contents, sequence: int, now: Instant) -> None:
        trade = self._trade
        if trade and trade.phase != "reading":
            self._hold_soon(trade, sequence, now)
        elif contents.tag:
            self._hear_whole(contents, contents.tag, sequence, now)
        elif trade and trade.tag.obu_id == contents.obu_id:
            trade.sequence = sequence
            trade.vehicle = contents.vehicle or trade.vehicle
            trade.card = contents.card or trade.card
            if trade.card:
                self._decide(trade, now)
            else:
                self._reply(sequence, GoOn(trade.tag.obu_id, trade.tag.issuer))
        else:
            self._reply(sequence, Stop(contents.obu_id, now.wall))

    def _hear_whole(self, contents: Contents, tag: Tag, sequence: int, now: Instant) -> None:
        """A tag that comes in one frame with all it holds."""
        late = self._late.get(tag.obu_id)
        if late and not late.told and now.mono < late.repeats_until and contents.card == late.card:
            return  # maybe the frame that was bought on, said again: no evidence that nothing was taken
        if self._is_quiet(tag.obu_id, now):
            self._reply(sequence, Stop(tag.obu_id, now.wall))
            return
        self._trades += 1
        self._trade = _Trade(self._trades, tag, sequence, 0.0, vehicle=contents.vehicle, card=contents.card)
        self._decide(self._trade, now)

    def _decide(self, trade: _Trade, now: Instant) -> None:
        trade.phase = "deciding"
        trade.until = now.mono + self.dialect.trade_window
        trade.hold_at = now.mono + ANSWER_WITHIN
        self._emit(TagRead(self.device, trade.number, trade.tag, trade.vehicle, trade.card))

    def _hear_result(self, result: Result, sequence: int, now: Instant) -> None:
        trade = self._trade
        if trade and trade.debit and _belongs(result, trade.debit):
            self._hear_own_result(trade, result, sequence, now)
            return
        issuer = self._issuer_of(result.obu_id)
        self._reply(sequence, GoOn(result.obu_id, issuer))
        if not any(now.mono < until and _is_nothing_new(result, told) for until, told in self._told):
            self._hear_other_result(result, issuer, now)

    def _hear_other_result(self, result: Result, issuer: str, now: Instant) -> None:
        """A purchase that is not under way: one of this run, late, or one that this run did not ask for."""
        late = self._late.get(result.obu_id)
        if late is None or now.mono >= late.until or not _belongs(result, late.debit):
            self._tell_found(result, now)
        elif late.told is None or (late.told.tac == NO_TAC and _same_serials(result, late.told)):
            self._tell_done(late.debit, result, issuer, now)
        else:
            self._tell_found(result, now)

    def _tell_found(self, result: Result, now: Instant) -> None:
        """Tell of a purchase that an earlier run may have ordered: the second in its TAC says which."""
        self._told.append((now.mono + LATE_RESULT, result))
        if result.at:
            self._emit(DebitFound(self.device, result.obu_id, self._proof(result, result.at)))
        else:
            self._emit(TagUnreadable(self.device, result.obu_id, f"B5 without a time, TAC {result.tac}", 0))

    def _hear_own_result(self, trade: _Trade, result: Result, sequence: int, now: Instant) -> None:
        if trade.phase == "fetching" and result.tac == NO_TAC and result == trade.rest:
            self._reply(sequence, FetchTac(trade.tag.obu_id, result.card_serial))  # said again: the same answer
        elif trade.phase == "fetching" and result.tac != NO_TAC and trade.is_about(result):
            # LEIZI's answer to C8 leaves in CardBalance what stood there before [1]: not a balance to be trusted.
            self._settle(trade, trade.made or replace(result, balance=None), result.tac, sequence, now)
        elif trade.phase == "fetching":
            self._hear_other_proof(trade, result, sequence, now)
        elif result.tac == NO_TAC and self._fetch(trade, result, sequence, now):
            trade.made = result
        else:
            self._settle(trade, result, result.tac, sequence, now)

    def _hear_other_proof(self, trade: _Trade, result: Result, sequence: int, now: Instant) -> None:
        """C8 found no TAC, or one of other serials than it was asked about: told, but not as the outcome."""
        found = "no TAC" if result.tac == NO_TAC else f"TAC {result.tac}, which is none"
        self._not_fetched(trade, f"C8 found {found} of this purchase", sequence, now)
        if trade.made and result.tac != NO_TAC:
            self._tell_found(result, now)
        else:
            self._told.append((now.mono + LATE_RESULT, result))

    def _fetch(self, trade: _Trade, about: Result | None, sequence: int, now: Instant) -> bool:
        """Ask once for the proof of this purchase, where the dialect can (rsu-protocol 11.3 [2+]).

        Only if the B5 names the card's serial of this very purchase: else C8 may find the TAC of the one before.
        """
        if about is None or trade.debit is None or not _belongs(about, trade.debit) or not about.card_serial:
            return False
        if trade.phase != "buying" or not self.dialect.fetches_tac:
            return False
        trade.phase, trade.rest, trade.until = "fetching", about, now.mono + RESULT_WITHIN
        self._reply(sequence, FetchTac(trade.tag.obu_id, about.card_serial))
        return True

    def _hear_tac(self, fetched: TacFetched, sequence: int, now: Instant) -> None:
        trade = self._trade
        if trade is None or trade.phase != "fetching" or fetched.obu_id != trade.tag.obu_id:
            self._reply(sequence, GoOn(fetched.obu_id, self._issuer_of(fetched.obu_id)))
        elif trade.rest is None or not trade.is_paid(fetched.balance):
            # Which serial C8 wants is not beyond doubt (gbt20851 4.3): the proof of the purchase before is none.
            self._not_fetched(trade, f"C8 found a TAC, but the balance is {fetched.balance}", sequence, now)
        else:
            self._settle(trade, replace(trade.rest, balance=fetched.balance), fetched.tac, sequence, now)

    def _not_fetched(self, trade: _Trade, reason: str, sequence: int, now: Instant) -> None:
        """A purchase that the antenna reported without its TAC was made all the same."""
        self._lose_trade(reason, now)
        self._reply(sequence, Stop(trade.tag.obu_id, now.wall))

    def _settle(self, trade: _Trade, result: Result, tac: str, sequence: int, now: Instant) -> None:
        self._reply(sequence, GoOn(trade.tag.obu_id, trade.tag.issuer))
        self._trade = None
        if trade.debit:
            self._tell_done(trade.debit, replace(result, tac=tac), trade.tag.issuer, now)

    def _issuer_of(self, obu_id: str) -> str:
        """The issuer of a tag that is in trade or has paid lately; zeros for any other."""
        if self._trade and self._trade.tag.obu_id == obu_id:
            return self._trade.tag.issuer
        late = self._late.get(obu_id)
        return late.issuer if late else "0" * 16

    def _tell_done(self, debit: Debit, result: Result, issuer: str, now: Instant) -> None:
        self._remember(_Late(debit, issuer, now.mono + LATE_RESULT, told=result), now)
        self._told.append((now.mono + LATE_RESULT, result))
        self._emit(DebitDone(self.device, debit.intent, self._proof(result, debit.at)))

    def _proof(self, result: Result, at: datetime) -> DebitProof:
        return DebitProof(
            terminal=result.terminal or self._terminal(),
            terminal_serial=result.terminal_serial,
            card_serial=result.card_serial,
            tac=result.tac,
            trade_type=result.trade_type,
            algorithm=result.algorithm,
            at=at,
            balance=result.balance,
        )

    def _hear_failed(self, failed: Failed, sequence: int, now: Instant) -> None:
        trade = self._trade
        if trade and trade.tag.obu_id != failed.obu_id:
            self._hold_soon(trade, sequence, now)
            return
        if trade and trade.phase == "fetching" and failed.rest and failed.rest == trade.rest:
            self._reply(sequence, FetchTac(failed.obu_id, failed.rest.card_serial))  # said again: the same answer
            return
        meaning = self.dialect.codes.get((failed.command, failed.code), "")
        reason = f"the antenna reports {failed.command:02X} error {failed.code:02X} {meaning}".rstrip()
        if trade and trade.debit:
            trade.failed = True
            doubtful = failed.command == RESULT and failed.code in self.dialect.doubtful
            if doubtful and self._fetch(trade, failed.rest, sequence, now):
                return
            self._lose_trade(reason, now)
        elif not self._is_quiet(failed.obu_id, now):
            self._emit(TagUnreadable(self.device, failed.obu_id, f"{failed.command:02X}", failed.code))
        self._trade = None
        self._let_go(trade.debit if trade else None, failed.obu_id, sequence, now)

    # --- orders --------------------------------------------------------------------------------------------

    def _order_debit(self, debit: Debit, now: Instant) -> None:
        trade = self._trade
        if trade is None or trade.number != debit.trade or trade.phase != "deciding" or trade.card is None:
            self._emit(DebitNotSent(self.device, debit.intent, "this reading of the tag is over"))
            return
        if now.mono >= trade.until:
            self._emit(DebitNotSent(self.device, debit.intent, "the antenna's trade window is over"))
            return
        late = self._late.get(debit.obu_id)
        if late and now.mono < late.until and _second(late.debit.at) == _second(debit.at):
            # The second is all that tells one purchase's B5 from another's.
            self._emit(DebitNotSent(self.device, debit.intent, "this tag was debited for in the same second"))
            return
        trade.phase, trade.debit = "buying", debit
        trade.bought_at, trade.until, trade.hold_at = now.mono, now.mono + RESULT_WITHIN, None
        card, station = trade.card, debit.station or trade.card.station
        purchase = Purchase(debit.obu_id, card.issuer, debit.fen, debit.at, station, debit.entered)
        self._reply(trade.sequence, purchase)

    def _order_release(self, release: Release, now: Instant) -> None:
        self._quiet = {obu: until for obu, until in self._quiet.items() if until > now.mono}
        if release.quiet:
            self._quiet[release.obu_id] = now.mono + release.quiet
        trade = self._trade
        if trade and trade.tag.obu_id == release.obu_id and trade.debit is None:
            self._reply(trade.sequence, Stop(release.obu_id, now.wall))
            self._trade = None

    def _is_quiet(self, obu_id: str, now: Instant) -> bool:
        return self._quiet.get(obu_id, 0.0) > now.mono

    def _lose_trade(self, reason: str, now: Instant) -> None:
        """End the trade; if its purchase has left and was not reported made, what became of it is unknown."""
        trade, self._trade = self._trade, None
        if trade and trade.debit and trade.made:
            self._tell_done(trade.debit, trade.made, trade.tag.issuer, now)
        elif trade and trade.debit:
            # C6 left at most a trade window behind the frame that it answers, from which `reread` counts.
            read_anew = trade.bought_at - self.dialect.trade_window + self.dialect.reread
            repeats_until = 0.0 if trade.failed else read_anew
            late = _Late(trade.debit, trade.tag.issuer, now.mono + LATE_RESULT, trade.card, repeats_until)
            self._remember(late, now)
            self._emit(DebitUnknown(self.device, trade.debit.intent, reason))

    def _remember(self, purchase: _Late, now: Instant) -> None:
        self._late = {obu: late for obu, late in self._late.items() if late.until > now.mono}
        self._late[purchase.debit.obu_id] = purchase

    # --- speaking ------------------------------------------------------------------------------------------

    def _hold_soon(self, trade: _Trade, sequence: int, now: Instant) -> None:
        """Answer a frame that must not end this trade: Stop would, whatever its OBUID (rsu-protocol 3 [2+])."""
        trade.sequence = sequence
        if trade.hold_at is None:
            trade.hold_at = now.mono + ANSWER_WITHIN

    def _hold(self, trade: _Trade, now: Instant) -> None:
        trade.hold_at = None
        self._answer_holding(trade.sequence, trade.tag.obu_id, now)

    def _answer_holding(self, sequence: int, obu_id: str, now: Instant) -> None:
        if not self.options.holding:
            return
        if self.dialect.holding is Holding.EMPTY:
            self._send(self.dialect.framing.reply(sequence, self._count), b"")
        elif self.dialect.holding is Holding.RESEND and obu_id:
            self._reply(sequence, Resend(obu_id, now.wall))

    def _reply(self, sequence: int, word: Order) -> None:
        self._send(self.dialect.framing.reply(sequence, self._count), self.dialect.encode(word))

    def _start(self, word: Order) -> None:
        self._send(self.dialect.framing.start(self._count), self.dialect.encode(word))

    def _send(self, sequence: int, data: bytes) -> None:
        self._count += 1
        self._out.append(Send(self.dialect.framing.encode(sequence, data)))

    def _emit(self, event: ReaderEvent) -> None:
        self._out.append(Emit(event))


def _belongs(result: Result, debit: Debit) -> bool:
    """Same tag, and the same second in the TAC: that is all that the wire holds."""
    return result.obu_id == debit.obu_id and result.at == _second(debit.at)


def _second(at: datetime) -> datetime:
    return at.replace(microsecond=0)


def _is_nothing_new(result: Result, told: Result) -> bool:
    """Whether this tells of the same purchase, and brings no TAC that was not told."""
    of_it = (result.obu_id, result.at) == (told.obu_id, told.at) and _same_serials(result, told)
    return of_it and result.tac in (NO_TAC, told.tac)


def _same_serials(one: Result, other: Result) -> bool:
    return (one.card_serial, one.terminal_serial) == (other.card_serial, other.terminal_serial)
