"""The PSAMs of one antenna on their way to be authorised, sans-IO: words and orders in, words and events out."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from drivers.ports import AuthorisePsam, PsamDone, PsamWanted
from protocols.rsu.messages import PsamAnswered, PsamAsks, PsamAuthorise, PsamInit

GOOD_SW = "9000"

Step = PsamInit | PsamAuthorise | PsamWanted | PsamDone


@dataclass(slots=True)
class Authorisation:
    """One PSAM after the other: what it needs is asked for, a platform's MAC is passed on.

    `waiting` while a PSAM is not authorised; once all were, they are not asked again until `forget`.
    """

    device: str
    _slots: list[int] = field(default_factory=list)
    _asks: PsamAsks | None = None
    _done: bool = False

    @property
    def waiting(self) -> bool:
        """Whether a PSAM is still to be authorised."""
        return bool(self._slots)

    def forget(self) -> None:
        """The antenna, or the line to it, has started anew."""
        self._slots, self._asks, self._done = [], None, False

    def begin(self, slots: Sequence[int]) -> list[Step]:
        """These PSAMs say that they are not authorised."""
        self._slots = [] if self._done else list(slots)
        return self._next()

    def on(self, what: PsamAsks | PsamAnswered | AuthorisePsam, terminal: str) -> list[Step]:
        """What follows; `terminal` is the PSAM's number where its own message does not name it."""
        match what:
            case PsamAsks() if self._slots:
                return self._asked(what, terminal)
            case PsamAnswered(fault, sw) if self._asks:
                self._asks = None
                return self._end(sw) if not fault and sw == GOOD_SW else self._fail(f"{fault:02X} SW {sw}")
            case AuthorisePsam(random=random, mac=mac):
                if self._asks is None or random != self._asks.random:
                    return self._fail("the request is over")
                return [PsamAuthorise(self._asks.slot, mac)]
            case _:
                return []  # nobody asked

    def _asked(self, asks: PsamAsks, terminal: str) -> list[Step]:
        if asks.fault:
            return self._fail(f"init {asks.fault:02X}")
        if asks.needless:
            return self._end("not needed")
        self._asks = asks
        needs = asks.number, asks.version, asks.key_type, asks.area, asks.random
        return [PsamWanted(self.device, asks.terminal or terminal, *needs)]

    def _end(self, detail: str) -> list[Step]:
        self._slots.pop(0)
        self._done = not self._slots
        return [PsamDone(self.device, good=True, detail=detail), *self._next()]

    def _fail(self, detail: str) -> list[Step]:
        return [PsamDone(self.device, good=False, detail=detail)]

    def _next(self) -> list[Step]:
        self._asks = None
        return [PsamInit(self._slots[0])] if self._slots else []
