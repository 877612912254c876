"""A recorded session once more, through the same sessions, cores and ledger, on the capture's own clock.

Capture, configuration and prelude are all the inputs: the clock is the packets', boot and chain id come from
the capture's hash, and durability is immediate. So the same input gives the same lines, byte for byte.

What this gateway would send is compared with what the recorded PC sent. Where they differ, a line says `diverged`,
and what the antenna answered to the other order is not taken as an answer to ours: frames are skipped until the
antenna begins anew and no debit of ours is in doubt any more. Left out of the comparison are sequence bytes, C0 and
the times in C2 (both are the recorded PC's own business) and holding answers (here nothing is ever waited for).
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from drivers.link import Connected, Disconnected, Drop, Emit, Send, Tick
from drivers.ports import (
    AuthorisePsam,
    CloseBarrier,
    DeviceEvent,
    DeviceOrder,
    Instant,
    OpenBarrier,
    PsamWanted,
    Show,
)
from drivers.reader.session import ReaderInput, ReaderSession
from gateway.config import Config
from gateway.ledger.entries import Booted, Draft, Entry, Moment, StayImported
from gateway.ledger.stays import Stays
from gateway.ledger.store import Store
from gateway.plain import plain
from gateway.recorder import input_of
from gateway.runner import Runner
from protocols import pcapng
from protocols.china import CHINA
from protocols.errors import CaptureError, MessageError
from protocols.pcapng import Interface, Packet
from protocols.rsu import dialect
from protocols.rsu.dialect import Dialect
from protocols.rsu.framing import Frame, Framer, Noise
from protocols.rsu.messages import (
    Heartbeat,
    Init,
    Order,
    PsamAuthorise,
    Report,
    Resend,
    Status,
    Stop,
    TagSeen,
)

TIMES = range(7_258_118_400 * 1_000_000_000)
"""Nanoseconds since 1970 that can be when something was captured: up to the year 2200."""

Line = dict[str, object]
Words = tuple[Order | Report, ...]


def replay(capture: bytes, config: Config, prelude: Sequence[StayImported]) -> Iterator[Line]:
    """The lines that a replay prints. Raises CaptureError if the capture cannot be read or fits no reader."""
    captured = pcapng.read(capture)
    packets = captured.packets
    if not packets:
        raise CaptureError("抓包中没有数据 / the capture holds no packet")
    known = {reader.name for reader in config.options.reader} | set(config.profiles)
    strange = {packet.interface for packet in packets} - known
    if strange:
        names, there = ", ".join(sorted(strange)), ", ".join(sorted(known))
        raise CaptureError(
            f"抓包接口 {names} 不是配置中的 [[reader]] 或 [[barrier]]，配置有 {there}；转换时用 --interface 指定 / "
            f"interfaces {names} are no [[reader]] or [[barrier]] of the configuration; there are {there}; "
            "name one with --interface when converting"
        )
    _check_dialects(captured.interfaces, config)
    if not all(packet.time_ns in TIMES for packet in packets):
        raise CaptureError("抓包时间早于 1970 或晚于 2200 年 / a packet's time lies before 1970 or after 2200")
    identity = hashlib.sha256(capture).hexdigest()
    with TemporaryDirectory() as folder:
        store = Store(Path(folder) / "ledger.db", chain=identity[:16])
        try:
            yield from _Replay(config, store, identity[16:24], packets[0].time_ns).run(packets, prelude)
        finally:
            store.close()


def _check_dialects(interfaces: Iterable[Interface], config: Config) -> None:
    """The recorder and `etclane capture convert` write the dialect into an interface's description."""
    spoken = {reader.name: reader.dialect for reader in config.options.reader}
    known = dialect.names()
    for name, captured in ((interface.name, interface.description) for interface in interfaces):
        if name in spoken and captured in known and captured != spoken[name]:
            raise CaptureError(
                f"接口 {name} 的抓包为 {captured}，配置为 {spoken[name]}；转换时用 --interface 指定读写器 / "
                f"interface {name} was captured as {captured}, the configuration says {spoken[name]}; "
                "name the reader with --interface"
            )


@dataclass(slots=True)
class _Port:
    """One reader of the capture: its session, and what it would have said that the capture has not shown yet."""

    session: ReaderSession
    inbound: Framer
    outbound: Framer
    said: deque[Words] = field(default_factory=deque)
    diverged: bool = False

    @property
    def dialect(self) -> Dialect:
        return self.session.dialect

    def words(self, data: bytes) -> Words:
        """What a frame's DATA says, but for asking the antenna to wait."""
        try:
            heard = self.dialect.hear(self.dialect.decode(data)) if data else ()
        except MessageError:
            return ()
        return tuple(word for word in heard if not isinstance(word, Resend))


@dataclass(slots=True)
class _Replay:
    config: Config
    store: Store
    boot: str
    start_ns: int
    lines: list[Line] = field(default_factory=list)
    ports: dict[str, _Port] = field(default_factory=dict)
    asked: dict[str, str] = field(default_factory=dict)
    runner: Runner = field(init=False)
    now: Instant = field(init=False)

    def __post_init__(self) -> None:
        self.now = self._at(0.0)

    def run(self, packets: Sequence[Packet], prelude: Sequence[StayImported]) -> Iterator[Line]:
        self._begin(prelude)
        for packet in packets:
            # The recording PC's clock may have been put back; time here does not go back with it.
            self._pass_time(max(self.now.mono, (packet.time_ns - self.start_ns) / 1e9))
            self._packet(packet)
            yield from self._flush()
        for port in self.ports.values():
            self._compare_rest(port)
        yield from self._flush()

    def _begin(self, prelude: Sequence[StayImported]) -> None:
        stays = Stays()
        rules, wall = self.config.rules, self.now.wall
        self.runner = Runner(rules, stays, self.boot, self._submit, self._send, floor=wall)
        moment = Moment(wall, 0.0, self.boot, trusted=True)
        drafts = [Draft(moment, "", stay) for stay in prelude]
        for draft in drafts:
            stays.apply(draft)
        if drafts:
            self._submit(drafts, lambda _entries: None)
        self.runner.start(Booted("replay", self.config.digest, rules.tariff.content_hash), self.now)
        for options in self.config.options.reader:
            spoken = dialect.load(options.dialect)
            lane = rules.lane_of(options.name)
            entry = lane is not None and rules.lanes[lane].role == "entry"
            session = ReaderSession(options.name, spoken, options, entry=entry)
            self.ports[options.name] = _Port(session, spoken.framing.framer(), spoken.framing.framer())

    # --- time and packets ----------------------------------------------------------------------------------

    def _at(self, mono: float) -> Instant:
        """The capture's own clock, this long after its first packet."""
        first = datetime.fromtimestamp(self.start_ns // 1_000_000_000, CHINA)
        return Instant(first + timedelta(microseconds=self.start_ns // 1000 % 1_000_000, seconds=mono), mono)

    def _pass_time(self, until: float) -> None:
        """Give every session and the cores the ticks that they want up to here, in order."""
        while True:
            wanted = [(at, name) for name, port in self.ports.items() if (at := port.session.deadline) is not None]
            if (at := self.runner.deadline) is not None:
                wanted.append((at, ""))
            due, name = min(wanted, default=(until, ""))
            if due >= until:
                break
            self.now = self._at(max(due, self.now.mono))
            if name:
                self._feed(self.ports[name], Tick())
            else:
                self.runner.due(self.now)
        self.now = self._at(until)

    def _packet(self, packet: Packet) -> None:
        port = self.ports.get(packet.interface)
        if port is None:
            self._event(input_of(packet))
            return
        if port.session.deadline is None:
            self._feed(port, Connected())
        framer = port.outbound if packet.outbound else port.inbound
        for found in framer.feed(packet.data):
            if not packet.outbound:
                self._inbound(port, found)
            elif isinstance(found, Frame):
                self._outbound(port, port.words(found.data))

    def _inbound(self, port: _Port, found: Frame | Noise) -> None:
        words = port.words(found.data) if isinstance(found, Frame) else ()
        if port.diverged:
            if not self._begins_anew(port, words):
                self._say("skipped", {"reader": port.session.device, "words": words})
                return
            port.diverged = False
            port.said.clear()
        self._feed(port, found.raw)

    def _begins_anew(self, port: _Port, words: Words) -> bool:
        """Whether to listen again: not while a debit of ours is in doubt, or another's would be its evidence."""
        lane = self.config.rules.lane_of(port.session.device)
        in_doubt = lane is not None and self.runner.site.lanes[lane].stay is not None
        return not in_doubt and any(isinstance(word, Status | Heartbeat | TagSeen) for word in words)

    def _outbound(self, port: _Port, recorded: Words) -> None:
        if not recorded or port.diverged:
            return
        self._obey(port, recorded)
        ours = port.said.popleft() if port.said else ()
        if _comparable(ours) != _comparable(recorded):
            self._diverge(port, ours, recorded)

    def _obey(self, port: _Port, recorded: Words) -> None:
        """A platform's order is not in the capture, what it made us say is: that is the order once more."""
        random = self.asked.get(port.session.device)
        for word in recorded:
            if isinstance(word, PsamAuthorise) and random and not port.said:
                self.runner.obey(AuthorisePsam(port.session.device, random, word.mac), self.now)

    def _compare_rest(self, port: _Port) -> None:
        if port.said and not port.diverged:
            self._diverge(port, port.said[0], ())

    def _diverge(self, port: _Port, ours: Words, recorded: Words) -> None:
        port.diverged = True
        port.said.clear()
        self._say("diverged", {"reader": port.session.device, "ours": ours, "recorded": recorded})

    # --- between sessions, runner and ledger ---------------------------------------------------------------

    def _feed(self, port: _Port, what: ReaderInput) -> None:
        for output in port.session.on(what, self.now):
            match output:
                case Send(data):
                    (frame,) = port.dialect.framing.framer().feed(data)
                    if isinstance(frame, Frame) and (words := port.words(frame.data)):
                        port.said.append(words)
                case Emit(event):
                    self._event(event)
                case Drop(reason):
                    self._say("drop", {"reader": port.session.device, "reason": reason})
                    self._feed(port, Disconnected(reason))

    def _event(self, event: DeviceEvent) -> None:
        self._say("event", event)
        if isinstance(event, PsamWanted):
            self.asked[event.device] = event.random
        self.runner.on(event, self.now)

    def _send(self, order: DeviceOrder | Show) -> None:
        self._say("action", order)
        if not isinstance(order, OpenBarrier | CloseBarrier | Show):
            self._feed(self.ports[order.device], order)

    def _submit(self, drafts: Sequence[Draft], done: Callable[[list[Entry]], None]) -> None:
        entries = self.store.append(drafts)
        at = self.now.wall.isoformat()
        self.lines += [{"at": at, "entry": {**entry.fields, "hash": entry.hash}} for entry in entries]
        done(entries)

    def _say(self, kind: str, what: object) -> None:
        self.lines.append({"at": self.now.wall.isoformat(), kind: plain(what)})

    def _flush(self) -> Iterator[Line]:
        yield from self.lines
        self.lines = []


def _comparable(words: Words) -> tuple[object, ...]:
    """The words without what is the recorded PC's own business."""
    return tuple(_without_time(word) for word in words)


def _without_time(word: Order | Report) -> object:
    match word:
        case Init():
            return Init
        case Stop():
            return replace(word, at=None)
        case _:
            return word
