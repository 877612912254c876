"""A simulated antenna: a foreign device to the gateway, of any dialect, with faults to order.

`Antenna` is sans-IO: bytes and a clock in, bytes out. `serve_tcp` and `serve_serial` put it on a wire; from the
shell: `python -m tools.rsu --dialect wanji --tcp 9527`, then `help`.
"""

import argparse
import asyncio
import fcntl
import json
import os
import re
import signal
import struct
import sys
import termios
import threading
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from math import inf
from pathlib import Path
from typing import Final, cast

from protocols.errors import MessageError
from protocols.rsu import messages
from protocols.rsu.dialect import Dialect, Holding, load, names
from protocols.rsu.framing import Frame, Noise
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
    PsamAuthorise,
    PsamInit,
    Purchase,
    Report,
    Resend,
    Result,
    Status,
    Stop,
    TacFetched,
    TagSeen,
)
from tools.cards import DEFECTS, Bought, CardRefused, SimulatedTag, make_tag, plate_number, truth

TERMINAL: Final = "990100000001"
RESULT_COMMAND: Final = 0xB5
TAC_COMMAND: Final = 0xB8
NO_DSRC: Final = 0x01  # B5 "no DSRC data": the outcome is unknown (rsu-protocol 7.1 [1])
NO_PROOF: Final = 0x04  # B8 "EF04 failed or absent, TAC failed" (rsu-protocol 7.1 [1])
PSAM_FAILED: Final = 0x05  # B4 "decryption (PSAM) failed" (rsu-protocol 7.1 [1])
TAC_FAILED: Final = 0x08  # B5 "TAC calculation failed" (rsu-protocol 7.1 [1])
REFUSED_BY_CARD: Final = 0x11  # "purchase failed" in F2 (rsu-protocol 7.1 [1]), purchase-init in LEIZI's F1 (4 [1])
NO_CARD_DATA: Final = 0x11  # B4 "no card data" (rsu-protocol 7.1 [1])
NO_TAC: Final = "00000000"
GOOD_SW: Final = "9000"
WRONG_MAC: Final = "9302"  # MAC error (gbt20851 4.4 [2+])
SLOT: Final = 1  # of its only PSAM
COMPOSITE: Final = 9  # TransType of B5 (rsu-protocol 4, 7 [cap])
VERSION: Final = "2001"  # RSUVersion is 2000h or more (rsu-protocol 7)
HALF_FRAME_LIFE: Final = 0.1  # s without a byte after which an unfinished frame is given up
CHUNK_GAP: Final = 0.005  # s between chunks, so that a torn frame arrives torn
MAX_PORT: Final = 65535
STALE: Final = 2.0  # s that bytes lie unread on a serial line before nobody counts as listening


@dataclass(frozen=True, slots=True)
class Manner:
    """How the antennas of one family keep time, in seconds.

    An unanswered frame is said `repeats` times more, `patience` apart, then its tag is dropped. `power_up` is the
    sequence byte of an unasked B0, None where it is like any other.
    """

    heartbeat: float
    first_heartbeat: float
    patience: float
    repeats: int
    power_up: int | None


MANNERS: Mapping[str, Manner] = {
    # rsu-protocol 2.3, 2.4: heartbeats 3 s to 1 min apart [DOC-1], tag dropped after some 1.1 s [1: LEIZI].
    "F1": Manner(heartbeat=5.0, first_heartbeat=5.0, patience=1.1, repeats=0, power_up=0x98),
    # rsu-protocol 5: heartbeat 10 s [2+], 3 repeats 120 ms apart [1: KB9]; 6: the next frame after C4 is B1 [cap].
    "F2": Manner(heartbeat=10.0, first_heartbeat=0.0, patience=0.12, repeats=3, power_up=None),
    # rsu-protocol 9: no repeats known; the times are not stated [inf].
    "F3": Manner(heartbeat=10.0, first_heartbeat=10.0, patience=1.1, repeats=0, power_up=None),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """What goes wrong with one tag's frames.

    With its first purchase: `lose_result` its B5 is never said; `no_tac` it has no TAC, C8 would bring it;
    `result_code` the ErrorCode of its B5, which ends there unless only the TAC is missing; `refuses` nothing was
    taken. `late_result`: seconds that B5 is late; `outlives_c0`: it comes though the PC has started anew since.

    With any frame: `noise` bytes before it; `torn` it comes in two halves. `mute`: seconds that the antenna is deaf
    and dumb from when it would first see the tag. `flood`: how many times more the very first frame is said at
    once. `again`: seconds after which the tag is found again though it has paid.
    """

    lose_result: bool = False
    no_tac: bool = False
    result_code: int = 0
    refuses: bool = False
    late_result: float = 0.0
    outlives_c0: bool = False
    noise: bytes = b""
    torn: bool = False
    mute: float = 0.0
    flood: int = 0
    again: float = inf


SOUND: Final = Faults()
FAULTS: Mapping[str, Faults] = {
    "lose-result": Faults(lose_result=True),
    "late-result": Faults(late_result=1.5),
    "result-after-restart": Faults(late_result=5.0, outlives_c0=True),
    "result-error": Faults(refuses=True, result_code=REFUSED_BY_CARD),
    "result-error-but-paid": Faults(result_code=NO_DSRC),
    "no-tac": Faults(no_tac=True),
    "tac-failed": Faults(no_tac=True, result_code=TAC_FAILED),
    "noise": Faults(noise=bytes.fromhex("00fe42ff0055")),
    "torn": Faults(torn=True),
    "mute": Faults(mute=3.0),
    "flood": Faults(flood=20),
    "again": Faults(again=1.0),
}
"""Faults of the air and the line, by the name that scenarios and shells use; those of a tag are `DEFECTS`."""


class Phase(Enum):
    """What an antenna waits for in a trade."""

    READING = auto()  # GoOn, which brings the next frame
    OFFER = auto()  # Purchase or Stop: the card is read
    TRADING = auto()  # its own work; no order is heard
    PAID = auto()  # GoOn, which ends the trade, or FetchTac
    FAILED = auto()  # GoOn or Stop: the tag will be searched again; or FetchTac


TAC_MAY_BE_ASKED: Final = (Phase.OFFER, Phase.PAID, Phase.FAILED)


@dataclass(slots=True, eq=False)
class Presence:
    """A tag in the zone; `search_at` is when the antenna next looks for it, `inf` once it has paid."""

    tag: SimulatedTag
    faults: Faults
    search_at: float = -inf


@dataclass(slots=True)
class Trade:
    """One tag's way from B2 to B5. `frame` is the one said last; `due` when something happens without the PC."""

    presence: Presence
    frame: Frame
    phase: Phase = Phase.READING
    stage: int = 0
    said_at: float = -inf
    due: float = inf
    repeats: int = 0
    answered: bool = False
    result: Result | Failed | TacFetched | None = None

    @property
    def obu_id(self) -> str:
        """The tag's."""
        return self.presence.tag.tag.obu_id


def _nothing(*_: object) -> None:
    """For who does not watch."""


class Antenna:
    """An antenna of any dialect with tags in its zone; `now` is monotonic seconds of any clock, and never steps.

    It hears and says the words of `protocols.rsu.messages`. `sold(tag, purchase)` is called when the card has paid,
    before anything is said of it; `trace("<" or ">", frame)` for each one heard or said. `unasked` says B0 to
    whoever connects (rsu-protocol 11.1, 5 [1: XTX]).

    `authorised` is what B0 says of its PSAM; captured antennas say no, and trade (rsu-protocol 7 [cap]). With a
    `mac`, or what makes one from the antenna's request, it reads no tag until it was given that MAC.
    """

    def __init__(
        self,
        dialect: Dialect,
        terminal: str = TERMINAL,
        *,
        trade_time: float = 0.15,
        search_again: float = 0.5,
        unasked: bool = False,
        authorised: bool = False,
        mac: str | Callable[[PsamAsks], str] | None = None,
        sold: Callable[[SimulatedTag, Bought], None] = _nothing,
        trace: Callable[[str, Frame], None] = _nothing,
    ) -> None:
        self.dialect = dialect
        self.terminal = terminal
        self.terminal_serial = 0
        self.radiating = False
        self.authorised = authorised
        self.wanted_answers = 0
        self.answer_times: list[float] = []
        self.ignored_purchases = 0
        self._trade_time = trade_time
        self._search_again = search_again
        self._unasked = unasked
        self._mac = mac
        self._asks: PsamAsks | None = None
        self._asked = 0
        self._sold = sold
        self._trace = trace
        self._manner = MANNERS[dialect.framing.family]
        self._framer = dialect.framing.framer()
        self._heard_at = -inf
        self._initialised = False
        self._zone: dict[str, Presence] = {}
        self._seen_at: dict[str, float] = {}
        self._trade: Trade | None = None
        self._heartbeat_at = inf
        self._mute_until = -inf
        self._said = 0

    # --- the zone -------------------------------------------------------------------------------------------

    def enter(self, tag: SimulatedTag, faults: Faults = SOUND) -> None:
        """The tag is in the zone from now on. Raises MessageError if this dialect has no bytes for it."""
        whole = Contents(tag.tag.obu_id, tag.vehicle, tag.card)
        for word in (TagSeen(tag.tag), whole) if self.dialect.stages else (replace(whole, tag=tag.tag),):
            self.dialect.encode(word)
        seen_at = self._seen_at.get(tag.tag.obu_id, -inf)
        self._zone[tag.tag.obu_id] = Presence(tag, faults, seen_at + self.dialect.reread)

    def leave(self, tag: SimulatedTag) -> bool:
        """It is not any more; gives whether it was. A purchase under way is finished: the card has paid."""
        gone = self._zone.pop(tag.tag.obu_id, None)
        trade = self._trade
        if trade and trade.presence is gone and trade.phase in (Phase.READING, Phase.OFFER):
            self._trade = None
        return gone is not None

    # --- bytes and time -------------------------------------------------------------------------------------

    @property
    def deadline(self) -> float | None:
        """When `tick` wants to be called next; None if nothing will happen without the PC."""
        if not self._initialised:
            return None
        if self._trade:
            soonest = self._trade.due
        else:
            searches = [present.search_at for present in self._zone.values() if self._searches]
            soonest = min([self._heartbeat_at, *searches])
        return max(soonest, self._mute_until)

    def on_connect(self) -> list[bytes]:
        """A PC is newly there: half a frame from the last one counts for nothing."""
        self._framer = self.dialect.framing.framer()
        return [self._put(self._frame(self._status(), self._manner.power_up))] if self._unasked else []

    def on_bytes(self, data: bytes, now: float) -> list[bytes]:
        """Take what the PC says; give the chunks to be written."""
        stale = data and now - self._heard_at > HALF_FRAME_LIFE
        found = [*(self._framer.resync() if stale else ()), *self._framer.feed(data)]
        if data:
            self._heard_at = now
        chunks = self.tick(now)
        for item in found:
            if now < self._mute_until or isinstance(item, Noise):
                continue
            self._trace("<", item)
            chunks += self._on_data(item.data, now)
        return chunks + self.tick(now)

    def tick(self, now: float) -> list[bytes]:
        """Do what is due; give the chunks to be written."""
        if now < self._mute_until or not self._initialised:
            return []
        chunks = self._overdue(self._trade, now) if self._trade and self._trade.due <= now else []
        if self._trade is None and self._heartbeat_at <= now:
            self._heartbeat_at = now + self._manner.heartbeat
            chunks.append(self._put(self._frame(Heartbeat(0))))
        if self._trade is None and self._searches:
            chunks += self._search(now)
        return chunks

    # --- what it hears --------------------------------------------------------------------------------------

    def _on_data(self, data: bytes, now: float) -> list[bytes]:
        if not data:
            return self._hold(now)
        try:
            words = self.dialect.hear(self.dialect.decode(data))
        except MessageError:
            return []  # a real antenna, too, says nothing to what it does not know
        return [chunk for word in words for chunk in self._on_word(word, now)]

    def _on_word(self, word: Order | Report, now: float) -> list[bytes]:
        match word:
            case Init():
                return self._initialise(now)
            case messages.Antenna(on=on) if self._initialised:
                return self._switch(now, on=on)
            case GoOn(obu_id) if self._initialised and not int(obu_id, 16):
                # The other way to start the search (rsu-protocol 2.4, 11.1 [2+]).
                self.radiating = True
            case Purchase():
                return self._purchase(word, now)
            case FetchTac():
                self._fetch(word, now)
            case PsamInit(slot):
                return [self._put(self._frame(self._psam_asks(slot)))]
            case PsamAuthorise(mac=mac):
                return [self._put(self._frame(self._psam_answer(mac)))]
            case GoOn() | Stop() | Resend() if self._trade and self._trade.phase is not Phase.TRADING:
                return self._guide(self._trade, word, now)
        return []

    def _initialise(self, now: float) -> list[bytes]:
        self._initialised, self.radiating = True, False
        trade = self._trade
        if not (trade and trade.phase is Phase.TRADING and trade.presence.faults.outlives_c0):
            self._trade = None
        self._heartbeat_at = now + self._manner.heartbeat
        self._seen_at.clear()
        for present in self._zone.values():
            present.search_at = now
        return [self._put(self._frame(self._status()))]

    def _switch(self, now: float, *, on: bool) -> list[bytes]:
        self.radiating = on
        if on:
            self._heartbeat_at = now + self._manner.first_heartbeat
        elif self._trade and self._trade.phase is not Phase.TRADING:
            self._drop(self._trade, now)
        return []

    def _hold(self, now: float) -> list[bytes]:
        """The empty answer keeps a tag waiting where the dialect has no word for that (F1)."""
        trade = self._trade
        if trade and trade.phase is not Phase.TRADING and self.dialect.holding is Holding.EMPTY:
            self._answer(trade, now)
            trade.due = now + self._manner.patience
        return []

    def _guide(self, trade: Trade, word: GoOn | Stop | Resend, now: float) -> list[bytes]:
        """Stop ends a trade whatever its OBUID (rsu-protocol 3 [2+]); the others must name the tag."""
        match word, trade.phase:
            case Stop(), _:
                self._answer(trade, now)
                self._drop(trade, now)
            case _ if word.obu_id != trade.obu_id:
                pass
            case Resend(), _:
                self._answer(trade, now)
                return self._expect(trade, now)
            case GoOn(), Phase.READING:
                self._answer(trade, now)
                return self._read_on(trade, now)
            case GoOn(), Phase.PAID:
                self._answer(trade, now)
                self._drop(trade, now, trade.presence.faults.again)
            case GoOn(), Phase.FAILED:
                self._answer(trade, now)
                self._drop(trade, now)
        return []

    # --- its PSAM -------------------------------------------------------------------------------------------

    @property
    def _locked(self) -> bool:
        """Whether its PSAM still wants a MAC, without which no tag can be read."""
        return self._mac is not None and not self.authorised

    @property
    def _searches(self) -> bool:
        """Whether it looks for tags; where the first frame needs the PSAM, a locked one finds none."""
        return self.radiating and not (self._locked and not self.dialect.stages)

    def _psam_asks(self, slot: int) -> PsamAsks:
        """What the platform is to know, made up; a new random each time."""
        self._asked += 1
        asks = PsamAsks(
            fault=int(slot != SLOT),
            slot=slot,
            terminal=self.terminal,
            number="99010000000000000001",
            version=5,
            key_type=0,
            area="9901000199010001",
            random=f"5a5a5a5a{self._asked:08x}",
            needless=self.authorised,
        )
        try:
            self.dialect.encode(asks)
        except MessageError:  # BD has room for half of the area code only
            asks = replace(asks, area=asks.area[:8])
        self._asks = asks
        return asks

    def _psam_answer(self, mac: str) -> PsamAnswered:
        """Good once, for the MAC of the last request."""
        asks, self._asks = self._asks, None
        if asks is None or asks.fault or mac != (self._mac(asks) if callable(self._mac) else self._mac):
            return PsamAnswered(1, WRONG_MAC)
        self.authorised = True
        return PsamAnswered(0, GOOD_SW)

    # --- the trade ------------------------------------------------------------------------------------------

    def _search(self, now: float) -> list[bytes]:
        present = next((p for p in self._zone.values() if p.search_at <= now), None)
        if present is None:
            return []
        if present.faults.mute:
            self._mute_until = now + present.faults.mute
            present.faults = replace(present.faults, mute=0.0)
            return []
        self._seen_at[present.tag.tag.obu_id] = now
        self._trade = self._first_sight(present)
        chunks = self._expect(self._trade, now) * (1 + present.faults.flood)
        present.faults = replace(present.faults, flood=0)
        return chunks

    def _first_sight(self, present: Presence) -> Trade:
        """B2; or where there is none, all at once."""
        tag = present.tag
        if self.dialect.stages:
            return Trade(present, self._frame(TagSeen(tag.tag)))
        whole = Contents(tag.tag.obu_id, tag.vehicle, tag.card, tag.tag)
        return Trade(present, self._frame(whole), Phase.OFFER)

    def _read_on(self, trade: Trade, now: float) -> list[bytes]:
        """The next stage. The vehicle is always named: a frame without room for it leaves it out."""
        tag, brings = trade.presence.tag, self.dialect.stages[trade.stage]
        card = tag.card if "card" in brings else None
        contents = Contents(trade.obu_id, tag.vehicle, card)
        trade.stage += 1
        if self._locked or (card and not tag.tag.has_card):
            command = self.dialect.encode(contents)[0]
            failed = Failed(trade.obu_id, command, PSAM_FAILED if self._locked else NO_CARD_DATA)
            return self._ask(trade, failed, Phase.FAILED, now)
        last = trade.stage == len(self.dialect.stages)
        return self._ask(trade, contents, Phase.OFFER if last else Phase.READING, now)

    def _purchase(self, word: Purchase, now: float) -> list[bytes]:
        trade = self._trade
        if trade is None or trade.phase is not Phase.OFFER or word.obu_id != trade.obu_id:
            self.ignored_purchases += 1
            return []
        self._answer(trade, now)
        trade.phase = Phase.TRADING
        trade.due = now + self._trade_time + trade.presence.faults.late_result
        trade.result = self._sell(trade, word)
        return []

    def _sell(self, trade: Trade, word: Purchase) -> Result | Failed | None:
        """Take the money; what to say of it, None if that gets lost."""
        tag, present = trade.presence.tag, trade.presence
        faults = present.faults
        if faults.refuses or not tag.tag.has_card:
            present.faults = _without_result_faults(faults)
            return self._failed(trade, faults.result_code or REFUSED_BY_CARD)
        try:
            tag.purchase(word.fen, word.at, self.terminal, self.terminal_serial + 1)
        except CardRefused:
            return self._failed(trade, REFUSED_BY_CARD)
        self.terminal_serial += 1
        self._sold(tag, tag.purchases[-1])
        present.faults = _without_result_faults(faults)
        if faults.lose_result:
            return None
        result = _result(trade.obu_id, tag.purchases[-1])
        rest = replace(result, tac=NO_TAC) if faults.no_tac else None
        if faults.result_code == TAC_FAILED:  # or what this dialect calls it
            known = self.dialect.doubtful or {TAC_FAILED}
            return self._failed(trade, TAC_FAILED if TAC_FAILED in known else max(known), rest)
        return self._failed(trade, faults.result_code, rest) if faults.result_code else rest or result

    def _failed(self, trade: Trade, code: int, rest: Result | None = None) -> Failed:
        """A B5 with an ErrorCode; where it has no short form, the rest of it says nothing."""
        failed = Failed(trade.obu_id, RESULT_COMMAND, code, rest)
        try:
            self.dialect.encode(failed)
        except MessageError:
            nothing = Result(trade.obu_id, self.terminal, 0, 0, NO_TAC, 0, 0, None, 0)
            return replace(failed, rest=nothing)
        return failed

    def _fetch(self, word: FetchTac, now: float) -> None:
        trade = self._trade
        if trade is None or trade.phase not in TAC_MAY_BE_ASKED or word.obu_id != trade.obu_id:
            return
        self._answer(trade, now)
        trade.phase, trade.due = Phase.TRADING, now + self._trade_time
        trade.result = self._proof(trade, word.card_serial)

    def _proof(self, trade: Trade, card_serial: int) -> Result | Failed | TacFetched:
        """B8 where the dialect has it, else a B5; serial 0 is the last purchase."""
        in_b8 = any(table.MEANS is TacFetched for table in self.dialect.from_antenna)
        tag = trade.presence.tag
        made = reversed(tag.purchases if trade.obu_id in self._zone else ())
        bought = next((each for each in made if card_serial in (0, each.card_serial)), None)
        if bought is None:
            return Failed(trade.obu_id, TAC_COMMAND, NO_PROOF) if in_b8 else self._failed(trade, NO_PROOF)
        return TacFetched(trade.obu_id, bought.tac, tag.balance) if in_b8 else _result(trade.obu_id, bought)

    def _overdue(self, trade: Trade, now: float) -> list[bytes]:
        if trade.phase is Phase.TRADING and trade.result:
            phase = Phase.FAILED if isinstance(trade.result, Failed) else Phase.PAID
            return self._ask(trade, trade.result, phase, now)
        if trade.phase is Phase.TRADING or trade.answered or trade.repeats == self._manner.repeats:
            self._drop(trade, now)
            return []
        trade.repeats += 1
        return self._say(trade, now)

    def _drop(self, trade: Trade, now: float, again: float | None = None) -> None:
        """Let go of the tag, to search it again after so many seconds."""
        wait = self._search_again if again is None else again
        trade.presence.search_at = max(now + wait, self._seen_at.get(trade.obu_id, -inf) + self.dialect.reread)
        self._trade = None

    def _answer(self, trade: Trade, now: float) -> None:
        """The PC has answered the frame said last, if it had not already."""
        if not trade.answered:
            trade.answered = True
            self.answer_times.append(now - trade.said_at)

    # --- what it says ---------------------------------------------------------------------------------------

    def _ask(self, trade: Trade, word: Report, phase: Phase, now: float) -> list[bytes]:
        trade.phase = phase
        trade.frame = self._frame(word)
        return self._expect(trade, now)

    def _expect(self, trade: Trade, now: float) -> list[bytes]:
        """Say the trade's frame and want an answer."""
        trade.said_at, trade.answered, trade.repeats = now, False, 0
        self.wanted_answers += 1
        return self._say(trade, now)

    def _say(self, trade: Trade, now: float) -> list[bytes]:
        trade.due = now + self._manner.patience
        faults = trade.presence.faults
        chunk = faults.noise + self._put(trade.frame)
        middle = len(chunk) // 2
        return [chunk[:middle], chunk[middle:]] if faults.torn else [chunk]

    def _put(self, frame: Frame) -> bytes:
        self._trace(">", frame)
        return frame.raw

    def _frame(self, word: Report, sequence: int | None = None) -> Frame:
        data = self.dialect.encode(word)
        if sequence is None:
            sequence = self.dialect.sequences.get(data[0], self.dialect.framing.report(self._said))
        self._said += 1
        return Frame(sequence, data, self.dialect.framing.encode(sequence, data), 0)

    def _status(self) -> Status:
        slots = () if self.authorised else (SLOT,)
        return Status(0, (self.terminal,), self.authorised, maker=0, version=VERSION, slots=slots)


def _result(obu_id: str, bought: Bought) -> Result:
    """What B5 says of a purchase."""
    serials = bought.terminal_serial, bought.card_serial
    return Result(obu_id, bought.terminal, *serials, bought.tac, COMPOSITE, 0, bought.at, bought.balance)


def _without_result_faults(faults: Faults) -> Faults:
    """Only the first purchase goes wrong."""
    return replace(faults, lose_result=False, no_tac=False, result_code=0, refuses=False)


# --- on a wire ---------------------------------------------------------------------------------------------------


class ServedAntenna(ABC):
    """An antenna that runs by the loop's clock; what it says is lost while nobody listens.

    `running` is its task: it ends only by `close`, or with the exception that broke it.
    """

    def __init__(self, antenna: Antenna) -> None:
        self.antenna = antenna
        self._incoming: asyncio.Queue[bytes] = asyncio.Queue()
        self.running = asyncio.create_task(self._run())

    def enter(self, tag: SimulatedTag, faults: Faults = SOUND) -> None:
        """The tag is in the zone from now on. Raises MessageError if this dialect has no bytes for it."""
        self.antenna.enter(tag, faults)
        self._incoming.put_nowait(b"")

    def leave(self, tag: SimulatedTag) -> bool:
        """It is not any more; gives whether it was."""
        was_there = self.antenna.leave(tag)
        self._incoming.put_nowait(b"")
        return was_there

    async def close(self) -> None:
        """Off the wire."""
        self.running.cancel()
        with suppress(asyncio.CancelledError):
            await self.running

    @abstractmethod
    def write(self, chunk: bytes) -> None:
        """Put bytes on the wire, at once or never."""

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while True:
            data = await self._next()
            for number, chunk in enumerate(self.antenna.on_bytes(data, clock())):
                if number:
                    await asyncio.sleep(CHUNK_GAP)
                self.write(chunk)

    async def _next(self) -> bytes:
        """The PC's next bytes; none when the antenna's deadline comes first."""
        try:
            async with asyncio.timeout_at(self.antenna.deadline):
                return await self._incoming.get()
        except TimeoutError:
            return b""


class TcpAntenna(ServedAntenna, asyncio.Protocol):
    """One client at a time: a new one replaces the old, whose connection may be dead without our knowing."""

    def __init__(self, antenna: Antenna) -> None:
        super().__init__(antenna)
        self._transport: asyncio.Transport | None = None
        self._server: asyncio.Server | None = None
        self.port = 0

    async def listen(self, port: int) -> None:
        """Take clients on the loopback; port 0 lets the system choose."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: self, "127.0.0.1", port)
        self.port = self._server.sockets[0].getsockname()[1]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has come."""
        if self._transport:
            self._transport.abort()
        self._transport = cast("asyncio.Transport", transport)
        for chunk in self.antenna.on_connect():
            self.write(chunk)

    def data_received(self, data: bytes) -> None:
        """It speaks."""
        self._incoming.put_nowait(data)

    def write(self, chunk: bytes) -> None:
        """To the client, if there is one."""
        if self._transport and not self._transport.is_closing():
            self._transport.write(chunk)

    async def close(self) -> None:
        """Off the wire, the client too."""
        await super().close()
        if self._server:
            self._server.close()
        if self._transport:
            self._transport.abort()


class SerialAntenna(ServedAntenna):
    """A pseudo-terminal under a fixed name. We hold the other end open too, so that it outlives its users."""

    def __init__(self, antenna: Antenna, link: Path) -> None:
        self._master, self._slave = os.openpty()
        self._link = link
        self._listened_at = -inf
        try:
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            if link.is_symlink():  # left by one that was killed
                link.unlink()
            link.symlink_to(os.ttyname(self._slave))
        except OSError:
            self._hang_up()
            raise
        super().__init__(antenna)
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def write(self, chunk: bytes) -> None:
        """To who has the line open. A pseudo-terminal would keep it for who comes later; a serial line does not."""
        now = asyncio.get_running_loop().time()
        (unread,) = struct.unpack("i", fcntl.ioctl(self._slave, termios.FIONREAD, bytes(4)))
        if not unread:
            self._listened_at = now
        elif now - self._listened_at > STALE:
            termios.tcflush(self._slave, termios.TCIFLUSH)
        with suppress(BlockingIOError):
            os.write(self._master, chunk)

    async def close(self) -> None:
        """Off the wire; the name goes too."""
        await super().close()
        asyncio.get_running_loop().remove_reader(self._master)
        self._link.unlink(missing_ok=True)
        self._hang_up()

    def _readable(self) -> None:
        with suppress(BlockingIOError):
            self._incoming.put_nowait(os.read(self._master, 4096))

    def _hang_up(self) -> None:
        os.close(self._master)
        os.close(self._slave)


async def serve_tcp(antenna: Antenna, port: int = 0) -> TcpAntenna:
    """Put an antenna on loopback TCP, as its server; `.port` tells where. Raises OSError if the port is taken."""
    served = TcpAntenna(antenna)
    try:
        await served.listen(port)
    except OSError:
        await served.close()
        raise
    return served


async def serve_serial(antenna: Antenna, link: Path) -> SerialAntenna:
    """Put an antenna on a pseudo-terminal named `link`. Raises OSError if that is something else already."""
    return SerialAntenna(antenna, link)


# --- from the shell ----------------------------------------------------------------------------------------------

HELP: Final = f"""启动后在标准输入键入命令，每行一条 / once it runs, type commands on standard input, one a line:

enter PLATE [CLASS] [FEN] [FAULT]   车辆进入 / a car comes into the zone
leave PLATE                         车辆离开 / it leaves
cards                               卡内实际数据 / what is really on the cards, as JSON

故障 / faults: {", ".join((*DEFECTS, *FAULTS))}"""


class WireError(Exception):
    """An antenna that cannot be put on its wire: why and what to do, for a person."""


@dataclass(slots=True)
class Shell:
    """Commands of a person, one a line; the same plate is the same card as long as the program runs."""

    served: ServedAntenna
    tags: dict[str, SimulatedTag] = field(default_factory=dict)

    def obey(self, line: str) -> str:
        """Do what the line says; the answer to be shown."""
        match line.split():
            case ["enter", plate, *more]:
                return self._enter(plate, more)
            case ["leave", plate]:
                if plate in self.tags and self.served.leave(self.tags[plate]):
                    return f"{plate} has left"
                return f"{plate} 不在感应区，请先 enter / is not in the zone; enter it first"
            case ["cards"]:
                return json.dumps([truth(tag) for tag in self.tags.values()], ensure_ascii=False, indent=1)
            case []:
                return ""
            case _:
                return HELP

    def _enter(self, plate: str, more: list[str]) -> str:
        numbers = [int(word) for word in more if word.isdecimal()]
        faults = [word for word in more if not word.isdecimal()]
        if wrong := [word for word in faults if word not in (*DEFECTS, *FAULTS)]:
            return f"no fault {wrong[0]}: {', '.join((*DEFECTS, *FAULTS))}"
        vehicle_class, balance = (*numbers, *(1, 10_000)[len(numbers) :])[:2]
        tag = self.tags.get(plate) or make_tag(plate_number(plate), plate, vehicle_class, balance)
        for name in faults:
            tag.tag = DEFECTS[name](tag.tag) if name in DEFECTS else tag.tag
        try:
            self.served.enter(tag, next((FAULTS[name] for name in faults if name in FAULTS), SOUND))
        except MessageError as error:
            return f"no such tag can be: {error.reason}"
        self.tags[plate] = tag
        return f"{plate} is in the zone with {tag.balance} fen"


def _follow_stdin(obey: Callable[[str], str]) -> None:
    """Take a person's lines from a thread that ends with the program: a read of a terminal cannot be called off."""
    loop = asyncio.get_running_loop()

    def answer(line: str) -> None:
        print(obey(line), flush=True)

    def read() -> None:
        with os.fdopen(0, encoding="utf-8", closefd=False) as lines:
            for line in lines:
                loop.call_soon_threadsafe(answer, line)

    threading.Thread(target=read, daemon=True).start()


async def _on_wire(antenna: Antenna, options: argparse.Namespace) -> tuple[ServedAntenna, str]:
    """Put it where the options say, and tell where that is. Raises WireError."""
    try:
        if options.serial:
            return await serve_serial(antenna, options.serial), f"serial {options.serial}"
        tcp = await serve_tcp(antenna, options.tcp)
    except OSError as error:
        zh, en = (
            (f"无法建立虚拟串口 {options.serial}", f"no pseudo-terminal can be named {options.serial}")
            if options.serial
            else (f"无法监听 TCP 端口 {options.tcp}", f"cannot listen on TCP port {options.tcp}")
        )
        why = os.strerror(error.errno) if error.errno else str(error)
        raise WireError(f"{zh}，请换一个 / {en}; choose another: {why}") from error
    return tcp, f"tcp {tcp.port}"


async def _serve(options: argparse.Namespace) -> None:
    def show(direction: str, frame: Frame) -> None:
        print(direction, frame.raw.hex(), flush=True)

    dialect, trace = load(options.dialect), show if options.trace else _nothing
    antenna = Antenna(dialect, options.terminal, unasked=options.unasked, mac=options.mac, trace=trace)
    served, wire = await _on_wire(antenna, options)
    print(f"{dialect.name} antenna on {wire}", flush=True)
    _follow_stdin(Shell(served).obey)
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, served.running.cancel)
    try:
        await served.running
    except asyncio.CancelledError:
        await served.close()


def _port(text: str) -> int:
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or int(text) > MAX_PORT:
        raise argparse.ArgumentTypeError(f"须为 0 到 {MAX_PORT} / must be 0 to {MAX_PORT} (现为 / is {text!r})")
    return int(text)


def _hex(digits: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if not re.fullmatch(rf"[0-9A-Fa-f]{{{digits}}}", text):
            raise argparse.ArgumentTypeError(
                f"须为 {digits} 位十六进制数字 / must be {digits} hex digits (现为 / is {text!r})"
            )
        return text.lower()

    return check


def main() -> None:
    """Run one antenna until interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.rsu", description="模拟天线 / a simulated antenna", epilog=HELP
    )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--dialect", choices=names(), required=True, help="天线协议 / what it speaks")
    wire = parser.add_mutually_exclusive_group(required=True)
    wire.add_argument(
        "--tcp", type=_port, metavar="PORT", help="本机端口，0 为任选 / on the loopback; 0: any free one"
    )
    wire.add_argument(
        "--serial", type=Path, metavar="PATH", help="虚拟串口的名称 / make a pseudo-terminal so named"
    )
    parser.add_argument(
        "--terminal", type=_hex(12), default=TERMINAL, help="终端机编号 / PSAM terminal, 12 hex digits"
    )
    parser.add_argument("--unasked", action="store_true", help="连接即报 B0 / say B0 to whoever connects")
    parser.add_argument(
        "--mac",
        type=_hex(16),
        help="PSAM 须先以此 MAC 授权 / read no tag until the PSAM was given this MAC, 16 hex digits",
    )
    parser.add_argument(
        "--trace",
        action="store_true",
        help="显示每帧，可用 etclane decode 解码 / print each frame as on the wire, > said, < heard",
    )
    try:
        asyncio.run(_serve(parser.parse_args()))
    except WireError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
