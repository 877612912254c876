"""What a barrier board needs over time, without I/O: polling, pulses, and the look at presence before closing.

Times are monotonic seconds. Readings come in the order in which they were asked for, one for each `ReadInputs`.
"""

from collections.abc import Mapping
from typing import Final

from drivers.barrier.profile import PRESENCE, BarrierProfile
from drivers.link import Connected, Disconnected, Emit, Tick
from drivers.ports import (
    BarrierDown,
    BarrierOrder,
    BarrierUp,
    CloseBarrier,
    CloseRefused,
    InputChanged,
    OpenBarrier,
)
from protocols.immutable import dataclass

# s: who has waited longer has called for help, and an arm that rises by itself by then lets through someone else.
OPEN_REMEMBERED: Final = 5.0

NO_CLOSE_COIL = "本板没有落杆线圈,道闸自行落杆 / this board has no close coil: the barrier closes by itself"
NOT_CONNECTED = "控制板无应答 / the board does not answer"
OPENING = "正在抬杆 / the arm is just being raised"
OCCUPIED = "杆下有车 / a vehicle is under the arm"
UNKNOWN = "杆下有无车未知 / whether a vehicle is under the arm is not known"
REVERSED = "落杆时来车,已反转抬杆 / a vehicle came under the arm: reversed"


@dataclass(frozen=True, slots=True)
class InputsRead:
    """The answer to the oldest `ReadInputs` that is not yet answered; an input left out is unknown."""

    values: Mapping[str, bool]


@dataclass(frozen=True, slots=True)
class ReadInputs:
    """Read all inputs now; answered by `InputsRead`."""


@dataclass(frozen=True, slots=True)
class WriteCoil:
    """Switch a coil, and make sure that it is as told."""

    address: int
    on: bool


Input = Connected | Disconnected | InputsRead | Tick | BarrierOrder
Output = ReadInputs | WriteCoil | Emit


@dataclass(frozen=True, slots=True)
class _Pulse:
    coil: int
    until: float


class BarrierSession:
    """One barrier board: orders and readings in, coil writes and events out, in the order they are to be done."""

    def __init__(self, device: str, profile: BarrierProfile) -> None:
        self.device = device
        self.profile = profile
        self._inputs: dict[str, bool | None] = dict.fromkeys(profile.inputs)
        self._connected = False
        self._up: bool | None = None  # as last told; None before anything was
        self._unread = 0  # readings asked for and not yet answered
        self._verdict_in: int | None = None  # how many readings until the one asked for after the close order
        self._pulse: _Pulse | None = None
        self._open_since: float | None = None  # when an opening was ordered that is not yet carried out
        self._poll_at = 0.0

    @property
    def deadline(self) -> float | None:
        """When the next `Tick` is wanted."""
        if not self._connected:
            return None
        return min(self._poll_at, self._pulse.until) if self._pulse else self._poll_at

    def on(self, event: Input, now: float) -> list[Output]:
        """What is to be done about `event`."""
        match event:
            case Connected():
                return self._on_connected(now)
            case Disconnected(reason):
                return self._on_disconnected(reason)
            case InputsRead(values):
                return self._on_inputs(values, now)
            case OpenBarrier():
                return self._on_open(now)
            case CloseBarrier():
                return self._on_close()
            case Tick():
                return self._on_tick(now)

    def release(self) -> list[WriteCoil]:
        """What ends a pulse under way: the last thing to do when the driver stops."""
        return [WriteCoil(self._pulse.coil, on=False)] if self._pulse else []

    # --- the link ---------------------------------------------------------------------------------------

    def _on_connected(self, now: float) -> list[Output]:
        """No coil is left on by whoever was cut off in a pulse, we ourselves included; then as usual."""
        self._connected = True
        self._poll_at = now + self.profile.poll
        coils = (self.profile.close_coil, self.profile.open_coil)
        outputs: list[Output] = [WriteCoil(coil, on=False) for coil in coils if coil is not None]
        if self._open_since is not None and now - self._open_since <= OPEN_REMEMBERED:
            outputs += self._raise_arm(now)
        return [*outputs, self._ask()]

    def _on_disconnected(self, reason: str) -> list[Output]:
        """An opening that may not have reached the board stays ordered; a closing does not."""
        refused = [self._refuse(NOT_CONNECTED)] if self._verdict_in is not None else []
        down = [Emit(BarrierDown(self.device, reason))] if self._up is not False else []
        unknown = self._note(dict.fromkeys(self._inputs))
        self._connected = False
        self._up = False
        self._unread = 0
        self._pulse = None
        return [*refused, *down, *unknown]

    def _on_tick(self, now: float) -> list[Output]:
        outputs: list[Output] = []
        if self._pulse and now >= self._pulse.until:
            outputs += self._end_pulse()
        if self._connected and now >= self._poll_at:
            self._poll_at = now + self.profile.poll
            if not self._unread:
                outputs.append(self._ask())
        return outputs

    # --- inputs -----------------------------------------------------------------------------------------

    def _ask(self) -> ReadInputs:
        self._unread += 1
        return ReadInputs()

    def _on_inputs(self, values: Mapping[str, bool], now: float) -> list[Output]:
        if not self._unread:
            return []  # an answer to no question says nothing about now
        self._unread -= 1
        up = [] if self._up else [Emit(BarrierUp(self.device))]
        self._up = True
        changes = self._note({name: values.get(name) for name in self._inputs})
        return [*up, *changes, *self._look_under_the_arm(now)]

    def _note(self, values: Mapping[str, bool | None]) -> list[Emit]:
        changed = {name: on for name, on in values.items() if self._inputs[name] is not on}
        self._inputs.update(changed)
        return [Emit(InputChanged(self.device, name, on)) for name, on in changed.items()]

    def _look_under_the_arm(self, now: float) -> list[Output]:
        """A new reading is there: it may decide a close order, or turn round an arm that is coming down."""
        if self._verdict_in is not None:
            self._verdict_in -= 1
        presence = self._inputs.get(PRESENCE)
        if self._pulsing(self.profile.close_coil) and presence is not False:
            self._open_since = now
            return [self._refuse(REVERSED), *self._raise_arm(now)]
        close_coil = self.profile.close_coil
        if self._verdict_in != 0 or close_coil is None:
            return []
        if presence is not False:
            return [self._refuse(OCCUPIED if presence else UNKNOWN)]
        self._verdict_in = None
        return self._start_pulse(close_coil, now)

    # --- the arm ----------------------------------------------------------------------------------------

    def _on_open(self, now: float) -> list[Output]:
        self._open_since = now
        return self._raise_arm(now) if self._connected else []

    def _on_close(self) -> list[Output]:
        if self.profile.close_coil is None:
            return [self._refuse(NO_CLOSE_COIL)]
        if not self._connected:
            return [self._refuse(NOT_CONNECTED)]
        if self._pulsing(self.profile.open_coil):
            return [self._refuse(OPENING)]
        question = self._ask()
        self._verdict_in = self._unread
        return [question]

    def _raise_arm(self, now: float) -> list[Output]:
        """Opening always wins, and ends a closing first, so that the two coils are never on together."""
        self._verdict_in = None
        ended = self._end_pulse() if self._pulsing(self.profile.close_coil) else []
        return [*ended, *self._start_pulse(self.profile.open_coil, now)]

    def _refuse(self, reason: str) -> Emit:
        self._verdict_in = None
        return Emit(CloseRefused(self.device, reason))

    def _pulsing(self, coil: int | None) -> bool:
        return self._pulse is not None and self._pulse.coil == coil

    def _start_pulse(self, coil: int, now: float) -> list[Output]:
        self._pulse = _Pulse(coil, now + self.profile.pulse)
        return [WriteCoil(coil, on=True)]

    def _end_pulse(self) -> list[WriteCoil]:
        writes = self.release()
        if self._pulsing(self.profile.open_coil):
            self._open_since = None
        self._pulse = None
        return writes
