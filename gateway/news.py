"""What devices tell that is no lane's business, as entries: they come and go, boxes trade by themselves. Pure."""

from dataclasses import asdict
from datetime import datetime

from drivers.ports import BarrierDown, BarrierUp, DeviceEvent, ReaderDown, ReaderUp
from drivers.security import box
from drivers.security.box import BoxEvent
from gateway.ledger.entries import (
    Alarm,
    Body,
    BoxDebitEnded,
    BoxDebitIntended,
    BoxTraded,
    DeviceChanged,
    canonical,
)


def of_device(event: DeviceEvent) -> list[DeviceChanged]:
    """The entries that this event is worth by itself."""
    match event:
        case ReaderUp(device, terminals, authorised, version, fault):
            said = {None: "not said", True: "authorised", False: "not authorised"}[authorised]
            detail = f"version {version}, PSAM {' '.join(terminals)} {said}, fault {fault:02X}"
            return [DeviceChanged(device, not fault, detail)]
        case ReaderDown(device, reason) | BarrierDown(device, reason):
            return [DeviceChanged(device, up=False, detail=reason)]
        case BarrierUp(device):
            return [DeviceChanged(device, up=True, detail="")]
        case _:
            return []


def of_box(event: BoxEvent) -> Body:
    """The entry that this event of a box is."""
    match event:
        case box.BoxUp(device, version, fault):
            return DeviceChanged(device, not fault, f"version {version}, fault {fault:02X}")
        case box.BoxDown(device, reason):
            return DeviceChanged(device, up=False, detail=reason)
        case box.BoxDebitWanted():
            return BoxDebitIntended(**{**asdict(event), "at": _iso(event.at)})
        case box.BoxDebitEnded():
            return BoxDebitEnded(**asdict(event))
        case box.BoxRefused(device, question, reason):
            return Alarm("a box got no answer", f"{device}: {question}: {reason}")
        case box.BoxTraded():
            return _box_trade(event)
        case _:
            detail = f"{event.device}: {event.reason}: {canonical(asdict(_box_trade(event.record)))}"
            return Alarm("a trade record of a box is no outcome", detail)


def _box_trade(event: box.BoxTraded) -> BoxTraded:
    return BoxTraded(
        device=event.device,
        intent=event.intent,
        result=event.result,
        obu_id=event.obu_id,
        card=event.card.number,
        plate=event.vehicle.plate,
        color=event.vehicle.color,
        vehicle_class=event.vehicle.vehicle_class,
        fen=event.fen,
        balance_before=event.card.balance,
        balance_after=event.balance_after,
        entered=_iso(event.entered),
        proof={
            "terminal": event.terminal,
            "terminal_serial": event.terminal_serial,
            "card_serial": event.card_serial,
            "card_random": event.card_random,
            "tac": event.tac,
            "algorithm": event.algorithm,
            "psam": event.psam,
            "at": _iso(event.at),
        },
    )


def _iso(at: datetime | None) -> str:
    """ISO 8601, "" for digits that are no time."""
    return at.isoformat() if at else ""
