"""Entries as CloudEvents 1.0 (structured JSON, MQTT binding 3.2); the platform's acks of them, and its orders."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from drivers.ports import AuthorisePsam
from gateway.ledger.entries import Entry, canonical

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

AUTHORISE_PSAM: Final = "city.etclane.order.authorise_psam"

_Name = Annotated[str, Field(min_length=1, max_length=128)]


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


_EightBytes = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{16}$")]


class _Authorise(BaseModel):
    """The MAC for the PSAM whose `authorisation.wanted` has this `random`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    device: _Name
    random: _EightBytes
    mac: _EightBytes


class _Order(BaseModel):
    """The envelope; what an order of another type holds is not looked at."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: Literal["city.etclane.order.authorise_psam"]
    data: _Authorise


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


def parse_order(payload: bytes) -> AuthorisePsam:
    """The order in a message. Raises OrderError, whatever the bytes."""
    if len(payload) > LONGEST_ORDER:
        raise OrderError(f"an order has at most {LONGEST_ORDER} bytes, this message has {len(payload)}")
    try:
        data = _Order.model_validate_json(payload).data
    except ValidationError as error:
        raise OrderError(f"an order is a CloudEvent of type {AUTHORISE_PSAM}: {_faults(error)}") from error
    return AuthorisePsam(data.device, data.random.lower(), data.mac.lower())


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors())
