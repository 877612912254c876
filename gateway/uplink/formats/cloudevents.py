"""Entries as CloudEvents 1.0 (structured JSON, MQTT binding 3.2); the platform's acks of them, and its orders."""

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Final, Literal, TypeVar

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from drivers.ports import AuthorisePsam
from gateway.ledger.entries import Entry, canonical
from gateway.orders import (
    CloseArm,
    GrantPermit,
    HoldOpen,
    LetThrough,
    ListCard,
    Order,
    Pay,
    Refunded,
    Resolve,
    SwitchEtc,
    WithdrawPermit,
)

ENTRIES: Final = "etclane/{}/entries"
"""Everything the ledger says, on one topic, since MQTT keeps order only within one."""
ACK: Final = "etclane/{}/ack"
ORDERS: Final = "etclane/{}/orders"
"""What a platform asks of this gateway; a CloudEvent each, never retained."""
STATUS: Final = "etclane/{}/status"
"""Retained: `online`, or `offline` as the last will."""

CONTENT_TYPE: Final = "application/cloudevents+json; charset=utf-8"
TYPE_PREFIX: Final = "city.etclane."

LONGEST_ACK: Final = 1024
"""Bytes. Three short fields need a fifth of it; more is not read at all."""
LONGEST_ORDER: Final = 4096
"""Bytes. A few short fields in an envelope need a tenth of it; more is not read at all."""

ORDER_PREFIX: Final = "city.etclane.order."

_Name = Annotated[str, Field(min_length=1, max_length=128)]
Shape = TypeVar("Shape", bound=BaseModel)


class AckError(ValueError):
    """A message on the ack topic that acknowledges nothing."""


class OrderError(ValueError):
    """A message on the topic of orders that orders nothing."""


class Ack(BaseModel):
    """The platform has this entry for good and will know a repeat of it."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    gateway: _Name
    chain: _Name
    number: Annotated[int, Field(ge=1, lt=2**63)]


class _Data(BaseModel):
    """What an order says; more than that is not looked at."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


_EightBytes = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{16}$")]
_Plate = Annotated[str, Field(max_length=16)]
_Color = Annotated[int, Field(ge=0, le=255)]


class _Authorise(_Data):
    device: _Name
    random: Annotated[_EightBytes, AfterValidator(str.lower)]
    mac: Annotated[_EightBytes, AfterValidator(str.lower)]


class _ByPerson(_Data):
    actor: _Name
    reason: Annotated[str, Field(min_length=1, max_length=256)]


class _OfLane(_ByPerson):
    lane: _Name


class _Switch(_OfLane):
    on: bool


class _LetThrough(_OfLane):
    plate: _Plate = ""
    color: _Color | None = None
    until: AwareDatetime


class _Pay(_Data):
    payment: _Name
    stay: _Name
    fen: Annotated[int, Field(gt=0, le=10_000_000)]
    channel: _Name


class _Resolve(_ByPerson):
    intent: _Name
    made: bool


class _Refunded(_ByPerson):
    refund: _Name


class _ListCard(_ByPerson):
    card: Annotated[str, Field(pattern=r"^[0-9]{20}$")]
    on: bool


class _GrantPermit(_Data):
    permit: _Name
    plate: Annotated[_Plate, Field(min_length=1)]
    color: _Color
    kind: _Name
    first: date | None = None
    last: date | None = None
    actor: _Name


class _WithdrawPermit(_ByPerson):
    permit: _Name


_ORDERS: Final[Mapping[str, tuple[type[_Data], Callable[..., Order]]]] = {
    "authorise_psam": (_Authorise, AuthorisePsam),
    "etc.switch": (_Switch, SwitchEtc),
    "lane.hold": (_Switch, HoldOpen),
    "lane.close": (_OfLane, CloseArm),
    "lane.open": (_LetThrough, LetThrough),
    "payment": (_Pay, Pay),
    "debit.resolve": (_Resolve, Resolve),
    "refund.made": (_Refunded, Refunded),
    "card.list": (_ListCard, ListCard),
    "permit.grant": (_GrantPermit, GrantPermit),
    "permit.withdraw": (_WithdrawPermit, WithdrawPermit),
}
"""By type of event, behind the prefix: what its data must hold, and the order that it is."""


class _Envelope(_Data):
    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: str
    data: dict[str, object]


def message(gateway: str, entry: Entry) -> tuple[str, bytes]:
    """Topic and payload of an entry: the same bytes however often it is sent."""
    fields = entry.fields
    event = {
        "specversion": "1.0",
        "id": f"{gateway}/{entry.chain}/{entry.number}",
        "source": f"/etclane/{gateway}",
        "type": f"{TYPE_PREFIX}{entry.kind}",
        "time": fields["wall"],
        "datacontenttype": "application/json",
        "data": {"entry": fields, "hash": entry.hash},
    }
    return ENTRIES.format(gateway), canonical(event).encode()


def status(gateway: str, state: str) -> tuple[str, bytes]:
    """Topic and payload that say whether the gateway is `online` or `offline`."""
    return STATUS.format(gateway), canonical({"gateway": gateway, "state": state}).encode()


def parse_ack(payload: bytes) -> Ack:
    """The acknowledgement in a message. Raises AckError, whatever the bytes."""
    if len(payload) > LONGEST_ACK:
        raise AckError(f"an ack has at most {LONGEST_ACK} bytes, this message has {len(payload)}")
    try:
        return Ack.model_validate_json(payload)
    except ValidationError as error:
        raise AckError(
            f'an ack is {{"gateway": text, "chain": text, "number": whole}}: {_faults(error)}'
        ) from error


def parse_order(payload: bytes) -> Order:
    """The order in a message. Raises OrderError, whatever the bytes."""
    if len(payload) > LONGEST_ORDER:
        raise OrderError(f"an order has at most {LONGEST_ORDER} bytes, this message has {len(payload)}")
    event = _checked(_Envelope, payload, "")
    said = _ORDERS.get(event.type.removeprefix(ORDER_PREFIX)) if event.type.startswith(ORDER_PREFIX) else None
    if said is None:
        raise OrderError(f"an order is of type {ORDER_PREFIX} and {', '.join(_ORDERS)}: not {event.type[:64]}")
    shape, order = said
    return order(**dict(_checked(shape, json.dumps(event.data), "data.")))


def _checked(shape: type[Shape], text: bytes | str, place: str) -> Shape:
    """This part of an order, which stands at `place`. Raises OrderError; the fault may hold what was sent."""
    try:
        return shape.model_validate_json(text)
    except ValidationError as error:
        told = _faults(error, place)[:256]
        raise OrderError(f"an order is a CloudEvent of type {ORDER_PREFIX}...: {told}") from error


def _faults(error: ValidationError, place: str = "") -> str:
    named = ((place + ".".join(map(str, e["loc"])), e["msg"]) for e in error.errors())
    return "; ".join(f"{where or 'message'}: {what}" for where, what in named)
