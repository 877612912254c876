"""A lane in commissioning reads and shows everything, debits nothing and opens nothing by itself (law 11). Pure.

It decides as it would at work, and what it then would have written and said is recorded and shown as a trial. So a
trial leaves no stay, no intent and no passage behind. What people order, and a fire, it obeys as any lane.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace

from drivers.ports import Debit, Release, Show, TagRead, TagUnreadable
from gateway.lane.sight import sure
from gateway.lane.state import Action, Do, Identifying, Idle, Lane, LaneRules, Record, Situation, Step
from gateway.ledger.entries import (
    DebitIntended,
    LaneOpened,
    LetThroughAgain,
    PassageTried,
    PaymentAsked,
    Refused,
    StayClosed,
    StayOpened,
)
from gateway.tariff.quote import yuan

DECISIONS = (StayOpened, StayClosed, LetThroughAgain, Refused, DebitIntended, PaymentAsked)


def instead(s: Situation, event: object, lane: Lane, actions: list[Action]) -> Step:
    """What is done in place of these actions, which the lane would have done upon this event."""
    bodies = [action.body for action in actions if isinstance(action, Record)]
    if not any(isinstance(body, DECISIONS) for body in bodies) or any(isinstance(b, LaneOpened) for b in bodies):
        return lane, actions
    would: list[dict[str, object]] = [{"kind": body.KIND, "body": asdict(body)} for body in bodies]
    seen = replace(lane.sight, alone_at=None, dealt=True)
    kept = replace(lane, arm_left_up=s.lane.arm_left_up, debited_at=s.lane.debited_at, gone=s.lane.gone)
    rest = replace(kept, phase=Idle(), sight=seen)
    return rest, [Record(_tried(s, event, would)), *_harmless(s.rules, actions)]


def _tried(s: Situation, event: object, would: list[dict[str, object]]) -> PassageTried:
    if isinstance(s.lane.phase, Identifying):
        event = s.lane.phase.read
    match event:
        case TagRead(tag=tag, vehicle=vehicle, card=card):
            return PassageTried(
                vehicle.plate if vehicle else "", tag.obu_id, card.number if card else "", would=would
            )
        case TagUnreadable(obu_id=obu_id):
            return PassageTried("", obu_id, "", would=would)
        case _:
            known = sure(s.lane.sight, s.rules.plate_reads)
            return PassageTried(known[0] if known else "", "", "", would=would)


def _harmless(rules: LaneRules, actions: Sequence[Action]) -> Iterator[Do]:
    """At once, since nothing waits for a record that is not made; the barrier is left out."""
    for action in actions:
        match action:
            case Do(Release() as release):
                yield Do(release)
            case Do(Show(device, zh, en)):
                yield Do(Show(device, f"调试 {zh}", f"Trial: {en}"))
            case Do(Debit(obu_id=obu_id, fen=fen)):
                price = yuan(fen)
                yield Do(Show(rules.name, f"调试 应扣 ¥{price}", f"Trial: {price} yuan to be debited"))
                yield Do(Release(rules.reader, obu_id, rules.quiet))
            case _:
                pass
