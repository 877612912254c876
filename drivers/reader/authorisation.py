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
    _answered: str = ""
    _done: bool = False

    @property
    def waiting(self) -> bool:
        """Whether a PSAM is still to be authorised."""
        return bool(self._slots)

    def forget(self) -> None:
        """The antenna, or the line to it, has started anew."""
        self._slots, self._asks, self._answered, self._done = [], None, "", False

    def begin(self, slots: Sequence[int]) -> list[Step]:
        """These PSAMs say that they are not authorised, now or still."""
        silent = self._slots and self._asks is None and not self._answered
        told = self._fail("无应答 / no answer of the antenna") if silent else []
        self._slots = [] if self._done else list(slots)
        return [*told, *self._next()]

    def on(self, what: PsamAsks | PsamAnswered | AuthorisePsam, terminal: str) -> list[Step]:
        """What follows; `terminal` is the PSAM's number where its own message does not name it."""
        match what:
            case PsamAsks(slot=slot) if self._slots and slot == self._slots[0]:
                return self._asked(what, terminal)
            case PsamAnswered(fault, sw) if self._asks and self._answered:
                self._asks = None
                return self._end(sw) if not fault and sw == GOOD_SW else self._fail(f"{fault:02X} SW {sw}")
            case AuthorisePsam(random=random, mac=mac):
                return self._order(random, mac)
            case _:
                return []  # nobody asked, or it was said before

    def _asked(self, asks: PsamAsks, terminal: str) -> list[Step]:
        if asks == self._asks:
            return []  # F2 repeats what is not answered at once (rsu-protocol 5)
        if asks.fault:
            return self._fail(f"init {asks.fault:02X}")
        if asks.needless:
            return self._end("not needed")
        self._asks, self._answered = asks, ""
        needs = asks.number, asks.version, asks.key_type, asks.area, asks.random
        return [PsamWanted(self.device, asks.terminal or terminal, *needs)]

    def _order(self, random: str, mac: str) -> list[Step]:
        """One MAC for each request: a PSAM may count those that fail."""
        if random == self._answered:
            return []
        if self._asks is None or random != self._asks.random:
            return self._fail("the request is over")
        self._answered = random
        return [PsamAuthorise(self._asks.slot, mac)]

    def _end(self, detail: str) -> list[Step]:
        self._slots.pop(0)
        self._done = not self._slots
        return [PsamDone(self.device, good=True, detail=detail), *self._next()]

    def _fail(self, detail: str) -> list[Step]:
        return [PsamDone(self.device, good=False, detail=detail)]

    def _next(self) -> list[Step]:
        self._asks, self._answered = None, self._answered if self._done else ""
        return [PsamInit(self._slots[0])] if self._slots else []
