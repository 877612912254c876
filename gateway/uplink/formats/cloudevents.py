"""Entries as CloudEvents 1.0 (structured JSON, MQTT binding 3.2); the platform's acks of them, and its orders."""

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from drivers.ports import AuthorisePsam
from gateway.ledger.entries import Entry, canonical
from gateway.orders import Order, PauseEtc, ResumeEtc

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
ETC_PAUSE: Final = "city.etclane.order.etc.pause"
ETC_RESUME: Final = "city.etclane.order.etc.resume"

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


class _Switch(BaseModel):
    """Pause or resume ETC in this lane: who wants it, and why."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    lane: _Name
    actor: _Name
    reason: Annotated[str, Field(min_length=1, max_length=256)]


class _Envelope(BaseModel):
    """What an order of another type holds is not looked at."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    specversion: Literal["1.0"]
    id: _Name
    source: _Name


class _AuthorisePsam(_Envelope):
    type: Literal["city.etclane.order.authorise_psam"]
    data: _Authorise

    def order(self) -> Order:
        return AuthorisePsam(self.data.device, self.data.random.lower(), self.data.mac.lower())


class _PauseEtc(_Envelope):
    type: Literal["city.etclane.order.etc.pause"]
    data: _Switch

    def order(self) -> Order:
        return PauseEtc(self.data.lane, self.data.actor, self.data.reason)


class _ResumeEtc(_Envelope):
    type: Literal["city.etclane.order.etc.resume"]
    data: _Switch

    def order(self) -> Order:
        return ResumeEtc(self.data.lane, self.data.actor, self.data.reason)


_ORDER: Final = TypeAdapter[_AuthorisePsam | _PauseEtc | _ResumeEtc](
    Annotated[_AuthorisePsam | _PauseEtc | _ResumeEtc, Field(discriminator="type")]
)


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
    try:
        return _ORDER.validate_json(payload).order()
    except ValidationError as error:
        types = f"{AUTHORISE_PSAM}, {ETC_PAUSE} or {ETC_RESUME}"
        # The fault may hold what was sent.
        raise OrderError(f"an order is a CloudEvent of type {types}: {_faults(error)[:256]}") from error


def _faults(error: ValidationError) -> str:
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'message'}: {e['msg']}" for e in error.errors())
