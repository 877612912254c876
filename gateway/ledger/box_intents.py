"""Which purchases of boxes have no outcome yet: what a start must call unresolved (law 2). Pure."""

from dataclasses import dataclass, field

from gateway.ledger.entries import BoxDebitEnded, BoxDebitIntended, BoxTraded, Draft


@dataclass(slots=True)
class BoxIntents:
    """The box of each such purchase, by its intent."""

    open: dict[str, str] = field(default_factory=dict)

    def apply(self, draft: Draft) -> None:
        """Take in one more entry."""
        match draft.body:
            case BoxDebitIntended(device, intent):
                self.open[intent] = device
            case BoxDebitEnded(_, intent) | BoxTraded(_, intent):
                self.open.pop(intent, None)
            case _:
                pass

    def left(self) -> tuple[BoxDebitEnded, ...]:
        """What is to be recorded of them after a start."""
        reason = "the gateway stopped before the outcome"
        return tuple(BoxDebitEnded(box, intent, "unresolved", reason) for intent, box in self.open.items())
