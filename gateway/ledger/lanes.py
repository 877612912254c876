"""What the ledger says of the lanes: passages not ended, arms that may be up, pauses and holds. Pure."""

from dataclasses import dataclass, field
from datetime import date, datetime

from gateway.ledger.entries import (
    ArmDown,
    DebitIntended,
    Draft,
    EtcSwitched,
    FireAlarm,
    LaneClosed,
    LaneHeld,
    LaneOpened,
    LetThroughAgain,
    OpenedByHand,
    PassageEnded,
    StayClosed,
    StayOpened,
)
from protocols.china import civil


@dataclass(slots=True)
class Lanes:
    """By the names of lanes.

    `passing` is the stay that the barrier was opened for and whose passage has not ended. `raised`: the arm may
    still be up; an order to close that is lost with its run stands nowhere. `paused` and `held` outlast a restart.
    """

    passing: dict[str, str] = field(default_factory=dict)
    raised: set[str] = field(default_factory=set)
    paused: set[str] = field(default_factory=set)
    held: set[str] = field(default_factory=set)
    fires: dict[str, set[str]] = field(default_factory=dict)
    """The boards that told of a fire which is not over."""
    debited_at: dict[str, datetime] = field(default_factory=dict)
    """The time in the newest debit's TAC: it is that debit's alone, also over a restart."""
    _by_hand: dict[str, tuple[date, int]] = field(default_factory=dict)

    def by_hand(self, lane: str, day: date) -> int:
        """How often its arm was raised past us this day."""
        last, times = self._by_hand.get(lane, (day, 0))
        return times if last == day else 0

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        lane = draft.lane
        self._arm(lane, draft)
        match draft.body:
            case StayOpened(stay) | StayClosed(stay) | LetThroughAgain(stay) if lane:
                self.passing[lane] = stay
            case DebitIntended(at=at):
                self.debited_at[lane] = civil(at)
            case PassageEnded():
                self.passing.pop(lane, None)
            case EtcSwitched(on):
                (self.paused.discard if on else self.paused.add)(lane)
            case LaneClosed():
                self.held.discard(lane)
            case LaneHeld(on):
                (self.held.add if on else self.held.discard)(lane)
            case FireAlarm(on, device):
                boards = self.fires.get(lane, set())
                self.fires[lane] = boards | {device} if on else boards - {device}
            case _:
                pass

    def _arm(self, lane: str, draft: Draft) -> None:
        match draft.body:
            case StayOpened() | StayClosed() | LetThroughAgain() if lane:
                self.raised.add(lane)
            case LaneOpened() | LaneHeld() | FireAlarm(on=True):
                self.raised.add(lane)
            case OpenedByHand(today):
                self.raised.add(lane)
                self._by_hand[lane] = draft.at.wall.date(), today
            case ArmDown():
                self.raised.discard(lane)
            case _:
                pass
