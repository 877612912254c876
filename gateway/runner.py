"""Feeds the cores and carries out what they decide: gathers facts, writes, and releases what waited for durability.

Synchronous, without a clock, a loop or a file of its own: the daemon, a replay and a simulation run the same one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from drivers.ports import DeviceEvent, DeviceOrder, Instant, Show
from drivers.security.box import BoxEvent
from gateway.audit import audited
from gateway.facts import SiteRules
from gateway.lane.state import Do, Record
from gateway.ledger.entries import Booted, BoxDebitEnded, ClockStepped, Draft, Entry, Moment
from gateway.ledger.stays import Stays
from gateway.orders import Order
from gateway.site import Actions, Site

STEP = 2.0
"""Seconds by which the wall clock must move against the monotonic one to be called stepped, not slewed."""

Submit = Callable[[Sequence[Draft], Callable[[list[Entry]], None]], None]
"""Writes drafts as one group; calls back when they are durable."""


@dataclass(slots=True)
class Runner:
    """One site at work. `submit` takes the drafts, `send` the orders; `boot` names this run and begins every id.

    `floor` is a wall time that is certainly past (the newest entry's): a clock before it is not trusted.
    """

    rules: SiteRules
    stays: Stays
    boot: str
    submit: Submit
    send: Callable[[DeviceOrder | Show], None]
    floor: datetime
    site: Site = field(init=False)
    _last: Instant | None = None

    def __post_init__(self) -> None:
        self.site = Site(self.rules, self.stays, self.boot)

    def start(self, booted: Booted, now: Instant, left: Sequence[BoxDebitEnded] = ()) -> None:
        """Record the start, and what the last run left open; `left` are the purchases of boxes among it."""
        moment, boxes = self._moment(now), [("", Record(body)) for body in left]
        self._carry_out([("", Record(booted)), *boxes, *self.site.left_over()], moment)

    def on(self, event: DeviceEvent, now: Instant) -> None:
        """Take one event of a device."""
        moment = self._moment(now)
        self._carry_out(self.site.on(event, moment), moment)
        self._tell_who_waits(moment)

    def box(self, event: BoxEvent, now: Instant, durable: Callable[[], None]) -> None:
        """Record what a box says; `durable` follows when that is so: MAC1 and confirmations wait for it."""
        moment = self._moment(now)
        drafts = list(_drafts(self.site.box(event), moment))
        self.submit(drafts, lambda _entries: durable())

    def obey(self, order: Order, now: Instant) -> None:
        """Take one order from outside."""
        moment = self._moment(now)
        self._carry_out(self.site.obey(order, moment), moment)
        self._tell_who_waits(moment)

    def due(self, now: Instant) -> None:
        """`deadline` has come, for one lane or several."""
        moment = self._moment(now)
        for lane in self.site.late(moment):
            self._carry_out(self.site.due(lane, moment), moment)
        self._tell_who_waits(moment)

    def _tell_who_waits(self, moment: Moment) -> None:
        for lane in self.site.ready():
            self._carry_out(self.site.reconsider(lane, moment), moment)

    @property
    def ledger_fault(self) -> str | None:
        """Why nothing can be made durable; set from outside."""
        return self.site.ledger_fault

    @ledger_fault.setter
    def ledger_fault(self, fault: str | None) -> None:
        self.site.ledger_fault = fault

    @property
    def deadline(self) -> float | None:
        """When `due` wants to be called, monotonic."""
        return self.site.deadline

    def _carry_out(self, actions: Actions, moment: Moment) -> None:
        """Orders that wait for nothing first; then the records as one group, and behind each what waited for it."""
        for _, action in actions:
            if isinstance(action, Do) and action.after is None:
                self.send(action.order)
        drafts = audited(self.stays, list(_drafts(actions, moment)))
        if not drafts:
            return
        waiting = [
            (lane, action) for lane, action in actions if isinstance(action, Do) and action.after is not None
        ]
        self.submit(drafts, lambda _entries: self._release(waiting))

    def _release(self, waiting: Sequence[tuple[str, Do]]) -> None:
        for lane, action in waiting:
            if self.site.released(lane, action):
                self.send(action.order)

    def _moment(self, now: Instant) -> Moment:
        """This instant for the record; a step of the wall clock is recorded before anything is decided (law 10)."""
        before, self._last = self._last or now, now
        step = (now.wall - before.wall).total_seconds() - (now.mono - before.mono)
        moment = Moment(now.wall, now.mono, self.boot, now.wall >= self.floor)
        if abs(step) >= STEP:
            stepped = ClockStepped(round(step, 3))
            self._carry_out([("", Record(stepped))], moment)
        return moment


def _drafts(actions: Actions, moment: Moment) -> Iterator[Draft]:
    for lane, action in actions:
        if isinstance(action, Record):
            yield Draft(moment, lane, action.body)
