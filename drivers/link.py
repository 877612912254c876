"""What a sans-IO session takes and gives besides its own events and orders. Times are monotonic seconds."""

from drivers.ports import DeviceEvent
from protocols.immutable import dataclass


@dataclass(frozen=True, slots=True)
class Connected:
    """The device's port is open."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The device's port is gone."""

    reason: str


@dataclass(frozen=True, slots=True)
class Tick:
    """The session's deadline has come."""


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes for the device, now."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Emit:
    """An event for the lane."""

    event: DeviceEvent


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the port and open it anew."""

    reason: str
