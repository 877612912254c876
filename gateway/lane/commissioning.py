"""A lane in commissioning reads and shows everything, debits nothing and opens nothing by itself (law 11). Pure.

It decides as it would at work, and what it then would have written and said is recorded and shown as a trial. So a
trial leaves no stay, no intent and no passage behind.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from drivers.ports import Debit, Release, Show, TagRead, TagUnreadable
from gateway.lane.state import Action, Do, LaneRules, Record
from gateway.ledger.entries import PassageTried


def instead(rules: LaneRules, event: TagRead | TagUnreadable, actions: Sequence[Action]) -> list[Action]:
    """What is done in place of these actions, which the lane would have done upon this event."""
    would: list[dict[str, object]] = [
        {"kind": action.body.KIND, "body": asdict(action.body)} for action in actions if isinstance(action, Record)
    ]
    return [*([Record(_tried(event, would))] if would else []), *_harmless(rules, actions)]


def _tried(event: TagRead | TagUnreadable, would: list[dict[str, object]]) -> PassageTried:
    match event:
        case TagRead(tag=tag, vehicle=vehicle, card=card):
            return PassageTried(
                vehicle.plate if vehicle else "", tag.obu_id, card.number if card else "", would=would
            )
        case TagUnreadable(obu_id=obu_id):
            return PassageTried("", obu_id, "", would=would)


def _harmless(rules: LaneRules, actions: Sequence[Action]) -> Iterator[Do]:
    """At once, since nothing waits for a record that is not made; the barrier is left out."""
    for action in actions:
        match action:
            case Do(Release() as release):
                yield Do(release)
            case Do(Show(device, zh, en)):
                yield Do(Show(device, f"调试 {zh}", f"Trial: {en}"))
            case Do(Debit(obu_id=obu_id, fen=fen)):
                yuan = f"{fen // 100}.{fen % 100:02}"
                yield Do(Show(rules.name, f"调试 应扣 ¥{yuan}", f"Trial: {yuan} yuan to be debited"))
                yield Do(Release(rules.reader, obu_id, rules.quiet))
            case _:
                pass
