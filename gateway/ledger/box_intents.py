"""What the ledger says of the trades of boxes: what a start must call unresolved (law 2), and know again. Pure."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

from drivers.security.box import KEPT, Past, Terms, TradeKey
from gateway.ledger.entries import BoxDebitEnded, BoxDebitIntended, BoxTraded, Draft


@dataclass(slots=True)
class BoxIntents:
    """Purchases without a trade record, by intent, and for each box the newest `KEPT` records with its intent."""

    open: dict[str, BoxDebitIntended] = field(default_factory=dict)
    unresolved: dict[str, BoxDebitIntended] = field(default_factory=dict)
    trades: dict[str, dict[TradeKey, str]] = field(default_factory=dict)

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        match draft.body:
            case BoxDebitIntended(intent=intent):
                self.open[intent] = draft.body
            case BoxDebitEnded(intent=intent, outcome="unresolved"):
                if intent in self.open:
                    self.unresolved[intent] = self.open.pop(intent)
            case BoxDebitEnded(intent=intent):
                self._end(intent)
            case BoxTraded(device, intent):
                self._end(intent)
                trades = self.trades.setdefault(device, {})
                trades.setdefault(_key_of(draft.body), intent)
                if len(trades) > KEPT:
                    del trades[next(iter(trades))]
            case _:
                pass

    def left(self) -> tuple[BoxDebitEnded, ...]:
        """What is to be recorded of them after a start."""
        reason = "the gateway stopped before the outcome"
        return tuple(BoxDebitEnded(body.device, body.intent, "unresolved", reason) for body in self.open.values())

    def past(self, box: str) -> Past:
        """What a new run of this box has to know."""
        mine = {
            intent: Terms(body.terminal, body.card, body.card_serial, body.fen, _time(body.at))
            for intent, body in (self.unresolved | self.open).items()
            if body.device == box
        }
        return Past(mine, self.trades.get(box, {}))

    def _end(self, intent: str) -> None:
        self.open.pop(intent, None)
        self.unresolved.pop(intent, None)


def _key_of(body: BoxTraded) -> TradeKey:
    proof = cast("dict[str, Any]", body.proof)
    # A card number is its net, 4 digits, and the card id that an intent has.
    terms = Terms(proof["terminal"], body.card[4:], proof["card_serial"], body.fen, _time(proof["at"]))
    return TradeKey(terms, proof["terminal_serial"], proof["tac"], body.result)


def _time(at: str) -> datetime | None:
    """The reverse of what a box's times are written as."""
    return datetime.fromisoformat(at) if at else None
